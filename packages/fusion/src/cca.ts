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
  type Json,
  MmubError,
  modalityNames,
  progress,
  type RunOptions,
  random,
  type Saved,
  savedArray,
  turn,
} from "@mmub/core";
import { svd } from "./linear-algebra.js";
import { leadingDirections, timesMatrix } from "./projection.js";
import { checkSeen, fitScaling, pooled, type Scaling, type ScalingParams, scalingParams } from "./scaling.js";

const type = "@mmub/fusion/cca";

export interface CcaParams extends ScalingParams {
  /** Width of the space that modalities share. @default 16 */
  readonly components?: number;
  /** Directions that are kept of a modality before: of wide ones the leading ones (truncated SVD). @default 64 */
  readonly dimensions?: number;
  /**
   * Added to the variance of each of these directions, as a share of the largest: with few rows, or many directions, correlations that
   * are none are found without it. @default 0.1
   */
  readonly regularization?: number;
  /** What a row becomes: the mean of what its modalities are in the shared space, or these side by side, zeros where one is missing. @default "mean" */
  readonly join?: "mean" | "concat";
}

export interface Cca extends Fuser {
  /** What the targets are is not looked at, so that pairs without one count too: `pairs.map(() => 0)` will do. */
  fit(features: FeatureSet, targets: readonly unknown[], options?: FitOptions): Promise<FittedCca>;
  load(saved: Saved): Promise<FittedCca>;
}

export interface FittedCca extends FittedFuser {
  /** The mean correlation of the modalities in each column of the shared space, falling; without regularisation, of two, the canonical ones. */
  readonly correlations: Float64Array;
  transform(features: FeatureSet, options?: RunOptions): Promise<Dense>;
  /** Each modality in the shared space, such as to find the photo that goes with a text: rows x components each. */
  project(features: FeatureSet, options?: RunOptions): Promise<Readonly<Record<string, Dense>>>;
}

interface Input extends Scaling {
  readonly modality: string;
  readonly layout: string;
  readonly cols: number;
  /** width x components. */
  readonly matrix: Float64Array;
}

/**
 * Canonical correlation analysis: each modality is brought linearly into one space, in which what belongs together agrees as much as may
 * be. It learns from pairs alone, without targets; a row that has but one modality comes to lie where its others would be.
 *
 * Output: Dense, rows x `components`, times modalities with `join: "concat"`; columns of about deviation 1. Of more than two modalities the sum of
 * the correlations of all pairs is made large. Each pair learns from the rows that have both. Takes Dense and Sparse features, and Sequences
 * as one row. Rejects less than two modalities, a modality that no row has, two that no row has both of, and what `concat` does. Cost: that of `weightedSum`
 * with `dimensions`, and (modalities x dimensions)³.
 * Source: Hotelling, Relations between two sets of variates (1936); Kettenring, Canonical analysis of several sets of variables (1971).
 *
 * @example
 * const photo = dense(4, 2, Float32Array.of(0, 1, 1, 0, 0, 2, 2, 0));
 * const visits = dense(4, 1, Float32Array.of(5, 9, 4, 8));
 * const fitted = await cca({ components: 1 }).fit({ photo, visits }, [0, 0, 0, 0]);
 * const { photo: seen, visits: done } = await fitted.project({ photo, visits }); // alike where they belong together
 */
