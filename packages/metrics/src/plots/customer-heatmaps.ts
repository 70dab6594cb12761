import { checkParam, MmubError, quantile, show } from "@mmub/core";
import { checkFinite, checkLength, rejectAt } from "../checks.js";
import { grouped, sayIn } from "../language.js";
import { share as percent } from "../report/format.js";
import { heatCell, heatLayers, heatScale } from "./heatmap.js";
import { base, type Plot, type PlotOptions, shortLabel } from "./spec.js";

export interface Cohort {
  /** Who they are, such as the month of their first purchase. */
  readonly name: string;
  /** How many of them were there in each period from the first on; the first is all of them. */
  readonly active: readonly number[];
}

/**
 * How many of each cohort came back, period by period: a row for each cohort, each cell the share of those of its first period.
 *
 * Later cohorts may have fewer periods. Rejects an empty list, counts below 0 or above the first, and a cohort of nobody.
 *
 * @example
 * const cohorts = [{ name: "January", active: [120, 60, 48] }, { name: "February", active: [90, 50] }];
 * const svg = await renderSvg(cohortHeatmap(cohorts));
 */
export function cohortHeatmap(cohorts: readonly Cohort[], options: PlotOptions = {}): Plot {
  const part = "@mmub/metrics/cohort-heatmap";
  const say = sayIn(part, options.language);
  const { title = say("Who comes back"), width = 480 } = options;
  if (!Array.isArray(cohorts) || cohorts.length === 0)
    throw new MmubError("invalid-input", { part, message: `cohorts are ${show(cohorts)}, want at least one` });
  const values = cohorts.flatMap(({ name, active }, at) => {
    if (!Array.isArray(active) || !(active[0]! > 0)) rejectAt(part, "cohort", at, active, "counts, the first above 0");
    return active.map((count: number, period: number) => {
      if (!(count >= 0 && count <= active[0]!))
        rejectAt(part, `count of cohort ${at} in period`, period, count, "a count of at most the first");
      return { cohort: say("{0} ({1})", name, grouped(active[0]!)), period, ...heatCell(count / active[0]!) };
    });
  });
  const rows = cohorts.map(({ name, active }) =>
    say("{0}: {1}", name, active.map((count: number) => percent(count / active[0]!)).join(say(", "))),
  );
  return {
    ...base(
      title,
      say("Share of a cohort that is there, period by period"),
      say("Table of shares. {0}.", rows.join(say("; "))),
      width,
    ),
    height: { step: 30 },
    data: { values },
    encoding: {
      y: {
        field: "cohort",
        type: "nominal",
        sort: null,
        title: say("Cohort and its size"),
        axis: { labelExpr: shortLabel },
      },
      x: { field: "period", type: "ordinal", title: say("Period after the first"), axis: { labelAngle: 0 } },
    },
    layer: heatLayers(say("Share that is there"), "share", ".0%"),
    config: heatScale,
  };
}

export interface RfmHeatmapOptions extends PlotOptions {
  /** Into how many groups of about one size recency and frequency are cut. @default 5 */
  readonly bins?: number;
  /** What each customer is worth: cells are then the mean of it. @default the number of customers */
  readonly value?: ArrayLike<number>;
  /** The unit of the value. */
  readonly unit?: string;
}

/**
 * Customers by how lately and how often they bought: the best are at the top right. A cell is how many they are, or what they are worth on average.
 *
 * `recency` is the time since the last purchase, smaller being better, in any unit, `frequency` how often they bought. Both are cut at their
 * quantiles; customers that are alike stay together, so that groups may differ in size. Rejects arrays of different lengths, empty ones, and numbers that
 * are not finite.
 *
 * @example
 * const svg = await renderSvg(rfmHeatmap([3, 40, 12, 90], [9, 2, 4, 1], { bins: 2, value: [300, 20, 80, 10], unit: "€" }));
 */
export function rfmHeatmap(
  recency: ArrayLike<number>,
  frequency: ArrayLike<number>,
  options: RfmHeatmapOptions = {},
): Plot {
  const part = "@mmub/metrics/rfm-heatmap";
  const say = sayIn(part, options.language);
  const { title = say("How lately and how often they buy"), width = 480, bins = 5, value, unit } = options;
  checkParam(part, "bins", bins, Number.isInteger(bins) && bins > 1 && bins <= 10, "an integer from 2 to 10");
  checkLength(part, "recency", recency);
  checkLength(part, "frequency", frequency, recency.length);
  checkFinite(part, "recency", recency);
  checkFinite(part, "frequency", frequency);
  if (value) {
    checkLength(part, "value", value, recency.length);
    checkFinite(part, "value", value);
  }
  // Group 1 holds those that bought longest ago, as is usual.
  const [late, often] = [
    groupsOf(
      Float64Array.from(recency, (days) => -days),
      bins,
    ),
    groupsOf(Float64Array.from(frequency), bins),
  ];
  const counts = new Float64Array(bins * bins);
  const sums = new Float64Array(bins * bins);
  for (let i = 0; i < recency.length; i++) {
    const cell = often[i]! * bins + late[i]!;
    counts[cell]!++;
    sums[cell]! += value ? value[i]! : 1;
  }
  const amounts = sums.map((sum, cell) => (value ? sum / counts[cell]! : sum));
  const cells = Array.from(counts, (_, cell) => cell).filter((cell) => counts[cell]! > 0);
  const most = Math.max(...cells.map((cell) => amounts[cell]!));
  const name = value ? (unit ? say("Mean value ({0})", unit) : say("Mean value")) : say("Customers");
  return {
    ...base(
      title,
      say("{0} of groups 1 to {1}; {2} have bought most lately and most often", name, bins, bins),
      say(
        "Table of cells, recency group by frequency group. {0}.",
        cells
          .map((cell) =>
            say("{0} by {1}: {2}", (cell % bins) + 1, Math.floor(cell / bins) + 1, +amounts[cell]!.toPrecision(3)),
          )
          .join(say("; ")),
      ),
      width,
    ),
    height: { step: 44 },
    data: {
      values: cells.map((cell) => ({
        recency: (cell % bins) + 1,
        frequency: Math.floor(cell / bins) + 1,
        value: amounts[cell]!,
        ...heatCell(most > 0 ? Math.max(0, amounts[cell]! / most) : 0),
      })),
    },
    encoding: {
      y: { field: "frequency", type: "ordinal", sort: "descending", title: say("Frequency, group") },
      x: { field: "recency", type: "ordinal", title: say("Recency, group"), axis: { labelAngle: 0 } },
    },
    layer: heatLayers(say("Share of the largest cell"), "value", value ? ",.3~r" : ",d"),
    config: heatScale,
  };
}

/** The group of each value, from 0, by the quantiles of all. */
function groupsOf(values: Float64Array, bins: number): Uint8Array {
  const sorted = values.slice().sort();
  const edges = Array.from({ length: bins - 1 }, (_, i) => quantile(sorted, (i + 1) / bins));
  return Uint8Array.from(values, (value) => edges.filter((edge) => value > edge).length);
}
