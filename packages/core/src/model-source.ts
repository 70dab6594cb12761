import type { Hash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { checkParam, MmubError } from "./errors.js";

/** A file on the web. It is fetched once, and only taken if its bytes are those that the checksum says. */
export interface RemoteFile {
  /** `https:` or `http:`. */
  readonly url: string | URL;
  /** SHA-256 of the file, 64 hexadecimal digits. */
  readonly sha256: string;
  /** Where it is kept. @default ~/.cache/mmub/models */
  readonly folder?: string;
}

/** Where a model is: a path, a `file:` URL, bytes, or a file on the web with its checksum. */
export type ModelFile = string | URL | Uint8Array | RemoteFile;

/** Throws `invalid-params`, in the name of `part`, unless the param `model` says where an ONNX model is. Reads nothing. */
export function checkModelFile(part: string, model: unknown): void {
  const isFile = typeof model === "string" || model instanceof URL || model instanceof Uint8Array || isRemote(model);
  checkParam(part, "model", model, isFile, "the path or bytes of an ONNX model, or { url, sha256 }");
}

/** Whether a source is a file on the web, by its fields. */
export function isRemote(source: unknown): source is RemoteFile {
  return typeof source === "object" && source !== null && "url" in source && "sha256" in source;
}

/**
 * The path that a path, a `file:` URL or a remote file stands for; what is remote is fetched, unless it was before.
 * Rejects, in the name of `part`, with `invalid-params` for a web address without its checksum and `missing-model` for what cannot be
 * fetched or has another checksum.
 *
 * @example
 * const path = await localPath("my/encoder", new URL("file:///models/encoder.onnx")); // "/models/encoder.onnx"
 */
export async function localPath(
  part: string,
  source: string | URL | RemoteFile,
  signal?: AbortSignal,
): Promise<string> {
  if (isRemote(source)) return fetched(part, source, signal);
  if (typeof source === "string" && !/^(file|https?):/.test(source)) return source;
  const { href, protocol } = new URL(source);
  if (protocol !== "file:")
    throw new MmubError("invalid-params", {
      part,
      message: `${href} is on the web, want { url, sha256 }: without its checksum nobody knows what comes`,
      url: href,
    });
  return fileURLToPath(href);
}

/**
 * SHA-256 of a model: its bytes, or its file and the weights beside it, if there are: `<model>_data` or `<model>.data`, which
 * are the names that exporters give. Rejects with `missing-model`, in the name of `part`, if it cannot be read.
 *
 * @example
 * const hash = await modelHash("my/encoder", new Uint8Array([1, 2, 3])); // 64 hexadecimal digits
 */
export async function modelHash(part: string, model: string | Uint8Array): Promise<string> {
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  if (typeof model !== "string") return hash.update(model).digest("hex");
  try {
    await readInto(hash, model);
  } catch (cause) {
    throw new MmubError("missing-model", {
      part,
      message: `cannot read the model ${resolve(model)}: ${(cause as Error).message}; give the path of an ONNX model, or { url, sha256 } to have it fetched`,
      cause,
      path: model,
    });
  }
  for (const beside of [`${model}_data`, `${model}.data`]) if (await isThere(beside)) await readInto(hash, beside);
  return hash.digest("hex");
}

async function fetched(part: string, file: RemoteFile, signal?: AbortSignal): Promise<string> {
  const { folder = join(homedir(), ".cache", "mmub", "models") } = file;
  const url = URL.canParse(String(file.url)) ? new URL(file.url) : undefined;
  const web = url?.protocol === "https:" || url?.protocol === "http:";
  checkParam(part, "url", file.url, web, "an https: or http: URL");
  const sha256 = String(file.sha256).toLowerCase();
  checkParam(part, "sha256", file.sha256, /^[0-9a-f]{64}$/.test(sha256), "64 hexadecimal digits");
  const path = join(folder, `${sha256.slice(0, 16)}-${basename(url!.pathname)}`);
  if ((await isThere(path)) && (await hashOf(path)) === sha256) return path;

  await mkdir(folder, { recursive: true });
  // Few fetch a file, and every import of a package would pay for the streams.
  const { createHash, randomUUID } = await import("node:crypto");
  const { Readable, Transform } = await import("node:stream");
  const { pipeline } = await import("node:stream/promises");
  const temporary = `${path}.${randomUUID()}.tmp`;
  const hash = createHash("sha256");
  try {
    const response = await fetch(url!, { signal: signal ?? null });
    if (!response.ok || !response.body)
      throw new Error(`the server answered ${response.status} ${response.statusText}`);
    const counted = new Transform({
      transform(chunk: Uint8Array, _, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(Readable.fromWeb(response.body as never), counted, createWriteStream(temporary, { flags: "wx" }));
    const got = hash.digest("hex");
    if (got !== sha256) throw new Error(`its SHA-256 is ${got}, want ${sha256}; check the checksum, or do not use it`);
    await rename(temporary, path);
    return path;
  } catch (cause) {
    await rm(temporary, { force: true });
    signal?.throwIfAborted();
    const { message, cause: reason } = cause as Error;
    throw new MmubError("missing-model", {
      part,
      message: `cannot fetch ${url!.href}: ${message}${reason ? ` (${(reason as Error).message})` : ""}; or download it yourself and give its path`,
      cause,
      url: url!.href,
    });
  }
}

async function hashOf(path: string): Promise<string> {
  const { createHash } = await import("node:crypto");
  const hash = createHash("sha256");
  await readInto(hash, path);
  return hash.digest("hex");
}

async function readInto(hash: Hash, path: string): Promise<void> {
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Uint8Array);
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
