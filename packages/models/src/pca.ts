import {
  checkParam,
  checkSaved,
  type Dense,
  dense,
  type Features,
  type FitOptions,
  type FittedModel,
  type Json,
  MmubError,
  pace,
  progress,
  rowBatches,
  type Saved,
  savedArray,
  turn,
  type Unsupervised,
} from "@mmub/core";
import { center, pull, spreads } from "./centered.js";
import { gram } from "./gram.js";
import { checkMatrix, checkWidth, linearKernel, packed, plain, strideOf } from "./linear.js";
import { eigen } from "./symmetric.js";
import { filled } from "./trees/settings.js";
import { checkRows } from "./unsupervised.js";

const type = "@mmub/models/pca";

export interface PcaParams {
  /**
   * How many directions: a whole number, a share of the variance (above 0, below 1) that they explain together, or null for as many as
   * there are. @default null
   */
  readonly components?: number | null;
  /** Whether each component is divided by its standard deviation. @default false */
  readonly whiten?: boolean;
}

export interface Pca extends Unsupervised<Dense> {
  fit(x: Features, options?: FitOptions): Promise<FittedPca>;
  load(saved: Saved): Promise<FittedPca>;
}

export interface FittedPca extends FittedModel<Dense> {
  /** Row-major, a direction a row: components x columns, of length 1; the largest entry of each is positive. */
  readonly components: Float64Array;
  readonly means: Float64Array;
  /** The variance along each direction, falling. */
  readonly explainedVariance: Float64Array;
  /** The same as a share of the variance of all columns. */
  readonly explainedVarianceRatio: Float64Array;
  /** Rows of components back in the columns of the fit. */
  inverse(scores: Dense): Dense;
}

/**
 * Principal components: rows along the directions in which they vary most, for fewer columns and for pictures.
 *
 * Input: Dense or Sparse, which stays sparse; bring columns to one scale, since the largest varies most. Rows of missing modalities are
 * zeros. Output: Dense, rows x components. Rejects Sequence, values that are not finite (with row and column), fewer than 2 rows, more
 * components than rows or columns, and in `predict` another width.
 * Cost: rows * cols * side + 10 * side^3 with the smaller side of the matrix: up to some 2000. For more of both, `truncatedSvd` of `@mmub/text`.
 * Source: Pearson 1901; eigenvectors of the products of the centred matrix with itself. The numbers of scikit-learn's `PCA`.
 *
 * @example
 * const visits = dense(4, 3, Float32Array.of(1, 2, 0, 2, 4, 1, 3, 6, 0, 4, 8, 1));
 * const fitted = await pca({ components: 2 }).fit(visits);
 * const flat = await fitted.predict(visits); // 4 x 2
 * console.log(fitted.explainedVarianceRatio, fitted.inverse(flat).cols);
 */
