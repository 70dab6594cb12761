import { checkParam, type Dense, MmubError, quantile, random, show } from "@mmub/core";
import { checkFinite, checkLength, checkMatrix, checkPredictor, rejectAt } from "./checks.js";
import { isPixels, isWaveform, type PixelGrid, type Recording, secondsOf } from "./values.js";

/** Anything that predicts from Dense features, such as a fitted model. */
export interface DensePredictor<Output> {
  predict(x: Dense): Promise<Output>;
}

export interface PermutationOptions {
  /** How often each column is shuffled. @default 5 */
  readonly repeats?: number;
  /** An integer. @default 0 */
  readonly seed?: number;
  /** The names of the columns, as an extractor gives them. @default column 0, column 1, … */
  readonly names?: readonly string[];
  /** Columns that are shuffled together, such as those of a modality, by name. @default each by itself */
  readonly together?: Readonly<Record<string, readonly number[]>>;
}

export interface PermutationRow {
  readonly name: string;
  /** The mean loss of score. */
  readonly importance: number;
  /** The standard deviation over the repeats. */
  readonly deviation: number;
  readonly repeats: Float64Array;
}

/**
 * How much of its score a fitted model loses when a column, or a set of columns, is shuffled among the rows of a test: what it owes to it.
 * Of columns that say the same each may look unimportant.
 *
 * `score` is called with a prediction; higher is better. Rejects names and columns that do not fit `x`. Cost: columns x repeats predictions.
 * Source: scikit-learn's `permutation_importance`; Breiman (2001).
 *
 * @example
 * const x = dense(4, 2, Float32Array.of(1, 9, 2, 9, 3, 9, 4, 9));
 * const fitted = { predict: async ({ rows, cols, data }: Dense) => Array.from({ length: rows }, (_, i) => data[i * cols]!) };
 * const [first, second] = await permutationImportance(fitted, x, (values) => r2([1, 2, 3, 4], values), { seed: 7 });
 * console.log(first!.importance > 0, second!.importance); // true 0
 */
export async function permutationImportance<Output>(
  fitted: DensePredictor<Output>,
  x: Dense,
  score: (prediction: Output) => number,
  options: PermutationOptions = {},
): Promise<PermutationRow[]> {
  const part = "@mmub/metrics/permutation-importance";
  const { repeats = 5, seed = 0, names, together } = options;
  checkParam(part, "repeats", repeats, Number.isInteger(repeats) && repeats > 0, "a positive integer");
  checkPredictor(part, fitted);
  checkMatrix(part, "x", x);
  if (names) checkLength(part, "names", names, x.cols);
  const sets: [string, readonly number[]][] = together
    ? Object.entries(together)
    : Array.from({ length: x.cols }, (_, c) => [names?.[c] ?? `column ${c}`, [c]]);
  for (const [name, columns] of sets)
    for (const column of columns)
      checkParam(
        part,
        `together.${name}`,
        column,
        column >= 0 && column < x.cols && Number.isInteger(column),
        `a column below ${x.cols}`,
      );
  const whole = score(await fitted.predict(x));
  if (!Number.isFinite(whole))
    throw new MmubError("invalid-input", { part, message: `the score is ${whole}, want a finite number` });
  const out: PermutationRow[] = [];
  for (const [name, columns] of sets) {
    const { shuffle } = random(seed).fork(name);
    const drops = new Float64Array(repeats);
    for (let repeat = 0; repeat < repeats; repeat++) {
      const order = shuffle(Uint32Array.from({ length: x.rows }, (_, i) => i));
      const data = x.data.slice();
      for (let row = 0; row < x.rows; row++)
        for (const column of columns) data[row * x.cols + column] = x.data[order[row]! * x.cols + column]!;
      const now = score(await fitted.predict({ ...x, data }));
      if (!Number.isFinite(now)) rejectAt(part, `score without ${name}, repeat`, repeat, now, "a finite number");
      drops[repeat] = whole - now;
    }
    const importance = drops.reduce((a, b) => a + b, 0) / repeats;
    const variance = drops.reduce((sum, drop) => sum + (drop - importance) ** 2, 0) / repeats;
    out.push({ name, importance, deviation: Math.sqrt(variance), repeats: drops });
  }
  return out;
}

export interface PartialDependenceOptions {
  /** How many values of the column are tried. @default 100 */
  readonly gridResolution?: number;
  /** The shares of the rows between whose values the grid lies. @default [0.05, 0.95] */
  readonly percentiles?: readonly [low: number, high: number];
}

