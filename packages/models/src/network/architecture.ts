// What a network is made of between its input and its output, as data.
import { checkParam, type Features, type Json, MmubError } from "@mmub/core";
import {
  type Activation,
  activation as activationLayer,
  attentionPool,
  type Bag,
  bagDense,
  batchNorm as batchNormLayer,
  concat,
  conv1d,
  conv2d,
  dense,
  dropout as dropoutLayer,
  embedding as embeddingLayer,
  globalAveragePool2d,
  globalMaxPool,
  globalMeanPool,
  gru,
  type InputSpec,
  initializers,
  type Layer,
  lstm,
  maxPool2d,
  type Pair,
  reshape,
  type Scope,
  type Seen,
  type Steps,
  type Tokens,
  transformerEncoder,
  type Value,
} from "@mmub/nn";

/** What kinds of features a network takes: `vector` and `tensor` Dense, `bag` Sparse, `steps` and `tokens` a Sequence. */
export type InputKind = InputSpec["kind"];

/** What a network sees of a batch: one of these, by the kind of its input. */
export type NetworkInput = Value | Steps | Tokens | Bag;

/** A network for one modality, without its weights. What it has of outputs, the task says. */
export interface Architecture {
  /** As `mlp`. */
  readonly type: string;
  /** Every param, the defaults filled in; no code. */
  readonly params: Json;
  /** The input that takes these features. Throws `shape-mismatch` where there is none. */
  input(x: Features, part: string): InputSpec;
  /** From the input to `[batch, outputs]`: a logit for each class, or the number that is predicted. */
  build(scope: Scope, input: NetworkInput, spec: InputSpec, outputs: number): Value;
}

/** An activation by its name. */
export type ActivationName = Extract<Activation, string>;

export interface HeadParams {
  /** Widths of dense layers before the output layer. @default [] */
  readonly hidden?: readonly number[];
  /** Of these and of convolutions. @default "relu" */
  readonly activation?: ActivationName;
  /** The share of numbers that training drops before each of these and before the output layer. @default 0 */
  readonly dropout?: number;
}

export interface SequenceParams extends HeadParams {
  /**
   * How many token ids there are: the features are a Sequence of one column, which holds ids from 0 to vocabulary - 1. Null: a
   * Sequence of numbers. @default null
   */
  readonly vocabulary?: number | null;
  /** The share of what comes in, vectors of tokens or numbers, that training drops. @default 0 */
  readonly inputDropout?: number;
}

interface EmbeddingParams {
  /** Width of the vectors of tokens. @default 64 */
  readonly embedding?: number;
  /** Standard deviation of their first numbers: small ones give rare tokens little say. @default 0.1 */
  readonly embeddingDeviation?: number;
}

export interface MlpParams extends HeadParams {
  /** Widths of the hidden layers; none: a linear model. @default [100] */
  readonly hidden?: readonly number[];
  /** Batch normalisation of each hidden layer, before its activation. @default false */
  readonly batchNorm?: boolean;
}

/**
 * Multi-layer perceptron. Takes Dense, whose `shape` does not matter, and Sparse, of which only what is not zero is read; dropout
 * leaves the input alone.
 *
 * Parameters: `hidden/weight`, `hidden_2/weight`, …, `output/weight` and their biases. Cost: a product of matrices a layer.
 *
 * @example
 * const model = networkClassifier({ network: mlp({ hidden: [128, 64], dropout: 0.2 }) });
 */
export function mlp({
  hidden = [100],
  activation = "relu",
  dropout = 0,
  batchNorm = false,
}: MlpParams = {}): Architecture {
  const type = "mlp";
  const { after, finish } = headOf(type, { hidden, activation, dropout, batchNorm });
  return {
    type,
    params: { hidden, activation, dropout, batchNorm },
    input(x, part) {
      if (x.layout === "sparse") return { kind: "bag", cols: x.cols };
      if (x.layout === "dense") return denseInput(x);
      return refuse(part, type, x, "Dense or Sparse features; for a Sequence take cnn1d, rnn or transformer");
    },
    build(scope, input, spec, outputs) {
      const units = hidden[0] ?? outputs;
      const name = hidden.length > 0 ? "hidden" : "output";
      const first =
        spec.kind === "bag"
          ? likeDense(spec.cols, units, name)(scope, input as Bag)
          : dense({ units, name })(scope, flat(input as Value));
      return hidden.length > 0 ? finish(scope, after(scope, first), outputs, 1) : first;
    },
  };
}

