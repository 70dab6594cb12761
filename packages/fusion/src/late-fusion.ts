import {
  type Classification,
  checkFeatureSet,
  checkModalities,
  checkParam,
  checkSaved,
  checkTargets,
  type Dense,
  dense,
  described,
  encodeLabels,
  type FeatureSet,
  type Features,
  type FitOptions,
  type Fitted,
  type FittedModel,
  type Id,
  inModality,
  isPresent,
  type Json,
  type Label,
  MmubError,
  type Model,
  modalityNames,
  progress,
  type Regression,
  type RunOptions,
  random,
  reportedAs,
  type Saved,
  savedPart,
  takeFeatures,
  turn,
} from "@mmub/core";
import { checkNames, checkSeen, checkWeights } from "./scaling.js";
import { dealtFolds } from "./skill.js";

const type = "@mmub/fusion/late-fusion";

export interface LateFusionParams<Target, Output extends Classification | Regression> {
  /** What predicts from one modality alone, by its name: any model. */
  readonly models: Readonly<Record<string, Model<Target, Output>>>;
  /**
   * How the predictions of the modalities that a row has become one:
   * `"mean"` and `"weighted"` average them;
   * `"product"` multiplies them, what all knew beforehand counted once: right where modalities, given the answer, know nothing of each other;
   * `"stacking"` has `stacker` learn from predictions for rows that the models had not seen.
   * @default "mean"
   */
  readonly rule?: "mean" | "weighted" | "product" | "stacking";
  /**
   * Of `"weighted"`: a number for each modality by its name, 1 where there is none, or `"skill"`: how much of the loss of the prior a modality
   * takes away on rows held out (log loss of classes, squared error of numbers). @default "skill"
   */
  readonly weights?: "skill" | Readonly<Record<string, number>>;
  /** Of `"stacking"`: the model that learns from predictions, such as `logisticRegression()`. @default null */
  readonly stacker?: Model<Target, Output> | null;
  /** Parts into which the rows are cut where rows are held out. @default 5 */
  readonly folds?: number;
}

export interface LateFusionFitOptions extends FitOptions {
  /** Of each row, what it belongs to, such as a speaker: rows of one group are held out together. @default each row for itself */
  readonly groups?: readonly Id[];
}

/** A prediction, and how many modalities each row of it rests on; 0: it had none, and the prediction is the prior of the fit. */
export type LateOutput<Output> = Output & { readonly modalitiesSeen: Uint8Array };

export interface LateFusion<Target, Output extends Classification | Regression>
  extends Model<Target, LateOutput<Output>, FeatureSet, LateFusionFitOptions> {
  fit(x: FeatureSet, targets: readonly Target[], options?: LateFusionFitOptions): Promise<FittedLateFusion<Output>>;
  load(saved: Saved): Promise<FittedLateFusion<Output>>;
}

export interface FittedLateFusion<Output> extends FittedModel<LateOutput<Output>, FeatureSet> {
  /** The fitted model of each modality. */
  readonly models: Readonly<Record<string, FittedModel<Output>>>;
  /** What each modality counts in a row that has all; they add up to 1. Null but for `"mean"` and `"weighted"`. */
  readonly weights: Readonly<Record<string, number>> | null;
  /** What each modality alone predicts; rows without it get the prior. */
  predictEach(x: FeatureSet, options?: RunOptions): Promise<Readonly<Record<string, LateOutput<Output>>>>;
  dispose(): Promise<void>;
}

/** What is known before any modality is seen, and how predictions are read. */
interface State {
  /** Null: numbers. */
  readonly classes: readonly Label[] | null;
  /** The share of each class, or mean and variance. */
  readonly prior: readonly number[];
  readonly cols: Readonly<Record<string, number>>;
  readonly weights: Readonly<Record<string, number>> | null;
  /** Of numbers, the mean squared error of each modality on rows held out, where the rule wants it. */
  readonly errors: Readonly<Record<string, number>> | null;
  /** Modalities that some rows of the fit lack: the stacker sees who has them. */
  readonly flagged: readonly string[];
}

/** What a model says of each row: probabilities of all classes, or one number. `present`: whether it says anything. */
interface Votes {
  readonly values: Float64Array;
  readonly present: Uint8Array;
}

