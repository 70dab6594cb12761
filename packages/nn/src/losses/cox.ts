import { MmubError, show } from "@mmub/core";
import { reject, type Shape, showShape, type Value } from "../graph.js";
import type { Loss } from "../loss.js";
import {
  add,
  cast,
  constant,
  div,
  equal,
  exp,
  greater,
  greaterOrEqual,
  log,
  matmul,
  max,
  maximum,
  mul,
  reshape,
  stopGradient,
  sub,
  sum,
  where,
} from "../ops.js";

export interface CoxParams {
  /**
   * Where several events fall on one time, `"breslow"` lets each see all of them at risk; `"efron"`, closer to the exact
   * likelihood where they are many, takes them out of the risk one by one, on average. @default "breslow"
   */
  readonly ties?: "breslow" | "efron";
}

/**
 * Cox's partial likelihood, for the time until something happens where some have not seen it happen yet: the network's output,
 * `[batch]` or `[batch, 1]`, is the logarithm of a row's risk, and each row with an event costs `log(sum of exp(risk) of the rows
 * at risk) - risk`, where those at risk are the rows of the batch whose time is not earlier. The mean over the events; a batch
 * without any costs nothing.
 *
 * Targets: `time`, until the event or until the row was last seen, in any unit; `event`, 1 where it happened and 0 where not
 * (censored). Row weights count in the sums as well, as in R's `coxph`. Only the order of times within a batch is learned from,
 * so batches should be large. Cost: batch² numbers. Source: Cox 1972, Breslow 1974, Efron 1977; Katzman et al. 2018 (DeepSurv).
 *
 * @example
 * console.log(Object.keys(cox({ ties: "efron" }).targets([64, 1]))); // [ "time", "event" ]
 */
export function cox({ ties = "breslow" }: CoxParams = {}): Loss {
  if (ties !== "breslow" && ties !== "efron")
    throw new MmubError("invalid-params", {
      part,
      message: `ties is ${show(ties)}, want "breslow" or "efron"`,
      ties,
    });
  return {
    type: "cox",
    params: { ties },
    targets(output) {
      checkRisk(output);
      return {
        time: { shape: [], dtype: "float32" },
        event: { shape: [], dtype: "float32", accepts: { want: "1 or 0", test: (n) => n === 0 || n === 1 } },
      };
    },
    build(output, { time, event }, weights) {
      checkRisk(output.shape);
      const batch = output.shape[0]!;
      const across = (x: Value) => reshape(x, [1, batch]);
      const down = (x: Value) => reshape(x, [batch, 1]);
      const risk = reshape(output, [batch]);

      // Relative to the largest of those at risk, so that no exponential overflows.
      const atRisk = greaterOrEqual(across(time!), down(time!));
      const risks = where(atRisk, across(risk), -1e30);
      const top = stopGradient(max(risks, [1], true));
      const hazard = mul(exp(sub(risks, top)), across(weights));
      let total = sum(hazard, [1]);

      // 1 where column's row has its event at the time of the row's.
      const tied = mul(cast(equal(across(time!), down(time!)), "float32"), across(mul(event!, real(weights))));
      const count = maximum(sum(tied, [1]), 1);
      if (ties === "efron") {
        const order = Int32Array.from({ length: batch }, (_, i) => i);
        const earlier = cast(greater(constant(order, [batch, 1]), constant(order, [1, batch])), "float32");
        const gone = div(sum(mul(tied, earlier), [1]), count);
        total = sub(total, mul(gone, sum(mul(hazard, tied), [1])));
      }
      // A row that only fills up the batch may have nothing at risk.
      let logTotal = add(log(maximum(total, 1e-30)), reshape(top, [batch]));
      if (ties === "efron") logTotal = div(reshape(matmul(tied, down(logTotal)), [batch]), count);
      return { loss: mul(event!, sub(logTotal, risk)), counts: event! };
    },
  };
}

const part = "@mmub/nn/cox";

const real = (weights: Value): Value => cast(greater(weights, 0), "float32");

function checkRisk(output: Shape): void {
  if (output.length !== 1 && !(output.length === 2 && output[1] === 1))
    reject("shape-mismatch", "cox", `the network's output is ${showShape(output)}, want [batch] or [batch, 1]`);
}
