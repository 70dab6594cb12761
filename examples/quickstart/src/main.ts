import { spawnSync } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Classification, type Label, type Progress, saveFile } from "@mmub/core";
import { dropModalities, rocAuc, stratifiedSplit, take } from "@mmub/metrics";
import { customerModel, type Field, modalities, sampleOf } from "./customer-model.js";
import { compare, predictFrom } from "./evaluate.js";
import { withProgress } from "./progress.js";
import { writeShopReport } from "./report.js";
import { makeShop } from "./shop/make.js";
import { type Churn, type Customer, type Mood, readShop } from "./shop/read.js";

const { values: options } = parseArgs({
  options: {
    customers: { type: "string", default: "1500" },
    seed: { type: "string", default: "7" },
    data: { type: "string" },
  },
});
const seed = Number(options.seed);
const output = fileURLToPath(new URL("../output", import.meta.url));
const folder = options.data ?? join(output, "shop");
await mkdir(output, { recursive: true });

console.log("\nWhich customers will leave, and how do they feel? From reviews, photos, voices, events and profiles.\n");

if (options.data === undefined)
  await withProgress("Making the shop", (onProgress) =>
    makeShop(folder, {
      customers: Number(options.customers),
      seed,
      onProgress: (done, total) => onProgress({ part: "customers", done, total }),
    }),
  );
const customers = await readShop(folder);

// A third of the customers is kept aside: nothing is learned from them, nothing is chosen by them.
const split = stratifiedSplit(
  customers.map(({ churn, mood }) => `${churn} ${mood}`),
  { testSize: 0.3, seed },
);
const [known, asked] = [take(customers, split.train), take(customers, split.test)];

const churn = await answer<Churn>("churn", (customer) => customer.churn);
const mood = await answer<Mood>("mood", (customer) => customer.mood);

print("Will they leave?", churn);
print("How do they feel?", mood);

const report = join(output, "report.html");

await withProgress("Writing the report", () => writeShopReport(report, { customers, asked, churn, mood, seed }));

// Golden samples hold bytes, not paths, so that another machine can prove that it predicts the same.
const saved = join(output, "churn.mmub");
const golden = await Promise.all(asked.slice(0, 3).map(withBytes));
await saveFile(saved, churn.fitted, { golden });

console.log(
  `\nReport: ${shown(report)}\nModel:  ${shown(saved)}\n\nA second process loads the model and explains one customer:\n`,
);
const explain = fileURLToPath(new URL("explain.ts", import.meta.url));
const flags = process.execArgv;
const { status } = spawnSync(process.execPath, [...flags, explain, saved, folder, asked[0]!.id], { stdio: "inherit" });
if (status !== 0) process.exit(status ?? 1);
console.log(
  "\nNext: open the report, read examples/quickstart/src/customer-model.ts, then make a pipeline of your own.",
);

/** Fits the pipeline for one question, predicts the customers kept aside, and compares with less than all modalities. */
async function answer<L extends Label>(question: string, truthOf: (customer: Customer) => L) {
  const recipe = customerModel<L>();
  const truth = { known: known.map(truthOf), asked: asked.map(truthOf) };
  const [samples, fresh] = [known.map(sampleOf), asked.map(sampleOf)];

  const history: { loss: number }[] = [];
  const watch = (onProgress: (progress: Progress) => void) => (progress: Progress) => {
    const { loss } = progress.part === "fit model" ? (progress.metrics ?? {}) : {};
    if (loss !== undefined) {
      // Cross-validation fits often. A loss that rises begins a new fit, and the last one is the model's.
      if (loss > (history.at(-1)?.loss ?? Number.POSITIVE_INFINITY)) history.length = 0;
      history.push({ loss });
    }
    onProgress(progress);
  };
  const fitted = await withProgress(`Learning ${question}`, (onProgress) =>
    recipe.fit(samples, truth.known, { seed, onProgress: watch(onProgress) }),
  );
  const prediction = await withProgress(`Predicting ${question}`, (onProgress) =>
    fitted.predict(fresh, { onProgress }),
  );

  // The features are the same for every comparison: extracted once, joined and learned from in part.
  const task = {
    known: { features: await fitted.transform(samples), truth: truth.known },
    asked: { features: await fitted.transform(fresh), truth: truth.asked },
    seed,
  };
  const alone: Record<string, Classification<L>> = {};
  for (const name of Object.keys(modalities) as (keyof typeof modalities)[])
    alone[name] = await withProgress(`  from ${name} alone`, () => predictFrom([name], task));

  const fields = Object.values(modalities).flat() as Field[];
  const fewer = await fitted.predict(dropModalities(fresh, { modalities: fields, share: 0.3, seed }));
  const labels = Object.fromEntries(Object.entries(alone).map(([name, { labels }]) => [name, labels]));
  const ablation = compare(truth.asked, prediction.labels, fewer.labels, labels, mostFrequent(truth.known));
  return { fitted, truth: truth.asked, prediction, alone, fewer, ablation, history };
}

type Found<L extends Label> = Awaited<ReturnType<typeof answer<L>>>;

function print<L extends Label>(title: string, { truth, prediction, alone, fewer, ablation }: Found<L>): void {
  const two = prediction.classes.length === 2;
  const auc = (of: Classification<L> | undefined) => (two && of ? rocAuc(truth, of).toFixed(3) : "");
  const percent = (share: number) => (100 * share).toFixed(1);
  console.log(`\n${title}`.padEnd(30), "accuracy (95 % interval)", two ? "   ROC AUC" : "");
  for (const { kind, modality = "", score } of ablation.rows) {
    const name = {
      all: "all together",
      without: "all, 30 % of them missing",
      only: `${modality} alone`,
      none: "the most frequent answer",
    }[kind];
    const area = auc({ all: prediction, without: fewer, only: alone[modality], none: undefined }[kind]);
    const accuracy = `${percent(score.value)} % (${percent(score.low)} to ${percent(score.high)})`;
    console.log(`  ${name.padEnd(27)} ${accuracy}${area.padStart(10)}`);
  }
}

function mostFrequent<L extends Label>(labels: readonly L[]): L {
  const counts = new Map<L, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}

async function withBytes(customer: Customer) {
  const bytes = async (path: string | null) => (path === null ? null : new Uint8Array(await readFile(path)));
  const photo = await bytes(customer.photo);
  return { ...sampleOf(customer), photoColors: photo, photoEdges: photo, voice: await bytes(customer.voice) };
}

function shown(path: string): string {
  return relative(process.env.INIT_CWD ?? process.cwd(), path);
}
