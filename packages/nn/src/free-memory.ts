import { freemem } from "node:os";

/** What this process may still take, also in a container with less than the machine has. */
export function freeBytes(): number {
  return process.availableMemory?.() ?? freemem();
}

/** `12.5 MiB`. */
export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 24 ? 1 : 0)} MiB`;
}
