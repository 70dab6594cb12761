import {
  checkFeatureSet,
  checkParam,
  checkSaved,
  checkTargets,
  type Dense,
  type FeatureSet,
  type FitOptions,
  type FittedModel,
  type Fuser,
  type Json,
  MmubError,
  type Model,
  reportedAs,
  type Saved,
  savedPart,
  turn,
} from "@mmub/core";
import {
  add,
  type Balance,
  checkModalityInputs,
  concat,
  dense,
  dropout as dropoutLayer,
  type Epoch,
  exp,
  expand,
  type FusionNetwork,
  fusionFeatures,
  fusionNetwork,
  gradNorm,
  initializers,
  type Joined,
  type Loss,
  loadedInputs,
  loadTrained,
  type ModalityInputs,
  modalityInputs,
  mul,
  neg,
  pcGrad,
  penalised,
  reshape,
  type Scope,
  savedInputs,
  slice,
  sum,
  type TargetSpec,
  type Trained,
  train,
  type Value,
  type Weights,
  withPenalty,
} from "@mmub/nn";
import type { FittedTask, Task } from "./multi-task-tasks.js";
import type { Architecture } from "./network/architecture.js";
import { type NetworkParams, runtimeOf, settingsOf, trainOptions } from "./network/engine.js";

const type = "@mmub/models/multi-task";

/** The questions, by name. */
export type Tasks = { readonly [name: string]: Task<never, unknown> };

/** What a row is to be; a field that is absent or `null` is not known, and says nothing. */
export type TaskTargets<T extends Tasks> = {
  readonly [Name in keyof T]?: (T[Name] extends Task<infer Target, unknown> ? Target : never) | null | undefined;
};

/** What is predicted, by the names of the tasks. */
export type TaskOutputs<T extends Tasks> = {
  readonly [Name in keyof T]: T[Name] extends Task<never, infer Output> ? Output : never;
};

export interface MultiTaskParams<T extends Tasks> extends Omit<NetworkParams, "network" | "lazyRows"> {
  /** A fuser that is a network, as `gated()` of `@mmub/fusion`; only its network is used, the training is this one's. */
  readonly fuser: Fuser & { readonly network: FusionNetwork };
  /** The questions: `classTask()`, `ordinalTask()`, `numberTask()`, `labelsTask()`, `survivalTask()`. */
  readonly tasks: T;
  /**
   * How much each task counts: a number for each by its name, 1 where there is none; `"uncertainty"` learns it, by how far a task can be
   * known at all; `"gradNorm"` learns it, so that no task pulls harder at what they share than others and those that are behind pull harder;
   * `"pcGrad"` counts all alike, and where two tasks pull against each other takes away what does. The last two cost one backward pass a
   * task. @default {}
   */
  readonly taskWeights?: "uncertainty" | "gradNorm" | "pcGrad" | Readonly<Record<string, number>>;
  /** Of `"gradNorm"`: how much harder tasks pull that are behind. @default 1.5 */
  readonly alphaGradNorm?: number;
  /**
   * How much the loss of what each modality says alone counts beside that of all together, for all or by name: so that one that is easy to
   * learn from does not leave the others unlearned. Of rows that have the modality; one more pass each. @default 0
   */
  readonly auxiliary?: number | Readonly<Record<string, number>>;
  /** Widths of dense layers between what is fused and each task, for each task its own. @default [] */
  readonly headHidden?: readonly number[];
  /** The share of fused numbers that training drops. @default 0 */
  readonly headDropout?: number;
}

export interface MultiTaskFitOptions<T extends Tasks> extends FitOptions {
  /** Rows to judge by after each epoch, in place of a share of the others. */
  readonly validation?: { readonly x: FeatureSet; readonly targets: readonly TaskTargets<T>[] };
  /** Weights to begin with, by name, such as `encoders` of `contrastive` of `@mmub/fusion`; the others begin as their layers say. */
  readonly weights?: Weights;
}

export interface MultiTask<T extends Tasks> extends Model<TaskTargets<T>, TaskOutputs<T>, FeatureSet> {
  fit(x: FeatureSet, targets: readonly TaskTargets<T>[], options?: MultiTaskFitOptions<T>): Promise<FittedMultiTask<T>>;
  load(saved: Saved): Promise<FittedMultiTask<T>>;
}

export interface FittedMultiTask<T extends Tasks> extends FittedModel<TaskOutputs<T>, FeatureSet> {
  /** What each epoch came to. */
  readonly history: readonly Epoch[];
  /** The network and its weights: `toOnnx(trained.network, trained.weights)` of `@mmub/nn` exports them. */
  readonly trained: Trained;
  /** Each task's weight in the loss; with `"uncertainty"` and `"gradNorm"` what was learned. */
  readonly taskWeights: Readonly<Record<string, number>>;
  dispose(): Promise<void>;
}

