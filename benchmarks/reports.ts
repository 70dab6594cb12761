// The report of four sets of real data, made and looked at in a real browser:
// npm run reports -- [--data <folder with the sets>] [--out <folder>] [--only <set>] [--language en|zh]
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { voiceFeatures } from "@mmub/audio";
import { columns } from "@mmub/behavior";
import type { Classification, Dense } from "@mmub/core";
import { concat, lateFusion, pipeline } from "@mmub/fusion";
import { colorHistogram, hog } from "@mmub/image";
import { type Language, type ReportContent, reportOf, take, writeReport } from "@mmub/metrics";
import { gradientBoostingClassifier, logisticRegression } from "@mmub/models";
import { tfidf } from "@mmub/text";
import { parseCsv } from "./files.js";
import { readProducts } from "./flipkart.js";
import { rowsAt } from "./missing.js";
import { readMosi } from "./mosi.js";
import { checkPage } from "./page-check.js";
import { readWaves } from "./speech.js";
import { cache, here } from "./venv.js";

const { values } = parseArgs({
  options: {
    data: { type: "string", default: join(here, "..", "..", "shared", "data") },
    out: { type: "string", default: join(cache, "reports") },
    only: { type: "string" },
    language: { type: "string", default: "en" },
  },
});
const language = values.language as Language;
const seed = 7;

