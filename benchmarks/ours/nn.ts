// The networks of the race, built with @mmub/nn: one function a workload. The same in PyTorch: peers/nn.py.
import { pathToFileURL } from "node:url";
import type { Dense, Sequence } from "@mmub/core";
import { crossmodalTransformer, lowRankFusion, type NetworkFuser } from "@mmub/fusion";
import {
  activation,
  auto,
  binaryCrossEntropy,
  concat,
  constant,
  conv1d,
  conv2d,
  crossEntropy,
  dense,
  embedding,
  expand,
  flatten,
  fullSteps,
  globalMaxPool,
  globalMeanPool,
  gru as gruLayer,
  type Loss,
  maxPool2d,
  type Network,
  network,
  onnx,
  parametersOf,
  type Runtime,
  reshape,
  type Scope,
  type SeenModality,
  sequential,
  split,
  stepper,
  tfjs,
  transformerEncoder,
  type Value,
  withWeights,
} from "@mmub/nn";
import type { Tensor } from "../files.js";

/**
 * PyTorch's tensors by their names there, in C order: a linear layer's weight is [out, in], a convolution's [out, in, ...k],
 * a GRU's weight_ih_l0 and weight_hh_l0 [3 x hidden, in] in the order r, z, n, an attention's in_proj_weight [3 x d, d] of q, k, v.
 */
type Weights = ReadonlyMap<string, Tensor>;

export interface Setting {
  /** `"train"`: a step of Adam at its defaults, rate 0.001. `"infer"`: the forward pass alone, in its evaluation form. */
  readonly task: "train" | "infer";
  /** `"sparse"`: lazy Adam for the embedding and the sparse rule of global max pooling. Only the text CNN has it. */
  readonly rules: "dense" | "sparse";
  readonly threads: number;
  /** Of a batch. */
  readonly rows: number;
  /** `"auto"`: the fastest that is installed, onnxruntime-node. */
  readonly runtime: "auto" | "onnxruntime-web" | "tfjs-wasm" | "tfjs-node";
}

interface Stepper {
  /** The loss of a batch before its update, as one number, or the outputs for it. `x` and `y` are one batch as in the file. */
  step(x: Tensor["data"], y: Tensor["data"]): Promise<ArrayLike<number>>;
  dispose(): Promise<void>;
}

interface Workload {
  readonly net: Network;
  readonly loss: Loss;
}

/** x [32, 3, 300]: three branches 300 -> 128 with ReLU, concatenated -> 128 with ReLU -> 1; y [32, 1], BCE of logits. */
function mlp(): Workload {
  const net = network({ x: { kind: "tensor", shape: [3, 300] } }, (scope, { x }) => {
    const branches = split(x, [1, 1, 1], 1).map((branch, i) =>
      dense({ name: `branches.${i}`, units: 128, activation: "relu" })(scope, reshape(branch, [-1, 300])),
    );
    const head = sequential(
      dense({ name: "hidden", units: 128, activation: "relu" }),
      dense({ name: "output", units: 1 }),
    );
    return head(scope, concat(branches));
  });
  return { net, loss: binaryCrossEntropy() };
}

/** x [64, 4, 128] + learned positions, 2 pre-norm layers (4 heads, 512 with ReLU), mean of the tokens -> 1; y [64, 1], BCE. */
function transformer(): Workload {
  const net = network({ x: { kind: "tensor", shape: [4, 128] } }, (scope, { x }) =>
    sequential(
      transformerEncoder({
        name: "encoder",
        heads: 4,
        layers: 2,
        feedForward: 512,
        dropout: 0,
        normFirst: true,
        finalNorm: false,
        positions: "learned",
        maxLength: 4,
      }),
      globalMeanPool(),
      dense({ name: "output", units: 1 }),
    )(scope, fullSteps(x)),
  );
  return { net, loss: binaryCrossEntropy() };
}

/** x [64, 200] of ids below 20,000: embedding of 100, 128 filters of 5, ReLU, maximum over time -> 1; y [64, 1], BCE. */
function textCnn(rules: Setting["rules"] = "dense"): Workload {
  const net = network({ x: { kind: "tokens", vocabulary: 20_000 } }, (scope, { x }) => {
    const words = embedding({ rows: 20_000, width: 100 })(scope, x);
    const convolution = { name: "convolution", filters: 128, kernel: 5 };
    const pooled =
      rules === "sparse"
        ? // With its ReLU in it, global max pooling knows the convolution and sends gradient to the winning windows only.
          sequential(conv1d({ ...convolution, activation: "relu" }), globalMaxPool())
        : // ReLU of the maximum is the maximum of the ReLU.
          sequential(conv1d(convolution), globalMaxPool(), activation({ kind: "relu" }));
    return dense({ name: "output", units: 1 })(scope, pooled(scope, words));
  });
  return { net, loss: binaryCrossEntropy() };
}

/** x [64, 50, 32]: GRU of 64, its last state -> 1; y [64, 1], BCE. */
function gru(): Workload {
  const net = network({ x: { kind: "steps", cols: 32 } }, (scope, { x }) =>
    sequential(gruLayer({ name: "gru", units: 64 }), dense({ name: "output", units: 1 }))(scope, x),
  );
  return { net, loss: binaryCrossEntropy() };
}