export interface Cnn2dParams extends HeadParams {
  /** Channels of each convolution; each is followed by a pooling. @default [32, 64] */
  readonly filters?: readonly number[];
  /** Height and width of the convolutions' windows. @default 3 */
  readonly kernel?: Pair;
  /** Height and width of the windows of which the largest value is kept; 1: no pooling. @default 2 */
  readonly pool?: Pair;
  /** What becomes of the last channels: every number of them, or the mean of each. @default "flatten" */
  readonly pooling?: "flatten" | "mean";
  /** Batch normalisation of each convolution and hidden layer, before its activation. @default false */
  readonly batchNorm?: boolean;
}

/**
 * Convolutions over images, each with its activation and max pooling, then dense layers. Takes Dense with a `shape` of
 * `[channels, height, width]` or `[height, width]`; convolutions keep the size, poolings round it down.
 *
 * Parameters: `conv2d/weight`, `conv2d_2/weight`, …, `hidden/weight`, …, `output/weight` and their biases.
 *
 * @example
 * const model = networkClassifier({ network: cnn2d({ filters: [16, 32], hidden: [64], dropout: 0.5 }) });
 */
export function cnn2d({
  filters = [32, 64],
  kernel = 3,
  pool = 2,
  pooling = "flatten",
  hidden = [],
  activation = "relu",
  dropout = 0,
  batchNorm = false,
}: Cnn2dParams = {}): Architecture {
  const type = "cnn2d";
  const { activate, drop, finish } = headOf(type, { hidden, activation, dropout, batchNorm });
  checkWidths(type, "filters", filters);
  checkChoice(type, "pooling", pooling, ["flatten", "mean"]);
  const shrink = maxPool2d({ kernel: pool });
  const pools = typeof pool === "number" ? pool > 1 : pool.some((size) => size > 1);
  const blocks = filters.map((count): Layer => {
    const convolve = conv2d({ filters: count, kernel, padding: "same" });
    return (scope, x) => {
      const y = activate(scope, convolve(scope, x));
      return pools ? shrink(scope, y) : y;
    };
  });
  return {
    type,
    params: { filters, kernel, pool, pooling, hidden, activation, dropout, batchNorm },
    input(x, part) {
      const shape = x.layout === "dense" ? (x.shape ?? []) : [];
      if (shape.length !== 2 && shape.length !== 3)
        refuse(part, type, x, "Dense features with a shape of [channels, height, width] or [height, width]");
      return { kind: "tensor", shape };
    },
    build(scope, input, _, outputs) {
      const x = input as Value;
      const image = x.shape.length === 4 ? x : reshape(x, [x.shape[0]!, 1, ...x.shape.slice(1)]);
      const seen = blocks.reduce((y, block) => block(scope, y), image);
      return finish(scope, drop(scope, pooling === "mean" ? globalAveragePool2d()(scope, seen) : flat(seen)), outputs);
    },
  };
}

export interface Cnn1dParams extends SequenceParams, EmbeddingParams {
  /** Windows of each size. @default 128 */
  readonly filters?: number;
  /** Sizes of windows, in steps. @default [3, 4, 5] */
  readonly kernels?: readonly number[];
}

/**
 * Convolutions of several sizes over the steps of a sequence, the largest value of each over all steps, then dense layers; over
 * tokens known as TextCNN. Takes a Sequence of numbers or of token ids (`vocabulary`); a row without steps gets what zeros get.
 *
 * Parameters: `embedding/weight`, `conv1d/weight`, …, `hidden/weight`, …, `output/weight` and biases. Over tokens, without
 * `inputDropout` and with `relu`, only the windows that won are gone back through. Cost: steps x kernel x width x filters a kernel.
 * Source: Kim, Convolutional neural networks for sentence classification (2014).
 *
 * @example
 * const model = networkClassifier({ network: cnn1d({ vocabulary: 20_000, filters: 64, dropout: 0.5 }), lazyRows: true });
 */
export function cnn1d({
  filters = 128,
  kernels = [3, 4, 5],
  vocabulary = null,
  embedding = 64,
  embeddingDeviation = 0.1,
  inputDropout = 0,
  hidden = [],
  activation = "relu",
  dropout = 0,
}: Cnn1dParams = {}): Architecture {
  const type = "cnn1d";
  const { drop, finish } = headOf(type, { hidden, activation, dropout });
  const sequence = sequenceOf(type, { vocabulary, inputDropout, width: embedding, deviation: embeddingDeviation });
  checkWidths(type, "kernels", kernels);
  const views = kernels.map((kernel): Layer<Steps, Value> => {
    const convolve = conv1d({ filters, kernel, padding: "same", activation });
    return (scope, steps) => globalMaxPool()(scope, convolve(scope, steps));
  });
  return {
    type,
    params: { filters, kernels, vocabulary, embedding, embeddingDeviation, inputDropout, hidden, activation, dropout },
    input: sequence.input,
    build(scope, input, _, outputs) {
      const steps = sequence.steps(scope, input);
      const seen = views.map((view) => view(scope, steps));
      return finish(scope, drop(scope, concat(seen, 1)), outputs);
    },
  };
}

