import { checkParam, MmubError } from "@mmub/core";
import { concat, constant, dense, expand, mul, reshape } from "@mmub/nn";
import { type EncodingParams, encodingOf } from "./encoding.js";
import { type FuserTrainingParams, type NetworkFuser, networkFuser } from "./network-fuser.js";

export interface TensorFusionParams extends EncodingParams, FuserTrainingParams {
  /** Width that each modality is brought to; the product has (units + 1) to the power of the modalities numbers. @default 16 */
  readonly units?: number;
  /** Width of the result. @default 64 */
  readonly outputUnits?: number;
}

const most = 2 ** 17;

/**
 * Tensor fusion: the outer product of all modalities, each with a 1 in front, so that every product of numbers of one, two and more
 * modalities has a weight of its own, then a dense layer. For two or three narrow modalities; else `lowRankFusion`.
 *
 * Output: Dense, rows x `outputUnits`. Trained with a linear head for the targets of the fit, or by a joint model. Takes and rejects what
 * `gated` does, and a product of more than 131,072 numbers (`invalid-params`). Cost: (units + 1)^modalities x outputUnits a row.
 * Source: Zadeh, Chen, Poria, Cambria and Morency, Tensor fusion network for multimodal sentiment analysis (2017).
 *
 * @example
 * const photo = dense(4, 2, Float32Array.of(0, 1, 1, 0, 0, 2, 2, 0));
 * const visits = dense(4, 1, Float32Array.of(5, 9, 4, 8));
 * const fuser = tensorFusion({ units: 4, outputUnits: 8, epochs: 2 });
 * const fitted = await fuser.fit({ photo, visits }, ["buy", "leave", "buy", "leave"]);
 * const { cols } = await fitted.transform({ photo, visits }); // 8
 * await fitted.dispose();
 */
export function tensorFusion({ units = 16, outputUnits = 64, ...given }: TensorFusionParams = {}): NetworkFuser {
  const type = "@mmub/fusion/tensor-fusion";
  const encoding = encodingOf(type, { ...given, units });
  checkParam(type, "outputUnits", outputUnits, Number.isInteger(outputUnits) && outputUnits > 0, "a positive integer");
  const { activation } = encoding;
  return networkFuser(type, encoding, { outputUnits }, given, (scope, modalities) => {
    const width = (units + 1) ** modalities.length;
    if (width > most)
      throw new MmubError("invalid-params", {
        part: type,
        message: `${modalities.length} modalities of ${units} units make a product of ${width} numbers, want at most ${most}: units of at most ${Math.floor(most ** (1 / modalities.length)) - 1}, or lowRankFusion`,
      });
    const parts = encoding.vectors(scope, modalities);
    const batch = parts[0]!.vector.shape[0]!;
    const one = expand(constant(1), [batch, 1]);
    const product = parts
      .map(({ vector }) => concat([one, vector]))
      .reduce((a, b) =>
        reshape(mul(reshape(a, [batch, a.shape[1]!, 1]), reshape(b, [batch, 1, b.shape[1]!])), [batch, -1]),
      );
    return { fused: dense({ units: outputUnits, name: "output", activation })(scope, product) };
  });
}
