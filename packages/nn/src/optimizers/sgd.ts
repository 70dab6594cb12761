import { checkParam } from "@mmub/core";

export interface SgdParams {
  /** The size of a step. @default 0.01 */
  readonly learningRate?: number;
  /** The share of the last steps that is kept: 0.9 is usual. @default 0 */
  readonly momentum?: number;
  /** The share of the gradient that does not enter the momentum. @default 0 */
  readonly dampening?: number;
  /** Looks ahead by one step; wants momentum and no dampening. @default false */
  readonly nesterov?: boolean;
  /** L2: `weightDecay` x parameter is added to the gradient. @default 0 */
  readonly weightDecay?: number;
}

export interface Sgd extends Required<SgdParams> {
  readonly type: "sgd";
}

/**
 * Gradient descent, with momentum if wanted. As PyTorch's `SGD`.
 *
 * @example
 * const optimizer = sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true });
 */
export function sgd({
  learningRate = 0.01,
  momentum = 0,
  dampening = 0,
  nesterov = false,
  weightDecay = 0,
}: SgdParams = {}): Sgd {
  const part = "@mmub/nn/sgd";
  checkParam(part, "learningRate", learningRate, learningRate >= 0 && learningRate < Infinity, "zero or more");
  checkParam(part, "momentum", momentum, momentum >= 0 && momentum < 1, "a number in [0, 1)");
  checkParam(part, "dampening", dampening, dampening >= 0 && dampening <= 1, "a number in [0, 1]");
  checkParam(part, "weightDecay", weightDecay, weightDecay >= 0 && weightDecay < Infinity, "zero or more");
  checkParam(
    part,
    "nesterov",
    nesterov,
    !nesterov || (momentum > 0 && dampening === 0),
    "false, or momentum above 0 and dampening 0",
  );
  return { type: "sgd", learningRate, momentum, dampening, nesterov, weightDecay };
}
