// A training in a file: parameters, moments, where it stands, the best weights and the history.
import { readFile } from "node:fs/promises";
import {
  decodeSaved,
  encodeSaved,
  type Json,
  MmubError,
  type Saved,
  savedArray,
  savedPart,
  writeWhole,
} from "@mmub/core";
import type { Arena } from "./arena.js";
import type { Job, LoopState } from "./loop.js";

const type = "@mmub/nn/checkpoint";
const version = 1;

type Place = NonNullable<Job["checkpoint"]>;

/** Whatever happens, the file is the whole old checkpoint or the whole new one. */
export async function writeCheckpoint({ file, fingerprint }: Place, state: LoopState, memory: Arena): Promise<void> {
  const { best, ...rest } = state;
  const moments = memory.moments.map((of, i) => [`moment ${i}`, part(Object.fromEntries(of))] as const);
  const saved: Saved = {
    type,
    version,
    params: { fingerprint },
    state: { ...rest, best: best ? { epoch: best.epoch, score: best.score } : null } as unknown as Json,
    parts: {
      parameters: part(Object.fromEntries(memory.parameters)),
      ...Object.fromEntries(moments),
      ...(best && { best: part(best.weights) }),
    },
  };
  await writeWhole(file, encodeSaved(saved));
}

/** Puts a checkpoint into the memory; undefined where there is no file. */
export async function readCheckpoint({ file, fingerprint }: Place, memory: Arena): Promise<LoopState | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw cause;
  }
  const saved = decodeSaved(bytes);
  const refuse = (message: string): never => {
    throw new MmubError("saved-mismatch", { part: "@mmub/nn/train", message: `${file} ${message}` });
  };
  if (saved.type !== type) refuse(`holds ${saved.type}, want a checkpoint`);
  if (saved.version > version) refuse(`has version ${saved.version}, this release reads up to ${version}; update it`);
  const known = (saved.params as { fingerprint: string }).fingerprint;
  if (known !== fingerprint)
    refuse("is of a training with another network, other data or other options; give it those, or another file");
  restore(savedPart(saved, "parameters"), memory.parameters);
  for (const [i, of] of memory.moments.entries()) restore(savedPart(saved, `moment ${i}`), of);
  const { best, ...state } = saved.state as unknown as Omit<LoopState, "best"> & {
    readonly best: { readonly epoch: number; readonly score: number } | null;
  };
  const weights = best && (savedPart(saved, "best").arrays as Readonly<Record<string, Float32Array>>);
  return { ...state, best: best && weights ? { ...best, weights } : undefined };
}

function part(arrays: Readonly<Record<string, Float32Array>>): Saved {
  return { type: "arrays", version: 1, params: null, state: null, arrays };
}

function restore(saved: Saved, into: ReadonlyMap<string, Float32Array>): void {
  for (const [name, values] of into) values.set(savedArray(saved, name, Float32Array, values.length));
}
