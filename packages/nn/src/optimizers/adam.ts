import { checkParam } from "@mmub/core";

export interface AdamParams {
  /** The size of a step. @default 0.001 */
  readonly learningRate?: number;
  /** The share of the mean gradient that is kept at each step. @default 0.9 */
  readonly beta1?: number;
  /** The share of the mean squared gradient that is kept at each step. @default 0.999 */
  readonly beta2?: number;
  /** Added to the root of the mean square. @default 1e-8 */
  readonly epsilon?: number;
  /** `adam`: L2, added to the gradient. `adamW`: shrinks the parameters by learning rate x decay. @default adam 0, adamW 0.01 */
  readonly weightDecay?: number;
  /** Divides by the largest mean square so far. @default false */
  readonly amsgrad?: boolean;
}

export interface Adam extends Required<AdamParams> {
  readonly type: "adam";
}

export interface AdamW extends Required<AdamParams> {
  readonly type: "adamW";
}

/**
 * Adam: steps of about the learning rate, whatever the size of the gradient. As PyTorch's `Adam`.
 * Source: Kingma & Ba (2015); Reddi et al. (2018) for `amsgrad`.
 *
 * @example
 * const optimizer = adam({ learningRate: 3e-4 });
 */
export function adam(params: AdamParams = {}): Adam {
  return { type: "adam", ...numbers("@mmub/nn/adam", params, 0) };
}

/**
 * Adam with weight decay that shrinks the parameters themselves, whatever their gradients. As PyTorch's `AdamW`.
 * Source: Loshchilov & Hutter (2019).
 *
 * @example
 * const optimizer = adamW({ learningRate: 3e-4, weightDecay: 0.05 });
 */
export function adamW(params: AdamParams = {}): AdamW {
  return { type: "adamW", ...numbers("@mmub/nn/adamW", params, 0.01) };
}

function numbers(part: string, params: AdamParams, decay: number): Required<AdamParams> {
  const { learningRate = 0.001, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = params;
  const { weightDecay = decay, amsgrad = false } = params;
  checkParam(part, "learningRate", learningRate, learningRate >= 0 && learningRate < Infinity, "zero or more");
  checkParam(part, "beta1", beta1, beta1 >= 0 && beta1 < 1, "a number in [0, 1)");
  checkParam(part, "beta2", beta2, beta2 >= 0 && beta2 < 1, "a number in [0, 1)");
  checkParam(part, "epsilon", epsilon, epsilon >= 0 && epsilon < Infinity, "zero or more");
  checkParam(part, "weightDecay", weightDecay, weightDecay >= 0 && weightDecay < Infinity, "zero or more");
  return { learningRate, beta1, beta2, epsilon, weightDecay, amsgrad };
}
