import {
  type Classification,
  checkParam,
  checkTargets,
  correctedT,
  disposeAll,
  encodeLabels,
  type FeatureSet,
  type Features,
  type FitOptions,
  type Fitted,
  type FittedExtractor,
  type FittedFuser,
  type FittedModel,
  type Fuser,
  type Id,
  type Json,
  type Label,
  MmubError,
  type Modalities,
  type Model,
  modalityNames,
  pipeline,
  progress,
  type Regression,
  type RunOptions,
  random,
  reasonOf,
  type Sample,
  type Saved,
  stackFeatures,
  takeFeatures,
  turn,
} from "@mmub/core";
import { concat } from "./concat.js";

const part = "@mmub/fusion/compare-fusers";

export interface CompareFusersOptions<
  M extends Modalities,
  Target extends Label,
  Output extends Classification | Regression,
> extends Omit<FitOptions, "seed"> {
  /** An extractor for each modality, by name, as in `pipeline`: fitted anew on the training rows of each seed. */
  readonly modalities: M;
  /** What is compared, by a name of yours: fusers, or models that join the modalities themselves, such as `lateFusion()`. */
  readonly fusers: Readonly<Record<string, Fuser | Model<Target, Output, FeatureSet>>>;
  /** What learns from the fused columns, and from each modality alone (scaled by `concat()`). */
  readonly model: Model<Target, Output>;
  /** How many splits, or the seeds themselves. Each seed draws the test rows and is the seed of all parts. @default 5 */
  readonly seeds?: number | readonly number[];
  /** The share of rows to test on, of each class alike. @default 0.25 */
  readonly testShare?: number;
  /** Of each sample, what it belongs to, such as a user: samples of one group are tested on together. @default each for itself */
  readonly groups?: readonly Id[];
  /** Shares of each modality that are taken from test rows, rising from 0: the robustness curve. @default [0, 0.3, 0.6, 0.9] */
  readonly missing?: readonly number[];
  /** Higher is better. @default accuracy, or R² of numbers */
  readonly score?: (truth: readonly Target[], output: Output) => number;
  /** A gain or loss counts where chance makes one as large less often than this. @default 0.05 */
  readonly level?: number;
}

/** How one way to predict does: a modality alone, or a fuser. */
export interface ComparedFuser {
  readonly name: string;
  readonly kind: "modality" | "fuser";
  /** Over the seeds. */
  readonly mean: number;
  /** Standard deviation over the seeds; 0 of one seed. */
  readonly sd: number;
  /** By seed. */
  readonly scores: readonly number[];
  /** `mean` less that of the best modality alone. */
  readonly gain: number;
  /** Of the gain, two-sided: Student's t corrected for training rows that the splits share. Null of one seed. */
  readonly pValue: number | null;
  /** Whether the gain is one: `"unclear"` where chance may have made it. */
  readonly verdict: "helps" | "hurts" | "unclear";
  /** Numbers in what the fuser and the model save. */
  readonly parameters: number;
  /** Milliseconds of fitting fuser and model, mean over the seeds; extractors left out. */
  readonly fitMs: number;
  /** The mean score with shares of each modality taken from the test rows. */
  readonly curve: readonly { readonly missing: number; readonly score: number }[];
  /** The mean height of the curve, by trapezoids. */
  readonly area: number;
}

export interface FuserComparison {
  /** Modalities alone, then fusers; of each the best first. */
  readonly rows: readonly ComparedFuser[];
  /** The modality that is best alone: the gains are over it. */
  readonly bestModality: string;
  /** What could not be fitted or asked; not among `rows`. */
  readonly failures: readonly { readonly name: string; readonly seed: number; readonly error: unknown }[];
  /** In words: what fusion gained, and where it hurts. */
  readonly advice: readonly string[];
  /** The rows as a table in Markdown. */
  readonly table: string;
}

