import { checkParam } from "@mmub/core";
import { add, dense, globalMeanPool, initializers, reshape, transformerEncoder } from "@mmub/nn";
import { type AttentionParams, attentionOf, crossBlock, joinedSteps, learnedSteps } from "./blocks.js";
import { type EncodingParams, encodingOf } from "./encoding.js";
import { type FuserTrainingParams, type NetworkFuser, networkFuser } from "./network-fuser.js";

export interface PerceiverParams extends Omit<EncodingParams, "sequence">, FuserTrainingParams, AttentionParams {
  /** Vectors that ask all steps of all modalities. @default 8 */
  readonly latents?: number;
}

/**
 * Perceiver: a few learned vectors ask the steps of all modalities at once, think among themselves, and ask again; their mean is the
 * result. Its cost grows with the number of steps and not with its square, so it takes long sequences and many modalities.
 *
 * Output: Dense, rows x `units`. A Sequence keeps its steps; Dense and Sparse features are one step. Trained with a linear head for the
 * targets of the fit, or by a joint model. Takes and rejects what `gated` does. Cost: layers x (2 x units² a step, latents x
 * steps x units and 24 x units² a latent).
 * Source: Jaegle, Gimeno, Brock, Zisserman, Vinyals and Carreira, Perceiver: general perception with iterative attention (2021).
 *
 * @example
 * const photo = dense(4, 2, Float32Array.of(0, 1, 1, 0, 0, 2, 2, 0));
 * const visits = sequence(1, Uint32Array.of(0, 2, 3, 5, 6), Float32Array.of(5, 9, 4, 8, 2, 1));
 * const fuser = perceiver({ units: 4, heads: 2, latents: 2, layers: 1, epochs: 1 });
 * const fitted = await fuser.fit({ photo, visits }, ["buy", "leave", "buy", "leave"]);
 * const { cols } = await fitted.transform({ photo, visits }); // 4
 * await fitted.dispose();
 */
export function perceiver({ latents = 8, ...given }: PerceiverParams = {}): NetworkFuser {
  const type = "@mmub/fusion/perceiver";
  const encoding = encodingOf(type, given, { keepsSteps: true });
  const { units, dropout, activation } = encoding;
  const attention = attentionOf(type, given, units);
  checkParam(type, "latents", latents, Number.isInteger(latents) && latents > 0, "a positive integer");
  return networkFuser(type, encoding, { ...attention, latents }, given, (scope, modalities) => {
    const parts = encoding.steps(scope, modalities);
    const batch = parts[0]!.present.shape[0]!;
    // What modality a step is of.
    const all = joinedSteps(
      parts.map(({ name, steps }) => {
        const kind = scope.parameter(`kind_${name}`, [units], initializers.normal({ deviation: 0.02 }));
        return { values: add(steps.values, reshape(kind, [1, 1, units])), mask: steps.mask };
      }),
    );
    let asking = learnedSteps(scope, "latents", latents, units, batch);
    for (let layer = 0; layer < attention.layers; layer++) {
      asking = scope.enter(`ask_${layer}`, (own) =>
        crossBlock(own, asking, all, { heads: attention.heads, dropout, activation }),
      );
      const think = { name: `think_${layer}`, heads: attention.heads, dropout, activation, finalNorm: false };
      asking = transformerEncoder({ ...think, normFirst: true })(scope, asking);
    }
    return { fused: dense({ units, name: "output" })(scope, globalMeanPool()(scope, asking)) };
  });
}
