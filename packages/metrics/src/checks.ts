import { type Label, MmubError, show } from "@mmub/core";

/** Rejects `what[index]`: `metrics/accuracy: truth 3 is undefined, want a string, number or boolean`. */
export function rejectAt(part: string, what: string, index: number, got: unknown, want: string): never {
  throw new MmubError("invalid-input", { part, message: `${what} ${index} is ${show(got)}, want ${want}`, index, got });
}

/** Throws unless `values` is an array of at least one entry, and of `length` entries where that is given. */
export function checkLength(part: string, what: string, values: ArrayLike<unknown>, length?: number): void {
  if (!Array.isArray(values) && !ArrayBuffer.isView(values))
    throw new MmubError("invalid-input", { part, message: `${what} is ${show(values)}, want an array` });
  if (length !== undefined && values.length !== length)
    throw new MmubError("invalid-input", {
      part,
      message: `${what} has ${values.length} entries for ${length} samples, want one for each; the first without its pair is ${Math.min(values.length, length)}`,
      index: Math.min(values.length, length),
    });
  if (values.length === 0)
    throw new MmubError("invalid-input", { part, message: `${what} is empty, want at least one sample` });
}

/** Throws unless every entry is a label, all of the type of `like`, by default the first. */
export function checkLabels(part: string, what: string, labels: readonly Label[], like: Label | undefined = labels[0]) {
  const type = typeof like;
  if (type !== "string" && type !== "number" && type !== "boolean")
    rejectAt(part, what, 0, like, "a string, number or boolean");
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i];
    if (typeof label !== type) rejectAt(part, what, i, label, `a ${type} as the first label of all`);
    if (type === "number" && !Number.isFinite(label)) rejectAt(part, what, i, label, "a finite number");
  }
}

/** Throws unless every entry is a finite number. */
export function checkFinite(part: string, what: string, values: ArrayLike<number>): void {
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i])) rejectAt(part, what, i, values[i], "a finite number");
}

/** Throws unless there is one finite weight of at least 0 for each of `length` samples, and one above 0. */
export function checkWeights(part: string, weights: ArrayLike<number> | undefined, length: number): void {
  if (weights === undefined) return;
  checkLength(part, "sampleWeight", weights, length);
  let sum = 0;
  for (let i = 0; i < length; i++) {
    const weight = weights[i]!;
    if (!Number.isFinite(weight) || weight < 0)
      rejectAt(part, "sampleWeight", i, weight, "a finite number of at least 0");
    sum += weight;
  }
  if (sum === 0)
    throw new MmubError("invalid-input", { part, message: "every sampleWeight is 0, want one above 0 at least" });
}

interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly data: ArrayLike<number>;
}

/** Throws unless `what` holds rows x cols numbers. */
export function checkMatrix(part: string, what: string, matrix: Matrix): void {
  const { rows, cols, data } = matrix ?? {};
  if (!Array.isArray(data) && !ArrayBuffer.isView(data))
    throw new MmubError("invalid-input", {
      part,
      message: `${what} is ${show(matrix)}, want { rows, cols, data }`,
    });
  if (data.length !== rows * cols)
    throw new MmubError("shape-mismatch", {
      part,
      message: `${what} is ${rows} x ${cols} with ${data.length} values, want ${rows * cols}`,
    });
}

/** Throws unless `fitted` can predict. */
export function checkPredictor(part: string, fitted: { readonly predict: unknown }): void {
  if (typeof fitted?.predict !== "function")
    throw new MmubError("invalid-input", {
      part,
      message: `the fitted part is ${show(fitted)}, want one with predict, such as what a pipeline's fit resolves to`,
    });
}

/** The distinct labels in ascending order: numbers by value, strings by code unit, false before true. */
export function sortedLabels<L extends Label>(...arrays: readonly (readonly L[])[]): L[] {
  const all = new Set<L>();
  for (const array of arrays) for (const label of array) all.add(label);
  return [...all].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Labels as an error message lists them. */
export function labelList(labels: readonly Label[]): string {
  const shown = labels.slice(0, 8).map((label) => (typeof label === "string" ? JSON.stringify(label) : String(label)));
  return shown.join(", ") + (labels.length > 8 ? ` and ${labels.length - 8} more` : "");
}
