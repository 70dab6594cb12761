import {
  type Classification,
  checkParam,
  checkSaved,
  checkTargets,
  type Dense,
  described,
  disposeAll,
  type Features,
  type Fitted,
  type FittedModel,
  type Json,
  type Label,
  MmubError,
  type Model,
  progress,
  type RunOptions,
  type Saved,
  savedArray,
  turn,
} from "@mmub/core";
import { interpolate, inverseTemperature, isotonic, type Knots, sigmoid } from "./calibrate.js";
import { encodeLabels, softmax } from "./labels.js";
import { outputsOf } from "./linear.js";
import {
  chancesOf,
  checkFolds,
  checkModel,
  type FoldFitOptions,
  foldsOf,
  keeping,
  loadedMembers,
  outOfFold,
  quiet,
  rowsOf,
  runOptions,
  savedMembers,
  takeRows,
  toClassification,
} from "./members.js";

const type = "@mmub/models/calibrated";

export interface CalibratedParams<L extends Label = Label, X = Features> {
  /** The classifier whose probabilities are mended: the recipe of any model, a pipeline among them. */
  readonly model: Model<L, Classification<L>, X>;
  /**
   * `"sigmoid"` is Platt's, for few rows; `"isotonic"` any rising function, for a thousand rows and more; `"temperature"` one number for all
   * classes, which changes no label. @default "sigmoid"
   */
  readonly method?: "sigmoid" | "isotonic" | "temperature";
  /** Folds that the rows are dealt to, of each class an equal share. @default 5 */
  readonly folds?: number;
  /** true: the mean of one calibrated model a fold; false: one model of all rows, calibrated by those of the folds. @default true */
  readonly ensemble?: boolean;
}

export interface Calibrated<L extends Label = Label, X = Features> extends Model<L, Classification<L>, X> {
  fit(x: X, targets: readonly L[], options?: FoldFitOptions): Promise<FittedCalibrated<L, X>>;
  load(saved: Saved): Promise<FittedCalibrated<L, X>>;
}

export interface FittedCalibrated<L extends Label = Label, X = Features> extends FittedModel<Classification<L>, X> {
  /** The labels seen, sorted. */
  readonly classes: readonly L[];
  /** The fitted models, one a fold or one of all rows. */
  readonly models: readonly FittedModel<Classification<L>, X>[];
}

/**
 * A classifier whose probabilities are what they say: of rows with 0.8, eight of ten are right. Learned from the scores of rows that the
 * model has not seen; `decisionFunction` gives them where the model has one, else its probabilities.
 *
 * Input: what the model takes: features, a feature set, or the samples of a pipeline. Output: a label and probabilities; each class against
 * the rest, brought to a sum of 1, but for `"temperature"`. Rejects what the model rejects, targets that are not labels of one type, a
 * single class, and folds whose training lacks a class.
 * Cost: `folds` fits of the model, one more without `ensemble`. Source: Platt 1999, Zadrozny & Elkan 2002, Guo et al. 2017; the numbers of
 * scikit-learn's `CalibratedClassifierCV`.
 *
 * @example
 * const words = dense(8, 2, Float32Array.of(3, 0, 2, 1, 4, 0, 2, 0, 0, 3, 1, 2, 0, 1, 1, 4));
 * const kinds = ["spam", "spam", "spam", "spam", "ham", "ham", "ham", "ham"] as const;
 * const model = calibrated<"spam" | "ham">({ model: naiveBayes(), folds: 2 });
 * const { probabilities } = await (await model.fit(words, kinds, { seed: 7 })).predict(words);
 */
