/**
 * Every public contract of mmub: types only. A part is an immutable **recipe**; `fit` resolves to a new **fitted** part;
 * a recipe loads what its fitted part saved. Nothing is registered anywhere, so a part of yours is equal to one of ours.
 *
 * @module
 */

export type TypedArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Features of `rows` samples of one modality. `present[i] === 0`: sample i lacks it, and its row is zero or empty. */
export type Features = Dense | Sparse | Sequence;

/** A row-major matrix: the value of row `r`, column `c` is `data[r * cols + c]`. */
export interface Dense {
  readonly layout: "dense";
  readonly rows: number;
  readonly cols: number;
  readonly data: Float32Array;
  /** One byte a row, 1: present. Absent: every row is present. */
  readonly present?: Uint8Array;
  /** The shape of one row where it is more than a vector, such as `[channels, height, width]`; its product is `cols`. */
  readonly shape?: readonly number[];
}

/** Compressed sparse rows: row `r` has `values[i]` in column `columns[i]` for `offsets[r] <= i < offsets[r + 1]`, columns ascending. */
export interface Sparse {
  readonly layout: "sparse";
  readonly rows: number;
  readonly cols: number;
  readonly offsets: Uint32Array;
  readonly columns: Uint32Array;
  readonly values: Float32Array;
  readonly present?: Uint8Array;
}

/** Ragged sequences: row `r` has the steps `offsets[r]..offsets[r + 1]` of `cols` values each, row-major in `data`. */
export interface Sequence {
  readonly layout: "sequence";
  readonly rows: number;
  readonly cols: number;
  readonly offsets: Uint32Array;
  readonly data: Float32Array;
  readonly present?: Uint8Array;
}

/** The features of several modalities of the same samples, by name. */
export type FeatureSet<Name extends string = string> = { readonly [K in Name]: Features };

/** An array, or batches that can be read again from the start, for data larger than memory. */
export type Inputs<T> = readonly T[] | AsyncIterable<readonly T[]>;

export interface Progress {
  /** The `type` of the part at work. */
  readonly part: string;
  readonly done: number;
  /** Absent where it is not known beforehand, as with a stream. */
  readonly total?: number;
  readonly metrics?: Readonly<Record<string, number>>;
}

export interface RunOptions {
  /** Aborting rejects with the signal's own reason, at the latest after the batch or epoch at work. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** Rows at a time. It changes memory and speed, never a result. @default 256 */
  readonly batchSize?: number;
}

export interface FitOptions extends RunOptions {
  /** Same seed, data and params: same bytes. An integer. @default 0 */
  readonly seed?: number;
}

/** What a fitted part is saved as: plain data, never code. `encodeSaved` and `saveFile` make bytes and files of it. */
export interface Saved {
  readonly type: string;
  readonly version: number;
  readonly params: Json;
  readonly state: Json;
  readonly arrays?: Readonly<Record<string, TypedArray>>;
  readonly parts?: Readonly<Record<string, Saved>>;
}

export interface Fitted {
  save(): Promise<Saved>;
  /** Frees what the garbage collector does not: sessions, threads. Present only where there is such a thing. */
  dispose?(): void | Promise<void>;
}

export interface Part<F extends Fitted> {
  /** The part's name on disk and in errors: package and file, as in `@mmub/text/tfidf`. */
  readonly type: string;
  /** Every param, the defaults filled in. */
  readonly params: Json;
  /** Rejects with `saved-mismatch` what another type, other params or a newer version saved. */
  load(saved: Saved): Promise<F>;
}

/** Raw inputs of one modality to features. `null` is a missing input: its row is zero or empty and `present` is 0. */
export interface Extractor<Input, Out extends Features = Features> extends Part<FittedExtractor<Input, Out>> {
  fit(inputs: Inputs<Input | null>, options?: FitOptions): Promise<FittedExtractor<Input, Out>>;
}

export interface FittedExtractor<Input, Out extends Features = Features> extends Fitted {
  readonly cols: number;
  /** A name for each column, for explanations. */
  readonly names?: readonly string[];
  transform(inputs: readonly (Input | null)[], options?: RunOptions): Promise<Out>;
}

/** The features of several modalities to one matrix that any model takes. The order of names never matters. */
export interface Fuser<Target = unknown> extends Part<FittedFuser> {
  fit(features: FeatureSet, targets: readonly Target[], options?: FitOptions): Promise<FittedFuser>;
}

/** The names of the columns of each modality, as its extractor gives them; `undefined` where it gives none. */
export type ColumnNames = { readonly [modality: string]: readonly string[] | undefined };

export interface FittedFuser extends Fitted {
  readonly cols: number;
  /** A name for each column, for explanations. Absent where a column mixes modalities and so has no name that says much. */
  names?(columns?: ColumnNames): readonly string[];
  /** Takes the modalities of `fit` by name, any row of them missing; another or a lacking name is `shape-mismatch`. */
  transform(features: FeatureSet, options?: RunOptions): Promise<Dense | Sparse>;
}

/**
 * `X` is `Features` for a model of fused features and `FeatureSet` for one that joins the modalities itself; `Options` is what its fit takes
 * beside what all do.
 */
export interface Model<Target, Output, X = Features, Options extends FitOptions = FitOptions>
  extends Part<FittedModel<Output, X>> {
  fit(x: X, targets: readonly Target[], options?: Options): Promise<FittedModel<Output, X>>;
}

export interface FittedModel<Output, X = Features> extends Fitted {
  predict(x: X, options?: RunOptions): Promise<Output>;
  /** Learns from more rows on line. Present only where the model can. */
  update?(x: X, targets: readonly unknown[], options?: RunOptions): Promise<void>;
}

/** A model that learns from features alone, such as what is usual among them. */
export interface Unsupervised<Output, X = Features> extends Part<FittedModel<Output, X>> {
  fit(x: X, options?: FitOptions): Promise<FittedModel<Output, X>>;
}

export type Label = string | number | boolean;

/** What a classifier predicts: row `i` is `labels[i]`, the class of the highest of `probabilities`' row i. */
export interface Classification<L extends Label = Label> {
  readonly labels: readonly L[];
  /** The classes in the order of the columns of `probabilities`. */
  readonly classes: readonly L[];
  /** rows x classes, every row sums to 1. */
  readonly probabilities: Dense;
}

/** What a regressor predicts. */
export interface Regression {
  readonly values: Float64Array;
}

export type Id = string | number;

/** A log of what users did with items, one event a position. */
export interface Interactions {
  readonly users: readonly Id[];
  readonly items: readonly Id[];
  /** Strength or rating of each event. Absent: 1 each. */
  readonly values?: Float32Array;
  /** Milliseconds since 1970 of each event. */
  readonly times?: Float64Array;
}

/** Row `i` holds the items for user `i`, best first, with their scores. */
export interface Ranking {
  readonly items: readonly (readonly Id[])[];
  readonly scores: readonly Float32Array[];
}

export interface Pairs {
  readonly users: readonly Id[];
  readonly items: readonly Id[];
}

export interface Recommender extends Part<FittedRecommender> {
  fit(log: Interactions, options?: FitOptions): Promise<FittedRecommender>;
}

export interface FittedRecommender extends Fitted {
  /** At most `k` items a user that the user has not had yet; a user never seen gets what fits everyone. */
  recommend(users: readonly Id[], options: { readonly k: number } & RunOptions): Promise<Ranking>;
  /** The score of each pair; higher fits better. An unknown user or item has the score that it would be ranked by. */
  score(pairs: Pairs, options?: RunOptions): Promise<Float32Array>;
}
