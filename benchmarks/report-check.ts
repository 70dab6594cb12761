// Seeded reports, in English and Chinese, of classes and numbers, and of two runs, in a real browser: `npm run check -- report`.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dense, random } from "@mmub/core";
import { compareReports, htmlReport, type Language, reportOf } from "@mmub/metrics";
import { checkPage } from "./page-check.js";

interface Customer {
  readonly review: string | null;
  readonly photo: object | null;
  readonly voice: object | null;
  readonly visits: number | null;
  readonly city: string;
  readonly since: Date;
}

const { next, normal, integer } = random(10);
const words = ["lovely", "broke", "fast", "late", "blue", "refund", "again", "soft"];
const customers = Array.from({ length: 240 }, (_, i): Customer => {
  const shade = integer(200);
  const side = i % 40 === 0 ? 1200 : 64;
  return {
    review: next() < 0.2 ? null : Array.from({ length: 4 + integer(20) }, () => words[integer(8)]).join(" "),
    photo:
      next() < 0.3
        ? null
        : {
            data: Uint8Array.from({ length: side * side * 3 }, (_, k) => shade + (k % 50)),
            width: side,
            height: side,
            channels: 3,
          },
    voice:
      i % 3 > 0
        ? null
        : {
            samples: Float32Array.from({ length: 48_000 }, (_, k) => 0.3 * Math.sin(k / (10 + shade))),
            sampleRateHz: 48_000,
          },
    visits: next() < 0.1 ? null : integer(30),
    city: ["Rome", "Oslo", "上海"][integer(3)]!,
    since: new Date(1.6e12 + i * 1e9),
  };
});
const worth = customers.map(
  ({ review, visits, city }) =>
    (visits ?? 8) + (review?.includes("refund") ? -9 : 3) + (city === "Oslo" ? 9 * normal() : normal()),
);
const guess = ({ review, visits }: Customer) => (visits ?? 8) + (review?.includes("refund") ? -9 : 3);

function classes(weight: number) {
  return {
    async predict(samples: readonly Customer[]) {
      const chance = samples.map((sample) => 1 / (1 + Math.exp(-weight * (guess(sample) - 12))));
      return {
        labels: chance.map((p) => (p > 0.5 ? "stays" : "leaves")),
        classes: ["leaves", "stays"],
        probabilities: dense(samples.length, 2, Float32Array.from(chance.flatMap((p) => [1 - p, p]))),
      };
    },
    async save() {
      const arrays = { weights: new Float32Array(12) };
      return { type: "@mmub/models/logistic-regression", version: 1, params: { C: weight }, state: null, arrays };
    },
  };
}
const truth = worth.map((value) => (value > 12 ? "stays" : "leaves"));
const modalities = ["review", "photo", "voice", "visits"] as const;
const options = (language: Language) => ({
  modalities,
  language,
  seed: 3,
  resamples: 200,
  title: language === "zh" ? "他们会离开吗?" : "Will they leave?",
  history: [{ loss: 0.7 }, { loss: 0.4 }, { loss: 0.35 }],
  data: { learnedFrom: 400, facts: [["Source", "drawn by a seed"]] as const },
  model: { intendedUse: "checking the page", limits: "it says nothing about anyone" },
});
const content = (language: Language, weight = 0.3) => reportOf(classes(weight), customers, truth, options(language));
const numbers = {
  predict: async (samples: readonly Customer[]) => ({ values: Float64Array.from(samples, guess) }),
};

const pages: Record<string, string> = {
  "classes-en": await htmlReport(await content("en")),
  "classes-zh": await htmlReport(await content("zh")),
  numbers: await htmlReport(await reportOf(numbers, customers, worth, { ...options("en"), unit: "€" })),
  compared: await compareReports(await content("en", 0.3), await content("en", -0.1), {
    resamples: 200,
    describe: (row) => ({ title: `Customer ${row}`, text: customers[row]!.review }),
  }),
};
const folder = process.argv[2] ?? (await mkdtemp(join(tmpdir(), "mmub-report-")));
try {
  for (const [name, html] of Object.entries(pages)) {
    const path = join(folder, `${name}.html`);
    await writeFile(path, html);
    const { faults, ...seen } = await checkPage(path, process.argv[2] && join(folder, name));
    console.log(name, JSON.stringify(seen));
    for (const fault of faults) console.error(`  ${fault}`);
    if (faults.length > 0) process.exitCode = 1;
  }
} finally {
  if (!process.argv[2]) await rm(folder, { recursive: true });
}
