import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MmubError } from "@mmub/core";

/** Embeddings on disk, a file for each text. Several threads and processes may use one folder at a time. */
export interface EmbeddingCache {
  /** The numbers of each text, undefined for those that are not there. */
  read(texts: readonly string[]): Promise<(Float32Array | undefined)[]>;
  write(text: string, numbers: Float32Array): Promise<void>;
}

// So many files are open at a time.
const together = 64;

/**
 * The cache in `folder` of what `key` says: everything that decides an embedding but the text. A file is named by the hash of
 * its text and holds the numbers, then a hash of both. It is written beside and renamed, so that no one sees half of it; one
 * that does not fit its hash, such as a machine that lost power leaves behind, is as good as none.
 */
export async function embeddingCache(part: string, folder: string, key: string): Promise<EmbeddingCache> {
  const own = join(folder, createHash("sha256").update(key).digest("hex").slice(0, 32));
  const refuse = (cause: unknown): never => {
    throw new MmubError("invalid-params", {
      part,
      message: `cannot write the cache ${folder}: ${(cause as Error).message}; give a folder that can be written, with room left`,
      cause,
      cache: folder,
    });
  };
  const made = new Map<string, Promise<unknown>>();
  const make = (path: string) => {
    const making = made.get(path) ?? mkdir(path, { recursive: true });
    made.set(path, making);
    return making;
  };
  await make(own).catch(refuse);

  const placeOf = (text: string) => {
    const name = createHash("sha256").update(text).digest();
    const hex = name.toString("hex");
    return { name, within: join(own, hex.slice(0, 2)), path: join(own, hex.slice(0, 2), hex.slice(2)) };
  };
  const sumOf = (name: Uint8Array, numbers: Uint8Array) => createHash("sha256").update(name).update(numbers).digest();

  const readOne = async (text: string): Promise<Float32Array | undefined> => {
    const { name, path } = placeOf(text);
    const bytes = await readFile(path).catch(() => undefined);
    if (!bytes || bytes.length < 32 || bytes.length % 4) return undefined;
    const numbers = bytes.subarray(0, -32);
    if (!sumOf(name, numbers).equals(bytes.subarray(-32))) return undefined;
    return new Float32Array(new Uint8Array(numbers).buffer);
  };

  return {
    async read(texts) {
      const found: (Float32Array | undefined)[] = [];
      for (let from = 0; from < texts.length; from += together)
        found.push(...(await Promise.all(texts.slice(from, from + together).map(readOne))));
      return found;
    },
    async write(text, numbers) {
      const { name, within, path } = placeOf(text);
      const temporary = `${path}.${randomUUID()}.tmp`;
      const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
      try {
        await make(within);
        await writeFile(temporary, Buffer.concat([bytes, sumOf(name, bytes)]), { flag: "wx" });
        await rename(temporary, path);
      } catch (cause) {
        await rm(temporary, { force: true }).catch(() => {});
        // Windows renames nothing onto a file that is being read: then another has just written the same.
        if (!(await readOne(text))) refuse(cause);
      }
    },
  };
}
