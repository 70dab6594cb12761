import { MmubError } from "@mmub/core";
import { reject, type Value } from "../graph.js";
import type { Loss, TargetData } from "../loss.js";
import {
  add,
  concat,
  constant,
  div,
  equal,
  exp,
  expand,
  greater,
  log,
  logSoftmax,
  matmul,
  max,
  maximum,
  minimum,
  mul,
  neg,
  oneHot,
  reshape,
  slice,
  split,
  stopGradient,
  sub,
  sum,
  where,
} from "../ops.js";
import { checkAxes, checkNumber } from "./rows.js";

// The logarithm of no probability: finite, so that nothing becomes NaN, and far below any sum of real ones.
const never = -1e30;

export interface CtcParams {
  /** The class that stands for no label. @default 0 */
  readonly blank?: number;
  /** Whether a row's loss is divided by the number of its labels, as PyTorch's mean does. @default true */
  readonly perLabel?: boolean;
}

/**
 * Connectionist temporal classification: labels in order without the steps they stand at, as in speech recognition. The output
 * is logits, `[batch, steps, classes]` with the blank among the classes; the loss is `-log(sum over all alignments of the labels
 * to the steps of their probability)`.
 *
 * Targets: `target`, a sequence of classes for each row, none of them the blank, possibly empty; `inputLengths`, how many steps
 * of a row are real (what is above the output's steps counts as all of them). A row whose labels do not fit into its steps,
 * which need one for each label and one more between equal ones, is an error. PyTorch's `CTCLoss`.
 *
 * Cost: about 25 nodes of the graph a step, gradient included, each of batch * (2 * labels + 1) numbers: a session for 200 steps
 * takes half a second to make. Source: Graves et al. 2006, the forward recursion in logarithms; its gradient follows from it.
 */
export function ctc({ blank = 0, perLabel = true }: CtcParams = {}): Loss {
  const type = "ctc";
  checkNumber(type, "blank", blank, Number.isInteger(blank) && blank >= 0, "a class, an integer of at least 0");
  return {
    type,
    params: { blank, perLabel },
    targets(output) {
      checkAxes(type, output, 3, "[batch, steps, classes]", 3);
      const classes = output[2]!;
      if (blank >= classes)
        reject("shape-mismatch", type, `blank is ${blank}, want one of the output's ${classes} classes`);
      return {
        target: {
          shape: [],
          dtype: "int32",
          ragged: true,
          accepts: {
            want: `a class, 0 to ${classes - 1}, but not the blank ${blank}`,
            test: (value) => value >= 0 && value < classes && value !== blank,
          },
        },
        inputLengths: {
          shape: [],
          dtype: "int32",
          accepts: { want: "a number of steps, at least 1", test: (value) => value >= 1 },
        },
      };
    },
    build(output, { target, "target.mask": mask, inputLengths }) {
      const [batch, steps, classes] = output.shape as [number, number, number];
      const labels = target!.shape[1]!;
      const states = 2 * labels + 1;

      // A blank before, between and after the labels; and from label to label without one, unless they are equal.
      const extended = between(target!, constant(Int32Array.of(blank), [1, 1]));
      const skip = reshape(between(skips(target!), constant([never], [1, 1])), [batch, 1, states]);

      const emitted = split(
        matmul(logSoftmax(output), oneHot(extended, classes), { transB: true }),
        Array(steps).fill(1),
        1,
      );
      // Two states in front are for what a skip reaches back to; all begins in the second, which leads to the first blank and label.
      const front = expand(constant([never, never], [1, 1, 2]), [batch, 1, 2]);
      const begin = constant(
        Float32Array.from({ length: states + 2 }, (_, s) => (s === 1 ? 0 : never)),
        [1, 1, states + 2],
      );
      let state = expand(begin, [batch, 1, states + 2]);
      const reached = emitted.map((emission) => {
        const from = concat(
          [slice(state, 2, 2, states + 2), slice(state, 2, 1, states + 1), add(slice(state, 2, 0, states), skip)],
          1,
        );
        const now = add(logSumExp(from, 1), emission);
        state = concat([front, now], 2);
        return now;
      });

      const last = oneHot(sub(minimum(inputLengths!, steps), 1), steps);
      const ends = reshape(matmul(reshape(last, [batch, 1, steps]), concat(reached, 1)), [batch, states]);
      const lengths = sum(mask!, [1]);
      const position = constant(
        Float32Array.from({ length: states }, (_, s) => s),
        [1, states],
      );
      const behind = sub(position, reshape(mul(lengths, 2), [batch, 1]));
      // It ends in the last label, at -1, or in the blank behind it, at 0.
      const done = where(greater(behind, 0.5), never, where(greater(behind, -1.5), ends, never));
      const loss = neg(reshape(logSumExp(done, 1), [batch]));
      return { loss: perLabel ? div(loss, maximum(lengths, 1)) : loss };
    },
    check: checkFits,
  };
}

/** `[batch, n]` to `[batch, 2n + 1]`, with `gap` before, between and after. */
function between(items: Value, gap: Value): Value {
  const [batch, n] = items.shape as [number, number];
  const gaps = expand(gap, [batch, n]);
  const pairs = concat([reshape(gaps, [batch, n, 1]), reshape(items, [batch, n, 1])], 2);
  return concat([reshape(pairs, [batch, 2 * n]), slice(gaps, 1, 0, 1)], 1);
}

/** For each label the logarithm of whether it may follow the one before without a blank. */
function skips(labels: Value): Value {
  const [batch, n] = labels.shape as [number, number];
  const first = expand(constant([0], [1, 1]), [batch, 1]);
  if (n === 1) return first;
  return concat([first, where(equal(slice(labels, 1, 1, n), slice(labels, 1, 0, n - 1)), never, 0)], 1);
}

function logSumExp(x: Value, axis: number): Value {
  const top = stopGradient(max(x, [axis], true));
  return add(log(sum(exp(sub(x, top)), [axis], true)), top);
}

function checkFits({ target, inputLengths }: Readonly<Record<string, TargetData>>): void {
  const { data, offsets } = target!;
  for (let row = 0; row < inputLengths!.data.length; row++) {
    const [from, to] = [offsets![row]!, offsets![row + 1]!];
    let need = to - from;
    for (let i = from + 1; i < to; i++) if (data[i] === data[i - 1]) need++;
    const got = inputLengths!.data[row]!;
    if (need > got)
      throw new MmubError("invalid-input", {
        part: "@mmub/nn/ctc",
        message: `row ${row} has ${got} steps for ${to - from} labels, want at least ${need}: one for each, and one more between equal ones`,
        index: row,
        got,
      });
  }
}
