// Transformer blocks between modalities.
import { checkParam } from "@mmub/core";
import {
  type Activation,
  add,
  concat,
  dense,
  dropout as dropoutLayer,
  expand,
  fullSteps,
  initializers,
  layerNorm,
  multiHeadAttention,
  reshape,
  type Scope,
  type Steps,
} from "@mmub/nn";

export interface AttentionParams {
  /** Heads of attention; divides the units. @default 4 */
  readonly heads?: number;
  /** @default 2 */
  readonly layers?: number;
}

/** The checked params. */
export function attentionOf(part: string, { heads = 4, layers = 2 }: AttentionParams, units: number) {
  for (const [name, value] of Object.entries({ heads, layers }))
    checkParam(part, name, value, Number.isInteger(value) && value > 0, "a positive integer");
  checkParam(part, "heads", heads, units % heads === 0, `a divisor of units, ${units}`);
  return { heads, layers };
}

export interface BlockParams {
  readonly heads: number;
  readonly dropout: number;
  readonly activation: Activation;
}

/** Steps that look at others (pre-norm), then two dense layers, each with a residual. */
export function crossBlock(
  scope: Scope,
  query: Steps,
  keys: Steps,
  { heads, dropout, activation }: BlockParams,
): Steps {
  const drop = dropoutLayer({ rate: dropout });
  const units = query.values.shape[2]!;
  const heard = multiHeadAttention({ heads, dropout })(scope, {
    query: layerNorm({ name: "query_norm" })(scope, query),
    keys: layerNorm({ name: "keys_norm" })(scope, keys),
  });
  const between = plus(query, drop(scope, heard));
  const inner = dense({ units: 4 * units, activation, name: "linear1" })(scope, layerNorm()(scope, between));
  return plus(between, drop(scope, dense({ units, name: "linear2" })(scope, drop(scope, inner))));
}

/** One behind the other. */
export function joinedSteps(pieces: readonly Steps[]): Steps {
  if (pieces.length === 1) return pieces[0]!;
  return {
    values: concat(
      pieces.map(({ values }) => values),
      1,
    ),
    mask: concat(pieces.map(({ mask }) => mask)),
  };
}

/** Vectors that are learned, the same for every row, as steps. */
export function learnedSteps(scope: Scope, name: string, count: number, units: number, batch: number): Steps {
  const table = scope.parameter(name, [count, units], initializers.normal({ deviation: 0.02 }));
  return fullSteps(expand(reshape(table, [1, count, units]), [batch, count, units]));
}

function plus(a: Steps, b: Steps): Steps {
  return { values: add(a.values, b.values), mask: a.mask };
}
