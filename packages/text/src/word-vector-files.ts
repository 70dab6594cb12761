import { createReadStream } from "node:fs";
import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { checkParam, MmubError, progress, type RunOptions, show } from "@mmub/core";
import { isGap, parseNumbers } from "./numbers.js";
import { type WordVectors, wordVectors } from "./word-vectors.js";

const type = "@mmub/text/read-word-vectors";

export interface ReadWordVectorsOptions extends Omit<RunOptions, "batchSize"> {
  /**
   * "text": a line a word, of GloVe (no header), word2vec or fastText's `.vec` (a header: words and columns).
   * "binary": word2vec's, such as GoogleNews. "npy": a NumPy array, with `vocabulary`.
   * @default by the end of the path: .bin is binary, .npy is npy, all else text; .gz behind it is unpacked
   */
  readonly format?: "text" | "binary" | "npy";
  /** Whether a text begins with a header. @default whether its first line is two whole numbers */
  readonly header?: boolean;
  /** The words of the rows of an npy: a list, or the path of a text file with one a line. */
  readonly vocabulary?: readonly string[] | string | URL;
  /** Read the first so many words of the file; most files have the frequent ones first. @default all */
  readonly limit?: number;
  /** Keep only these, such as the vocabulary of your texts: the table is as small as that, however large the file. */
  readonly words?: Iterable<string>;
  /** What to do with a word that is no valid UTF-8: an error, or U+FFFD for what is not. @default "strict" */
  readonly unicodeErrors?: "strict" | "replace";
}

/** A file, its bytes, or a stream of them. */
export type BytesSource = string | URL | Uint8Array | AsyncIterable<Uint8Array>;

/**
 * Reads word vectors that others trained: GloVe, word2vec, fastText, or a NumPy array (float16, 32 or 64, C or Fortran order).
 * The file is streamed, so what it takes in memory is the table of what is kept. Values and words are those of gensim's
 * `load_word2vec_format`, and of a word that comes twice the first is kept, as there.
 *
 * Rejects with `invalid-input`, the number of the line or record and what is wrong with it: a line with too few numbers, a
 * value that is none or not finite, bytes that are no UTF-8, a file that ends before its header says, nothing to keep.
 * A word with spaces in it, of which GloVe 840B has some, is read as it is.
 * Cost: about 5 s for a text of 1 GB, 1 s for a binary one.
 *
 * @example
 * const glove = new TextEncoder().encode("good 0.5 1\ngreat 0.25 1\nbad -1 0.5\n"); // or "glove.6B.100d.txt"
 * const vectors = await readWordVectors(glove, { words: ["good", "bad", "ugly"] });
 * console.log(vectors.words, vectors.cols); // [ 'good', 'bad' ] 2
 */
export async function readWordVectors(source: BytesSource, options: ReadWordVectorsOptions = {}): Promise<WordVectors> {
  const { limit, words, unicodeErrors = "strict", vocabulary, header, signal } = options;
  const path = source instanceof URL ? fileURLToPath(source) : typeof source === "string" ? source : undefined;
  const ending = path?.replace(/\.gz$/, "").match(/\.(bin|npy)$/)?.[1];
  const { format = ending === "bin" ? "binary" : ending === "npy" ? "npy" : "text" } = options;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  check("format", format, ["text", "binary", "npy"].includes(format), '"text", "binary" or "npy"');
  check("limit", limit, limit === undefined || (Number.isInteger(limit) && limit > 0), "a whole number, one or more");
  check("unicodeErrors", unicodeErrors, ["strict", "replace"].includes(unicodeErrors), '"strict" or "replace"');
  check("words", words, typeof words !== "string", "a list or a set of words, not one string");
  check(
    "vocabulary",
    vocabulary,
    (vocabulary !== undefined) === (format === "npy"),
    "one for an npy, and for no other",
  );

  const size = path === undefined ? ((source as Uint8Array).length ?? 0) : (await stat(path)).size;
  const report = progress(options, type, size || undefined);
  let bytesRead = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes(source, path)) {
      signal?.throwIfAborted();
      bytesRead += chunk.length;
      report(bytesRead);
      yield chunk;
    }
  };
  const chunks = path?.endsWith(".gz") ? unpacked(counted()) : counted();
  const wanted = words && new Set(words);
  const keep: Keep = { limit: limit ?? Number.POSITIVE_INFINITY, ...(wanted && { wanted }) };
  const reader = byteReader(chunks);
  if (format === "npy") return readNpy(reader, keep, await listOf(vocabulary!));
  const table = collector(keep, unicodeErrors === "strict", () => (size > 0 ? bytesRead / size : 0));
  await (format === "text" ? readText(reader, table, header) : readBinary(reader, table));
  return table.finish();
}

