import type { Label } from "@mmub/core";
import { checkLabels, checkLength } from "../checks.js";
import { confusionMatrix } from "../classification.js";
import { sayIn } from "../language.js";
import { mostFrequent } from "./most-frequent.js";
import { base, type Plot, type PlotOptions, shortLabel, withRoom } from "./spec.js";

export interface ClassPlotOptions extends PlotOptions {
  /** Show this many classes, the most frequent of the truth, and pool the others. @default 12 */
  readonly most?: number;
}

/**
 * How often each class is true and how often it is predicted, as pairs of bars.
 *
 * Rejects arrays of different lengths and empty ones. Beyond `most` classes the others are pooled as "others".
 *
 * @example
 * const svg = await renderSvg(labelCounts(["buy", "leave", "buy"], ["buy", "buy", "buy"]));
 */
export function labelCounts<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
  options: ClassPlotOptions = {},
): Plot {
  const part = "@mmub/metrics/label-counts";
  const say = sayIn(part, options.language);
  const { title = say("True and predicted labels"), width = 480, most = 12 } = options;
  const sides = [say.known("true"), say.known("predicted")] as const;
  checkLength(part, "truth", truth);
  checkLength(part, "predicted", predicted, truth.length);
  checkLabels(part, "truth", truth);
  checkLabels(part, "predicted", predicted, truth[0]);
  const { names, counts } = mostFrequent(part, confusionMatrix(truth, predicted), most, say);
  const values = names.flatMap((label, i) => [
    { label, side: sides[0], samples: counts[i]!.reduce((a, b) => a + b, 0) },
    { label, side: sides[1], samples: counts.reduce((sum, row) => sum + row[i]!, 0) },
  ]);
  const highest = Math.max(...values.map(({ samples }) => samples));
  const pairs = names.map((label, i) =>
    say("{0} {1} true and {2} predicted", label, values[2 * i]!.samples, values[2 * i + 1]!.samples),
  );
  return {
    ...base(title, say.samples(truth.length), say("Bars of counts: {0}.", pairs.join(say("; "))), width),
    height: { step: 20 },
    data: { values },
    encoding: {
      y: {
        field: "label",
        type: "nominal",
        sort: null,
        title: null,
        axis: { labelExpr: shortLabel },
        scale: { paddingInner: 0.3 },
      },
      yOffset: { field: "side", type: "nominal", sort: sides },
      x: {
        field: "samples",
        type: "quantitative",
        title: say("Samples"),
        scale: { domain: withRoom([0, highest], String(highest).length + 1, width), nice: false },
        axis: { tickCount: 5, tickMinStep: 1, format: ",d" },
      },
    },
    layer: [
      {
        mark: "bar",
        encoding: { color: { field: "side", type: "nominal", sort: sides, title: null } },
      },
      {
        mark: { type: "text", align: "left", dx: 5, style: "value" },
        encoding: { text: { field: "samples", type: "quantitative", format: ",d" } },
      },
    ],
  };
}
