import { checkParam } from "@mmub/core";
import type { Value } from "../graph.js";
import type { Layer, Steps } from "../network.js";
import {
  add,
  argMax,
  averagePool,
  concat,
  constant,
  conv,
  div,
  expand,
  gather,
  matmul,
  max,
  maximum,
  maxPool,
  mean,
  mul,
  relu,
  reshape,
  sub,
  sum,
  transpose,
  withGradient,
} from "../ops.js";
import {
  type ConvolvedSteps,
  convolutionOf,
  type Pair,
  padSteps,
  padsOf,
  pairOf,
  type StepWindow,
  stepWindow,
  windowMask,
} from "./convolution.js";
import { type Lookup, lookupOf } from "./embedding.js";
import {
  checkChoice,
  checkFlag,
  checkSteps,
  checkValue,
  checkWhole,
  column,
  isFull,
  type LayerParams,
  layer,
  maskedSteps,
  zeroedValues,
} from "./layer.js";

export interface Pool1dParams extends LayerParams {
  readonly kernel: number;
  /** @default kernel */
  readonly stride?: number;
  /** Around each sequence: `valid` nothing, a number so many on both sides (at most half the kernel), `same` as conv1d's. @default "valid" */
  readonly padding?: "valid" | "same" | number;
}

export interface MaxPool1dParams extends Pool1dParams {
  /** Steps between the elements of a window. @default 1 */
  readonly dilation?: number;
}

export interface AveragePool1dParams extends Pool1dParams {
  /** Whether zeros around count as elements, as in PyTorch. @default true */
  readonly countPads?: boolean;
}

export interface Pool2dParams extends LayerParams {
  readonly kernel: Pair;
  /** @default kernel */
  readonly stride?: Pair;
  /** Around: `valid` nothing, numbers so many on both sides (at most half the kernel), `same` keeps the size / stride, rounded up. @default "valid" */
  readonly padding?: "valid" | "same" | Pair;
}

export interface MaxPool2dParams extends Pool2dParams {
  /** Steps between the elements of a window. @default 1 */
  readonly dilation?: Pair;
}

export interface AveragePool2dParams extends Pool2dParams {
  /** Whether zeros around count as elements, as in PyTorch. @default true */
  readonly countPads?: boolean;
}

// Far below what values are, and far from where a float32 ends.
const never = 1e30;

/**
 * The largest of each window over steps: Steps `[batch, steps, channels]` to `[batch, windows, channels]`. A row gets what it
 * would get alone; steps around it and behind its end never win. Of equals in a window the first gets the gradient, or all share it.
 *
 * @example
 * const halves = sequential(conv1d({ filters: 32, kernel: 3, padding: "same", activation: "relu" }), maxPool1d({ kernel: 2 }));
 */
export function maxPool1d({
  kernel,
  stride = kernel,
  padding = "valid",
  dilation = 1,
  ...params
}: MaxPool1dParams): Layer<Steps, Steps> {
  const window = checkPool1d("maxPool1d", kernel, stride, dilation, padding);
  return layer("maxPool1d", params, (_, input) => {
    const { mask } = checkSteps("maxPool1d", input);
    const values = zeroedValues(input);
    const padded = padSteps(values, window);
    // Without zeros around, only windows that are masked anyway reach behind the end of a row.
    const around = window.pads.some((zeros) => zeros > 0);
    const low = around ? add(padded, mul(sub(padSteps(column(mask), window), 1), never)) : padded;
    const pooled = maxPool(transpose(low, [0, 2, 1]), {
      kernel: [kernel],
      strides: [stride],
      dilations: [dilation],
    });
    return maskedSteps(transpose(pooled, [0, 2, 1]), windowMask(mask, window));
  });
}

/**
 * The mean of each window over steps: Steps `[batch, steps, channels]` to `[batch, windows, channels]`. A row gets what it would get alone.
 *
 * @example
 * const smooth = averagePool1d({ kernel: 4, stride: 2 });
 */
export function averagePool1d({
  kernel,
  stride = kernel,
  padding = "valid",
  countPads = true,
  ...params
}: AveragePool1dParams): Layer<Steps, Steps> {
  const window = checkPool1d("averagePool1d", kernel, stride, 1, padding);
  checkFlag("averagePool1d", "countPads", countPads);
  const average = (x: Value) =>
    transpose(
      averagePool(transpose(padSteps(x, window), [0, 2, 1]), { kernel: [kernel], strides: [stride] }),
      [0, 2, 1],
    );
  return layer("averagePool1d", params, (_, input) => {
    const { mask } = checkSteps("averagePool1d", input);
    const all = average(zeroedValues(input));
    // The share of a window that is in the row, of which none is in a window that is masked anyway.
    const values = countPads ? all : div(all, maximum(average(column(mask)), 1 / kernel));
    return maskedSteps(values, windowMask(mask, window));
  });
}

