// What is left of a prediction as modalities go missing, in training and in use alike.
import { type Classification, type Dense, type FeatureSet, random } from "@mmub/core";
import { concat, gated, lateFusion } from "@mmub/fusion";
import { accuracy, balancedAccuracy, take } from "@mmub/metrics";
import { classTask, logisticRegression, multiTask } from "@mmub/models";
import { mosiFiles, readMosi, rowsAt } from "../mosi.js";
import type { QualitySet, Score } from "../quality.js";

/** Shares of each modality that are taken away. */
const rates = [0, 0.3, 0.6, 0.9];

/**
 * Half of the training rows are positive and 62 % of the test rows: accuracy is ruled by where the line is drawn for rows that have little, of
 * which the balanced one knows nothing.
 */
const measures = { accuracy, "balanced accuracy": balancedAccuracy };

interface Learned {
  readonly predict: (x: FeatureSet) => Promise<Classification<string>>;
  readonly dispose?: () => unknown;
}
type Method = (x: FeatureSet, labels: readonly string[], seed: number) => Promise<Learned>;

/** Dropout and epochs are those of mosi-trimodal; the epochs are fixed, so that no rows have to judge. */
const network =
  (params: Parameters<typeof gated>[0]): Method =>
  async (x, labels, seed) => {
    const fitted = await multiTask({
      fuser: gated({ units: 32, dropout: 0.5, ...params }),
      tasks: { label: classTask<string>() },
      headDropout: 0.5,
      epochs: 10,
    }).fit(
      x,
      labels.map((label) => ({ label })),
      { seed },
    );
    return { predict: async (of) => (await fitted.predict(of)).label, dispose: () => fitted.dispose() };
  };

const linear: Method = async (x, labels, seed) => {
  const fuser = await concat({ scale: "standard" }).fit(x, labels, { seed });
  const model = await logisticRegression<string>({ C: 0.01 }).fit(await fuser.transform(x), labels, { seed });
  return { predict: async (of) => model.predict(await fuser.transform(of)) };
};

const late =
  (rule: "mean" | "product"): Method =>
  async (x, labels, seed) => {
    const model = () => logisticRegression<string>({ C: 0.01 });
    return lateFusion({ models: { text: model(), audio: model(), video: model() }, rule }).fit(x, labels, { seed });
  };

const methods: Readonly<Record<string, { readonly learn: Method; readonly filled?: boolean }>> = {
  "gated network": { learn: network({ modalityDropout: 0.3 }) },
  "gated network without modality dropout": { learn: network({ modalityDropout: 0 }) },
  "gated network, zeros filled in": { learn: network({ modalityDropout: 0, missing: "zero" }), filled: true },
  "concat and logistic regression": { learn: linear },
  "concat and logistic regression, zeros filled in": { learn: linear, filled: true },
  "late fusion by mean": { learn: late("mean") },
  "late fusion by product": { learn: late("product") },
};

export const set: QualitySet = {
  files: mosiFiles,
  folder: "mosi-trimodal",
  published: {},
  async read(folder) {
    const { labels, train, test, modalities } = readMosi(folder);
    const [known, truth] = [take(labels, train), take(labels, test)];
    // Standardised by the training rows, so that a zero is the mean.
    const scaled: Record<string, Dense> = {};
    for (const [name, all] of Object.entries(modalities)) {
      const one = await concat({ scale: "standard" }).fit({ [name]: rowsAt({ [name]: all }, train)[name]! }, known);
      scaled[name] = (await one.transform({ [name]: all })) as Dense;
    }

    return async function* (seed): AsyncGenerator<Score> {
      const curves: Record<string, number[]> = {};
      for (const rate of rates) {
        const chance = random(seed).fork(`missing ${rate}`);
        const less = Object.fromEntries(
          Object.entries(scaled).map(([name, all]) => [name, without(all, chance.fork(name), rate)]),
        );
        const filled = Object.fromEntries(
          Object.entries(less).map(([name, { present: _, ...all }]) => [name, all as Dense]),
        );
        function* scores(method: string, said: readonly string[]): Generator<Score> {
          for (const [measure, of] of Object.entries(measures)) {
            const value = of(truth, said);
            const key = JSON.stringify([method, measure]);
            curves[key] = [...(curves[key] ?? []), value];
            yield { method, metric: `${measure}, ${rate * 100} % missing`, value };
          }
        }
        for (const [method, { learn, filled: fills }] of Object.entries(methods)) {
          const x = fills ? filled : less;
          const fitted = await learn(rowsAt(x, train), known, seed);
          yield* scores(method, (await fitted.predict(rowsAt(x, test))).labels);
          await fitted.dispose?.();
        }
        // Of each row the modality that predicts best alone; the order was known before: text, voice, face.
        const single = await late("mean")(rowsAt(less, train), known, seed);
        const labelsOf = new Array<string>(test.length);
        for (const best of ["video", "audio", "text"]) {
          const x = Object.fromEntries(
            Object.entries(less).map(([name, all]) => [
              name,
              name === best ? all : { ...all, present: new Uint8Array(all.rows) },
            ]),
          );
          const { labels: said } = await single.predict(rowsAt(x, test));
          for (const [i, row] of test.entries())
            if (less[best]!.present[row] === 1 || labelsOf[i] === undefined) labelsOf[i] = said[i]!;
        }
        yield* scores("best modality present", labelsOf);
      }
      for (const [key, curve] of Object.entries(curves)) {
        const [method, measure] = JSON.parse(key) as [string, string];
        let area = 0;
        for (let at = 1; at < rates.length; at++)
          area += ((curve[at]! + curve[at - 1]!) / 2) * (rates[at]! - rates[at - 1]!);
        yield { method, metric: `area under ${measure}`, value: area / (rates.at(-1)! - rates[0]!) };
      }
    };
  },
};

/** The features with each row missing by chance. */
function without(
  all: Dense,
  chance: ReturnType<typeof random>,
  rate: number,
): Dense & { readonly present: Uint8Array } {
  const data = all.data.slice();
  const present = Uint8Array.from({ length: all.rows }, () => Number(chance.next() >= rate));
  for (let row = 0; row < all.rows; row++) if (!present[row]) data.fill(0, row * all.cols, (row + 1) * all.cols);
  return { layout: "dense", rows: all.rows, cols: all.cols, data, present };
}