const pieceSize = 1 << 20;

async function* bytes(source: BytesSource, path: string | undefined): AsyncGenerator<Uint8Array> {
  if (path !== undefined) yield* createReadStream(path, { highWaterMark: pieceSize }) as AsyncIterable<Buffer>;
  else if (source instanceof Uint8Array)
    for (let at = 0; at < source.length; at += pieceSize) yield source.subarray(at, at + pieceSize);
  else yield* source as AsyncIterable<Uint8Array>;
}

async function* unpacked(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  // Only here: few files are packed, and every import of the package would pay for it.
  const { pipeline, Readable } = await import("node:stream");
  const { createGunzip } = await import("node:zlib");
  const gunzip = createGunzip({ chunkSize: pieceSize });
  // An error on the way there ends the unpacking with the same error.
  pipeline(Readable.from(packed), gunzip, () => {});
  try {
    yield* gunzip as AsyncIterable<Buffer>;
  } catch (cause) {
    if ((cause as { code?: string }).code?.startsWith("Z_"))
      throw damaged(`the file is not what gzip packs, or cut off: ${(cause as Error).message}`);
    throw cause;
  }
}

async function listOf(vocabulary: readonly string[] | string | URL): Promise<readonly string[]> {
  if (Array.isArray(vocabulary)) return vocabulary;
  const text = await readFile(vocabulary as string | URL, "utf8");
  return text.replace(/\r?\n$/, "").split(/\r?\n/);
}

/** Bytes that are read from the front: `buffer` from `at` on is what is there. */
interface ByteReader {
  buffer: Buffer;
  at: number;
  /** Gets more, behind what is there; false at the end. */
  more(): Promise<boolean>;
}

function byteReader(chunks: AsyncGenerator<Uint8Array>): ByteReader {
  const self: ByteReader = {
    buffer: Buffer.alloc(0),
    at: 0,
    async more() {
      const { value, done } = await chunks.next();
      if (done) return false;
      const next = Buffer.from(value.buffer, value.byteOffset, value.length);
      self.buffer = self.at === self.buffer.length ? next : Buffer.concat([self.buffer.subarray(self.at), next]);
      self.at = 0;
      return true;
    },
  };
  return self;
}

interface Keep {
  /** Words of the file to read. */
  readonly limit: number;
  /** Those to keep. @default all */
  readonly wanted?: ReadonlySet<string>;
}

interface Collector {
  /** Whether there may be more to keep. */
  open(): boolean;
  /** The place for the vector of a word, good until the next call; undefined where it is not to be kept. */
  place(word: Uint8Array, cols: number, where: string): Float32Array | undefined;
  finish(): WordVectors;
}

/** `share` tells how much of the source was read. */
function collector({ limit, wanted }: Keep, strict: boolean, share: () => number): Collector {
  // ignoreBOM keeps one: it is part of the word, as it is for gensim.
  const decoder = new TextDecoder("utf8", { fatal: strict, ignoreBOM: true });
  const known = new Set<string>();
  const most = Math.min(limit, wanted?.size ?? Number.POSITIVE_INFINITY);
  let table = new Float32Array(0);
  let width = 0;
  let seen = 0;
  const decoded = (bytes: Uint8Array, where: string): string => {
    try {
      return decoder.decode(bytes);
    } catch {
      const text = show(Buffer.from(bytes).toString("latin1"));
      throw damaged(
        `${where}: the word ${text} is no valid UTF-8; set unicodeErrors to "replace" to read it all the same`,
      );
    }
  };

  return {
    open: () => seen < limit && known.size < most,
    place(bytes, cols, where) {
      width = cols;
      seen++;
      const word = decoded(bytes, where);
      if ((wanted && !wanted.has(word)) || known.has(word)) return undefined;
      const end = (known.size + 1) * cols;
      if (end > table.length) {
        // As many as there are if the rest of the file is like what was read, or else half as many again.
        const expected = share() > 0.001 ? Math.ceil((known.size / share()) * 1.01) + 16 : 0;
        const rows = Math.min(most, Math.max(expected, 256, Math.ceil(known.size * 1.5)));
        const larger = new Float32Array(rows * cols);
        larger.set(table);
        table = larger;
      }
      known.add(word);
      return table.subarray(end - cols, end);
    },
    finish() {
      const values = known.size * width;
      // A view is kept where it wastes little, since a copy takes the memory twice.
      const kept = values > table.length * 0.8 ? table.subarray(0, values) : table.slice(0, values);
      return finished([...known], kept, wanted);
    },
  };
}

