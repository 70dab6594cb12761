import {
  checkParam,
  checkSaved,
  described,
  disposeAll,
  type Features,
  type FitOptions,
  type FittedModel,
  type Json,
  MmubError,
  type Model,
  reportedAs,
  type Saved,
} from "@mmub/core";
import { checkMatrix, checkWidth, type Matrix } from "./linear.js";
import { checkModel, loadedMembers, savedMembers } from "./members.js";
import { filled } from "./trees/settings.js";

const type = "@mmub/models/polynomial-features";

export interface PolynomialFeaturesParams<T, Output> {
  /** The model that learns from the products: most often a linear one. */
  readonly model: Model<T, Output>;
  /** Products of up to so many columns, at least 1. @default 2 */
  readonly degree?: number;
  /** Whether only products of columns that differ count, no squares. @default false */
  readonly interactionOnly?: boolean;
}

export interface PolynomialFeatures<T, Output> extends Model<T, Output> {
  fit(x: Features, targets: readonly T[], options?: FitOptions): Promise<FittedPolynomialFeatures<Output>>;
  load(saved: Saved): Promise<FittedPolynomialFeatures<Output>>;
}

export interface FittedPolynomialFeatures<Output> extends FittedModel<Output> {
  /** What it learned: of a linear model the coefficients, one for each of `terms`. */
  readonly model: FittedModel<Output>;
  /** The columns that each product is of, such as `[0, 0]` for the square of the first. */
  readonly terms: readonly (readonly number[])[];
}

// More columns than any of the models could take.
const maxTerms = 2 ** 24;

/**
 * A model of the products of columns with each other, which sees interactions and curves where it is linear itself.
 *
 * Input: Dense, or Sparse, which stays sparse; bring columns to one scale. The products: each column, then those of two columns (squares
 * among them), then of three and so on, in the order of scikit-learn's `PolynomialFeatures`; without a column of ones, since models have
 * an intercept. Output: that of the model. Rejects what the model rejects, Sequence, and more than 16 million products.
 * Cost: of `cols` columns and degree 2 `cols * (cols + 3) / 2` columns of float32 for each row, or as many for those of a row that are not
 * 0, and the fit of the model on them.
 *
 * @example
 * const spot = dense(4, 2, Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1));
 * const fitted = await polynomialFeatures({ model: ridge({ alpha: 0.001 }) }).fit(spot, [0, 1, 1, 0]); // either, but not both
 * console.log(fitted.terms); // [0], [1], [0, 0], [0, 1], [1, 1]
 */
export function polynomialFeatures<T, Output>(
  params: PolynomialFeaturesParams<T, Output>,
): PolynomialFeatures<T, Output> {
  const defaults = { model: undefined as unknown as Model<T, Output>, degree: 2, interactionOnly: false };
  const { model, degree, interactionOnly } = filled<Required<PolynomialFeaturesParams<T, Output>>>(
    type,
    params,
    defaults,
    [],
  );
  checkModel(type, "model", model);
  checkParam(type, "degree", degree, Number.isInteger(degree) && degree > 0, "a whole number of at least 1");
  checkParam(type, "interactionOnly", interactionOnly, typeof interactionOnly === "boolean", "true or false");
  const recipe = { type, params: { model: described(model), degree, interactionOnly } as Json };

  const fitted = (cols: number, member: FittedModel<Output>): FittedPolynomialFeatures<Output> => {
    const terms = termsOf(cols, degree, interactionOnly);
    return {
      model: member,
      get terms() {
        return listed(terms, cols);
      },
      async predict(x, options) {
        checkMatrix(x, type);
        checkWidth(x, cols, type);
        return member.predict(products(x, terms), reportedAs(options, type));
      },
      save: async () => ({ ...recipe, version: 1, state: { cols }, parts: await savedMembers({ model: member }) }),
      dispose: () => disposeAll([member]),
    };
  };

  return {
    ...recipe,
    async fit(x, targets, options) {
      checkMatrix(x, type);
      const terms = termsOf(x.cols, degree, interactionOnly);
      return fitted(x.cols, await model.fit(products(x, terms), targets, reportedAs(options, type)));
    },
    async load(saved) {
      const { cols } = checkSaved(saved, recipe, 1).state as { cols: number };
      return fitted(cols, (await loadedMembers(saved, { model })).model!);
    },
  };
}

