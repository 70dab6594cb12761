import {
  checkFeatureSet,
  checkLayout,
  checkModalities,
  checkParam,
  checkSaved,
  checkTargets,
  type Dense,
  dense,
  type FeatureSet,
  type FitOptions,
  type FittedFuser,
  type Fuser,
  isPresent,
  MmubError,
  modalityNames,
  progress,
  type RunOptions,
  random,
  rowBatches,
  type Saved,
  type Sparse,
  savedArray,
  turn,
} from "@mmub/core";
import { svd } from "./linear-algebra.js";
import { type Directions, leadingDirections, readRow, scratch, timesMatrix, timesRow } from "./projection.js";
import {
  checkNames,
  checkSeen,
  checkWeights,
  fitScaling,
  pooled,
  type Scaling,
  type ScalingParams,
  scalingParams,
  stored,
} from "./scaling.js";
import { goalsOf, skill } from "./skill.js";

const type = "@mmub/fusion/weighted-sum";

export interface WeightedSumParams extends ScalingParams {
  /**
   * The width that every modality is brought to by PCA (dense) or latent semantic analysis (sparse); a narrower modality
   * fills the first columns. `"shared"`: the modalities already have one width and one meaning of columns, as the text
   * and image vectors of a joint encoder such as CLIP, and are summed as they are. @default 64
   */
  readonly dimensions?: number | "shared";
  /**
   * How much a modality counts in a row that has all; they are divided by their sum.
   *
   * - `"skill"`: what each modality alone says about the targets of the fit. For classes `(a - 1 / K) / (1 - 1 / K)` of the
   *   balanced accuracy `a` over K classes, for numbers R², of 5-fold cross-validated ridge regression on its (at most 64)
   *   leading directions; below chance is 0, and if all are, they count equally. Features that were themselves learned from
   *   these targets look better than they are: set weights by hand then.
   * - `"equal"`: the same for all.
   * - by name: numbers >= 0; a name left out has 1.
   *
   * @default "skill"
   */
  readonly weights?: "skill" | "equal" | Readonly<Record<string, number>>;
  /** Whether `"skill"` takes the targets as classes or as numbers. @default classes if they are strings, booleans or at most 20 different integers */
  readonly task?: "classification" | "regression";
  /**
   * Turns the directions of each modality towards those of the others before they are summed (with `"shared"` never):
   * without it, directions that have nothing to do with each other add up. @default true
   */
  readonly align?: boolean;
}

export interface WeightedSum extends Fuser {
  fit(features: FeatureSet, targets: readonly unknown[], options?: FitOptions): Promise<FittedWeightedSum>;
  load(saved: Saved): Promise<FittedWeightedSum>;
}

export interface FittedWeightedSum extends FittedFuser {
  /** How much each modality counts in a row that has all; they sum to 1. */
  readonly weights: Readonly<Record<string, number>>;
}

interface Input extends Scaling {
  readonly modality: string;
  readonly layout: string;
  /** Width before pooling. */
  readonly cols: number;
  readonly weight: number;
  /** Width after pooling x dimensions; absent where the modalities share their columns. */
  readonly matrix?: Float32Array;
}

/**
 * Every modality brought to the same width and to the same row norm, then averaged with weights. A row averages over the
 * modalities that it has, the weights divided by their sum; so a missing modality changes neither width nor scale.
 *
 * Output: Dense, rows x `dimensions`. A row whose modalities are all missing, or all of weight 0, is zero with `present` 0.
 * Rejects values that are not finite (`invalid-input`, with the row), a modality that no row of the fit has, targets
 * that are neither classes nor numbers with weights `"skill"` (`invalid-input`), and other modalities, widths or layouts
 * than those of the fit (`shape-mismatch`).
 * Cost: about 6 passes over the values times `dimensions` to fit, one to transform.
 * Source: randomised SVD, Halko, Martinsson and Tropp (2011); alignment by generalised Procrustes analysis, Gower (1975),
 * with the orthogonal solution of Schönemann (1966), over the rows that have both modalities.
 *
 * @example
 * const photo = dense(4, 3, Float32Array.of(0, 1, 2, 2, 1, 0, 0, 2, 2, 2, 1, 1));
 * const visits = dense(4, 1, Float32Array.of(5, 9, 4, 8));
 * const fitted = await weightedSum({ dimensions: 2, weights: { photo: 2, visits: 1 } })
 *   .fit({ photo, visits }, ["buy", "leave", "buy", "leave"]);
 * const { rows, cols } = await fitted.transform({ photo, visits }); // 4, 2
 */
