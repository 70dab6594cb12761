import { dense, mul, tanh } from "@mmub/nn";
import { type EncodingParams, encodingOf } from "./encoding.js";
import { type FuserTrainingParams, type NetworkFuser, networkFuser } from "./network-fuser.js";

export interface MultiplicativeParams extends EncodingParams, FuserTrainingParams {}

/**
 * Multiplicative fusion: the modalities brought to one width and multiplied, number by number, `W (tanh(V₁ h₁) ⊙ … ⊙ tanh(Vₖ hₖ))`: a
 * number is large only where all modalities agree. For two modalities known as low-rank bilinear pooling.
 *
 * Output: Dense, rows x `units`. Trained with a linear head for the targets of the fit, or by a joint model. Takes and rejects
 * what `gated` does. Cost: modalities x units² a row beside that of the encoders.
 * Source: Kim, On, Lim, Kim, Ha and Zhang, Hadamard product for low-rank bilinear pooling (2017).
 *
 * @example
 * const photo = dense(4, 2, Float32Array.of(0, 1, 1, 0, 0, 2, 2, 0));
 * const visits = dense(4, 1, Float32Array.of(5, 9, 4, 8));
 * const fitted = await multiplicative({ units: 4, epochs: 2 }).fit({ photo, visits }, ["buy", "leave", "buy", "leave"]);
 * const { cols } = await fitted.transform({ photo, visits }); // 4
 * await fitted.dispose();
 */
export function multiplicative(given: MultiplicativeParams = {}): NetworkFuser {
  const type = "@mmub/fusion/multiplicative";
  const encoding = encodingOf(type, given);
  const { units } = encoding;
  return networkFuser(type, encoding, {}, given, (scope, modalities) => {
    const factors = encoding
      .vectors(scope, modalities)
      .map(({ name, vector }) => tanh(dense({ units, name: `factor_${name}` })(scope, vector)));
    return { fused: dense({ units, name: "output" })(scope, factors.reduce(mul)) };
  });
}
