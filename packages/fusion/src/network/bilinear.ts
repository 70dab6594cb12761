import { checkParam, random } from "@mmub/core";
import { abs, add, constant, div, matmul, mul, sign, sqrt, sub, sum, type Value } from "@mmub/nn";
import { type EncodingParams, encodingOf } from "./encoding.js";
import { type FuserTrainingParams, type NetworkFuser, networkFuser } from "./network-fuser.js";

export interface BilinearParams extends EncodingParams, FuserTrainingParams {
  /** Width of the result, into which all products are hashed; at most 8192, as its Fourier transform is a matrix. @default 256 */
  readonly outputUnits?: number;
  /** Whether numbers become their roots, with their signs, and a row then length 1, as in the source. @default true */
  readonly normalize?: boolean;
}

/**
 * Compact bilinear pooling: the products of each number of a modality with each of every other, as in `tensorFusion`, but hashed into
 * `outputUnits` sums with random signs, so that the outer product is never made: inner products of results are about the products of inner
 * products of the modalities. More than two are multiplied alike.
 *
 * Output: Dense, rows x `outputUnits`. The hashes are the same for every fit. Trained with a linear head for the targets of the fit, or by a
 * joint model. Takes and rejects what `gated` does. Cost: modalities x units x outputUnits + outputUnits² multiplications a row.
 * Source: Gao, Beijbom, Zhang and Darrell, Compact bilinear pooling (2016); Fukui et al., Multimodal compact bilinear pooling (2016);
 * count sketches by Pham and Pagh (2013).
 *
 * @example
 * const photo = dense(4, 2, Float32Array.of(0, 1, 1, 0, 0, 2, 2, 0));
 * const visits = dense(4, 1, Float32Array.of(5, 9, 4, 8));
 * const fitted = await bilinear({ units: 4, outputUnits: 16, epochs: 2 }).fit({ photo, visits }, ["buy", "leave", "buy", "leave"]);
 * const { cols } = await fitted.transform({ photo, visits }); // 16
 * await fitted.dispose();
 */
export function bilinear({ outputUnits = 256, normalize = true, ...given }: BilinearParams = {}): NetworkFuser {
  const type = "@mmub/fusion/bilinear";
  const encoding = encodingOf(type, given);
  const fits = Number.isInteger(outputUnits) && outputUnits > 0 && outputUnits <= 8192;
  checkParam(type, "outputUnits", outputUnits, fits, "an integer from 1 to 8192");
  checkParam(type, "normalize", normalize, typeof normalize === "boolean", "true or false");
  return networkFuser(type, encoding, { outputUnits, normalize }, given, (scope, modalities) => {
    // Sketches are convolved, which of spectra is a product.
    const [real, imaginary] = encoding
      .vectors(scope, modalities)
      .map(({ name, vector }) => {
        const { cosines, sines } = sketchSpectrum(name, encoding.units, outputUnits);
        return [matmul(vector, cosines), matmul(vector, sines)] as const;
      })
      .reduce(([a, b], [c, d]) => [sub(mul(a, c), mul(b, d)), add(mul(a, d), mul(b, c))]);
    const { cosines, sines } = inverseSpectrum(outputUnits);
    const pooled = add(matmul(real, cosines), matmul(imaginary, sines));
    return { fused: normalize ? normalized(pooled) : pooled };
  });
}

interface Spectrum {
  readonly cosines: Value;
  readonly sines: Value;
}

/** From the numbers of a modality to the spectrum of their count sketch, `[units, frequencies]`: each goes to one place with one sign. */
function sketchSpectrum(modality: string, units: number, width: number): Spectrum {
  const chance = random(0).fork(modality);
  const places = Array.from({ length: units }, () => [chance.integer(width), chance.next() < 0.5 ? -1 : 1] as const);
  const half = Math.floor(width / 2) + 1;
  const of = (wave: (angle: number) => number) =>
    constant(
      Float32Array.from({ length: units * half }, (_, i) => {
        const [place, side] = places[Math.floor(i / half)]!;
        return side * wave((2 * Math.PI * ((place * (i % half)) % width)) / width);
      }),
      [units, half],
    );
  return { cosines: of(Math.cos), sines: of((angle) => -Math.sin(angle)) };
}

/** From a spectrum `[batch, frequencies]` back to numbers; all frequencies but the first and a last in the middle stand for two. */
function inverseSpectrum(width: number): Spectrum {
  const half = Math.floor(width / 2) + 1;
  const of = (wave: (angle: number) => number) =>
    constant(
      Float32Array.from({ length: half * width }, (_, i) => {
        const [frequency, place] = [Math.floor(i / width), i % width];
        const times = frequency === 0 || 2 * frequency === width ? 1 : 2;
        return (times / width) * wave((2 * Math.PI * ((frequency * place) % width)) / width);
      }),
      [half, width],
    );
  return { cosines: of(Math.cos), sines: of((angle) => -Math.sin(angle)) };
}

/** Roots with their signs, then rows of length 1; the least on top keeps gradients at 0 finite. */
function normalized(x: Value): Value {
  const roots = mul(sign(x), sub(sqrt(add(abs(x), 1e-6)), 1e-3));
  return div(roots, sqrt(add(sum(mul(roots, roots), [1], true), 1e-12)));
}
