import { MmubError, show } from "@mmub/core";
import { rejectAt } from "../checks.js";
import { sayIn } from "../language.js";
import { qiniCurve, type UpliftData } from "../uplift.js";
import { base, type Plot, type PlotOptions } from "./spec.js";

export interface NamedUplift {
  readonly name: string;
  readonly data: UpliftData;
}

/**
 * The Qini curves of models: outcomes gained by treating those whom a model puts first; the straight line is treating as many at random.
 *
 * Each curve is thinned to 200 points. Rejects an empty list, and models of different numbers of samples. More than 5 models cannot be told
 * apart by colour.
 *
 * @example
 * const data = { outcome: [1, 0, 0, 1], treated: [1, 0, 1, 0], uplift: [0.4, 0.3, 0.1, -0.2] };
 * const svg = await renderSvg(upliftPlot([{ name: "two models", data }]));
 */
export function upliftPlot(models: readonly NamedUplift[], options: PlotOptions = {}): Plot {
  const part = "@mmub/metrics/uplift-plot";
  const say = sayIn(part, options.language);
  const { title = say("Outcomes gained by treatment"), width = 480 } = options;
  if (!Array.isArray(models) || models.length === 0)
    throw new MmubError("invalid-input", { part, message: `models are ${show(models)}, want at least one` });
  for (const [at, model] of models.entries())
    if (typeof model?.data !== "object" || model.data === null)
      rejectAt(part, "model", at, model, "{ name, data: { outcome, treated, uplift } }");
  const samples = models[0]!.data.outcome?.length;
  const curves = models.map(({ name, data }) => {
    if (data.outcome.length !== samples)
      throw new MmubError("invalid-input", {
        part,
        message: `${name} has ${data.outcome.length} samples, want ${samples} as the first model`,
      });
    return { name, curve: qiniCurve(data) };
  });
  const values = curves.flatMap(({ name, curve }) => {
    const last = curve.samples.length - 1;
    const count = Math.min(last, 200);
    return Array.from({ length: count + 1 }, (_, i) => {
      const at = Math.round((i * last) / count);
      return { name, share: curve.samples[at]! / samples, gain: curve.gain[at]! };
    });
  });
  const end = curves[0]!.curve.gain.at(-1)!;
  const names = curves.map(({ name }) => name);
  const x = {
    field: "share",
    type: "quantitative" as const,
    title: say("Share treated, highest predictions first"),
    scale: { domain: [0, 1], nice: false },
    axis: { format: ".0%", values: [0, 0.2, 0.4, 0.6, 0.8, 1] },
  };
  const y = { field: "gain", type: "quantitative" as const, title: say("Outcomes gained"), axis: { tickCount: 6 } };
  return {
    ...base(
      title,
      say("Qini curve of {0}; the dashed line is treating at random", say.samples(samples)),
      say("Qini curves of {0}: treating all gains {1}.", names.join(say(", ")), +end.toPrecision(3)),
      width,
    ),
    height: Math.round(width * 0.6),
    layer: [
      {
        data: {
          values: [
            { share: 0, gain: 0 },
            { share: 1, gain: end },
          ],
        },
        mark: { type: "line", style: "reference" },
        encoding: { x, y },
      },
      {
        data: { values },
        mark: { type: "line", strokeWidth: 2.5 },
        encoding: {
          x,
          y,
          color: {
            field: "name",
            type: "nominal",
            sort: names,
            title: null,
            legend: names.length > 1 ? { symbolType: "stroke", symbolSize: 400, columns: 2 } : null,
          },
        },
      },
    ],
  };
}
