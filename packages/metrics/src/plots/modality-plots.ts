import { MmubError, show } from "@mmub/core";
import { rejectAt } from "../checks.js";
import type { Ablation } from "../explain.js";
import { type Say, sayIn } from "../language.js";
import { base, type Plot, type PlotOptions, shortLabel, withRoom } from "./spec.js";

export interface ModalityPlotOptions extends PlotOptions {
  /** Numbers as d3-format writes them. @default ".1%" for shares, differences of them in points; else ".3f" */
  readonly format?: string;
}

/**
 * What each modality adds: how much worse the score is without it, with its interval. An interval that crosses 0 means
 * that the samples do not show whether it helps. Rejects an ablation without such rows.
 *
 * @example
 * const fitted = { predict: async (rows: readonly { review: number | null }[]) => ({ values: Float64Array.from(rows, (row) => row.review ?? 0) }) };
 * const table = await ablation(fitted, [{ review: 1 }, { review: 2 }, { review: 4 }], [1, 2, 3], { modalities: ["review"] });
 * const svg = await renderSvg(modalityPlot(table));
 */
export function modalityPlot(ablation: Ablation, options: ModalityPlotOptions = {}): Plot {
  const part = "@mmub/metrics/modality-plot";
  const say = sayIn(part, options.language);
  checkRows(part, ablation, "without");
  const {
    title = say("What each modality adds"),
    width = 480,
    format = ablation.isShare === false ? ".3f" : ".1%",
  } = options;
  // Shares differ by points: 84 % less 4 points is 80 %, less 4 % it would be 80.6 %.
  const points = ablation.isShare !== false && options.format === undefined;
  const sign = ablation.higherIsBetter ? -1 : 1;
  const values = ablation.rows
    .filter(({ kind }) => kind === "without")
    .map(({ modality, change }) => {
      const [low, high] = [sign * change.low, sign * change.high].sort((a, b) => a - b) as [number, number];
      return { modality: modality!, adds: sign * change.value, low, high };
    })
    .sort((a, b) => b.adds - a.adds);
  const level = percent(ablation);
  const each = values.map(({ modality, adds, low, high }) =>
    say("{0} {1} ({2} to {3})", modality, round(adds), round(low), round(high)),
  );
  const ends = values.flatMap(({ low, high }) => [low, high, 0]);
  const domain = withRoom([Math.min(...ends), Math.max(...ends)], 7, width);
  const y = { field: "modality", type: "nominal" as const, sort: null, title: null, axis: { labelExpr: shortLabel } };
  const unit = say("{0} lost without it", say.known(ablation.score));
  const text = points ? "format(100 * datum.adds, '+.1f')" : `format(datum.adds, '+${format}')`;
  return {
    ...base(
      title,
      say("{0}, with {1} intervals; {2}", unit, level, say.samples(ablation.samples)),
      say("Bars: {0}.", each.join(say("; "))),
      width,
    ),
    height: { step: 40 },
    data: { values },
    layer: [
      {
        mark: { type: "bar", height: { band: 0.5 } },
        encoding: {
          y,
          x: {
            field: "adds",
            type: "quantitative",
            title: points ? say("{0}, in points", unit) : unit,
            scale: { domain, nice: false },
            axis: { tickCount: 6, ...(points ? { labelExpr: "format(100 * datum.value, '~f')" } : { format }) },
          },
        },
      },
      {
        mark: { type: "rule", style: "interval" },
        encoding: { y, x: { field: "low", type: "quantitative" }, x2: { field: "high" } },
      },
      ...(["low", "high"] as const).map((end) => ({
        mark: { type: "tick" as const, style: "interval", height: 10, thickness: 1.5 },
        encoding: { y, x: { field: end, type: "quantitative" as const } },
      })),
      {
        // A zero has no sign.
        transform: [{ calculate: `replace(${text}, /^[+−](0[.0]*%?)$/, '$1')`, as: "text" }],
        mark: { type: "text", align: "left", dx: 8, style: "value" },
        encoding: { y, x: { field: "high", type: "quantitative" }, text: { field: "text", type: "nominal" } },
      },
      { data: { values: [{}] }, mark: { type: "rule", style: "zero" }, encoding: { x: { datum: 0 } } },
    ],
  };
}

