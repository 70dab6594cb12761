import { checkParam } from "@mmub/core";
import {
  concat,
  conv1d,
  dense,
  dropout as dropoutLayer,
  globalMaxPool,
  gru,
  lstm,
  reshape,
  type Value,
} from "@mmub/nn";
import { type EncodingParams, encodingOf } from "./encoding.js";
import { type FuserTrainingParams, type NetworkFuser, networkFuser } from "./network-fuser.js";

export interface CnnRnnParams extends Omit<EncodingParams, "sequence">, FuserTrainingParams {
  /** Steps that a convolution sees at once. @default 3 */
  readonly kernel?: number;
  /** What goes over the steps after it: a recurrent layer, of which the last state is kept, or the largest of each number. @default "gru" */
  readonly cell?: "gru" | "lstm" | "max";
  /** Whether the recurrent layer also goes from the end of each row to its beginning. @default false */
  readonly bidirectional?: boolean;
}

/**
 * A convolution over the steps of each modality, a recurrent layer over what it finds, the last states side by side, and a dense layer:
 * short patterns first, then their order.
 *
 * Output: Dense, rows x `units`. Dense and Sparse features come in as they are encoded. Trained with a linear head for the targets of the fit,
 * or by a joint model. Takes and rejects what `gated` does. Cost: (kernel + 6) x units² a step of each modality, one step after the
 * other: cut long sequences off.
 * Source: Poria, Cambria, Hazarika, Majumder, Zadeh and Morency, Context-dependent sentiment analysis in user-generated videos (2017).
 *
 * @example
 * const photo = dense(4, 2, Float32Array.of(0, 1, 1, 0, 0, 2, 2, 0));
 * const visits = sequence(1, Uint32Array.of(0, 2, 3, 5, 6), Float32Array.of(5, 9, 4, 8, 2, 1));
 * const fitted = await cnnRnn({ units: 4, epochs: 1 }).fit({ photo, visits }, ["buy", "leave", "buy", "leave"]);
 * const { cols } = await fitted.transform({ photo, visits }); // 4
 * await fitted.dispose();
 */
export function cnnRnn({ kernel = 3, cell = "gru", bidirectional = false, ...given }: CnnRnnParams = {}): NetworkFuser {
  const type = "@mmub/fusion/cnn-rnn";
  const encoding = encodingOf(type, given, { keepsSteps: true });
  const { units, dropout, activation } = encoding;
  checkParam(type, "kernel", kernel, Number.isInteger(kernel) && kernel > 0, "a positive integer");
  checkParam(type, "cell", cell, ["gru", "lstm", "max"].includes(cell), '"gru", "lstm" or "max"');
  checkParam(type, "bidirectional", bidirectional, typeof bidirectional === "boolean", "true or false");
  const drop = dropoutLayer({ rate: dropout });
  return networkFuser(type, encoding, { kernel, cell, bidirectional }, given, (scope, modalities) => {
    const states = encoding.steps(scope, modalities).map(({ name, steps, ragged }): Value => {
      if (!ragged) return reshape(steps.values, [-1, units]);
      const convolve = conv1d({ filters: units, kernel, padding: "same", activation, name: `conv_${name}` });
      const found = drop(scope, convolve(scope, steps));
      if (cell === "max") return globalMaxPool()(scope, found);
      const layer = { gru, lstm }[cell];
      return drop(scope, layer({ units, bidirectional, returns: "last", name: `${cell}_${name}` })(scope, found));
    });
    const all = states.length === 1 ? states[0]! : concat(states);
    return { fused: dense({ units, activation, name: "output" })(scope, all) };
  });
}
