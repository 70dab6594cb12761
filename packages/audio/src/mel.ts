export interface MelSettings {
  readonly sampleRateHz: number;
  readonly fftSize: number;
  readonly mels: number;
  readonly fMinHz: number;
  readonly fMaxHz: number;
  readonly htk: boolean;
  readonly melNorm: "slaney" | null;
}

/**
 * Triangular filters evenly spaced on the mel scale, as `librosa.filters.mel`: the returned function writes the weighted
 * sum of `spectrum`, of fftSize >> 1 + 1 bins, under each filter into `bands`. A filter narrower than a bin may lie
 * between two bins, and its band is then 0.
 * Source: Slaney, "Auditory Toolbox" (1998); the HTK Book 3.4, section 5.6.
 */
export function melFilters(settings: MelSettings): (spectrum: Float64Array, bands: Float64Array) => void {
  const { sampleRateHz, fftSize, mels, fMinHz, fMaxHz, htk, melNorm } = settings;
  const [low, high] = [hzToMel(fMinHz, htk), hzToMel(fMaxHz, htk)];
  const edges = Float64Array.from({ length: mels + 2 }, (_, i) => melToHz(low + ((high - low) * i) / (mels + 1), htk));

  const firstBin = new Int32Array(mels);
  const ends = new Int32Array(mels);
  const weights: number[] = [];
  for (let mel = 0; mel < mels; mel++) {
    const [left, middle, right] = [edges[mel]!, edges[mel + 1]!, edges[mel + 2]!];
    const scale = melNorm === "slaney" ? 2 / (right - left) : 1;
    let bin = Math.max(0, Math.floor((left * fftSize) / sampleRateHz));
    firstBin[mel] = bin;
    for (; bin <= fftSize >> 1; bin++) {
      const hz = (bin * sampleRateHz) / fftSize;
      if (hz >= right) break;
      weights.push(scale * Math.max(0, Math.min((hz - left) / (middle - left), (right - hz) / (right - middle))));
    }
    ends[mel] = weights.length;
  }
  const flat = Float64Array.from(weights);
  return (spectrum, bands) => weightedSums(spectrum, bands, firstBin, ends, flat);
}

function weightedSums(
  spectrum: Float64Array,
  bands: Float64Array,
  firstBin: Int32Array,
  ends: Int32Array,
  weights: Float64Array,
): void {
  let at = 0;
  for (let mel = 0; mel < firstBin.length; mel++) {
    let sum = 0;
    for (let bin = firstBin[mel]!, end = ends[mel]!; at < end; at++, bin++) sum += spectrum[bin]! * weights[at]!;
    bands[mel] = sum;
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
