import { checkParam } from "@mmub/core";
import { reject, showShape, type Value } from "../graph.js";
import { bounded, fans, kaimingUniform } from "../initializers.js";
import type { Initializer, Layer, Scope, Steps } from "../network.js";
import {
  add,
  cast,
  constant,
  conv,
  div,
  expand,
  gather,
  gemm,
  matmul,
  maximum,
  minimum,
  mul,
  pad,
  reshape,
  slice,
  sub,
  sum,
  transpose,
} from "../ops.js";
import { type Activation, activate, checkActivation } from "./activation.js";
import {
  checkChoice,
  checkFlag,
  checkSteps,
  checkValue,
  checkWhole,
  fullMask,
  isFull,
  type LayerParams,
  layer,
  maskedSteps,
  unmaskedValues,
  zeroedValues,
} from "./layer.js";

/** One number for each axis, or the same for both. */
export type Pair = number | readonly [number, number];

interface ConvParams<Size> extends LayerParams {
  /** Channels of the result. */
  readonly filters: number;
  readonly kernel: Size;
  /** Steps between windows. @default 1 */
  readonly stride?: Size;
  /** Steps between the elements of a window. @default 1 */
  readonly dilation?: Size;
  /** Channels are cut into so many groups that do not see one another. @default 1 */
  readonly groups?: number;
  /** @default true */
  readonly bias?: boolean;
  /** @default "linear" */
  readonly activation?: Activation;
  /** @default kaimingUniform(), as PyTorch */
  readonly weightInit?: Initializer;
  /** @default uniform within ±1 / √(inputs of a filter), as PyTorch */
  readonly biasInit?: Initializer;
}

export interface Conv1dParams extends ConvParams<number> {
  /**
   * Zeros around each sequence: `valid` none, a number so many on both sides, `causal` enough in front that a step sees nothing
   * behind it, `same` such that every `stride`-th step has its window centred on it (one more behind where that is uneven).
   * @default "valid"
   */
  readonly padding?: "valid" | "same" | "causal" | number;
  /**
   * What is around, as PyTorch's padding_mode: zeros, or more of each row itself: mirrored in its ends (which are not repeated), its ends
   * repeated, or the row again from its other end. Where PyTorch refuses a row that is too short for its padding, it is mirrored or begun
   * as often as it takes.
   * @default "zeros"
   */
  readonly paddingMode?: PaddingMode;
}

export interface Conv2dParams extends ConvParams<Pair> {
  /** Zeros around: `valid` none, numbers so many on both sides of each axis, `same` keeps the size / stride, rounded up. @default "valid" */
  readonly padding?: "valid" | "same" | Pair;
  /**
   * What is around, as PyTorch's padding_mode: zeros, the picture mirrored in its border (which is not repeated), its border repeated, or
   * the picture again from its other side. All but zeros want a padding less than (circular: at most) the picture, and no stride with `same`.
   * @default "zeros"
   */
  readonly paddingMode?: PaddingMode;
}

export type PaddingMode = "zeros" | "reflect" | "replicate" | "circular";

const paddingModes: readonly PaddingMode[] = ["zeros", "reflect", "replicate", "circular"];

/** A window over steps that gives each row what it would give it without padding behind. */
export interface StepWindow {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Zeros in front of the first step and behind the last. */
  readonly pads: readonly [number, number];
  /** Whether a window may end behind the row, if it begins in front of that; PyTorch's ceil_mode. */
  readonly ceil?: boolean;
}

export function stepWindow(
  kernel: number,
  stride: number,
  dilation: number,
  padding: "valid" | "same" | "causal" | number,
): StepWindow {
  const reach = (kernel - 1) * dilation;
  // Of the kernel alone: were it also of the number of steps, a row's result would hang on the longest row of its batch.
  const before = { valid: 0, causal: reach, same: Math.floor(reach / 2) };
  const front = typeof padding === "number" ? padding : before[padding];
  const behind = typeof padding === "number" ? padding : padding === "same" ? reach - front : 0;
  return { kernel, stride, dilation, pads: [front, behind] };
}

/** Values `[batch, steps, channels]` with the window's pads, and behind them what the last window needs to fit. */
export function padSteps(values: Value, window: StepWindow): Value {
  const [front, behind] = window.pads;
  return pad(values, [0, front, 0], [0, behind + lackingSteps(window, values.shape[1]!), 0]);
}

/** How many more than a row's steps and its pads the last window takes. */
export function lackingSteps(window: StepWindow, steps: number): number {
  const { kernel, stride, dilation, pads } = window;
  const taken = (lastSteps(window, steps).length - 1) * stride + (kernel - 1) * dilation + 1;
  return Math.max(0, taken - (pads[0] + steps + pads[1]));
}

