// Stochastic gradient descent of one linear score: a step for each row.
import { MmubError, type Random } from "@mmub/core";
import type { Rows } from "./coordinate.js";

/** A loss of a score against a target, which is -1 or 1 where labels are told apart, and its slope along the score. */
interface Loss {
  of(target: number, score: number): number;
  slope(target: number, score: number): number;
}

function hinge(from: number): Loss {
  return {
    of: (target, score) => Math.max(0, from - target * score),
    slope: (target, score) => (target * score <= from ? -target : 0),
  };
}

/** The losses by name; `epsilon` is where some of them begin or bend. */
export const losses = {
  hinge: () => hinge(1),
  perceptron: () => hinge(0),
  "squared-hinge": () => ({
    of: (target, score) => Math.max(0, 1 - target * score) ** 2,
    slope: (target, score) => -2 * target * Math.max(0, 1 - target * score),
  }),
  "log-loss": () => ({
    of: (target, score) => {
      const wrong = -target * score;
      return Math.max(0, wrong) + Math.log1p(Math.exp(-Math.abs(wrong)));
    },
    slope: (target, score) => -target / (1 + Math.exp(target * score)),
  }),
  "modified-huber": () => ({
    of: (target, score) => {
      const right = target * score;
      return right >= -1 ? Math.max(0, 1 - right) ** 2 : -4 * right;
    },
    slope: (target, score) => {
      const right = target * score;
      return right >= 1 ? 0 : right >= -1 ? -2 * target * (1 - right) : -4 * target;
    },
  }),
  "squared-error": () => ({
    of: (target, score) => 0.5 * (score - target) ** 2,
    slope: (target, score) => score - target,
  }),
  huber: (epsilon) => ({
    of: (target, score) => {
      const off = Math.abs(score - target);
      return off <= epsilon ? 0.5 * off * off : epsilon * off - 0.5 * epsilon * epsilon;
    },
    slope: (target, score) => Math.max(-epsilon, Math.min(epsilon, score - target)),
  }),
  "epsilon-insensitive": (epsilon) => ({
    of: (target, score) => Math.max(0, Math.abs(score - target) - epsilon),
    slope: (target, score) => (Math.abs(score - target) > epsilon ? Math.sign(score - target) : 0),
  }),
  "squared-epsilon-insensitive": (epsilon) => ({
    of: (target, score) => Math.max(0, Math.abs(score - target) - epsilon) ** 2,
    slope: (target, score) => 2 * Math.sign(score - target) * Math.max(0, Math.abs(score - target) - epsilon),
  }),
} as const satisfies Readonly<Record<string, (epsilon: number) => Loss>>;

export interface StepSettings {
  readonly loss: keyof typeof losses;
  readonly epsilon: number;
  readonly penalty: "l2" | "l1" | "elastic-net" | null;
  readonly alpha: number;
  readonly l1Ratio: number;
  readonly fitIntercept: boolean;
  readonly learningRate: "optimal" | "constant" | "inverse-scaling" | "adaptive" | "pa1" | "pa2";
  readonly eta0: number;
  readonly powerT: number;
  readonly average: boolean | number;
  readonly shuffle: boolean;
  readonly tolerance: number;
  readonly patience: number;
}

/** One score as it stands: what the next steps go on from. */
export interface Learner {
  /** One for each column, then the intercept. */
  readonly weights: Float64Array;
  /** The mean of the weights after each step, from step `average` on; of the same layout. */
  readonly averages: Float64Array;
}

export interface Lesson {
  readonly rows: Rows;
  readonly targets: Float64Array;
  /** The weights of targets up to 0 and above. */
  readonly weightOf: readonly [number, number];
  /** The number of the first step, from 1. */
  readonly first: number;
  readonly epochs: number;
  /** Judges the weights after an epoch, the higher the better, in place of the mean objective of the steps. */
  readonly judge?: ((weights: Float64Array) => number) | undefined;
  /** Rows not to learn from. */
  readonly held?: Uint8Array | undefined;
  readonly random: Random;
  readonly pause: () => Promise<void> | undefined;
  readonly onEpoch?: () => void;
}

/**
 * Goes through the rows `epochs` times, or until they have taught nothing for some; returns how often.
 *
 * Weights are a vector times a scale, so that the L2 penalty costs nothing. Their sum over the steps is kept as `passed` times the vector,
 * less `behind`, which costs no more than the entries of a row.
 * Source: Bottou, Stochastic Gradient Descent Tricks, 2012; Xu, Towards Optimal One Pass Large Scale Learning with Averaged Stochastic
 * Gradient Descent, 2011; the L1 penalty by what each weight has yet to pay: Tsuruoka et al., 2009; Crammer et al., Online
 * Passive-Aggressive Algorithms, 2006.
 */