interface State {
  readonly modalities: Json;
  readonly tasks: Readonly<Record<string, Json>>;
}

/**
 * One network for several questions about a row, over several modalities: what a fuser joins, with a head for each task, trained
 * together. A row may lack any modality and any target, so that a task with few known targets learns from what the others need.
 *
 * It is the model of a pipeline without a fuser: `pipeline({ modalities, model: multiTask({ fuser: gated(), tasks }) })`. A task that
 * few rows answer counts as much as one that all do. Same seed, data, params and runtime: same bytes. Progress and options are those of
 * `networkClassifier`; with one task it is a classifier or regressor over several modalities.
 * Rejects targets that do not fit their task (with task and index), a task that no row answers, a single class, and what the fuser
 * rejects. Cost: that of the fuser's network.
 * Source: Caruana, Multitask learning (1997); weights by uncertainty: Kendall, Gal and Cipolla, Multi-task learning using uncertainty
 * to weigh losses (2018); by `gradNorm` and `pcGrad` of `@mmub/nn`, see there; losses of modalities alone: Wang, Tran and Feiszli, What makes
 * training multi-modal classification networks hard? (2020).
 *
 * @example
 * import { dense } from "@mmub/core";
 * import { gated } from "@mmub/fusion";
 * import { classTask, multiTask, numberTask } from "@mmub/models";
 *
 * const photo = dense(4, 2, Float32Array.of(0, 1, 1, 0, 0, 2, 2, 0));
 * const visits = dense(4, 1, Float32Array.of(5, 9, 4, 8));
 * const tasks = { stays: classTask<boolean>(), spends: numberTask() };
 * const model = multiTask({ fuser: gated({ units: 4 }), tasks, epochs: 5 });
 * const targets = [{ stays: true, spends: 12 }, { stays: false }, { stays: true, spends: 9 }, { stays: false, spends: 0 }];
 * const fitted = await model.fit({ photo, visits }, targets, { seed: 7 });
 * const { stays, spends } = await fitted.predict({ photo, visits });
 * console.log(stays.labels.length, spends.values.length); // 4 4
 * await fitted.dispose();
 */
