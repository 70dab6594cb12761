import { checkParam } from "@mmub/core";
import { reject, showShape } from "../graph.js";
import { mul } from "../ops.js";
import { checkRate, type LayerParams, type ValueLayer, valueLayer } from "./layer.js";

export interface DropoutParams extends LayerParams {
  /** How likely a number becomes zero in training; the others are multiplied with 1 / (1 - rate). */
  readonly rate: number;
  /**
   * Axes along which numbers share their fate: [1] on Steps drops whole channels of a row, [2, 3] on images, as PyTorch's Dropout1d and
   * Dropout2d. @default none
   */
  readonly shared?: readonly number[];
}

/**
 * Dropout: zeros at random in training, nothing else. Shape in is shape out, on a Value or on Steps.
 * Source: Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting (2014).
 *
 * @example
 * const head = sequential(dense({ units: 64, activation: "relu" }), dropout({ rate: 0.5 }), dense({ units: 1 }));
 */
export function dropout({ rate, shared = [], ...params }: DropoutParams): ValueLayer {
  checkRate("dropout", "rate", rate);
  checkParam(
    "@mmub/nn/dropout",
    "shared",
    shared,
    Array.isArray(shared) && shared.every((axis) => Number.isInteger(axis) && axis > 0),
    "axes from 1 on",
  );
  return valueLayer(
    "dropout",
    params,
    (scope, x) => {
      for (const axis of shared)
        if (axis >= x.shape.length)
          reject("shape-mismatch", "dropout", `input is ${showShape(x.shape)}, want an axis ${axis}, which is shared`);
      if (!scope.training || rate === 0) return x;
      const shape = x.shape.map((length, axis) => (shared.includes(axis) ? 1 : length));
      return mul(x, scope.mask(rate, shape));
    },
    true,
  );
}