export interface PartialDependence {
  readonly grid: Float64Array;
  /** The mean prediction with the column at each value of the grid. */
  readonly average: Float64Array;
  /** The prediction of row r at grid value g is at r x grid + g. */
  readonly individual: Float64Array;
}

/**
 * How a prediction follows one column: the mean over the rows with the column set to each value of a grid, and the line of each row.
 * Where columns go together it asks about rows that do not occur.
 *
 * `valuesOf` takes a number of each row from a prediction, such as the probability of a class. A column of at most `gridResolution` values
 * is tried at each of them. Cost: a prediction of all rows for each value. Source: scikit-learn's `partial_dependence`, brute; Friedman (2001).
 *
 * @example
 * const x = dense(3, 1, Float32Array.of(1, 2, 3));
 * const fitted = { predict: async ({ data }: Dense) => Float64Array.from(data, (v) => 10 * v) };
 * const { grid, average } = await partialDependence(fitted, x, 0, (values) => values);
 * console.log(grid, average); // 1, 2, 3 and 10, 20, 30
 */
export async function partialDependence<Output>(
  fitted: DensePredictor<Output>,
  x: Dense,
  column: number,
  valuesOf: (prediction: Output) => ArrayLike<number>,
  options: PartialDependenceOptions = {},
): Promise<PartialDependence> {
  const part = "@mmub/metrics/partial-dependence";
  const { gridResolution = 100, percentiles = [0.05, 0.95] } = options;
  const [low, high] = percentiles;
  checkPredictor(part, fitted);
  checkMatrix(part, "x", x);
  checkParam(
    part,
    "column",
    column,
    Number.isInteger(column) && column >= 0 && column < x.cols,
    `a column below ${x.cols}`,
  );
  checkParam(
    part,
    "gridResolution",
    gridResolution,
    Number.isInteger(gridResolution) && gridResolution > 1,
    "an integer above 1",
  );
  checkParam(part, "percentiles", percentiles, low >= 0 && low < high && high <= 1, "two rising shares");
  const sorted = Float64Array.from({ length: x.rows }, (_, row) => x.data[row * x.cols + column]!).sort();
  if (!Number.isFinite(sorted.at(-1) ?? Number.NaN))
    throw new MmubError("invalid-input", {
      part,
      message: `column ${column} holds no number in some row, want a finite one in each`,
    });
  const unique = [...new Set(sorted)];
  const [from, to] = [betweenQuantile(sorted, low), betweenQuantile(sorted, high)];
  if (unique.length >= gridResolution && from === to)
    throw new MmubError("invalid-params", {
      part,
      message: `the percentiles ${low} and ${high} of column ${column} are the same value, want wider ones`,
      percentiles,
    });
  const grid = Float64Array.from(
    unique.length < gridResolution
      ? unique
      : Array.from({ length: gridResolution }, (_, i) => from + ((to - from) * i) / (gridResolution - 1)),
  );
  const average = new Float64Array(grid.length);
  const individual = new Float64Array(grid.length * x.rows);
  const data = x.data.slice();
  for (const [g, value] of grid.entries()) {
    for (let row = 0; row < x.rows; row++) data[row * x.cols + column] = value;
    const values = valuesOf(await fitted.predict({ ...x, data: data.slice() }));
    checkLength(part, "valuesOf's values", values, x.rows);
    checkFinite(part, "valuesOf's value", values);
    for (let row = 0; row < x.rows; row++) {
      individual[row * grid.length + g] = values[row]!;
      average[g]! += values[row]! / x.rows;
    }
  }
  return { grid, average, individual };
}

// scipy's mquantiles with its defaults of 0.4: the points are those of (i - 0.4) / (n + 0.2), and not NumPy's (i - 1) / (n - 1).
function betweenQuantile(sorted: Float64Array, share: number): number {
  const n = sorted.length;
  if (n === 1) return quantile(sorted, share);
  const at = n * share + 0.4 + 0.2 * share;
  const below = Math.floor(Math.min(n - 1, Math.max(1, at)));
  const rest = Math.min(1, Math.max(0, at - below));
  return (1 - rest) * sorted[below - 1]! + rest * sorted[below]!;
}

