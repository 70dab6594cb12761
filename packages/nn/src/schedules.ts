import { checkParam } from "@mmub/core";

/** How the learning rate goes over a training: plain data. */
export type Schedule =
  | ConstantSchedule
  | LinearSchedule
  | CosineSchedule
  | StepSchedule
  | ExponentialSchedule
  | PlateauSchedule;

export interface WarmUp {
  /** Steps over which the rate rises from near 0 to where the schedule begins, evenly. @default 0 */
  readonly warmUp?: number;
}

export interface ConstantSchedule extends Required<WarmUp> {
  readonly type: "constant";
}

export interface LinearSchedule extends Required<WarmUp> {
  readonly type: "linear";
  readonly to: number;
}

export interface CosineSchedule extends Required<WarmUp> {
  readonly type: "cosine";
  readonly to: number;
}

export interface StepSchedule extends Required<WarmUp> {
  readonly type: "step";
  readonly everyEpochs: number | readonly number[];
  readonly factor: number;
}

export interface ExponentialSchedule extends Required<WarmUp> {
  readonly type: "exponential";
  readonly factor: number;
}

export interface PlateauSchedule extends Required<WarmUp> {
  readonly type: "plateau";
  readonly factor: number;
  readonly patience: number;
  readonly minDelta: number;
  readonly to: number;
}

const part = "@mmub/nn/schedules";

/**
 * The optimiser's rate, after a warm-up.
 *
 * @example
 * const schedule = warmUp({ steps: 500 });
 */
export function warmUp({
  steps,
}: {
  /** Steps over which the rate rises from near 0, evenly. */
  readonly steps: number;
}): ConstantSchedule {
  checkWarmUp(steps);
  return { type: "constant", warmUp: steps };
}

/**
 * Down in a straight line until the last step.
 *
 * @example
 * const schedule = linearDecay({ warmUp: 100 });
 */
export function linearDecay({
  to = 0,
  warmUp = 0,
}: WarmUp & {
  /** The share of the rate that is left at the end. @default 0 */
  readonly to?: number;
} = {}): LinearSchedule {
  checkWarmUp(warmUp);
  checkShare("to", to);
  return { type: "linear", to, warmUp };
}

/**
 * Down in half a cosine until the last step. Source: Loshchilov & Hutter (2017), without restarts.
 *
 * @example
 * const schedule = cosine({ warmUp: 100, to: 0.01 });
 */
export function cosine({
  to = 0,
  warmUp = 0,
}: WarmUp & {
  /** The share of the rate that is left at the end. @default 0 */
  readonly to?: number;
} = {}): CosineSchedule {
  checkWarmUp(warmUp);
  checkShare("to", to);
  return { type: "cosine", to, warmUp };
}

/**
 * Times `factor` every so many epochs, or after each of the epochs listed. As PyTorch's `StepLR` and `MultiStepLR`.
 *
 * @example
 * const schedule = stepDecay({ everyEpochs: [30, 60, 80], factor: 0.2 });
 */
export function stepDecay({
  everyEpochs,
  factor = 0.1,
  warmUp = 0,
}: WarmUp & {
  /** A number of epochs, or the epochs after which the rate falls, ascending. */
  readonly everyEpochs: number | readonly number[];
  /** @default 0.1 */
  readonly factor?: number;
}): StepSchedule {
  checkWarmUp(warmUp);
  checkShare("factor", factor);
  const epochs = typeof everyEpochs === "number" ? [everyEpochs] : everyEpochs;
  const ascend = epochs.every((n, i) => Number.isInteger(n) && n > 0 && (i === 0 || n > epochs[i - 1]!));
  checkParam(part, "everyEpochs", everyEpochs, ascend, "a positive integer or an ascending list of them");
  return { type: "step", everyEpochs, factor, warmUp };
}

/**
 * Times `factor` after each epoch. As PyTorch's `ExponentialLR`.
 *
 * @example
 * const schedule = exponentialDecay({ factor: 0.95 });
 */
