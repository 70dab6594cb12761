import { reject, showShape, type Value } from "../graph.js";
import { normal, xavierUniform, zeros } from "../initializers.js";
import type { Layer, Scope, Steps } from "../network.js";
import {
  add,
  cast,
  constant,
  gemm,
  greater,
  matmul,
  max,
  mul,
  reshape,
  slice,
  softmax,
  split,
  sub,
  tanh,
  transpose,
} from "../ops.js";
import { type Activation, activate, checkActivation } from "./activation.js";
import { linear } from "./dense.js";
import {
  checkChoice,
  checkFlag,
  checkRate,
  checkSteps,
  checkValue,
  checkWhole,
  isFull,
  isSteps,
  type LayerParams,
  layer,
  maskedSteps,
  zeroedValues,
} from "./layer.js";
import { checkEpsilon, normalized } from "./normalization.js";

/** What asks, and what it looks at. */
export interface Attended {
  readonly query: Steps;
  readonly keys: Steps;
  /** @default the keys */
  readonly values?: Steps;
}

export interface MultiHeadAttentionParams extends LayerParams {
  /** Into how many the channels are cut; divides them. */
  readonly heads: number;
  /** Of the attention weights, in training. @default 0 */
  readonly dropout?: number;
  /** @default true */
  readonly bias?: boolean;
  /** Whether a step sees only itself and those before it. @default false */
  readonly causal?: boolean;
}

// Far below what scores are: its exponential is 0.
const never = 1e9;

/**
 * Multi-head attention: `softmax(Q Kᵀ / √(channels / heads)) V` for each head, side by side, then a linear map. Of Steps to
 * themselves, or of `{ query, keys, values }` (of any width but the query's); gives Steps `[batch, steps of the query, channels of the
 * query]`. Padding is not looked at; a row without keys adds nothing but the bias.
 *
 * Parameters, as PyTorch's MultiheadAttention: `in_proj_weight` `[3 channels, channels]`, `in_proj_bias`, `out_proj/weight`, `out_proj/bias`;
 * where keys or values have another width, `q_proj_weight`, `k_proj_weight`, `v_proj_weight` in place of the first.
 * Cost: 4 products with `[channels, channels]` a step, and steps² x channels twice a row.
 * Source: Vaswani et al., Attention is all you need (2017).
 *
 * @example
 * const inputs = { review: { kind: "steps", cols: 32 }, photos: { kind: "steps", cols: 64 } } as const;
 * const asked = network(inputs, (scope, { review, photos }) => {
 *   const seen = multiHeadAttention({ heads: 4 })(scope, { query: review, keys: photos });
 *   return dense({ units: 1 })(scope, globalMeanPool()(scope, seen));
 * });
 */
export function multiHeadAttention({
  heads,
  dropout = 0,
  bias = true,
  causal = false,
  ...params
}: MultiHeadAttentionParams): Layer<Steps | Attended, Steps> {
  const type = "multiHeadAttention";
  checkWhole(type, "heads", heads);
  checkRate(type, "dropout", dropout);
  checkFlag(type, "bias", bias);
  checkFlag(type, "causal", causal);
  return layer(type, params, (scope, input) => {
    const attended = isSteps(input) ? { query: input, keys: input } : input;
    const { query, keys, values = keys } = attended;
    for (const steps of [query, keys, values])
      checkValue(type, checkSteps(type, steps).values, 3, "steps of [batch, steps, channels]");
    if (keys.values.shape[0] !== query.values.shape[0] || values.values.shape[1] !== keys.values.shape[1])
      reject(
        "shape-mismatch",
        type,
        `query is ${showShape(query.values.shape)}, keys ${showShape(keys.values.shape)} and values ${showShape(values.values.shape)}, want one batch, and as many values as keys`,
      );
    return maskedSteps(attend(scope, { query, keys, values }, { heads, dropout, bias, causal }), query.mask);
  });
}