/** The mask of the windows: those that end within a row and its pads. */
export function windowMask(mask: Value, window: StepWindow): Value {
  const [batch, steps] = mask.shape as [number, number];
  const last = lastSteps(window, steps);
  if (last.length === steps && last.every((at, i) => at === i)) return mask;
  // A batch in which the longest row is shorter than the window has one window, which is of no row.
  if (last.at(-1)! >= steps) return expand(constant(0), [batch, last.length]);
  if (isFull(mask)) return fullMask(batch, last.length);
  const [from] = last as unknown as readonly [number];
  // With strides of more a single window would lie so too, but the graph is to be that of many.
  if (window.stride === 1 && last.every((at, i) => at === from + i)) return slice(mask, 1, from, from + last.length);
  return transpose(gather(transpose(mask, [1, 0]), constant(last)), [1, 0]);
}

/** For each window of so many steps, at least one, the step that a row must have to have that window; a row without steps has none. */
function lastSteps({ kernel, stride, dilation, pads: [front, behind], ceil = false }: StepWindow, steps: number) {
  const within = (kernel - 1) * dilation - front - behind;
  const last = (i: number) =>
    Math.max(0, ceil ? Math.max((i - 1) * stride + within + 1, i * stride - front) : i * stride + within);
  let windows = 1;
  while (last(windows) < steps) windows++;
  return Int32Array.from({ length: windows }, (_, i) => last(i));
}

/** Values `[batch, steps, channels]` with more of each row itself where the window has pads. */
function surroundedSteps(values: Value, mask: Value, window: StepWindow, mode: Around): Value {
  const [batch, steps, channels] = values.shape as [number, number, number];
  const [front, behind] = window.pads;
  const total = front + steps + behind + lackingSteps(window, steps);
  const lengths = reshape(cast(maximum(sum(mask, [1]), 1), "int32"), [batch, 1]);
  const at = constant(
    Int32Array.from({ length: total }, (_, i) => i - front),
    [1, total],
  );
  const rows = constant(
    Int32Array.from({ length: batch }, (_, row) => row),
    [batch, 1],
  );
  // Behind a row and its pads there are no windows of it.
  const place = minimum(placesOf(at, lengths, front, mode), sub(lengths, 1));
  const found = gather(reshape(values, [batch * steps, channels]), reshape(add(mul(rows, steps), place), [-1]));
  return reshape(found, [batch, total, channels]);
}

type Around = Exclude<PaddingMode, "zeros">;

/** Which step of a row of so many stands for one that may lie outside, at most `front` steps in front of it: all int32. */
function placesOf(at: Value, lengths: Value, front: number, mode: Around): Value {
  if (mode === "replicate") return maximum(at, 0);
  // What comes again and again: the row, or there and back without the ends twice.
  const period = mode === "circular" ? lengths : maximum(mul(sub(lengths, 1), 2), 1);
  const from = add(at, mul(period, front));
  const within = sub(from, mul(div(from, period), period));
  return mode === "circular" ? within : minimum(within, sub(period, within));
}

/** What a convolution over steps was made of, for a pooling that needs only some of its windows. */
export interface ConvolvedSteps {
  readonly input: Steps;
  readonly weight: Value;
  readonly bias: Value | undefined;
  readonly window: StepWindow;
  readonly groups: number;
  readonly activation: Activation;
}

const convolved = new WeakMap<Value, ConvolvedSteps>();

export function convolutionOf({ values }: Steps): ConvolvedSteps | undefined {
  return convolved.get(values);
}

/**
 * Convolution over steps (cross-correlation, as PyTorch's Conv1d): Steps `[batch, steps, channels]` to `[batch, windows, filters]`.
 *
 * A row gets what it would get alone: padding behind its end counts as what `paddingMode` says, and its result has
 * `⌊(length + zeros around - dilation · (kernel - 1) - 1) / stride⌋ + 1` steps (none for a row without any).
 * Parameters, as PyTorch's Conv1d: `weight` `[filters, channels / groups, kernel]`, `bias` `[filters]`.
 * Cost: windows x kernel x channels / groups x filters; `globalMaxPool` straight after with activation `relu` over an `embedding`
 * sends gradient to the winning windows only.
 *
 * @example
 * const textCnn = network({ words: { kind: "tokens", vocabulary: 5000 } }, (scope, { words }) =>
 *   sequential(
 *     embedding({ rows: 5000, width: 32 }),
 *     conv1d({ filters: 64, kernel: 5, activation: "relu" }),
 *     globalMaxPool(),
 *     dense({ units: 1 }),
 *   )(scope, words),
 * );
 */