export function calibrated<L extends Label = Label, X = Features>(params: CalibratedParams<L, X>): Calibrated<L, X> {
  const { model, method = "sigmoid", folds = 5, ensemble = true } = params;
  checkModel(type, "model", model);
  const methods = ["sigmoid", "isotonic", "temperature"];
  checkParam(type, "method", method, methods.includes(method), methods.map((name) => `"${name}"`).join(", "));
  checkFolds(type, folds);
  checkParam(type, "ensemble", ensemble, typeof ensemble === "boolean", "true or false");
  const recipe = { type, params: { model: described(model), method, folds, ensemble } as Json };

  /** The maps from the scores of one model, row-major, to chances. */
  const learn = (scores: Float64Array, classOf: Int32Array, outputs: number): Knots[] => {
    if (method === "temperature")
      return [{ x: Float64Array.of(inverseTemperature(scores, outputs, classOf)), y: Float64Array.of(0) }];
    return Array.from({ length: outputs }, (_, output) => {
      const own = outputs === 1 ? 1 : output;
      const column = Float64Array.from(classOf, (_, row) => scores[row * outputs + output]!);
      const positive = (row: number): boolean => classOf[row] === own;
      if (method === "isotonic") return isotonic(column, positive);
      const { slope, offset } = sigmoid(column, positive);
      return { x: Float64Array.of(slope), y: Float64Array.of(offset) };
    });
  };

  /** Adds `share` of the chances of each row to `out`. */
  const apply = (maps: readonly Knots[], scores: Float64Array, classes: number, share: number, out: Float64Array) => {
    const outputs = outputsOf(classes);
    const own = new Float64Array(classes);
    for (let row = 0; row < scores.length / outputs; row++) {
      if (method === "temperature") {
        const scale = maps[0]!.x[0]!;
        for (let c = 0; c < classes; c++)
          own[c] = scale * (outputs === 1 ? (c === 1 ? 1 : -1) * scores[row]! : scores[row * outputs + c]!);
        softmax(own, 0, classes);
      } else {
        let sum = 0;
        for (let output = 0; output < outputs; output++) {
          const { x, y } = maps[output]!;
          const score = scores[row * outputs + output]!;
          const chance =
            method === "isotonic" ? interpolate(maps[output]!, score) : 1 / (1 + Math.exp(-(x[0]! * score + y[0]!)));
          own[outputs === 1 ? 1 : output] = chance;
          sum += chance;
        }
        if (outputs === 1) own[0] = 1 - own[1]!;
        else for (let c = 0; c < classes; c++) own[c] = sum > 0 ? own[c]! / sum : 1 / classes;
      }
      for (let c = 0; c < classes; c++) out[row * classes + c]! += share * own[c]!;
    }
  };

  const scoresOf = async (
    fitted: FittedModel<Classification<L>, X>,
    x: X,
    known: Classification<L> | undefined,
    classes: readonly L[],
    options: RunOptions | undefined,
  ): Promise<Float64Array> => {
    const outputs = outputsOf(classes.length);
    const decide = (fitted as Scored<X>).decisionFunction;
    if (decide) return Float64Array.from((await decide(x, options)).data);
    const chances = chancesOf(known ?? (await fitted.predict(x, options)), classes, type);
    const log = (chance: number): number => (method === "temperature" ? Math.log(chance + 1e-12) : chance);
    if (outputs > 1) return Float64Array.from(chances, log);
    return Float64Array.from({ length: chances.length / 2 }, (_, row) => {
      const [no, yes] = [chances[2 * row]!, chances[2 * row + 1]!];
      return method === "temperature" ? (log(yes) - log(no)) / 2 : yes;
    });
  };

  const fitted = (
    classes: readonly L[],
    models: readonly FittedModel<Classification<L>, X>[],
    maps: readonly (readonly Knots[])[],
  ): FittedCalibrated<L, X> => ({
    classes,
    models,
    async predict(x, options) {
      const report = progress(options, type, models.length);
      const out = new Float64Array(rowsOf(x) * classes.length);
      for (const [at, member] of models.entries()) {
        await turn(options?.signal);
        const scores = await scoresOf(member, x, undefined, classes, runOptions(options));
        apply(maps[at]!, scores, classes.length, 1 / models.length, out);
        report(at + 1);
      }
      return toClassification(Float32Array.from(out), classes);
    },
    async save() {
      const all = maps.flat();
      const joined = (of: (knots: Knots) => Float64Array) => Float64Array.from(all.flatMap((knots) => [...of(knots)]));
      return {
        ...recipe,
        version: 1,
        state: { classes: classes as readonly Label[], models: models.length },
        arrays: {
          x: joined(({ x }) => x),
          y: joined(({ y }) => y),
          counts: Int32Array.from(all, ({ x }) => x.length),
        },
        parts: await savedMembers(Object.fromEntries(models.map((member, at) => [`model ${at}`, member]))),
      };
    },
    dispose: () => disposeAll(models),
  });

  return {
    ...recipe,
    async fit(x, targets, options) {
      await turn(options?.signal);
      const rows = rowsOf(x);
      checkTargets(targets, rows, type);
      const { classes, classOf } = encodeLabels(targets, type);
      const outputs = outputsOf(classes.length);
      const parts = foldsOf(type, rows, classOf, folds, options);
      for (const [index, { train }] of parts.entries()) {
        const seen = new Set(Array.from(train, (row) => classOf[row]!));
        if (seen.size < classes.length)
          throw new MmubError("invalid-input", {
            part: type,
            message: `fold ${index} learns from ${seen.size} of ${classes.length} classes, want all; give fewer folds`,
            index,
          });
      }
      const report = progress(options, type, parts.length + (ensemble ? 0 : 1));
      const maps: Knots[][] = [];
      const held: { readonly scores: Float64Array; readonly classOf: Int32Array }[] = [];
      const made: FittedModel<Classification<L>, X>[] = [];
      const kept = await outOfFold(
        model,
        x,
        targets,
        parts,
        options,
        async (output, test, member, fold) => {
          const scores = await scoresOf(member, takeRows(x, test), output, classes as L[], runOptions(options));
          held.push({ scores, classOf: Int32Array.from(test, (row) => classOf[row]!) });
          report(fold + 1);
          options?.signal?.throwIfAborted();
        },
        ensemble,
      );
      made.push(...kept);
      return keeping(made, async () => {
        if (ensemble) for (const one of held) maps.push(learn(one.scores, one.classOf, outputs));
        else {
          const all = (pick: (one: (typeof held)[number]) => ArrayLike<number>) =>
            held.flatMap((one) => Array.from(pick(one)));
          maps.push(
            learn(Float64Array.from(all((one) => one.scores)), Int32Array.from(all((one) => one.classOf)), outputs),
          );
          made.push(await model.fit(x, targets, quiet(options)));
          report(parts.length + 1);
          options?.signal?.throwIfAborted();
        }
        return fitted(classes as L[], made, maps);
      });
    },
    async load(saved) {
      const { classes, models } = checkSaved(saved, recipe, 1).state as unknown as {
        classes: readonly L[];
        models: number;
      };
      const counts = savedArray(saved, "counts", Int32Array);
      const total = counts.reduce((a, b) => a + b, 0);
      const [x, y] = [savedArray(saved, "x", Float64Array, total), savedArray(saved, "y", Float64Array, total)];
      let from = 0;
      const all = Array.from(counts, (count) => {
        from += count;
        return { x: x.slice(from - count, from), y: y.slice(from - count, from) };
      });
      const each = all.length / models;
      const names = Array.from({ length: models }, (_, at) => `model ${at}`);
      const members = await loadedMembers(saved, Object.fromEntries(names.map((name) => [name, model])));
      return fitted(
        classes,
        names.map((name) => members[name]!),
        names.map((_, at) => all.slice(at * each, (at + 1) * each)),
      );
    },
  };
}

interface Scored<X> extends Fitted {
  decisionFunction?(x: X, options?: RunOptions): Promise<Dense>;
}
