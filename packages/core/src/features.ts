import type { Dense, FeatureSet, Features, Sequence, Sparse } from "./contracts.js";
import { listed, MmubError, show } from "./errors.js";

type WithPresence<F extends Features> = F & { readonly present: Uint8Array };

/**
 * A rows x cols matrix to write into, zero unless `data` is given, every row present until its `present` byte is set to 0.
 *
 * @example
 * const out = dense(2, 3);
 * out.data.set([1, 2, 3], 0);
 * out.present[1] = 0; // the second sample lacks this modality; its row stays zero
 */
export function dense(rows: number, cols: number, data = new Float32Array(rows * cols)): WithPresence<Dense> {
  if (data.length !== rows * cols)
    throw mismatch(`${data.length} values`, `${rows} x ${cols} = ${rows * cols} values`, { rows, cols });
  return { layout: "dense", rows, cols, data, present: new Uint8Array(rows).fill(1) };
}

/** A Sparse matrix of arrays in CSR form; `offsets` has rows + 1 entries. Use `checkFeatures` on arrays of unknown origin. */
export function sparse(
  cols: number,
  offsets: Uint32Array,
  columns: Uint32Array,
  values: Float32Array,
): WithPresence<Sparse> {
  const rows = offsets.length - 1;
  return { layout: "sparse", rows, cols, offsets, columns, values, present: new Uint8Array(rows).fill(1) };
}

/** Ragged sequences of `cols` values a step; `offsets` counts steps and has rows + 1 entries. */
export function sequence(cols: number, offsets: Uint32Array, data: Float32Array): WithPresence<Sequence> {
  const rows = offsets.length - 1;
  return { layout: "sequence", rows, cols, offsets, data, present: new Uint8Array(rows).fill(1) };
}

/** Whether row `row` has this modality. */
export function isPresent(features: Features, row: number): boolean {
  return features.present === undefined || features.present[row] === 1;
}

/**
 * Throws `shape-mismatch` where the arrays do not fit each other, and `invalid-input` with the row's index at the first
 * value that is not finite. One pass over the values.
 */
export function checkFeatures(features: Features, part: string): void {
  const { layout, rows, cols } = features ?? {};
  const fail = (got: string, want: string, index?: number): never => {
    throw mismatch(got, want, { rows, cols, ...(index !== undefined && { index }) }, part);
  };
  if (layout !== "dense" && layout !== "sparse" && layout !== "sequence")
    throw new MmubError("invalid-input", {
      part,
      message: `features are ${show(features)}, want Dense, Sparse or Sequence`,
    });
  if (!Number.isInteger(rows) || rows < 0 || !Number.isInteger(cols) || cols < 0)
    fail(`${rows} x ${cols}`, "whole numbers of rows and columns");
  if (features.present && features.present.length !== rows)
    fail(`${features.present.length} presence bytes`, `one for each of ${rows} rows`);
  if (features.layout === "dense") {
    if (features.data.length !== rows * cols)
      fail(`${features.data.length} values`, `${rows} x ${cols} = ${rows * cols}`);
    if (features.shape && features.shape.reduce((a, b) => a * b, 1) !== cols)
      fail(`a row shape of ${features.shape.join(" x ")}`, `a product of ${cols} columns`);
    const bad = firstNotFinite(features.data);
    if (bad >= 0) rejectValue(part, Math.floor(bad / cols), bad % cols, features.data[bad]!);
    return;
  }
  const { offsets } = features;
  if (offsets.length !== rows + 1) fail(`${offsets.length} offsets`, `${rows} rows + 1`);
  if (offsets[0] !== 0) fail(`a first offset of ${offsets[0]}`, "0");
  for (let row = 0; row < rows; row++)
    if (offsets[row]! > offsets[row + 1]!) fail(`falling offsets at row ${row}`, "rising ones", row);
  const end = offsets[rows]!;
  if (features.layout === "sequence") {
    if (features.data.length !== end * cols) fail(`${features.data.length} values`, `${end} steps x ${cols}`);
    const bad = firstNotFinite(features.data);
    if (bad < 0) return;
    const step = Math.floor(bad / cols);
    rejectValue(
      part,
      offsets.findLastIndex((offset) => offset <= step),
      bad % cols,
      features.data[bad]!,
    );
  }
  const { columns, values } = features;
  if (columns.length !== end || values.length !== end)
    fail(`${columns.length} columns and ${values.length} values`, `${end} of each`);
  for (let row = 0; row < rows; row++)
    for (let i = offsets[row]!; i < offsets[row + 1]!; i++) {
      if (columns[i]! >= cols) fail(`column ${columns[i]} in row ${row}`, `columns below ${cols}`, row);
      if (i > offsets[row]! && columns[i]! <= columns[i - 1]!)
        fail(`column ${columns[i]} after ${columns[i - 1]} in row ${row}`, "ascending columns", row);
      if (!Number.isFinite(values[i]!)) rejectValue(part, row, columns[i]!, values[i]!);
    }
}

