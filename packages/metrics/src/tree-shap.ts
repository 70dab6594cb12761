import { checkParam, MmubError } from "@mmub/core";

/** Trees as flat arrays, nodes of one tree after another: what `trees` of the boosting, forests and trees of `@mmub/models` are. */
export interface TreeArrays {
  /** The first node of each tree. */
  readonly roots: ArrayLike<number>;
  /** The column that a node splits by; -1 of a leaf. */
  readonly columns: ArrayLike<number>;
  /** Numbers up to this go left. */
  readonly thresholds: ArrayLike<number>;
  readonly left: ArrayLike<number>;
  readonly right: ArrayLike<number>;
  /** 1: missing values go left. 2: splits by categories, which are not explained. */
  readonly flags: ArrayLike<number>;
  /** What a row that ends here gets. */
  readonly values: ArrayLike<number>;
  /** How many rows of the fit came here. */
  readonly counts: ArrayLike<number>;
}

export interface TreeShapOptions {
  /** How many numbers the trees predict, in turn: of boosting with three classes or more the classes. @default 1 */
  readonly outputs?: number;
  /** What the sum of the trees is multiplied by: 1 / trees for a mean, as in a forest. @default 1 */
  readonly scale?: number;
  /** The share of each class at each node, nodes x `outputs`: `shares` of a forest or tree that tells classes apart. Each tree then adds to each class. @default the `values` of the nodes */
  readonly shares?: ArrayLike<number>;
  /** What is added to the trees, a number for each output: `start` of boosting. @default none */
  readonly start?: ArrayLike<number>;
}

export interface TreeShap {
  readonly rows: number;
  readonly outputs: number;
  readonly cols: number;
  /** Of each output the mean of the trees over the rows of their fit, `start` with it. */
  readonly base: Float64Array;
  /** What column c adds to output o of row r is at (r x outputs + o) x cols + c. With the base they sum to what the trees predict. */
  readonly values: Float64Array;
}

/**
 * Exact Shapley values of the columns of each row, for what trees predict: of boosting the raw score, before it becomes a probability; of a forest
 * the number, or with `shares` the chance of each class. A column that is not known is averaged over by how many rows of the fit went each way.
 *
 * `x` is rows x cols numbers, NaN where one is missing. Rejects another width than the trees ask for, and splits by categories
 * (`invalid-input`). Cost: rows x leaves x depth². Source: Lundberg et al. (2020), algorithm 2; shap's `TreeExplainer` with
 * `tree_path_dependent`, whose numbers it gives.
 *
 * @example
 * // One split: up to 2 visits 1, beyond 5; three of four rows of the fit went left. In use: fitted.trees of a boosting model.
 * const trees = {
 *   roots: [0], columns: [0, -1, -1], thresholds: [2, 0, 0], left: [1, 1, 2], right: [2, 1, 2], flags: [0, 0, 0],
 *   values: [2, 1, 5], counts: [4, 3, 1],
 * };
 * const { base, values } = treeShap(trees, { rows: 1, cols: 1, data: [3] });
 * console.log(base[0], values[0]); // 2 3
 */
export function treeShap(
  trees: TreeArrays,
  x: { readonly rows: number; readonly cols: number; readonly data: ArrayLike<number> },
  options: TreeShapOptions = {},
): TreeShap {
  const part = "@mmub/metrics/tree-shap";
  const { outputs = 1, scale = 1, shares, start } = options;
  const { rows, cols, data } = x;
  const nodes = trees.columns.length;
  checkParam(part, "outputs", outputs, Number.isInteger(outputs) && outputs > 0, "a positive integer");
  checkParam(part, "scale", scale, Number.isFinite(scale), "a finite number");
  if (data.length !== rows * cols)
    throw new MmubError("shape-mismatch", {
      part,
      message: `x is ${rows} x ${cols} with ${data.length} values, want ${rows * cols}`,
    });
  for (const [name, values, want] of [
    ["shares", shares, nodes * outputs],
    ["start", start, outputs],
  ] as const)
    if (values && values.length !== want)
      throw new MmubError("shape-mismatch", {
        part,
        message: `${name} has ${values.length} numbers, want ${want} for ${nodes} nodes and ${outputs} outputs`,
      });
  for (let node = 0; node < nodes; node++) {
    if (trees.columns[node]! >= cols)
      throw new MmubError("shape-mismatch", {
        part,
        message: `x has ${cols} columns, and node ${node} splits by column ${trees.columns[node]}`,
        index: node,
      });
    if (trees.columns[node]! >= 0 && trees.flags[node]! & 2)
      throw new MmubError("invalid-input", {
        part,
        message: `node ${node} splits by categories, want splits by numbers; fit the model without categorical columns to explain it`,
        index: node,
      });
  }
  // With shares each output has the same trees with leaves of its own; else the outputs take turns.
  const ofOutput = (output: number): TreeArrays =>
    shares
      ? { ...trees, values: Float64Array.from({ length: nodes }, (_, node) => shares[node * outputs + output]!) }
      : { ...trees, roots: Array.from(trees.roots).filter((_, t) => t % outputs === output) };
  const base = new Float64Array(outputs);
  const values = new Float64Array(rows * outputs * cols);
  const deepest = Array.from(trees.roots).reduce((most, root) => Math.max(most, depthOf(trees, root)), 0);
  const path = newPath(deepest + 2);
  for (let output = 0; output < outputs; output++) {
    const own = ofOutput(output);
    base[output] = start?.[output] ?? 0;
    for (let t = 0; t < own.roots.length; t++) {
      const root = own.roots[t]!;
      base[output]! += scale * meanOf(own, root);
      for (let row = 0; row < rows; row++)
        explain(
          own,
          root,
          (column) => data[row * cols + column]!,
          path,
          (column, value) => {
            values[(row * outputs + output) * cols + column]! += scale * value;
          },
        );
    }
  }
  return { rows, outputs, cols, base, values };
}

