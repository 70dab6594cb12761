import type { DType, Shape, Value } from "./graph.js";

/** What a target of one row is: `[]` a number or a class, `[k]` k numbers, `"steps"` as many as the input has, padded with 0. */
export interface TargetSpec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** What training makes small. */
export interface Loss {
  /** As `cross-entropy`. */
  readonly type: string;
  /** Targets by name; one is named `target`. */
  readonly targets: Readonly<Record<string, TargetSpec>>;
  /** The loss of each row, `[batch]`, from the network's output and the targets `[batch, ...shape]`. */
  build(output: Value, targets: Readonly<Record<string, Value>>): Value;
}