/**
 * Which fuser to take, and whether to fuse at all: each fuser and each modality alone, on the same splits, with the same model behind.
 *
 * A table with mean and spread over the seeds, the gain over the best modality alone with a paired test, parameters, time, and the
 * curve of the score as modalities go missing from test rows. The best modality is chosen by the scores that the gain is taken over, so that a gain
 * is rather told too small. A test needs some seeds: of 2 or 3 hardly anything but a large gain shows.
 * Rejects what `pipeline` does, less than two modalities, and what leaves no row to train or test on. A fuser that throws is among
 * `failures`, the others are compared. Cost: seeds x (fusers + modalities) fits, and for each a prediction for each share.
 * Source: Nadeau & Bengio (2003) for the test; Liang et al. (2021), MultiBench, for the curve.
 *
 * @example
 * import { compareFusers, concat, gated, vector } from "@mmub/fusion";
 * import { logisticRegression } from "@mmub/models";
 *
 * const samples = Array.from({ length: 40 }, (_, i) => ({ taste: [i % 2, i % 3], visits: i % 5 ? [i % 7] : null }));
 * const { table, advice } = await compareFusers(samples, samples.map(({ taste }) => (taste[0] ? "buy" : "leave")), {
 *   modalities: { taste: vector(), visits: vector() },
 *   fusers: { concat: concat(), gated: gated({ units: 4, epochs: 2 }) },
 *   model: logisticRegression<"buy" | "leave">(),
 *   seeds: 3,
 * });
 * console.log(table, advice);
 */
export async function compareFusers<
  M extends Modalities,
  Target extends Label,
  Output extends Classification | Regression,