export function exponentialDecay({
  factor,
  warmUp = 0,
}: WarmUp & {
  /** In (0, 1]. */
  readonly factor: number;
}): ExponentialSchedule {
  checkWarmUp(warmUp);
  checkShare("factor", factor);
  return { type: "exponential", factor, warmUp };
}

/**
 * Times `factor` when the loss of the validation has not fallen for some epochs (of the training, where there is no validation).
 * As PyTorch's `ReduceLROnPlateau` with an absolute threshold.
 *
 * @example
 * const schedule = plateau({ factor: 0.5, patience: 2 });
 */
export function plateau({
  factor = 0.1,
  patience = 10,
  minDelta = 1e-4,
  to = 0,
  warmUp = 0,
}: WarmUp & {
  /** @default 0.1 */
  readonly factor?: number;
  /** Epochs without a better loss that are borne. @default 10 */
  readonly patience?: number;
  /** How much lower counts as better. @default 1e-4 */
  readonly minDelta?: number;
  /** The share of the rate that it never goes below. @default 0 */
  readonly to?: number;
} = {}): PlateauSchedule {
  checkWarmUp(warmUp);
  checkShare("factor", factor);
  checkShare("to", to);
  checkParam(part, "patience", patience, Number.isInteger(patience) && patience >= 0, "a whole number, zero or more");
  checkParam(part, "minDelta", minDelta, minDelta >= 0 && minDelta < Infinity, "zero or more");
  return { type: "plateau", factor, patience, minDelta, to, warmUp };
}

/** Where a training stands; all from 0. */
export interface Position {
  readonly step: number;
  /** Steps in all. */
  readonly steps: number;
  readonly epoch: number;
  /** What `plateau` has come to, see `plateauAfter`. */
  readonly plateau: PlateauState;
}

/**
 * What a schedule multiplies the learning rate with at a step, for training loops of your own, as with `stepper`.
 *
 * @example
 * const plateau = { factor: 1, best: null, waited: 0 };
 * console.log(rateFactor(cosine(), { step: 0, steps: 100, epoch: 0, plateau })); // 1
 */
export function rateFactor(schedule: Schedule, { step, steps, epoch, plateau }: Position): number {
  const { warmUp } = schedule;
  if (step < warmUp) return (step + 1) / (warmUp + 1);
  // From 0 at the first step behind the warm-up to 1 at the last step.
  const along = Math.min(1, (step - warmUp) / Math.max(1, steps - 1 - warmUp));
  switch (schedule.type) {
    case "constant":
      return 1;
    case "linear":
      return 1 - (1 - schedule.to) * along;
    case "cosine":
      return schedule.to + ((1 - schedule.to) * (1 + Math.cos(Math.PI * along))) / 2;
    case "step": {
      const { everyEpochs, factor } = schedule;
      const falls =
        typeof everyEpochs === "number"
          ? Math.floor(epoch / everyEpochs)
          : everyEpochs.filter((after) => epoch >= after).length;
      return factor ** falls;
    }
    case "exponential":
      return schedule.factor ** epoch;
    case "plateau":
      return plateau.factor;
  }
}

/** What `plateau` remembers. */
export interface PlateauState {
  readonly factor: number;
  /** The lowest loss so far; null before the first. */
  readonly best: number | null;
  /** Epochs since then. */
  readonly waited: number;
}

export const plateauStart: PlateauState = { factor: 1, best: null, waited: 0 };

/** The state after an epoch with this loss. */
export function plateauAfter(schedule: Schedule, state: PlateauState, loss: number): PlateauState {
  if (schedule.type !== "plateau") return state;
  const { factor, patience, minDelta, to } = schedule;
  if (state.best === null || loss < state.best - minDelta) return { ...state, best: loss, waited: 0 };
  if (state.waited < patience) return { ...state, waited: state.waited + 1 };
  return { ...state, factor: Math.max(to, state.factor * factor), waited: 0 };
}

function checkWarmUp(warmUp: number): void {
  checkParam(part, "warmUp", warmUp, Number.isInteger(warmUp) && warmUp >= 0, "a number of steps, zero or more");
}

function checkShare(name: string, share: number): void {
  checkParam(part, name, share, share >= 0 && share <= 1, "a number from 0 to 1");
}