const reports: Record<string, (folder: string) => Promise<ReportContent>> = {
  async "ravdess-speech"(folder) {
    const clips = parseCsv(readFileSync(join(folder, "labels.csv"), "utf8"));
    const waves = readWaves(
      join(folder, "wav"),
      clips.map(({ file }) => file!),
    );
    const sentences = ["", "Kids are talking by the door", "Dogs are sitting by the door"];
    const samples = clips.map(({ gender, statement }, row) => ({
      voice: waves[row]!,
      speaker: { gender: gender!, sentence: sentences[Number(statement)]! },
    }));
    const labels = clips.map(({ emotion }) => emotion!);
    const rows = (isTest: boolean) => clips.flatMap(({ fold }, row) => ((fold === "4") === isTest ? [row] : []));
    const [train, test] = [rows(false), rows(true)];
    const fitted = await pipeline({
      modalities: { voice: voiceFeatures(), speaker: columns() },
      fuser: concat({ scale: "standard" }),
      model: logisticRegression<string>({ C: 0.01 }),
    }).fit(take(samples, train), take(labels, train), { seed });
    return reportOf(fitted, take(samples, test), take(labels, test), {
      title: "Which emotion is in a voice?",
      summary: "Actors who say two sentences in eight moods, told by how they sound.",
      groups: test.map((row) => clips[row]!.actor),
      card: { title: (row) => `Recording ${clips[test[row]!]!.file!.replace(".wav", "")}` },
      data: {
        learnedFrom: train.length,
        facts: [
          ["Source", "RAVDESS speech, first repetition (Livingstone and Russo 2018), CC BY-NC-SA 4.0"],
          ["Split", "the last of five folds: nobody is on both sides; intervals draw whole speakers"],
        ],
      },
      model: {
        intendedUse: "Research on voices",
        outOfScope: "Judging what a person feels",
        limits: "North American actors, who play the moods; two sentences",
      },
      language,
      seed,
    });
  },
  async "flipkart-1050"(folder) {
    const { names, labels, photos, train, test } = readProducts(folder);
    const all = names.map((name, row) => ({ name, photo: photos[row] ?? null }));
    const fitted = await pipeline({
      modalities: {
        name: tfidf({ analyzer: "char_wb", ngramRange: [2, 5], sublinearTf: true }),
        colors: colorHistogram({ normalize: "sqrt" }),
        edges: hog({ width: 96, height: 96, pixelsPerCell: [12, 12], cellsPerBlock: [2, 2] }),
      },
      fuser: concat({ weights: { colors: 0.2, edges: 0.2 } }),
      model: logisticRegression<string>({ C: 10 }),
    }).fit(take(all, train).map(views), take(labels, train), { seed });
    // A product has a name and a photo: what is left out is a whole photo, not its colours.
    const shop = {
      predict: (samples: readonly Product[]) => fitted.predict(samples.map(views)),
      save: () => fitted.save(),
    };
    const asked = take(all, test);
    return reportOf(shop, asked, take(labels, test), {
      title: "Which category is a product of?",
      summary: "Products of an Indian shop, told by their name and photo.",
      modalities: ["name", "photo"],
      card: { text: "name", picture: "photo", title: (row) => `Product ${test[row]}` },
      data: {
        learnedFrom: train.length,
        facts: [
          ["Source", "Flipkart, a sample of PromptCloud's catalogue, CC BY-SA 4.0; photos belong to the shop"],
          ["Split", "70 to 30 %, each category in proportion, as published with the data"],
        ],
      },
      model: {
        intendedUse: "Putting new products of this shop into one of seven categories, with a person to confirm",
        outOfScope: "Other shops, other categories",
        limits: "Photos of 160 pixels; names in English only",
      },
      language,
      seed,
    });
  },
  async "mosi-trimodal"(folder) {
    const { labels, train, test, modalities, transcripts, videoOf } = readMosi(folder);
    const x = rowsAt(modalities, train);
    const model = () => logisticRegression<string>({ C: 0.01 });
    const fitted = await lateFusion({ models: { text: model(), audio: model(), video: model() } }).fit(
      x,
      take(labels, train),
      { seed },
    );
    const said = { 0: "negative", 1: "positive" } as Readonly<Record<string, string>>;
    // A sample names its rows of features, so that it can be left out and shown.
    const samples = Array.from(test, (row) => ({ words: transcripts[row]!, text: row, audio: row, video: row }));
    type Sample = { readonly [Name in keyof (typeof samples)[0]]: (typeof samples)[0][Name] | null };
    const opinions = {
      async predict(asked: readonly Sample[]): Promise<Classification<string>> {
        const of = (name: "text" | "audio" | "video"): Dense => {
          const { cols, data } = modalities[name];
          const out = new Float32Array(asked.length * cols);
          const present = new Uint8Array(asked.length);
          for (const [i, { [name]: row }] of asked.entries()) {
            if (row === null) continue;
            present[i] = 1;
            out.set(data.subarray(row * cols, (row + 1) * cols), i * cols);
          }
          return { layout: "dense", rows: asked.length, cols, data: out, present };
        };
        const found = await fitted.predict({ text: of("text"), audio: of("audio"), video: of("video") });
        const name = (label: string) => said[label]!;
        return { ...found, labels: found.labels.map(name), classes: found.classes.map(name) };
      },
      save: () => fitted.save(),
    };
    const truth = Array.from(test, (row) => said[labels[row]!]!);
    const content = await reportOf(opinions, samples, truth, {
      title: "Do they like the film?",
      summary: "What people say of films in their videos, told by words, voice and face.",
      modalities: ["text", "audio", "video"],
      positive: "positive",
      groups: Array.from(test, (row) => videoOf(row)),
      slices: { fields: ["words"] },
      describe: (row) => ({
        title: `Utterance ${test[row]}`,
        text: transcripts[test[row]!]!,
        facts: [["Video", String(videoOf(test[row]!))]],
      }),
      data: {
        learnedFrom: train.length,
        facts: [
          ["Source", "CMU-MOSI by declare-lab: features of words (text-CNN), voice (openSMILE) and face (3D-CNN)"],
          ["Split", "the official one: nobody is on both sides; intervals draw whole videos"],
        ],
      },
      model: {
        intendedUse: "Research on opinions in several modalities",
        outOfScope: "Judging a person",
        limits: "English; young speakers of 2008 to 2016, alone before a camera",
      },
      notes: ["Recordings and pictures of people are not part of this set: only their features are."],
      language,
      seed,
    });
    return content;
  },
  async "online-shoppers"(folder) {
    const rows = parseCsv(readFileSync(join(folder, "online_shoppers_intention.csv"), "utf8"));
    const codes = ["OperatingSystems", "Browser", "Region", "TrafficType"];
    const sampleOf = (row: Readonly<Record<string, string>>) => {
      const { split: _, Revenue: __, ...cells } = row;
      const entries = Object.entries(cells).map(([name, cell]) => {
        const isCode = codes.includes(name) || Number.isNaN(Number(cell));
        return [name, cell === "" ? null : isCode ? cell : Number(cell)] as const;
      });
      const pick = (names: readonly string[]) => Object.fromEntries(entries.filter(([name]) => names.includes(name)));
      return {
        pages: pick(["Administrative", "Informational", "ProductRelated", "BounceRates", "ExitRates", "PageValues"]),
        minutes: pick(["Administrative_Duration", "Informational_Duration", "ProductRelated_Duration"]),
        day: pick(["SpecialDay", "Month", "Weekend"]),
        visitor: pick([...codes, "VisitorType"]),
      };
    };
    const of = (split: string) => rows.filter((row) => row.split === split);
    const [train, test] = [of("train"), of("test")];
    const answer = (row: Readonly<Record<string, string>>) => (row.Revenue === "True" ? "buys" : "leaves");
    const fitted = await pipeline({
      modalities: { pages: columns(), minutes: columns(), day: columns(), visitor: columns() },
      fuser: concat(),
      model: gradientBoostingClassifier<string>({ numLeaves: 8, numIterations: 200, learningRate: 0.05 }),
    }).fit(train.map(sampleOf), train.map(answer), { seed });
    return reportOf(fitted, test.map(sampleOf), test.map(answer), {
      title: "Will this visit end in a purchase?",
      summary: "Visits to an online shop, told by what was looked at, for how long, when and by whom.",
      positive: "buys",
      card: { title: (row) => `Visit ${row}` },
      data: {
        learnedFrom: train.length,
        facts: [
          ["Source", "Online Shoppers Purchasing Intention (Sakar and Kastro, UCI 468), CC BY 4.0"],
          ["Split", "70 to 30 %, purchases in proportion, as published with the data"],
        ],
      },
      model: {
        intendedUse: "Deciding whom to show help or an offer while the visit lasts",
        outOfScope: "Prices, credit, and anything about a person beyond this visit",
        limits: "One shop in one year; codes of regions and browsers say nothing about others",
      },
      language,
      seed,
    });
  },
};

interface Product {
  readonly name: string | null;
  /** A path; bytes where a region of it was made plain. */
  readonly photo: string | Uint8Array | null;
}

function views({ name, photo }: Product) {
  return { name, colors: photo, edges: photo };
}

mkdirSync(values.out, { recursive: true });
for (const [set, make] of Object.entries(reports)) {
  if (!set.includes(values.only ?? "")) continue;
  const path = join(values.out, `${set}.html`);
  await writeReport(path, await make(join(values.data, set)));
  const { faults, ...seen } = await checkPage(path, join(values.out, set));
  console.log(set, JSON.stringify(seen));
  for (const fault of faults) console.error(`  ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}
