/** sign(x) ln(1 + |x|): tames amounts of either sign. */
export function signedLog(value: number): number {
  return Math.sign(value) * Math.log1p(Math.abs(value));
}
