import { loadFile, verifyFile } from "@mmub/core";
import { modalityContributions } from "@mmub/metrics";
import { customerModel, modalityNames, ofCustomers } from "./customer-model.js";
import { type Churn, readShop } from "./shop/read.js";

// Run by main.ts in a process of its own: explain.ts <model> <shop> <customer>
const [model, folder, id] = process.argv.slice(2);
if (!model || !folder || !id) throw new Error("usage: explain.ts <model> <shop> <customer>");

const recipe = customerModel<Churn>();
const { inputs, maxDifference } = await verifyFile(model, recipe);
console.log(
  `  ${inputs} golden customers are predicted as they were when the model was saved (largest difference ${maxDifference}).`,
);

const fitted = await loadFile(model, recipe);
const customer = (await readShop(folder)).find((each) => each.id === id);
if (!customer) throw new Error(`there is no customer ${id} in ${folder}`);
const [explained] = await modalityContributions(ofCustomers(fitted), [customer], {
  modalities: modalityNames,
  label: "leaves",
});
const { score, base, shapley } = explained!;

const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
console.log(`
  Customer ${id} leaves with a probability of ${percent(score)}. Of someone of whom nothing is known it is ${percent(base)}; then add, in points:
`);
for (const name of modalityNames) {
  const points = 100 * shapley[name];
  const bar = (points < 0 ? "−" : "+").repeat(Math.round(Math.abs(points) / 2));
  const added = `${points < 0 ? "−" : "+"}${Math.abs(points).toFixed(1)}`.padStart(6);
  console.log(`    ${name.padEnd(8)} ${customer[name] === null ? "missing" : `${added}  ${bar}`}`);
}
if (customer.review !== null) console.log(`\n  They wrote: "${customer.review}"`);
console.log(`  In truth the customer ${customer.churn}.`);
