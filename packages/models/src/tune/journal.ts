// What a search has tried, one line each in a file that a killed process leaves whole.
import { createHash } from "node:crypto";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { type Json, MmubError } from "@mmub/core";

export interface Journal<Line> {
  /** What is known from before. */
  readonly lines: readonly Line[];
  /** Lasts when it resolves. */
  add(line: Line): Promise<void>;
  close(): Promise<void>;
}

/** Opens the journal of the search that `about` tells from all others, or starts it. */
export async function openJournal<Line>(part: string, path: string, about: Json): Promise<Journal<Line>> {
  const id = createHash("sha256").update(JSON.stringify(about)).digest("hex");
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw new MmubError("invalid-params", {
      part,
      message: `cannot read the journal ${path}: ${error.message}`,
      cause: error,
    });
  });
  // A process that was killed while writing leaves half a line: it is cut off.
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  const [first, ...rest] = whole.split("\n").slice(0, -1);
  if (first !== undefined && first !== JSON.stringify({ search: id }))
    throw new MmubError("invalid-params", {
      part,
      message: `the journal ${path} is of another search: other params, seed, rows or targets; name another file or delete it`,
      path,
    });
  let file: FileHandle;
  try {
    file = await open(path, first === undefined ? "w" : "r+");
  } catch (cause) {
    throw new MmubError("invalid-params", {
      part,
      message: `cannot write the journal ${path}: ${(cause as Error).message}`,
      cause,
    });
  }
  let at = Buffer.byteLength(whole);
  const write = async (line: unknown): Promise<void> => {
    const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
    await file.write(bytes, 0, bytes.length, at);
    at += bytes.length;
    await file.sync();
  };
  await file.truncate(at);
  if (first === undefined) await write({ search: id });
  return { lines: rest.map((line) => JSON.parse(line) as Line), add: write, close: () => file.close() };
}

/** A checksum of targets and of how many rows there are: whether a journal is of these data. */
export function fingerprint(rows: number, targets: readonly unknown[]): string {
  return createHash("sha256")
    .update(JSON.stringify([rows, targets]))
    .digest("hex");
}
