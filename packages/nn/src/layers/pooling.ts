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
  pad,
  relu,
  reshape,
  sub,
  sum,
  transpose,
  withGradient,
} from "../ops.js";
import {
  beforeTurn,
  type ConvolvedSteps,
  convolutionOf,
  lackingSteps,
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
  unmaskedValues,
  zeroedValues,
} from "./layer.js";

export interface Pool1dParams extends LayerParams {
  readonly kernel: number;
  /** @default kernel */
  readonly stride?: number;
  /** Around each sequence: `valid` nothing, a number so many on both sides (at most half the kernel), `same` as conv1d's. @default "valid" */
  readonly padding?: "valid" | "same" | number;
  /**
   * Whether what is left at the end of a row gets a window too, if that begins in front of the end, as PyTorch's ceil_mode. With padding
   * `same` nothing is left.
   * @default false
   */
  readonly ceilMode?: boolean;
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
  /** Whether what is left at the ends gets windows too, as PyTorch's ceil_mode. With padding `same` nothing is left. @default false */
  readonly ceilMode?: boolean;
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
  ceilMode = false,
  ...params
}: MaxPool1dParams): Layer<Steps, Steps> {
  const window = checkPool1d("maxPool1d", kernel, stride, dilation, padding, ceilMode);
  return layer("maxPool1d", params, (_, input) => {
    const { mask } = checkSteps("maxPool1d", input);
    const values = zeroedValues(input);
    const padded = padSteps(values, window);
    // Without zeros around, only windows that are masked anyway reach behind the end of a row.
    const around = window.ceil || window.pads.some((zeros) => zeros > 0);
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
  ceilMode = false,
  ...params
}: AveragePool1dParams): Layer<Steps, Steps> {
  const window = checkPool1d("averagePool1d", kernel, stride, 1, padding, ceilMode);
  checkFlag("averagePool1d", "countPads", countPads);
  const means = (padded: Value) =>
    transpose(averagePool(transpose(padded, [0, 2, 1]), { kernel: [kernel], strides: [stride] }), [0, 2, 1]);
  return layer("averagePool1d", params, (_, input) => {
    const { mask } = checkSteps("averagePool1d", input);
    const all = means(padSteps(zeroedValues(input), window));
    // The share of a window that counts, of which none does in a window that is masked anyway.
    const counts = countPads ? withPads(mask, window) : padSteps(column(mask), window);
    const values = countPads && !window.ceil ? all : div(all, maximum(means(counts), 1 / kernel));
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
  ceilMode = false,
  ...params
}: MaxPool2dParams): Layer {
  const window = checkPool2d("maxPool2d", kernel, stride, padding, ceilMode, dilation);
  return layer("maxPool2d", params, (_, x) =>
    maxPool(checkValue("maxPool2d", x, 4, "[batch, channels, height, width]"), {
      ...window,
      pads: ceilMode ? reaching(window, x) : window.pads,
    }),
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
  ceilMode = false,
  ...params
}: AveragePool2dParams): Layer {
  const window = checkPool2d("averagePool2d", kernel, stride, padding, ceilMode);
  checkFlag("averagePool2d", "countPads", countPads);
  return layer("averagePool2d", params, (_, x) => {
    checkValue("averagePool2d", x, 4, "[batch, channels, height, width]");
    const pads = ceilMode ? reaching(window, x) : window.pads;
    if (!ceilMode || !countPads || pads === "same") return averagePool(x, { ...window, pads, countPads });
    // Zeros around count, what is behind them does not.
    const [height, width, bottom, right] = pads as readonly [number, number, number, number];
    const padded = pad(x, [0, 0, height, width], [0, 0, height, width]);
    return averagePool(padded, { ...window, pads: [0, 0, bottom - height, right - width], countPads: false });
  });
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
    const raw = unmaskedValues(input);
    const turned = beforeTurn(raw);
    const behind = mul(sub(mask, 1), never);
    const best = turned
      ? max(add(turned, reshape(behind, [mask.shape[0]!, 1, -1])), [2])
      : max(add(raw, column(behind)), [1]);
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

/** 1 for what is in a row or its pads: `[batch, padded steps, 1]`. */
function withPads(mask: Value, window: StepWindow): Value {
  const [batch, steps] = mask.shape as [number, number];
  const pads = window.pads[0] + window.pads[1];
  const counts = pads > 0 ? concat([expand(constant(1), [batch, pads]), mask], 1) : mask;
  return pad(column(counts), [0, 0, 0], [0, lackingSteps(window, steps), 0]);
}

function checkPool1d(
  type: string,
  kernel: number,
  stride: number,
  dilation: number,
  padding: "valid" | "same" | number,
  ceilMode: boolean,
): StepWindow {
  checkWhole(type, "kernel", kernel);
  checkWhole(type, "stride", stride);
  checkWhole(type, "dilation", dilation);
  checkFlag(type, "ceilMode", ceilMode);
  if (typeof padding === "number") checkHalf(type, padding, padding, kernel);
  else checkChoice(type, "padding", padding, ["valid", "same"]);
  return { ...stepWindow(kernel, stride, dilation, padding), ceil: ceilMode && padding !== "same" };
}

function checkPool2d(
  type: string,
  kernel: Pair,
  stride: Pair,
  padding: "valid" | "same" | Pair,
  ceilMode: boolean,
  dilation: Pair = 1,
) {
  const size = pairOf(type, "kernel", kernel);
  const pads = padsOf(type, padding);
  checkFlag(type, "ceilMode", ceilMode);
  if (pads !== "same") for (const [i, length] of size.entries()) checkHalf(type, padding, pads[i]!, length);
  return { kernel: size, strides: pairOf(type, "stride", stride), dilations: pairOf(type, "dilation", dilation), pads };
}

/** Pads up to the end of the window behind the last whole one of each axis of an image, where that begins in front of the end. */
function reaching({ kernel, strides, dilations, pads }: ReturnType<typeof checkPool2d>, x: Value) {
  if (pads === "same") return pads;
  const ends = kernel.map((length, i) => {
    const reach = (length - 1) * dilations[i]! + 1;
    const [stride, around] = [strides[i]!, pads[i]!];
    const inside = x.shape[i + 2]! + 2 * around;
    const start = (Math.floor((inside - reach) / stride) + 1) * stride;
    const over = start + reach - inside;
    return start >= 0 && start < inside - around && over < stride ? around + over : around;
  });
  return [...pads.slice(0, 2), ...ends];
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
