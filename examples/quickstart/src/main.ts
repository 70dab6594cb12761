import { spawnSync } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { saveFile } from "@mmub/core";
import { stratifiedSplit, take } from "@mmub/metrics";
import { modalityNames, sampleOf } from "./customer-model.js";
import { answer } from "./evaluate.js";
import { print } from "./print.js";
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
const [count, seed] = [Number(options.customers), Number(options.seed)];
if (!(Number.isInteger(count) && count >= 100))
  stop(`--customers is ${options.customers}, want an integer from 100 on`);
if (!Number.isSafeInteger(seed)) stop(`--seed is ${options.seed}, want an integer`);

const output = fileURLToPath(new URL("../output", import.meta.url));
const folder = options.data === undefined ? join(output, "shop") : resolve(options.data);
await mkdir(output, { recursive: true });

console.log("\nWhich customers will leave, and how do they feel? From reviews, photos, voices, events and profiles.\n");

if (options.data === undefined)
  await withProgress("Making a shop", (onProgress) => makeShop(folder, { customers: count, seed, onProgress }));
const customers = await readShop(folder).catch((error: Error) => stop(error.message));

// Some customers are kept aside: nothing is learned from them, nothing is chosen by them.
const split = stratifiedSplit(
  customers.map(({ churn, mood }) => `${churn} ${mood}`),
  { testSize: 0.3, seed },
);
const [known, asked] = [take(customers, split.train), take(customers, split.test)];

const churn = await answer<Churn>("churn", { known, asked, answerOf: (customer) => customer.churn, seed });
const mood = await answer<Mood>("mood", { known, asked, answerOf: (customer) => customer.mood, seed });
print("Will they leave?", churn, seed);
print("How do they feel?", mood, seed);

const report = join(output, "report.html");
const source = options.data ?? "made from a seed: no real customer is in it, and the effects found were planted";
await withProgress("Writing the report", () =>
  writeShopReport(report, { customers, asked, churn, mood, source, seed }),
);

// The golden customers hold bytes, not paths, so that another machine can prove that it predicts the same.
const model = join(output, "shop.mmub");
await saveFile(model, churn.fitted, { golden: await Promise.all(asked.slice(0, 3).map(withBytes)) });

console.log(`
Report: ${shown(report)}
Model:  ${shown(model)}

A second process loads the model and explains the prediction of one customer.
`);
const { id } = asked.find((customer) => modalityNames.every((name) => customer[name] !== null)) ?? asked[0]!;
const explain = fileURLToPath(new URL("explain.ts", import.meta.url));
const { status } = spawnSync(process.execPath, [...process.execArgv, explain, model, folder, id], { stdio: "inherit" });
if (status !== 0) process.exit(status ?? 1);

console.log(`
Next: open the report in a browser, then read examples/quickstart/src/customer-model.ts: the pipeline in 15 lines. Take a
modality out, or put one of yours in (docs/guide/add-a-modality.md), and start again.
`);

async function withBytes(customer: Customer) {
  const bytes = async (path: string | null) => (path === null ? null : new Uint8Array(await readFile(path)));
  const [photo, voice] = [await bytes(customer.photo), await bytes(customer.voice)];
  return { ...sampleOf(customer), photoColors: photo, photoEdges: photo, voice };
}

function shown(path: string): string {
  return relative(process.env.INIT_CWD ?? process.cwd(), path);
}

function stop(message: string): never {
  console.error(message);
  process.exit(1);
}
