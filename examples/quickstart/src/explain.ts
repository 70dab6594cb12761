import { loadFile, verifyFile } from "@mmub/core";
import { modalityContributions } from "@mmub/metrics";
import { customerModel, modalities, sampleOf } from "./customer-model.js";
import { type Churn, readShop } from "./shop/read.js";

// Run by main.ts in a process of its own: explain.ts <model> <shop> <customer>
const [model, folder, id] = process.argv.slice(2);
if (!model || !folder || !id) throw new Error("usage: explain.ts <model> <shop> <customer>");

const recipe = customerModel<Churn>();
const { inputs, maxDifference } = await verifyFile(model, recipe);
console.log(
  `  ${inputs} golden customers are predicted as when the model was saved (largest difference ${maxDifference})`,
);

const fitted = await loadFile(model, recipe);
const customer = (await readShop(folder)).find((each) => each.id === id);
if (!customer) throw new Error(`there is no customer ${id} in ${folder}`);
const sample = sampleOf(customer);
const fields = Object.values(modalities).flat();
const [explained] = await modalityContributions(fitted, [sample], { modalities: fields, label: "leaves" });
const { score, base, shapley } = explained!;

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
console.log(
  `  Customer ${id} leaves with a probability of ${percent(score)}; of a customer nothing is known of it is ${percent(base)}.`,
);
for (const [name, parts] of Object.entries(modalities)) {
  const has = parts.some((field) => sample[field] !== null);
  const points = 100 * parts.reduce((sum, field) => sum + shapley[field], 0);
  const bar = (points < 0 ? "−" : "+").repeat(Math.min(40, Math.round(Math.abs(points))));
  console.log(
    `    ${name.padEnd(8)} ${has ? `${points >= 0 ? "+" : ""}${points.toFixed(1)} points  ${bar}`.trim() : "missing"}`,
  );
}
if (customer.review !== null) console.log(`  They wrote: "${customer.review}"`);
console.log(`  In truth the customer ${customer.churn}.`);
