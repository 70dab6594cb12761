import { checkParam, MmubError, show } from "@mmub/core";
import { type KernelLanes, startLanes } from "./lanes.js";
import { type KernelBuild, load } from "./loader.js";
import { pool } from "./pool.js";
import { halveRateCall, type ResamplingKernels, resampleBlocksCall } from "./resampling.js";
import { type SpectraKernels, spectraCall } from "./spectra.js";
import { type KernelThreads, startThreads, type TreeGrowCall } from "./threads.js";
import {
  type TreeGrowOptions,
  type TreeKernels,
  type TreeSplitsOptions,
  treeGrowCall,
  treeSplitsCall,
} from "./trees.js";
import { hash } from "./twins/random.js";
import { type View, type WordVectorCall, type WordVectorKernels, wordVectorCalls } from "./word-vectors.js";

const part = "@mmub/kernels";
// Below the first block: room for gemm's panel and tile, then the logistic function, made when it is first wanted.
const scratch = 64;
const sigmoidTable = 16384;
const sigmoidCells = 1024;
const firstBlock = sigmoidTable + 4 * sigmoidCells;
const maxBytes = 65536 * 65536 - firstBlock;
// As `padding`: no row is skipped.
const none = -(2 ** 31);

export interface KernelsOptions {
  /** Room for views. Each takes its bytes rounded up to a multiple of 64. The memory never grows. At most 4 GiB - 20 KiB. */
  readonly bytes: number;
  /** @default the fastest that this runtime takes */
  readonly build?: KernelBuild;
  /** Memory that other threads can work on, for `threads`: its views lie on a SharedArrayBuffer. @default false */
  readonly shared?: boolean;
}

export interface SgdOptions {
  /** The size of the step. */
  readonly learningRate: number;
  /** L2: `weightDecay` x parameters is added to the gradient. @default 0 */
  readonly weightDecay?: number;
  /**
   * The gradient is multiplied by this first: clips by a norm, averages accumulated batches, or with -1 climbs instead of
   * descending, without a pass of its own. @default 1
   */
  readonly gradientScale?: number;
}

export interface MomentumOptions extends SgdOptions {
  /** The share of the buffer that stays. @default 0.9 */
  readonly momentum?: number;
  /** The share of the gradient that does not enter the buffer. Wants `step`, as the first step has none. @default 0 */
  readonly dampening?: number;
  /** Looks ahead by one step. Wants `dampening` 0. @default false */
  readonly nesterov?: boolean;
  /** The number of this step, from 1. */
  readonly step?: number;
}

export interface LazyAdamOptions {
  /** The size of the step. */
  readonly learningRate: number;
  /** The number of this step, from 1: corrects the moments for their start at zero. */
  readonly step: number;
  /** The share of the first moment that stays, in [0, 1). @default 0.9 */
  readonly beta1?: number;
  /** The share of the second moment that stays, in [0, 1). @default 0.999 */
  readonly beta2?: number;
  /** Added to the root of the second moment. @default 1e-8 */
  readonly epsilon?: number;
  /** As in `SgdOptions`. @default 1 */
  readonly gradientScale?: number;
}

export interface LazyRowsOptions extends LazyAdamOptions {
  /**
   * As `sumRows` leaves it: the place of each row in `sums`, so that rows may be sorted alone. In ascending order they are read as
   * they lie in memory, which is up to twice as fast where many are touched. @default `sums` are in the order of the rows
   */
  readonly slots?: Int32Array;
}

export interface AdamOptions extends LazyAdamOptions {
  /** `adam`: L2, added to the gradient (default 0). `adamw`: decoupled, shrinks the parameters by learningRate x weightDecay (default 0.01). */
  readonly weightDecay?: number;
  /** AMSGrad: a view of zeros at first, which keeps the largest second moment; the step is divided by its root. */
  readonly maxSecondMoment?: Float32Array;
}

export interface AdamTableOptions extends Omit<AdamOptions, "maxSecondMoment"> {
  /** Weight decay as `adamw` has it. @default false: as `adam` */
  readonly decoupled?: boolean;
}

export interface RowsOptions {
  /** A row that gets nothing, as the `padding_idx` of PyTorch's embedding; it need not be in the table. @default none */
  readonly padding?: number;
}

export interface RowValuesOptions extends RowsOptions {
  /**
   * Value i is `scales[i]` times row `from[i]` of `values`, which then has as many rows as it likes; by a scale of 0 it adds nothing, but
   * its row counts as named. @default row i of values
   */
  readonly multiples?: { readonly from: Int32Array; readonly scales: Float32Array };
}

export interface ScatterOptions extends RowValuesOptions {
  /** The values are multiplied by this; `-learningRate` makes it a step of sparse SGD. @default 1 */
  readonly scale?: number;
}

export interface SumRowsOptions extends RowValuesOptions {
  /** Where the rows that differ go; at least as long as there can be any. @default rows: in place */
  readonly uniqueRows?: Int32Array;
  /** Where the sums go; `width` numbers for each of `uniqueRows`. @default values: in place, but not with `multiples` */
  readonly sums?: Float32Array;
  /** How many rows `uniqueRows` and `sums` have already, of a call before with these slots. @default 0 */
  readonly already?: number;
}

export interface WindowsOptions {
  /** Samples. */
  readonly batch: number;
  /** Steps of a sample of `out`: the length of the sequence. */
  readonly steps: number;
  /** Numbers of a step: the input channels. */
  readonly width: number;
  readonly filters: number;
  /** Steps that a filter reads. */
  readonly kernel: number;
  /** @default 1 */
  readonly stride?: number;
  /** Steps of zeros before the first. @default 0 */
  readonly padding?: number;
  /** @default 1 */
  readonly dilation?: number;
}