>(
  samples: readonly Sample<M>[],
  targets: readonly Target[],
  options: CompareFusersOptions<M, Target, Output>,
): Promise<FuserComparison> {
  const { modalities, fusers, model, seeds = 5, testShare = 0.25, groups, level = 0.05 } = options;
  const { missing = [0, 0.3, 0.6, 0.9], score = defaultScore, signal, batchSize } = options;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(part, name, value, ok, want);
  await turn(signal);
  const names = modalityNames(modalities ?? {});
  check("modalities", names, names.length > 1, "at least two, so that there is something to fuse");
  check("fusers", fusers, Object.keys(fusers ?? {}).length > 0, "at least one, such as { concat: concat() }");
  const clash = names.find((name) => Object.hasOwn(fusers, name));
  check(`fusers.${clash}`, clash, clash === undefined, "another name than that of a modality");
  const draws = typeof seeds === "number" ? Array.from({ length: seeds }, (_, seed) => seed) : seeds;
  check("seeds", seeds, draws.length > 0 && draws.every(Number.isSafeInteger), "a positive integer, or integers");
  check("testShare", testShare, testShare > 0 && testShare < 1, "a share between 0 and 1");
  check("level", level, level > 0 && level < 1, "a number between 0 and 1");
  const rising = missing[0] === 0 && missing.every((rate, i) => i === 0 || rate > missing[i - 1]!);
  check("missing", missing, rising && missing.at(-1)! <= 1, "shares that rise from 0 to at most 1");
  checkTargets(targets, samples.length, part);
  if (groups && groups.length !== samples.length)
    throw new MmubError("invalid-input", {
      part,
      message: `got ${groups.length} groups for ${samples.length} samples, want one for each`,
    });

  const running: RunOptions = { ...(signal && { signal }), ...(batchSize !== undefined && { batchSize }) };
  const candidates: Candidate[] = [
    ...names.map((name) => ({ name, kind: "modality" as const, fuser: concat(), sees: [name] })),
    ...Object.entries(fusers).map(([name, fuser]) => ({ name, kind: "fuser" as const, fuser, sees: names })),
  ];
  const runs = new Map(candidates.map(({ name }) => [name, [] as Run[]]));
  const failures: { name: string; seed: number; error: unknown }[] = [];
  const report = progress(options, part, draws.length * candidates.length);
  let done = 0;
  let testOverTrain = 0;
  for (const seed of draws) {
    const { train, test } = splitOf(targets, groups, testShare, seed);
    testOverTrain += test.length / train.length / draws.length;
    const [known, truth] = [train.map((row) => targets[row]!), test.map((row) => targets[row]!)];
    const own = { ...running, seed };
    // The extractors' part of a pipeline, with all that it checks and says.
    const extracted = await pipeline({ modalities, model: keeps }).fit(
      train.map((row) => samples[row]!),
      known,
      own,
    );
    const { features } = extracted.model as unknown as Kept;
    const asked = await extracted.transform(
      test.map((row) => samples[row]!),
      running,
    );
    const spoilt = await spoiltBy(missing, asked, extracted.extractors, seed);
    for (const { name, fuser, sees } of candidates) {
      try {
        const run = await runOf(
          fuser,
          model as Model<unknown, unknown>,
          only(features, sees),
          known,
          own,
          async (predict) => {
            const scores: number[] = [];
            for (const x of spoilt) scores.push(score(truth, (await predict(only(x, sees))) as Output));
            return scores;
          },
        );
        const bad = run.curve.find((value) => !Number.isFinite(value));
        if (bad !== undefined)
          throw new MmubError("invalid-input", { part, message: `the score is ${bad}, want a number` });
        runs.get(name)!.push(run);
      } catch (error) {
        signal?.throwIfAborted();
        failures.push({ name, seed, error });
      }
      report(++done);
      await turn(signal);
    }
    await disposeAll(Object.values(extracted.extractors));
  }

  const failed = new Set(failures.map(({ name }) => name));
  const whole = candidates.filter(({ name }) => !failed.has(name));
  const meanOf = (name: string) => mean(runs.get(name)!.map(({ curve }) => curve[0]!));
  const alone = whole.filter(({ kind }) => kind === "modality").sort((a, b) => meanOf(b.name) - meanOf(a.name));
  if (alone.length === 0) throw failures[0]!.error;
  const bestModality = alone[0]!.name;
  const base = runs.get(bestModality)!;
  const rows = whole.map(({ name, kind }): ComparedFuser => {
    const of = runs.get(name)!;
    const scores = of.map(({ curve }) => curve[0]!);
    const differences = scores.map((value, i) => value - base[i]!.curve[0]!);
    const gain = mean(differences);
    const pValue = differences.length > 1 ? correctedT(differences, testOverTrain).pValue : null;
    const curve = missing.map((rate, at) => ({ missing: rate, score: mean(of.map((run) => run.curve[at]!)) }));
    const shows = pValue !== null && pValue < level;
    return {
      name,
      kind,
      mean: mean(scores),
      sd: Math.sqrt(scores.reduce((sum, one) => sum + (one - mean(scores)) ** 2, 0) / Math.max(1, scores.length - 1)),
      scores,
      gain,
      pValue,
      verdict: !shows ? "unclear" : gain > 0 ? "helps" : "hurts",
      parameters: of[0]!.parameters,
      fitMs: mean(of.map(({ fitMs }) => fitMs)),
      curve,
      area: areaUnder(curve),
    };
  });
  rows.sort((a, b) => (a.kind === b.kind ? b.mean - a.mean : a.kind === "modality" ? -1 : 1));
  return { rows, bestModality, failures, advice: adviceOn(rows, bestModality, failures), table: tableOf(rows) };
}

interface Candidate {
  readonly name: string;
  readonly kind: ComparedFuser["kind"];
  readonly fuser: Fuser | Model<never, unknown, FeatureSet>;
  readonly sees: readonly string[];
}

interface Run {
  readonly curve: readonly number[];
  readonly parameters: number;
  readonly fitMs: number;
}

interface Kept extends FittedModel<null, FeatureSet> {
  readonly features: FeatureSet;
}

/** A model that only keeps what it is given. */
const keeps: Model<unknown, null, FeatureSet> = {
  type: part,
  params: {},
  fit: async (features): Promise<Kept> => ({
    features,
    predict: async () => null,
    save: () => Promise.reject(new MmubError("invalid-input", { part, message: "a comparison is not saved" })),
  }),
  load: () => Promise.reject(new MmubError("saved-mismatch", { part, message: "a comparison is not loaded" })),
};

