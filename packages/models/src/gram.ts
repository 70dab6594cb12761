import type { Matrix } from "./linear.js";

/**
 * Products of the centred matrix with itself in the lower triangle: of its columns (`X'X`, cols x cols) or of its rows
 * (`XX'`, rows x rows). Rows of the result are `stride` apart, padded to a multiple of 4 with zeros. `scaleOf` multiplies each centred
 * row first, in products of columns.
 */
export async function gram(
  x: Matrix,
  means: Float64Array,
  side: "columns" | "rows",
  pause: () => Promise<void> | undefined,
  onTile: () => void,
  scaleOf?: Float64Array,
): Promise<{ readonly size: number; readonly stride: number; readonly values: Float64Array }> {
  const size = side === "columns" ? x.cols : x.rows;
  const depth = side === "columns" ? x.rows : x.cols;
  const stride = Math.ceil(size / 4) * 4;
  const values = new Float64Array(stride * stride);
  const width = Math.min(depth, 64);
  // Centred before it is multiplied: subtracting the means from the products would cancel what matters.
  const tile = new Float64Array(stride * width);
  const cursor = x.layout === "sparse" && side === "rows" ? x.offsets.slice(0, x.rows) : new Uint32Array(0);
  for (let from = 0; from < depth; from += width) {
    const to = Math.min(depth, from + width);
    if (to - from < width) tile.fill(0);
    if (side === "columns") fillColumns(x, means, from, to, tile, width);
    else fillRows(x, means, from, to, tile, width, cursor);
    if (scaleOf)
      for (let k = 0; k < size; k++)
        for (let row = from; row < to; row++) tile[k * width + row - from]! *= scaleOf[row]!;
    for (let i = 0; i < stride; i += 2) {
      addProducts(tile, width, i, stride, values);
      if (i % 64 === 0) await pause();
    }
    onTile();
  }
  return { size, stride, values };
}

/** Row k of the tile: column k of the rows `from` to `to`. */
function fillColumns(
  x: Matrix,
  means: Float64Array,
  from: number,
  to: number,
  tile: Float64Array,
  width: number,
): void {
  const { cols } = x;
  if (x.layout === "dense") {
    for (let row = from; row < to; row++)
      for (let k = 0; k < cols; k++) tile[k * width + row - from] = x.data[row * cols + k]! - means[k]!;
    return;
  }
  for (let k = 0; k < cols; k++) tile.fill(-means[k]!, k * width, k * width + to - from);
  for (let row = from; row < to; row++)
    for (let i = x.offsets[row]!; i < x.offsets[row + 1]!; i++)
      tile[x.columns[i]! * width + row - from]! += x.values[i]!;
}

/** Row i of the tile: row i of the columns `from` to `to`; `cursor` says where each sparse row is. */
function fillRows(
  x: Matrix,
  means: Float64Array,
  from: number,
  to: number,
  tile: Float64Array,
  width: number,
  cursor: Uint32Array,
): void {
  const { rows, cols } = x;
  for (let row = 0; row < rows; row++) {
    const at = row * width - from;
    if (x.layout === "dense") for (let k = from; k < to; k++) tile[at + k] = x.data[row * cols + k]! - means[k]!;
    else {
      for (let k = from; k < to; k++) tile[at + k] = -means[k]!;
      const end = x.offsets[row + 1]!;
      let i = cursor[row]!;
      for (; i < end && x.columns[i]! < to; i++) tile[at + x.columns[i]!]! += x.values[i]!;
      cursor[row] = i;
    }
  }
}

// Two rows with every four rows up to them.
function addProducts(tile: Float64Array, width: number, i: number, stride: number, values: Float64Array): void {
  const x = i * width;
  const y = x + width;
  for (let j = 0; j <= i; j += 4) {
    const a = j * width;
    const b = a + width;
    const c = b + width;
    const d = c + width;
    let xa = 0;
    let xb = 0;
    let xc = 0;
    let xd = 0;
    let ya = 0;
    let yb = 0;
    let yc = 0;
    let yd = 0;
    for (let k = 0; k < width; k++) {
      const u = tile[x + k]!;
      const v = tile[y + k]!;
      const p = tile[a + k]!;
      const q = tile[b + k]!;
      const r = tile[c + k]!;
      const s = tile[d + k]!;
      xa += u * p;
      xb += u * q;
      xc += u * r;
      xd += u * s;
      ya += v * p;
      yb += v * q;
      yc += v * r;
      yd += v * s;
    }
    const o = i * stride + j;
    values[o]! += xa;
    values[o + 1]! += xb;
    values[o + 2]! += xc;
    values[o + 3]! += xd;
    values[o + stride]! += ya;
    values[o + stride + 1]! += yb;
    values[o + stride + 2]! += yc;
    values[o + stride + 3]! += yd;
  }
}
