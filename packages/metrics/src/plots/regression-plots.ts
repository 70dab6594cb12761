import { random } from "@mmub/core";
import { checkFinite, checkLength } from "../checks.js";
import { type Say, sayIn } from "../language.js";
import { base, type Plot, type PlotOptions } from "./spec.js";

export interface RegressionPlotOptions extends PlotOptions {
  /** The unit of the target, for the axes. */
  readonly unit?: string;
  /** At most this many points, drawn at random. @default 1000 */
  readonly most?: number;
  /** An integer, for the points drawn. @default 0 */
  readonly seed?: number;
}

/**
 * Predictions of a regression against the truth: on the diagonal they are right.
 *
 * Rejects arrays of different lengths, empty ones and values that are not finite.
 *
 * @example
 * const svg = await renderSvg(predictedVsTrue([1, 2, 3], [1.1, 1.8, 3.5], { unit: "€" }));
 */
export function predictedVsTrue(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: RegressionPlotOptions = {},
): Plot {
  const { rows, shown, say, axisTitle, width } = drawn("@mmub/metrics/predicted-vs-true", truth, predicted, options);
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const row of rows) {
    low = Math.min(low, truth[row]!, predicted[row]!);
    high = Math.max(high, truth[row]!, predicted[row]!);
  }
  const room = 0.03 * (high - low) || 1;
  const domain = [low - room, high + room];
  const axis = (title: string) => ({
    type: "quantitative" as const,
    scale: { domain, nice: false, zero: false },
    title,
    axis: { tickCount: 6 },
  });
  return {
    ...base(
      options.title ?? say("Predicted and true values"),
      say("{0}; right predictions lie on the line", shown),
      say("Scatter plot of {0}: predicted against true values between {1} and {2}.", shown, low, high),
      width,
    ),
    height: Math.round(width * 0.8),
    data: { values: rows.map((row) => ({ true: truth[row]!, predicted: predicted[row]! })) },
    layer: [
      {
        mark: { type: "circle", size: 28, opacity: rows.length > 200 ? 0.45 : 0.7, clip: true },
        encoding: {
          x: { field: "true", ...axis(axisTitle(say("True"))) },
          y: { field: "predicted", ...axis(axisTitle(say("Predicted"))) },
        },
      },
      {
        data: { values: domain.map((value) => ({ value })) },
        mark: { type: "line", style: "reference" },
        encoding: { x: { field: "value", type: "quantitative" }, y: { field: "value", type: "quantitative" } },
      },
    ],
  };
}

/**
 * Errors against predictions, truth less prediction: a shape in them is something that the model has not learned.
 *
 * Rejects arrays of different lengths, empty ones, and numbers that are not finite.
 *
 * @example
 * const svg = await renderSvg(residualPlot([12, 20, 30, 40], [10, 21, 29, 42], { unit: "€" }));
 */
export function residualPlot(
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  options: RegressionPlotOptions = {},
): Plot {
  const { rows, shown, say, axisTitle, width } = drawn("@mmub/metrics/residual-plot", truth, predicted, options);
  let sum = 0;
  for (let i = 0; i < truth.length; i++) sum += truth[i]! - predicted[i]!;
  const axis = (title: string) => ({ type: "quantitative" as const, title: axisTitle(title), axis: { tickCount: 6 } });
  return {
    ...base(
      options.title ?? say("Errors"),
      say("Truth less prediction; {0}", shown),
      say("Errors over predictions; their mean is {0}.", axisTitle(String(+(sum / truth.length).toPrecision(3)))),
      width,
    ),
    height: Math.round(width * 0.6),
    layer: [
      { data: { values: [{}] }, mark: { type: "rule", style: "reference" }, encoding: { y: { datum: 0 } } },
      {
        data: {
          values: rows.map((row) => ({ predicted: predicted[row]!, error: truth[row]! - predicted[row]! })),
        },
        mark: { type: "point", filled: true, size: 24, opacity: 0.5 },
        encoding: {
          x: { field: "predicted", ...axis(say("Predicted")), scale: { zero: false } },
          y: { field: "error", ...axis(say("Error")) },
        },
      },
    ],
  };
}

/** The rows that are drawn, and how they and the axes are named. */
function drawn(
  part: string,
  truth: ArrayLike<number>,
  predicted: ArrayLike<number>,
  { width = 480, unit, most = 1000, seed = 0, language }: RegressionPlotOptions,
) {
  const say: Say = sayIn(part, language);
  checkLength(part, "truth", truth);
  checkLength(part, "predicted", predicted, truth.length);
  checkFinite(part, "truth", truth);
  checkFinite(part, "predicted", predicted);
  let rows = Array.from(truth, (_, row) => row);
  if (rows.length > most) rows = random(seed).shuffle(rows).slice(0, most);
  const all = say.samples(truth.length);
  return {
    rows,
    say,
    width,
    shown: rows.length < truth.length ? say("{0} of {1}", say.samples(rows.length), all) : all,
    axisTitle: (title: string) => (unit ? say("{0} ({1})", title, unit) : title),
  };
}
