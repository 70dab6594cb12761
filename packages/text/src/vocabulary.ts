import {
  batches,
  checkSaved,
  type Extractor,
  type FitOptions,
  type FittedExtractor,
  type Inputs,
  MmubError,
  type RunOptions,
  type Saved,
  type Sparse,
  savedArray,
  show,
} from "@mmub/core";
import { grown, type Reader } from "./reader.js";
import { inColumns, rowsOf, type Weighting } from "./rows.js";
import { type Block, type Scan, scanner } from "./scan.js";
import { areStrings, isCount, isWithin, type TermParams, type Terms, termDefaults } from "./terms.js";

export interface VocabularyParams extends TermParams {
  /** Leave out terms in fewer texts: a count from 1 on, or a share of the texts below 1. @default 1 */
  readonly minDf?: number;
  /**
   * Leave out terms in more texts: a count from 2 on, or a share of the texts up to 1. So 1 is all of the texts, which is
   * scikit-learn's default of 1.0.
   * @default 1
   */
  readonly maxDf?: number;
  /**
   * Keep this many terms, those that occur most often over all texts; of equals, those that sort first.
   * @default null
   */
  readonly maxFeatures?: number | null;
  /** The terms to count, in the order of the columns, instead of those of the texts. @default null */
  readonly vocabulary?: readonly string[] | null;
  /** Count a term at most once a text. @default false */
  readonly binary?: boolean;
}

export const vocabularyDefaults = {
  ...termDefaults,
  minDf: 1,
  maxDf: 1,
  maxFeatures: null,
  vocabulary: null,
  binary: false,
} as const satisfies VocabularyParams;

/**
 * A recipe whose fitted state can be put together from parts: `merge` of what `count` gives for some texts each is the same
 * as `fit` on all of them in that order, wherever and whenever the parts were counted.
 */
export interface MergeableExtractor extends Extractor<string, Sparse> {
  /** Counts the terms of some texts, before any is left out. The counts are plain data, for another thread or machine. */
  count(inputs: Inputs<string | null>, options?: FitOptions): Promise<Saved>;
  /** What `fit` gives on the texts of all `counts`. Rejects counts of another recipe (`saved-mismatch`). */
  merge(counts: readonly Saved[]): Promise<FittedExtractor<string, Sparse>>;
}

/** How often the terms of some texts occur. */
interface Tally {
  readonly texts: number;
  /** By id of the reader: in how many texts it is, and how often in all. */
  readonly df: Uint32Array;
  readonly tf: Float64Array;
}

/** What a vectorizer makes of its vocabulary: arrays that are saved, and the weighting that they are for. */
export interface VectorizerRecipe<P extends VocabularyParams> {
  readonly type: string;
  readonly terms: Terms<P>;
  /** A number a column, computed in `fit` from how many texts have each term; null if there is none. */
  weigh(df: Uint32Array, texts: number, names: readonly string[]): Float64Array | null;
  readonly hasWeights: boolean;
  weighting(weights: Float64Array | null): Weighting;
}

// A scan is kept for `transform` of the texts that were fitted up to so many entries, 8 bytes each.
const mostKept = 1 << 24;

interface Reading {
  readonly scan: Scan;
  readonly columnOf: Int32Array;
}

interface KnownScan {
  readonly texts: readonly unknown[];
  readonly blocks: readonly Block[];
  readonly columnOf: Int32Array;
}

