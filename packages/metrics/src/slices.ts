import { checkParam, quantile, studentTwoSided } from "@mmub/core";
import { checkFinite, checkLength } from "./checks.js";
import { checkSamples } from "./explain.js";
import { type Language, type Say, sayIn } from "./language.js";
import { plain } from "./report/format.js";
import { dayOf, type Fields, isDate, isFields, isList, isNumber, isPixels, isWaveform, secondsOf } from "./values.js";

export interface SliceOptions {
  /** The fields that groups are made by. @default all of the samples */
  readonly fields?: readonly string[];
  /** Groups of fewer samples are not looked at. @default 20 */
  readonly minSamples?: number;
  /** Numbers, lengths and dates are cut into this many groups of about one size. @default 4 */
  readonly bins?: number;
  /** How many groups are given back at most. @default 5 */
  readonly most?: number;
  /** Of the intervals, in (0, 1). @default 0.95 */
  readonly level?: number;
  /** Of the names. @default "en" */
  readonly language?: Language;
}

export interface Slice {
  /** What its samples share, such as `photo missing` or `price 100 to 250`. */
  readonly name: string;
  readonly rows: Uint32Array;
  /** The mean loss of its samples. */
  readonly loss: number;
  /** The mean loss of all others. */
  readonly others: number;
  /** `loss` less `others`, with its interval. */
  readonly difference: { readonly value: number; readonly low: number; readonly high: number; readonly level: number };
  /** That its samples are no worse, in [0, 1], all groups looked at being counted in by Holm's method. */
  readonly pValue: number;
}

/**
 * The groups of samples that a model does worst on, such as those without a photo or with long reviews.
 *
 * `losses` holds a number for each sample, larger where it is worse: 1 for wrong and 0 for right, or the absolute error. Groups are made of each field: what is
 * missing, categories, and quantiles of numbers, dates, lengths of texts and lists, and seconds of recordings; fields within a field count as well. Groups of nearly the same
 * samples are given once, the ones most surely worse first, and none that is not worse.
 * Rejects losses that are not finite and arrays of different lengths (`invalid-input`). Cost: one pass over the samples for each group.
 * Source: Slice Finder (Chung et al., 2019), Welch's t test with Holm's correction.
 *
 * @example
 * const samples = Array.from({ length: 100 }, (_, i) => ({ city: i % 2 ? "Rome" : "Oslo", age: i }));
 * const losses = samples.map(({ city }, i) => (city === "Rome" && i % 3 ? 1 : 0));
 * const [worst] = worstSlices(samples, losses);
 * console.log(worst?.name, worst?.loss, worst?.others); // city: Rome, 0.66, 0
 */
export function worstSlices(
  samples: readonly object[],
  losses: ArrayLike<number>,
  options: SliceOptions = {},
): Slice[] {
  const part = "@mmub/metrics/worst-slices";
  const { minSamples = 20, bins = 4, most = 5, level = 0.95 } = options;
  checkSamples(part, samples);
  checkLength(part, "losses", losses, samples.length);
  checkFinite(part, "loss", losses);
  checkParam(part, "minSamples", minSamples, Number.isInteger(minSamples) && minSamples > 1, "an integer above 1");
  checkParam(part, "bins", bins, Number.isInteger(bins) && bins > 1, "an integer above 1");
  checkParam(part, "most", most, Number.isInteger(most) && most >= 0, "an integer of at least 0");
  checkParam(part, "level", level, level > 0 && level < 1, "a number between 0 and 1");
  const say = sayIn(part, options.language);
  const fields = options.fields ?? [...new Set(samples.flatMap((sample) => Object.keys(sample)))];
  const groups = fields.flatMap((field) =>
    groupsBy(
      field,
      samples.map((sample, row) => ({ row, value: (sample as Fields)[field] })),
      bins,
      say,
    ),
  );
  const looked = groups
    .filter(({ rows }) => rows.length >= minSamples && samples.length - rows.length >= minSamples)
    .map((group) => ({ ...group, ...welch(losses, group.rows, level) }))
    .sort((a, b) => a.pValue - b.pValue || b.difference.value - a.difference.value);
  const out: Slice[] = [];
  let highest = 0;
  for (const [rank, slice] of looked.entries()) {
    highest = Math.min(1, Math.max(highest, (looked.length - rank) * slice.pValue));
    if (out.length < most && slice.difference.value > 0 && !out.some((kept) => alike(kept.rows, slice.rows)))
      out.push({ ...slice, pValue: highest });
  }
  return out;
}

interface Group {
  readonly name: string;
  readonly rows: Uint32Array;
}

interface Cell<Value = unknown> {
  readonly row: number;
  readonly value: Value;
}

function groupsBy(field: string, cells: readonly Cell[], bins: number, say: Say): Group[] {
  const known = cells.filter(({ value }) => value !== null && value !== undefined);
  const missing = cells.filter(({ value }) => value === null || value === undefined);
  const lacking = missing.length > 0 ? [{ name: say("{0} missing", field), rows: rowsOf(missing) }] : [];
  return [...lacking, ...groupsOfKnown(field, known, bins, say)];
}

