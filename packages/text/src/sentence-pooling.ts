/** How a vector of a text is made of those of its tokens, by sentence-transformers' names. */
export type Pooling = keyof typeof poolings;

/** Adds up to `into`, in double precision, the vectors of `length` tokens of `width` that begin at `at`. */
type Pool = (hidden: ArrayLike<number>, at: number, length: number, into: Float64Array) => void;

export const poolings = {
  cls: picked(() => 0),
  lasttoken: picked((length) => length - 1),
  max(hidden, at, length, into) {
    into.fill(Number.NEGATIVE_INFINITY);
    for (let token = 0, i = at; token < length; token++)
      for (let column = 0; column < into.length; column++, i++) into[column] = Math.max(into[column]!, hidden[i]!);
  },
  mean: weighted(
    () => 1,
    (length) => length,
  ),
  mean_sqrt_len_tokens: weighted(() => 1, Math.sqrt),
  weightedmean: weighted(
    (token) => token + 1,
    (length) => (length * (length + 1)) / 2,
  ),
} satisfies Record<string, Pool>;

function picked(tokenOf: (length: number) => number): Pool {
  return (hidden, at, length, into) => {
    const from = at + tokenOf(length) * into.length;
    for (let column = 0; column < into.length; column++) into[column] = hidden[from + column]!;
  };
}

function weighted(weightOf: (token: number) => number, dividedBy: (length: number) => number): Pool {
  return (hidden, at, length, into) => {
    into.fill(0);
    for (let token = 0, i = at; token < length; token++) {
      const weight = weightOf(token);
      for (let column = 0; column < into.length; column++, i++) into[column]! += weight * hidden[i]!;
    }
    const total = dividedBy(length);
    for (let column = 0; column < into.length; column++) into[column]! /= total;
  };
}
