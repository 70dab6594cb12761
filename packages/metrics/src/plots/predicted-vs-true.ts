import { random } from "@mmub/core";
import { checkFinite, checkLength } from "../checks.js";
import { base, counted, type Plot, type PlotOptions } from "./spec.js";

export interface PredictedVsTrueOptions extends PlotOptions {
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
  options: PredictedVsTrueOptions = {},
): Plot {
  const part = "@mmub/metrics/predicted-vs-true";
  const { title = "Predicted and true values", width = 480, unit, most = 1000, seed = 0 } = options;
  checkLength(part, "truth", truth);
  checkLength(part, "predicted", predicted, truth.length);
  checkFinite(part, "truth", truth);
  checkFinite(part, "predicted", predicted);
  const rows = random(seed)
    .shuffle(Array.from(truth, (_, i) => i))
    .slice(0, most);
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const row of rows) {
    low = Math.min(low, truth[row]!, predicted[row]!);
    high = Math.max(high, truth[row]!, predicted[row]!);
  }
  const room = 0.03 * (high - low) || 1;
  const domain = [low - room, high + room];
  const shown =
    rows.length < truth.length
      ? `${counted(rows.length, "sample")} of ${counted(truth.length, "sample")}`
      : counted(rows.length, "sample");
  const axis = (side: string) => ({
    type: "quantitative" as const,
    scale: { domain, nice: false, zero: false },
    title: unit ? `${side} (${unit})` : side,
    axis: { tickCount: 6 },
  });
  return {
    ...base(
      title,
      `${shown}; right predictions lie on the line`,
      `Scatter plot of ${shown}: predicted against true values between ${low} and ${high}.`,
      width,
    ),
    height: Math.round(width * 0.8),
    data: { values: rows.map((row) => ({ true: truth[row]!, predicted: predicted[row]! })) },
    layer: [
      {
        mark: { type: "circle", size: 28, opacity: rows.length > 200 ? 0.45 : 0.7, clip: true },
        encoding: { x: { field: "true", ...axis("True") }, y: { field: "predicted", ...axis("Predicted") } },
      },
      {
        data: { values: domain.map((value) => ({ value })) },
        mark: { type: "line", style: "reference" },
        encoding: { x: { field: "value", type: "quantitative" }, y: { field: "value", type: "quantitative" } },
      },
    ],
  };
}