function groupsOfKnown(field: string, known: readonly Cell[], bins: number, say: Say): Group[] {
  const measured = <T>(cells: readonly Cell<T>[], measure: (value: T) => number) =>
    cells.map(({ row, value }) => ({ row, value: measure(value) }));
  const byLength = (cells: readonly Cell<ArrayLike<unknown>>[]) =>
    byQuantile(
      say("length of {0}", field),
      measured(cells, ({ length }) => length),
      bins,
      plain,
      say,
    );
  if (known.length === 0) return [];
  if (all(known, isNumber)) return byQuantile(field, known, bins, plain, say);
  if (all(known, isDate)) return byQuantile(field, measured(known, Number), bins, dayOf, say);
  if (all(known, isList)) return byLength(known);
  if (all(known, isWaveform))
    return byQuantile(say("{0}, seconds", field), measured(known, secondsOf), bins, plain, say);
  // There is nothing in pixels to group by.
  if (all(known, isPixels)) return [];
  if (all(known, isFields)) {
    const entries = [...new Set(known.flatMap(({ value }) => Object.keys(value)))];
    return entries.flatMap((entry) =>
      groupsBy(
        `${field} ${entry}`,
        known.map(({ row, value }) => ({ row, value: value[entry] })),
        bins,
        say,
      ),
    );
  }
  const texts = known.map(({ row, value }) => ({ row, value: String(value) }));
  const kinds = new Set(texts.map(({ value }) => value)).size;
  return kinds <= 2 || (kinds <= 50 && kinds < known.length / 5) ? byName(field, texts) : byLength(texts);
}

function all<T>(cells: readonly Cell[], is: (value: unknown) => value is T): cells is readonly Cell<T>[] {
  return cells.every(({ value }) => is(value));
}

function byName(field: string, cells: readonly Cell<string>[]): Group[] {
  const by = new Map<string, Cell[]>();
  for (const cell of cells) {
    const same = by.get(cell.value);
    if (same) same.push(cell);
    else by.set(cell.value, [cell]);
  }
  return [...by].map(([value, same]) => ({ name: `${field}: ${value}`, rows: rowsOf(same) }));
}

function byQuantile(
  field: string,
  all: readonly Cell<number>[],
  bins: number,
  write: (value: number) => string,
  say: Say,
): Group[] {
  const cells = all.filter(({ value }) => Number.isFinite(value));
  const sorted = Float64Array.from(cells, ({ value }) => value).sort();
  if (new Set(sorted).size <= bins)
    return byName(
      field,
      cells.map(({ row, value }) => ({ row, value: write(value) })),
    );
  const edges = Array.from({ length: bins - 1 }, (_, i) => quantile(sorted, (i + 1) / bins));
  const groups = Array.from({ length: bins }, (): Cell<number>[] => []);
  for (const cell of cells) groups[edges.filter((edge) => cell.value > edge).length]!.push(cell);
  return groups.flatMap((group) => {
    if (group.length === 0) return [];
    const values = group.map(({ value }) => value);
    const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))].map(write);
    return [{ name: `${field} ${low === high ? low : say("{0} to {1}", low!, high!)}`, rows: rowsOf(group) }];
  });
}

function rowsOf(cells: readonly Cell[]): Uint32Array {
  return Uint32Array.from(cells, ({ row }) => row);
}

/** Welch's t test of the losses of some rows against those of all others; one-sided. */
function welch(losses: ArrayLike<number>, rows: Uint32Array, level: number): Omit<Slice, "name" | "rows"> {
  const isIn = new Uint8Array(losses.length);
  for (const row of rows) isIn[row] = 1;
  const [own, other] = [moments(losses, isIn, 1), moments(losses, isIn, 0)];
  const [a, b] = [own.variance / own.count, other.variance / other.count];
  const value = own.mean - other.mean;
  const error = Math.sqrt(a + b);
  const df = (a + b) ** 2 / (a ** 2 / (own.count - 1) + b ** 2 / (other.count - 1)) || 1;
  const twoSided = value === 0 ? 1 : studentTwoSided(value / error, df);
  const reach = error * studentQuantile(level, df);
  return {
    loss: own.mean,
    others: other.mean,
    difference: { value, low: value - reach, high: value + reach, level },
    pValue: value > 0 ? twoSided / 2 : 1 - twoSided / 2,
  };
}

function moments(losses: ArrayLike<number>, isIn: Uint8Array, side: 0 | 1) {
  let [count, mean, squares] = [0, 0, 0];
  for (let i = 0; i < losses.length; i++) {
    if (isIn[i] !== side) continue;
    const off = losses[i]! - mean;
    mean += off / ++count;
    squares += off * (losses[i]! - mean);
  }
  return { count, mean, variance: squares / (count - 1) };
}

/** The t that |T| exceeds with a chance of 1 - level. */
function studentQuantile(level: number, df: number): number {
  let [low, high] = [0, 1];
  while (studentTwoSided(high, df) > 1 - level) high *= 2;
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (studentTwoSided(middle, df) > 1 - level) low = middle;
    else high = middle;
  }
  return high;
}

function alike(a: Uint32Array, b: Uint32Array): boolean {
  const inA = new Set(a);
  let both = 0;
  for (const row of b) if (inA.has(row)) both++;
  return both / (a.length + b.length - both) > 0.8;
}
