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
  initializers,
  type Joined,
  type Loss,
  loadedInputs,
  loadTrained,
  type ModalityInputs,
  modalityInputs,
  mul,
  neg,
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
   * How much each task counts: `"uncertainty"` learns it, by how far a task can be known at all; or a number for each by its name, 1
   * where there is none. @default {}
   */
  readonly taskWeights?: "uncertainty" | Readonly<Record<string, number>>;
  /** Widths of dense layers between what is fused and each task, for each task its own. @default [] */
  readonly headHidden?: readonly number[];
  /** The share of fused numbers that training drops. @default 0 */
  readonly headDropout?: number;
}

export interface MultiTaskFitOptions<T extends Tasks> extends FitOptions {
  /** Rows to judge by after each epoch, in place of a share of the others. */
  readonly validation?: { readonly x: FeatureSet; readonly targets: readonly TaskTargets<T>[] };
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
  /** Each task's weight in the loss; with `"uncertainty"` what was learned. */
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
 * to weigh losses (2018).
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
  const { fuser, tasks, taskWeights = {}, headHidden = [], headDropout = 0, ...rest } = params;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  check("fuser", fuser, typeof fuser?.network?.build === "function", "a fuser that is a network, such as gated()");
  const names = Object.keys(tasks ?? {}).sort();
  check("tasks", names, names.length > 0, "at least one task, such as { stays: classTask() }");
  for (const name of names)
    check(`tasks.${name}`, tasks[name], typeof tasks[name]?.learn === "function", "a task such as classTask()");
  if (taskWeights !== "uncertainty")
    for (const [name, weight] of Object.entries(taskWeights)) {
      check(`taskWeights.${name}`, name, names.includes(name), `one of ${names.join(", ")}`);
      check(`taskWeights.${name}`, weight, weight >= 0 && weight < Infinity, "a number of at least 0");
    }
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
      headHidden,
      headDropout,
      ...shown,
    } as Json,
  };
  const learned = taskWeights === "uncertainty";

  const head =
    (fitted: Readonly<Record<string, FittedTask>>) =>
    (scope: Scope, joined: Joined): Value => {
      const { fused } = joined;
      const drop = dropoutLayer({ rate: headDropout });
      const answers = names.map((name) =>
        scope.enter(`head_${name}`, (own) => {
          const seen = headHidden.reduce(
            (x, units) => drop(own, dense({ units, activation: "relu" })(own, x)),
            drop(own, fused),
          );
          return dense({ units: fitted[name]!.outputs, name: "output" })(own, seen);
        }),
      );
      if (!learned) return withPenalty(answers.length === 1 ? answers[0]! : concat(answers), joined);
      // The loss sees what the network gives, so the logarithms of the variances ride along.
      const logVariance = scope.parameter("task_log_variance", [names.length], initializers.zeros());
      const riding = expand(reshape(logVariance, [1, names.length]), [fused.shape[0]!, names.length]);
      return withPenalty(concat([...answers, riding]), joined);
    };

  return {
    ...recipe,
    async fit(x, targets, { validation, ...options } = {}) {
      await turn(options.signal);
      const rows = checkFeatureSet(x, type);
      checkTargets(targets, rows, type);
      const fitted: Record<string, FittedTask> = {};
      const given: Record<string, ArrayLike<number>> = {};
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
        Object.assign(given, encoded(name, fitted[name], targets, part));
        factors[name] = ((learned ? undefined : taskWeights[name]) ?? 1) * (rows / known.length);
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
      const trained = await train(
        fusionNetwork(fuser.network, inputs, head(fitted)),
        { inputs: fusionFeatures(x), targets: given },
        {
          ...(await trainOptions(type, settings, options)),
          loss: penalised(lossOf(names, fitted, factors, learned), fuser.network),
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
      const net = fusionNetwork(fuser.network, inputs, head(fitted));
      const options = { runtime: await runtimeOf(running), threads: running.threads ?? 1 };
      return made(inputs, fitted, await loadTrained(net, savedPart(saved, "trained"), options));
    },
  };

  function made(
    inputs: ModalityInputs,
    fitted: Readonly<Record<string, FittedTask>>,
    trained: Trained,
  ): FittedMultiTask<T> {
    const logVariance = trained.weights.task_log_variance;
    return {
      trained,
      history: trained.history,
      taskWeights: Object.fromEntries(
        names.map((name, at) => [
          name,
          logVariance ? Math.exp(-logVariance[at]!) : ((taskWeights as Readonly<Record<string, number>>)[name] ?? 1),
        ]),
      ),
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

/** The losses of all tasks of a row, of those that it answers. */
function lossOf(
  names: readonly string[],
  tasks: Readonly<Record<string, FittedTask>>,
  factors: Readonly<Record<string, number>>,
  learned: boolean,
): Loss {
  const total = names.reduce((sum, name) => sum + tasks[name]!.outputs, 0);
  return {
    type: "multi-task",
    params: { tasks: names },
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
      let from = 0;
      const rows = names.map((name, at) => {
        const { loss, outputs } = tasks[name]!;
        const known = targets[`${name}.known`]!;
        const own = loss.build(slice(output, 1, from, from + outputs), { target: targets[name]! }, mul(weights, known));
        from += outputs;
        const row = mul(mul(own.loss, known), factors[name]!);
        if (!learned) return row;
        const logVariance = reshape(slice(output, 1, total + at, total + at + 1), [output.shape[0]!]);
        // Half the logarithm keeps variances from growing without end.
        return add(mul(exp(neg(logVariance)), row), mul(logVariance, 0.5));
      });
      return { loss: rows.length === 1 ? rows[0]! : sum(concat(rows.map((row) => reshape(row, [-1, 1]))), [1]) };
    },
  };
}

function columns({ rows, cols, data }: Dense, from: number, count: number): Float32Array {
  const out = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++)
    out.set(data.subarray(row * cols + from, row * cols + from + count), row * count);
  return out;
}