export function conv1d({
  filters,
  kernel,
  stride = 1,
  dilation = 1,
  groups = 1,
  padding = "valid",
  paddingMode = "zeros",
  bias = true,
  activation = "linear",
  weightInit,
  biasInit,
  ...params
}: Conv1dParams): Layer<Steps, Steps> {
  checkConv("conv1d", { filters, groups, bias, activation });
  checkWhole("conv1d", "kernel", kernel);
  checkWhole("conv1d", "stride", stride);
  checkWhole("conv1d", "dilation", dilation);
  if (typeof padding === "number") checkWhole("conv1d", "padding", padding, 0);
  else checkChoice("conv1d", "padding", padding, ["valid", "same", "causal"]);
  checkChoice("conv1d", "paddingMode", paddingMode, paddingModes);
  const window = stepWindow(kernel, stride, dilation, padding);
  return layer("conv1d", params, (scope, input) => {
    const { mask } = checkSteps("conv1d", input);
    checkValue("conv1d", input.values, 3, "steps of [batch, steps, channels]");
    const values = zeroedValues(input);
    const made = filtersOf(scope, "conv1d", values.shape[2]!, [kernel], {
      filters,
      groups,
      bias,
      weightInit,
      biasInit,
    });
    const zeros = paddingMode === "zeros" || window.pads.every((steps) => steps === 0);
    // Only a window that is masked itself sees what is behind a row, if that has no pads there.
    const seen = zeros && window.pads[1] === 0 ? unmaskedValues(input) : values;
    const padded = zeros ? padSteps(seen, window) : surroundedSteps(values, mask, window, paddingMode as Around);
    const result = maskedSteps(convolve(padded, made, window, groups, activation), windowMask(mask, window));
    if (zeros) convolved.set(result.values, { input: { values, mask }, ...made, window, groups, activation });
    return result;
  });
}

/**
 * Convolution over images (cross-correlation, as PyTorch's Conv2d): `[batch, channels, height, width]` to
 * `[batch, filters, ...windows]`.
 *
 * Parameters, as PyTorch's Conv2d: `weight` `[filters, channels / groups, ...kernel]`, `bias` `[filters]`.
 * Cost: windows x kernel x channels / groups x filters.
 *
 * @example
 * const cnn = network({ photo: { kind: "tensor", shape: [3, 32, 32] } }, (scope, { photo }) =>
 *   sequential(
 *     conv2d({ filters: 16, kernel: 3, padding: "same", activation: "relu" }),
 *     maxPool2d({ kernel: 2 }),
 *     flatten(),
 *     dense({ units: 10 }),
 *   )(scope, photo),
 * );
 */
export function conv2d({
  filters,
  kernel,
  stride = 1,
  dilation = 1,
  groups = 1,
  padding = "valid",
  paddingMode = "zeros",
  bias = true,
  activation = "linear",
  weightInit,
  biasInit,
  ...params
}: Conv2dParams): Layer {
  checkConv("conv2d", { filters, groups, bias, activation });
  const size = pairOf("conv2d", "kernel", kernel);
  const strides = pairOf("conv2d", "stride", stride);
  const dilations = pairOf("conv2d", "dilation", dilation);
  const pads = padsOf("conv2d", padding);
  checkChoice("conv2d", "paddingMode", paddingMode, paddingModes);
  checkParam(
    "@mmub/nn/conv2d",
    "stride",
    stride,
    paddingMode === "zeros" || pads !== "same" || strides.every((one) => one === 1),
    `1 with padding "same" and paddingMode "${paddingMode}"`,
  );
  // Of `same` one more behind where that is uneven.
  const reach = size.map((length, i) => (length - 1) * dilations[i]!);
  const around =
    pads === "same" ? [...reach.map((n) => Math.floor(n / 2)), ...reach.map((n) => Math.ceil(n / 2))] : pads;
  return layer("conv2d", params, (scope, x) => {
    const channels = checkValue("conv2d", x, 4, "[batch, channels, height, width]").shape[1]!;
    const { weight, bias: shift } = filtersOf(scope, "conv2d", channels, size, {
      filters,
      groups,
      bias,
      weightInit,
      biasInit,
    });
    if (paddingMode === "zeros")
      return activate(activation, conv(x, weight, shift, { strides, dilations, groups, pads }));
    const padded = surrounded(x, around, paddingMode);
    return activate(activation, conv(padded, weight, shift, { strides, dilations, groups }));
  });
}