export async function learn(learner: Learner, settings: StepSettings, lesson: Lesson, part: string): Promise<number> {
  const { alpha, penalty, fitIntercept, learningRate, eta0, powerT, tolerance, patience } = settings;
  const { rows, targets, weightOf, held, judge, random, pause } = lesson;
  const { cols } = rows.x;
  const loss = losses[settings.loss](settings.epsilon);
  const l1Ratio = penalty === "l1" ? 1 : penalty === "elastic-net" ? settings.l1Ratio : 0;
  const averageFrom = settings.average === true ? 1 : Number(settings.average);
  const passive = learningRate === "pa1" || learningRate === "pa2";
  const typical = Math.sqrt(1 / Math.sqrt(alpha));
  const start = Math.max(1, loss.slope(1, -typical)) / (typical * alpha);

  const weights = learner.weights.slice();
  let intercept = weights[cols]!;
  weights[cols] = 0;
  let scale = 1;
  let t = lesson.first;
  let passed = 0;
  const averaged = averageFrom > 0 ? Math.max(0, t - averageFrom) : 0;
  const behind = averageFrom > 0 ? learner.averages.map((mean) => -mean * averaged) : undefined;
  // Of the intercept the sum itself.
  let interceptSum = -(behind?.[cols] ?? 0);
  if (behind) behind[cols] = 0;
  const paid = l1Ratio > 0 ? new Float64Array(cols) : undefined;
  let owed = 0;
  let [squared, absolute] = [0, 0];

  const rescale = (): void => {
    for (let k = 0; k < cols; k++) {
      if (scale === 0 && behind) behind[k]! -= passed * weights[k]!;
      weights[k]! *= scale;
    }
    if (scale !== 0) passed /= scale;
    scale = 1;
  };
  const measure = (): void => {
    [squared, absolute] = [0, 0];
    for (let k = 0; k < cols; k++) {
      squared += weights[k]! * weights[k]!;
      absolute += Math.abs(weights[k]!);
    }
  };
  /** `product` is that of the row and the vector before it. */
  const add = (row: number, by: number, product: number): void => {
    rows.add(row, by, weights);
    if (behind) rows.add(row, by * passed, behind);
    squared += 2 * by * product + by * by * rows.squares[row]!;
  };
  const pay = (column: number): void => {
    const before = weights[column]!;
    const own = paid![column]!;
    if (before > 0) weights[column] = Math.max(0, before - (owed + own) / scale);
    else if (before < 0) weights[column] = Math.min(0, before + (owed - own) / scale);
    const by = weights[column]! - before;
    paid![column]! += scale * by;
    if (behind) behind[column]! += by * passed;
    squared += by * (weights[column]! + before);
  };
  /** The sum of the absolute weights of a row's columns, and, if `paying`, what they owe. */
  const over = (row: number, paying: boolean): number => {
    const { x } = rows;
    let sum = 0;
    if (x.layout === "sparse")
      for (let i = x.offsets[row]!; i < x.offsets[row + 1]!; i++) {
        if (paying) pay(x.columns[i]!);
        sum += Math.abs(weights[x.columns[i]!]!);
      }
    else
      for (let k = 0; k < cols; k++) {
        if (x.data[row * cols + k] === 0) continue;
        if (paying) pay(k);
        sum += Math.abs(weights[k]!);
      }
    return sum;
  };

  let eta = eta0;
  let best = Number.POSITIVE_INFINITY;
  let waited = 0;
  let epoch = 0;
  const order = Int32Array.from({ length: targets.length }, (_, row) => row);
  while (epoch < lesson.epochs) {
    if (settings.shuffle) random.shuffle(order);
    measure();
    let [objective, count] = [0, 0];
    for (const row of order) {
      if (held?.[row]) continue;
      if (count % 256 === 0) await pause();
      count++;
      const target = targets[row]!;
      let product = rows.dot(row, weights);
      const value = scale * product + intercept;
      if (learningRate === "optimal") eta = 1 / (alpha * (start + t - 1));
      else if (learningRate === "inverse-scaling") eta = eta0 / t ** powerT;
      const lost = loss.of(target, value);
      objective += lost;
      if (penalty && !passive)
        objective += alpha * ((1 - l1Ratio) * 0.5 * scale * scale * squared + l1Ratio * scale * absolute);

      let step: number;
      if (passive) {
        const length = rows.squares[row]!;
        if (learningRate === "pa1" && length === 0) continue;
        const size = learningRate === "pa1" ? Math.min(eta0, lost / length) : lost / (length + 0.5 / eta0);
        step = size * (settings.loss === "hinge" ? target : target < value ? -1 : 1);
      } else step = -eta * Math.max(-1e12, Math.min(1e12, loss.slope(target, value)));
      step *= weightOf[target > 0 ? 1 : 0];

      if (penalty) {
        scale *= Math.max(0, 1 - (1 - l1Ratio) * eta * alpha);
        if (scale < 1e-9) {
          rescale();
          measure();
          product = rows.dot(row, weights);
        }
      }
      const touched = paid ? over(row, false) : 0;
      if (step !== 0) add(row, step / scale, product);
      if (fitIntercept) intercept += step;
      if (behind && averageFrom <= t) {
        passed += scale;
        interceptSum += intercept;
      }
      if (paid) {
        owed += l1Ratio * eta * alpha;
        absolute += over(row, true) - touched;
      }
      t++;
    }
    epoch++;
    lesson.onEpoch?.();
    if (!Number.isFinite(intercept) || !weights.every(Number.isFinite))
      throw new MmubError("invalid-input", {
        part,
        message: `the coefficients grew beyond all bounds in epoch ${epoch}; bring the columns to one scale or lower eta0`,
        epoch,
      });

    let lost = objective / count;
    if (judge) {
      const now = weights.map((weight) => weight * scale);
      now[cols] = intercept;
      lost = -judge(now);
    }
    waited = lost > best - tolerance ? waited + 1 : 0;
    best = Math.min(best, lost);
    if (waited < patience) continue;
    if (learningRate !== "adaptive" || eta <= 1e-6) break;
    eta /= 5;
    waited = 0;
  }

  const steps = t - averageFrom;
  if (behind && steps > 0) {
    for (let k = 0; k < cols; k++) learner.averages[k] = (passed * weights[k]! - behind[k]!) / steps;
    learner.averages[cols] = interceptSum / steps;
  }
  for (let k = 0; k < cols; k++) learner.weights[k] = weights[k]! * scale;
  learner.weights[cols] = intercept;
  return epoch;
}