/** A sparse matrix in compressed rows: row i has the entries from offsets[i] to offsets[i + 1]. */
export interface SparseRows {
  /** One more than there are rows, from 0 to the number of entries. */
  readonly offsets: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float32Array;
}

export interface SparseProductOptions {
  /** The matrix is transposed first, without a copy of it. @default false */
  readonly transposed?: boolean;
}

export interface GemvOptions {
  readonly rows: number;
  readonly cols: number;
  /** @default false */
  readonly transposed?: boolean;
}

export interface GemmOptions {
  /** Rows of C and of op(A). */
  readonly m: number;
  /** Columns of C and of op(B). */
  readonly n: number;
  /** Columns of op(A), rows of op(B). */
  readonly k: number;
  /** A is stored k x m. @default false */
  readonly transA?: boolean;
  /** B is stored n x k. @default false */
  readonly transB?: boolean;
  /** @default 1 */
  readonly alpha?: number;
  /** 0: what C held is not read, even NaN. @default 0 */
  readonly beta?: number;
}

/**
 * Kernels on one memory. Every view that is handed to a kernel comes from `float32`, `float64`, `int32` or `uint8` of the same object,
 * or is a `subarray` of such a view, at any offset and of any length; another one is refused (`invalid-input`), since a
 * hidden copy would cost more than the kernel.
 *
 * All builds give the same bits, NaN for NaN, but for `gemm` of the relaxed build, whose products and sums are rounded once
 * instead of twice.
 */
export interface Kernels extends WordVectorKernels, TreeKernels, SpectraKernels, ResamplingKernels {
  readonly build: KernelBuild;
  /** Room for views, in bytes. */
  readonly bytes: number;

  /** A view of zeros, aligned to 64 bytes. Throws `invalid-params` when the memory is full. */
  float32(length: number): Float32Array;
  float64(length: number): Float64Array;
  int32(length: number): Int32Array;
  uint8(length: number): Uint8Array;
  /** Gives the room of a view, whole as it was made, to later ones. Neither it nor its subarrays may be used after. */
  free(view: View): void;

  /**
   * A step of gradient descent, in place: `parameters -= learningRate * gradient`.
   * Source: PyTorch's SGD without momentum.
   */
  sgd(parameters: Float32Array, gradients: Float32Array, options: SgdOptions): void;
  /**
   * A step of gradient descent with momentum, in place. `buffer` is zeros before the first step.
   * Source: PyTorch's SGD with momentum.
   */
  momentum(parameters: Float32Array, gradients: Float32Array, buffer: Float32Array, options: MomentumOptions): void;
  /**
   * A step of Adam, in place. The moments are zeros before the first step.
   * Source: PyTorch's Adam; Kingma & Ba (2015), whose corrections of both moments are folded into the size of the step and
   * into epsilon; Reddi et al. (2018) for `maxSecondMoment`. Cost: about 1 ns a parameter.
   *
   * @example
   * const k = kernels({ bytes: 4096 });
   * const [parameters, gradients, firstMoment, secondMoment] = [k.float32(10), k.float32(10), k.float32(10), k.float32(10)];
   * parameters.fill(1);
   * for (let step = 1; step <= 300; step++) {
   *   gradients.set(parameters); // of half the sum of squares
   *   k.adam(parameters, gradients, firstMoment, secondMoment, { learningRate: 0.01, step });
   * }
   * console.log(Math.abs(parameters[0]!) < 0.1); // true
   */
  adam(
    parameters: Float32Array,
    gradients: Float32Array,
    firstMoment: Float32Array,
    secondMoment: Float32Array,
    options: AdamOptions,
  ): void;
  /**
   * As `adam`, but the weight decay shrinks the parameters and leaves the moments alone.
   * Source: PyTorch's AdamW; Loshchilov & Hutter (2019).
   */
  adamw(
    parameters: Float32Array,
    gradients: Float32Array,
    firstMoment: Float32Array,
    secondMoment: Float32Array,
    options: AdamOptions,
  ): void;

