// What every network fuser does to a modality before it joins it to others: bring it to one width, and stand in for it.
import { checkParam, type Features, type Json, MmubError } from "@mmub/core";
import {
  type Activation,
  activation as activationLayer,
  attentionPool,
  type Bag,
  bagDense,
  constant,
  dense,
  dropout as dropoutLayer,
  embedding,
  fullSteps,
  globalMaxPool,
  globalMeanPool,
  greater,
  gru,
  type InputSpec,
  initializers,
  type Layer,
  lstm,
  reshape,
  type Scope,
  type SeenModality,
  type Steps,
  type Tokens,
  type Value,
  where,
} from "@mmub/nn";

export interface EncodingParams {
  /** Width that each modality is brought to. @default 64 */
  readonly units?: number;
  /** Widths of dense layers of each modality before that. @default [] */
  readonly hidden?: readonly number[];
  /** @default "relu" */
  readonly activation?: Extract<Activation, string>;
  /** The share of numbers that training drops behind each of these layers. @default 0.2 */
  readonly dropout?: number;
  /**
   * How a Sequence becomes one vector: the mean or largest of each number over its steps, their sum by weights that are learned, or
   * the last state of a recurrent layer. Fusers over sequences (see there) keep the steps instead. @default "attention"
   */
  readonly sequence?: "mean" | "max" | "attention" | "gru" | "lstm";
  /** Of modalities that are a Sequence of one column of token ids, 0 to vocabulary - 1, how many there are. @default {} */
  readonly vocabulary?: Readonly<Record<string, number>>;
  /** What stands in for a missing modality: a vector that is learned, or zeros. @default "embedding" */
  readonly missing?: "embedding" | "zero";
  /** The share of modalities that training takes from rows at random, so that the network learns to do without. @default 0.1 */
  readonly modalityDropout?: number;
}

/** A modality at the common width. */
export interface Encoded {
  readonly name: string;
  /** `[batch, units]`. */
  readonly vector: Value;
  /** `[batch, 1]`. */
  readonly present: Value;
}

/** A modality as steps of the common width; what is no Sequence is one step. */
interface EncodedSteps {
  readonly name: string;
  /** A row that lacks the modality has one step: what stands in for it. */
  readonly steps: Steps;
  /** Whether the modality is a Sequence. */
  readonly ragged: boolean;
  readonly present: Value;
}

/** The checked params, and what they do. */
export interface Encoding
  extends Required<Pick<EncodingParams, "units" | "activation" | "dropout" | "modalityDropout">> {
  readonly params: Readonly<Record<string, Json>>;
  input(features: Features, modality: string): InputSpec;
  /** A vector for each modality. */
  vectors(scope: Scope, modalities: readonly SeenModality[]): readonly Encoded[];
  /** Steps for each modality. */
  steps(scope: Scope, modalities: readonly SeenModality[]): readonly EncodedSteps[];
}

