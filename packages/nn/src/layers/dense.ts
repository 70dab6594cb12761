import { reject, showShape, type Value } from "../graph.js";
import { bounded, kaimingUniform, zeros } from "../initializers.js";
import type { Bag, Initializer, Layer, Scope } from "../network.js";
import { add, gather, gemm, matmul, reshape } from "../ops.js";
import { type Activation, activate, checkActivation } from "./activation.js";
import { checkFlag, checkWhole, describe, has, type LayerParams, layer, type ValueLayer, valueLayer } from "./layer.js";

export interface DenseParams extends LayerParams {
  /** Length of the last axis of the result. */
  readonly units: number;
  /** @default true */
  readonly bias?: boolean;
  /** @default "linear" */
  readonly activation?: Activation;
  /** @default kaimingUniform(), as PyTorch */
  readonly weightInit?: Initializer;
  /** @default uniform within ±1 / √inputs, as PyTorch */
  readonly biasInit?: Initializer;
}

/**
 * A linear map of the last axis, `x weightᵀ + bias`, and an activation: `[..., inputs]` to `[..., units]`, on a Value of any
 * rank or on Steps.
 *
 * Parameters, as PyTorch's Linear: `weight` `[units, inputs]`, `bias` `[units]`. Cost: one matrix product.
 *
 * @example
 * const mlp = network({ user: { kind: "vector", cols: 12 } }, (scope, { user }) =>
 *   sequential(dense({ units: 32, activation: "relu" }), dense({ units: 1 }))(scope, user),
 * );
 */
export function dense({
  units,
  bias = true,
  activation = "linear",
  weightInit = kaimingUniform(),
  biasInit,
  ...params
}: DenseParams): ValueLayer {
  checkWhole("dense", "units", units);
  checkFlag("dense", "bias", bias);
  checkActivation("dense", activation);
  return valueLayer("dense", params, (scope, x) =>
    activate(activation, linear(scope, x, units, { bias, weightInit, ...(biasInit && { biasInit }) })),
  );
}

/** The linear map with parameters `weight` and `bias` of the scope. */
export function linear(
  scope: Scope,
  x: Value,
  units: number,
  {
    bias = true,
    weightInit = kaimingUniform(),
    biasInit,
  }: Partial<Pick<DenseParams, "bias" | "weightInit" | "biasInit">> = {},
): Value {
  const inputs = x.shape.at(-1);
  if (x.shape.length < 2 || !inputs)
    reject("shape-mismatch", "dense", `input is ${showShape(x.shape)}, want [batch, ..., inputs]`);
  const weight = scope.parameter("weight", [units, inputs], weightInit);
  // One product of matrices, whatever the axes before the last.
  const rows = reshape(x, [-1, inputs]);
  const y = bias
    ? gemm(rows, weight, scope.parameter("bias", [units], biasInit ?? bounded(1 / Math.sqrt(inputs))), {
        transB: true,
      })
    : matmul(rows, weight, { transB: true });
  return reshape(y, [...x.shape.slice(0, -1), units]);
}

export interface BagDenseParams extends LayerParams {
  /** Width of the result. */
  readonly units: number;
  /** Columns of the sparse features. */
  readonly cols: number;
  /** @default true */
  readonly bias?: boolean;
  /** @default "linear" */
  readonly activation?: Activation;
  /** @default uniform within ±1 / √cols */
  readonly weightInit?: Initializer;
  /** @default zeros */
  readonly biasInit?: Initializer;
}

/**
 * The first layer over sparse rows: the sum of the table's rows of the columns that are not zero, times their values, plus a
 * bias; then an activation. A Bag to `[batch, units]`; a row without entries gives the bias.
 *
 * Parameters: `weight` `[cols, units]` (as PyTorch's EmbeddingBag of mode sum, and the transpose of a Linear's), `bias` `[units]`.
 * Cost: entries x units, and the gradient of `weight` is of touched rows only.
 *
 * @example
 * const words = network({ review: { kind: "bag", cols: 20_000 } }, (scope, { review }) =>
 *   dense({ units: 1 })(scope, bagDense({ cols: 20_000, units: 64, activation: "relu" })(scope, review)),
 * );
 */
export function bagDense({
  units,
  cols,
  bias = true,
  activation = "linear",
  weightInit,
  biasInit = zeros(),
  ...params
}: BagDenseParams): Layer<Bag, Value> {
  checkWhole("bagDense", "units", units);
  checkWhole("bagDense", "cols", cols);
  checkFlag("bagDense", "bias", bias);
  checkActivation("bagDense", activation);
  return layer("bagDense", params, (scope, bag) => {
    if (!has(bag, "ids", "weights"))
      reject("invalid-input", "bagDense", `input is ${describe(bag)}, want a bag: { ids, weights } of sparse rows`);
    const [batch, most] = bag.ids.shape as [number, number];
    const table = scope.parameter("weight", [cols, units], weightInit ?? bounded(1 / Math.sqrt(cols)));
    const weights = reshape(bag.weights, [batch, 1, most]);
    const sums = reshape(matmul(weights, gather(table, bag.ids)), [batch, units]);
    return activate(activation, bias ? add(sums, scope.parameter("bias", [units], biasInit)) : sums);
  });
}
