import { reject, showShape, sizeOf, type Value } from "../graph.js";
import type { Loss } from "../loss.js";
import { add, constant, equal, logSoftmax, mul, neg, oneHot, sum, where } from "../ops.js";
import type { StepsOption } from "./elementwise.js";
import { checkAxes, checkNumber, checkTargetShape, perRow } from "./rows.js";

export interface CrossEntropyParams extends StepsOption {
  /** What each class counts, at least 0. @default 1 for each */
  readonly classWeights?: readonly number[];
  /** The share of the target that is spread over all classes, 0 to 1. @default 0 */
  readonly labelSmoothing?: number;
  /** A target that does not count, such as -100. @default none: every target is a class */
  readonly ignore?: number;
  /** Whether a target is a probability for each class instead of a class. @default false */
  readonly probabilities?: boolean;
}

/**
 * Cross-entropy of logits: `-log(softmax(output)[target])`. The output is `[batch, classes]`, or `[batch, ..., classes]` with a
 * target for each of the axes between, as of tags for steps (`perStep` where sequences are ragged). Targets are classes, 0 to
 * classes - 1, int32; with `probabilities`, `classes` numbers from 0 to 1 that add up to 1.
 *
 * PyTorch's `CrossEntropyLoss`, its mean included: with `classWeights` the loss of a batch is the sum of weight * loss divided by
 * the sum of the weights of the targets, and not by their number (with `probabilities`, by their number); smoothing
 * (Szegedy et al. 2016) weighs each class by its own weight; ignored targets are left out of both sums.
 *
 * @example
 * const loss = crossEntropy({ labelSmoothing: 0.1 });
 * console.log(loss.targets([32, 5]).target?.accepts?.want); // a class, 0 to 4
 */
export function crossEntropy({
  classWeights,
  labelSmoothing = 0,
  ignore,
  probabilities = false,
  perStep = false,
}: CrossEntropyParams = {}): Loss {
  const type = "cross-entropy";
  checkNumber(
    type,
    "labelSmoothing",
    labelSmoothing,
    labelSmoothing >= 0 && labelSmoothing <= 1,
    "a number from 0 to 1",
  );
  for (const weight of classWeights ?? [])
    checkNumber(type, "classWeights", weight, weight >= 0, "numbers of at least 0");
  if (ignore !== undefined) checkNumber(type, "ignore", ignore, Number.isInteger(ignore), "a whole number");
  if (ignore !== undefined && probabilities)
    reject("invalid-params", type, "ignore is of classes and cannot be used with probabilities");
  return {
    type,
    params: {
      classWeights: classWeights ?? null,
      labelSmoothing,
      ignore: ignore ?? null,
      probabilities,
      perStep,
    },
    targets(output) {
      checkAxes(type, output, perStep ? 3 : 2, perStep ? "[batch, steps, ..., classes]" : "[batch, ..., classes]");
      const classes = output.at(-1)!;
      if (classWeights && classWeights.length !== classes)
        reject(
          "shape-mismatch",
          type,
          `got ${classWeights.length} classWeights, want ${classes} for an output of ${showShape(output)}`,
        );
      const inner = output.slice(perStep ? 2 : 1, -1);
      if (probabilities)
        return {
          target: {
            shape: [...inner, classes],
            dtype: "float32",
            ragged: perStep,
            accepts: { want: "a probability, 0 to 1", test: (value) => value >= 0 && value <= 1 },
          },
        };
      return {
        target: {
          shape: inner,
          dtype: "int32",
          ragged: perStep,
          accepts: {
            want: `a class, 0 to ${classes - 1}${ignore === undefined ? "" : `, or ${ignore} to ignore`}`,
            test: (value) => (value >= 0 && value < classes) || value === ignore,
          },
        },
      };
    },
    build(output, { target, "target.mask": ragged }) {
      const classes = output.shape.at(-1)!;
      checkTargetShape(type, target!, probabilities ? output.shape : output.shape.slice(0, -1));
      const mask = perStep ? ragged : undefined;
      const weights = classWeights && constant(classWeights);
      const weighted = (x: Value) => (weights ? mul(x, weights) : x);
      const share = probabilities ? target! : oneHot(target!, classes);
      const surprise = weighted(neg(logSoftmax(output)));
      let loss = sum(mul(share, surprise), [-1]);
      if (labelSmoothing > 0)
        loss = add(mul(loss, 1 - labelSmoothing), mul(sum(surprise, [-1]), labelSmoothing / classes));
      let counts = weights && !probabilities ? sum(weighted(share), [-1]) : undefined;
      if (ignore !== undefined) {
        const ignored = equal(target!, ignore);
        loss = where(ignored, 0, loss);
        counts = where(ignored, 0, counts ?? 1);
      }
      if (counts) return { loss: perRow(loss, mask).loss, counts: perRow(counts, mask).loss };
      return perRow(mul(loss, 1 / sizeOf(output.shape.slice(perStep ? 2 : 1, -1))), mask);
    },
  };
}
