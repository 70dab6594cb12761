/** Clusters that become one, as scipy's linkage: clusters below `rows` are rows, merge m makes cluster `rows` + m. */
export interface Merges {
  readonly rows: number;
  /** Two for each merge. */
  readonly children: Int32Array;
  /** Never falling. */
  readonly distances: Float64Array;
  /** How many rows the new cluster has. */
  readonly sizes: Int32Array;
}

/** Merges of pairs of rows, in rising order of their distances. */
export function mergesOf(rows: number, pairs: readonly (readonly [a: number, b: number, distance: number])[]): Merges {
  // Equal distances in the order given.
  const sorted = [...pairs].sort((a, b) => a[2] - b[2]);
  const parent = Int32Array.from({ length: 2 * rows - 1 }, (_, at) => at);
  const find = (at: number): number => {
    let root = at;
    while (parent[root] !== root) root = parent[root]!;
    for (let node = at; node !== root; ) [node, parent[node]] = [parent[node]!, root];
    return root;
  };
  const children = new Int32Array(2 * sorted.length);
  const sizes = new Int32Array(sorted.length);
  const sizeOf = (cluster: number): number => (cluster < rows ? 1 : sizes[cluster - rows]!);
  for (const [m, [a, b]] of sorted.entries()) {
    const [left, right] = [find(a), find(b)].sort((x, y) => x - y) as [number, number];
    children.set([left, right], 2 * m);
    sizes[m] = sizeOf(left) + sizeOf(right);
    parent[left] = rows + m;
    parent[right] = rows + m;
  }
  return { rows, children, distances: Float64Array.from(sorted, ([, , distance]) => distance), sizes };
}

/** The cluster of each row after the first `count` merges, numbered by their first rows. */
export function cut({ rows, children }: Merges, count: number): Int32Array {
  const top = new Int32Array(rows + count).fill(-1);
  for (let m = count - 1; m >= 0; m--) {
    const own = top[rows + m] === -1 ? rows + m : top[rows + m]!;
    top[children[2 * m]!] = own;
    top[children[2 * m + 1]!] = own;
  }
  const numbers = new Map<number, number>();
  return Int32Array.from({ length: rows }, (_, row) => {
    const own = top[row] === -1 ? row : top[row]!;
    if (!numbers.has(own)) numbers.set(own, numbers.size);
    return numbers.get(own)!;
  });
}