// Runs in every fit and predict. Eight at a time: what is finite times 0 is 0, which takes half the time of a test for each.
function firstNotFinite(values: Float32Array): number {
  let i = 0;
  for (; i + 8 <= values.length; i += 8) {
    const low = values[i]! * 0 + values[i + 1]! * 0 + (values[i + 2]! * 0 + values[i + 3]! * 0);
    const high = values[i + 4]! * 0 + values[i + 5]! * 0 + (values[i + 6]! * 0 + values[i + 7]! * 0);
    if (low + high !== 0) break;
  }
  for (; i < values.length; i++) if (values[i]! - values[i]! !== 0) return i;
  return -1;
}

/** Checks every modality and that all have the same number of rows, which it returns. */
export function checkFeatureSet(features: FeatureSet, part: string): number {
  if (typeof features !== "object" || features === null || typeof features.layout === "string")
    throw new MmubError("invalid-input", {
      part,
      message: `features are ${show(features)}, want an object of modalities: { review: features }`,
    });
  const names = modalityNames(features);
  if (names.length === 0)
    throw new MmubError("invalid-input", { part, message: "no modality was given, want at least one" });
  const rows = features[names[0]!]!.rows;
  for (const name of names) {
    checkFeatures(features[name]!, `${part} (modality "${name}")`);
    const got = features[name]!.rows;
    if (got !== rows)
      throw mismatch(`${got} rows of "${name}"`, `${rows} as of "${names[0]}"`, { modality: name, rows }, part);
  }
  return rows;
}

/** Throws `shape-mismatch` unless `features` has exactly the modalities and widths that a part was fitted on. */
export function checkModalities(features: FeatureSet, cols: Readonly<Record<string, number>>, part: string): void {
  for (const name of Object.keys(features))
    if (!Object.hasOwn(cols, name))
      throw mismatch(
        `unknown modality "${name}"`,
        `those of the fit: ${listed(Object.keys(cols))}`,
        { modality: name },
        part,
      );
  for (const [name, want] of Object.entries(cols)) {
    const got = features[name];
    if (!got)
      throw mismatch(
        `no modality "${name}"`,
        "every modality of the fit, rows of it missing",
        { modality: name },
        part,
      );
    if (got.cols !== want)
      throw mismatch(
        `${got.cols} columns of "${name}"`,
        `${want} as in the fit`,
        { modality: name, got: got.cols, want },
        part,
      );
  }
}

/** Throws `shape-mismatch` where a modality comes in another layout than in the fit. */
export function checkLayout(features: Features, layout: string, modality: string, part: string): void {
  if (features.layout !== layout)
    throw new MmubError("shape-mismatch", {
      part,
      message: `modality "${modality}" is ${features.layout}, want ${layout} as in the fit`,
      modality,
    });
}

/** The modalities in their one order: sorted by name, never by position. */
export function modalityNames<Name extends string>(modalities: { readonly [K in Name]: unknown }): Name[] {
  return (Object.keys(modalities) as Name[]).sort((a, b) => (a < b ? -1 : 1));
}

/** Throws `invalid-input` unless there is one target for each of `rows` samples, and at least one. */
export function checkTargets(targets: readonly unknown[], rows: number, part: string): void {
  if (!Array.isArray(targets) && !ArrayBuffer.isView(targets))
    throw new MmubError("invalid-input", { part, message: `targets are ${show(targets)}, want an array` });
  if (targets.length !== rows)
    throw new MmubError("invalid-input", {
      part,
      message: `${targets.length} targets for ${rows} samples, want one for each; the first without its pair is ${Math.min(rows, targets.length)}`,
      index: Math.min(rows, targets.length),
      rows,
    });
  if (rows === 0)
    throw new MmubError("invalid-input", { part, message: "the data set is empty, want at least one sample" });
}

/** Rows `from` (in) to `to` (out), as a view where the layout allows it. */
export function sliceFeatures<F extends Features>(features: F, from: number, to: number): F;
export function sliceFeatures(features: Features, from: number, to: number): Features {
  const present = features.present && { present: features.present.subarray(from, to) };
  const rows = to - from;
  if (features.layout === "dense")
    return { ...features, rows, data: features.data.subarray(from * features.cols, to * features.cols), ...present };
  const [start, end] = [features.offsets[from]!, features.offsets[to]!];
  const offsets = features.offsets.slice(from, to + 1).map((offset) => offset - start);
  if (features.layout === "sequence") {
    const data = features.data.subarray(start * features.cols, end * features.cols);
    return { ...features, rows, offsets, data, ...present };
  }
  const [columns, values] = [features.columns.subarray(start, end), features.values.subarray(start, end)];
  return { ...features, rows, offsets, columns, values, ...present };
}

