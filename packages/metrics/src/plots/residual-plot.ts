import { random } from "@mmub/core";
import { checkFinite, checkLength } from "../checks.js";
import { base, counted, type Plot, type PlotOptions } from "./spec.js";

export interface ResidualPlotOptions extends PlotOptions {
  /** The unit of the target. */
  readonly unit?: string;
  /** Draws this many samples at most, by chance. @default 1000 */
  readonly most?: number;
  /** Which. @default 0 */
  readonly seed?: number;
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
  options: ResidualPlotOptions = {},
): Plot {
  const part = "@mmub/metrics/residual-plot";
  const { title = "Errors", width = 480, unit, most = 1000, seed = 0 } = options;
  checkLength(part, "truth", truth);
  checkLength(part, "predicted", predicted, truth.length);
  checkFinite(part, "truth", truth);
  checkFinite(part, "predicted", predicted);
  let rows = Array.from({ length: truth.length }, (_, row) => row);
  if (rows.length > most) rows = random(seed).shuffle(rows).slice(0, most);
  const values = rows.map((row) => ({ predicted: predicted[row]!, error: truth[row]! - predicted[row]! }));
  let sum = 0;
  for (let i = 0; i < truth.length; i++) sum += truth[i]! - predicted[i]!;
  const after = unit ? ` (${unit})` : "";
  return {
    ...base(
      title,
      `Truth less prediction; ${counted(values.length, "sample")}`,
      `Errors over predictions; their mean is ${+(sum / truth.length).toPrecision(3)}${after}.`,
      width,
    ),
    height: Math.round(width * 0.6),
    layer: [
      { data: { values: [{}] }, mark: { type: "rule", style: "reference" }, encoding: { y: { datum: 0 } } },
      {
        data: { values },
        mark: { type: "point", filled: true, size: 24, opacity: 0.5 },
        encoding: {
          x: {
            field: "predicted",
            type: "quantitative",
            title: `Predicted${after}`,
            scale: { zero: false },
            axis: { tickCount: 6 },
          },
          y: { field: "error", type: "quantitative", title: `Error${after}`, axis: { tickCount: 6 } },
        },
      },
    ],
  };
}