export interface RnnParams extends SequenceParams, EmbeddingParams {
  /** @default "gru" */
  readonly cell?: "gru" | "lstm";
  /** Width of the state, in each direction. @default 64 */
  readonly units?: number;
  /** Recurrent layers on one another; `dropout` is between them too. @default 1 */
  readonly layers?: number;
  /** Also from the end of each row to its beginning. @default false */
  readonly bidirectional?: boolean;
  /**
   * What becomes of the states: the last one (backwards: that after the first step), the largest or mean of each number, or
   * their sum by weights that are learned. @default "last"
   */
  readonly pooling?: "last" | "max" | "mean" | "attention";
}

/**
 * Recurrent layers (GRU or LSTM) over the steps of a sequence, then dense layers. Takes a Sequence of numbers or of token ids
 * (`vocabulary`); a row without steps gets what zeros get.
 *
 * Parameters: `embedding/weight`, `gru/weight_ih_l0`, …, `hidden/weight`, …, `output/weight` and biases. Cost: one step after the
 * other, so a graph grows with its rows' length: cut long ones off.
 *
 * @example
 * const model = networkClassifier({ network: rnn({ units: 32, bidirectional: true, pooling: "max" }) });
 */
export function rnn({
  cell = "gru",
  units = 64,
  layers = 1,
  bidirectional = false,
  pooling = "last",
  vocabulary = null,
  embedding = 64,
  embeddingDeviation = 0.1,
  inputDropout = 0,
  hidden = [],
  activation = "relu",
  dropout = 0,
}: RnnParams = {}): Architecture {
  const type = "rnn";
  const { drop, finish } = headOf(type, { hidden, activation, dropout });
  const sequence = sequenceOf(type, { vocabulary, inputDropout, width: embedding, deviation: embeddingDeviation });
  checkChoice(type, "cell", cell, ["gru", "lstm"]);
  checkChoice(type, "pooling", pooling, ["last", "max", "mean", "attention"]);
  const params = { units, layers, bidirectional, dropout };
  const recurrent = { gru, lstm }[cell];
  const pooled: Layer<Steps, Value> =
    pooling === "last"
      ? recurrent({ ...params, returns: "last" })
      : pooledBy(recurrent({ ...params, returns: "sequences" }), pools[pooling]);
  return {
    type,
    params: {
      cell,
      units,
      layers,
      bidirectional,
      pooling,
      vocabulary,
      embedding,
      embeddingDeviation,
      inputDropout,
      hidden,
      activation,
      dropout,
    },
    input: sequence.input,
    build: (scope, input, _, outputs) =>
      finish(scope, drop(scope, pooled(scope, sequence.steps(scope, input))), outputs),
  };
}

export interface TransformerParams extends SequenceParams {
  /** Width of a step: vectors of tokens have it, numbers are mapped to it. @default 64 */
  readonly width?: number;
  /** Divides the width. @default 4 */
  readonly heads?: number;
  /** @default 2 */
  readonly layers?: number;
  /** Width inside each layer's two linear maps. Null: 4 times the width. @default null */
  readonly feedForward?: number | null;
  /** What tells steps apart by where they are. @default "sinusoidal" */
  readonly positions?: "none" | "learned" | "sinusoidal";
  /** The most steps that a row may have, which learned positions have to know. @default null */
  readonly maxLength?: number | null;
  /** What becomes of the steps: the mean or largest of each number, or their sum by weights that are learned. @default "mean" */
  readonly pooling?: "max" | "mean" | "attention";
  /** Of the encoder, and before hidden and output layers. @default 0.1 */
  readonly dropout?: number;
}

/**
 * Transformer encoder (pre-norm) over the steps of a sequence, pooled, then dense layers. Takes a Sequence of numbers or of token
 * ids (`vocabulary`); a row without steps gets what zeros get.
 *
 * Parameters: `embedding/weight` or `project/weight`, `transformerEncoder/layers/0/…`, `hidden/weight`, …, `output/weight` and biases.
 * Cost: 12 width² multiplications a step and layer, and 2 steps² x width a row and layer. It begins best with a warm-up of the
 * learning rate.
 *
 * @example
 * const model = networkClassifier({ network: transformer({ width: 32, layers: 1 }), schedule: cosine({ warmUp: 100 }) });
 */