  /**
   * `target[rows[i]] += scale * values[i]`, row by row in the order of `rows`, which may name a row several times.
   * `target` is table rows x `width`, `values` is rows.length x `width`. A row outside the table throws `invalid-input` with
   * its index, and nothing is written.
   */
  scatterAddRows(
    target: Float32Array,
    width: number,
    rows: Int32Array,
    values: Float32Array,
    options?: ScatterOptions,
  ): void;
  /**
   * Adds up the values of equal rows and returns how many rows differ: after it, `uniqueRows` begins with them in order of
   * their first appearance, and `sums` with their sums. PyTorch's `coalesce`, unsorted.
   *
   * `values` is rows.length x `width`. `slots` has one number for each row of the table; it may hold anything, and
   * needs no reset. In place by default: `rows` and `values` are overwritten. A row outside the table throws `invalid-input`
   * with its index, and nothing is written. Cost: one pass over the values, none over the table.
   *
   * @example
   * const k = kernels({ bytes: 4096 });
   * const [rows, values, slots] = [k.int32(3), k.float32(3 * 2), k.int32(100)];
   * rows.set([7, 40, 7]);
   * values.set([1, 2, 3, 4, 5, 6]);
   * const count = k.sumRows(rows, values, 2, slots);
   * console.log(rows.subarray(0, count), values.subarray(0, 2 * count)); // [7, 40] [6, 8, 3, 4]
   */
  sumRows(rows: Int32Array, values: Float32Array, width: number, slots: Int32Array, options?: SumRowsOptions): number;
  /**
   * A step of Adam on some rows of a table, in place; `sums` is rows.length x `width`, and no row may come twice: see
   * `sumRows`. The other rows stay as they are: their moments do not decay and they do not move, which dense Adam would do.
   * Epsilon is added to the uncorrected root. Both as in PyTorch's SparseAdam. Cost: that of the rows, not of the table.
   */
  lazyAdam(
    parameters: Float32Array,
    firstMoment: Float32Array,
    secondMoment: Float32Array,
    width: number,
    rows: Int32Array,
    sums: Float32Array,
    options: LazyRowsOptions,
  ): void;
  /**
   * The step that `adam` takes with a gradient that is zero but for some rows of a table: of the same bits, without the zeros being
   * written out and read. `rows`, `sums` and `slots` are what `sumRows` has left; `sums` has one row more, which becomes zeros.
   * With `decoupled` the step of `adamw`. Cost: one pass over parameters and moments.
   */
  adamTable(
    parameters: Float32Array,
    firstMoment: Float32Array,
    secondMoment: Float32Array,
    width: number,
    rows: Int32Array,
    sums: Float32Array,
    slots: Int32Array,
    options: AdamTableOptions,
  ): void;
  /**
   * The gradient of a 1-d convolution followed by a global max pool, with respect to its input: only the window that won
   * has one. For sample b and filter f, adds `gradients[b, f] * weights[f, j]` to step
   * `positions[b, f] * stride - padding + j * dilation` of sample b for each j; steps outside the sample are left out.
   *
   * `out` is batch x steps x width, `positions` (of the winning output) and `gradients` are batch x filters, `weights` is
   * filters x kernel x width. A position that no output has throws `invalid-input` with its index.
   * Cost: batch x filters x kernel x width, instead of the steps of the convolution times that.
   */
  addWindows(
    out: Float32Array,
    positions: Int32Array,
    gradients: Float32Array,
    weights: Float32Array,
    options: WindowsOptions,
  ): void;

  /** `y += alpha * x`. */
  axpy(y: Float32Array, alpha: number, x: Float32Array): void;
  /** `x *= factor`. */
  scale(x: Float32Array, factor: number): void;
  /** Numbers below `low` become `low`, those above `high` become `high`; NaN stays NaN. */
  clamp(x: Float32Array, low: number, high: number): void;
  /**
   * The sum of squares in float64; NaN or infinite exactly if some number is NaN or infinite.
   *
   * @example
   * const k = kernels({ bytes: 4096 });
   * const [parameters, gradients] = [k.float32(100), k.float32(100).fill(3)];
   * const norm = Math.sqrt(k.sumOfSquares(gradients)); // 30
   * if (!Number.isFinite(norm)) throw new Error("the loss has exploded");
   * // Clips the gradient to norm 1 within the step.
   * k.sgd(parameters, gradients, { learningRate: 0.1, gradientScale: Math.min(1, 1 / norm) });
   */
  sumOfSquares(x: Float32Array): number;

  /**
   * Numbers in [0, 1) with 24 random bits. The same key gives the same numbers on every machine and build; each key, such as
   * `[seed, layer, step]`, has a stream of its own, so that what one layer draws never shifts another's. Not for secrets.
   */
  uniform(out: Float32Array, key: readonly number[]): void;
  /**
   * 0 with probability `rate`, else 1 / (1 - rate), so that the mean is 1: inverted dropout. Keys as for `uniform`, and the
   * same numbers decide. `rate` is in [0, 1).
   *
   * @example
   * const k = kernels({ bytes: 4096 });
   * const mask = k.float32(8);
   * const [seed, layer, step] = [7, 0, 1];
   * k.dropoutMask(mask, 0.5, [seed, layer, step]); // zeros and twos
   */
  dropoutMask(out: Float32Array, rate: number, key: readonly number[]): void;

