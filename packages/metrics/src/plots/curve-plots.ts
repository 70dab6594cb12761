import { MmubError, show } from "@mmub/core";
import type { CalibrationCurve } from "../calibration.js";
import { checkFinite, rejectAt } from "../checks.js";
import { sayIn } from "../language.js";
import type { PrecisionRecallCurve } from "../precision-recall.js";
import type { Robustness } from "../robustness.js";
import { base, type Plot, type PlotOptions, shortLabel } from "./spec.js";

interface Line {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

interface Axis {
  readonly title: string;
  readonly domain?: readonly [number, number];
  readonly format: string;
}

/** Lines by name, over a dashed reference where one is given. */
function linePlot(
  lines: readonly Line[],
  x: Axis,
  y: Axis,
  reference: Line["points"],
  { marks, width }: { readonly marks: boolean; readonly width: number },
) {
  const names = lines.map(({ name }) => name);
  const axis = ({ title, domain, format }: Axis) => ({
    type: "quantitative" as const,
    title,
    scale: { ...(domain && { domain }), nice: domain === undefined, zero: false },
    axis: { format, tickCount: 6 },
  });
  const encoding = { x: { field: "x", ...axis(x) }, y: { field: "y", ...axis(y) } };
  return {
    height: Math.round(width * 0.7),
    layer: [
      ...(reference.length > 0
        ? [{ data: { values: reference }, mark: { type: "line" as const, style: "reference" }, encoding }]
        : []),
      {
        data: {
          values: lines.flatMap(({ name, points }) => points.map((point, order) => ({ name, ...point, order }))),
        },
        mark: { type: "line" as const, strokeWidth: 2.5, ...(marks && { point: { size: 45 } }) },
        encoding: {
          ...encoding,
          order: { field: "order", type: "quantitative" as const },
          color: {
            field: "name",
            type: "nominal" as const,
            sort: names,
            title: null,
            legend:
              names.length > 1 ? { symbolType: "stroke", symbolSize: 400, columns: 2, labelExpr: shortLabel } : null,
          },
        },
      },
    ],
  };
}

const shares = { domain: [0, 1], format: ".0%" } as const;

/**
 * Precision-recall curves: how many of those taken for positive are, against how many of the positives are found. The dashed line is
 * guessing, at the share of positives.
 *
 * Each curve is thinned to 200 points. Rejects an empty list. More than 6 curves cannot be told apart by colour.
 *
 * @example
 * const curve = precisionRecallCurve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]);
 * const svg = await renderSvg(precisionRecallPlot([{ name: "all modalities", curve }]));
 */
export function precisionRecallPlot(
  curves: readonly { readonly name: string; readonly curve: PrecisionRecallCurve }[],
  options: PlotOptions = {},
): Plot {
  const part = "@mmub/metrics/precision-recall-plot";
  const say = sayIn(part, options.language);
  const { title = say("Precision and recall"), width = 480 } = options;
  checkCurves(part, curves, "precisions", "precisionRecallCurve");
  const lines = curves.map(({ name, curve: { precisions, recalls } }) => {
    const last = recalls.length - 1;
    const count = Math.min(last, 200);
    return {
      name,
      points: Array.from({ length: count + 1 }, (_, i) => {
        const at = Math.round((i * last) / count);
        return { x: recalls[at]!, y: precisions[at]! };
      }),
    };
  });
  // All taken for positive, where the recall is 1: the precision is the share of positives.
  const guess = curves[0]!.curve.precisions[0]!;
  return {
    ...base(
      title,
      say("The dashed line is guessing"),
      say("Precision over recall of {0}.", lines.map(({ name }) => name).join(say(", "))),
      width,
    ),
    ...linePlot(
      lines,
      { title: say("Recall"), ...shares },
      { title: say("Precision"), ...shares },
      [
        { x: 0, y: guess },
        { x: 1, y: guess },
      ],
      { marks: false, width },
    ),
  };
}

/**
 * Reliability curves: how often the positive class comes true, against the probability that was promised. On the dashed line promises are
 * kept; below it they are too high.
 *
 * Rejects an empty list. More than 6 curves cannot be told apart by colour.
 *
 * @example
 * const curve = calibrationCurve([0, 0, 1, 1], [0.1, 0.3, 0.7, 0.9], { bins: 2 });
 * const svg = await renderSvg(calibrationPlot([{ name: "all modalities", curve }]));
 */
export function calibrationPlot(
  curves: readonly { readonly name: string; readonly curve: CalibrationCurve }[],
  options: PlotOptions = {},
): Plot {
  const part = "@mmub/metrics/calibration-plot";
  const say = sayIn(part, options.language);
  const { title = say("Promised and observed"), width = 480 } = options;
  checkCurves(part, curves, "observed", "calibrationCurve");
  const lines = curves.map(({ name, curve: { predicted, observed } }) => ({
    name,
    points: Array.from(predicted, (x, i) => ({ x, y: observed[i]! })),
  }));
  return {
    ...base(
      title,
      say("On the dashed line promises are kept"),
      say("Observed shares over predicted probabilities of {0}.", lines.map(({ name }) => name).join(say(", "))),
      width,
    ),
    ...linePlot(
      lines,
      { title: say("Predicted probability"), ...shares },
      { title: say("Observed share"), ...shares },
      [
        { x: 0, y: 0 },
        { x: 1, y: 1 },
      ],
      { marks: true, width },
    ),
  };
}

/**
 * How a score falls as modalities go missing, or turn noisy: a line for each.
 *
 * Rejects what has no curve of that kind.
 *
 * @example
 * const fitted = { predict: async (rows: readonly { review: number | null }[]) => ({ values: Float64Array.from(rows, (row) => row.review ?? 0) }) };
 * const found = await robustness(fitted, [{ review: 1 }, { review: 2 }, { review: 4 }], [1, 2, 4], { modalities: ["review"], resamples: 50 });
 * const svg = await renderSvg(robustnessPlot(found));
 */
export function robustnessPlot(
  found: Robustness,
  options: PlotOptions & {
    /** @default "missing" */
    readonly kind?: "missing" | "noise";
  } = {},
): Plot {
  const part = "@mmub/metrics/robustness-plot";
  const say = sayIn(part, options.language);
  const { kind = "missing", width = 480 } = options;
  const { title = say(kind === "missing" ? "When modalities are missing" : "When modalities are noisy") } = options;
  const curves = found?.curves?.filter((curve) => curve.kind === kind) ?? [];
  if (curves.length === 0)
    throw new MmubError("invalid-input", {
      part,
      message: `there is no curve of the kind "${kind}" in ${show(found)}, want what robustness() gives`,
    });
  const lines = curves.map(({ modality, points }) => ({
    name: modality ?? say("each of them"),
    points: points.map(({ level, score }) => ({ x: level, y: score.value })),
  }));
  for (const { name, points } of lines)
    checkFinite(
      part,
      `score of ${name}, level`,
      points.map(({ y }) => y),
    );
  const ends = lines.map(({ name, points }) => `${name} ${+points.at(-1)!.y.toPrecision(3)}`);
  return {
    ...base(
      title,
      say.samples(found.samples),
      say("{0} at the highest level: {1}.", say.known(found.score), ends.join(say(", "))),
      width,
    ),
    ...linePlot(
      lines,
      kind === "missing"
        ? { title: say("Share of samples that lose it"), domain: [0, curves[0]!.points.at(-1)!.level], format: ".0%" }
        : { title: say("Level of noise"), format: "~g" },
      { title: say.known(found.score), format: found.isShare ? ".0%" : "~g" },
      [],
      { marks: true, width },
    ),
  };
}

function checkCurves(part: string, curves: readonly { readonly curve: object }[], field: string, from: string): void {
  if (!Array.isArray(curves) || curves.length === 0)
    throw new MmubError("invalid-input", { part, message: `curves are ${show(curves)}, want at least one` });
  for (const [at, each] of curves.entries())
    if (!ArrayBuffer.isView(each?.curve?.[field])) rejectAt(part, "curve", at, each, `a name and a curve of ${from}`);
}