function depthOf(trees: TreeArrays, node: number): number {
  return trees.columns[node]! < 0
    ? 0
    : 1 + Math.max(depthOf(trees, trees.left[node]!), depthOf(trees, trees.right[node]!));
}

function meanOf(trees: TreeArrays, node: number): number {
  if (trees.columns[node]! < 0) return trees.values[node]!;
  const [left, right] = [trees.left[node]!, trees.right[node]!];
  return (
    (trees.counts[left]! * meanOf(trees, left) + trees.counts[right]! * meanOf(trees, right)) / trees.counts[node]!
  );
}

/**
 * The columns met on the way to a node, once each; one stretch for each depth, of `size` entries. `weights[i]` is the share of
 * sets of i of them with which the node is reached.
 */
interface Path {
  readonly size: number;
  readonly columns: Int32Array;
  /** The share of rows that go on where the column is not known. */
  readonly zeros: Float64Array;
  /** 1 where the row goes on itself, else 0. */
  readonly ones: Float64Array;
  readonly weights: Float64Array;
}

function newPath(size: number): Path {
  const make = () => new Float64Array(size * size);
  return { size, columns: new Int32Array(size * size), zeros: make(), ones: make(), weights: make() };
}

function explain(
  trees: TreeArrays,
  root: number,
  columnValue: (column: number) => number,
  path: Path,
  add: (column: number, value: number) => void,
): void {
  const { size, columns, zeros, ones, weights } = path;

  const visit = (node: number, depth: number, level: number, zero: number, one: number, column: number): void => {
    const at = level * size;
    if (level > 0) for (const of of [columns, zeros, ones, weights]) of.copyWithin(at, at - size, at - size + depth);
    extend(at, depth, zero, one, column);
    const split = trees.columns[node]!;
    if (split < 0) {
      for (let i = 1; i <= depth; i++)
        add(columns[at + i]!, unwoundSum(at, depth, i) * (ones[at + i]! - zeros[at + i]!) * trees.values[node]!);
      return;
    }
    const value = columnValue(split);
    const goesLeft = Number.isNaN(value) ? (trees.flags[node]! & 1) === 1 : value <= trees.thresholds[node]!;
    const [left, right] = [trees.left[node]!, trees.right[node]!];
    let [knownZero, knownOne, length] = [1, 1, depth];
    for (let i = 1; i <= depth; i++)
      if (columns[at + i] === split) {
        [knownZero, knownOne] = [zeros[at + i]!, ones[at + i]!];
        unwind(at, depth, i);
        length--;
        break;
      }
    for (const child of [left, right]) {
      // A child that no row of the fit reached adds nothing where the column is not known.
      const share = trees.counts[node]! === 0 ? 0 : trees.counts[child]! / trees.counts[node]!;
      visit(child, length + 1, level + 1, knownZero * share, (child === left) === goesLeft ? knownOne : 0, split);
    }
  };

  const extend = (at: number, depth: number, zero: number, one: number, column: number): void => {
    columns[at + depth] = column;
    zeros[at + depth] = zero;
    ones[at + depth] = one;
    weights[at + depth] = depth === 0 ? 1 : 0;
    for (let i = depth - 1; i >= 0; i--) {
      weights[at + i + 1]! += (one * weights[at + i]! * (i + 1)) / (depth + 1);
      weights[at + i] = (zero * weights[at + i]! * (depth - i)) / (depth + 1);
    }
  };

  const unwind = (at: number, depth: number, from: number): void => {
    const [zero, one] = [zeros[at + from]!, ones[at + from]!];
    let next = weights[at + depth]!;
    for (let i = depth - 1; i >= 0; i--)
      if (one !== 0) {
        const before = weights[at + i]!;
        weights[at + i] = (next * (depth + 1)) / ((i + 1) * one);
        next = before - (weights[at + i]! * zero * (depth - i)) / (depth + 1);
      } else weights[at + i] = (weights[at + i]! * (depth + 1)) / (zero * (depth - i));
    for (const of of [columns, zeros, ones]) of.copyWithin(at + from, at + from + 1, at + depth + 1);
  };

  const unwoundSum = (at: number, depth: number, from: number): number => {
    const [zero, one] = [zeros[at + from]!, ones[at + from]!];
    let next = weights[at + depth]!;
    let total = 0;
    for (let i = depth - 1; i >= 0; i--)
      if (one !== 0) {
        const share = (next * (depth + 1)) / ((i + 1) * one);
        total += share;
        next = weights[at + i]! - (share * zero * (depth - i)) / (depth + 1);
      } else if (zero !== 0) total += (weights[at + i]! * (depth + 1)) / (zero * (depth - i));
    return total;
  };

  visit(root, 0, 0, 1, 1, -1);
}