  /**
   * `C = alpha * op(A) * op(B) + beta * C`, row-major, on one thread; op transposes where asked. `c` may not share memory
   * with `a` or `b`. For small matrices between other kernels: a native BLAS, such as onnxruntime's, is faster on large ones.
   * Sums run in order in blocks of 384 along k, in float32.
   *
   * @example
   * const k = kernels({ bytes: 4096 });
   * const [a, b, c] = [k.float32(2 * 3), k.float32(3 * 1), k.float32(2 * 1)];
   * a.set([1, 2, 3, 4, 5, 6]);
   * b.set([1, 0, -1]);
   * k.gemm(c, a, b, { m: 2, n: 1, k: 3 });
   * console.log(c); // [-2, -2]
   */
  gemm(c: Float32Array, a: Float32Array, b: Float32Array, options: GemmOptions): void;
  /**
   * `y += matrix * x`, or with `transposed` its transpose times `x`; the matrix is row-major, rows x `cols`. Products and sums are in
   * float64, so that a sum over many rows loses nothing. `y` may not share memory with the others.
   *
   * A number of `y` does not depend on how many rows a call has; transposed, rows are added four at a time.
   * Cost: 0.3 ns a number of the matrix that is in the cache.
   *
   * @example
   * const k = kernels({ bytes: 4096 });
   * const [y, matrix, x] = [k.float64(2), k.float32(2 * 3), k.float64(3)];
   * matrix.set([1, 2, 3, 4, 5, 6]);
   * x.set([1, 0, -1]);
   * k.gemv(y, matrix, x, { rows: 2, cols: 3 });
   * console.log(y); // [-2, -2]
   */
  gemv(y: Float64Array, matrix: Float32Array, x: Float64Array, options: GemvOptions): void;
  /**
   * `out = matrix * dense`, or with `transposed` its transpose times `dense`; `out` and `dense` are row-major of `width` columns
   * and share no memory. `out` has as many rows as the matrix and `dense` as many as it has columns, or the other way round.
   * Offsets that fall and columns outside throw `invalid-input` with their index, and nothing is written.
   *
   * In float32, each number in the order of the entries: of a row in blocks of 256, transposed in one sum, which rounds more
   * where a column has many entries. Cost: entries x width multiplications; transposed takes up to twice as long.
   *
   * @example
   * const k = kernels({ bytes: 4096 });
   * const matrix = { offsets: k.int32(3), columns: k.int32(2), values: k.float32(2) };
   * matrix.offsets.set([0, 2, 2]); // 2 rows, the second without entries
   * matrix.columns.set([0, 2]);
   * matrix.values.set([10, 1]);
   * const [out, dense] = [k.float32(2 * 2), k.float32(3 * 2)];
   * dense.set([1, 2, 3, 4, 5, 6]);
   * k.sparseProduct(out, matrix, dense, 2);
   * console.log(out); // [15, 26, 0, 0]
   */
  sparseProduct(
    out: Float32Array,
    matrix: SparseRows,
    dense: Float32Array,
    width: number,
    options?: SparseProductOptions,
  ): void;

  /**
   * Starts threads that run the kernels of word vectors and `treeGrow` on this memory, which must be `shared`; their calls return promises.
   * Calls at work at the same time write to the same tables without locks (Niu et al. 2011, Hogwild!): what they learn is as
   * good and no longer repeats bit for bit. Each wants a `scratch` and entries of its own. The scalar build has
   * no threads and runs the calls one after the other. End them when done: they keep the process alive.
   *
   * @example
   * const k = kernels({ bytes: 65536, shared: true });
   * const threads = await k.threads(2);
   * // await Promise.all([threads.skipGram(...), threads.skipGram(...)])
   * await threads.end();
   */
  threads(count: number): Promise<KernelThreads>;
  /**
   * Starts `count` - 1 threads that, with this one, look for the splits of trees in step, on this memory, which must be `shared`
   * if there is more than one. The scalar build has no threads and makes the calls one after the other. End them when done.
   *
   * @example
   * const k = kernels({ bytes: 65536, shared: true });
   * const lanes = await k.lanes(2);
   * // lanes.treeSplits([{ ...split, from: 0, to: 25, scratch }, { ...split, from: 25, to: 50, scratch: other }]);
   * await lanes.end();
   */
  lanes(count: number): Promise<KernelLanes>;
}

/**
 * The kernels on a memory of their own of fixed size: WebAssembly with relaxed SIMD where `WebAssembly.validate` takes it,
 * else with SIMD, else plain TypeScript. No file, no network, no promise: the binaries are in the package.
 *
 * The system provides the memory as it is written to, and it is given back with the last reference to the kernels and
 * their views. To send a view to another thread, send `view.slice()`: a view itself carries the whole memory along.
 * A browser's main thread may refuse to compile without a promise; workers do not.
 *
 * @example
 * const k = kernels({ bytes: 3 * 4096 });
 * const [parameters, gradients, buffer] = [k.float32(1000), k.float32(1000), k.float32(1000)];
 * gradients.fill(1); // or: an output of onnxruntime is written here without a copy
 * k.momentum(parameters, gradients, buffer, { learningRate: 0.1, momentum: 0.9 });
 * console.log(k.build, parameters[999]); // simd -0.1
 */