/**
 * A model for each modality, their predictions joined: the decisions meet, not the features. A row is predicted from the modalities that it
 * has, weights divided by their sum; with none it gets the prior of the fit, and `modalitiesSeen` is 0.
 *
 * It is the model of a pipeline without a fuser. Output: that of the models, Classification or Regression, with `modalitiesSeen`. Each model
 * learns from the rows that have its modality; a class that these rows lack keeps its prior share there. `"product"` is
 * `p(y) · Π p(y|xₘ) / p(y)`, probabilities of at least 1e-6; of numbers the same with Gaussians, as wide as the errors on rows held out. The
 * stacker sees of each modality the logarithms of `p(y|xₘ) / p(y)`, of two classes their difference, of numbers the distance from the mean,
 * all 0 where it is missing, and a column for each modality that some row of the fit lacks.
 * Rejects other modalities than those of `models`, one that no row of the fit has, and what its models reject, with the modality and the row.
 * Cost: one fit a modality, and with `"weighted"` by skill, `"stacking"` and the `"product"` of numbers one more for each fold.
 * Source: product of experts, Hinton (2002), in the form of Bayes' rule for independent observations; stacking, Wolpert (1992) and Ting and
 * Witten, Issues in stacked generalization (1999).
 *
 * @example
 * import { dense } from "@mmub/core";
 * import { lateFusion } from "@mmub/fusion";
 * import { logisticRegression, naiveBayes } from "@mmub/models";
 *
 * const taste = dense(4, 2, Float32Array.of(0, 1, 1, 0, 0, 2, 2, 0));
 * const visits = dense(4, 1, Float32Array.of(5, 9, 4, 8));
 * const model = lateFusion({ models: { taste: naiveBayes<"buy" | "leave">(), visits: logisticRegression<"buy" | "leave">() }, rule: "product" });
 * const fitted = await model.fit({ taste, visits }, ["buy", "leave", "buy", "leave"]);
 * const { labels, modalitiesSeen } = await fitted.predict({ taste, visits });
 * console.log(labels[0], modalitiesSeen[0]); // buy 2
 */
