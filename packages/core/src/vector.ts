import { batches } from "./batch.js";
import type { Dense, Extractor, FittedExtractor } from "./contracts.js";
import { checkParam, MmubError, rejectInput } from "./errors.js";
import { dense } from "./features.js";
import { checkSaved } from "./saved.js";

const type = "@mmub/core/vector";

export interface VectorParams {
  /** The length of every vector. Absent: that of the first vector of the fit. */
  readonly length?: number;
  /** A name for each value, for explanations. */
  readonly names?: readonly string[];
}

/**
 * Features that you already have, such as embeddings from elsewhere: each input is an array of finite numbers and passes
 * through unchanged.
 *
 * Output: Dense, rows x length. A missing vector is a zero row with `present` 0.
 * Rejects another length, NaN and infinities (`invalid-input`, with the index). Cost: one copy.
 *
 * @example
 * const fitted = await vector().fit([[0.1, 0.2], [0.3, 0.4]]);
 * const { rows, cols } = await fitted.transform([[0.5, 0.6]]); // 1, 2
 */
export function vector(params: VectorParams = {}): Extractor<ArrayLike<number>, Dense> {
  const { length, names } = params;
  if (length !== undefined)
    checkParam(type, "length", length, Number.isInteger(length) && length > 0, "a positive integer");
  if (names)
    checkParam(
      type,
      "names",
      names,
      length === undefined || names.length === length,
      `one name for each of ${length} values`,
    );
  const recipe = {
    type,
    params: { ...(length !== undefined && { length }), ...(names && { names }) },
  };

  const fitted = (cols: number): FittedExtractor<ArrayLike<number>, Dense> => ({
    cols,
    ...(names && { names }),
    async transform(inputs, options) {
      const out = dense(inputs.length, cols);
      for await (const { items, first } of batches(inputs, options, type))
        for (const [offset, item] of items.entries()) {
          const row = first + offset;
          if (item === null) out.present[row] = 0;
          else {
            checkVector(item, row, cols);
            out.data.set(item, row * cols);
          }
        }
      return out;
    },
    save: async () => ({ ...recipe, version: 1, state: { cols } }),
  });

  return {
    ...recipe,
    async fit(inputs, options) {
      let cols = length ?? names?.length;
      for await (const { items, first } of batches(inputs, options, type))
        for (const [offset, item] of items.entries()) {
          if (item === null) continue;
          checkVector(item, first + offset, cols);
          cols ??= item.length;
        }
      if (cols === undefined)
        throw new MmubError("invalid-input", {
          part: type,
          message: "no vector was given, so their length is unknown; give at least one, or set the param `length`",
        });
      return fitted(cols);
    },
    load: async (saved) => fitted((checkSaved(saved, recipe, 1).state as { cols: number }).cols),
  };
}

function checkVector(item: ArrayLike<number>, index: number, length: number | undefined): void {
  if (typeof item !== "object" || typeof item.length !== "number" || item.length === 0)
    rejectInput(type, index, item, "an array of numbers or null");
  if (length !== undefined && item.length !== length)
    throw new MmubError("invalid-input", {
      part: type,
      message: `input ${index} has ${item.length} values, want ${length} as every other`,
      index,
    });
  for (let i = 0; i < item.length; i++)
    if (!Number.isFinite(item[i]))
      throw new MmubError("invalid-input", {
        part: type,
        message: `input ${index} has ${item[i]} at position ${i}, want a finite number; give null for a missing vector`,
        index,
        position: i,
      });
}
