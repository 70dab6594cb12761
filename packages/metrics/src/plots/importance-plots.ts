import { checkParam, MmubError, show } from "@mmub/core";
import { checkFinite, checkLength, rejectAt } from "../checks.js";
import type { PermutationRow } from "../feature-effects.js";
import { grouped, sayIn } from "../language.js";
import type { TreeShap } from "../tree-shap.js";
import { base, type Plot, type PlotOptions, shortLabel } from "./spec.js";

export interface FeaturePlotOptions extends PlotOptions {
  /** Show this many, the most important. @default 12 */
  readonly most?: number;
}

/**
 * What columns or modalities are worth, as bars with the deviation over the shuffles.
 *
 * Takes the rows of `permutationImportance`. Rejects an empty list.
 *
 * @example
 * const rows = [{ name: "visits", importance: 0.21, deviation: 0.02, repeats: Float64Array.of(0.2, 0.22) }];
 * const svg = await renderSvg(importancePlot(rows));
 */
export function importancePlot(rows: readonly PermutationRow[], options: FeaturePlotOptions = {}): Plot {
  const part = "@mmub/metrics/importance-plot";
  const say = sayIn(part, options.language);
  const { title = say("What the model goes by"), width = 480, most = 12 } = options;
  checkMost(part, most);
  if (!Array.isArray(rows) || rows.length === 0)
    throw new MmubError("invalid-input", { part, message: `rows are ${show(rows)}, want at least one` });
  for (const [at, row] of rows.entries())
    if (!Number.isFinite(row?.importance) || !Number.isFinite(row.deviation))
      rejectAt(part, "row", at, row, "a name with a finite importance and deviation");
  const values = [...rows]
    .sort((a, b) => b.importance - a.importance)
    .slice(0, most)
    .map(({ name, importance, deviation }) => ({
      name,
      importance,
      low: importance - deviation,
      high: importance + deviation,
    }));
  const y = { field: "name", type: "nominal" as const, sort: null, title: null, axis: { labelExpr: shortLabel } };
  const each = values.map(({ name, importance }) => `${name} ${+importance.toPrecision(3)}`);
  const lost = say("Score lost when it is shuffled, with its standard deviation");
  return {
    ...base(
      title,
      rows.length > most ? say("{0}; the first {1} of {2}", lost, most, rows.length) : lost,
      say("Bars: {0}.", each.join(say("; "))),
      width,
    ),
    height: { step: 28 },
    data: { values },
    layer: [
      {
        mark: { type: "bar", height: { band: 0.6 } },
        encoding: {
          y,
          x: { field: "importance", type: "quantitative", title: say("Score lost"), axis: { tickCount: 4 } },
        },
      },
      {
        mark: { type: "rule", style: "interval" },
        encoding: { y, x: { field: "low", type: "quantitative" }, x2: { field: "high" } },
      },
    ],
  };
}

export interface BeeswarmOptions extends FeaturePlotOptions {
  /** The names of the columns. @default column 0, column 1, … */
  readonly names?: readonly string[];
  /** Which output is drawn. @default 0 */
  readonly output?: number;
}

/**
 * What each column adds to the prediction of each row: a dot a row, coloured by whether the column's value is low, in the middle or high of
 * the rows shown. Columns with the largest mean effect come first.
 *
 * Takes what `treeShap` gives and the features it was given. Draws 1,000 rows at most, evenly taken. Rejects features of another shape.
 *
 * @example
 * const x = { rows: 3, cols: 1, data: [1, 2, 3] };
 * const shap = { rows: 3, cols: 1, outputs: 1, base: Float64Array.of(0), values: Float64Array.of(-1, 0, 1) };
 * const svg = await renderSvg(shapBeeswarm(shap, x, { names: ["visits"] }));
 */
