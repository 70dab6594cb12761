import { checkParam } from "@mmub/core";
import { concat, dense, globalMeanPool, sinusoidalPositions, transformerEncoder } from "@mmub/nn";
import { type AttentionParams, attentionOf, crossBlock } from "./blocks.js";
import { type EncodingParams, encodingOf } from "./encoding.js";
import { type FuserTrainingParams, type NetworkFuser, networkFuser } from "./network-fuser.js";

export interface CrossmodalTransformerParams
  extends Omit<EncodingParams, "sequence">,
    FuserTrainingParams,
    AttentionParams {
  /** What tells steps of a Sequence apart by where they are. @default "sinusoidal" */
  readonly positions?: "none" | "sinusoidal";
}

/**
 * Multimodal Transformer: each modality is enriched by each other one through layers of crossmodal attention, in which its steps ask and
 * those of the other answer; what it learned from all others passes a self-attention layer and is averaged over its steps. Steps need
 * not be aligned, nor be of one length.
 *
 * Output: Dense, rows x `units`. A Sequence keeps its steps; Dense and Sparse features are one step. Trained with a linear head for the
 * targets of the fit, or by a joint model. Takes and rejects what `gated` does. Cost: modalities x (modalities - 1) x layers blocks,
 * of steps x steps of the other x units and 12 x units² a step each.
 * Source: Tsai, Bai, Liang, Kolter, Morency and Salakhutdinov, Multimodal transformer for unaligned multimodal language sequences (2019).
 *
 * @example
 * const photo = dense(4, 2, Float32Array.of(0, 1, 1, 0, 0, 2, 2, 0));
 * const visits = sequence(1, Uint32Array.of(0, 2, 3, 5, 6), Float32Array.of(5, 9, 4, 8, 2, 1));
 * const fuser = crossmodalTransformer({ units: 4, heads: 2, layers: 1, epochs: 1 });
 * const fitted = await fuser.fit({ photo, visits }, ["buy", "leave", "buy", "leave"]);
 * const { cols } = await fitted.transform({ photo, visits }); // 4
 * await fitted.dispose();
 */
export function crossmodalTransformer({
  positions = "sinusoidal",
  ...given
}: CrossmodalTransformerParams = {}): NetworkFuser {
  const type = "@mmub/fusion/crossmodal-transformer";
  const encoding = encodingOf(type, given, { keepsSteps: true });
  const { units, dropout, activation } = encoding;
  const attention = attentionOf(type, given, units);
  checkParam(
    type,
    "positions",
    positions,
    positions === "none" || positions === "sinusoidal",
    '"none" or "sinusoidal"',
  );
  const block = { heads: attention.heads, dropout, activation };
  const self = (name: string) =>
    transformerEncoder({ name, heads: attention.heads, dropout, activation, normFirst: true });
  return networkFuser(type, encoding, { ...attention, positions }, given, (scope, modalities) => {
    const parts = encoding.steps(scope, modalities);
    const placed = parts.map(({ name, steps, ragged }) => ({
      name,
      steps: ragged && positions === "sinusoidal" ? sinusoidalPositions()(scope, steps) : steps,
    }));
    const pooled = placed.map(({ name, steps }) => {
      const views = placed
        .filter((other) => other.name !== name)
        .map((other) =>
          scope.enter(`${name}_from_${other.name}`, (own) => {
            let seen = steps;
            for (let layer = 0; layer < attention.layers; layer++)
              seen = own.enter(String(layer), (inner) => crossBlock(inner, seen, other.steps, block));
            return seen;
          }),
        );
      const all = views.length === 0 ? steps : { values: concat(views.map(({ values }) => values)), mask: steps.mask };
      const narrow = views.length > 1 ? dense({ units, name: `merge_${name}` })(scope, all) : all;
      return globalMeanPool()(scope, self(`self_${name}`)(scope, narrow));
    });
    return { fused: dense({ units, name: "output" })(scope, pooled.length === 1 ? pooled[0]! : concat(pooled)) };
  });
}