/** The rows at `indices`, in that order, copied. An index may come more than once. */
export function takeFeatures<F extends Features>(features: F, indices: ArrayLike<number>): F;
export function takeFeatures(features: Features, indices: ArrayLike<number>): Features {
  const rows = indices.length;
  const { cols } = features;
  for (let i = 0; i < rows; i++)
    if (!(indices[i]! >= 0 && indices[i]! < features.rows && Number.isInteger(indices[i])))
      throw mismatch(`row ${indices[i]}`, `rows below ${features.rows}`, { index: i });
  const present = features.present && { present: Uint8Array.from(indices, (row) => features.present![row]!) };
  if (features.layout === "dense") {
    const data = new Float32Array(rows * cols);
    for (let i = 0; i < rows; i++)
      data.set(features.data.subarray(indices[i]! * cols, (indices[i]! + 1) * cols), i * cols);
    return { ...features, rows, data, ...present };
  }
  const offsets = new Uint32Array(rows + 1);
  for (let i = 0; i < rows; i++)
    offsets[i + 1] = offsets[i]! + features.offsets[indices[i]! + 1]! - features.offsets[indices[i]!]!;
  const steps = offsets[rows]!;
  if (features.layout === "sequence") {
    const data = new Float32Array(steps * cols);
    for (let i = 0; i < rows; i++)
      data.set(rowOf(features.data, features.offsets, indices[i]!, cols), offsets[i]! * cols);
    return { ...features, rows, offsets, data, ...present };
  }
  const columns = new Uint32Array(steps);
  const values = new Float32Array(steps);
  for (let i = 0; i < rows; i++) {
    columns.set(rowOf(features.columns, features.offsets, indices[i]!), offsets[i]!);
    values.set(rowOf(features.values, features.offsets, indices[i]!), offsets[i]!);
  }
  return { ...features, rows, offsets, columns, values, ...present };
}

function rowOf<A extends Float32Array | Uint32Array>(data: A, offsets: Uint32Array, row: number, width = 1): A {
  return data.subarray(offsets[row]! * width, offsets[row + 1]! * width) as A;
}

/** All rows of `pieces` one below the other. They must agree in layout and columns. */
export function stackFeatures<F extends Features>(pieces: readonly F[]): F;
export function stackFeatures(pieces: readonly Features[]): Features {
  const [first] = pieces;
  if (!first) throw mismatch("no features", "at least one piece to stack", {});
  for (const [index, piece] of pieces.entries())
    if (piece.layout !== first.layout || piece.cols !== first.cols)
      throw mismatch(`${piece.layout} x ${piece.cols} at piece ${index}`, `${first.layout} x ${first.cols}`, { index });
  if (pieces.length === 1) return first;
  const rows = sum(pieces, (piece) => piece.rows);
  const present = pieces.some((piece) => piece.present) && {
    present: joined(
      Uint8Array,
      pieces.map((piece) => piece.present ?? new Uint8Array(piece.rows).fill(1)),
    ),
  };
  if (first.layout === "dense")
    return {
      ...first,
      rows,
      data: joined(
        Float32Array,
        (pieces as Dense[]).map((p) => p.data),
      ),
      ...present,
    };

  const offsets = new Uint32Array(rows + 1);
  let [row, start] = [0, 0];
  for (const piece of pieces as (Sparse | Sequence)[]) {
    for (let i = 1; i <= piece.rows; i++) offsets[row + i] = start + piece.offsets[i]!;
    row += piece.rows;
    start += piece.offsets[piece.rows]!;
  }
  if (first.layout === "sequence")
    return {
      ...first,
      rows,
      offsets,
      data: joined(
        Float32Array,
        (pieces as Sequence[]).map((p) => p.data),
      ),
      ...present,
    };
  const columns = joined(
    Uint32Array,
    (pieces as Sparse[]).map((p) => p.columns),
  );
  const values = joined(
    Float32Array,
    (pieces as Sparse[]).map((p) => p.values),
  );
  return { ...first, rows, offsets, columns, values, ...present };
}

/** The same matrix with every zero written out. Costs rows x cols x 4 bytes. */
export function toDense(features: Dense | Sparse): Dense {
  if (features.layout === "dense") return features;
  const { rows, cols, offsets, columns, values } = features;
  const data = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row++)
    for (let i = offsets[row]!; i < offsets[row + 1]!; i++) data[row * cols + columns[i]!] = values[i]!;
  return { layout: "dense", rows, cols, data, ...(features.present && { present: features.present }) };
}

function joined<A extends Float32Array | Uint32Array | Uint8Array>(
  make: new (length: number) => A,
  pieces: readonly A[],
): A {
  const out = new make(sum(pieces, (piece) => piece.length));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function mismatch(got: string, want: string, fields: Record<string, unknown>, part = "@mmub/core/features"): MmubError {
  return new MmubError("shape-mismatch", { part, message: `got ${got}, want ${want}`, ...fields });
}

function rejectValue(part: string, index: number, column: number, value: number): never {
  throw new MmubError("invalid-input", {
    part,
    message: `row ${index}, column ${column} is ${value}, want a finite number; drop the row, impute it or mark it as missing`,
    index,
    column,
  });
}
