import { add, concat, dense, mul } from "@mmub/nn";
import { type EncodingParams, encodingOf } from "./encoding.js";
import { type FuserTrainingParams, type NetworkFuser, networkFuser } from "./network-fuser.js";

export interface FilmFusionParams extends EncodingParams, FuserTrainingParams {}

/**
 * Feature-wise linear modulation: each modality is scaled and shifted, number by number, by what all others say, `(1 + γ) ⊙ h + β` with γ and
 * β linear in the others, then they are averaged and mapped. So a photo can change what a word means.
 *
 * Output: Dense, rows x `units`. Trained with a linear head for the targets of the fit, or by a joint model. Takes and rejects
 * what `gated` does. Cost: 2 x modalities² x units² multiplications a row beside those of the encoders.
 * Source: Perez, Strub, de Vries, Dumoulin and Courville, FiLM: visual reasoning with a general conditioning layer (2018), here in
 * every direction.
 *
 * @example
 * const photo = dense(4, 2, Float32Array.of(0, 1, 1, 0, 0, 2, 2, 0));
 * const visits = dense(4, 1, Float32Array.of(5, 9, 4, 8));
 * const fitted = await filmFusion({ units: 4, epochs: 2 }).fit({ photo, visits }, ["buy", "leave", "buy", "leave"]);
 * const { cols } = await fitted.transform({ photo, visits }); // 4
 * await fitted.dispose();
 */
export function filmFusion(given: FilmFusionParams = {}): NetworkFuser {
  const type = "@mmub/fusion/film-fusion";
  const encoding = encodingOf(type, given);
  const { units } = encoding;
  return networkFuser(type, encoding, {}, given, (scope, modalities) => {
    const parts = encoding.vectors(scope, modalities);
    const modulated = parts.map(({ name, vector }) => {
      const others = parts.filter((part) => part.name !== name).map((part) => part.vector);
      if (others.length === 0) return vector;
      const context = others.length === 1 ? others[0]! : concat(others);
      const scale = dense({ units, name: `scale_${name}` })(scope, context);
      const shift = dense({ units, name: `shift_${name}` })(scope, context);
      return add(mul(vector, add(scale, 1)), shift);
    });
    const mean = mul(modulated.reduce(add), 1 / parts.length);
    return { fused: dense({ units, name: "output", activation: encoding.activation })(scope, mean) };
  });
}