export function cca(params: CcaParams = {}): Cca {
  const { components = 16, dimensions = 64, regularization = 0.1, join = "mean", ...given } = params;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  for (const [name, value] of Object.entries({ components, dimensions }))
    check(name, value, Number.isInteger(value) && value > 0, "a positive integer");
  check("regularization", regularization, regularization >= 0 && regularization < Infinity, "a number of at least 0");
  check("join", join, join === "mean" || join === "concat", '"mean" or "concat"');
  const scaling = scalingParams(given, type);
  const recipe = { type, params: { components, dimensions, regularization, join, ...scaling } as Json };

  return {
    ...recipe,
    async fit(features, targets, options) {
      await turn(options?.signal);
      checkTargets(targets, checkFeatureSet(features, type), type);
      const names = modalityNames(features);
      if (names.length < 2)
        throw new MmubError("invalid-input", {
          part: type,
          message: `there is but "${names[0]}", want two modalities`,
        });
      const report = progress(options, type, names.length);
      const numbers = random(options?.seed);
      const blocks: { input: Omit<Input, "matrix">; matrix: Float64Array; whitened: Dense }[] = [];
      for (const [index, modality] of names.entries()) {
        await turn(options?.signal);
        const { layout, cols } = features[modality]!;
        const block = pooled(features[modality]!, scaling.pool);
        checkSeen(block, modality, type);
        const scale = typeof scaling.scale === "string" ? scaling.scale : (scaling.scale[modality] ?? "block");
        const input = { modality, layout, cols, ...fitScaling(block, scale, scaling.blockNorm) };
        const { matrix, variances } = await leadingDirections(
          block,
          input,
          dimensions,
          numbers.fork(modality),
          options?.signal,
        );
        const width = variances.length;
        for (let i = 0; i < matrix.length; i++)
          matrix[i]! /= Math.sqrt(variances[i % width]! + regularization * variances[0]!);
        blocks.push({ input, matrix, whitened: timesMatrix(block, input, matrix, width) });
        report(index + 1);
      }
      const widths = blocks.map(({ whitened }) => whitened.cols);
      const starts = widths.map((_, i) => widths.slice(0, i).reduce((sum, width) => sum + width, 0));
      const size = widths.reduce((sum, width) => sum + width, 0);
      // The products of all pairs, with enough on the diagonal that nothing is negative.
      const all = new Float64Array(size * size);
      for (let i = 0; i < size; i++) all[i * size + i] = names.length;
      for (const [i, a] of blocks.entries())
        for (const [j, b] of blocks.entries()) {
          if (i >= j) continue;
          const between = crossMean(a.whitened, b.whitened);
          if (!between)
            throw new MmubError("invalid-input", {
              part: type,
              message: `no row has both "${names[i]}" and "${names[j]}", want some that do`,
            });
          for (let r = 0; r < widths[i]!; r++)
            for (let c = 0; c < widths[j]!; c++) {
              const [row, col] = [starts[i]! + r, starts[j]! + c];
              all[row * size + col] = all[col * size + row] = between[r * widths[j]! + c]!;
            }
        }
      await turn(options?.signal);
      const { values, right } = svd(all, size);
      const found = Math.min(components, ...widths);
      const correlations = Float64Array.from(
        { length: found },
        (_, k) => (values[k]! - names.length) / (names.length - 1),
      );
      const inputs = blocks.map(({ input, matrix }, m): Input => {
        const width = widths[m]!;
        const out = new Float64Array(input.offset.length * components);
        for (let row = 0; row < input.offset.length; row++)
          for (let k = 0; k < found; k++) {
            let sum = 0;
            for (let i = 0; i < width; i++) sum += matrix[row * width + i]! * right[k * size + starts[m]! + i]!;
            // Each modality has its part of a vector of length 1.
            out[row * components + k] = sum * Math.sqrt(names.length);
          }
        return { ...input, matrix: out };
      });
      return fitted(inputs, correlations);
    },
    async load(saved) {
      const { state } = checkSaved(saved, recipe, 1);
      const list = state as unknown as readonly (Pick<Input, "modality" | "layout" | "cols"> & { width: number })[];
      const total = list.reduce((sum, { width }) => sum + width, 0);
      const offset = savedArray(saved, "offset", Float64Array, total);
      const factor = savedArray(saved, "factor", Float64Array, total);
      const matrix = savedArray(saved, "matrix", Float64Array, total * components);
      let from = 0;
      const inputs = list.map(({ width, ...input }) => {
        const [first, last] = [from, from + width];
        from = last;
        return {
          ...input,
          offset: offset.slice(first, last),
          factor: factor.slice(first, last),
          matrix: matrix.slice(first * components, last * components),
        };
      });
      return fitted(inputs, savedArray(saved, "correlations", Float64Array));
    },
  };

  function fitted(inputs: readonly Input[], correlations: Float64Array): FittedCca {
    const widths = Object.fromEntries(inputs.map((input) => [input.modality, input.cols]));
    const project = async (features: FeatureSet, options?: RunOptions): Promise<Record<string, Dense>> => {
      await turn(options?.signal);
      checkFeatureSet(features, type);
      checkModalities(features, widths, type);
      const out: Record<string, Dense> = {};
      for (const input of inputs) {
        checkLayout(features[input.modality]!, input.layout, input.modality, type);
        out[input.modality] = timesMatrix(
          pooled(features[input.modality]!, scaling.pool),
          input,
          input.matrix,
          components,
        );
        await turn(options?.signal);
      }
      return out;
    };
    return {
      cols: join === "mean" ? components : components * inputs.length,
      correlations,
      project,
      async transform(features, options) {
        const report = progress(options, type, features[inputs[0]!.modality]?.rows ?? 0);
        const each = Object.values(await project(features, options));
        const { rows } = each[0]!;
        const out = dense(rows, join === "mean" ? components : components * each.length);
        for (let row = 0; row < rows; row++) {
          const there = each.filter((one) => isPresent(one, row)).length;
          if (there === 0) out.present[row] = 0;
          for (const [m, one] of each.entries()) {
            if (!isPresent(one, row)) continue;
            const start = row * out.cols + (join === "mean" ? 0 : m * components);
            for (let k = 0; k < components; k++)
              out.data[start + k]! += one.data[row * components + k]! / (join === "mean" ? there : 1);
          }
        }
        report(rows);
        return out;
      },
      async save() {
        const joined = (of: (input: Input) => Float64Array) =>
          Float64Array.from(inputs.flatMap((input) => Array.from(of(input))));
        return {
          ...recipe,
          version: 1,
          state: inputs.map(({ modality, layout, cols, offset }) => ({ modality, layout, cols, width: offset.length })),
          arrays: {
            offset: joined(({ offset }) => offset),
            factor: joined(({ factor }) => factor),
            matrix: joined(({ matrix }) => matrix),
            correlations,
          },
        };
      },
    };
  }
}

/** The mean of the products of the columns of two blocks over the rows that have both; null where none has. */
function crossMean(a: Dense, b: Dense): Float64Array | null {
  const out = new Float64Array(a.cols * b.cols);
  let count = 0;
  for (let row = 0; row < a.rows; row++) {
    if (!isPresent(a, row) || !isPresent(b, row)) continue;
    count++;
    for (let i = 0; i < a.cols; i++) {
      const value = a.data[row * a.cols + i]!;
      for (let j = 0; j < b.cols; j++) out[i * b.cols + j]! += value * b.data[row * b.cols + j]!;
    }
  }
  return count === 0 ? null : out.map((value) => value / count);
}