export function lateFusion<Target, Output extends Classification | Regression>(
  params: LateFusionParams<Target, Output>,
): LateFusion<Target, Output> {
  const { models, rule = "mean", weights = "skill", stacker = null, folds = 5 } = params;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  const isModel = (model: unknown) => typeof (model as Model<unknown, unknown> | null)?.fit === "function";
  const names = modalityNames(models ?? {});
  check("models", models, names.length > 0, "a model for each modality, such as { text: logisticRegression() }");
  for (const name of names) check(`models.${name}`, models[name], isModel(models[name]), "a model");
  check("rule", rule, rules.includes(rule), rules.map((name) => `"${name}"`).join(", "));
  if (typeof weights === "object" && weights !== null) {
    checkNames("weights", weights, names, type);
    checkWeights(weights, type);
    const some = names.some((name) => (weights[name] ?? 1) > 0);
    check("weights", weights, some, "at least one above 0");
  } else check("weights", weights, weights === "skill", '"skill" or a record of numbers');
  check("stacker", stacker, stacker === null || isModel(stacker), "a model or null");
  if (rule === "stacking") check("stacker", stacker, stacker !== null, "a model, such as logisticRegression()");
  check("folds", folds, Number.isInteger(folds) && folds > 1, "an integer of at least 2");
  const recipe = {
    type,
    params: {
      models: Object.fromEntries(names.map((name) => [name, described(models[name]!)])),
      rule,
      weights: typeof weights === "object" ? { ...weights } : weights,
      stacker: stacker && described(stacker),
      folds,
    } as Json,
  };

  return {
    ...recipe,
    async fit(x, targets, options = {}) {
      await turn(options.signal);
      const rows = checkFeatureSet(x, type);
      checkTargets(targets, rows, type);
      checkModalities(x, Object.fromEntries(names.map((name) => [name, x[name]?.cols ?? 0])), type);
      const present: Record<string, Uint8Array> = {};
      for (const name of names) {
        checkSeen(x[name]!, name, type);
        present[name] = Uint8Array.from({ length: rows }, (_, row) => Number(isPresent(x[name]!, row)));
      }
      const { groups, ...running } = options;
      if (groups && groups.length !== rows)
        throw new MmubError("invalid-input", {
          part: type,
          message: `got ${groups.length} groups for ${rows} rows, want one for each`,
          rows,
        });

      const fits = { done: 0, report: progress(options, type) };
      const learn = async (model: Model<Target, Output>, of: Features, at: readonly number[], what: string) => {
        const learned = await model.fit(
          takeFeatures(of, at),
          at.map((row) => targets[row]!),
          reportedAs(running, `${type} (${what})`),
        );
        fits.report(++fits.done);
        return learned;
      };
      const done: Fitted[] = [];
      try {
        const experts: Record<string, FittedModel<Output>> = {};
        let numbers = false;
        for (const name of names) {
          const at = rowsWith(present[name]!);
          await inModality(
            name,
            async () => {
              experts[name] = await learn(models[name]!, x[name]!, at, name);
              done.push(experts[name]);
              numbers = "values" in (await experts[name].predict(takeFeatures(x[name]!, at.slice(0, 1))));
            },
            at,
          );
        }
        const state = priorOf(targets, numbers, x, names, present);
        if (!(rule === "stacking" || (rule === "weighted" && weights === "skill") || (rule === "product" && numbers)))
          return fitted(experts, null, {
            ...state,
            weights: rule === "product" ? null : shared(names, rule === "mean" ? {} : (weights as Weights)),
          });

        const goal = goalsOf(targets, state);
        const foldOf = foldsOf(rows, goal.classOf, groups);
        const votes: Record<string, Votes> = {};
        for (const name of names) {
          const width = state.classes?.length ?? 1;
          const own: Votes = { values: new Float64Array(rows * width), present: present[name]! };
          const all = rowsWith(own.present);
          for (let fold = 0; fold < folds; fold++) {
            const held = all.filter((row) => foldOf[row] === fold);
            if (held.length === 0) continue;
            const kept = all.filter((row) => foldOf[row] !== fold);
            if (kept.length === 0)
              throw new MmubError("invalid-input", {
                part: type,
                message: `modality "${name}": all rows that have it are held out together, want rows of at least two ${groups ? "groups" : "folds"} that have it`,
                modality: name,
              });
            const learned = async () => {
              const model = await learn(models[name]!, x[name]!, kept, `${name}, fold ${fold + 1}`);
              const output = await model.predict(takeFeatures(x[name]!, held), quiet(running));
              await model.dispose?.();
              const read = valuesOf(output, held.length, state);
              for (const [i, row] of held.entries())
                own.values.set(read.subarray(i * width, (i + 1) * width), row * width);
            };
            await inModality(name, learned, kept);
          }
          votes[name] = own;
        }
        const losses = Object.fromEntries(names.map((name) => [name, lossOf(votes[name]!, goal, state)]));
        if (rule === "product")
          return fitted(experts, null, {
            ...state,
            errors: Object.fromEntries(names.map((name) => [name, losses[name]!.own])),
          });
        if (rule === "weighted") {
          const skills = names.map((name) => Math.max(0, 1 - losses[name]!.own / losses[name]!.prior));
          const some = skills.some((skill) => skill > 0);
          return fitted(experts, null, {
            ...state,
            weights: shared(names, Object.fromEntries(names.map((name, i) => [name, some ? skills[i]! : 1]))),
          });
        }
        const any = Array.from({ length: rows }, (_, row) => row).filter((row) =>
          names.some((name) => present[name]![row] === 1),
        );
        return fitted(experts, await learn(stacker!, evidence(votes, rows, state), any, "stacker"), state);
      } catch (error) {
        for (const part of done) await part.dispose?.();
        throw error;
      }

      function foldsOf(count: number, classOf: Int32Array | undefined, of: readonly Id[] | undefined): Uint32Array {
        const chance = random(options.seed).fork(type);
        if (!of)
          return dealtFolds(
            Array.from({ length: count }, (_, row) => row),
            classOf,
            folds,
            chance,
          );
        const seen = new Map<Id, number>();
        for (const group of of) if (!seen.has(group)) seen.set(group, seen.size);
        const foldOfGroup = dealtFolds([...seen.values()], undefined, folds, chance);
        return Uint32Array.from(of, (group) => foldOfGroup[seen.get(group)!]!);
      }
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as unknown as State;
      const experts: Record<string, FittedModel<Output>> = {};
      for (const name of names) experts[name] = await models[name]!.load(savedPart(saved, `modality ${name}`));
      return fitted(experts, stacker && (await stacker.load(savedPart(saved, "stacker"))), state);
    },
  };

  function fitted(
    experts: Readonly<Record<string, FittedModel<Output>>>,
    top: FittedModel<Output> | null,
    state: State,
  ): FittedLateFusion<Output> {
    const votesOf = async (x: FeatureSet, options: RunOptions): Promise<Record<string, Votes>> => {
      await turn(options.signal);
      checkFeatureSet(x, type);
      checkModalities(x, state.cols, type);
      const votes: Record<string, Votes> = {};
      for (const name of names) {
        const of = x[name]!;
        const present = Uint8Array.from({ length: of.rows }, (_, row) => Number(isPresent(of, row)));
        // All rows, for what is missing is empty: taking those that are there would copy the rest.
        const output = await inModality(name, () =>
          experts[name]!.predict(of, reportedAs(options, `${type} (${name})`)),
        );
        votes[name] = { values: valuesOf(output, of.rows, state), present };
      }
      return votes;
    };
    const output = (values: Float64Array, seen: Uint8Array): LateOutput<Output> =>
      ({ ...outputOf(values, seen.length, state), modalitiesSeen: seen }) as unknown as LateOutput<Output>;

    return {
      models: experts,
      weights: state.weights,
      async predict(x, options = {}) {
        const votes = await votesOf(x, options);
        const rows = x[names[0]!]!.rows;
        const seen = Uint8Array.from({ length: rows }, (_, row) =>
          names.reduce((count, name) => count + votes[name]!.present[row]!, 0),
        );
        if (!top) return output(combined(votes, seen, rule === "product", state), seen);
        const above = valuesOf(await top.predict(evidence(votes, rows, state), quiet(options)), rows, state);
        const width = above.length / rows;
        const prior = priorValues(state);
        for (let row = 0; row < rows; row++) if (seen[row] === 0) above.set(prior, row * width);
        return output(above, seen);
      },
      async predictEach(x, options = {}) {
        const votes = await votesOf(x, options);
        return Object.fromEntries(
          names.map((name) => {
            const one = { [name]: votes[name]! };
            const { present } = votes[name]!;
            return [name, output(combined(one, present, true, { ...state, errors: { [name]: 0 } }), present.slice())];
          }),
        );
      },
      async save() {
        const parts: Record<string, Saved> = {};
        for (const name of names) parts[`modality ${name}`] = await experts[name]!.save();
        if (top) parts.stacker = await top.save();
        return { ...recipe, version: 1, state: state as unknown as Json, parts };
      },
      async dispose() {
        for (const part of [...Object.values(experts), ...(top ? [top] : [])]) await part.dispose?.();
      },
    };
  }
}