export function multiTask<const T extends Tasks>(params: MultiTaskParams<T>): MultiTask<T> {
  const { fuser, tasks, taskWeights = {}, headHidden = [], headDropout = 0, ...more } = params;
  const { alphaGradNorm = 1.5, auxiliary = 0, ...rest } = more;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  check("fuser", fuser, typeof fuser?.network?.build === "function", "a fuser that is a network, such as gated()");
  const names = Object.keys(tasks ?? {}).sort();
  check("tasks", names, names.length > 0, "at least one task, such as { stays: classTask() }");
  for (const name of names)
    check(`tasks.${name}`, tasks[name], typeof tasks[name]?.learn === "function", "a task such as classTask()");
  const balances = ["uncertainty", "gradNorm", "pcGrad"];
  if (typeof taskWeights === "string")
    check(
      "taskWeights",
      taskWeights,
      balances.includes(taskWeights),
      `one of ${balances.join(", ")}, or numbers by task`,
    );
  else
    for (const [name, weight] of Object.entries(taskWeights)) {
      check(`taskWeights.${name}`, name, names.includes(name), `one of ${names.join(", ")}`);
      check(`taskWeights.${name}`, weight, weight >= 0 && weight < Infinity, "a number of at least 0");
    }
  check("alphaGradNorm", alphaGradNorm, Number.isFinite(alphaGradNorm), "a finite number");
  const auxiliaryOf = (modality: string) => (typeof auxiliary === "number" ? auxiliary : (auxiliary[modality] ?? 0));
  for (const weight of typeof auxiliary === "number" ? [auxiliary] : Object.values(auxiliary))
    check("auxiliary", auxiliary, weight >= 0 && weight < Infinity, "a number of at least 0, or one for each modality");
  const whole = (units: number) => Number.isInteger(units) && units > 0;
  check("headHidden", headHidden, Array.isArray(headHidden) && headHidden.every(whole), "positive integers, or none");
  check("headDropout", headDropout, headDropout >= 0 && headDropout < 1, "a number from 0 to below 1");
  const network = { type: fuser.type, params: fuser.params, build: fuser.network.build } as unknown as Architecture;
  const settings = settingsOf(type, { ...rest, network }, []);
  const { training, running, params: trainingParams } = settings;
  const { network: joins, lazyRows: _, ...shown } = trainingParams;
  const recipe = {
    type,
    params: {
      fuser: joins!,
      tasks: Object.fromEntries(names.map((name) => [name, { type: tasks[name]!.type, params: tasks[name]!.params }])),
      taskWeights,
      ...(taskWeights === "gradNorm" && { alphaGradNorm }),
      ...(auxiliary !== 0 && { auxiliary }),
      headHidden,
      headDropout,
      ...shown,
    } as Json,
  };
  const learned = taskWeights === "uncertainty";
  const shared = (name: string) => name.startsWith("fusion/");
  const balance =
    taskWeights === "pcGrad"
      ? pcGrad({ shared })
      : taskWeights === "gradNorm"
        ? gradNorm({ shared, alpha: alphaGradNorm, weights: "task_balance", first: "task_first_losses" })
        : null;

  const head =
    (fitted: Readonly<Record<string, FittedTask>>, alongside: readonly string[]) =>
    (scope: Scope, joined: Joined, alone: (modality: string) => { joined: Joined; present: Value }): Value => {
      const drop = dropoutLayer({ rate: headDropout });
      const answersOf = (fused: Value, prefix: string): Value => {
        const answers = names.map((name) =>
          scope.enter(`${prefix}_${name}`, (own) => {
            const seen = headHidden.reduce(
              (x, units) => drop(own, dense({ units, activation: "relu" })(own, x)),
              drop(own, fused),
            );
            return dense({ units: fitted[name]!.outputs, name: "output" })(own, seen);
          }),
        );
        return answers.length === 1 ? answers[0]! : concat(answers);
      };
      const answers = answersOf(joined.fused, "head");
      const output = [answers];
      // The loss sees what the network gives, so what it needs rides along: the logarithms of the variances, …
      if (learned) {
        const logVariance = scope.parameter("task_log_variance", [names.length], initializers.zeros());
        output.push(expand(reshape(logVariance, [1, names.length]), [joined.fused.shape[0]!, names.length]));
      }
      // … and what each modality says alone; a validation judges by all together.
      for (const name of alongside) {
        const one = alone(name);
        const own = answersOf(one.joined.fused, `alone_${name}`);
        output.push(scope.training ? own : answers, one.present);
      }
      if (taskWeights === "gradNorm") {
        scope.parameter("task_balance", [names.length], initializers.zeros());
        scope.buffer("task_first_losses", [names.length], initializers.zeros());
      }
      return withPenalty(output.length === 1 ? answers : concat(output), joined);
    };
  /** The modalities whose own losses count, with by how much. */
  const alongsideOf = (inputs: ModalityInputs) => Object.keys(inputs).filter((name) => auxiliaryOf(name) > 0);

  return {
    ...recipe,
    async fit(x, targets, { validation, ...options } = {}) {
      await turn(options.signal);
      const rows = checkFeatureSet(x, type);
      checkTargets(targets, rows, type);
      const fitted: Record<string, FittedTask> = {};
      const data: Record<string, ArrayLike<number>> = {};
      const factors: Record<string, number> = {};
      for (const name of names) {
        const part = `${type} (${name})`;
        const all = targets.map((target) => target[name] as unknown);
        const known = all.flatMap((target, row) => (target === null || target === undefined ? [] : [row]));
        if (known.length === 0)
          throw new MmubError("invalid-input", {
            part,
            message: `none of ${rows} targets is known, want at least one`,
          });
        const task = tasks[name] as unknown as Task;
        fitted[name] = task.learn(
          known.map((row) => all[row]),
          known,
          part,
        );
        Object.assign(data, encoded(name, fitted[name], targets, part));
        const given = typeof taskWeights === "string" ? 1 : (taskWeights[name] ?? 1);
        factors[name] = given * (rows / known.length);
      }
      const inputs = await modalityInputs(fuser.network, x, type, {
        standardize: training.standardize,
        signal: options.signal,
      });
      const held: Record<string, ArrayLike<number>> = {};
      if (validation) {
        const part = `${type} (validation)`;
        checkModalityInputs(validation.x, inputs, part);
        checkTargets(validation.targets, checkFeatureSet(validation.x, part), part);
        for (const name of names)
          Object.assign(held, encoded(name, fitted[name]!, validation.targets, `${type} (validation, ${name})`));
      }
      const alongside = alongsideOf(inputs);
      const running_ = await trainOptions(type, settings, options);
      const trained = await train(
        fusionNetwork(fuser.network, inputs, head(fitted, alongside)),
        { inputs: fusionFeatures(x), targets: data },
        {
          ...running_,
          loss: penalised(
            lossOf(names, fitted, factors, { learned, balance, alongside: alongside.map(auxiliaryOf) }),
            fuser.network,
          ),
          ...(validation && { validation: { inputs: fusionFeatures(validation.x), targets: held } }),
        },
      );
      return made(inputs, fitted, trained);
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as unknown as State;
      const fitted = Object.fromEntries(
        names.map((name) => [name, (tasks[name] as unknown as Task).load(state.tasks[name]!)]),
      );
      const inputs = loadedInputs(state.modalities, { standardize: training.standardize });
      const net = fusionNetwork(fuser.network, inputs, head(fitted, alongsideOf(inputs)));
      const options = { runtime: await runtimeOf(running), threads: running.threads ?? 1 };
      return made(inputs, fitted, await loadTrained(net, savedPart(saved, "trained"), options));
    },
  };

  function made(
    inputs: ModalityInputs,
    fitted: Readonly<Record<string, FittedTask>>,
    trained: Trained,
  ): FittedMultiTask<T> {
    const { task_log_variance: logVariance, task_balance: balanced } = trained.weights;
    const powers = balanced && Array.from(balanced, Math.exp);
    const weightOf = (name: string, at: number): number => {
      if (logVariance) return Math.exp(-logVariance[at]!);
      if (powers) return (names.length * powers[at]!) / powers.reduce((a, b) => a + b);
      return typeof taskWeights === "string" ? 1 : (taskWeights[name] ?? 1);
    };
    return {
      trained,
      history: trained.history,
      taskWeights: Object.fromEntries(names.map((name, at) => [name, weightOf(name, at)])),
      async predict(x, options = {}) {
        checkModalityInputs(x, inputs, type);
        const raw = await trained.predict(fusionFeatures(x), reportedAs(options, type));
        let from = 0;
        const outputs = names.map((name) => {
          const { outputs, decode } = fitted[name]!;
          const own = columns(raw, from, outputs);
          from += outputs;
          return [name, decode(own, raw.rows)];
        });
        return Object.fromEntries(outputs) as TaskOutputs<T>;
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: {
          modalities: savedInputs(inputs),
          tasks: Object.fromEntries(names.map((name) => [name, fitted[name]!.state])),
        },
        parts: { trained: await trained.save() },
      }),
      dispose: () => trained.dispose(),
    };
  }
}