export function weightedSum(params: WeightedSumParams = {}): WeightedSum {
  const scaling = scalingParams(params, type);
  const { dimensions = 64, weights = "skill", task, align = true } = params;
  checkParam(
    type,
    "dimensions",
    dimensions,
    dimensions === "shared" || (Number.isInteger(dimensions) && dimensions > 0),
    'a positive integer or "shared"',
  );
  if (typeof weights === "object" && weights !== null) checkWeights(weights, type);
  else checkParam(type, "weights", weights, weights === "skill" || weights === "equal", '"skill", "equal" or a record');
  if (task !== undefined)
    checkParam(
      type,
      "task",
      task,
      task === "classification" || task === "regression",
      '"classification" or "regression"',
    );
  checkParam(type, "align", align, typeof align === "boolean", "true or false");
  const recipe = {
    type,
    params: {
      ...scaling,
      dimensions,
      weights: typeof weights === "object" ? { ...weights } : weights,
      ...(task !== undefined && { task }),
      align,
    },
  };

  return {
    ...recipe,
    async fit(features, targets, options) {
      const rows = checkFeatureSet(features, type);
      checkTargets(targets, rows, type);
      const names = modalityNames(features);
      checkNames("scale", scaling.scale, names, type);
      checkNames("weights", weights, names, type);
      const goals = weights === "skill" ? goalsOf(targets, task, type) : undefined;
      const numbers = random(options?.seed);
      const report = progress(options, type, names.length);

      const learned: {
        input: Omit<Input, "weight" | "matrix">;
        weight: number;
        directions?: Directions;
        projected?: Dense;
      }[] = [];
      let width: number | undefined;
      for (const [index, modality] of names.entries()) {
        await turn(options?.signal);
        const { layout, cols } = features[modality]!;
        const block = pooled(features[modality]!, scaling.pool);
        checkSeen(block, modality, type);
        width ??= block.cols;
        if (dimensions === "shared" && block.cols !== width)
          throw new MmubError("shape-mismatch", {
            part: type,
            message: `modality "${modality}" has ${block.cols} columns and "${names[0]}" ${width}; to sum them as they are they need one width, else set dimensions to a number`,
            modality,
          });
        const scale = typeof scaling.scale === "string" ? scaling.scale : (scaling.scale[modality] ?? "block");
        const input = { modality, layout, cols, ...fitScaling(block, scale, scaling.blockNorm) };
        const given = typeof weights === "object" ? (weights[modality] ?? 1) : 1;
        if (dimensions === "shared" && !goals) learned.push({ input, weight: given });
        else {
          const own = numbers.fork(modality);
          const most = dimensions === "shared" ? 64 : dimensions;
          const directions = await leadingDirections(block, input, most, own, options?.signal);
          // The directions left out took a part of the norm with them.
          if (dimensions !== "shared" && scale !== "none") toNorm(directions, scaling.blockNorm);
          const projected = timesMatrix(block, input, directions.matrix, directions.variances.length);
          const weight = goals ? skill(projected, goals, own.fork("folds")) : given;
          learned.push({ input, weight, directions, projected });
        }
        report(index + 1);
      }

      const total = learned.reduce((sum, { weight }) => sum + weight, 0);
      if (total === 0 && !goals)
        throw new MmubError("invalid-params", { part: type, message: "all weights are 0, want at least one above" });
      const inputs = learned.map(({ input, weight }) => ({
        ...input,
        weight: total > 0 ? weight / total : 1 / learned.length,
      }));
      options?.signal?.throwIfAborted();
      if (dimensions === "shared") return fitted(inputs, width!);
      const rank = Math.max(...learned.map(({ projected }) => projected!.cols));
      const turns =
        align &&
        (await alignment(
          learned.map(({ projected }) => projected!),
          inputs.map(({ weight }) => weight),
          rank,
          options?.signal,
        ));
      return fitted(
        inputs.map((input, index) => ({
          ...input,
          matrix: turned(
            learned[index]!.directions!,
            input.offset.length,
            turns ? turns[index] : undefined,
            rank,
            dimensions,
          ),
        })),
        dimensions,
      );
    },
    async load(saved) {
      const { inputs, cols } = checkSaved(saved, recipe, 1).state as unknown as {
        readonly inputs: readonly (Pick<Input, "modality" | "layout" | "cols" | "weight"> & {
          readonly width: number;
        })[];
        readonly cols: number;
      };
      const total = inputs.reduce((sum, { width }) => sum + width, 0);
      const offset = savedArray(saved, "offset", Float64Array, total);
      const factor = savedArray(saved, "factor", Float64Array, total);
      const matrix =
        dimensions === "shared" ? undefined : savedArray(saved, "matrix", Float32Array, total * dimensions);
      let from = 0;
      return fitted(
        inputs.map(({ width, ...input }) => {
          const [first, last] = [from, from + width];
          from = last;
          return {
            ...input,
            offset: offset.slice(first, last),
            factor: factor.slice(first, last),
            ...(matrix && { matrix: matrix.slice(first * cols, last * cols) }),
          };
        }),
        cols,
      );
    },
  };

  function fitted(inputs: readonly Input[], cols: number): FittedWeightedSum {
    const widths = Object.fromEntries(inputs.map((input) => [input.modality, input.cols]));
    return {
      cols,
      weights: Object.fromEntries(inputs.map(({ modality, weight }) => [modality, weight])),
      async transform(features, options) {
        const rows = checkFeatureSet(features, type);
        checkModalities(features, widths, type);
        const blocks = inputs.map(({ modality, layout }) => {
          checkLayout(features[modality]!, layout, modality, type);
          return pooled(features[modality]!, scaling.pool);
        });
        return sum(inputs, blocks, rows, cols, options);
      },
      async save() {
        const total = inputs.reduce((sum, { offset }) => sum + offset.length, 0);
        const [offset, factor] = [new Float64Array(total), new Float64Array(total)];
        const matrix = new Float32Array(dimensions === "shared" ? 0 : total * cols);
        let from = 0;
        const state = inputs.map((input) => {
          offset.set(input.offset, from);
          factor.set(input.factor, from);
          if (input.matrix) matrix.set(input.matrix, from * cols);
          from += input.offset.length;
          const { modality, layout, weight } = input;
          return { modality, layout, cols: input.cols, weight, width: input.offset.length };
        });
        return {
          ...recipe,
          version: 1,
          state: { inputs: state, cols },
          arrays: { offset, factor, ...(dimensions !== "shared" && { matrix }) },
        };
      },
    };
  }
}