/** @param keepsSteps whether a Sequence keeps its steps, so that `sequence` says nothing */
export function encodingOf(part: string, given: EncodingParams, { keepsSteps = false } = {}): Encoding {
  const { units = 64, hidden = [], activation = "relu", dropout = 0.2, sequence = "attention" } = given;
  const { vocabulary = {}, missing = "embedding", modalityDropout = 0.1 } = given;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(part, name, value, ok, want);
  const whole = (value: number) => Number.isInteger(value) && value > 0;
  check("units", units, whole(units), "a positive integer");
  check("hidden", hidden, Array.isArray(hidden) && hidden.every(whole), "positive integers, or none");
  for (const [name, value] of Object.entries({ dropout, modalityDropout }))
    check(name, value, value >= 0 && value < 1, "a number from 0 to below 1");
  check("sequence", sequence, Object.hasOwn(pools, sequence), `one of ${Object.keys(pools).join(", ")}`);
  check("missing", missing, missing === "embedding" || missing === "zero", '"embedding" or "zero"');
  for (const [name, count] of Object.entries(vocabulary))
    check(`vocabulary.${name}`, count, whole(count), "a positive integer");
  const activated = activationLayer({ kind: activation });
  const drop = dropoutLayer({ rate: dropout });
  const widths = [...hidden, units];

  /** Dense layers from `from` on, on a Value or on Steps. */
  const layers =
    (from: number): Layer<Value | Steps, Value | Steps> =>
    (scope, x) =>
      widths.slice(from).reduce((y, width) => drop(scope, activated(scope, dense({ units: width })(scope, y))), x);
  const stepsOf = (scope: Scope, { spec, input }: SeenModality): Steps =>
    spec.kind === "tokens"
      ? embedding({ rows: spec.vocabulary, width: widths[0]!, weightInit: initializers.normal({ deviation: 0.1 }) })(
          scope,
          input as Tokens,
        )
      : (input as Steps);
  const isRagged = ({ spec }: SeenModality) => spec.kind === "steps" || spec.kind === "tokens";
  const flatVector = (scope: Scope, { spec, input }: SeenModality): Value => {
    if (spec.kind === "bag") {
      const first = bagDense({ cols: spec.cols, units: widths[0]! })(scope, input as Bag);
      return layers(1)(scope, drop(scope, activated(scope, first))) as Value;
    }
    const x = input as Value;
    return layers(0)(scope, x.shape.length === 2 ? x : reshape(x, [x.shape[0]!, -1])) as Value;
  };

  return {
    units,
    activation,
    dropout,
    modalityDropout,
    params: {
      units,
      hidden,
      activation,
      dropout,
      ...(!keepsSteps && { sequence }),
      vocabulary: { ...vocabulary },
      missing,
      modalityDropout,
    },
    input(features, modality) {
      if (features.layout === "sparse") return { kind: "bag", cols: features.cols };
      if (features.layout === "dense") return { kind: "vector", cols: features.cols };
      const ids = vocabulary[modality];
      if (ids === undefined) return { kind: "steps", cols: features.cols };
      if (features.cols !== 1)
        throw new MmubError("shape-mismatch", {
          part,
          message: `vocabulary names modality "${modality}", a Sequence of ${features.cols} columns, want one column, which holds token ids`,
          modality,
        });
      return { kind: "tokens", vocabulary: ids };
    },
    vectors: (scope, modalities) =>
      modalities.map((modality) =>
        scope.enter(modality.name, (own) => {
          const vector = isRagged(modality)
            ? (layers(0)(own, pools[sequence](widths[0]!)(own, stepsOf(own, modality))) as Value)
            : flatVector(own, modality);
          return { name: modality.name, present: modality.present, vector: standIn(own, vector, modality.present) };
        }),
      ),
    steps: (scope, modalities) =>
      modalities.map((modality) =>
        scope.enter(modality.name, (own) => {
          const { present, name } = modality;
          const batch = present.shape[0]!;
          if (!isRagged(modality)) {
            const one = reshape(standIn(own, flatVector(own, modality), present), [batch, 1, units]);
            return { name, present, ragged: false, steps: fullSteps(one) };
          }
          const seen = layers(0)(own, stepsOf(own, modality)) as Steps;
          const length = seen.mask.shape[1]!;
          // The first step of a row without the modality holds what stands in for it.
          const first = Float32Array.from({ length }, (_, step) => (step === 0 ? 1 : 0));
          const values = standIn(own, seen.values, reshape(present, [batch, 1, 1]));
          const mask = where(greater(present, 0), seen.mask, constant(first, [1, length]));
          return { name, present, ragged: true, steps: { values, mask } };
        }),
      ),
  };

  /** Numbers `[batch, …, units]` where the modality is `present`, of as many axes. */
  function standIn(scope: Scope, numbers: Value, present: Value): Value {
    const axes = [...present.shape.slice(1).map(() => 1), units];
    const instead = missing === "zero" ? 0 : reshape(scope.parameter("missing", [units], missingInit), axes);
    return where(greater(present, 0), numbers, instead);
  }
}

const missingInit = initializers.normal({ deviation: 0.02 });

/** A Sequence to one vector; recurrent layers have the width of the next one. */
const pools: Readonly<Record<NonNullable<EncodingParams["sequence"]>, (units: number) => Layer<Steps, Value>>> = {
  mean: () => globalMeanPool(),
  max: () => globalMaxPool(),
  attention: () => attentionPool(),
  gru: (units) => gru({ units, returns: "last" }),
  lstm: (units) => lstm({ units, returns: "last" }),
};
