import { reject, showShape, type Value } from "../graph.js";
import type { Loss } from "../loss.js";
import { add, mean, minimum, mul, relu, slice, softplus, sqrt, sub, sum } from "../ops.js";
import { checkEmbeddings, checkNumber, embedding } from "./rows.js";

/**
 * Bayesian personalised ranking: `-log(sigmoid(positive - negative))`, the mean over the negatives. The output is `[batch, 1 +
 * negatives]`: the score of what the user took, then those of what they did not take. No targets. Source: Rendle et al. 2009,
 * whose L2 penalty is the optimiser's weight decay.
 */
export function bpr(): Loss {
  return scores("bpr", {}, (positive, negatives) => softplus(sub(negatives, positive)));
}

export interface MarginRankingParams {
  /** How far the positive score should be ahead. @default 1 */
  readonly margin?: number;
}

/**
 * Hinge loss of pairs: `max(0, margin - positive + negative)`, the mean over the negatives. The output is `[batch, 1 +
 * negatives]`, scores as for `bpr`. No targets. PyTorch's `MarginRankingLoss`, whose margin is 0 by default.
 */
export function marginRanking({ margin = 1 }: MarginRankingParams = {}): Loss {
  checkNumber("margin-ranking", "margin", margin, margin >= 0, "a number of at least 0");
  return scores("margin-ranking", { margin }, (positive, negatives) => relu(add(sub(negatives, positive), margin)));
}

function scores(
  type: string,
  params: Readonly<Record<string, number>>,
  build: (positive: Value, negatives: Value) => Value,
): Loss {
  return {
    type,
    params,
    targets(output) {
      if (output.length !== 2 || output[1]! < 2)
        reject(
          "shape-mismatch",
          type,
          `the network's output is ${showShape(output)}, want [batch, 1 + negatives]: the positive score, then at least one negative`,
        );
      return {};
    },
    build(output) {
      return { loss: mean(build(slice(output, 1, 0, 1), slice(output, 1, 1, output.shape[1]!)), [1]) };
    },
  };
}

export interface TripletParams {
  /** How much farther the negative should be than the positive. @default 1 */
  readonly margin?: number;
  /** Whether the nearer of anchor and positive is what the negative is compared with (Balntas et al. 2016). @default false */
  readonly swap?: boolean;
}

/**
 * Triplet loss: `max(0, |anchor - positive| - |anchor - negative| + margin)` with Euclidean distances. The output is `[batch, 3,
 * width]`: the embeddings of an anchor, of what belongs to it and of what does not. No targets. PyTorch's `TripletMarginLoss`,
 * which adds 1e-6 to each difference.
 */
export function triplet({ margin = 1, swap = false }: TripletParams = {}): Loss {
  checkNumber("triplet", "margin", margin, margin >= 0, "a number of at least 0");
  return {
    type: "triplet",
    params: { margin, swap },
    targets(output) {
      checkEmbeddings("triplet", output, 3, "anchor, positive and negative");
      return {};
    },
    build(output) {
      const [anchor, positive, negative] = [0, 1, 2].map((at) => embedding(output, at)) as [Value, Value, Value];
      const near = distance(anchor, positive);
      const far = distance(anchor, negative);
      const other = swap ? minimum(far, distance(positive, negative)) : far;
      return { loss: relu(add(sub(near, other), margin)) };
    },
  };
}

function distance(a: Value, b: Value): Value {
  const apart = add(sub(a, b), 1e-6);
  return sqrt(sum(mul(apart, apart), [1]));
}