/** x [64, 1, 28, 28]: twice a 3 x 3 convolution (32, 64; same size), ReLU, maximum of 2 x 2; -> 128 with ReLU -> 10; y [64], cross-entropy. */
function cnn(): Workload {
  const block = (name: string, filters: number) =>
    sequential(conv2d({ name, filters, kernel: 3, padding: "same", activation: "relu" }), maxPool2d({ kernel: 2 }));
  const net = network({ x: { kind: "tensor", shape: [1, 28, 28] } }, (scope, { x }) =>
    sequential(
      block("conv1", 32),
      block("conv2", 64),
      flatten(),
      dense({ name: "hidden", units: 128, activation: "relu" }),
      dense({ name: "output", units: 10 }),
    )(scope, x),
  );
  return { net, loss: crossEntropy() };
}

const apart = { dropout: 0, modalityDropout: 0 } as const;

/** Three modalities of which every row has all, as a fuser sees them, what it makes of them -> 1. */
function fused(fuser: NetworkFuser, scope: Scope, x: Value, modality: (one: Value) => SeenModality["input"]): Value {
  const batch = x.shape[0]!;
  const rest = x.shape.slice(2);
  const parts = split(x, [1, 1, 1], 1).map((one, i): SeenModality => {
    const kind = rest.length === 1 ? "vector" : "steps";
    return {
      name: "abc"[i]!,
      spec: { kind, cols: rest.at(-1)! },
      input: modality(reshape(one, [batch, ...rest])),
      present: expand(constant(1), [batch, 1]),
    };
  });
  return dense({ name: "head", units: 1 })(scope, fuser.network.build(scope, parts).fused);
}

/** x [32, 3, 300]: low-rank fusion of 128 numbers of each, rank 4, 64 -> 1; y [32, 1], BCE. */
function lowRank(): Workload {
  const net = network({ x: { kind: "tensor", shape: [3, 300] } }, (scope, { x }) =>
    fused(lowRankFusion({ ...apart, units: 128, rank: 4, outputUnits: 64 }), scope, x, (one) => one),
  );
  return { net, loss: binaryCrossEntropy() };
}

/** x [32, 3, 20, 32]: crossmodal Transformer over three times 20 steps, 64 units, 4 heads, 2 layers -> 1; y [32, 1], BCE. */
function crossmodal(): Workload {
  const net = network({ x: { kind: "tensor", shape: [3, 20, 32] } }, (scope, { x }) =>
    fused(crossmodalTransformer({ ...apart, units: 64, heads: 4, layers: 2 }), scope, x, fullSteps),
  );
  return { net, loss: binaryCrossEntropy() };
}

export const networks = { mlp, transformer, "text-cnn": textCnn, gru, cnn, "low-rank": lowRank, crossmodal };

/** The network from the weights of a file, ready to train or to predict with its batches. */
export async function stepperOf(
  workload: keyof typeof networks,
  tensors: Weights,
  { task, rules, threads, rows: batch, runtime: kind }: Setting,
): Promise<Stepper> {
  const { net, loss } = networks[workload](rules);
  const [, , steps] = tensors.get("x")!.shape as [number, number, number];
  const ragged = ["steps", "tokens"].includes(net.inputs.x!.kind);
  const lengths = ragged ? { x: steps } : {};
  const weights = weightsOf(net, tensors, lengths);
  const runtime = await runtimes[kind]();
  if (task === "train") {
    const options = { loss, batch, lengths, full: ragged, weights, threads, runtime, lazyRows: rules === "sparse" };
    const { step, dispose } = await stepper(net, options);
    return { step: async (x, y) => [await step({ inputs: { x }, targets: { target: y } })], dispose };
  }
  const { predict, dispose } = await withWeights(net, weights, { lengths, threads, runtime });
  const offsets = Uint32Array.from({ length: batch + 1 }, (_, row) => row * steps);
  const features = (x: Tensor["data"]): Dense | Sequence => {
    const data = x instanceof Float32Array ? x : new Float32Array(x);
    return ragged
      ? { layout: "sequence", rows: batch, cols: x.length / (batch * steps), offsets, data }
      : { layout: "dense", rows: batch, cols: x.length / batch, data };
  };
  return { step: async (x) => (await predict({ x: features(x) }, { batchSize: batch })).data, dispose };
}

const runtimes: Readonly<Record<Setting["runtime"], () => Promise<Runtime>>> = {
  auto,
  "onnxruntime-web": () => onnx({ package: "onnxruntime-web" }),
  "tfjs-wasm": () => tfjs({ backend: "wasm" }),
  // A folder with @tensorflow/tfjs-node in its node_modules, which not every machine can install.
  "tfjs-node": () =>
    tfjs({ package: `${pathToFileURL(process.env.MMUB_TFJS_NODE!)}/node_modules/@tensorflow/tfjs-node/dist/index.js` }),
};

/** What PyTorch calls each parameter. */
function weightsOf(
  net: Network,
  tensors: Weights,
  lengths: Readonly<Record<string, number>>,
): Record<string, Float32Array> {
  const names = parametersOf(net, { lengths }).map(({ name }) => name);
  const peers = (name: string) =>
    name.replaceAll("/", ".").replace("encoder.", "").replace("positions.weight", "positions");
  return Object.fromEntries(names.map((name) => [name, tensors.get(peers(name))!.data as Float32Array]));
}
