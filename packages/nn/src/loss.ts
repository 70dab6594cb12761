import { type Json, listed, MmubError } from "@mmub/core";
import { type DType, type Shape, showShape, sizeOf, type Value } from "./graph.js";
import type { Balance } from "./losses/balance.js";
import { div, greater, mul, sum, where } from "./ops.js";

/** What a loss takes as a target. */
export interface TargetSpec {
  /** Of one row, or of one step of a ragged target: `[]` for a number or a class, `[k]` for k numbers. */
  readonly shape: Shape;
  readonly dtype: DType;
  /**
   * A sequence for each row: `build` sees it padded with 0, `[batch, longest, ...shape]`, and `name.mask`, float32
   * `[batch, longest]`, 1 for a step of the sequence and 0 for padding; longest is at least 1. @default false
   */
  readonly ragged?: boolean;
  /** What a number must be, beyond finite and, of int32, whole; as `a class, 0 to 9`. */
  readonly accepts?: { readonly want: string; test(value: number): boolean };
}

/** Targets as they come in, before batches are made: all rows behind one another. */
export interface TargetData {
  readonly data: ArrayLike<number>;
  /** Of a ragged target: row i has the steps `offsets[i]` to `offsets[i + 1]`. */
  readonly offsets?: ArrayLike<number>;
}

/** What a loss says of each row of a batch: `meanLoss` makes one number of it. */
export interface RowLoss {
  /** `[batch]`. */
  readonly loss: Value;
  /** By how much a row counts in the mean, `[batch]`: its class weight, its steps, its event. @default 1 */
  readonly counts?: Value;
  /** The losses that `loss` is the sum of, `[batch]` each; of a loss with a `balance`. */
  readonly tasks?: readonly Value[];
}

/** What training makes small. The loss of a batch is `sum(weights * loss) / sum(weights * counts)`. */
export interface Loss {
  /** As `cross-entropy`. */
  readonly type: string;
  readonly params: Json;
  /** Targets by name for a network whose output has this shape, which is checked. Most have one, `target`; some have none. */
  targets(output: Shape): Readonly<Record<string, TargetSpec>>;
  /**
   * The graph of the loss of each row.
   *
   * @param output of the network, `[batch, ...]`
   * @param targets by name, `[batch, ...shape]`, and the masks of ragged ones
   * @param weights of the rows, `[batch]`, at least 0. The caller multiplies by them. They are given since a loss that looks
   * across rows must leave out those of weight 0, which fill up a last batch.
   */
  build(output: Value, targets: Readonly<Record<string, Value>>, weights: Value): RowLoss;
  /** How the gradients of tasks become one, in place of that of their sum. */
  readonly balance?: Balance;
  /** Throws for a row whose numbers do not fit together, see `checkLossTargets`. */
  check?(targets: Readonly<Record<string, TargetData>>, output: Shape): void;
}

/** The loss of a batch, a scalar: the mean of its rows as `Loss` has it, and 0 where nothing counts. */
export function meanLoss(
  loss: Loss,
  output: Value,
  targets: Readonly<Record<string, Value>>,
  /** Of the rows, `[batch]`. */
  weights: Value,
): Value {
  const rows = loss.build(output, targets, weights);
  const count = sum(rows.counts ? mul(weights, rows.counts) : weights);
  return div(sum(mul(weights, rows.loss)), where(greater(count, 0), count, 1));
}

/**
 * Checks all targets of a training set against what the loss wants: names, lengths and numbers. An error names the row, as
 * `nn/cross-entropy: target 3 is 7, want a class, 0 to 4`.
 */
export function checkLossTargets(
  loss: Loss,
  targets: Readonly<Record<string, TargetData>>,
  /** The shape of the network's output; the batch does not matter. */
  output: Shape,
  rows: number,
): void {
  const part = `@mmub/nn/${loss.type}`;
  const specs = loss.targets(output);
  for (const name of new Set([...Object.keys(specs), ...Object.keys(targets)]))
    if (!Object.hasOwn(specs, name) || !Object.hasOwn(targets, name))
      throw new MmubError("invalid-input", {
        part,
        message: `targets are ${listed(Object.keys(targets))}, want ${listed(Object.keys(specs))}`,
        name,
      });
  for (const [name, spec] of Object.entries(specs)) checkTarget(part, name, spec, targets[name]!, rows);
  loss.check?.(targets, output);
}

function checkTarget(part: string, name: string, spec: TargetSpec, { data, offsets }: TargetData, rows: number): void {
  const refuse = (code: "invalid-input" | "shape-mismatch", message: string, fields: object = {}): never => {
    throw new MmubError(code, { part, message: `${name} ${message}`, ...fields });
  };
  const size = sizeOf(spec.shape);
  const steps = spec.ragged ? (offsets?.[rows] ?? 0) : rows;
  if (spec.ragged ? offsets?.length !== rows + 1 || offsets[0] !== 0 : offsets)
    refuse("shape-mismatch", spec.ragged ? `has no offsets for ${rows} rows` : "is ragged, want one for each row");
  for (let row = 0; spec.ragged && row < rows; row++)
    if (!(offsets![row]! <= offsets![row + 1]!))
      refuse("shape-mismatch", `${row} ends before it begins`, { index: row });
  if (data.length !== steps * size)
    refuse(
      "shape-mismatch",
      `has ${data.length} numbers, want ${steps * size}: ${showShape(spec.shape)} for each of ${steps} ${spec.ragged ? "steps" : "rows"}`,
    );
  const whole = spec.dtype === "int32";
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    if ((whole ? Number.isInteger(value) : Number.isFinite(value)) && spec.accepts?.test(value) !== false) continue;
    const index = rowOf(Math.floor(i / size), spec.ragged ? offsets : undefined);
    refuse(
      "invalid-input",
      `${index} is ${value}, want ${spec.accepts?.want ?? (whole ? "a whole number" : "a finite number")}`,
      { index, got: value },
    );
  }
}

/** Whose step it is. */
function rowOf(step: number, offsets: ArrayLike<number> | undefined): number {
  let row = 0;
  while (offsets && offsets[row + 1]! <= step) row++;
  return offsets ? row : step;
}
