import type { Value } from "../graph.js";
import type { Loss } from "../loss.js";
import {
  add,
  constant,
  div,
  greater,
  logSoftmax,
  matmul,
  maximum,
  mul,
  neg,
  oneHot,
  reshape,
  sqrt,
  sum,
  transpose,
  where,
} from "../ops.js";
import { checkEmbeddings, checkNumber, embedding } from "./rows.js";

export interface InfoNceParams {
  /** What similarities are divided by. @default 0.07 */
  readonly temperature?: number;
  /** Whether the first is found by the second as well, and the two losses averaged, as in CLIP. @default true */
  readonly symmetric?: boolean;
  /** Whether embeddings are brought to the length 1, so that similarities are cosines. @default true */
  readonly normalize?: boolean;
}

/**
 * Contrastive loss of pairs (InfoNCE): the first embedding of a row must find the second of its own row among those of all rows
 * of the batch, `-log(softmax(first · seconds / temperature)[own])`. The output is `[batch, 2, width]`: both embeddings of each
 * row. No targets; every other row of the batch is a negative, so the batch size is part of the loss, and a batch should hold
 * each pair once. Cost: batch² similarities.
 *
 * Source: van den Oord et al. 2018; symmetric: CLIP (Radford et al. 2021). For a learned temperature multiply the embeddings in
 * the network, with `normalize: false` and `temperature: 1`.
 */
export function infoNce({ temperature = 0.07, symmetric = true, normalize = true }: InfoNceParams = {}): Loss {
  const type = "info-nce";
  checkNumber(type, "temperature", temperature, temperature > 0, "a number above 0");
  return {
    type,
    params: { temperature, symmetric, normalize },
    targets(output) {
      checkEmbeddings(type, output, 2, "two embeddings of each row");
      return {};
    },
    build(output, _targets, weights) {
      const batch = output.shape[0]!;
      const [first, second] = [0, 1].map((at) => (normalize ? unit : keep)(embedding(output, at))) as [Value, Value];
      const similar = matmul(first, second, { transB: true, scale: 1 / temperature });
      const real = greater(weights, 0);
      const own = oneHot(constant(Int32Array.from({ length: batch }, (_, i) => i)), batch);
      const surprise = (rows: Value) => {
        // Rows that only fill up the batch are no negatives.
        const among = where(reshape(real, [1, batch]), rows, -1e30);
        return where(real, neg(sum(mul(own, logSoftmax(among)), [1])), 0);
      };
      const loss = surprise(similar);
      return { loss: symmetric ? mul(add(loss, surprise(transpose(similar, [1, 0]))), 0.5) : loss };
    },
  };
}

const keep = (x: Value): Value => x;

/** Each row to the length 1; one of zeros stays so. */
function unit(x: Value): Value {
  return div(x, sqrt(maximum(sum(mul(x, x), [1], true), 1e-24)));
}