/**
 * The score with all modalities, without each, with each alone and with none, with intervals.
 *
 * @example
 * const fitted = { predict: async (rows: readonly { review: number | null }[]) => ({ values: Float64Array.from(rows, (row) => row.review ?? 0) }) };
 * const table = await ablation(fitted, [{ review: 1 }, { review: 2 }, { review: 4 }], [1, 2, 3], { modalities: ["review"] });
 * const svg = await renderSvg(ablationPlot(table));
 */
export function ablationPlot(ablation: Ablation, options: ModalityPlotOptions = {}): Plot {
  const part = "@mmub/metrics/ablation-plot";
  const say = sayIn(part, options.language);
  checkRows(part, ablation, "all");
  const {
    title = say("With and without each modality"),
    width = 480,
    format = ablation.isShare === false ? ".3f" : ".1%",
  } = options;
  const values = ablation.rows.map(({ kind, modality, score }) => ({
    with: ablationName(say, kind, modality),
    kind,
    value: score.value,
    low: score.low,
    high: score.high,
  }));
  const ends = values.flatMap(({ low, high }) => [low, high]);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const domain = withRoom([low - 0.04 * (high - low), high], 7, width);
  const all = ablation.rows[0]!.score.value;
  const each = values.map((row) =>
    say("{0} {1} ({2} to {3})", row.with, round(row.value), round(row.low), round(row.high)),
  );
  const y = {
    field: "with",
    type: "nominal" as const,
    sort: null,
    title: null,
    axis: { grid: true, labelExpr: shortLabel },
  };
  const x = {
    type: "quantitative" as const,
    title: say.known(ablation.score),
    scale: { domain, nice: false, zero: false },
    // The room for the text at the end of the scale is not part of it.
    axis: {
      tickCount: 6,
      ...(ablation.isShare === false || options.format !== undefined
        ? { format }
        : { labelExpr: "datum.value > 1 ? '' : format(datum.value, '~%')" }),
    },
  };
  return {
    ...base(
      title,
      say("With {0} intervals; dashed: all modalities", percent(ablation)),
      say("Points with intervals: {0}.", each.join(say("; "))),
      width,
    ),
    height: { step: 30 },
    data: { values },
    layer: [
      { data: { values: [{}] }, mark: { type: "rule", style: "reference" }, encoding: { x: { datum: all } } },
      { mark: { type: "rule", style: "interval" }, encoding: { y, x: { field: "low", ...x }, x2: { field: "high" } } },
      {
        mark: { type: "point", filled: true, opacity: 1, size: 90 },
        encoding: { y, x: { field: "value", ...x } },
      },
      {
        mark: { type: "text", align: "left", dx: 8, style: "value" },
        encoding: { y, x: { field: "high", ...x }, text: { field: "value", type: "quantitative", format } },
      },
    ],
  };
}

/** A row of an ablation in words. */
export function ablationName(say: Say, kind: Ablation["rows"][number]["kind"], modality = ""): string {
  if (kind === "all") return say("all modalities");
  return kind === "none" ? say("no modality") : say(kind === "only" ? "only {0}" : "without {0}", modality);
}

function checkRows(part: string, ablation: Ablation, kind: Ablation["rows"][number]["kind"]): void {
  const rows = ablation?.rows;
  if (!Array.isArray(rows) || !rows.some((row) => row.kind === kind))
    throw new MmubError("invalid-input", {
      part,
      message: `the ablation is ${show(ablation)}, want one with a row of the kind "${kind}", as ablation() gives`,
    });
  for (const [at, { score, change }] of rows.entries())
    for (const each of [score, change])
      if (![each?.value, each?.low, each?.high].every(Number.isFinite))
        rejectAt(part, "score or change of row", at, each?.value, "an interval of finite numbers");
}

function percent({ rows }: Ablation): string {
  return `${+(100 * rows[0]!.score.level).toFixed(1)}%`;
}

function round(value: number): string {
  return String(+value.toPrecision(3));
}