/**
 * The largest of each window over images: `[batch, channels, height, width]` to `[batch, channels, ...windows]`.
 * Of equals in a window the first gets the gradient, or all share it, as the runtime has it.
 *
 * @example
 * const block = sequential(conv2d({ filters: 32, kernel: 3, padding: "same" }), maxPool2d({ kernel: 2 }), activation({ kind: "relu" }));
 */
export function maxPool2d({
  kernel,
  stride = kernel,
  padding = "valid",
  dilation = 1,
  ...params
}: MaxPool2dParams): Layer {
  const options = checkPool2d("maxPool2d", kernel, stride, padding);
  const dilations = pairOf("maxPool2d", "dilation", dilation);
  return layer("maxPool2d", params, (_, x) =>
    maxPool(checkValue("maxPool2d", x, 4, "[batch, channels, height, width]"), { ...options, dilations }),
  );
}

/**
 * The mean of each window over images: `[batch, channels, height, width]` to `[batch, channels, ...windows]`.
 *
 * @example
 * const half = averagePool2d({ kernel: 2 });
 */
export function averagePool2d({
  kernel,
  stride = kernel,
  padding = "valid",
  countPads = true,
  ...params
}: AveragePool2dParams): Layer {
  const options = checkPool2d("averagePool2d", kernel, stride, padding);
  checkFlag("averagePool2d", "countPads", countPads);
  return layer("averagePool2d", params, (_, x) =>
    averagePool(checkValue("averagePool2d", x, 4, "[batch, channels, height, width]"), { ...options, countPads }),
  );
}

/** The largest of each channel of an image: `[batch, channels, height, width]` to `[batch, channels]`. */
export function globalMaxPool2d(params: LayerParams = {}): Layer {
  return layer("globalMaxPool2d", params, (_, x) =>
    max(checkValue("globalMaxPool2d", x, 4, "[batch, channels, height, width]"), [2, 3]),
  );
}

/** The mean of each channel of an image: `[batch, channels, height, width]` to `[batch, channels]`. */
export function globalAveragePool2d(params: LayerParams = {}): Layer {
  return layer("globalAveragePool2d", params, (_, x) =>
    mean(checkValue("globalAveragePool2d", x, 4, "[batch, channels, height, width]"), [2, 3]),
  );
}

/** The sum over the steps of each row: Steps `[batch, steps, channels]` to `[batch, channels]`; zeros for a row without steps. */
export function globalSumPool(params: LayerParams = {}): Layer<Steps, Value> {
  return layer("globalSumPool", params, (_, input) => sum(zeroedValues(checkSteps("globalSumPool", input)), [1]));
}

/** The mean over the steps of each row: Steps `[batch, steps, channels]` to `[batch, channels]`; zeros for a row without steps. */
export function globalMeanPool(params: LayerParams = {}): Layer<Steps, Value> {
  return layer("globalMeanPool", params, (_, input) => {
    const values = zeroedValues(checkSteps("globalMeanPool", input));
    return div(sum(values, [1]), maximum(sum(input.mask, [1], true), 1));
  });
}

/**
 * The largest over the steps of each row: Steps `[batch, steps, channels]` to `[batch, channels]`; zeros for a row without steps.
 *
 * Straight after `conv1d` with activation `relu` (in one group) over an `embedding` it sends gradient to the winning windows
 * only, which saves the backward convolution: the numbers are those of the long way, but that of equal windows the first wins.
 */
export function globalMaxPool(params: LayerParams = {}): Layer<Steps, Value> {
  return layer("globalMaxPool", params, (_, input) => {
    const { values, mask } = checkSteps("globalMaxPool", input);
    const convolution = convolutionOf(input);
    const lookup = convolution && lookupOf(convolution.input);
    if (convolution?.activation === "relu" && convolution.groups === 1 && lookup)
      return bestWindows(convolution, lookup, mask);
    if (isFull(mask)) return max(values, [1]);
    const best = max(add(values, mul(sub(column(mask), 1), never)), [1]);
    return mul(best, max(mask, [1], true));
  });
}

