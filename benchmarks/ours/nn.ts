// The five networks of the race, built with @mmub/nn: one function a workload. The same in PyTorch: peers/nn.py.
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
}

interface Network {
  /** The loss of a batch before its update, as one number, or the outputs for it. `x` and `y` are one batch as in the file. */
  step(x: Tensor["data"], y: Tensor["data"]): Promise<ArrayLike<number>> | ArrayLike<number>;
  dispose(): Promise<void> | void;
}

type Build = (weights: Weights, setting: Setting) => Promise<Network>;

/** x [32, 3, 300]: three branches 300 -> 128 with ReLU, concatenated -> 128 with ReLU -> 1; y [32, 1], BCE of logits. */
const mlp: Build = async () => missing("mlp");

/** x [64, 4, 128] + learned positions, 2 pre-norm layers (4 heads, 512 with ReLU), mean of the tokens -> 1; y [64, 1], BCE. */
const transformer: Build = async () => missing("transformer");

/** x [64, 200] of ids below 20,000: embedding of 100, 128 filters of 5, ReLU, maximum over time -> 1; y [64, 1], BCE. */
const textCnn: Build = async () => missing("text-cnn");

/** x [64, 50, 32]: GRU of 64, its last state -> 1; y [64, 1], BCE. */
const gru: Build = async () => missing("gru");

/** x [64, 1, 28, 28]: twice a 3 x 3 convolution (32, 64; same size), ReLU, maximum of 2 x 2; -> 128 with ReLU -> 10; y [64], cross-entropy. */
const cnn: Build = async () => missing("cnn");

export const networks = { mlp, transformer, "text-cnn": textCnn, gru, cnn };

function missing(name: string): never {
  throw new Error(`benchmarks/ours/nn.ts: ${name} is not written yet`);
}