/** What the loss takes of the targets of a task, and which of them are known. */
function encoded(
  name: string,
  task: FittedTask,
  targets: readonly { readonly [name: string]: unknown }[],
  part: string,
): Readonly<Record<string, ArrayLike<number>>> {
  const all = targets.map((target) => target[name]);
  return {
    [name]: task.encode(all, part),
    [`${name}.known`]: Float32Array.from(all, (target) => (target === null || target === undefined ? 0 : 1)),
  };
}

interface LossParts {
  /** Whether logarithms of variances ride behind the answers. */
  readonly learned: boolean;
  readonly balance: Balance | null;
  /** What the answers of each modality alone count that ride behind these. */
  readonly alongside: readonly number[];
}

/** The losses of all tasks of a row, of those that it answers. */
function lossOf(
  names: readonly string[],
  tasks: Readonly<Record<string, FittedTask>>,
  factors: Readonly<Record<string, number>>,
  { learned, balance, alongside }: LossParts,
): Loss {
  const total = names.reduce((sum, name) => sum + tasks[name]!.outputs, 0);
  const behind = total + (learned ? names.length : 0);
  return {
    type: "multi-task",
    params: { tasks: names },
    ...(balance && { balance }),
    targets(output) {
      const specs: Record<string, TargetSpec> = {};
      for (const name of names) {
        const { loss, outputs } = tasks[name]!;
        specs[name] = loss.targets([output[0]!, outputs]).target!;
        specs[`${name}.known`] = { shape: [], dtype: "float32" };
      }
      return specs;
    },
    build(output, targets, weights) {
      const rowOf = (value: Value) => reshape(value, [output.shape[0]!]);
      let from = 0;
      const rows = names.map((name, at) => {
        const { loss, outputs } = tasks[name]!;
        const lossAt = (first: number, known: Value) => {
          const answers = slice(output, 1, first, first + outputs);
          return mul(loss.build(answers, { target: targets[name]! }, mul(weights, known)).loss, known);
        };
        const known = targets[`${name}.known`]!;
        let row = lossAt(from, known);
        for (const [i, counts] of alongside.entries()) {
          const first = behind + i * (total + 1);
          const present = rowOf(slice(output, 1, first + total, first + total + 1));
          row = add(row, mul(lossAt(first + from, mul(known, present)), counts));
        }
        from += outputs;
        row = mul(row, factors[name]!);
        if (!learned) return row;
        const logVariance = rowOf(slice(output, 1, total + at, total + at + 1));
        // Half the logarithm keeps variances from growing without end.
        return add(mul(exp(neg(logVariance)), row), mul(logVariance, 0.5));
      });
      const sums = rows.length === 1 ? rows[0]! : sum(concat(rows.map((row) => reshape(row, [-1, 1]))), [1]);
      return { loss: sums, ...(balance && { tasks: rows }) };
    },
  };
}

function columns({ rows, cols, data }: Dense, from: number, count: number): Float32Array {
  const out = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++)
    out.set(data.subarray(row * cols + from, row * cols + from + count), row * count);
  return out;
}
