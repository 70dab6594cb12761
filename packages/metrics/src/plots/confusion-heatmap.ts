import type { Confusion } from "../classification.js";
import { sayIn } from "../language.js";
import { heatCell, heatLayers, heatScale } from "./heatmap.js";
import type { ClassPlotOptions } from "./label-counts.js";
import { mostFrequent } from "./most-frequent.js";
import { base, type Plot, shortLabel } from "./spec.js";

/**
 * A confusion matrix as a heat map: a row for each true class, its samples' count in the column of what they are
 * predicted as, darker for a larger share of the row.
 *
 * Takes counts, not the shares of `normalize`. Beyond `most` classes the others are pooled as "others".
 *
 * @example
 * const svg = await renderSvg(confusionHeatmap(confusionMatrix(["a", "b", "b"], ["a", "a", "b"])));
 */
export function confusionHeatmap(confusion: Confusion, options: ClassPlotOptions = {}): Plot {
  const part = "@mmub/metrics/confusion-heatmap";
  const say = sayIn(part, options.language);
  const { title = say("Confusion matrix"), width = 480, most = 12 } = options;
  const { names, counts } = mostFrequent(part, confusion, most, say);
  const values = counts.flatMap((row, i) => {
    const all = row.reduce((a, b) => a + b, 0);
    return row.map((samples, j) => {
      const share = all === 0 ? 0 : samples / all;
      return { true: names[i]!, predicted: names[j]!, samples, ...heatCell(share) };
    });
  });
  const rows = names.map((name, i) =>
    say("true {0}: {1}", name, counts[i]!.map((count, j) => say("{0} as {1}", count, names[j]!)).join(say(", "))),
  );
  // Upright names would run into each other where they are wider than their column.
  const slanted = Math.max(...names.map((name) => Math.min(24, name.length))) * 7 > (0.7 * width) / names.length;
  const step = Math.max(28, Math.min(56, Math.floor(320 / names.length)));
  return {
    ...base(
      title,
      say("Samples; colour is the share of the true class"),
      say("Table of counts. {0}.", rows.join(say("; "))),
      width,
    ),
    height: { step },
    data: { values },
    encoding: {
      y: { field: "true", type: "nominal", sort: null, title: say("True"), axis: { labelExpr: shortLabel } },
      x: {
        field: "predicted",
        type: "nominal",
        sort: null,
        title: say("Predicted"),
        axis: { labelExpr: shortLabel, labelAngle: slanted ? -45 : 0 },
      },
    },
    layer: heatLayers(say("Share of the true class"), "samples", ",.6~r"),
    config: heatScale,
  };
}
