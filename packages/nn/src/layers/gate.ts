import { reject, sameShape, showShape, type Value } from "../graph.js";
import { constant as filled } from "../initializers.js";
import type { Layer } from "../network.js";
import { add, concat, mul, sigmoid, split, sub } from "../ops.js";
import { type Activation, activate, checkActivation } from "./activation.js";
import { linear } from "./dense.js";
import { checkFlag, checkWhole, type LayerParams, layer, type ValueLayer, valueLayer } from "./layer.js";

/**
 * Gated linear unit: the first half of the last axis times the sigmoid of the second, as PyTorch's GLU: `[..., 2 n]` to `[..., n]`, on
 * a Value or on Steps. Source: Dauphin, Fan, Auli and Grangier, Language modeling with gated convolutional networks (2017).
 *
 * @example
 * const gated = sequential(dense({ units: 64 }), glu(), dense({ units: 1 })); // 32 columns after the gate
 */
export function glu(params: LayerParams = {}): ValueLayer {
  return valueLayer(
    "glu",
    params,
    (_, x) => {
      const width = x.shape.at(-1)!;
      if (width % 2 !== 0) reject("shape-mismatch", "glu", `input is ${showShape(x.shape)}, want an even last axis`);
      const [value, gate] = split(x, [width / 2, width / 2]) as [Value, Value];
      return mul(value, sigmoid(gate));
    },
    true,
  );
}

export interface HighwayParams extends LayerParams {
  /** Of what is let through. @default "relu" */
  readonly activation?: Activation;
  /** Where the gate's bias begins: negative lets the input by. @default -2 */
  readonly gateBias?: number;
}

/**
 * Highway: `t ⊙ f(W x + b) + (1 - t) ⊙ x` with the gate `t = σ(V x + c)`: shape in is shape out, on a Value or on Steps.
 *
 * Parameters: `transform/weight`, `transform/bias`, `gate/weight`, `gate/bias`, as PyTorch's Linear.
 * Source: Srivastava, Greff and Schmidhuber, Training very deep networks (2015).
 *
 * @example
 * const deep = sequential(dense({ units: 32 }), highway(), highway(), dense({ units: 1 }));
 */
export function highway({ activation = "relu", gateBias = -2, ...params }: HighwayParams = {}): ValueLayer {
  checkActivation("highway", activation);
  const biasInit = filled(gateBias);
  return valueLayer("highway", params, (scope, x) => {
    const width = x.shape.at(-1)!;
    const changed = activate(
      activation,
      scope.enter("transform", (own) => linear(own, x, width)),
    );
    const gate = sigmoid(scope.enter("gate", (own) => linear(own, x, width, { biasInit })));
    return add(x, mul(gate, sub(changed, x)));
  });
}

export interface GatedFusionParams extends LayerParams {
  /** Width of the result. */
  readonly units: number;
  /** Of each modality. @default "tanh" */
  readonly activation?: Activation;
  /** Whether the projections of the modalities have a bias. @default true */
  readonly bias?: boolean;
}

/**
 * Gated multimodal unit: each value brought to one width, then summed under gates that see all of them:
 * `Σᵢ σ(Vᵢ [x₁, …, xₖ]) ⊙ tanh(Wᵢ xᵢ + bᵢ)`. Two values share one gate, z and 1 - z, as in the source. Values `[batch, ...cols]` each,
 * of any widths, to `[batch, units]`.
 *
 * Parameters: `input_0/weight`, `input_0/bias`, … and `gate_0/weight`, … (one for two values), as PyTorch's Linear.
 * Source: Arevalo, Solorio, Montes-y-Gómez and González, Gated multimodal units for information fusion (2017).
 *
 * @example
 * const inputs = { photo: { kind: "vector", cols: 64 }, visits: { kind: "vector", cols: 8 } } as const;
 * const fused = network(inputs, (scope, { photo, visits }) =>
 *   dense({ units: 1 })(scope, gatedFusion({ units: 16 })(scope, [photo, visits])),
 * );
 */
export function gatedFusion({
  units,
  activation = "tanh",
  bias = true,
  ...params
}: GatedFusionParams): Layer<readonly Value[], Value> {
  checkWhole("gatedFusion", "units", units);
  checkActivation("gatedFusion", activation);
  checkFlag("gatedFusion", "bias", bias);
  return layer("gatedFusion", params, (scope, values) => {
    if (!Array.isArray(values) || values.length < 2)
      reject(
        "invalid-input",
        "gatedFusion",
        `got ${Array.isArray(values) ? values.length : "no list of"} values, want at least two`,
      );
    const lead = values[0]!.shape.slice(0, -1);
    for (const [index, { shape }] of values.entries())
      if (!sameShape(shape.slice(0, -1), lead))
        reject(
          "shape-mismatch",
          "gatedFusion",
          `value ${index} is ${showShape(shape)}, want [${[...lead, "cols"].join(", ")}] as value 0`,
          { index },
        );
    const all = concat(values);
    const parts = values.map((x, i) =>
      activate(
        activation,
        scope.enter(`input_${i}`, (own) => linear(own, x, units, { bias })),
      ),
    );
    const gate = (i: number) => sigmoid(scope.enter(`gate_${i}`, (own) => linear(own, all, units, { bias: false })));
    const [first, second] = parts as [Value, Value];
    if (parts.length === 2) return add(second, mul(gate(0), sub(first, second)));
    return parts.map((part, i) => mul(gate(i), part)).reduce((a, b) => add(a, b));
  });
}