/** relu(max(convolution)) of looked-up steps. */
function bestWindows({ input, weight, bias, window }: ConvolvedSteps, lookup: Lookup, mask: Value): Value {
  const { kernel, stride, dilation } = window;
  const padded = padSteps(input.values, window);
  const [batch, steps, channels] = padded.shape as [number, number, number];
  const [filters] = weight.shape as [number];
  const sums = conv(transpose(padded, [0, 2, 1]), weight, bias, { strides: [stride], dilations: [dilation] });
  // A masked window has 0, which wins where relu has made 0 of the others anyway.
  const scores = isFull(mask) ? sums : mul(sums, reshape(mask, [batch, 1, -1]));
  const { table } = lookup;
  const inputs = bias ? [table, weight, bias] : [table, weight];
  const [best] = withGradient([max(scores, [2])], inputs, ([gradient]) => {
    if (!gradient) return [];
    // Rows of the padded steps: [filters, batch, kernel].
    const first = add(
      mul(transpose(argMax(scores, 2), [1, 0]), stride),
      constant(
        Int32Array.from({ length: batch }, (_, row) => row * steps),
        [1, batch],
      ),
    );
    const taps = constant(Int32Array.from({ length: kernel }, (_, k) => k * dilation));
    const rows = reshape(add(column(first), taps), [-1]);
    const windows = reshape(gather(reshape(padded, [-1, channels]), rows), [filters, batch, kernel * channels]);
    const byFilter = transpose(gradient, [1, 0]);
    const dWeight = matmul(reshape(byFilter, [filters, 1, batch]), windows);
    // Padding steps learn nothing, nor does the padding id.
    const learns = reshape(gather(reshape(padSteps(column(lookup.learns), window), [-1]), rows), [
      filters,
      batch,
      kernel,
    ]);
    const shares = mul(column(byFilter), learns);
    const byTap = reshape(transpose(weight, [0, 2, 1]), [filters * kernel, channels]);
    const taken = filters * batch * kernel;
    const ids = reshape(lookup.ids, [-1]);
    const [all] = ids.shape as [number];
    // Behind the windows all that was looked up, with nothing: lazy rules step what never won too.
    const from = Int32Array.from({ length: taken + all }, (_, i) => {
      const filter = Math.floor(i / (batch * kernel));
      return i < taken ? filter * kernel + (i % kernel) : 0;
    });
    const nothing = constant(new Float32Array(all));
    return [
      {
        rows: concat([gather(reshape(padIds(lookup.ids, window, steps), [-1]), rows), ids]),
        // Multiples of the filters' taps, which the trainer takes as such.
        values: mul(reshape(concat([reshape(shares, [-1]), nothing]), [-1, 1]), gather(byTap, constant(from))),
      },
      transpose(reshape(dWeight, [filters, kernel, channels]), [0, 2, 1]),
      sum(gradient, [0]),
    ];
  });
  return relu(best!);
}

/** Ids with what padSteps has put around their steps. */
function padIds(ids: Value, { pads: [front] }: StepWindow, steps: number): Value {
  const [batch, inside] = ids.shape as [number, number];
  const zeros = (length: number) => (length > 0 ? [expand(constant(Int32Array.of(0), [1, 1]), [batch, length])] : []);
  return concat([...zeros(front), ids, ...zeros(steps - front - inside)], 1);
}

function checkPool1d(
  type: string,
  kernel: number,
  stride: number,
  dilation: number,
  padding: "valid" | "same" | number,
): StepWindow {
  checkWhole(type, "kernel", kernel);
  checkWhole(type, "stride", stride);
  checkWhole(type, "dilation", dilation);
  if (typeof padding === "number") checkHalf(type, padding, padding, kernel);
  else checkChoice(type, "padding", padding, ["valid", "same"]);
  return stepWindow(kernel, stride, dilation, padding);
}

function checkPool2d(type: string, kernel: Pair, stride: Pair, padding: "valid" | "same" | Pair) {
  const size = pairOf(type, "kernel", kernel);
  const pads = padsOf(type, padding);
  if (pads !== "same") for (const [i, length] of size.entries()) checkHalf(type, padding, pads[i]!, length);
  return { kernel: size, strides: pairOf(type, "stride", stride), pads };
}

// More, and a window could lie in the pads altogether.
function checkHalf(type: string, padding: unknown, pads: number, kernel: number): void {
  const ok = Number.isInteger(pads) && pads >= 0 && 2 * pads <= kernel;
  checkParam(
    `@mmub/nn/${type}`,
    "padding",
    padding,
    ok,
    `an integer from 0 to half the kernel, ${Math.floor(kernel / 2)}`,
  );
}
