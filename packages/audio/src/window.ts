/** Coefficients of the cosine series: sum of (-1)^j a[j] cos(2πj i / length). As scipy.signal.windows has them. */
const cosineSeries = {
  boxcar: [1],
  hann: [0.5, 0.5],
  hamming: [0.54, 0.46],
  blackman: [0.42, 0.5, 0.08],
  blackmanharris: [0.35875, 0.48829, 0.14128, 0.01168],
  nuttall: [0.3635819, 0.4891775, 0.1365995, 0.0106411],
  flattop: [0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368],
} as const;

/** A window by the name that scipy and librosa give it, or the beta of a Kaiser window. */
export type Window = keyof typeof cosineSeries | "bartlett" | "cosine" | "povey" | number;

export const windowNames = [...Object.keys(cosineSeries), "bartlett", "cosine", "povey"];

/** The window of `length` samples, as `scipy.signal.get_window(window, length, fftbins=!symmetric)`; "povey" is Kaldi's. */
export function windowSamples(window: Window, length: number, symmetric = false): Float64Array {
  const out = new Float64Array(length);
  // The periodic window of n samples is the symmetric one of n + 1 without its last; one sample alone is 1.
  if (length === 1) return out.fill(1);
  const period = symmetric ? length - 1 : length;
  for (let i = 0; i < length; i++) {
    if (typeof window === "number") out[i] = kaiser((2 * i) / period - 1, window);
    else if (window === "bartlett") out[i] = 1 - Math.abs((2 * i) / period - 1);
    else if (window === "cosine") out[i] = Math.sin((Math.PI * (i + 0.5)) / (period + 1));
    else if (window === "povey") out[i] = (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / period)) ** 0.85;
    else
      out[i] = cosineSeries[window].reduce<number>(
        (sum, a, j) => sum + (j % 2 === 0 ? a : -a) * Math.cos((2 * Math.PI * j * i) / period),
        0,
      );
  }
  return out;
}

/** The Kaiser window at `x`, which is 0 in its middle and -1 and 1 at its ends. */
export function kaiser(x: number, beta: number): number {
  return besselI0(beta * Math.sqrt(Math.max(0, 1 - x * x))) / besselI0(beta);
}

// The modified Bessel function of order zero by its power series, summed until a term no longer counts.
function besselI0(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
