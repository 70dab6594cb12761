import { MmubError, show } from "@mmub/core";
import { checkFinite, rejectAt } from "../checks.js";
import { sayIn } from "../language.js";
import type { RocCurve } from "../roc.js";
import { base, type Plot, type PlotOptions } from "./spec.js";

export interface NamedCurve {
  /** What the curve is of, such as a class or a model, with its area if you like. */
  readonly name: string;
  readonly curve: RocCurve;
}

/**
 * ROC curves: the share of positives found against the share of negatives taken for positive; chance is the diagonal.
 *
 * Each curve is thinned to 200 points. Rejects an empty list. More than 6 curves cannot be told apart by colour.
 *
 * @example
 * const curve = rocCurve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]);
 * const svg = await renderSvg(rocPlot([{ name: "all modalities", curve }]));
 */
export function rocPlot(curves: readonly NamedCurve[], options: PlotOptions = {}): Plot {
  const part = "@mmub/metrics/roc-plot";
  const say = sayIn(part, options.language);
  const { title = say("ROC curve"), width = 480 } = options;
  if (!Array.isArray(curves) || curves.length === 0)
    throw new MmubError("invalid-input", { part, message: `curves are ${show(curves)}, want at least one` });
  for (const [at, each] of curves.entries()) {
    const { falsePositiveRates, truePositiveRates } = each?.curve ?? {};
    if (typeof truePositiveRates !== "object" || truePositiveRates.length !== falsePositiveRates?.length)
      rejectAt(part, "curve", at, each, "a name and a curve of rocCurve");
    for (const rates of [falsePositiveRates, truePositiveRates])
      checkFinite(part, `rate of ${each.name}, point`, rates);
  }
  const names = curves.map(({ name }) => name);
  const rate = (title: string) => ({
    type: "quantitative" as const,
    title,
    scale: { domain: [0, 1], nice: false },
    axis: { format: ".0%", values: [0, 0.2, 0.4, 0.6, 0.8, 1] },
  });
  const x = { field: "x", ...rate(say("False positive rate")) };
  const y = { field: "y", ...rate(say("True positive rate")) };
  return {
    ...base(title, say("The dashed line is chance"), say("ROC curves of {0}.", names.join(say(", "))), width),
    height: Math.round(width * 0.75),
    layer: [
      {
        data: {
          values: [
            { x: 0, y: 0 },
            { x: 1, y: 1 },
          ],
        },
        mark: { type: "line", style: "reference" },
        encoding: { x, y },
      },
      {
        data: { values: curves.flatMap(({ name, curve }) => points(curve).map((point) => ({ name, ...point }))) },
        mark: { type: "line", strokeWidth: 2.5, clip: true },
        encoding: {
          x,
          y,
          order: { field: "order", type: "quantitative" },
          color: {
            field: "name",
            type: "nominal",
            sort: names,
            title: null,
            legend: { symbolType: "stroke", symbolSize: 400, columns: 1 },
          },
        },
      },
    ],
  };
}

function points({ falsePositiveRates: x, truePositiveRates: y }: RocCurve) {
  const stride = Math.max(1, (x.length - 1) / 200);
  const count = Math.min(x.length, 201);
  return Array.from({ length: count }, (_, i) => {
    const at = i === count - 1 ? x.length - 1 : Math.round(i * stride);
    return { x: x[at]!, y: y[at]!, order: i };
  });
}