/**
 * What each column adds to a linear model's score of each row, against the mean row: weight x (value - mean). With the score of the mean row they
 * sum to the row's score; Shapley values, where columns are taken for independent.
 *
 * `means` are those of `background`, such as the training rows. Returns rows x cols numbers. Rejects widths that differ. Cost: one pass.
 * Source: shap's `LinearExplainer`; Štrumbelj & Kononenko (2014).
 *
 * @example
 * const x = { rows: 2, cols: 2, data: [1, 5, 3, 5] };
 * console.log(linearContributions([2, 10], x, x)); // -2, 0, 2, 0
 */
export function linearContributions(
  weights: ArrayLike<number>,
  x: { readonly rows: number; readonly cols: number; readonly data: ArrayLike<number> },
  background: { readonly rows: number; readonly cols: number; readonly data: ArrayLike<number> },
): Float64Array {
  const part = "@mmub/metrics/linear-contributions";
  checkMatrix(part, "x", x);
  checkMatrix(part, "background", background);
  checkLength(part, "weights", weights, x.cols);
  checkFinite(part, "weight", weights);
  checkFinite(part, "value of x", x.data);
  checkFinite(part, "value of the background", background.data);
  if (background.cols !== x.cols || background.rows === 0)
    throw new MmubError("shape-mismatch", {
      part,
      message: `the background is ${background.rows} x ${background.cols}, want rows of ${x.cols} columns`,
    });
  const means = new Float64Array(x.cols);
  for (let i = 0; i < background.rows * x.cols; i++) means[i % x.cols]! += background.data[i]! / background.rows;
  return Float64Array.from(
    { length: x.rows * x.cols },
    (_, i) => weights[i % x.cols]! * (x.data[i]! - means[i % x.cols]!),
  );
}

export interface Occlusion<Piece> {
  readonly piece: Piece;
  /** The score with all pieces less the score without this one. */
  readonly change: number;
}

/**
 * What each piece of one input tells: the score of the whole less the score without the piece. Pieces are words, regions of a picture or
 * stretches of sound; two that say the same have 0 each.
 *
 * `score` gets inputs made by `without`, the whole one first, and gives a number of each, such as the probability of a class.
 * Rejects another number of scores than inputs. Cost: one call with pieces + 1 inputs. Source: Zeiler & Fergus (2014).
 *
 * @example
 * const text = "Lovely colour, poor seams";
 * const words = wordsOf(text);
 * const changes = await occlusion(words, text, withoutWord, async (texts) => texts.map((t) => Number(t.includes("Lovely"))));
 * console.log(changes.map(({ piece, change }) => `${piece.text} ${change}`)); // Lovely 1, colour 0, poor 0, seams 0
 */
export async function occlusion<Input, Piece>(
  pieces: readonly Piece[],
  input: Input,
  without: (input: Input, piece: Piece) => Input,
  score: (inputs: readonly Input[]) => Promise<ArrayLike<number>>,
): Promise<Occlusion<Piece>[]> {
  const scores = await score([input, ...pieces.map((piece) => without(input, piece))]);
  checkLength("@mmub/metrics/occlusion", "scores", scores, pieces.length + 1);
  checkFinite("@mmub/metrics/occlusion", "score", scores);
  return pieces.map((piece, i) => ({ piece, change: scores[0]! - scores[i + 1]! }));
}

export interface WordPiece {
  readonly text: string;
  /** Where it is in the text, in UTF-16 units. */
  readonly from: number;
  readonly to: number;
}

/**
 * The words of a text in any script, for `occlusion`.
 *
 * @example
 * console.log(wordsOf("Good, 很好").map(({ text }) => text)); // Good, 很, 好 or 很好
 */
export function wordsOf(text: string): WordPiece[] {
  return [...new Intl.Segmenter(undefined, { granularity: "word" }).segment(text)]
    .filter(({ isWordLike }) => isWordLike)
    .map(({ segment, index }) => ({ text: segment, from: index, to: index + segment.length }));
}

/** The text without one of its words. */
export function withoutWord(text: string, { from, to }: WordPiece): string {
  return text.slice(0, from) + text.slice(to);
}

