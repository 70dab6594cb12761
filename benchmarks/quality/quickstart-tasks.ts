// Two questions at once: --data is the folder of a shop as examples/quickstart makes it, examples/quickstart/output/shop.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type BehaviorEvent, columns, rfm } from "@mmub/behavior";
import type { FeatureSet } from "@mmub/core";
import { gated } from "@mmub/fusion";
import { colorHistogram } from "@mmub/image";
import { accuracy, balancedAccuracy, stratifiedKFold, take } from "@mmub/metrics";
import { classTask, multiTask } from "@mmub/models";
import { tfidf } from "@mmub/text";
import { parseCsv } from "../files.js";
import { rowsAt } from "../missing.js";
import type { QualitySet, Score } from "../quality.js";

/** Of one row in so many the mood is known in the training. */
const rare = 8;

const weights = {
  "weights of 1": {},
  uncertainty: "uncertainty",
  gradNorm: "gradNorm",
  pcGrad: "pcGrad",
} as const;

/** Churn, which all training rows tell, and the mood, which few do: by a network of both, and by one each. */
export const set: QualitySet = {
  files: ["customers.csv", "reviews.jsonl", "events.jsonl"],
  published: {},
  async read(folder) {
    const text = (file: string) => readFileSync(join(folder, file), "utf8");
    const customers = parseCsv(text("customers.csv"));
    const lines = <T>(file: string) =>
      text(file)
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as T & { readonly customer: string });
    const reviews = new Map(lines<{ text: string }>("reviews.jsonl").map((line) => [line.customer, line.text]));
    const events = new Map<string, BehaviorEvent[]>();
    for (const { customer, ...event } of lines<BehaviorEvent>("events.jsonl"))
      events.set(customer, [...(events.get(customer) ?? []), event]);
    const raw = {
      review: customers.map(({ id }) => reviews.get(id!) ?? null),
      photo: customers.map(({ id }) => join(folder, "photos", `${id}.jpg`)).map((at) => (existsSync(at) ? at : null)),
      events: customers.map(({ id }) => events.get(id!) ?? null),
      profile: customers.map(({ id: _, churn: __, mood: ___, ...profile }) => profile),
    };
    const labels = customers.map(({ churn, mood }) => ({ churn: churn!, mood: mood! }));

    return async function* (seed): AsyncGenerator<Score> {
      const churns = labels.map(({ churn }) => churn);
      const [{ train, test }] = stratifiedKFold(churns, { folds: 3, seed }) as [
        { train: Uint32Array; test: Uint32Array },
      ];
      const extracted = async <T>(
        extractor: {
          fit(inputs: (T | null)[]): Promise<{ transform(inputs: (T | null)[]): Promise<FeatureSet[string]> }>;
        },
        inputs: (T | null)[],
      ) => (await extractor.fit(take(inputs, train))).transform(inputs);
      const x: FeatureSet = {
        review: await extracted(tfidf({ minDf: 3, sublinearTf: true }), raw.review),
        photo: await extracted(colorHistogram({ bins: [6, 4, 6], normalize: "sqrt" }), raw.photo),
        events: await extracted(rfm({ purchaseTypes: ["order"], windowsDays: [7, 30, 90, 180] }), raw.events),
        profile: await extracted(columns({ log: true }), raw.profile),
      };
      const known = take(labels, train).map(({ churn, mood }, i) => ({ churn, mood: i % rare === 0 ? mood : null }));
      const truth = take(labels, test);
      const training = { fuser: gated({ units: 32, dropout: 0.3 }), headDropout: 0.3, epochs: 30 };
      const scores = function* (method: string, task: "churn" | "mood", said: readonly string[]): Generator<Score> {
        const is = truth.map((one) => one[task]);
        yield { method, metric: `${task}, accuracy`, value: accuracy(is, said) };
        yield { method, metric: `${task}, balanced accuracy`, value: balancedAccuracy(is, said) };
      };
      for (const task of ["churn", "mood"] as const) {
        const rows = Uint32Array.from(known.flatMap((one, row) => (one[task] === null ? [] : [row])));
        const single = multiTask({ ...training, tasks: { answer: classTask<string>() } });
        const fitted = await single.fit(
          rowsAt(rowsAt(x, train), rows),
          take(known, rows).map((one) => ({ answer: one[task]! })),
          { seed },
        );
        yield* scores("single task", task, (await fitted.predict(rowsAt(x, test))).answer.labels);
        await fitted.dispose();
      }
      for (const [name, taskWeights] of Object.entries(weights)) {
        const tasks = { churn: classTask<string>(), mood: classTask<string>() };
        const fitted = await multiTask({ ...training, tasks, taskWeights }).fit(rowsAt(x, train), known, { seed });
        const said = await fitted.predict(rowsAt(x, test));
        for (const task of ["churn", "mood"] as const) yield* scores(`joint, ${name}`, task, said[task].labels);
        await fitted.dispose();
      }
    };
  },
};