/** A vectorizer with a vocabulary: the common part of `countVectors` and `tfidf`. */
export function vocabularyVectors<P extends VocabularyParams>(recipe: VectorizerRecipe<P>): MergeableExtractor {
  const { type, hasWeights } = recipe;
  const { params, makeReader } = recipe.terms;
  const { vocabulary } = checkVocabulary(recipe.terms);
  const part = { type, params };

  return {
    ...part,
    async fit(inputs, options) {
      const kept: Block[] | undefined = Array.isArray(inputs) ? [] : undefined;
      const { reader, fixed, tally } = await countTerms(inputs, options, kept);
      return fromCounts(reader, fixed, tally, kept && { texts: inputs as readonly unknown[], blocks: kept });
    },
    async count(inputs, options) {
      const { reader, fixed, tally } = await countTerms(inputs, options);
      const ids = fixed ?? reader.inOrder().filter((id) => tally.df[id]! > 0);
      const arrays = {
        ...(!fixed && { terms: packed(reader.terms(ids)) }),
        df: Uint32Array.from(ids, (id) => tally.df[id] ?? 0),
        tf: Float64Array.from(ids, (id) => tally.tf[id] ?? 0),
      };
      return { type: `${type}/counts`, version: 1, params, state: { texts: tally.texts }, arrays };
    },
    async merge(counts) {
      if (!Array.isArray(counts))
        throw new MmubError("invalid-input", {
          part: type,
          message: `counts are ${show(counts)}, want an array of what count gives`,
        });
      const reader = makeReader();
      const fixed = vocabulary?.map(reader.add);
      let texts = 0;
      let df = new Uint32Array(64);
      let tf = new Float64Array(64);
      for (const saved of counts as readonly Saved[]) {
        checkSaved(saved, { type: `${type}/counts`, params }, 1);
        const ids = fixed ?? unpacked(saved).map(reader.add);
        const [ofDf, ofTf] = [
          savedArray(saved, "df", Uint32Array, ids.length),
          savedArray(saved, "tf", Float64Array, ids.length),
        ];
        if (reader.size > df.length) {
          df = grown(df, 2 * reader.size);
          tf = grown(tf, 2 * reader.size);
        }
        for (const [k, id] of ids.entries()) {
          df[id]! += ofDf[k]!;
          tf[id]! += ofTf[k]!;
        }
        texts += textsOf(saved);
      }
      return fromCounts(reader, fixed, { texts, df, tf });
    },
    async load(saved) {
      checkSaved(saved, part, 1);
      const names = vocabulary ?? unpacked(saved);
      return fitted(names, hasWeights ? savedArray(saved, "idf", Float64Array, names.length).slice() : null);
    },
  };

  async function countTerms(
    inputs: Inputs<string | null>,
    options: FitOptions | undefined,
    keep?: Block[],
  ): Promise<{ reader: Reader; fixed: number[] | undefined; tally: Tally }> {
    const reader = makeReader();
    const fixed = vocabulary?.map(reader.add);
    let [texts, entries] = [0, 0];
    let df = new Uint32Array(64);
    let tf = new Float64Array(64);
    for await (const block of scanner(reader, type)(inputs, !fixed, options)) {
      if (reader.size > df.length) {
        df = grown(df, 2 * reader.size);
        tf = grown(tf, 2 * reader.size);
      }
      texts += addTo(df, tf, block);
      entries += block.ids.length;
      if (entries <= mostKept) keep?.push(block);
      else keep?.splice(0);
    }
    return { reader, fixed, tally: { texts, df, tf } };
  }

  function fromCounts(
    reader: Reader,
    fixed: number[] | undefined,
    tally: Tally,
    known?: { texts: readonly unknown[]; blocks: readonly Block[] },
  ): FittedExtractor<string, Sparse> {
    const ids = fixed ?? select(reader, tally, recipe.terms, type);
    const names = vocabulary ?? reader.terms(ids);
    const weights = recipe.weigh(
      Uint32Array.from(ids, (id) => tally.df[id] ?? 0),
      tally.texts,
      names,
    );
    const columnOf = columnsOf(reader, ids);
    const isWhole = known && known.blocks.reduce((rows, block) => rows + block.rows, 0) === known.texts.length;
    // Copied, as the array may be changed before `transform` is given it.
    const scanned = isWhole ? { texts: known.texts.slice(), blocks: known.blocks, columnOf } : undefined;
    // Where most of what was read fell out, a reader of the kept terms alone is smaller and faster.
    return ids.length * 2 < reader.size
      ? fitted(names, weights, scanned)
      : fitted(names, weights, scanned, { scan: scanner(reader, type), columnOf });
  }

  function fitted(
    names: readonly string[],
    weights: Float64Array | null,
    scanned?: KnownScan,
    known?: Reading,
  ): FittedExtractor<string, Sparse> {
    const cols = names.length;
    const rows = rowsOf(cols, recipe.weighting(weights));
    let reading = known;
    let last = scanned;

    return {
      cols,
      names,
      async transform(inputs, options) {
        checkArray(inputs, type);
        // The first `transform` is mostly of the texts of `fit`, which are read already; then the scan has had its day.
        const before = last;
        last = undefined;
        if (before && sameTexts(before.texts, inputs)) {
          await passOver(inputs, options, type);
          return rows(
            before.blocks.map((block) => inColumns(block, before.columnOf)),
            options,
          );
        }
        reading ??= newReading(names);
        const { scan, columnOf } = reading;
        const blocks: Block[] = [];
        for await (const block of scan(inputs, false, options)) blocks.push(inColumns(block, columnOf));
        return rows(blocks, options);
      },
      save: async () => ({
        ...part,
        version: 1,
        state: null,
        arrays: { ...(!vocabulary && { terms: packed(names) }), ...(weights && { idf: weights.slice() }) },
      }),
    };
  }

  function newReading(names: readonly string[]): Reading {
    const reader = makeReader();
    const ids = names.map(reader.add);
    return { scan: scanner(reader, type), columnOf: columnsOf(reader, ids) };
  }
}

/** Adds the counts of a block by id, and gives how many texts it has. */
function addTo(df: Uint32Array, tf: Float64Array, { ids, counts, present }: Block): number {
  for (let k = 0; k < ids.length; k++) {
    const id = ids[k]!;
    df[id]!++;
    tf[id]! += counts[k]!;
  }
  return present.reduce((sum, one) => sum + one, 0);
}