async function runOf(
  fuser: Candidate["fuser"],
  model: Model<unknown, unknown>,
  x: FeatureSet,
  targets: readonly unknown[],
  options: FitOptions,
  scored: (predict: (x: FeatureSet) => Promise<unknown>) => Promise<number[]>,
): Promise<Run> {
  const parts: Fitted[] = [];
  try {
    const started = performance.now();
    const first = await (fuser.fit as Fuser["fit"])(x, targets, options);
    parts.push(first);
    let predict: (x: FeatureSet) => Promise<unknown>;
    if ("predict" in first) {
      // It joins the modalities itself, and needs no model behind it.
      const joint = first as unknown as FittedModel<unknown, FeatureSet>;
      predict = (of) => joint.predict(of, options);
    } else {
      const fused = first as FittedFuser;
      const behind = await model.fit(await fused.transform(x, options), targets, options);
      parts.push(behind);
      predict = async (of) => behind.predict(await fused.transform(of, options), options);
    }
    const fitMs = performance.now() - started;
    const curve = await scored(predict);
    let parameters = 0;
    for (const fitted of parts) parameters += numbersIn(await fitted.save());
    return { curve, parameters, fitMs };
  } finally {
    await disposeAll(parts);
  }
}

/** Numbers of the arrays and the state. */
function numbersIn({ arrays = {}, state, parts = {} }: Saved): number {
  const inState = (value: Json): number => {
    if (typeof value === "number") return 1;
    if (typeof value !== "object" || value === null) return 0;
    return Object.values(value).reduce((sum: number, one) => sum + inState(one as Json), 0);
  };
  const own = Object.values(arrays).reduce((sum, { length }) => sum + length, inState(state));
  return Object.values(parts).reduce((sum, one) => sum + numbersIn(one), own);
}

/** Test rows of each class alike, or whole groups, by the seed. */
function splitOf(targets: readonly Label[], groups: readonly Id[] | undefined, testShare: number, seed: number) {
  const chance = random(seed).fork(part);
  const unitOf: readonly Id[] = groups ?? targets.map((_, row) => row);
  const units = chance.shuffle([...new Set(unitOf)]);
  // In the order of their classes every share of them has the classes' own shares.
  if (!groups && !isRegression(targets)) {
    const { classOf } = encodeLabels(targets, part);
    units.sort((a, b) => classOf[a as number]! - classOf[b as number]!);
  }
  const held = new Set(units.filter((_, at) => Math.floor((at + 1) * testShare) > Math.floor(at * testShare)));
  const rows = unitOf.map((_, row) => row);
  const [train, test] = [rows.filter((row) => !held.has(unitOf[row]!)), rows.filter((row) => held.has(unitOf[row]!))];
  if (train.length === 0 || test.length === 0)
    throw new MmubError("invalid-input", {
      part,
      message: `${units.length} ${groups ? "groups" : "samples"} leave ${train.length} rows to train and ${test.length} to test on at a testShare of ${testShare}, want some of both`,
    });
  return { train, test };
}

function isRegression(targets: readonly Label[]): boolean {
  return targets.every((target) => typeof target === "number") && new Set(targets).size > 20;
}

/** The features for each share of missing modalities; what a larger share takes holds what a smaller one did. */
async function spoiltBy(
  missing: readonly number[],
  features: FeatureSet,
  extractors: Readonly<Record<string, FittedExtractor<never>>>,
  seed: number,
): Promise<readonly FeatureSet[]> {
  const all: Record<string, { rows: Features; fate: readonly number[] }> = {};
  for (const [name, own] of Object.entries(features)) {
    const chance = random(seed).fork(`${part} missing ${name}`);
    const none = await extractors[name]!.transform([null as never]);
    all[name] = { rows: stackFeatures([own, none]), fate: Array.from({ length: own.rows }, () => chance.next()) };
  }
  return missing.map((rate) => {
    if (rate === 0) return features;
    return Object.fromEntries(
      Object.entries(all).map(([name, { rows, fate }]) => [
        name,
        takeFeatures(
          rows,
          fate.map((own, row) => (own < rate ? fate.length : row)),
        ),
      ]),
    );
  });
}

