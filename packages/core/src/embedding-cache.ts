import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { MmubError } from "./errors.js";
import { sha256 } from "./sha256.js";

/** Embeddings on disk, a file for each content. Several threads and processes may use one folder at a time. */
export interface EmbeddingCache {
  /** The numbers of each content, undefined for those that are not there. */
  read(contents: readonly (string | Uint8Array)[]): Promise<(Float32Array | undefined)[]>;
  write(content: string | Uint8Array, numbers: Float32Array): Promise<void>;
}

// So many files are open at a time.
const together = 64;

/**
 * The cache in `folder` of what `key` says: everything that decides an embedding but the content, which is a text or the bytes of a
 * picture or a recording. A file is named by the hash of its content and holds the numbers, then a hash of both. It is written
 * beside and renamed, so that no one sees half of it; one that does not fit its hash, such as a machine that lost power leaves
 * behind, is as good as none. Rejects with `invalid-params`, in the name of `part`, if the folder cannot be written.
 *
 * @example
 * const cache = await embeddingCache("my/encoder", "embeddings", "model 7, mean");
 * const [known] = await cache.read(["Where is my parcel?"]);
 * if (!known) await cache.write("Where is my parcel?", Float32Array.of(0.6, 0.8));
 */
export async function embeddingCache(part: string, folder: string, key: string): Promise<EmbeddingCache> {
  // Here, as loading it would take a tenth of the time that importing a package may take.
  const { createHash, randomUUID } = await import("node:crypto");
  const own = join(folder, sha256(key).slice(0, 32));
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

  const placeOf = (content: string | Uint8Array) => {
    const name = createHash("sha256").update(content).digest();
    const hex = name.toString("hex");
    return { name, within: join(own, hex.slice(0, 2)), path: join(own, hex.slice(0, 2), hex.slice(2)) };
  };
  const sumOf = (name: Uint8Array, numbers: Uint8Array) => createHash("sha256").update(name).update(numbers).digest();

  const readOne = async (content: string | Uint8Array): Promise<Float32Array | undefined> => {
    const { name, path } = placeOf(content);
    const bytes = await readFile(path).catch(() => undefined);
    if (!bytes || bytes.length < 32 || bytes.length % 4) return undefined;
    const numbers = bytes.subarray(0, -32);
    if (!sumOf(name, numbers).equals(bytes.subarray(-32))) return undefined;
    return new Float32Array(new Uint8Array(numbers).buffer);
  };

  return {
    async read(contents) {
      const found: (Float32Array | undefined)[] = [];
      for (let from = 0; from < contents.length; from += together)
        found.push(...(await Promise.all(contents.slice(from, from + together).map(readOne))));
      return found;
    },
    async write(content, numbers) {
      const { name, within, path } = placeOf(content);
      const temporary = `${path}.${randomUUID()}.tmp`;
      const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
      try {
        await make(within);
        await writeFile(temporary, Buffer.concat([bytes, sumOf(name, bytes)]), { flag: "wx" });
        await rename(temporary, path);
      } catch (cause) {
        await rm(temporary, { force: true }).catch(() => {});
        // Windows renames nothing onto a file that is being read: then another has just written the same.
        if (!(await readOne(content))) refuse(cause);
      }
    },
  };
}
