import { checkParam } from "@mmub/core";
import { add, dense, fullSteps, mul, reshape, type Steps, slice, transformerEncoder } from "@mmub/nn";
import { type AttentionParams, attentionOf, joinedSteps, learnedSteps } from "./blocks.js";
import { type EncodingParams, encodingOf } from "./encoding.js";
import { type FuserTrainingParams, type NetworkFuser, networkFuser } from "./network-fuser.js";

export interface AttentionBottleneckParams
  extends Omit<EncodingParams, "sequence">,
    FuserTrainingParams,
    AttentionParams {
  /** At least 2: what one writes to the bottleneck the next reads. @default 2 */
  readonly layers?: number;
  /** Vectors through which all that modalities tell each other must pass. @default 4 */
  readonly bottleneck?: number;
}

/**
 * Attention bottlenecks: a Transformer for each modality over its steps, a summary vector and a few vectors that all modalities share. Each
 * layer lets a modality read and write its own copy of these; the copies are then averaged. So modalities exchange what matters at a
 * cost that grows with their steps, not with the product of them. The summaries are averaged at the end.
 *
 * Output: Dense, rows x `units`. A Sequence keeps its steps; Dense and Sparse features are one step. Trained with a linear head for the
 * targets of the fit, or by a joint model. Takes and rejects what `gated` does. Cost: layers x modalities Transformer layers, of 12 x
 * units² a step and steps² x units a row each.
 * Source: Nagrani, Yang, Arnab, Jansen, Schmid and Sun, Attention bottlenecks for multimodal fusion (2021).
 *
 * @example
 * const photo = dense(4, 2, Float32Array.of(0, 1, 1, 0, 0, 2, 2, 0));
 * const visits = sequence(1, Uint32Array.of(0, 2, 3, 5, 6), Float32Array.of(5, 9, 4, 8, 2, 1));
 * const fuser = attentionBottleneck({ units: 4, heads: 2, epochs: 1 });
 * const fitted = await fuser.fit({ photo, visits }, ["buy", "leave", "buy", "leave"]);
 * const { cols } = await fitted.transform({ photo, visits }); // 4
 * await fitted.dispose();
 */
export function attentionBottleneck({ bottleneck = 4, ...given }: AttentionBottleneckParams = {}): NetworkFuser {
  const type = "@mmub/fusion/attention-bottleneck";
  const encoding = encodingOf(type, given, { keepsSteps: true });
  const { units, dropout, activation } = encoding;
  const attention = attentionOf(type, given, units);
  checkParam(
    type,
    "layers",
    attention.layers,
    attention.layers > 1,
    "at least 2: one writes to the bottleneck, the next reads",
  );
  checkParam(type, "bottleneck", bottleneck, Number.isInteger(bottleneck) && bottleneck > 0, "a positive integer");
  return networkFuser(type, encoding, { ...attention, bottleneck }, given, (scope, modalities) => {
    const parts = encoding.steps(scope, modalities);
    const batch = parts[0]!.present.shape[0]!;
    let shared = learnedSteps(scope, "bottleneck", bottleneck, units, batch);
    // In front of its steps each modality has its summary.
    let seen = parts.map(({ name, steps }) =>
      joinedSteps([learnedSteps(scope, `summary_${name}`, 1, units, batch), steps]),
    );
    for (let layer = 0; layer < attention.layers; layer++) {
      const both = parts.map(({ name }, i) => {
        const encoder = transformerEncoder({
          name: `${name}_${layer}`,
          heads: attention.heads,
          dropout,
          activation,
          normFirst: true,
          finalNorm: false,
        });
        return encoder(scope, joinedSteps([shared, seen[i]!]));
      });
      const copies = both.map(({ values }) => slice(values, 1, 0, bottleneck));
      shared = fullSteps(mul(copies.reduce(add), 1 / parts.length));
      seen = both.map((steps) => from(steps, bottleneck));
    }
    const summaries = seen.map(({ values }) => reshape(slice(values, 1, 0, 1), [batch, units]));
    return { fused: dense({ units, name: "output" })(scope, mul(summaries.reduce(add), 1 / parts.length)) };
  });
}

function from({ values, mask }: Steps, first: number): Steps {
  const length = mask.shape[1]!;
  return { values: slice(values, 1, first, length), mask: slice(mask, 1, first, length) };
}