function only(features: FeatureSet, names: readonly string[]): FeatureSet {
  return Object.fromEntries(names.map((name) => [name, features[name]!]));
}

function defaultScore(truth: readonly unknown[], output: Classification | Regression): number {
  if ("labels" in output) return mean(truth.map((label, row) => Number(label === output.labels[row])));
  const numbers = truth as readonly number[];
  const center = mean(numbers);
  const off = numbers.reduce((sum, value, row) => sum + (value - output.values[row]!) ** 2, 0);
  return 1 - off / numbers.reduce((sum, value) => sum + (value - center) ** 2, 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value / values.length, 0);
}

function areaUnder(curve: ComparedFuser["curve"]): number {
  if (curve.length === 1) return curve[0]!.score;
  let area = 0;
  for (const [i, { missing, score }] of curve.entries())
    if (i > 0) area += ((missing - curve[i - 1]!.missing) * (score + curve[i - 1]!.score)) / 2;
  return area / (curve.at(-1)!.missing - curve[0]!.missing);
}

function adviceOn(rows: readonly ComparedFuser[], best: string, failures: FuserComparison["failures"]): string[] {
  const shown = (value: number) => Number(value.toPrecision(3));
  const advice: string[] = [];
  const fused = rows.filter(({ kind }) => kind === "fuser");
  const alone = rows.find(({ name }) => name === best)!;
  const chance = ({ pValue }: ComparedFuser) => (pValue === null ? "one seed, no test" : `p = ${shown(pValue)}`);
  const helpful = fused.filter(({ verdict }) => verdict === "helps");
  if (helpful.length > 0)
    advice.push(
      `Fusion helps: "${helpful[0]!.name}" gains ${shown(helpful[0]!.gain)} over "${best}" alone (${chance(helpful[0]!)}).`,
    );
  else if (fused.length > 0)
    advice.push(
      `No fuser shows a gain over "${best}" alone (${shown(alone.mean)}); the best, "${fused[0]!.name}": ${shown(fused[0]!.gain)} (${chance(fused[0]!)}).`,
    );
  for (const row of fused.filter(({ verdict }) => verdict === "hurts"))
    advice.push(`"${row.name}" hurts: ${shown(row.gain)} beside "${best}" alone (${chance(row)}).`);
  for (const row of fused.filter(({ area }) => area < alone.area))
    advice.push(
      `"${row.name}" falls below "${best}" alone as modalities go missing: an area of ${shown(row.area)} to ${shown(alone.area)}.`,
    );
  for (const name of new Set(failures.map((failure) => failure.name))) {
    const { error, seed } = failures.find((failure) => failure.name === name)!;
    advice.push(`"${name}" failed at seed ${seed}: ${MmubError.is(error) ? reasonOf(error) : error}`);
  }
  return advice;
}

function tableOf(rows: readonly ComparedFuser[]): string {
  const rates = rows[0]!.curve.slice(1).map(({ missing }) => `${Math.round(missing * 100)} % missing`);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const head = ["", "score", "±", "gain", "p", "", "parameters", "fit ms", ...rates, "area"];
  const body = rows.map((row) => [
    row.kind === "modality" ? `${row.name} alone` : row.name,
    row.mean.toFixed(4),
    row.sd.toFixed(4),
    row.gain.toFixed(4),
    row.pValue === null ? "" : row.pValue.toFixed(3),
    row.verdict === "unclear" ? "" : row.verdict,
    `${row.parameters}`,
    row.fitMs.toFixed(0),
    ...row.curve.slice(1).map(({ score }) => score.toFixed(4)),
    row.area.toFixed(4),
  ]);
  return [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");
}