export function shapBeeswarm(
  shap: TreeShap,
  x: { readonly rows: number; readonly cols: number; readonly data: ArrayLike<number> },
  options: BeeswarmOptions = {},
): Plot {
  const part = "@mmub/metrics/shap-beeswarm";
  const say = sayIn(part, options.language);
  const { title = say("What each column adds"), width = 480, most = 12, names, output = 0 } = options;
  const { rows, cols, outputs, values: effects } = shap;
  checkMost(part, most);
  checkParam(part, "output", output, Number.isInteger(output) && output >= 0 && output < outputs, `below ${outputs}`);
  if (names) checkLength(part, "names", names, cols);
  if (x.rows !== rows || x.cols !== cols || rows === 0)
    throw new MmubError("shape-mismatch", {
      part,
      message: `the features are ${x.rows} x ${x.cols}, want ${rows} x ${cols}, at least one row`,
    });
  checkFinite(part, "value", effects);
  const effect = (row: number, column: number) => effects[(row * outputs + output) * cols + column]!;
  const means = Array.from({ length: cols }, (_, column) => {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += Math.abs(effect(row, column)) / rows;
    return sum;
  });
  const shown = means
    .map((_, column) => column)
    .sort((a, b) => means[b]! - means[a]!)
    .slice(0, most);
  const stride = Math.max(1, rows / 1000);
  const picked = Array.from({ length: Math.ceil(rows / stride) }, (_, i) => Math.floor(i * stride));
  const all = shown.flatMap((column) => picked.map((row) => effect(row, column)));
  const step = (all.reduce((a, b) => Math.max(a, b)) - all.reduce((a, b) => Math.min(a, b)) || 1) / 100;
  const nameOf = (column: number) => names?.[column] ?? say("column {0}", column);
  let fullest = 1;
  const dots = shown.flatMap((column) => {
    const known = picked.map((row) => x.data[row * cols + column]!);
    const sorted = Float64Array.from(known.filter((value) => !Number.isNaN(value))).sort();
    const edge = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!;
    const [low, high] = [edge(1 / 3), edge(2 / 3)];
    const places = new Map<number, number>();
    return picked.map((row, i) => {
      const value = known[i]!;
      const adds = effect(row, column);
      const bin = Math.round(adds / step);
      const place = places.get(bin) ?? 0;
      places.set(bin, place + 1);
      fullest = Math.max(fullest, place + 1);
      const side = say(Number.isNaN(value) ? "missing" : value <= low ? "low" : value > high ? "high" : "middle");
      // One above, one below, and so on.
      return { name: nameOf(column), adds, side, place: (place % 2 ? 1 : -1) * Math.ceil(place / 2) };
    });
  });
  const sides = ["low", "high", "middle", "missing"]
    .map(say.known)
    .filter((side) => dots.some((dot) => dot.side === side));
  const each = shown.map((column) => `${nameOf(column)} ${+means[column]!.toPrecision(3)}`);
  return {
    ...base(
      title,
      say(
        "{0}; colour is whether the value is low or high among them",
        picked.length === 1 ? say("1 row") : say("{0} rows", grouped(picked.length)),
      ),
      say("Mean absolute effects: {0}.", each.join(say("; "))),
      width,
    ),
    height: { step: 44 },
    data: { values: dots },
    encoding: {
      y: { field: "name", type: "nominal", sort: shown.map(nameOf), title: null, axis: { labelExpr: shortLabel } },
    },
    layer: [
      { data: { values: [{}] }, mark: { type: "rule", style: "zero" }, encoding: { x: { datum: 0 }, y: null } },
      {
        mark: { type: "point", filled: true, size: 18, opacity: 0.75 },
        encoding: {
          x: { field: "adds", type: "quantitative", title: say("Added to the prediction"), axis: { tickCount: 6 } },
          yOffset: { field: "place", type: "quantitative", scale: { domain: [-fullest / 1.6, fullest / 1.6] } },
          color: {
            field: "side",
            type: "nominal",
            sort: sides,
            title: say("Value of the column"),
            legend: {
              symbolOpacity: 1,
              symbolSize: 80,
              values: ["low", "middle", "high", "missing"].map(say.known).filter((side) => sides.includes(side)),
            },
          },
        },
      },
    ],
  };
}

function checkMost(part: string, most: number): void {
  checkParam(part, "most", most, Number.isInteger(most) && most > 0, "a positive integer");
}
