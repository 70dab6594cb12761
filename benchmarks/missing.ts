// What is left of a prediction as modalities go missing, in training and in use alike: for the quality sets that ask it.
import {
  type Classification,
  dense,
  type FeatureSet,
  type Features,
  isPresent,
  random,
  stackFeatures,
  takeFeatures,
} from "@mmub/core";
import { concat, gated, lateFusion } from "@mmub/fusion";
import { accuracy, balancedAccuracy, stratifiedKFold, take } from "@mmub/metrics";
import { classTask, logisticRegression, multiTask } from "@mmub/models";
import type { Score } from "./quality.js";
import { select } from "./selection.js";

/** Shares of each modality that are taken away. */
const rates = [0, 0.3, 0.6, 0.9];

const measures = { accuracy, "balanced accuracy": balancedAccuracy };

interface Learned {
  readonly predict: (x: FeatureSet) => Promise<Classification<string>>;
  readonly dispose?: () => unknown;
}
type Method = (x: FeatureSet, labels: readonly string[], seed: number) => Promise<Learned>;

export interface MissingData {
  readonly labels: readonly string[];
  readonly train: Uint32Array;
  readonly test: Uint32Array;
  /** Such that a zero says nothing: dense ones of mean 0 over the training rows. The best alone comes first: known before, from elsewhere. */
  readonly modalities: Readonly<Record<string, Features>>;
  /** Of logistic regression on each modality and on all. */
  readonly C: number;
  /** How columns are scaled where they are put side by side. @default "none" */
  readonly scale?: "standard" | "none";
  /**
   * What all modalities but the first may be multiplied with where they are put side by side: chosen by cross-validation of the training rows
   * that are left, at each rate. @default [1]
   */
  readonly weights?: readonly number[];
  /** The epochs are fixed, so that no rows have to judge. `standardize`: as in `multiTask`. */
  readonly network: { readonly dropout: number; readonly epochs: number; readonly standardize?: boolean };
}

/** Scores of every method at each rate, and the areas under them. */
export async function* missingScores(data: MissingData, seed: number): AsyncGenerator<Score> {
  const { labels, train, test, modalities, C } = data;
  const [known, truth] = [take(labels, train), take(labels, test)];
  const methods = methodsOf(data);
  const curves: Record<string, number[]> = {};
  for (const rate of rates) {
    const chance = random(seed).fork(`missing ${rate}`);
    const less = Object.fromEntries(
      Object.entries(modalities).map(([name, all]) => [name, without(all, chance.fork(name), rate)]),
    );
    const filled = Object.fromEntries(
      Object.entries(less).map(([name, { present: _, ...all }]) => [name, all as Features]),
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
    // Of each row the modality that predicts best alone.
    const single = await late(C, "mean")(rowsAt(less, train), known, seed);
    const labelsOf = new Array<string>(test.length);
    for (const best of Object.keys(modalities).reverse()) {
      const x = Object.fromEntries(
        Object.entries(less).map(([name, all]) => [
          name,
          name === best ? all : { ...all, present: new Uint8Array(all.rows) },
        ]),
      );
      const { labels: said } = await single.predict(rowsAt(x, test));
      for (const [i, row] of test.entries())
        if (isPresent(less[best]!, row) || labelsOf[i] === undefined) labelsOf[i] = said[i]!;
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
}

/** These rows of every modality. */
export function rowsAt(features: FeatureSet, rows: Uint32Array): FeatureSet {
  return Object.fromEntries(Object.entries(features).map(([name, all]) => [name, takeFeatures(all, rows)]));
}

function methodsOf({
  C,
  scale = "none",
  weights = [1],
  network: { dropout, epochs, standardize = true },
}: MissingData) {
  const network =
    (params: Parameters<typeof gated>[0]): Method =>
    async (x, labels, seed) => {
      const fitted = await multiTask({
        fuser: gated({ units: 32, dropout, ...params }),
        tasks: { label: classTask<string>() },
        headDropout: dropout,
        epochs,
        standardize,
      }).fit(
        x,
        labels.map((label) => ({ label })),
        { seed },
      );
      return { predict: async (of) => (await fitted.predict(of)).label, dispose: () => fitted.dispose() };
    };
  const linear: Method = async (x, labels, seed) => {
    const learned = async (of: FeatureSet, known: readonly string[], weight: number): Promise<Learned> => {
      const others = Object.keys(of).slice(1);
      const fuser = await concat({ scale, weights: Object.fromEntries(others.map((name) => [name, weight])) }).fit(
        of,
        known,
        { seed },
      );
      const model = await logisticRegression<string>({ C }).fit(await fuser.transform(of), known, { seed });
      return { predict: async (other) => model.predict(await fuser.transform(other)) };
    };
    const candidates = weights.map((weight) => ({
      weight,
      predict: async (from: Uint32Array, to: Uint32Array) => {
        const one = await learned(rowsAt(x, from), take(labels, from), weight);
        return (await one.predict(rowsAt(x, to))).labels;
      },
    }));
    const folds = stratifiedKFold(labels, { folds: 3, seed });
    const [only] = candidates;
    const { weight } =
      candidates.length === 1 ? only! : await select(candidates, { labels, folds, seed, rule: "best" });
    return learned(x, labels, weight);
  };
  const lateOf = (rule: Rule) => late(C, rule);
  return {
    "gated network": { learn: network({ modalityDropout: 0.3 }) },
    "gated network without modality dropout": { learn: network({ modalityDropout: 0 }) },
    "gated network, zeros filled in": { learn: network({ modalityDropout: 0, missing: "zero" }), filled: true },
    "concat and logistic regression": { learn: linear },
    "concat and logistic regression, zeros filled in": { learn: linear, filled: true },
    "late fusion by mean": { learn: lateOf("mean") },
    "late fusion by product": { learn: lateOf("product") },
    "late fusion, weighted by skill": { learn: lateOf("weighted") },
    "late fusion by stacking": { learn: lateOf("stacking") },
  } as Readonly<Record<string, { readonly learn: Method; readonly filled?: boolean }>>;
}

type Rule = "mean" | "product" | "weighted" | "stacking";

function late(C: number, rule: Rule): Method {
  return async (x, labels, seed) => {
    const models = Object.fromEntries(Object.keys(x).map((name) => [name, logisticRegression<string>({ C })]));
    return lateFusion({ models, rule, stacker: logisticRegression<string>() }).fit(x, labels, { seed });
  };
}

/** The features with each row missing by chance, beside those that are. */
function without(all: Features, chance: ReturnType<typeof random>, rate: number): Features {
  const rows = Array.from({ length: all.rows }, (_, row) => (chance.next() >= rate ? row : all.rows));
  return takeFeatures(stackFeatures([all, emptied(all)]), rows);
}

/** A row without the modality. */
function emptied(all: Features): Features {
  const present = new Uint8Array(1);
  if (all.layout === "dense") return { ...dense(1, all.cols), present };
  const offsets = new Uint32Array(2);
  if (all.layout === "sequence") return { ...all, rows: 1, offsets, data: new Float32Array(0), present };
  return { ...all, rows: 1, offsets, columns: new Uint32Array(0), values: new Float32Array(0), present };
}