export function transformer({
  width = 64,
  heads = 4,
  layers = 2,
  feedForward = null,
  positions = "sinusoidal",
  maxLength = null,
  pooling = "mean",
  vocabulary = null,
  inputDropout = 0,
  hidden = [],
  activation = "relu",
  dropout = 0.1,
}: TransformerParams = {}): Architecture {
  const type = "transformer";
  const { drop, finish } = headOf(type, { hidden, activation, dropout });
  const sequence = sequenceOf(type, { vocabulary, inputDropout, width, deviation: 1 });
  checkChoice(type, "pooling", pooling, ["max", "mean", "attention"]);
  const encode = transformerEncoder({
    heads,
    layers,
    activation,
    dropout,
    positions,
    normFirst: true,
    ...(feedForward !== null && { feedForward }),
    ...(maxLength !== null && { maxLength }),
  });
  const project = dense({ units: width, name: "project" });
  return {
    type,
    params: {
      width,
      heads,
      layers,
      feedForward,
      positions,
      maxLength,
      pooling,
      vocabulary,
      inputDropout,
      hidden,
      activation,
      dropout,
    },
    input: sequence.input,
    build(scope, input, { kind }, outputs) {
      const steps = sequence.steps(scope, input);
      const wide = kind === "tokens" ? steps : project(scope, steps);
      return finish(scope, drop(scope, pools[pooling]()(scope, encode(scope, wide))), outputs);
    },
  };
}

export interface CustomNetworkParams<Kind extends InputKind> {
  /** What the network sees: of Dense features a `vector` or by their shape a `tensor`, of Sparse a `bag`, of a Sequence `steps` or `tokens`. */
  readonly input: Kind;
  /** Of `tokens`: ids are 0 to vocabulary - 1. */
  readonly vocabulary?: number;
  /** The graph, by the layers and ops of `@mmub/nn`: a pure function that ends with `[batch, outputs]`. */
  build(scope: Scope, input: Seen<Extract<InputSpec, { readonly kind: Kind }>>, outputs: number): Value;
}

/**
 * A network of your own. What is saved is its weights, not this function: the recipe that loads must have the same, and is refused
 * with `saved-mismatch` where its parameters have other names or shapes.
 *
 * @example
 * import { customNetwork, networkRegressor } from "@mmub/models";
 * import { dense, highway, sequential } from "@mmub/nn";
 *
 * const gated = customNetwork({
 *   input: "vector",
 *   build: (scope, x, outputs) => sequential(highway(), dense({ units: outputs }))(scope, x),
 * });
 * const model = networkRegressor({ network: gated });
 */
export function customNetwork<Kind extends InputKind>({
  input: kind,
  vocabulary,
  build,
}: CustomNetworkParams<Kind>): Architecture {
  const type = "custom";
  checkChoice(type, "input", kind, ["vector", "tensor", "steps", "tokens", "bag"]);
  checkParam(partOf(type), "build", build, typeof build === "function", "a function that gives a Value");
  if (kind === "tokens") checkWidths(type, "vocabulary", [vocabulary as number]);
  return {
    type,
    params: { input: kind, ...(vocabulary !== undefined && { vocabulary }) },
    input(x, part) {
      const cols = x.cols;
      if (kind === "vector" && x.layout === "dense") return { kind, cols };
      if (kind === "tensor" && x.layout === "dense" && x.shape) return { kind, shape: x.shape };
      if (kind === "bag" && x.layout === "sparse") return { kind, cols };
      if (kind === "steps" && x.layout === "sequence") return { kind, cols };
      if (kind === "tokens" && x.layout === "sequence") return tokensOf(x, vocabulary!, part, type);
      return refuse(part, type, x, wanted[kind]);
    },
    build: (scope, input, _, outputs) => build(scope, input as never, outputs),
  };
}

const wanted: Readonly<Record<InputKind, string>> = {
  vector: "Dense features",
  tensor: "Dense features with a shape",
  bag: "Sparse features",
  steps: "a Sequence",
  tokens: "a Sequence",
};

const pools = { max: globalMaxPool, mean: globalMeanPool, attention: attentionPool } as const;

function pooledBy(first: Layer<Steps, Steps>, pool: () => Layer<Steps, Value>): Layer<Steps, Value> {
  return (scope, steps) => pool()(scope, first(scope, steps));
}

