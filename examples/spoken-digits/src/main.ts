import { parseArgs } from "node:util";
import { random } from "@mmub/core";
import { wordErrorRate } from "@mmub/metrics";
import { digitRecognizer, learn } from "./recognizer.js";
import { makeDigits, plain, readDigits, slightlyVaried, utterances, varied } from "./recordings.js";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    speaker: { type: "string" },
    epochs: { type: "string" },
    utterances: { type: "string" },
    seed: { type: "string", default: "7" },
  },
});
const seed = Number(values.seed);
const draw = random(seed);

const recordings = values.data ? readDigits(values.data) : makeDigits(5, 4, seed);
const speakers = [...new Set(recordings.map(({ speaker }) => speaker))];
const unseen = values.speaker ?? speakers.at(-1)!;
if (!speakers.includes(unseen)) throw new Error(`--speaker is ${unseen}, want one of ${speakers.join(", ")}`);
const by = (own: boolean) => recordings.filter(({ speaker }) => (speaker === unseen) === own);

const epochs = Number(values.epochs ?? (values.data ? 15 : 12));
const count = Number(values.utterances ?? (values.data ? 3000 : 500));
const known = utterances(by(false), count, 4, values.data ? varied : slightlyVaried, draw.fork("known"));
const asked = utterances(by(true), 200, 4, plain, draw.fork("asked"));
console.log(
  `${recordings.length} ${values.data ? "recordings" : "made-up recordings"} of ${speakers.length} speakers; ${unseen} is kept aside.`,
);

let told = 0;
const model = await learn(known, {
  epochs,
  seed,
  onProgress({ metrics }) {
    const { epoch, loss } = metrics ?? {};
    if (epoch === undefined || loss === undefined || Math.floor(epoch) <= told) return;
    told = Math.floor(epoch);
    if (told % 5 === 0) console.log(`epoch ${told} of ${epochs}: loss ${loss.toFixed(3)}`);
  },
});

for (const [name, beamWidth] of [
  ["greedy", 1],
  ["beam of 20", 20],
] as const) {
  const recognizer = await digitRecognizer(model, beamWidth).fit([]);
  const heard = await recognizer.read(asked.map(({ audio }) => audio));
  await recognizer.dispose?.();
  const apart = (digits: Iterable<string | number>) => [...digits].join(" ");
  const rate = wordErrorRate(
    asked.map(({ digits }) => apart(digits)),
    heard.map((text) => apart(text ?? "")),
  );
  const words = asked.reduce((sum, { digits }) => sum + digits.length, 0);
  if (beamWidth === 1)
    for (const [i, { digits }] of asked.slice(0, 5).entries())
      console.log(`  said ${digits.join(" ").padEnd(8)} heard ${[...heard[i]!].join(" ")}`);
  console.log(`Word error rate on ${unseen}, ${name}: ${(100 * rate).toFixed(1)} % of ${words} words`);
}