/** A rectangle of a picture, in shares of its width and height, from the top left. */
export interface RegionPiece {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface RegionOptions {
  /** How many regions side by side. @default 8 */
  readonly columns?: number;
  /** How many regions one above the other. @default 8 */
  readonly rows?: number;
}

/**
 * The regions of a picture of any size, row by row, for `occlusion` with `withoutRegion`.
 *
 * @example
 * const picture = { data: Uint8Array.of(0, 0, 0, 200), width: 2, height: 2, channels: 1 } as const;
 * const brightest = async (all: readonly PixelGrid[]) => all.map(({ data }) => Math.max(...data));
 * const changes = await occlusion(regionsOf({ columns: 2, rows: 2 }), picture, withoutRegion, brightest);
 * console.log(changes.map(({ change }) => change)); // 0, 0, 0, 150
 */
export function regionsOf(options: RegionOptions = {}): RegionPiece[] {
  const part = "@mmub/metrics/regions-of";
  const { columns = 8, rows = 8 } = options;
  for (const [name, count] of Object.entries({ columns, rows }))
    checkParam(part, name, count, Number.isInteger(count) && count > 0, "a positive integer");
  return Array.from({ length: rows * columns }, (_, i) => ({
    left: (i % columns) / columns,
    top: Math.floor(i / columns) / rows,
    width: 1 / columns,
    height: 1 / rows,
  }));
}

/** The picture with one of its regions in the mean colour of the whole; what is transparent there becomes as opaque as the mean. Rejects what is no picture. */
export function withoutRegion(picture: PixelGrid, { left, top, width, height }: RegionPiece): PixelGrid {
  if (!isPixels(picture))
    throw new MmubError("invalid-input", {
      part: "@mmub/metrics/without-region",
      message: `the picture is ${show(picture)}, want { data, width, height, channels } with bytes of all pixels`,
    });
  const { data, channels } = picture;
  const means = new Float64Array(channels);
  for (let i = 0; i < data.length; i++) means[i % channels]! += data[i]!;
  const mean = means.map((sum) => Math.round(sum / (picture.width * picture.height)));
  // Not slice(), which of a Node Buffer is no copy.
  const out = Uint8Array.from(data);
  const [from, to] = [Math.round(left * picture.width), Math.round((left + width) * picture.width)];
  for (let y = Math.round(top * picture.height); y < Math.round((top + height) * picture.height); y++)
    for (let x = from; x < to; x++) out.set(mean, (y * picture.width + x) * channels);
  return { ...picture, data: out };
}

/** A stretch of a recording, in seconds. */
export interface SpanPiece {
  readonly from: number;
  readonly to: number;
}

/**
 * The stretches of a recording, one after the other, for `occlusion` with `withoutSpan`. The last may be shorter.
 *
 * @example
 * const recording = { samples: Float32Array.of(0, 0, 0.5, 0), sampleRateHz: 4 };
 * const loudest = async (all: readonly Recording[]) => all.map(({ samples }) => Math.max(...(samples as Float32Array)));
 * const changes = await occlusion(spansOf(recording, { windowSeconds: 0.5 }), recording, withoutSpan, loudest);
 * console.log(changes.map(({ change }) => change)); // 0, 0.5
 */
export function spansOf(
  recording: Recording,
  options: {
    /** How long a stretch is. @default 0.25 */
    readonly windowSeconds?: number;
  } = {},
): SpanPiece[] {
  const part = "@mmub/metrics/spans-of";
  const { windowSeconds = 0.25 } = options;
  checkRecording(part, recording);
  checkParam(
    part,
    "windowSeconds",
    windowSeconds,
    Number.isFinite(windowSeconds) && windowSeconds > 0,
    "a finite number above 0",
  );
  const seconds = secondsOf(recording);
  return Array.from({ length: Math.ceil(seconds / windowSeconds - 1e-9) }, (_, i) => ({
    from: i * windowSeconds,
    to: Math.min(seconds, (i + 1) * windowSeconds),
  }));
}

/** The recording with silence in place of one of its stretches, in all channels. Rejects what is no recording. */
export function withoutSpan(recording: Recording, { from, to }: SpanPiece): Recording {
  checkRecording("@mmub/metrics/without-span", recording);
  const { samples, sampleRateHz } = recording;
  const silent = (channel: Float32Array) =>
    channel.slice().fill(0, Math.round(from * sampleRateHz), Math.round(to * sampleRateHz));
  return { ...recording, samples: samples instanceof Float32Array ? silent(samples) : samples.map(silent) };
}

function checkRecording(part: string, recording: Recording): void {
  if (!isWaveform(recording))
    throw new MmubError("invalid-input", {
      part,
      message: `the recording is ${show(recording)}, want { samples, sampleRateHz } with a Float32Array or one for each channel`,
    });
}