type Weights = Readonly<Record<string, number>>;

const rules: readonly string[] = ["mean", "weighted", "product", "stacking"];
const least = 1e-6;

function quiet<O extends RunOptions>({ onProgress: _, ...options }: O): Omit<O, "onProgress"> {
  return options;
}

function rowsWith(present: Uint8Array): number[] {
  return Array.from(present.keys()).filter((row) => present[row] === 1);
}

/** Numbers as shares of 1. */
function shared(names: readonly string[], weights: Weights): Weights {
  const total = names.reduce((sum, name) => sum + (weights[name] ?? 1), 0);
  return Object.fromEntries(names.map((name) => [name, (weights[name] ?? 1) / total]));
}

function priorOf(
  targets: readonly unknown[],
  numbers: boolean,
  x: FeatureSet,
  names: readonly string[],
  present: Readonly<Record<string, Uint8Array>>,
): State {
  const state = {
    cols: Object.fromEntries(names.map((name) => [name, x[name]!.cols])),
    weights: null,
    errors: null,
    flagged: names.filter((name) => present[name]!.includes(0)),
  };
  if (numbers) {
    const values = targets as readonly number[];
    const mean = values.reduce((sum, value) => sum + value / values.length, 0);
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2 / values.length, 0);
    return { ...state, classes: null, prior: [mean, variance] };
  }
  const { classes, classOf } = encodeLabels(targets as readonly Label[], type);
  const prior = classes.map(() => 0);
  for (const own of classOf) prior[own]! += 1 / targets.length;
  return { ...state, classes, prior };
}

interface Goals {
  readonly classOf?: Int32Array;
  readonly numbers?: readonly number[];
}

function goalsOf(targets: readonly unknown[], { classes }: State): Goals {
  if (!classes) return { numbers: targets as readonly number[] };
  return { classOf: encodeLabels(targets as readonly Label[], type).classOf };
}

/** What is predicted where nothing is known. */
function priorValues({ classes, prior }: State): readonly number[] {
  return classes ? prior : [prior[0]!];
}

/** Probabilities of all classes, or numbers. A class that a model never saw keeps its prior share. */
function valuesOf(output: Classification | Regression, rows: number, { classes, prior }: State): Float64Array {
  if (!classes) return Float64Array.from((output as Regression).values);
  const { probabilities, classes: own } = output as Classification;
  const positions = own.map((label) => classes.indexOf(label));
  let left = 1;
  for (const [c, label] of classes.entries()) if (!own.includes(label)) left -= prior[c]!;
  const values = new Float64Array(rows * classes.length);
  for (let row = 0; row < rows; row++) {
    const at = row * classes.length;
    if (own.length < classes.length) values.set(prior, at);
    for (const [i, c] of positions.entries()) values[at + c] = left * probabilities.data[row * own.length + i]!;
  }
  return values;
}

