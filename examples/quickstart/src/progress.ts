import type { Progress } from "@mmub/core";

/** A bar for one piece of work: redrawn on a terminal; elsewhere one line when it is done. */
export async function withProgress<T>(
  title: string,
  work: (onProgress: (progress: Progress) => void) => Promise<T>,
): Promise<T> {
  const started = performance.now();
  const terminal = process.stderr.isTTY === true;
  let drawn = 0;
  const result = await work(({ part, done, total }) => {
    const now = performance.now();
    if (!terminal || now - drawn < 100) return;
    drawn = now;
    const share = total ? Math.min(1, done / total) : 0;
    const bar = "█".repeat(Math.round(share * 24)).padEnd(24, "░");
    process.stderr.write(`\r\x1b[2K  ${title.padEnd(30)} ${bar} ${part}`);
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stderr.write(`${terminal ? "\r\x1b[2K" : ""}  ${title.padEnd(30)} ${seconds} s\n`);
  return result;
}
