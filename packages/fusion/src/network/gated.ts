import { checkParam } from "@mmub/core";
import { concat, dense, greater, mean, mul, reshape, sigmoid, softmax, sum, tanh, transpose, where } from "@mmub/nn";
import { type EncodingParams, encodingOf } from "./encoding.js";
import { type FuserTrainingParams, type NetworkFuser, networkFuser } from "./network-fuser.js";
import { sharesOf, stacked } from "./parts.js";

export interface GatedParams extends EncodingParams, FuserTrainingParams {
  /**
   * `"sigmoid"`: a gate for each number of each modality, of its own, as in the source. `"softmax"`: the gates of a number add up to 1
   * over the modalities that a row has, so that a missing one leaves its part to the others. @default "softmax"
   */
  readonly gate?: "sigmoid" | "softmax";
}

/**
 * Gated multimodal units: each modality brought to one width, then summed under gates that see all of them,
 * `Σᵢ gᵢ ⊙ tanh(Wᵢ hᵢ)`, gates from `Vᵢ [h₁, …, hₖ]`. What a row's gates let through says how much each modality counts there: `shares`.
 *
 * Output: Dense, rows x `units`. Trained with a linear head for the targets of the fit, or by a joint model. Takes Dense, Sparse and
 * Sequence features, any of them missing. Rejects what `concat` does. Cost: modalities² x units² multiplications a row beside those
 * of the encoders.
 * Source: Arevalo, Solorio, Montes-y-Gómez and González, Gated multimodal units for information fusion (2017).
 *
 * @example
 * const photo = dense(4, 2, Float32Array.of(0, 1, 1, 0, 0, 2, 2, 0));
 * const visits = dense(4, 1, Float32Array.of(5, 9, 4, 8));
 * const fitted = await gated({ units: 4, epochs: 2 }).fit({ photo, visits }, ["buy", "leave", "buy", "leave"]);
 * const shares = await fitted.shares({ photo, visits }); // 4 x 2: photo and visits of each row, adding up to 1
 * await fitted.dispose();
 */
export function gated({ gate = "softmax", ...given }: GatedParams = {}): NetworkFuser {
  const type = "@mmub/fusion/gated";
  checkParam(type, "gate", gate, gate === "sigmoid" || gate === "softmax", '"sigmoid" or "softmax"');
  const encoding = encodingOf(type, given);
  const { units } = encoding;
  return networkFuser(type, encoding, { gate }, given, (scope, modalities) => {
    const parts = encoding.vectors(scope, modalities);
    const [batch, count] = [parts[0]!.vector.shape[0]!, parts.length];
    const all = concat(parts.map(({ vector }) => vector));
    const values = stacked(
      parts.map(({ name, vector }) => tanh(dense({ units, name: `value_${name}` })(scope, vector))),
    );
    const logits = stacked(parts.map(({ name }) => dense({ units, name: `gate_${name}` })(scope, all)));
    const presence = reshape(concat(parts.map(({ present }) => present)), [batch, count, 1]);
    // Far below what logits are: no part for what is missing, and an equal one for all where all is.
    const hidden = where(greater(presence, 0), logits, -1e4);
    const gates = gate === "sigmoid" ? sigmoid(logits) : transpose(softmax(transpose(hidden, [0, 2, 1])), [0, 2, 1]);
    return { fused: sum(mul(gates, values), [1]), shares: sharesOf(mean(gates, [2]), parts) };
  });
}
