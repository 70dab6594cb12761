/** Stretches of values that pass, as a first place and the one behind the last. */
export function runs(values: ArrayLike<number>, passes: (value: number, at: number) => boolean): [number, number][] {
  const out: [number, number][] = [];
  for (let i = 0; i < values.length; i++) {
    if (!passes(values[i]!, i)) continue;
    const from = i;
    while (i < values.length && passes(values[i]!, i)) i++;
    out.push([from, i]);
  }
  return out;
}