function columnsOf(reader: Reader, ids: ArrayLike<number>): Int32Array {
  const columnOf = new Int32Array(reader.size).fill(-1);
  for (let column = 0; column < ids.length; column++) columnOf[ids[column]!] = column;
  return columnOf;
}

function sameTexts(known: readonly unknown[], given: readonly unknown[]): boolean {
  return known.length === given.length && known.every((text, i) => text === given[i]);
}

/** Reports progress and heeds the signal as a pass over the texts does. */
async function passOver(
  inputs: readonly (string | null)[],
  options: RunOptions | undefined,
  part: string,
): Promise<void> {
  for await (const _ of batches(inputs, options, part));
}

export function checkArray(inputs: unknown, part: string): void {
  if (!Array.isArray(inputs))
    throw new MmubError("invalid-input", { part, message: `inputs are ${show(inputs)}, want an array of strings` });
}

function checkVocabulary<P extends VocabularyParams>({
  params,
  check,
}: Terms<P>): { readonly vocabulary: string[] | null } {
  const { minDf, maxDf, maxFeatures, vocabulary } = params as unknown as Required<VocabularyParams>;
  check("binary", typeof params.binary === "boolean", "true or false");
  check("minDf", isCount(minDf) || isWithin(minDf, 0, 1), "a whole number from 1 on, or a share from 0 to below 1");
  check(
    "maxDf",
    isCount(maxDf) || (isWithin(maxDf, 0, 1) && maxDf > 0),
    "a whole number from 2 on, or a share up to 1",
  );
  check("maxFeatures", maxFeatures === null || isCount(maxFeatures), "a whole number from 1 on or null");
  if (vocabulary === null) return { vocabulary };
  check("vocabulary", areStrings(vocabulary) && vocabulary.length > 0, "an array of at least one term or null");
  const isRepeated = new Set(vocabulary).size < vocabulary.length;
  const repeated = isRepeated && vocabulary.find((term, i) => vocabulary.indexOf(term) < i);
  check("vocabulary", !isRepeated, `every term once; ${show(repeated)} is there twice`);
  for (const name of ["minDf", "maxDf", "maxFeatures"] as const)
    check(name, params[name] === vocabularyDefaults[name], "none, as a given vocabulary is kept whole");
  return { vocabulary: [...vocabulary] };
}

/** The ids to keep, in the order of their columns. */
function select<P extends VocabularyParams>(
  reader: Reader,
  { texts, df, tf }: Tally,
  { params }: Terms<P>,
  part: string,
): Int32Array {
  const { minDf, maxDf, maxFeatures, binary } = params as unknown as Required<VocabularyParams>;
  const refuse = (message: string): MmubError => new MmubError("invalid-input", { part, message, texts });
  if (texts === 0)
    throw refuse("no text was given, so there are no terms; give at least one, or set the param vocabulary");
  const found = reader.inOrder().filter((id) => df[id]! > 0);
  if (found.length === 0)
    throw refuse(
      `none of ${texts} texts has a term; see tokenPattern, stopWords and ngramRange for what is one (analyzer "char" takes any script)`,
    );
  const least = minDf < 1 ? minDf * texts : minDf;
  const most = maxDf <= 1 ? maxDf * texts : maxDf;
  const kept = found.filter((id) => df[id]! >= least && df[id]! <= most);
  if (kept.length === 0)
    throw refuse(
      `none of ${found.length} terms is in at least ${least} and at most ${most} of ${texts} texts; lower minDf (${minDf}) or raise maxDf (${maxDf})`,
    );
  if (maxFeatures === null || kept.length <= maxFeatures) return kept;
  const times = binary ? df : tf;
  return Int32Array.from(kept.keys())
    .sort((a, b) => times[kept[b]!]! - times[kept[a]!]! || a - b)
    .subarray(0, maxFeatures)
    .sort()
    .map((place) => kept[place]!);
}

// JSON keeps every string, halves of a character too, which UTF-8 alone does not.
function packed(terms: readonly string[]): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(terms));
}

function unpacked(saved: Saved): string[] {
  const json = new TextDecoder().decode(savedArray(saved, "terms", Uint8Array));
  try {
    const terms: unknown = JSON.parse(json);
    if (areStrings(terms)) return terms as string[];
  } catch {}
  throw new MmubError("saved-mismatch", {
    part: saved.type,
    message: `array "terms" is ${show(json)}, want a list of strings as JSON; save the fitted part anew`,
  });
}

function textsOf(saved: Saved): number {
  const { texts } = (saved.state ?? {}) as { readonly texts?: unknown };
  if (Number.isInteger(texts) && (texts as number) >= 0) return texts as number;
  throw new MmubError("saved-mismatch", {
    part: saved.type,
    message: `state.texts is ${show(texts)}, want a whole number`,
  });
}
