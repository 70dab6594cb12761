import { checkParam } from "@mmub/core";
import { reject, type Value } from "../graph.js";
import { normal } from "../initializers.js";
import type { Initializer, Layer, Steps, Tokens } from "../network.js";
import { cast, equal, gather, mul, reshape, sub, withGradient } from "../ops.js";
import { checkFlag, checkWhole, describe, has, type LayerParams, layer, maskedSteps, times } from "./layer.js";

export interface EmbeddingParams extends LayerParams {
  /** How many ids there are: 0 to rows - 1. */
  readonly rows: number;
  /** Channels of the result. */
  readonly width: number;
  /** An id that stands for nothing: its row begins as zeros and is not trained. @default none */
  readonly padding?: number;
  /** False for vectors that are given and stay as they are. @default true */
  readonly trained?: boolean;
  /** @default normal(), as PyTorch */
  readonly weightInit?: Initializer;
}

/** What steps were looked up with, for layers that send gradient to few of them. */
export interface Lookup {
  readonly table: Value;
  /** int32, `[batch, steps]`. */
  readonly ids: Value;
  /** `[batch, steps]`, 1 where the table learns. */
  readonly learns: Value;
  readonly mask: Value;
}

const lookups = new WeakMap<Value, Lookup>();

/** The lookup that these steps are, if they are one. */
export function lookupOf({ values, mask }: Steps): Lookup | undefined {
  const found = lookups.get(values);
  return found?.mask === mask ? found : undefined;
}

/**
 * Rows of a table by id: Tokens `[batch, steps]` to Steps `[batch, steps, width]`, zero at padding.
 *
 * Parameter, as PyTorch's Embedding: `weight` `[rows, width]`. Ids are checked where features come in, not here.
 * Cost: a copy; the gradient of the table is of the looked-up rows only.
 *
 * @example
 * const words = network({ words: { kind: "tokens", vocabulary: 5000 } }, (scope, { words }) =>
 *   sequential(embedding({ rows: 5000, width: 64 }), globalMeanPool(), dense({ units: 1 }))(scope, words),
 * );
 */
export function embedding({
  rows,
  width,
  padding,
  trained = true,
  weightInit = normal(),
  ...params
}: EmbeddingParams): Layer<Tokens, Steps> {
  checkWhole("embedding", "rows", rows);
  checkWhole("embedding", "width", width);
  checkFlag("embedding", "trained", trained);
  if (padding !== undefined)
    checkParam(
      "@mmub/nn/embedding",
      "padding",
      padding,
      Number.isInteger(padding) && padding >= 0 && padding < rows,
      `an id from 0 to ${rows - 1}`,
    );
  const init: Initializer =
    padding === undefined
      ? weightInit
      : (shape, random) => weightInit(shape, random).fill(0, padding * width, (padding + 1) * width);
  return layer("embedding", params, (scope, tokens) => {
    if (!has(tokens, "ids", "mask"))
      reject("invalid-input", "embedding", `input is ${describe(tokens)}, want tokens: { ids, mask } of a sequence`);
    const { ids, mask } = tokens;
    const table = trained
      ? scope.parameter("weight", [rows, width], init)
      : scope.buffer("weight", [rows, width], init);
    const learns = padding === undefined ? mask : mul(mask, sub(1, cast(equal(ids, padding), "float32")));
    // Of padding steps no layer sends a gradient.
    const [found] = withGradient([gather(table, ids)], [table], ([gradient]) => [
      gradient && {
        rows: reshape(ids, [-1]),
        values: reshape(padding === undefined ? gradient : times(gradient, learns), [-1, width]),
      },
    ]);
    const steps = maskedSteps(found!, mask);
    lookups.set(steps.values, { table, ids, learns, mask });
    return steps;
  });
}