/** Attention with parameters of the scope; padding of the query gives anything. */
function attend(
  scope: Scope,
  { query, keys, values }: Required<Attended>,
  { heads, dropout, bias, causal }: Required<Omit<MultiHeadAttentionParams, "name">>,
): Value {
  const [batch, steps, width] = query.values.shape as [number, number, number];
  const seen = keys.values.shape[1]!;
  if (width % heads !== 0)
    reject("shape-mismatch", "multiHeadAttention", `query has ${width} channels, want a multiple of heads, ${heads}`);
  const [q, k, v] = projections(scope, { query, keys, values }, heads, bias);
  const scores = matmul(q, k, { transB: true, scale: 1 / Math.sqrt(width / heads) });
  const hidden = [
    ...(isFull(keys.mask) ? [] : [reshape(mul(sub(keys.mask, 1), never), [batch, 1, 1, seen])]),
    ...(causal ? [later(steps, seen)] : []),
  ];
  const weights = softmax(hidden.length > 0 ? add(scores, hidden.reduce(add)) : scores);
  const kept = scope.training && dropout > 0 ? mul(weights, scope.mask(dropout, weights.shape)) : weights;
  const heard = matmul(kept, v);
  // Without any key the weights are those of padding.
  const some = keys === query || isFull(keys.mask) ? heard : mul(heard, reshape(max(keys.mask, [1]), [batch, 1, 1, 1]));
  const sideBySide = reshape(transpose(some, [0, 2, 1, 3]), [batch, steps, width]);
  return scope.enter("out_proj", (own) => linear(own, sideBySide, width, { bias, biasInit: zeros() }));
}

/** Query, keys and values as `[batch, heads, steps, width / heads]`. */
function projections(
  scope: Scope,
  { query, keys, values }: Required<Attended>,
  heads: number,
  bias: boolean,
): readonly [Value, Value, Value] {
  const width = query.values.shape[2]!;
  const shift = bias ? scope.parameter("in_proj_bias", [3 * width], zeros()) : constant(new Float32Array(3 * width));
  /** Products with some of the three matrices at once. */
  const project = ({ values: x }: Steps, weight: Value, bias: Value): Value[] => {
    const [batch, steps, channels] = x.shape as [number, number, number];
    const count = weight.shape[0]! / width;
    const y = gemm(reshape(x, [-1, channels]), weight, bias, { transB: true });
    const turned = transpose(reshape(y, [batch, steps, count, heads, width / heads]), [2, 0, 3, 1, 4]);
    const each = [batch, heads, steps, width / heads];
    return split(turned, Array(count).fill(1), 0).map((one) => reshape(one, each));
  };
  if ([keys, values].some((steps) => steps.values.shape[2] !== width)) {
    const shifts = split(shift, [width, width, width]);
    return [query, keys, values].map((steps, i) => {
      const weight = scope.parameter(`${"qkv"[i]}_proj_weight`, [width, steps.values.shape[2]!], xavierUniform());
      return project(steps, weight, shifts[i]!)[0]!;
    }) as unknown as [Value, Value, Value];
  }
  const weight = scope.parameter("in_proj_weight", [3 * width, width], xavierUniform());
  const groups = query === keys && keys === values ? [3] : keys === values ? [1, 2] : [1, 1, 1];
  const sizes = groups.map((count) => count * width);
  const [weights, shifts] = [split(weight, sizes, 0), split(shift, sizes)];
  return groups.flatMap((_, i) => project([query, keys, values][i]!, weights[i]!, shifts[i]!)) as unknown as [
    Value,
    Value,
    Value,
  ];
}

/** Far below zero where a key is later than what asks: `[steps, keys]`. */
function later(steps: number, keys: number): Value {
  const count = (length: number) => Float32Array.from({ length }, (_, i) => i);
  return mul(cast(greater(constant(count(keys)), constant(count(steps), [steps, 1])), "float32"), -never);
}