/** A picture `[batch, channels, height, width]` with more of itself around: top, left, bottom, right. */
function surrounded(x: Value, pads: readonly number[], mode: Around): Value {
  const [height, width] = [0, 1].map((axis) => {
    const length = x.shape[axis + 2]!;
    const [before, behind] = [pads[axis]!, pads[axis + 2]!];
    const most = { reflect: length - 1, replicate: Number.POSITIVE_INFINITY, circular: length }[mode];
    if (Math.max(before, behind) > most)
      reject(
        "shape-mismatch",
        "conv2d",
        `input is ${showShape(x.shape)} and padding ${Math.max(before, behind)} at axis ${axis + 2}, want at most ${most} with paddingMode "${mode}"`,
      );
    return Int32Array.from({ length: before + length + behind }, (_, i) => placeOf(i - before, length, mode));
  }) as [Int32Array, Int32Array];
  // A gather goes by the first axis.
  const rows = gather(transpose(x, [2, 0, 1, 3]), constant(height));
  return transpose(gather(transpose(rows, [3, 0, 1, 2]), constant(width)), [2, 3, 1, 0]);
}

/** Which of so many places along an axis stands for one that may lie outside. */
function placeOf(at: number, length: number, mode: Around): number {
  if (mode === "replicate") return Math.min(Math.max(at, 0), length - 1);
  if (mode === "circular") return (at + length) % length;
  return at < 0 ? -at : at >= length ? 2 * length - 2 - at : at;
}

export function pairOf(type: string, name: string, value: Pair, from = 1): readonly [number, number] {
  const pair = typeof value === "number" ? ([value, value] as const) : value;
  checkParam(
    `@mmub/nn/${type}`,
    name,
    value,
    Array.isArray(pair) && pair.length === 2 && pair.every((n) => Number.isInteger(n) && n >= from),
    `${from === 0 ? "an integer from 0" : "a positive integer"}, or two as [height, width]`,
  );
  return pair;
}

/** Begins, then ends. */
export function padsOf(type: string, padding: "valid" | "same" | Pair): "same" | readonly number[] {
  if (padding === "same") return padding;
  if (typeof padding === "string") checkChoice(type, "padding", padding, ["valid", "same"]);
  const [height, width] = pairOf(type, "padding", padding === "valid" ? 0 : padding, 0);
  return [height, width, height, width];
}

function checkConv(
  type: string,
  { filters, groups, bias, activation }: { filters: number; groups: number; bias: boolean; activation: Activation },
): void {
  checkWhole(type, "filters", filters);
  checkWhole(type, "groups", groups);
  checkFlag(type, "bias", bias);
  checkActivation(type, activation);
  checkParam(`@mmub/nn/${type}`, "filters", filters, filters % groups === 0, `a multiple of groups, ${groups}`);
}

interface Filters {
  readonly weight: Value;
  readonly bias: Value | undefined;
}

function filtersOf(
  scope: Scope,
  type: string,
  channels: number,
  kernel: readonly number[],
  {
    filters,
    groups,
    bias,
    weightInit = kaimingUniform(),
    biasInit,
  }: {
    readonly filters: number;
    readonly groups: number;
    readonly bias: boolean;
    readonly weightInit: Initializer | undefined;
    readonly biasInit: Initializer | undefined;
  },
): Filters {
  if (channels % groups !== 0)
    reject("shape-mismatch", type, `input has ${channels} channels, want a multiple of groups, ${groups}`);
  const shape = [filters, channels / groups, ...kernel];
  return {
    weight: scope.parameter("weight", shape, weightInit),
    bias: bias ? scope.parameter("bias", [filters], biasInit ?? bounded(1 / Math.sqrt(fans(shape).in))) : undefined,
  };
}

function convolve(
  x: Value,
  { weight, bias }: Filters,
  { stride, dilation }: StepWindow,
  groups: number,
  activation: Activation,
): Value {
  const [filters, channels, kernel] = weight.shape as [number, number, number];
  if (kernel === 1 && stride === 1 && groups === 1) {
    const [rows, matrix] = [reshape(x, [-1, channels]), reshape(weight, [filters, channels])];
    const product = bias ? gemm(rows, matrix, bias, { transB: true }) : matmul(rows, matrix, { transB: true });
    return activate(activation, reshape(product, [...x.shape.slice(0, 2), filters]));
  }
  const options = { strides: [stride], dilations: [dilation], groups };
  const made = conv(transpose(x, [0, 2, 1]), weight, bias, options);
  // These look along the channels, or may, and are to find them last.
  if (typeof activation === "function" || activation === "softmax")
    return activate(activation, transpose(made, [0, 2, 1]));
  const turned = activate(activation, made);
  const result = transpose(turned, [0, 2, 1]);
  channelsFirst.set(result, turned);
  return result;
}

const channelsFirst = new WeakMap<Value, Value>();

/** The values as the convolution that made them had them, `[batch, channels, steps]`: what goes on from there need not turn them. */
export function beforeTurn(values: Value): Value | undefined {
  return channelsFirst.get(values);
}