function finished(words: readonly string[], table: Float32Array, wanted: Keep["wanted"]): WordVectors {
  if (words.length > 0) return wordVectors({ words, table });
  throw damaged(
    wanted
      ? `none of the ${wanted.size} words wanted is in the file; look at their case and language`
      : "the file holds no word vector",
  );
}

function damaged(message: string): MmubError {
  return new MmubError("invalid-input", { part: type, message });
}

const [newLine, space, carriageReturn] = [10, 32, 13];

async function readText(reader: ByteReader, table: Collector, header: boolean | undefined): Promise<void> {
  let line = 0;
  let cols = 0;
  let want: number | undefined;
  let found = 0;
  while (table.open() && found !== want) {
    const { buffer, at: from } = reader;
    const newLineAt = buffer.indexOf(newLine, from);
    if (newLineAt < 0 && (await reader.more())) continue;
    let end = newLineAt < 0 ? buffer.length : newLineAt;
    reader.at = Math.min(end + 1, buffer.length);
    if (from === buffer.length) break;
    line++;
    while (end > from && (isGap(buffer[end - 1]!) || buffer[end - 1] === carriageReturn)) end--;
    if (line === 1) {
      refuseForeign(buffer);
      const first = buffer.toString("utf8", from, Math.min(end, from + 60));
      const sizes = /^(\d+)[ \t]+(\d+)$/.exec(first);
      if (header ?? sizes) {
        if (!sizes)
          throw damaged(`line 1 is ${show(first)}, want a header of two whole numbers; or set header to false`);
        [want, cols] = [Number(sizes[1]), Number(sizes[2])];
        if (cols === 0) throw damaged("line 1 says that vectors have 0 numbers, want one or more");
        continue;
      }
      cols = countFields(buffer, from, end) - 1;
      if (cols < 1) throw damaged(`line 1 is ${show(first)}, want a word and its numbers`);
    }
    const numbers = lastFields(buffer, from, end, cols);
    if (numbers < 0) {
      const got = countFields(buffer, from, end);
      throw damaged(`line ${line} has ${got ? `a word and ${got - 1} numbers` : "nothing"}, want a word and ${cols}`);
    }
    found++;
    const target = table.place(buffer.subarray(from, numbers - 1), cols, `line ${line}`);
    const bad = target ? parseNumbers(buffer, numbers, end, target) : -1;
    if (bad >= 0) {
      const [text] = buffer.toString("latin1", bad, end).split(/[ \t]/);
      throw damaged(`line ${line} has ${show(text)}, want a finite number`);
    }
  }
  if (want !== undefined && found < want && table.open())
    throw damaged(`the file ends after ${found} words, its header says ${want}: it is cut off`);
}

function countFields(buffer: Buffer, from: number, end: number): number {
  let count = 0;
  for (let at = from; at < end; at++) if (!isGap(buffer[at]!) && (at === from || isGap(buffer[at - 1]!))) count++;
  return count;
}

/** Where the last `cols` fields begin, all before them being the word, with spaces or not; -1 if that leaves none. */
function lastFields(buffer: Buffer, from: number, end: number, cols: number): number {
  let at = end;
  for (let left = cols; left > 0; left--) {
    while (at > from && isGap(buffer[at - 1]!)) at--;
    while (at > from && !isGap(buffer[at - 1]!)) at--;
  }
  return at > from + 1 ? at : -1;
}