/** Log loss or squared error of a modality on the rows that have it, and of the prior on these. */
function lossOf({ values, present }: Votes, goal: Goals, { prior }: State): { own: number; prior: number } {
  const rows = rowsWith(present);
  const [own, before] = [
    (row: number) => {
      if (goal.numbers) return (values[row]! - goal.numbers[row]!) ** 2;
      return -Math.log(Math.max(least, values[row * prior.length + goal.classOf![row]!]!));
    },
    (row: number) => (goal.numbers ? (prior[0]! - goal.numbers[row]!) ** 2 : -Math.log(prior[goal.classOf![row]!]!)),
  ];
  const mean = (of: (row: number) => number) => rows.reduce((sum, row) => sum + of(row) / rows.length, 0);
  return { own: mean(own), prior: mean(before) };
}

/** Averages or products of what the modalities of each row say. */
function combined(
  votes: Readonly<Record<string, Votes>>,
  seen: Uint8Array,
  product: boolean,
  { classes, prior, weights, errors }: State,
): Float64Array {
  const names = Object.keys(votes);
  const width = classes?.length ?? 1;
  const out = new Float64Array(seen.length * width);
  // No modality is taken to know less than the prior does, and none to know all.
  const precision = (name: string) =>
    1 / Math.min(prior[1]!, Math.max(errors?.[name] ?? 0, 1e-9 * prior[1]!, Number.MIN_VALUE));
  for (let row = 0; row < seen.length; row++) {
    const there = names.filter((name) => votes[name]!.present[row] === 1);
    const into = out.subarray(row * width, (row + 1) * width);
    if (there.length === 0) {
      into.set(classes ? prior : [prior[0]!]);
      continue;
    }
    const say = (name: string, c: number) => votes[name]!.values[row * width + c]!;
    if (!product) {
      const given = there.map((name) => weights![name]!);
      const total = given.reduce((sum, weight) => sum + weight, 0);
      for (const [i, name] of there.entries())
        for (let c = 0; c < width; c++) into[c]! += (total > 0 ? given[i]! / total : 1 / there.length) * say(name, c);
    } else if (there.length === 1) for (let c = 0; c < width; c++) into[c] = say(there[0]!, c);
    else if (classes) {
      for (let c = 0; c < width; c++)
        into[c] = there.reduce(
          (sum, name) => sum + Math.log(Math.max(least, say(name, c))),
          (1 - there.length) * Math.log(prior[c]!),
        );
      const most = into.reduce((a, b) => Math.max(a, b));
      for (let c = 0; c < width; c++) into[c] = Math.exp(into[c]! - most);
      const total = into.reduce((a, b) => a + b);
      for (let c = 0; c < width; c++) into[c]! /= total;
    } else {
      // All targets alike: nothing to weigh.
      const before = prior[1]! > 0 ? (1 - there.length) / prior[1]! : 0;
      const of = there.map((name) => (prior[1]! > 0 ? precision(name) : 1));
      const total = of.reduce((a, b) => a + b, before);
      into[0] = there.reduce((sum, name, i) => sum + of[i]! * say(name, 0), before * prior[0]!) / total;
    }
  }
  return out;
}

/** What the stacker sees: by how much each modality moves each class away from the prior. */
function evidence(votes: Readonly<Record<string, Votes>>, rows: number, { classes, prior, flagged }: State): Dense {
  const each = !classes || classes.length === 2 ? 1 : classes.length;
  const names = Object.keys(votes);
  const out = dense(rows, names.length * each + flagged.length);
  for (let row = 0; row < rows; row++) {
    let at = row * out.cols;
    for (const name of names) {
      const { values, present } = votes[name]!;
      const width = classes?.length ?? 1;
      const moved = (c: number) => Math.log(Math.max(least, values[row * width + c]!) / prior[c]!);
      if (present[row] === 1)
        for (let c = 0; c < each; c++)
          out.data[at + c] = !classes ? values[row]! - prior[0]! : each === 1 ? moved(1) - moved(0) : moved(c);
      at += each;
    }
    for (const name of flagged) out.data[at++] = votes[name]!.present[row]!;
  }
  return out;
}

function outputOf(values: Float64Array, rows: number, { classes }: State): Classification | Regression {
  if (!classes) return { values };
  const width = classes.length;
  const data = Float32Array.from(values);
  const labels = Array.from({ length: rows }, (_, row) => {
    const own = data.subarray(row * width, (row + 1) * width);
    return classes[own.indexOf(own.reduce((a, b) => Math.max(a, b)))]!;
  });
  return { labels, classes, probabilities: { layout: "dense", rows, cols: width, data } };
}