export function kernels({ bytes, build, shared = false }: KernelsOptions): Kernels {
  checkParam(part, "bytes", bytes, isCount(bytes) && bytes <= maxBytes, `a whole number from 0 to ${maxBytes}`);
  checkParam(
    part,
    "build",
    build,
    [undefined, "relaxed-simd", "simd", "scalar"].includes(build),
    '"relaxed-simd", "simd" or "scalar"',
  );
  const room = Math.ceil(bytes / 64) * 64;
  checkParam(part, "shared", shared, typeof shared === "boolean", "true or false");
  const { build: loaded, buffer, exports, shared: handle } = load(firstBlock + room, build, shared);
  const blocks = pool(buffer, firstBlock, room);

  const take = (length: number, size: number): number => {
    checkParam(part, "length", length, isCount(length), "a whole number, zero or more");
    return blocks.take(length * size);
  };

  /** Where a view begins; refuses one of another memory or of another length. */
  const at = (name: string, view: View, length?: number, shape?: string): number => {
    if (view?.buffer !== buffer)
      throw new MmubError("invalid-input", {
        part,
        message: `${name} is ${show(view)}${ArrayBuffer.isView(view) ? " in another memory" : ""}, want a view of these kernels; make it with their float32() or int32() and copy with set()`,
        name,
      });
    if (length !== undefined && view.length !== length)
      throw new MmubError("shape-mismatch", {
        part,
        message: `${name} has ${view.length} numbers, want ${length}${shape ? ` (${shape})` : ""}`,
        name,
        got: view.length,
        want: length,
      });
    return view.byteOffset;
  };

  /** How many rows a table has. */
  const tableRows = (name: string, table: Float32Array, width: number): number => {
    checkParam(part, "width", width, isCount(width) && width > 0, "a whole number, one or more");
    if (table.length % width !== 0)
      throw new MmubError("shape-mismatch", {
        part,
        message: `${name} has ${table.length} numbers, want a multiple of its width ${width}`,
        name,
        got: table.length,
        width,
      });
    return table.length / width;
  };

  const checkRows = (name: string, rows: Int32Array, count: number, skip: number, of: string): number => {
    const known = Number.isInteger(skip) && skip >= none && skip < 2 ** 31;
    checkParam(part, "padding", skip, known, "a row's number, a whole one of 32 bits");
    const address = at(name, rows);
    const index = exports.firstOutside(address, rows.length, count, skip);
    if (index >= 0)
      throw new MmubError("invalid-input", {
        part,
        message: `${name}[${index}] is ${rows[index]}, want 0 to ${count - 1}: ${of}`,
        index,
        got: rows[index],
      });
    return address;
  };

  /** Where the values of rows are; 0 for what is not there. */
  const rowValues = (
    rows: Int32Array,
    values: Float32Array,
    width: number,
    multiples: RowValuesOptions["multiples"],
  ): { values: number; from: number; scales: number } => {
    if (!multiples) {
      checkParam(part, "width", width, isCount(width) && width > 0, "a whole number, one or more");
      return {
        values: at("values", values, rows.length * width, `${rows.length} rows x ${width}`),
        from: 0,
        scales: 0,
      };
    }
    const count = tableRows("values", values, width);
    const { from, scales } = multiples;
    at("from", from, rows.length, "one for each row");
    return {
      values: at("values", values),
      from: checkRows("from", from, count, none, `values have ${count} rows`),
      scales: at("scales", scales, rows.length, "one for each row"),
    };
  };

  const adamStep = (
    parameters: Float32Array,
    gradients: Float32Array,
    firstMoment: Float32Array,
    secondMoment: Float32Array,
    options: AdamOptions,
    shrink: number,
    decay: number,
  ): void => {
    const { length } = parameters;
    const { rate, beta1, rest1, beta2, rest2, epsilon, scale, rootCorrection } = adamNumbers(options);
    const p = at("parameters", parameters);
    const g = at("gradients", gradients, length);
    const m = at("firstMoment", firstMoment, length);
    const v = at("secondMoment", secondMoment, length);
    // Epsilon belongs to the corrected root, so it is corrected the other way.
    const tail = [
      f(rate),
      beta1,
      rest1,
      beta2,
      rest2,
      f(epsilon * rootCorrection),
      f(shrink),
      f(decay),
      scale,
    ] as const;
    if (options.maxSecondMoment) {
      const top = at("maxSecondMoment", options.maxSecondMoment, length);
      exports.amsgrad(p, g, m, v, top, length, ...tail);
    } else exports.adam(p, g, m, v, length, ...tail);
  };

  let hasSigmoid = false;
  const sigmoid = (): number => {
    if (!hasSigmoid) {
      const cells = new Float32Array(buffer, sigmoidTable, sigmoidCells);
      // The middle of each cell, so that the errors of cutting cancel out.
      for (let i = 0; i < sigmoidCells; i++) cells[i] = 1 / (1 + Math.exp(6 - (12 * (i + 0.5)) / sigmoidCells));
      hasSigmoid = true;
    }
    return sigmoidTable;
  };
  const calls = wordVectorCalls({ at, checkRows, tableRows, key: words, sigmoid, none });
  const run = ([kernel, numbers]: WordVectorCall | TreeGrowCall): number =>
    (exports[kernel] as (...numbers: readonly number[]) => number)(...numbers);
  const splitCall = (options: TreeSplitsOptions) => treeSplitsCall({ at, checkRows, key: words, none }, options);
  const growCall = (options: TreeGrowOptions) =>
    ["treeGrow", treeGrowCall({ at, checkRows, key: words, none }, options)] as const;
  const splits = (numbers: readonly number[]): void =>
    (exports.treeSplits as (...numbers: readonly number[]) => void)(...numbers);

  return {
    build: loaded,
    bytes: room,
    float32: (length) => new Float32Array(buffer, take(length, 4), length),
    float64: (length) => new Float64Array(buffer, take(length, 8), length),
    int32: (length) => new Int32Array(buffer, take(length, 4), length),
    uint8: (length) => new Uint8Array(buffer, take(length, 1), length),
    free(view) {
      if (view?.buffer !== buffer || !blocks.give(view.byteOffset, view.byteLength))
        throw new MmubError("invalid-input", {
          part,
          message: `the view to free is ${show(view)}, want one that these kernels made, whole and not freed before`,
        });
    },

    sgd(parameters, gradients, options) {
      const { rate, decay, scale } = sgdNumbers(options);
      const { length } = parameters;
      exports.sgd(at("parameters", parameters), at("gradients", gradients, length), length, rate, decay, scale);
    },
    momentum(parameters, gradients, buffer, options) {
      const { momentum = 0.9, dampening = 0, nesterov = false, step } = options;
      checkParam(part, "momentum", momentum, momentum >= 0 && Number.isFinite(momentum), "zero or more");
      checkParam(part, "dampening", dampening, Number.isFinite(dampening), "a number");
      if (dampening !== 0)
        checkParam(part, "step", step, isCount(step) && step > 0, "the number of the step, from 1, with dampening");
      const { rate, decay, scale } = sgdNumbers(options);
      const { length } = parameters;
      const p = at("parameters", parameters);
      const g = at("gradients", gradients, length);
      const b = at("buffer", buffer, length);
      if (nesterov) {
        checkParam(part, "dampening", dampening, dampening === 0, "0 with nesterov");
        exports.nesterov(p, g, b, length, rate, f(momentum), decay, scale);
      } else {
        const take = step === 1 ? 1 : 1 - dampening;
        exports.momentum(p, g, b, length, rate, f(momentum), f(take), decay, scale);
      }
    },
    adam(parameters, gradients, firstMoment, secondMoment, options) {
      const { weightDecay = 0 } = options;
      checkDecay(weightDecay);
      adamStep(parameters, gradients, firstMoment, secondMoment, options, 1, weightDecay);
    },
    adamw(parameters, gradients, firstMoment, secondMoment, options) {
      const { weightDecay = 0.01, learningRate } = options;
      checkDecay(weightDecay);
      adamStep(parameters, gradients, firstMoment, secondMoment, options, 1 - learningRate * weightDecay, 0);
    },

    scatterAddRows(target, width, rows, values, { scale = 1, padding = none, multiples } = {}) {
      const count = tableRows("target", target, width);
      const address = at("target", target);
      const of = rowValues(rows, values, width, multiples);
      const list = checkRows("rows", rows, count, padding, `target has ${count} rows`);
      exports.scatterAddRows(address, width, list, rows.length, of.values, f(scale), padding, of.from, of.scales);
    },
    sumRows(
      rows,
      values,
      width,
      slots,
      { uniqueRows = rows, sums = values, padding = none, already = 0, multiples } = {},
    ) {
      const of = rowValues(rows, values, width, multiples);
      checkParam(
        part,
        "sums",
        sums,
        !multiples || sums !== values,
        "apart from values, which multiples read again and again",
      );
      const fits = isCount(already) && already <= Math.min(uniqueRows.length, sums.length / width);
      checkParam(part, "already", already, fits, "how many rows uniqueRows and sums have");
      const most = Math.min(already + rows.length, slots.length);
      const unique = at("uniqueRows", uniqueRows);
      const to = at("sums", sums);
      if (uniqueRows.length < most || sums.length < most * width)
        throw new MmubError("shape-mismatch", {
          part,
          message: `uniqueRows has ${uniqueRows.length} numbers and sums ${sums.length}, want at least ${most} and ${most * width}: so many rows may differ`,
        });
      const table = at("slots", slots);
      const list = checkRows("rows", rows, slots.length, padding, `slots has ${slots.length}, one for each row`);
      const { from, scales } = of;
      return exports.sumRows(unique, to, table, width, list, rows.length, of.values, padding, already, from, scales);
    },
    lazyAdam(parameters, firstMoment, secondMoment, width, rows, sums, options) {
      const { rate, beta1, rest1, beta2, rest2, epsilon, scale } = adamNumbers(options);
      const { length } = parameters;
      const count = tableRows("parameters", parameters, width);
      const p = at("parameters", parameters);
      const m = at("firstMoment", firstMoment, length);
      const v = at("secondMoment", secondMoment, length);
      const g = at("sums", sums, rows.length * width, `${rows.length} rows x ${width}`);
      const list = checkRows("rows", rows, count, none, `parameters have ${count} rows`);
      const { slots } = options;
      const places = slots ? at("slots", slots, count, "one for each row") : 0;
      for (let i = 0; slots && i < rows.length; i++)
        if (!(slots[rows[i]!]! >= 0 && slots[rows[i]!]! < rows.length))
          throw new MmubError("invalid-input", {
            part,
            message: `slots has ${slots[rows[i]!]} for row ${rows[i]}, want its place in sums, 0 to ${rows.length - 1}: pass what sumRows has filled, and the rows it gave`,
            index: i,
          });
      const tail = [f(rate), beta1, rest1, beta2, rest2, f(epsilon), scale] as const;
      exports.lazyAdam(p, m, v, width, list, rows.length, g, places, ...tail);
    },
    adamTable(parameters, firstMoment, secondMoment, width, rows, sums, slots, options) {
      const { decoupled = false, weightDecay = decoupled ? 0.01 : 0, learningRate } = options;
      checkDecay(weightDecay);
      const { rate, beta1, rest1, beta2, rest2, epsilon, scale, rootCorrection } = adamNumbers(options);
      const { length } = parameters;
      const count = tableRows("parameters", parameters, width);
      const p = at("parameters", parameters);
      const m = at("firstMoment", firstMoment, length);
      const v = at("secondMoment", secondMoment, length);
      const g = at("sums", sums, (rows.length + 1) * width, `${rows.length} rows and one more x ${width}`);
      const list = checkRows("rows", rows, count, none, `parameters have ${count} rows`);
      const places = at("slots", slots, count, "one for each row");
      sums.fill(0, rows.length * width);
      const shrink = decoupled ? f(1 - learningRate * weightDecay) : 1;
      const tail = [f(epsilon * rootCorrection), shrink, decoupled ? 0 : f(weightDecay), scale] as const;
      const betas = [f(rate), beta1, rest1, beta2, rest2] as const;
      exports.adamTable(p, m, v, width, count, list, rows.length, g, places, ...betas, ...tail);
    },
    addWindows(out, positions, gradients, weights, options) {
      const { batch, steps, width, filters, kernel, stride = 1, padding = 0, dilation = 1 } = options;
      for (const [name, value] of Object.entries({ batch, steps, width, filters, padding }))
        checkParam(part, name, value, isCount(value), "a whole number, zero or more");
      for (const [name, value] of Object.entries({ kernel, stride, dilation }))
        checkParam(part, name, value, isCount(value) && value > 0, "a whole number, one or more");
      const reach = steps + 2 * padding + dilation * kernel + stride;
      checkParam(part, "padding", padding, reach < 2 ** 31, "steps, padding, dilation and stride that 32 bits hold");
      const outputs = Math.max(0, Math.floor((steps + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1);
      const to = at("out", out, batch * steps * width, `${batch} x ${steps} x ${width}`);
      const g = at("gradients", gradients, batch * filters, `${batch} x ${filters}`);
      const w = at("weights", weights, filters * kernel * width, `${filters} x ${kernel} x ${width}`);
      at("positions", positions, batch * filters, `${batch} x ${filters}`);
      const list = checkRows("positions", positions, outputs, none, `the convolution has ${outputs} outputs`);
      exports.addWindows(to, batch, steps, width, filters, kernel, list, g, w, stride, padding, dilation);
    },

    axpy: (y, alpha, x) => exports.axpy(at("y", y), y.length, f(alpha), at("x", x, y.length)),
    scale: (x, factor) => exports.scale(at("x", x), x.length, f(factor)),
    clamp(x, low, high) {
      checkParam(part, "low", low, low <= high, `no more than high, ${high}`);
      exports.clamp(at("x", x), x.length, f(low), f(high));
    },
    sumOfSquares: (x) => exports.sumOfSquares(at("x", x), x.length),

    uniform: (out, key) => exports.uniform(at("out", out), out.length, ...words(key)),
    dropoutMask(out, rate, key) {
      checkParam(part, "rate", rate, rate >= 0 && rate < 1, "a number in [0, 1)");
      const threshold = Math.min(2 ** 32 - 1, Math.round(rate * 2 ** 32));
      exports.dropoutMask(at("out", out), out.length, ...words(key), threshold, f(1 / (1 - rate)));
    },

    gemm(c, a, b, { m, n, k, transA = false, transB = false, alpha = 1, beta = 0 }) {
      for (const [name, value] of Object.entries({ m, n, k }))
        checkParam(part, name, value, isCount(value), "a whole number, zero or more");
      const to = at("c", c, m * n, `m x n: ${m} x ${n}`);
      const left = at("a", a, m * k, transA ? `k x m: ${k} x ${m}` : `m x k: ${m} x ${k}`);
      const right = at("b", b, k * n, transB ? `n x k: ${n} x ${k}` : `k x n: ${k} x ${n}`);
      const aStrides: Strides = transA ? [1, m] : [k, 1];
      const bStrides: Strides = transB ? [1, k] : [n, 1];
      exports.gemm(to, left, right, m, n, k, ...aStrides, ...bStrides, f(alpha), f(beta), scratch);
    },
    gemv(y, matrix, x, { rows, cols, transposed = false }) {
      checkParam(part, "rows", rows, isCount(rows), "a whole number, zero or more");
      checkParam(part, "cols", cols, isCount(cols), "a whole number, zero or more");
      const to = at("y", y, transposed ? cols : rows, transposed ? "cols" : "rows");
      const from = at("matrix", matrix, rows * cols, "rows x cols");
      const factors = at("x", x, transposed ? rows : cols, transposed ? "rows" : "cols");
      exports[transposed ? "gemvTransposed" : "gemv"](to, rows, cols, from, factors);
    },
    sparseProduct(out, { offsets, columns, values }, dense, width, { transposed = false } = {}) {
      const rows = offsets.length - 1;
      const [tall, wide] = transposed ? [dense, out] : [out, dense];
      const cols = tableRows(transposed ? "out" : "dense", wide, width);
      at(transposed ? "dense" : "out", tall, Math.max(0, rows) * width, `${Math.max(0, rows)} rows x ${width}`);
      const starts = at("offsets", offsets);
      for (let i = 0; i <= rows; i++)
        if (i === 0 ? offsets[0] !== 0 : !(offsets[i]! >= offsets[i - 1]!))
          throw new MmubError("invalid-input", {
            part,
            message: `offsets[${i}] is ${offsets[i]}${i === 0 ? ", want 0" : `, want ${offsets[i - 1]} or more: offsets rise`}`,
            index: i,
            got: offsets[i],
          });
      at("columns", columns, offsets[rows] ?? 0, "the last of offsets");
      const list = checkRows("columns", columns, cols, none, `there are ${cols}`);
      const numbers = at("values", values, columns.length, "one for each column");
      const [to, from] = [at("out", out), at("dense", dense)];
      if (transposed) out.fill(0);
      exports[transposed ? "sparseTransposedProduct" : "sparseProduct"](to, rows, starts, list, numbers, from, width);
    },

    skipGram: (...args) => run(calls.skipGram(...args)),
    cbow: (...args) => run(calls.cbow(...args)),
    glove: (...args) => run(calls.glove(...args)),

    spectra: (out, samples, options) => exports.spectra(...spectraCall({ at }, out, samples, options)),
    halveRate: (...args) => exports.halveRate(...halveRateCall({ at }, ...args)),
    resampleBlocks: (...args) => exports.resampleBlocks(...resampleBlocksCall({ at }, ...args)),
    logarithms(x, { least, factor }) {
      const normal = least >= 2 ** -126 && least <= 1e38;
      checkParam(part, "least", least, normal, "a positive number, from 2 ** -126");
      checkParam(part, "factor", factor, Number.isFinite(factor), "a number");
      return exports.logarithms(at("x", x), x.length, f(least), f(factor));
    },

    treeSplits: (options) => splits(splitCall(options)),
    treeGrow: (options) => run(growCall(options)),
    treePartition(column, rows, side, scratch) {
      const bins = at("column", column);
      const list = checkRows("rows", rows, column.length, none, `the column has ${column.length} rows`);
      const sides = at("side", side, 256, "one for each bin");
      return exports.treePartition(bins, list, rows.length, sides, at("scratch", scratch, rows.length));
    },
    treeAdd(scores, width, rows, value) {
      checkParam(part, "width", width, isCount(width) && width > 0, "a whole number, one or more");
      const count = Math.ceil(scores.length / width);
      const list = checkRows("rows", rows, count, none, `there are scores of ${count} rows`);
      exports.treeAdd(at("scores", scores), width, list, rows.length, value);
    },
    treeLogistic(scores, targets, weights, gradients) {
      const { length } = scores;
      const of = at("targets", targets, length);
      const by = at("weights", weights, length);
      exports.treeLogistic(at("scores", scores), of, by, length, at("gradients", gradients, 2 * length, "pairs"));
    },
    treePredict({ nodes, values, roots }, data, cols, out, width) {
      const rows = tableRows("data", data, cols);
      checkParam(part, "width", width, isCount(width) && width > 0, "a whole number, one or more");
      const to = at("out", out, rows * width, `${rows} rows x ${width}`);
      const of = at("values", values, nodes.length / 4, "one for each node");
      const from = at("data", data);
      exports.treePredict(at("nodes", nodes), of, at("roots", roots), roots.length, from, rows, cols, to, width);
    },

    async lanes(count) {
      checkParam(part, "count", count, isCount(count) && count > 0, "a whole number, one or more");
      checkParam(part, "shared", shared, shared || count === 1, "true, given to kernels(), for more than one lane");
      const lanes = handle && count > 1 ? await startLanes(handle, "treeSplits", count) : undefined;
      return {
        count,
        treeSplits(options) {
          checkParam(part, "calls", options.length, options.length <= count, `no more calls than lanes, ${count}`);
          const all = options.map(splitCall);
          if (lanes) lanes.run(all, splits);
          else all.forEach(splits);
        },
        end: async () => lanes?.end(),
      };
    },

    async threads(count) {
      checkParam(part, "count", count, isCount(count) && count > 0, "a whole number, one or more");
      checkParam(part, "shared", shared, shared, "true, given to kernels(), for threads");
      const threads = handle
        ? await startThreads(handle, count)
        : { run: async (call: WordVectorCall | TreeGrowCall) => run(call), end: async () => {} };
      return {
        count,
        skipGram: async (...args) => threads.run(calls.skipGram(...args)),
        cbow: async (...args) => threads.run(calls.cbow(...args)),
        glove: async (...args) => threads.run(calls.glove(...args)),
        treeGrow: async (options) => threads.run(growCall(options)),
        end: threads.end,
      };
    },
  };
}

/** How far apart rows and columns are, in numbers. */
type Strides = [row: number, column: number];

const { fround: f } = Math;

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function checkDecay(weightDecay: number): void {
  checkParam(part, "weightDecay", weightDecay, weightDecay >= 0 && Number.isFinite(weightDecay), "zero or more");
}

function checkRate(learningRate: number, gradientScale: number): void {
  checkParam(part, "learningRate", learningRate, Number.isFinite(learningRate), "a number");
  checkParam(part, "gradientScale", gradientScale, Number.isFinite(gradientScale), "a number");
}

function sgdNumbers({ learningRate, weightDecay = 0, gradientScale = 1 }: SgdOptions) {
  checkRate(learningRate, gradientScale);
  checkDecay(weightDecay);
  return { rate: f(learningRate), decay: f(weightDecay), scale: f(gradientScale) };
}

/** `rate` is corrected for both moments, for a root of the second moment that is not. */
function adamNumbers(options: LazyAdamOptions) {
  const { learningRate, step, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, gradientScale = 1 } = options;
  checkRate(learningRate, gradientScale);
  checkParam(part, "step", step, isCount(step) && step > 0, "the number of the step, from 1");
  for (const [name, beta] of Object.entries({ beta1, beta2 }))
    checkParam(part, name, beta, beta >= 0 && beta < 1, "a number in [0, 1)");
  checkParam(part, "epsilon", epsilon, epsilon >= 0 && Number.isFinite(epsilon), "zero or more");
  const rootCorrection = Math.sqrt(1 - beta2 ** step);
  return {
    rate: (learningRate * rootCorrection) / (1 - beta1 ** step),
    rootCorrection,
    beta1: f(beta1),
    rest1: f(1 - beta1),
    beta2: f(beta2),
    rest2: f(1 - beta2),
    epsilon,
    scale: f(gradientScale),
  };
}

/** A key as the two words that choose a stream. */
function words(key: readonly number[]): [number, number] {
  let a = 0x243f6a88;
  let b = 0x05a308d3;
  for (const [index, value] of key.entries()) {
    checkParam(part, `key[${index}]`, value, Number.isSafeInteger(value), "an integer");
    for (const word of [value | 0, Math.floor(value / 2 ** 32) | 0])
      [a, b] = [hash(word, a, b) | 0, hash(word, b, a ^ 0x13198a2e) | 0];
  }
  return [a, b];
}
