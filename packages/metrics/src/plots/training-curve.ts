import { listed, MmubError, show } from "@mmub/core";
import { rejectAt } from "../checks.js";
import { sayIn } from "../language.js";
import { base, type Plot, type PlotOptions, shortLabel } from "./spec.js";

export interface TrainingCurveOptions extends PlotOptions {
  /** Which metrics to draw. @default all of the first epoch */
  readonly metrics?: readonly string[];
  /** The title of the axis. @default "Loss" */
  readonly measure?: string;
}

/**
 * How a model learned: a line for each metric over the epochs, such as the `metrics` that `onProgress` reports.
 *
 * Rejects an empty history, and values that are not finite. An epoch may lack a metric; its line goes on where it is next.
 *
 * @example
 * const history = [{ loss: 0.9, validation: 1 }, { loss: 0.5, validation: 0.7 }, { loss: 0.4, validation: 0.6 }];
 * const svg = await renderSvg(trainingCurve(history, { measure: "Log loss" }));
 */
export function trainingCurve(
  history: readonly Readonly<Record<string, number>>[],
  options: TrainingCurveOptions = {},
): Plot {
  const part = "@mmub/metrics/training-curve";
  if (!Array.isArray(history) || history.length === 0)
    throw new MmubError("invalid-input", { part, message: `the history is ${show(history)}, want at least one epoch` });
  for (const [at, epoch] of history.entries())
    if (typeof epoch !== "object" || epoch === null) rejectAt(part, "epoch", at, epoch, "an object of measures");
  const say = sayIn(part, options.language);
  const { title = say("Training"), measure = say("Loss"), width = 480, metrics = Object.keys(history[0]!) } = options;
  const values = history.flatMap((epoch, i) =>
    metrics
      .filter((metric) => epoch[metric] !== undefined)
      .map((metric) => {
        if (!Number.isFinite(epoch[metric]))
          rejectAt(part, `${metric} of epoch`, i + 1, epoch[metric], "a finite number");
        return { epoch: i + 1, metric, value: epoch[metric]! };
      }),
  );
  if (values.length === 0)
    throw new MmubError("invalid-input", {
      part,
      message: `the history has no value of its metrics (${listed(metrics)}), want at least one`,
    });
  const last = metrics.flatMap((metric) => {
    const row = values.findLast((each) => each.metric === metric);
    return row ? [say("{0} ends at {1}", metric, row.value)] : [];
  });
  return {
    ...base(title, "", say("Lines over {0} epochs: {1}.", history.length, last.join(say(", "))), width),
    height: 240,
    data: { values },
    mark: { type: "line", point: history.length <= 30 ? { size: 30 } : false },
    encoding: {
      x: {
        field: "epoch",
        type: "quantitative",
        title: say("Epoch"),
        axis: { tickMinStep: 1, format: "d", grid: false },
        scale: { domain: [1, Math.max(2, history.length)], nice: false },
      },
      y: { field: "value", type: "quantitative", title: measure, scale: { zero: false }, axis: { tickCount: 6 } },
      color: {
        field: "metric",
        type: "nominal",
        sort: [...metrics],
        title: null,
        legend: metrics.length > 1 ? { symbolType: "stroke", symbolSize: 400, labelExpr: shortLabel } : null,
      },
      strokeDash: { field: "metric", type: "nominal", sort: [...metrics], legend: null },
    },
  };
}
