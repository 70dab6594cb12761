/** gensim's and word2vec's formula, as bounds for 32 random bits. */
export function keepThresholds(counts: Float64Array, sample: number, total: number): Int32Array {
  const bound = sample * total;
  return Int32Array.from(counts, (count) => {
    const chance = sample === 0 ? 1 : (Math.sqrt(count / bound) + 1) * (bound / count);
    return Math.floor(Math.min(1, chance) * (2 ** 32 - 1)) | 0;
  });
}

/** Draws in proportion to count ^ exponent, in constant time (Walker 1977, built as by Vose 1991). */
export function aliasTable(counts: Float64Array, exponent: number, threshold: Int32Array, alias: Int32Array): void {
  const { length } = counts;
  const shares = counts.map((count) => count ** exponent);
  const sum = shares.reduce((a, b) => a + b, 0);
  const small: number[] = [];
  const large: number[] = [];
  for (let i = 0; i < length; i++) {
    shares[i]! *= length / sum;
    (shares[i]! < 1 ? small : large).push(i);
    [threshold[i], alias[i]] = [-1, i];
  }
  while (small.length > 0 && large.length > 0) {
    const [less, more] = [small.pop()!, large.pop()!];
    threshold[less] = Math.floor(shares[less]! * (2 ** 32 - 1)) | 0;
    alias[less] = more;
    shares[more]! -= 1 - shares[less]!;
    (shares[more]! < 1 ? small : large).push(more);
  }
}