interface Head {
  /** Normalisation, if wanted, and activation. */
  activate(scope: Scope, x: Value): Value;
  drop(scope: Scope, x: Value): Value;
  /** What follows on a layer: both. */
  after(scope: Scope, x: Value): Value;
  /** The hidden layers from `from` on and the output layer. */
  finish(scope: Scope, x: Value, outputs: number, from?: number): Value;
}

/** What ends every network. */
function headOf(
  type: string,
  { hidden, activation, dropout, batchNorm = false }: Required<HeadParams> & Pick<MlpParams, "batchNorm">,
): Head {
  checkWidths(type, "hidden", hidden, 0);
  checkParam(partOf(type), "activation", activation, typeof activation === "string", "the name of an activation");
  checkParam(partOf(type), "batchNorm", batchNorm, typeof batchNorm === "boolean", "true or false");
  const activated = activationLayer({ kind: activation });
  const drop = dropoutLayer({ rate: dropout });
  const activate: Layer = (scope, x) => activated(scope, batchNorm ? batchNormLayer()(scope, x) : x);
  const after: Layer = (scope, x) => drop(scope, activate(scope, x));
  return {
    activate,
    drop,
    after,
    finish(scope, x, outputs, from = 0) {
      const seen = hidden.slice(from).reduce((y, units) => after(scope, dense({ units, name: "hidden" })(scope, y)), x);
      return dense({ units: outputs, name: "output" })(scope, seen);
    },
  };
}

/** What begins every network over sequences. */
function sequenceOf(
  type: string,
  {
    vocabulary,
    inputDropout,
    width,
    deviation,
  }: {
    readonly vocabulary: number | null;
    readonly inputDropout: number;
    readonly width: number;
    readonly deviation: number;
  },
) {
  const look =
    vocabulary === null
      ? undefined
      : embeddingLayer({ rows: vocabulary, width, weightInit: initializers.normal({ deviation }) });
  const drop = dropoutLayer({ rate: inputDropout });
  return {
    input(x: Features, part: string): InputSpec {
      if (x.layout !== "sequence") refuse(part, type, x, "a Sequence");
      return vocabulary === null ? { kind: "steps", cols: x.cols } : tokensOf(x, vocabulary, part, type);
    },
    steps(scope: Scope, input: NetworkInput): Steps {
      const steps = look ? look(scope, input as Tokens) : (input as Steps);
      // A layer, however idle, stands between an embedding and what would know it.
      return inputDropout > 0 ? drop(scope, steps) : steps;
    },
  };
}

function tokensOf(x: Features, vocabulary: number, part: string, type: string): InputSpec {
  if (x.cols !== 1) refuse(part, type, x, "a Sequence of one column, which holds token ids");
  return { kind: "tokens", vocabulary };
}

function denseInput(x: Extract<Features, { layout: "dense" }>): InputSpec {
  return x.shape && x.shape.length > 1 ? { kind: "tensor", shape: x.shape } : { kind: "vector", cols: x.cols };
}

function flat(x: Value): Value {
  return x.shape.length === 2 ? x : reshape(x, [x.shape[0]!, -1]);
}

/** The first layer over Sparse features, with the first numbers that it would have over the same features as Dense. */
function likeDense(cols: number, units: number, name: string): Layer<Bag, Value> {
  return bagDense({
    cols,
    units,
    name,
    weightInit: (_, random) => {
      const rows = initializers.kaimingUniform()([units, cols], random);
      return Float32Array.from(rows, (_, i) => rows[(i % units) * cols + Math.floor(i / units)]!);
    },
    biasInit: initializers.bounded(1 / Math.sqrt(cols)),
  });
}

function refuse(part: string, type: string, x: Features, want: string): never {
  const shape = x.layout === "dense" && x.shape ? ` of shape [${x.shape.join(", ")}]` : "";
  throw new MmubError("shape-mismatch", {
    part,
    message: `${type} got ${x.layout} features${shape} with ${x.cols} columns, want ${want}`,
    layout: x.layout,
    cols: x.cols,
  });
}

function partOf(type: string): string {
  return `@mmub/models/${type}`;
}

function checkWidths(type: string, name: string, values: readonly number[], least = 1): void {
  const ok =
    Array.isArray(values) && values.length >= least && values.every((value) => Number.isInteger(value) && value > 0);
  checkParam(partOf(type), name, values, ok, least === 0 ? "positive integers, or none" : "positive integers");
}

function checkChoice(type: string, name: string, value: string, choices: readonly string[]): void {
  checkParam(partOf(type), name, value, choices.includes(value), `one of ${choices.join(", ")}`);
}