async function sum(
  inputs: readonly Input[],
  blocks: readonly (Dense | Sparse)[],
  rows: number,
  cols: number,
  options: RunOptions | undefined,
): Promise<Dense> {
  const out = dense(rows, cols);
  const total = new Float64Array(cols);
  const projected = new Float64Array(cols);
  const entries = scratch(Math.max(...blocks.map((block) => block.cols)));
  for await (const { from, to } of rowBatches(rows, options, type))
    for (let row = from; row < to; row++) {
      total.fill(0);
      let weights = 0;
      for (const [index, input] of inputs.entries()) {
        const block = blocks[index]!;
        if (input.weight === 0 || !isPresent(block, row)) continue;
        weights += input.weight;
        const count = readRow(block, input, row, entries);
        if (input.matrix) timesRow(entries, count, input.matrix, cols, projected);
        else {
          projected.fill(0);
          for (let i = 0; i < count; i++) projected[entries.columns[i]!] = entries.values[i]!;
        }
        for (let col = 0; col < cols; col++)
          total[col]! += stored(input.weight * projected[col]!, row, input.modality, type);
      }
      if (weights === 0) out.present[row] = 0;
      else for (let col = 0; col < cols; col++) out.data[row * cols + col] = total[col]! / weights;
    }
  return out;
}

