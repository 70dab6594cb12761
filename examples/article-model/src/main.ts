import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Classification } from "@mmub/core";
import {
  accuracy,
  bootstrapIntervals,
  labelCounts,
  take as pick,
  randomSplit,
  renderSvg,
  rocAuc,
  trainingCurve,
} from "@mmub/metrics";
import { logisticRegression } from "@mmub/models";
import { chances, learn } from "./seed-model.js";
import { makeUsers, sideBySide, take } from "./users.js";

const { values: options } = parseArgs({
  options: {
    users: { type: "string", default: "2000" },
    epochs: { type: "string", default: "50" },
    seed: { type: "string", default: "42" },
    out: { type: "string", default: "output" },
  },
});
const [users, epochs, seed] = [options.users, options.epochs, options.seed].map(Number) as [number, number, number];
for (const [name, value, least] of [
  ["users", users, 20],
  ["epochs", epochs, 1],
  ["seed", seed, 0],
] as const)
  if (!(Number.isSafeInteger(value) && value >= least)) {
    console.error(`--${name} is ${options[name]}, want a whole number from ${least} on`);
    process.exit(1);
  }

const { vectors, buys } = makeUsers(users, seed);
const { train, test } = randomSplit(users, { testSize: 0.2, seed });
const [known, asked] = [take(vectors, train), take(vectors, test)];
const [learned, truth] = [pick(buys, train), pick(buys, test)];
console.log(
  `Do they buy? ${train.length} users to learn from, ${test.length} to predict; three vectors of 300 numbers each.\n`,
);

const started = performance.now();
const model = await learn(known, learned, { epochs, seed });
const seconds = (performance.now() - started) / 1000;
const predicted = await chances(model, asked);
for (const { epoch, loss } of model.history)
  if (epoch === 1 || epoch % 10 === 0 || epoch === epochs)
    console.log(`epoch ${String(epoch).padStart(3)}   training loss ${loss.toFixed(4)}`);
await model.dispose();

const linear = await logisticRegression<number>({ C: [1e-4, 1e-3, 1e-2, 0.1] }).fit(sideBySide(known), learned, {
  seed,
});
const rival = await linear.predict(sideBySide(asked));

console.log(`\n${"".padEnd(24)}accuracy (95 % interval)      AUC   seconds`);
const labels = Array.from(predicted, (chance) => Number(chance >= 0.5));
line("the network", labels, predicted, seconds.toFixed(1));
line("logistic regression", rival.labels, secondOf(rival), "");
const most = Math.max(...[0, 1].map((label) => truth.filter((one) => one === label).length));
console.log(`${"always the same answer".padEnd(24)}${percent(most / truth.length)}`);

await mkdir(options.out, { recursive: true });
const plots = {
  "training-loss.svg": trainingCurve(
    model.history.map(({ loss }) => ({ loss })),
    { title: "Training loss", measure: "Binary cross-entropy" },
  ),
  "labels.svg": labelCounts(truth.map(named), labels.map(named), {
    title: "Predicted and true labels of the test users",
  }),
};
for (const [name, plot] of Object.entries(plots)) await writeFile(join(options.out, name), await renderSvg(plot));
console.log(
  `\nPlots: ${Object.keys(plots)
    .map((name) => join(options.out, name))
    .join(", ")}`,
);

function line(name: string, answers: readonly number[], scores: ArrayLike<number>, time: string): void {
  const [right] = bootstrapIntervals(truth.length, (rows) => [accuracy(pick(truth, rows), pick(answers, rows))]);
  const { value, low, high } = right!;
  const interval = `${percent(value)} (${percent(low)} to ${percent(high)})`;
  console.log(
    `${name.padEnd(24)}${interval.padEnd(27)}${rocAuc(truth, Float64Array.from(scores)).toFixed(3).padStart(6)}${time.padStart(10)}`,
  );
}

function secondOf({ probabilities }: Classification<number>): Float64Array {
  return Float64Array.from({ length: probabilities.rows }, (_, row) => probabilities.data[2 * row + 1]!);
}

function named(label: number): string {
  return label === 1 ? "buys" : "leaves";
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
