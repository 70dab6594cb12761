export interface MelSettings {
  readonly sampleRateHz: number;
  readonly fftSize: number;
  readonly mels: number;
  readonly fMinHz: number;
  readonly fMaxHz: number;
  readonly htk: boolean;
  readonly melNorm: "slaney" | null;
  /** Triangles in mels, as Kaldi and HTK have them, without the last bin. */
  readonly speech?: object;
}

type Numbers = Float32Array | Float64Array;

/** Weighted sums over bins, one for each band. */
export interface MelFilters {
  readonly bands: number;
  /** Pairs: the first bin of a band and how many it weighs. */
  readonly ranges: Int32Array;
  /** Those of all bands, one behind the other. */
  readonly weights: Float64Array;
  apply(spectrum: Numbers, bands: Numbers): void;
}

/**
 * Triangular filters evenly spaced on the mel scale, as `librosa.filters.mel`, over the (fftSize >> 1) + 1 bins of a spectrum. A
 * filter narrower than a bin may lie between two bins, and its band is then 0.
 * Source: Slaney, "Auditory Toolbox" (1998); the HTK Book 3.4, section 5.6.
 */
export function melFilters(settings: MelSettings): MelFilters {
  const { sampleRateHz, fftSize, mels, fMinHz, fMaxHz, htk, melNorm } = settings;
  const [low, high] = [hzToMel(fMinHz, htk), hzToMel(fMaxHz, htk)];
  const edges = Float64Array.from({ length: mels + 2 }, (_, i) => melToHz(low + ((high - low) * i) / (mels + 1), htk));
  if (settings.speech)
    return bandFilters(mels, (fftSize >> 1) - 1, (band) => (bin) => {
      const at = ((hzToMel((bin * sampleRateHz) / fftSize, htk) - low) * (mels + 1)) / (high - low) - band;
      return Math.max(0, Math.min(at, 2 - at));
    });
  return bandFilters(mels, fftSize >> 1, (mel) => {
    const [left, middle, right] = [edges[mel]!, edges[mel + 1]!, edges[mel + 2]!];
    const scale = melNorm === "slaney" ? 2 / (right - left) : 1;
    return (bin) => {
      const hz = (bin * sampleRateHz) / fftSize;
      return scale * Math.max(0, Math.min((hz - left) / (middle - left), (right - hz) / (right - middle)));
    };
  });
}

/** Filters by the weight of each bin up to `last` in each band; what is zero at both ends is left out. */
export function bandFilters(
  bands: number,
  last: number,
  weightsOf: (band: number) => (bin: number) => number,
): MelFilters {
  const ranges = new Int32Array(2 * bands);
  const all: number[] = [];
  for (let band = 0; band < bands; band++) {
    const weight = weightsOf(band);
    const row = Array.from({ length: last + 1 }, (_, bin) => weight(bin));
    const first = row.findIndex((value) => value !== 0);
    const end = row.findLastIndex((value) => value !== 0);
    ranges.set([Math.max(0, first), end - first + (first < 0 ? 0 : 1)], 2 * band);
    if (first >= 0) for (const value of row.slice(first, end + 1)) all.push(value);
  }
  const weights = Float64Array.from(all);
  return { bands, ranges, weights, apply: (spectrum, out) => weightedSums(spectrum, out, ranges, weights) };
}

function weightedSums(spectrum: Numbers, bands: Numbers, ranges: Int32Array, weights: Float64Array): void {
  let at = 0;
  for (let band = 0; band < bands.length; band++) {
    let sum = 0;
    for (let bin = ranges[2 * band]!, end = bin + ranges[2 * band + 1]!; bin < end; bin++, at++)
      sum += spectrum[bin]! * weights[at]!;
    bands[band] = sum;
  }
}

// Slaney's scale is linear below 1 kHz and logarithmic above: 27 mels a factor of 6.4.
const hzPerMel = 200 / 3;
const cornerHz = 1000;
const cornerMel = cornerHz / hzPerMel;
const logStep = Math.log(6.4) / 27;

function hzToMel(hz: number, htk: boolean): number {
  if (htk) return 2595 * Math.log10(1 + hz / 700);
  return hz < cornerHz ? hz / hzPerMel : cornerMel + Math.log(hz / cornerHz) / logStep;
}

function melToHz(mel: number, htk: boolean): number {
  if (htk) return 700 * (10 ** (mel / 2595) - 1);
  return mel < cornerMel ? mel * hzPerMel : cornerHz * Math.exp(logStep * (mel - cornerMel));
}