function toNorm({ matrix, variances }: Directions, norm: number): void {
  const square = variances.reduce((sum, variance) => sum + variance, 0);
  if (square > 0) for (let i = 0; i < matrix.length; i++) matrix[i]! *= norm / Math.sqrt(square);
}

// Rotations of `width`, one for each modality, that bring it as near as may be to the weighted sum of the others.
async function alignment(
  blocks: readonly Dense[],
  weights: readonly number[],
  width: number,
  signal: AbortSignal | undefined,
): Promise<Float64Array[]> {
  const crosses = blocks.map((a) => blocks.map((b) => (a === b ? undefined : cross(a, b, width))));
  const turns = blocks.map(() => {
    const identity = new Float64Array(width * width);
    for (let i = 0; i < width; i++) identity[i * width + i] = 1;
    return identity;
  });
  for (let round = 0; round < 10; round++)
    for (let i = 0; i < blocks.length; i++) {
      await turn(signal);
      const target = new Float64Array(width * width);
      for (let j = 0; j < blocks.length; j++)
        if (i !== j) addProduct(target, crosses[i]![j]!, turns[j]!, width, weights[j]!);
      if (target.every((value) => value === 0)) continue;
      const { left, right } = svd(target, width);
      const next = turns[i]!.fill(0);
      for (let k = 0; k < width; k++)
        for (let r = 0; r < width; r++)
          for (let c = 0; c < width; c++) next[r * width + c]! += left[k * width + r]! * right[k * width + c]!;
    }
  return turns;
}

// transposed a x b over the rows that have both, filled up with zeros to width x width.
function cross(a: Dense, b: Dense, width: number): Float64Array {
  const out = new Float64Array(width * width);
  for (let row = 0; row < a.rows; row++) {
    if (!isPresent(a, row) || !isPresent(b, row)) continue;
    for (let i = 0; i < a.cols; i++) {
      const value = a.data[row * a.cols + i]!;
      for (let j = 0; j < b.cols; j++) out[i * width + j]! += value * b.data[row * b.cols + j]!;
    }
  }
  return out;
}

function addProduct(out: Float64Array, a: Float64Array, b: Float64Array, n: number, factor: number): void {
  for (let i = 0; i < n; i++)
    for (let k = 0; k < n; k++) {
      const value = factor * a[i * n + k]!;
      if (value === 0) continue;
      for (let j = 0; j < n; j++) out[i * n + j]! += value * b[k * n + j]!;
    }
}

// The directions turned by a rotation of `width`, filled up with zeros to `cols` columns.
function turned(
  { matrix, variances }: Directions,
  rows: number,
  by: Float64Array | undefined,
  width: number,
  cols: number,
): Float32Array {
  const rank = variances.length;
  const out = new Float32Array(rows * cols);
  const row = new Float64Array(width);
  for (let at = 0; at < rows; at++) {
    row.fill(0);
    for (let k = 0; k < rank; k++) {
      const value = matrix[at * rank + k]!;
      if (by) for (let j = 0; j < width; j++) row[j]! += value * by[k * width + j]!;
      else row[k] = value;
    }
    out.set(row, at * cols);
  }
  return out;
}
