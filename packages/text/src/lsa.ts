import {
  batches,
  checkParam,
  checkSaved,
  type Dense,
  type Extractor,
  type FitOptions,
  type FittedExtractor,
  type Inputs,
  MmubError,
  type RunOptions,
  type Sparse,
  savedArray,
  savedPart,
  show,
  stackFeatures,
} from "@mmub/core";
import { tfidf } from "./tfidf.js";
import { checkedSvdParams, project, type TruncatedSvd, truncatedSvd } from "./truncated-svd.js";

const type = "@mmub/text/lsa";

export interface LsaParams<Input = string> {
  /** What turns a text into the sparse features that are reduced. Any extractor of Sparse serves. @default tfidf() */
  readonly vectors?: Extractor<Input, Sparse>;
  /** Columns of the output. @default 100 */
  readonly components?: number;
  /** As in `truncatedSvd`. @default 5 */
  readonly iterations?: number;
  /** As in `truncatedSvd`. @default 10 */
  readonly oversamples?: number;
  /** Scale each row to length 1, so that texts of any length compare by their products. @default null */
  readonly norm?: "l2" | null;
}

export interface FittedLsa<Input = string> extends FittedExtractor<Input, Dense> {
  /** The fitted extractor of the sparse features. */
  readonly vectors: FittedExtractor<Input, Sparse>;
  readonly svd: TruncatedSvd;
}

export interface Lsa<Input = string> extends Extractor<Input, Dense> {
  fit(inputs: Inputs<Input | null>, options?: FitOptions): Promise<FittedLsa<Input>>;
  load(saved: Parameters<Extractor<Input, Dense>["load"]>[0]): Promise<FittedLsa<Input>>;
}

/**
 * Latent semantic analysis: sparse features, such as TF-IDF, reduced to a few dense columns in which terms that occur
 * together fall together. Serves models that want dense input, and clustering.
 *
 * Output: Dense, rows x components, not centred, components by falling singular value. Names are the three strongest terms
 * of each component. A missing text is a zero row with `present` 0; a text without a known term is a zero row.
 * Rejects what `vectors` rejects, and more components than the fit has texts or terms (`invalid-input`).
 * Cost: that of `vectors` and of `truncatedSvd`; the sparse features of the whole fit are held in memory.
 * Source: Deerwester et al. (1990); options and numbers of scikit-learn 1.9's TruncatedSVD.
 *
 * @example
 * const reviews = ["good price", "good cheap price", "slow delivery", "late slow delivery", "late parcel"];
 * const fitted = await lsa({ components: 2, vectors: tfidf({ sublinearTf: true }) }).fit(reviews, { seed: 7 });
 * const { rows, cols } = await fitted.transform(["cheap", "parcel"]); // 2, 2
 * console.log(fitted.names, fitted.svd.explainedVarianceRatio);
 */
export function lsa<Input = string>(params: LsaParams<Input> = {}): Lsa<Input> {
  const { vectors = tfidf() as unknown as Extractor<Input, Sparse>, norm = null, components = 100, ...rest } = params;
  const svdParams = checkedSvdParams({ ...rest, components }, type);
  checkParam(type, "vectors", vectors, typeof vectors?.fit === "function", "an extractor of Sparse features");
  checkParam(type, "norm", norm, norm === null || norm === "l2", '"l2" or null');
  const recipe = { type, params: { ...svdParams, norm, vectors: { type: vectors.type, params: vectors.params } } };

  const fitted = (inner: FittedExtractor<Input, Sparse>, svd: TruncatedSvd): FittedLsa<Input> => ({
    cols: components,
    names: componentNames(svd.loadings, inner.names),
    vectors: inner,
    svd,
    async transform(inputs, options) {
      const out = await project(checkedSparse(await inner.transform(inputs, options)), svd.loadings);
      if (norm === "l2") normalize(out);
      return out;
    },
    save: async () => ({
      ...recipe,
      version: 1,
      state: null,
      arrays: {
        loadings: svd.loadings.data.slice(),
        singularValues: svd.singularValues.slice(),
        explainedVariance: svd.explainedVariance.slice(),
        explainedVarianceRatio: svd.explainedVarianceRatio.slice(),
      },
      parts: { vectors: await inner.save() },
    }),
    ...(inner.dispose && { dispose: () => inner.dispose!() }),
  });

  return {
    ...recipe,
    async fit(inputs, options) {
      const inner = await vectors.fit(inputs, options);
      try {
        const matrix = await sparseOf(inner, inputs, options);
        return fitted(inner, await truncatedSvd(matrix, { ...options, ...svdParams }));
      } catch (error) {
        await inner.dispose?.();
        throw error;
      }
    },
    async load(saved) {
      checkSaved(saved, recipe, 1);
      const inner = await vectors.load(savedPart(saved, "vectors"));
      const numbers = (name: string): Float64Array => savedArray(saved, name, Float64Array, components).slice();
      const data = savedArray(saved, "loadings", Float32Array, inner.cols * components).slice();
      return fitted(inner, {
        loadings: { layout: "dense", rows: inner.cols, cols: components, data },
        singularValues: numbers("singularValues"),
        explainedVariance: numbers("explainedVariance"),
        explainedVarianceRatio: numbers("explainedVarianceRatio"),
      });
    },
  };
}

async function sparseOf<Input>(
  inner: FittedExtractor<Input, Sparse>,
  inputs: Inputs<Input | null>,
  options: FitOptions | undefined,
): Promise<Sparse> {
  // Progress of the same part would else begin anew after its fit.
  const { onProgress: _, ...quiet } = options ?? {};
  if (Array.isArray(inputs)) return checkedSparse(await inner.transform(inputs, quiet));
  const pieces: Sparse[] = [];
  const run: RunOptions = quiet;
  for await (const { items } of batches(inputs, quiet, type))
    pieces.push(checkedSparse(await inner.transform(items, run)));
  return pieces.length > 0 ? stackFeatures(pieces) : checkedSparse(await inner.transform([], run));
}

function checkedSparse(features: Sparse): Sparse {
  if (features.layout !== "sparse")
    throw new MmubError("invalid-params", {
      part: type,
      message: `vectors gives ${show(features)}, want an extractor of Sparse features, such as tfidf()`,
    });
  return features;
}

function componentNames({ rows, cols, data }: Dense, terms: readonly string[] | undefined): string[] {
  return Array.from({ length: cols }, (_, component) => {
    const best: number[] = [];
    const size = (row: number): number => Math.abs(data[row * cols + component]!);
    for (let row = 0; terms && row < rows; row++) {
      if (best.length === 3 && size(row) <= size(best[2]!)) continue;
      best.push(row);
      best.sort((a, b) => size(b) - size(a) || a - b);
      best.length = Math.min(best.length, 3);
    }
    const strongest = best.map((row) => terms?.[row]).join(", ");
    return `component ${component + 1}${strongest && ` (${strongest})`}`;
  });
}

function normalize({ rows, cols, data }: Dense): void {
  for (let row = 0; row < rows; row++) {
    const values = data.subarray(row * cols, (row + 1) * cols);
    const length = Math.hypot(...values);
    if (length > 0) for (let c = 0; c < cols; c++) values[c]! /= length;
  }
}
