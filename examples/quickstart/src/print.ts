import type { Classification, Label } from "@mmub/core";
import { accuracy, bootstrapInterval, rocAuc, take } from "@mmub/metrics";
import { modalityNames } from "./customer-model.js";
import type { Answer } from "./evaluate.js";

/** A table: how often each way to predict is right, with intervals, and for two answers the area under the ROC curve. */
export function print<L extends Label>(title: string, answer: Answer<L>, seed: number): void {
  const { truth, prediction, fewer, only, always } = answer;
  const two = prediction.classes.length === 2;
  const line = (name: string, labels: readonly L[], area = "") => {
    const score = (rows: Uint32Array) => accuracy(take(truth, rows), take(labels, rows));
    const { value, low, high } = bootstrapInterval(truth.length, score, { seed });
    const percent = (share: number) => (100 * share).toFixed(1);
    console.log(`  ${name.padEnd(27)} ${percent(value)} % (${percent(low)} to ${percent(high)})${area.padStart(10)}`);
  };
  const predicted = (name: string, by: Classification<L>) =>
    line(name, by.labels, two ? rocAuc(truth, by).toFixed(3) : "");

  console.log(`\n${title.padEnd(29)} accuracy (95 % interval)${two ? "   ROC AUC" : ""}`);
  line(
    `always "${always}"`,
    truth.map(() => always),
  );
  for (const name of modalityNames) predicted(`${name} alone`, only[name]);
  predicted("all together", prediction);
  predicted("all, 30 % of them missing", fewer);
}
