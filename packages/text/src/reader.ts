/** Numbers terms, and reads texts as the numbers of their terms. */
export interface Reader {
  /** Ids are 0 to size - 1. Some are no terms themselves: stop words, or the beginnings of n-grams. */
  readonly size: number;
  /** What the last `read` found. */
  readonly ids: Int32Array;
  /**
   * Writes the id of each term of `text`, repeats included, to `ids` and returns how many they are. A term not met before
   * gets an id when `learn`, else it is -1.
   */
  read(text: string, learn: boolean): number;
  /** The id of `term`, a new one if it has none; -1 if it is made of no token. */
  add(term: string): number;
  /** Every id, in code point order of the terms, as Python sorts them. */
  inOrder(): Int32Array;
  terms(ids: ArrayLike<number>): string[];
}

/** The positions of `strings` in code point order. */
export function codePointOrder(strings: readonly string[]): Int32Array {
  const order = Int32Array.from(strings, (_, i) => i);
  // The order of code units, which comparing gives, is another only where some are halves of a character.
  return strings.some((string) => /[\ud800-\udfff]/.test(string))
    ? order.sort((a, b) => compareCodePoints(strings[a]!, strings[b]!))
    : order.sort((a, b) => (strings[a]! < strings[b]! ? -1 : 1));
}

function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = a.codePointAt(i)! - b.codePointAt(i)!;
    if (difference !== 0) return difference;
    if (a.codePointAt(i)! > 0xffff) i++;
  }
  return a.length - b.length;
}

export function grown<A extends Int32Array | Uint16Array | Uint32Array | Float32Array | Float64Array>(
  array: A,
  length: number,
): A {
  const larger = new (array.constructor as new (length: number) => A)(length);
  larger.set(array);
  return larger;
}
