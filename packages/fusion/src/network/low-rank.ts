import { checkParam } from "@mmub/core";
import { add, dense, initializers, mul, reshape, sum } from "@mmub/nn";
import { type EncodingParams, encodingOf } from "./encoding.js";
import { type FuserTrainingParams, type NetworkFuser, networkFuser } from "./network-fuser.js";

export interface LowRankFusionParams extends EncodingParams, FuserTrainingParams {
  /** Products of modalities that make one number of the result. @default 4 */
  readonly rank?: number;
  /** Width of the result. @default 64 */
  readonly outputUnits?: number;
}

/**
 * Low-rank multimodal fusion: tensor fusion whose weights are a sum of `rank` products, so that the outer product is never made:
 * `Σᵣ wᵣ (W¹ᵣ [1, h₁]) ⊙ … ⊙ (Wᵏᵣ [1, hₖ]) + b`. Linear, not exponential, in the number of modalities.
 *
 * Output: Dense, rows x `outputUnits`. Trained with a linear head for the targets of the fit, or by a joint model. Takes and rejects
 * what `gated` does. Cost: modalities x units x rank x outputUnits a row beside that of the encoders.
 * Source: Liu, Shen, Lakshminarasimhan, Liang, Zadeh and Morency, Efficient low-rank multimodal fusion with modality-specific factors (2018).
 *
 * @example
 * const photo = dense(4, 2, Float32Array.of(0, 1, 1, 0, 0, 2, 2, 0));
 * const visits = dense(4, 1, Float32Array.of(5, 9, 4, 8));
 * const fuser = lowRankFusion({ units: 4, rank: 2, outputUnits: 8, epochs: 2 });
 * const fitted = await fuser.fit({ photo, visits }, ["buy", "leave", "buy", "leave"]);
 * const { cols } = await fitted.transform({ photo, visits }); // 8
 * await fitted.dispose();
 */
export function lowRankFusion({ rank = 4, outputUnits = 64, ...given }: LowRankFusionParams = {}): NetworkFuser {
  const type = "@mmub/fusion/low-rank-fusion";
  const encoding = encodingOf(type, given);
  for (const [name, value] of Object.entries({ rank, outputUnits }))
    checkParam(type, name, value, Number.isInteger(value) && value > 0, "a positive integer");
  return networkFuser(type, encoding, { rank, outputUnits }, given, (scope, modalities) => {
    const parts = encoding.vectors(scope, modalities);
    const batch = parts[0]!.vector.shape[0]!;
    // The bias of each factor is the weight of its leading 1.
    const product = parts
      .map(({ name, vector }) =>
        dense({
          units: rank * outputUnits,
          name: `factor_${name}`,
          weightInit: initializers.xavierNormal(),
          biasInit: initializers.normal({ deviation: 0.1 }),
        })(scope, vector),
      )
      .reduce(mul);
    const weights = scope.parameter("rank_weight", [rank], initializers.constant(1 / Math.sqrt(rank)));
    const bias = scope.parameter("bias", [outputUnits], initializers.zeros());
    const summed = sum(mul(reshape(product, [batch, rank, outputUnits]), reshape(weights, [1, rank, 1])), [1]);
    return { fused: add(summed, bias) };
  });
}
