import { checkParam } from "@mmub/core";
import {
  cast,
  concat,
  constant,
  dense,
  equal,
  expand,
  greater,
  max,
  mean,
  mul,
  reshape,
  softmax,
  sub,
  sum,
  where,
} from "@mmub/nn";
import { type EncodingParams, encodingOf } from "./encoding.js";
import { type FuserTrainingParams, type NetworkFuser, networkFuser } from "./network-fuser.js";
import { stacked } from "./parts.js";

export interface MoeParams extends EncodingParams, FuserTrainingParams {
  /** @default 4 */
  readonly experts?: number;
  /** How many of them a row goes to. @default 2, or all where there are fewer */
  readonly topK?: number;
  /** How strongly training is kept from sending all rows to few experts; 0: not at all. @default 0.01 */
  readonly balance?: number;
}

/**
 * Mixture of experts: a router that sees all modalities sends each row to the `topK` of several experts, dense layers over all of them, and
 * sums what they make of it by weights that add up to 1. `routes` tells who went where.
 *
 * Output: Dense, rows x `units`. Trained with a linear head for the targets of the fit, or by a joint model, with `balance` times
 * `experts · Σ fₑ pₑ` in the loss: the share of rows that go to an expert times the mean of the router's probability for it, least where
 * all have the same load. Takes Dense, Sparse and Sequence features, any of them missing. Rejects what `concat` does. Cost: modalities x units²
 * multiplications a row and expert, for those too to which the row does not go: a graph has one shape for all batches, so that rows which a
 * router takes elsewhere cannot make a product smaller.
 * Source: Shazeer et al., Outrageously large neural networks: the sparsely-gated mixture-of-experts layer (2017); the balance of Fedus,
 * Zoph and Shazeer, Switch Transformers (2022).
 *
 * @example
 * const photo = dense(4, 2, Float32Array.of(0, 1, 1, 0, 0, 2, 2, 0));
 * const visits = dense(4, 1, Float32Array.of(5, 9, 4, 8));
 * const fitted = await moe({ experts: 3, units: 4, epochs: 2 }).fit({ photo, visits }, ["buy", "leave", "buy", "leave"]);
 * const routes = await fitted.routes({ photo, visits }); // 4 x 3, two of each row above 0
 * await fitted.dispose();
 */
export function moe({
  experts = 4,
  topK = Math.min(2, experts),
  balance = 0.01,
  ...given
}: MoeParams = {}): NetworkFuser {
  const type = "@mmub/fusion/moe";
  checkParam(type, "experts", experts, Number.isInteger(experts) && experts > 0, "a positive integer");
  checkParam(type, "topK", topK, Number.isInteger(topK) && topK > 0 && topK <= experts, `an integer, 1 to ${experts}`);
  checkParam(type, "balance", balance, balance >= 0 && balance < Infinity, "a number of at least 0");
  const encoding = encodingOf(type, given);
  const { units, activation } = encoding;
  return networkFuser(
    type,
    encoding,
    { experts, topK, balance },
    given,
    (scope, modalities) => {
      const all = concat(encoding.vectors(scope, modalities).map(({ vector }) => vector));
      const batch = all.shape[0]!;
      const logits = dense({ units: experts, name: "router" })(scope, all);
      // The smallest logit that is still among the largest.
      let [rest, least] = [logits, max(logits, [1], true)];
      for (let taken = 1; taken < topK; taken++) {
        rest = where(equal(rest, least), -1e9, rest);
        least = max(rest, [1], true);
      }
      const left = greater(least, logits);
      const routes = softmax(where(left, -1e9, logits));
      const made = stacked(
        Array.from({ length: experts }, () => dense({ units, activation, name: "expert" })(scope, all)),
      );
      const fused = sum(mul(reshape(routes, [batch, experts, 1]), made), [1]);
      // Of rows that are predicted alone there is no load.
      if (!scope.training) return { fused, routes, penalty: expand(constant(0), [batch]) };
      const loads = mul(mean(sub(1, cast(left, "float32")), [0], true), (balance * experts) / topK);
      return { fused, routes, penalty: sum(mul(softmax(logits), loads), [1]) };
    },
    true,
  );
}