export interface TransformerEncoderParams extends LayerParams {
  readonly heads: number;
  /** @default 1 */
  readonly layers?: number;
  /** Width inside each layer's two linear maps. @default 4 times the channels */
  readonly feedForward?: number;
  /** Between these two. @default "relu" */
  readonly activation?: Activation;
  /** Of attention weights, between the two linear maps, and of what each half of a layer adds; in training. @default 0.1 */
  readonly dropout?: number;
  /** Whether each half normalises what it takes (pre-norm: steadier) and not what it gives. @default false, as PyTorch */
  readonly normFirst?: boolean;
  /** One more normalisation at the end. @default normFirst */
  readonly finalNorm?: boolean;
  /** Added to the variance by the normalisations. @default 1e-5 */
  readonly epsilon?: number;
  /** Whether a step sees only itself and those before it. @default false */
  readonly causal?: boolean;
  /** What tells steps apart by where they are: nothing, a trained table, or the source's sines. @default "none" */
  readonly positions?: "none" | "learned" | "sinusoidal";
  /** Rows of the table of learned positions: the most steps there can be. */
  readonly maxLength?: number;
}

/**
 * Transformer encoder: layers of self-attention and two linear maps, each half with a residual and a layer normalisation. Shape in is
 * shape out: Steps `[batch, steps, channels]`.
 *
 * Parameters, as PyTorch's TransformerEncoder: `layers/0/self_attn/…` (see `multiHeadAttention`), `layers/0/linear1/weight`, `linear2`,
 * `norm1`, `norm2`, …, `norm`; and `positions/weight` `[maxLength, channels]`.
 * Cost: a layer is 4 channels² + 2 channels x feedForward multiplications a step, and steps² x channels twice a row.
 * Source: Vaswani et al., Attention is all you need (2017); pre-norm: Xiong et al., On layer normalization in the transformer
 * architecture (2020).
 *
 * @example
 * const visits = network({ visits: { kind: "steps", cols: 6 } }, (scope, { visits }) =>
 *   sequential(
 *     dense({ units: 32 }),
 *     transformerEncoder({ heads: 4, layers: 2, positions: "sinusoidal", normFirst: true }),
 *     globalMeanPool(),
 *     dense({ units: 1 }),
 *   )(scope, visits),
 * );
 */
export function transformerEncoder({
  heads,
  layers = 1,
  feedForward,
  activation = "relu",
  dropout = 0.1,
  normFirst = false,
  finalNorm = normFirst,
  epsilon = 1e-5,
  causal = false,
  positions = "none",
  maxLength,
  ...params
}: TransformerEncoderParams): Layer<Steps, Steps> {
  const type = "transformerEncoder";
  checkWhole(type, "heads", heads);
  checkWhole(type, "layers", layers);
  if (feedForward !== undefined) checkWhole(type, "feedForward", feedForward);
  checkActivation(type, activation);
  checkRate(type, "dropout", dropout);
  checkFlag(type, "normFirst", normFirst);
  checkFlag(type, "finalNorm", finalNorm);
  checkEpsilon(type, epsilon);
  checkFlag(type, "causal", causal);
  checkChoice(type, "positions", positions, ["none", "learned", "sinusoidal"]);
  if (positions === "learned") checkWhole(type, "maxLength", maxLength);
  return layer(type, params, (scope, input) => {
    const { values, mask } = checkSteps(type, input);
    const [, steps, width] = checkValue(type, values, 3, "steps of [batch, steps, channels]").shape as [
      number,
      number,
      number,
    ];
    const drop = (own: Scope, x: Value) => (own.training && dropout > 0 ? mul(x, own.mask(dropout, x.shape)) : x);
    const norm = (own: Scope, name: string, x: Value) => own.enter(name, (inner) => normalized(inner, x, { epsilon }));
    const attention = (own: Scope, x: Value) => {
      const itself = { values: x, mask };
      return own.enter("self_attn", (inner) =>
        attend(inner, { query: itself, keys: itself, values: itself }, { heads, dropout, bias: true, causal }),
      );
    };
    const maps = (own: Scope, x: Value) => {
      const inner = own.enter("linear1", (first) => linear(first, x, feedForward ?? 4 * width));
      return own.enter("linear2", (second) => linear(second, drop(own, activate(activation, inner)), width));
    };
    let x = values;
    if (positions === "learned") x = add(x, learnedPositions(scope, steps, width, maxLength!));
    if (positions === "sinusoidal") x = add(x, sines(steps, width));
    x = scope.enter("layers", (all) => {
      for (let depth = 0; depth < layers; depth++)
        x = all.enter(String(depth), (own) => {
          if (normFirst) {
            const between = add(x, drop(own, attention(own, norm(own, "norm1", x))));
            return add(between, drop(own, maps(own, norm(own, "norm2", between))));
          }
          const between = norm(own, "norm1", add(x, drop(own, attention(own, x))));
          return norm(own, "norm2", add(between, drop(own, maps(own, between))));
        });
      return x;
    });
    return maskedSteps(finalNorm ? norm(scope, "norm", x) : x, mask);
  });
}