export function pca(params: PcaParams = {}): Pca {
  const settings = filled<Required<PcaParams>>(type, params, { components: null, whiten: false }, []);
  const { components, whiten } = settings;
  const ok = components === null || (components > 0 && (components < 1 || Number.isInteger(components)));
  checkParam(type, "components", components, ok, "a whole number, a share of the variance below 1, or null");
  checkParam(type, "whiten", whiten, typeof whiten === "boolean", "true or false");
  const recipe = { type, params: settings as unknown as Json };

  const fitted = (state: State): FittedPca => {
    const { components, means, explainedVariance } = state;
    const [count, cols] = [explainedVariance.length, means.length];
    // Columns of a score: what multiplies it, and what is taken from it since rows are not centred.
    const scales = explainedVariance.map((variance) => (whiten ? Math.sqrt(variance) || 1 : 1));
    const wide = new Float64Array(Math.max(2, count) * cols);
    const offsets = new Float64Array(Math.max(2, count));
    for (let c = 0; c < count; c++)
      for (let k = 0; k < cols; k++) {
        wide[c * cols + k] = components[c * cols + k]! / scales[c]!;
        offsets[c]! -= wide[c * cols + k]! * means[k]!;
      }
    const stride = strideOf(Math.max(2, count));
    const weights = packed(wide, offsets, cols);
    return {
      ...state,
      async predict(x, options) {
        checkMatrix(x, type);
        checkWidth(x, cols, type);
        const out = dense(x.rows, count);
        const kernel = linearKernel(x, stride);
        for await (const { from, to } of rowBatches(x.rows, options, type)) {
          const scores = new Float64Array((to - from) * stride);
          kernel.scores(from, to, weights, scores);
          for (let row = from; row < to; row++)
            for (let c = 0; c < count; c++) out.data[row * count + c] = scores[(row - from) * stride + c]!;
        }
        return plain(out);
      },
      inverse(scores) {
        checkMatrix(scores, type);
        checkWidth(scores, count, type);
        const out = dense(scores.rows, cols);
        const row = new Float64Array(cols);
        for (let i = 0; i < scores.rows; i++) {
          row.set(means);
          for (let c = 0; c < count; c++) {
            const score = scores.data[i * count + c]! * scales[c]!;
            for (let k = 0; k < cols; k++) row[k]! += score * components[c * cols + k]!;
          }
          out.data.set(row, i * cols);
        }
        return plain(out);
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: {},
        arrays: Object.fromEntries(Object.entries(state).map(([name, array]) => [name, array.slice()])),
      }),
    };
  };

  return {
    ...recipe,
    async fit(x, options) {
      await turn(options?.signal);
      checkRows(x, type, 2);
      const { rows, cols } = x;
      const most = Math.min(rows, cols);
      if (components !== null && components > most)
        throw new MmubError("invalid-input", {
          part: type,
          message: `${components} components of ${rows} rows and ${cols} columns, want at most ${most}`,
          rows,
          cols,
        });
      const report = progress(options, type);
      let done = 0;
      const pause = pace(options?.signal);
      const data = center(x, new Float64Array(rows), true);
      const side = cols <= rows ? "columns" : "rows";
      const { size, stride, values } = await gram(x, data.means, side, pause, () => report(++done));
      const { values: squares, vectors } = await eigen(values, size, stride, pause);
      report(++done);
      const total = spreads(data).reduce((sum, spread) => sum + spread, 0);
      // What is left of constant columns is rounding.
      if (total === 0) squares.fill(0);
      const order = Array.from(squares.keys()).sort((a, b) => squares[b]! - squares[a]!);
      const ratios = order.map((at) => (total > 0 ? Math.max(0, squares[at]!) / total : 0));
      let count = components ?? most;
      if (count < 1) {
        let [share, needed] = [0, 0];
        while (needed < ratios.length && share <= count) share += ratios[needed++]!;
        count = needed;
      }
      const directions = new Float64Array(count * cols);
      for (const [c, at] of order.slice(0, count).entries()) {
        const vector = vectors.slice(at * size, (at + 1) * size);
        const direction = side === "columns" ? vector : pull(data, vector);
        // Of products of rows, the direction is as long as the spread along it; where there is none, any would do.
        const length = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
        const largest = direction.reduce((best, value) => (Math.abs(value) > Math.abs(best) + 1e-12 ? value : best), 0);
        const scale = length > 0 ? Math.sign(largest) / length : 0;
        for (let k = 0; k < cols; k++) directions[c * cols + k] = direction[k]! * scale;
      }
      options?.signal?.throwIfAborted();
      return fitted({
        components: directions,
        means: data.means,
        explainedVariance: Float64Array.from(order.slice(0, count), (at) => Math.max(0, squares[at]!) / (rows - 1)),
        explainedVarianceRatio: Float64Array.from(ratios.slice(0, count)),
      });
    },
    async load(saved) {
      checkSaved(saved, recipe, 1);
      const array = (name: keyof State) => savedArray(saved, name, Float64Array);
      return fitted({
        components: array("components"),
        means: array("means"),
        explainedVariance: array("explainedVariance"),
        explainedVarianceRatio: array("explainedVarianceRatio"),
      });
    },
  };
}

interface State {
  readonly components: Float64Array;
  readonly means: Float64Array;
  readonly explainedVariance: Float64Array;
  readonly explainedVarianceRatio: Float64Array;
}
