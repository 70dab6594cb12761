import { MmubError } from "@mmub/core";
import { binaries } from "./binaries.js";
import { type Exports, twins } from "./twins/index.js";

/** Relaxed SIMD multiplies and adds in one rounding (FMA) in `gemm`; `scalar` is plain TypeScript. */
export type KernelBuild = "relaxed-simd" | "simd" | "scalar";

interface Loaded {
  readonly build: KernelBuild;
  readonly exports: Exports;
  readonly buffer: ArrayBufferLike;
  /** What another thread makes an instance on the same memory of; none of the scalar build, which has no threads. */
  readonly shared?: Shared;
}

export interface Shared {
  readonly module: object;
  readonly memory: object;
}

// The part of WebAssembly that is used here: its types are in the DOM library, which the packages do without.
interface WebAssemblyLike {
  validate(bytes: Uint8Array): boolean;
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: unknown };
  Memory: new (limits: { initial: number; maximum: number; shared: boolean }) => { readonly buffer: ArrayBufferLike };
}

const page = 65536;
const modules = new Map<string, object | undefined>();

/** A build on a new memory of at least `bytes`. Memory is zeros, and costs nothing until it is used. */
export function load(bytes: number, wanted: KernelBuild | undefined, shared: boolean): Loaded {
  const build = wanted ?? fastest();
  if (wanted && wanted !== "scalar" && !moduleOf(wanted))
    throw new MmubError("invalid-params", {
      part: "@mmub/kernels",
      message: `build is ${wanted}, which this runtime refuses (relaxed SIMD needs Node 22 or newer), want one that it takes; leave build out for the fastest that it does`,
      build: wanted,
    });
  const pages = Math.ceil(bytes / page);
  try {
    if (build === "scalar") {
      const buffer = new ArrayBuffer(pages * page);
      return { build, buffer, exports: twins(buffer) };
    }
    const { Instance, Memory } = webAssembly()!;
    const memory = new Memory({ initial: pages, maximum: pages, shared });
    const module = moduleOf(build, shared)!;
    const instance = new Instance(module, { env: { memory } });
    return {
      build,
      buffer: memory.buffer,
      exports: instance.exports as Exports,
      ...(shared && { shared: { module, memory } }),
    };
  } catch (cause) {
    throw new MmubError("invalid-params", {
      part: "@mmub/kernels",
      message: `the system gave no memory of ${bytes} bytes (${(cause as Error).message}); ask for less, or let go of earlier kernels`,
      bytes,
      cause,
    });
  }
}

function fastest(): KernelBuild {
  return (["relaxed-simd", "simd"] as const).find((build) => moduleOf(build)) ?? "scalar";
}

/** The compiled binary; undefined where the runtime does not take it. */
function moduleOf(build: "relaxed-simd" | "simd", shared = false): object | undefined {
  const name = `${build}${shared ? " shared" : ""}`;
  if (!modules.has(name)) {
    const bytes = Uint8Array.from(atob(binaries[build]), (character) => character.charCodeAt(0));
    if (shared) markShared(bytes);
    const wasm = webAssembly();
    modules.set(name, wasm?.validate(bytes) ? new wasm.Module(bytes) : undefined);
  }
  return modules.get(name);
}

/** Lets a binary import a shared memory instead of one of its own: the flag behind `env memory` becomes 3 of 1. */
function markShared(bytes: Uint8Array): void {
  const entry = Array.from("\u0003env\u0006memory\u0002\u0001", (character) => character.charCodeAt(0));
  const at = bytes.findIndex((_, i) => entry.every((byte, offset) => bytes[i + offset] === byte));
  bytes[at + entry.length - 1] = 3;
}

/** Absent in some runtimes, such as Node with --jitless. */
function webAssembly(): WebAssemblyLike | undefined {
  return (globalThis as { WebAssembly?: WebAssemblyLike }).WebAssembly;
}
