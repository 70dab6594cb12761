export interface CorrectedT {
  /** The mean of the differences. */
  readonly difference: number;
  readonly statistic: number;
  readonly degreesOfFreedom: number;
  /** Two-sided, in [0, 1]. */
  readonly pValue: number;
}

/**
 * Whether differences of scores over the splits of one data set are more than chance: Student's t with the variance corrected for training
 * sets that overlap. `differences` are finite, at least 2; `testOverTrain` is samples to test on over samples to train on in each split.
 * Neither is checked. Source: Nadeau & Bengio (2003), section 3.
 *
 * @example
 * console.log(correctedT([0.1, 0.07, 0.1], 1 / 2).pValue < 0.05); // true
 */
export function correctedT(differences: readonly number[], testOverTrain: number): CorrectedT {
  const n = differences.length;
  const difference = differences.reduce((sum, one) => sum + one / n, 0);
  const variance = differences.reduce((sum, one) => sum + (one - difference) ** 2 / (n - 1), 0);
  const statistic = difference === 0 ? 0 : difference / Math.sqrt((1 / n + testOverTrain) * variance);
  const degreesOfFreedom = n - 1;
  return { difference, statistic, degreesOfFreedom, pValue: studentTwoSided(statistic, degreesOfFreedom) };
}

/**
 * P(|T| >= |t|) of Student's t, in [0, 1]: the regularised incomplete beta function of df / (df + t²). `df` above 0, not checked.
 *
 * @example
 * console.log(studentTwoSided(2.228, 10).toFixed(3)); // 0.050
 */
export function studentTwoSided(t: number, df: number): number {
  return Number.isFinite(t) ? incompleteBeta(df / (df + t * t), df / 2, 0.5) : 0;
}

/** Source: the continued fraction of Abramowitz & Stegun 26.5.8, by Lentz's method. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / (1 - ((a + b) * x) / (a + 1) || tiny);
  let fraction = d;
  for (let m = 1; m < 500; m++) {
    for (const step of [
      (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)),
      (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)),
    ]) {
      d = 1 / (1 + step * d || tiny);
      c = 1 + step / c || tiny;
      fraction *= c * d;
    }
    if (Math.abs(c * d - 1) < 1e-16) break;
  }
  const scale = a * Math.log(x) + b * Math.log(1 - x) + logGamma(a + b) - logGamma(a) - logGamma(b);
  return (Math.exp(scale) * fraction) / a;
}

/**
 * The logarithm of the gamma function of a number above 0: Stirling's series from 15 on, below by the recurrence.
 *
 * @example
 * console.log(Math.exp(logGamma(5)).toFixed(6)); // 24.000000
 */
export function logGamma(x: number): number {
  let shift = 0;
  let at = x;
  while (at < 15) shift -= Math.log(at++);
  const inverse = 1 / (at * at);
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / at;
  return shift + (at - 0.5) * Math.log(at) - at + Math.log(2 * Math.PI) / 2 + series;
}