async function readBinary(reader: ByteReader, table: Collector): Promise<void> {
  const headEnd = () => reader.buffer.indexOf(newLine);
  while (headEnd() < 0 && reader.buffer.length < 100 && (await reader.more()));
  refuseForeign(reader.buffer);
  const head = reader.buffer.toString("latin1", 0, Math.min(headEnd() < 0 ? 60 : headEnd(), 60));
  const sizes = /^(\d+)[ \t]+(\d+)\s*$/.exec(head);
  if (!sizes || headEnd() < 0 || Number(sizes[2]) === 0)
    throw damaged(`the header is ${show(head)}, want two whole numbers: words and columns; is the file binary?`);
  const [want, cols] = [Number(sizes[1]), Number(sizes[2])];
  reader.at = headEnd() + 1;
  for (let record = 1; record <= want && table.open(); ) {
    const { buffer, at: from } = reader;
    const gap = buffer.indexOf(space, from);
    if (gap < 0 || buffer.length < gap + 1 + 4 * cols) {
      if (await reader.more()) continue;
      throw damaged(`the file ends in record ${record}, its header says ${want}: it is cut off`);
    }
    // Some tools put a line's end behind each vector.
    const first = buffer[from] === newLine ? from + 1 : from;
    reader.at = gap + 1 + 4 * cols;
    const target = table.place(buffer.subarray(first, gap), cols, `record ${record}`);
    if (target) {
      readFloats(buffer, gap + 1, target);
      const bad = target.findIndex((value) => value - value !== 0);
      if (bad >= 0) throw damaged(`record ${record} holds ${target[bad]}, want finite numbers`);
    }
    record++;
  }
}

const littleEndianMachine = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

function readFloats(buffer: Buffer, at: number, target: Float32Array): void {
  if (littleEndianMachine)
    buffer.copy(new Uint8Array(target.buffer, target.byteOffset, target.byteLength), 0, at, at + target.byteLength);
  else for (let i = 0; i < target.length; i++) target[i] = buffer.readFloatLE(at + 4 * i);
}

/** Files that are easily taken for others. */
function refuseForeign(buffer: Buffer): void {
  const starts = (bytes: string): boolean => buffer.toString("latin1", 0, bytes.length) === bytes;
  if (starts("\xba\x16\x4f\x2f")) throw damaged("this is a model of fastText; take its .vec, the vectors of its words");
  if (starts("\x1f\x8b")) throw damaged("this is packed by gzip; let its name end in .gz, or unpack it");
  if (starts("PK\x03\x04")) throw damaged("this is a zip archive; unpack it");
  if (starts("\x93NUMPY")) throw damaged('this is an npy; set format to "npy"');
}

async function readNpy(
  reader: ByteReader,
  { limit, wanted }: Keep,
  vocabulary: readonly string[],
): Promise<WordVectors> {
  const need = async (bytes: number): Promise<void> => {
    while (reader.buffer.length - reader.at < bytes)
      if (!(await reader.more())) throw damaged("the array ends before its header says: it is cut off");
  };
  const take = (bytes: number): Buffer => {
    reader.at += bytes;
    return reader.buffer.subarray(reader.at - bytes, reader.at);
  };
  await need(12);
  const start = take(8);
  if (start.toString("latin1", 0, 6) !== "\x93NUMPY")
    throw damaged("the file does not begin as an npy does; want one that numpy.save wrote");
  const length = start[6]! > 1 ? take(4).readUInt32LE() : take(2).readUInt16LE();
  await need(length);
  const head = take(length).toString("latin1");
  const [, order, kind] = /'descr': *'([<>=|])(f[248])'/.exec(head) ?? [];
  const [, rowsText, colsText] = /'shape': *\((\d+), *(\d+)\)/.exec(head) ?? [];
  const [rows, cols] = [Number(rowsText), Number(colsText)];
  if (!kind || !rows || !cols)
    throw damaged(`the array is ${head.trim()}, want float16, 32 or 64, in two dimensions: words x columns`);
  if (vocabulary.length !== rows)
    throw damaged(`the array has ${rows} rows and the vocabulary ${vocabulary.length} words, want one for each`);

  const placeOf = new Int32Array(rows).fill(-1);
  const kept = new Set<string>();
  for (let row = 0; row < Math.min(rows, limit); row++) {
    const word = vocabulary[row]!;
    if (kept.has(word) || (wanted && !wanted.has(word))) continue;
    placeOf[row] = kept.size;
    kept.add(word);
  }
  const table = new Float32Array(kept.size * cols);
  const isFortran = /'fortran_order': *True/.test(head);
  const size = Number(kind[1]);
  // Ends early where no later row is kept: in Fortran order each column goes through all rows.
  const end = isFortran ? rows * cols : (placeOf.findLastIndex((place) => place >= 0) + 1) * cols;
  for (let done = 0; done < end; ) {
    await need(size);
    const count = Math.min(end - done, Math.floor((reader.buffer.length - reader.at) / size));
    const read = elements(take(count * size), `${order}${kind}`);
    for (let i = 0; i < count; i++, done++) {
      const row = isFortran ? done % rows : Math.floor(done / cols);
      const place = placeOf[row]!;
      if (place < 0) continue;
      const value = read(i);
      if (!Number.isFinite(value)) throw damaged(`row ${row} holds ${value}, want finite numbers`);
      table[place * cols + (isFortran ? Math.floor(done / rows) : done % cols)] = value;
    }
  }
  return finished([...kept], table, wanted);
}