/** A product of more columns is one of fewer times a column that is not before its last; such products lie side by side. */
interface Terms {
  readonly count: number;
  readonly degree: number;
  /** The last column of each product. */
  readonly last: Uint32Array;
  /** The product that it is a column more of; its own number for single columns. */
  readonly parent: Uint32Array;
  /** Where the products begin that have a column more; of those of the highest degree there are none. */
  readonly start: Uint32Array;
  /** 1 where a column comes once in a product at most. */
  readonly apart: 0 | 1;
}

function termsOf(cols: number, degree: number, interactionOnly: boolean): Terms {
  const apart = interactionOnly ? 1 : 0;
  // As many as there are ways to choose up to `degree` of the columns, with or without repetition.
  let [count, ways] = [0, 1];
  for (let d = 1; d <= degree; d++) {
    ways = (ways * (apart ? Math.max(0, cols - d + 1) : cols + d - 1)) / d;
    count += ways;
  }
  if (count > maxTerms)
    throw new MmubError("invalid-input", {
      part: type,
      message: `${cols} columns have ${count} products up to degree ${degree}, want at most ${maxTerms}; give fewer columns or a lower degree`,
      cols,
      degree,
    });
  const [last, parent, start] = [new Uint32Array(count), new Uint32Array(count), new Uint32Array(count)];
  for (let k = 0; k < cols; k++) [last[k], parent[k]] = [k, k];
  let [from, to] = [0, cols];
  for (let d = 2; d <= degree; d++) {
    let at = to;
    for (let term = from; term < to; term++) {
      start[term] = at;
      for (let k = last[term]! + apart; k < cols; k++) {
        last[at] = k;
        parent[at++] = term;
      }
    }
    [from, to] = [to, at];
  }
  return { count, degree, last, parent, start, apart };
}

function listed({ count, last, parent }: Terms, cols: number): number[][] {
  const all: number[][] = [];
  for (let term = 0; term < count; term++) all.push(term < cols ? [term] : [...all[parent[term]!]!, last[term]!]);
  return all;
}

function products(x: Matrix, terms: Terms): Matrix {
  const { rows } = x;
  const { count, parent, last, degree, start, apart } = terms;
  const present = x.present && { present: x.present };
  if (x.layout === "dense") {
    const data = new Float32Array(rows * count);
    const row = new Float64Array(count);
    for (let i = 0; i < rows; i++) {
      const values = x.data.subarray(i * x.cols, (i + 1) * x.cols);
      row.set(values);
      for (let term = x.cols; term < count; term++) row[term] = row[parent[term]!]! * values[last[term]!]!;
      data.set(row, i * count);
    }
    return { layout: "dense", rows, cols: count, data, ...present };
  }
  const offsets = new Uint32Array(rows + 1);
  const [columns, values]: [number[], number[]] = [[], []];
  for (let i = 0; i < rows; i++) {
    const own = x.columns.subarray(x.offsets[i]!, x.offsets[i + 1]!);
    const numbers = x.values.subarray(x.offsets[i]!, x.offsets[i + 1]!);
    // Each product so far, and the place of its last column among the row's.
    let front = Array.from(own, (column, place) => ({ term: column, value: numbers[place]!, place }));
    for (let d = 1; ; d++) {
      for (const { term, value } of front) {
        columns.push(term);
        values.push(value);
      }
      if (d === degree) break;
      front = front.flatMap(({ term, value, place }) =>
        Array.from(own.subarray(place + apart), (column, more) => ({
          term: start[term]! + column - last[term]! - apart,
          value: value * numbers[place + apart + more]!,
          place: place + apart + more,
        })),
      );
    }
    offsets[i + 1] = columns.length;
  }
  return {
    layout: "sparse",
    rows,
    cols: count,
    offsets,
    columns: Uint32Array.from(columns),
    values: Float32Array.from(values),
    ...present,
  };
}