function learnedPositions(scope: Scope, steps: number, width: number, most: number): Value {
  if (steps > most)
    reject("shape-mismatch", "transformerEncoder", `input has ${steps} steps, want at most maxLength, ${most}`);
  const table = scope.enter("positions", (own) => own.parameter("weight", [most, width], normal({ deviation: 0.02 })));
  return slice(table, 0, 0, steps);
}

/**
 * Adds to each step what tells it apart by where it is: sines and cosines of its position, of falling frequency. Steps `[batch, steps,
 * channels]` to the same shape, without parameters. Source: Vaswani et al., Attention is all you need (2017).
 *
 * @example
 * const first = sequential(dense({ units: 32 }), sinusoidalPositions(), multiHeadAttention({ heads: 4 }), globalMeanPool());
 */
export function sinusoidalPositions(params: LayerParams = {}): Layer<Steps, Steps> {
  return layer("sinusoidalPositions", params, (_, input) => {
    const { values, mask } = checkSteps("sinusoidalPositions", input);
    const { shape } = checkValue("sinusoidalPositions", values, 3, "steps of [batch, steps, channels]");
    return maskedSteps(add(values, sines(shape[1]!, shape[2]!)), mask);
  });
}

/** sin and cos of the position over 10000^(2i / width), by turns. */
function sines(steps: number, width: number): Value {
  const table = Float32Array.from({ length: steps * width }, (_, at) => {
    const [step, channel] = [Math.floor(at / width), at % width];
    const angle = step / 10000 ** ((channel - (channel % 2)) / width);
    return channel % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
  return constant(table, [steps, width]);
}

export interface AttentionPoolParams extends LayerParams {
  /** Width of the hidden layer that scores a step. @default the channels */
  readonly units?: number;
}

/**
 * The steps of a row summed with weights that add up to 1: `softmax(cᵀ tanh(W x + b))` over its steps. Steps `[batch, steps, channels]`
 * to `[batch, channels]`; zeros for a row without steps.
 *
 * Parameters: `hidden/weight` `[units, channels]`, `hidden/bias`, `score/weight` `[1, units]`, as PyTorch's Linear.
 * Source: Yang et al., Hierarchical attention networks for document classification (2016).
 *
 * @example
 * const visits = network({ visits: { kind: "steps", cols: 6 } }, (scope, { visits }) =>
 *   sequential(gru({ units: 16, returns: "sequences" }), attentionPool(), dense({ units: 1 }))(scope, visits),
 * );
 */
export function attentionPool({ units, ...params }: AttentionPoolParams = {}): Layer<Steps, Value> {
  if (units !== undefined) checkWhole("attentionPool", "units", units);
  return layer("attentionPool", params, (scope, input) => {
    const { mask } = checkSteps("attentionPool", input);
    const values = checkValue("attentionPool", zeroedValues(input), 3, "steps of [batch, steps, channels]");
    const [batch, steps, channels] = values.shape as [number, number, number];
    const hidden = tanh(scope.enter("hidden", (own) => linear(own, values, units ?? channels)));
    const scores = reshape(
      scope.enter("score", (own) => linear(own, hidden, 1, { bias: false })),
      [batch, steps],
    );
    const weights = softmax(isFull(mask) ? scores : add(scores, mul(sub(mask, 1), never)));
    return reshape(matmul(reshape(weights, [batch, 1, steps]), values), [batch, channels]);
  });
}
