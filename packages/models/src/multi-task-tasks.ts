// What a network can be asked of a row: how targets become numbers, what is made small, and how outputs become predictions.
import {
  type Classification,
  checkParam,
  type Dense,
  type Json,
  type Label,
  MmubError,
  type Regression,
  show,
} from "@mmub/core";
import { binaryCrossEntropy, crossEntropy, type Loss } from "@mmub/nn";
import { type ClassWeight, checkClassWeight, classified, classWeights, encodeLabels } from "./labels.js";
import { numberLosses, type Scaling, scalingOf, unscaled } from "./network/numbers.js";

/** One question about a row, for `multiTask`. */
export interface Task<Target = unknown, Output = unknown> {
  readonly type: string;
  readonly params: Json;
  /** Learns what it must know of its targets, of which there is at least one. `part` names the task in errors. */
  learn(targets: readonly Target[], rows: readonly number[], part: string): FittedTask<Target, Output>;
  load(state: Json): FittedTask<Target, Output>;
}

export interface FittedTask<Target = unknown, Output = unknown> {
  readonly state: Json;
  /** Columns of the network's output. */
  readonly outputs: number;
  readonly loss: Loss;
  /** What the loss takes for these targets, row after row. */
  encode(targets: readonly (Target | null | undefined)[], part: string): ArrayLike<number>;
  /** @param raw rows x outputs, which may become part of the result */
  decode(raw: Float32Array, rows: number): Output;
}

export interface ClassTaskParams {
  /** The weight of each row by its class, as in `networkClassifier`. @default null */
  readonly classWeight?: ClassWeight;
  /** The share of a target that is spread over all classes; 0 to 1. @default 0 */
  readonly labelSmoothing?: number;
}

/** One of several classes: a label and probabilities by softmax, trained on cross-entropy. */
export function classTask<L extends Label = Label>({
  classWeight = null,
  labelSmoothing = 0,
}: ClassTaskParams = {}): Task<L, Classification<L>> {
  const type = "class";
  checkClassWeight(classWeight, partOf(type));
  const ok = labelSmoothing >= 0 && labelSmoothing <= 1;
  checkParam(partOf(type), "labelSmoothing", labelSmoothing, ok, "a share, 0 to 1");
  const fitted = (classes: readonly L[], weights: readonly number[] | null): FittedTask<L, Classification<L>> => ({
    state: { classes, weights } as unknown as Json,
    outputs: classes.length,
    loss: crossEntropy({ labelSmoothing, ...(weights && { classWeights: weights }) }),
    encode(targets, part) {
      const positions = new Map(classes.map((label, at) => [label, at]));
      return Int32Array.from(targets, (target, index) => {
        if (target === null || target === undefined) return 0;
        return positions.get(target) ?? refuse(part, index, target, "one of the classes of the fit");
      });
    },
    decode: (raw, rows) => classified(raw, rows, classes),
  });
  return {
    type,
    params: { classWeight, labelSmoothing } as unknown as Json,
    learn(targets, _, part) {
      const { classes, classOf } = encodeLabels(targets, part);
      return fitted(
        classes as readonly L[],
        classWeight && Array.from(classWeights(classes, classOf, classWeight, part)),
      );
    },
    load(state) {
      const { classes, weights } = state as unknown as { classes: readonly L[]; weights: readonly number[] | null };
      return fitted(classes, weights);
    },
  };
}

export interface NumberTaskParams {
  /** As in `networkRegressor`. @default "mse" */
  readonly loss?: "mse" | "mae" | "huber" | "poisson";
}

/** A number, or with `poisson` a count; targets are brought to mean 0 and deviation 1 (counts to mean 1) for the training. */
export function numberTask({ loss = "mse" }: NumberTaskParams = {}): Task<number, Regression> {
  const type = "number";
  checkParam(
    partOf(type),
    "loss",
    loss,
    Object.hasOwn(numberLosses, loss),
    `one of ${Object.keys(numberLosses).join(", ")}`,
  );
  const counts = loss === "poisson";
  const want = counts ? "a count, at least 0" : "a finite number";
  const fits = (target: unknown) => Number.isFinite(target) && !(counts && (target as number) < 0);
  const fitted = ({ center, scale }: Scaling): FittedTask<number, Regression> => ({
    state: { center, scale },
    outputs: 1,
    loss: numberLosses[loss](),
    encode: (targets, part) =>
      Float32Array.from(targets, (target, index) => {
        if (target === null || target === undefined) return 0;
        return fits(target) ? (target - center) / scale : refuse(part, index, target, want);
      }),
    decode: (raw) => ({ values: unscaled(raw, { center, scale }, counts) }),
  });
  return {
    type,
    params: { loss },
    learn(targets, rows, part) {
      for (const [at, target] of targets.entries()) if (!fits(target)) refuse(part, rows[at]!, target, want);
      return fitted(scalingOf(targets, counts));
    },
    load: (state) => fitted(state as unknown as Scaling),
  };
}

/** Which of several labels a row has: any number of them, none too. */
export interface LabelSets<L extends string = string> {
  /** The labels of each row whose probability is at least one half. */
  readonly labels: readonly (readonly L[])[];
  /** All labels, sorted: the columns of `probabilities`. */
  readonly classes: readonly L[];
  /** rows x classes; each label has a probability of its own. */
  readonly probabilities: Dense;
}

/** Any of several labels (multi-label), each trained on binary cross-entropy. */
export function labelsTask<L extends string = string>(): Task<readonly L[], LabelSets<L>> {
  const type = "labels";
  const fitted = (classes: readonly L[]): FittedTask<readonly L[], LabelSets<L>> => ({
    state: { classes } as unknown as Json,
    outputs: classes.length,
    loss: binaryCrossEntropy(),
    encode(targets, part) {
      const positions = new Map(classes.map((label, at) => [label, at]));
      const data = new Float32Array(targets.length * classes.length);
      for (const [row, target] of targets.entries())
        for (const label of target ?? [])
          data[row * classes.length + (positions.get(label) ?? refuse(part, row, label, "labels of the fit"))] = 1;
      return data;
    },
    decode(raw, rows) {
      const data = Float32Array.from(raw, (logit) => 1 / (1 + Math.exp(-logit)));
      const labels = Array.from({ length: rows }, (_, row) =>
        classes.filter((_, at) => data[row * classes.length + at]! >= 0.5),
      );
      return { labels, classes, probabilities: { layout: "dense", rows, cols: classes.length, data } };
    },
  });
  return {
    type,
    params: {},
    learn(targets, rows, part) {
      const classes = new Set<L>();
      for (const [at, target] of targets.entries()) {
        if (!Array.isArray(target) || target.some((label) => typeof label !== "string"))
          refuse(part, rows[at]!, target, "a list of strings");
        for (const label of target) classes.add(label);
      }
      if (classes.size === 0)
        throw new MmubError("invalid-input", { part, message: "no row has a label, want at least one" });
      return fitted([...classes].sort());
    },
    load: (state) => fitted((state as unknown as { classes: readonly L[] }).classes),
  };
}

function partOf(type: string): string {
  return `@mmub/models/${type}-task`;
}

function refuse(part: string, index: number, target: unknown, want: string): never {
  throw new MmubError("invalid-input", { part, message: `target ${index} is ${show(target)}, want ${want}`, index });
}