/** Reads number `i` of an array of a NumPy type. */
function elements(buffer: Buffer, kind: string): (i: number) => number {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  const isLittle = !kind.startsWith(">");
  if (kind.endsWith("4")) return (i) => view.getFloat32(4 * i, isLittle);
  if (kind.endsWith("8")) return (i) => Math.fround(view.getFloat64(8 * i, isLittle));
  return (i) => {
    const bits = view.getUint16(2 * i, isLittle);
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    const size =
      exponent === 31
        ? fraction > 0
          ? Number.NaN
          : Number.POSITIVE_INFINITY
        : exponent === 0
          ? fraction * 2 ** -24
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    return bits >> 15 ? -size : size;
  };
}

export interface WriteWordVectorsOptions {
  /** "text": a line a word, "binary": word2vec's. @default "binary" for a path that ends in .bin, else "text" */
  readonly format?: "text" | "binary";
  /** The line of sizes before a text, which word2vec's and fastText's have and GloVe's lacks. @default true */
  readonly header?: boolean;
}

/**
 * Writes word vectors as word2vec's text or binary, or as GloVe's text (`header: false`), for gensim and others to read.
 * Values come back bit by bit. The file is written beside `path`, then renamed.
 * Rejects a word with a space, a tab or a line's end in it, of which no reader would find the end, or with half of a surrogate
 * pair (`invalid-input`).
 *
 * @example
 * import { readFileSync } from "node:fs";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { wordVectors, writeWordVectors } from "@mmub/text";
 *
 * const vectors = wordVectors({ words: ["good", "bad"], table: Float32Array.of(1, 0.5, -1, 0.25) });
 * const path = join(tmpdir(), "vectors.txt");
 * await writeWordVectors(path, vectors);
 * console.log(readFileSync(path, "utf8")); // 2 2, good 1 0.5, bad -1 0.25
 */
export async function writeWordVectors(
  path: string,
  { words, cols, table }: Pick<WordVectors, "words" | "cols" | "table">,
  options: WriteWordVectorsOptions = {},
): Promise<void> {
  const part = "@mmub/text/write-word-vectors";
  const { format = path.endsWith(".bin") ? "binary" : "text", header = true } = options;
  checkParam(part, "format", format, format === "text" || format === "binary", '"text" or "binary"');
  checkParam(part, "header", header, header || format === "text", "true for a binary file");
  const bad = words.findIndex((word) => word === "" || /[ \t\r\n]|\p{Surrogate}/u.test(word));
  if (bad >= 0)
    throw new MmubError("invalid-input", {
      part,
      message: `word ${bad} is ${show(words[bad])}, want neither a space, a tab, a line's end nor half a character in it; rename it`,
      index: bad,
    });
  const temporary = `${path}.${process.pid}-${Date.now().toString(36)}.tmp`;
  try {
    const file = await open(temporary, "wx");
    try {
      if (header) await file.write(`${words.length} ${cols}\n`);
      for (let from = 0; from < words.length; from += 1024) {
        const pieces = words.slice(from, from + 1024).map((word, i) => {
          const vector = table.subarray((from + i) * cols, (from + i + 1) * cols);
          if (format === "text") return Buffer.from(`${word} ${Array.from(vector, shortest).join(" ")}\n`);
          const record = Buffer.alloc(4 * cols);
          for (const [k, value] of vector.entries()) record.writeFloatLE(value, 4 * k);
          return Buffer.concat([Buffer.from(`${word} `), record]);
        });
        await file.write(Buffer.concat(pieces));
      }
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause;
  }
}

/** The shortest decimal that float32 reads back as the same, as NumPy prints it. */
function shortest(value: number): string {
  // Below the normal numbers there are fewer digits.
  for (let digits = Math.abs(value) < 2 ** -126 ? 1 : 6; digits < 9; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(Number(value.toPrecision(9)));
}
