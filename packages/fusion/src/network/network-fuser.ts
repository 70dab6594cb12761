// A fuser that is a network: trained with a head for the targets, which is then left away.
import {
  checkFeatureSet,
  checkParam,
  checkSaved,
  checkTargets,
  type Dense,
  type FeatureSet,
  type FitOptions,
  type FittedFuser,
  type Fuser,
  type Json,
  modalityNames,
  type RunOptions,
  reportedAs,
  type Saved,
  savedPart,
  show,
  turn,
} from "@mmub/core";
import {
  adam,
  anyPresent,
  auto,
  type Clip,
  checkModalityInputs,
  crossEntropy,
  dense,
  type Epoch,
  type FusionNetwork,
  fusionFeatures,
  fusionNetwork,
  type Loss,
  loadedInputs,
  loadTrained,
  modalityInputs,
  mse,
  type Network,
  type Optimizer,
  penalised as penalisedLoss,
  type Runtime,
  type Schedule,
  savedInputs,
  type Trained,
  type TrainingData,
  train,
  type Weights,
  withPenalty,
} from "@mmub/nn";
import { checkSeen } from "../scaling.js";
import { goalsOf } from "../skill.js";
import type { Encoding } from "./encoding.js";

/** How the network of a fuser is trained when the fuser stands alone. */
export interface FuserTrainingParams {
  /** Whether the targets are classes or numbers. @default classes if they are strings, booleans or at most 20 different integers */
  readonly task?: "classification" | "regression" | null;
  /** How often all rows are seen at most. @default 50 */
  readonly epochs?: number;
  /** Rows of a step. @default 32 */
  readonly batchSize?: number;
  /** @default adam() */
  readonly optimizer?: Optimizer;
  /** How the learning rate goes. @default null: it stays */
  readonly schedule?: Schedule | null;
  /** Bounds the gradient. @default null */
  readonly clip?: Clip | null;
  /** The share of the rows that is kept out of the training and judged after each epoch; null: none, and all epochs run. @default 0.15 */
  readonly validation?: number | null;
  /** Epochs in a row without a smaller loss on these rows after which the training ends, with the best weights. @default 8 */
  readonly patience?: number;
  /** What runs it; no part of what is saved. @default auto, the fastest that is installed */
  readonly runtime?: Runtime | (() => Promise<Runtime>);
  /** Threads inside one op; no part of what is saved. @default 1 */
  readonly threads?: number;
  /** Whether the training runs in a thread of its own; no part of what is saved. @default true */
  readonly worker?: boolean;
}

export interface NetworkFuserFitOptions extends FitOptions {
  /** Weights to begin with, by name, such as `encoders` of `contrastive`; the others begin as their layers say. */
  readonly weights?: Weights;
}

/** A fuser whose network a joint model can train with its own. */
export interface NetworkFuser extends Fuser {
  readonly network: FusionNetwork;
  fit(features: FeatureSet, targets: readonly unknown[], options?: NetworkFuserFitOptions): Promise<FittedNetworkFuser>;
  load(saved: Saved): Promise<FittedNetworkFuser>;
}

export interface FittedNetworkFuser extends FittedFuser {
  /** The modalities, sorted: the columns of `shares`. */
  readonly modalities: readonly string[];
  /** What each epoch came to: `trainingCurve` of `@mmub/metrics` draws it. */
  readonly history: readonly Epoch[];
  transform(features: FeatureSet, options?: RunOptions): Promise<Dense>;
  /**
   * How much each modality had a say in each row, by the gates or attention of the network: rows x modalities, adding up to 1. Null
   * for a fuser that has nothing of the kind.
   */
  shares(features: FeatureSet, options?: RunOptions): Promise<Dense | null>;
  /**
   * How much of each row went to each expert: rows x experts, adding up to 1; the mean of a column is the load of that expert. Null for
   * a fuser without experts.
   */
  routes(features: FeatureSet, options?: RunOptions): Promise<Dense | null>;
  /** The network and its weights: `toOnnx(trained.network, trained.weights)` of `@mmub/nn` exports them. */
  readonly trained: Trained;
  dispose(): Promise<void>;
}

/** The checked params of a training, and the training. */
interface Training {
  readonly params: Readonly<Record<string, Json>>;
  running(): Promise<{ readonly runtime: Runtime; readonly threads: number }>;
  /** @param rows of the data, a share of which may be held out */
  run(net: Network, data: TrainingData, rows: number, loss: Loss, options: NetworkFuserFitOptions): Promise<Trained>;
}

export function trainingOf(type: string, given: Omit<FuserTrainingParams, "task">): Training {
  const { epochs = 50, batchSize = 32, optimizer = adam(), schedule = null, clip = null } = given;
  const { validation = 0.15, patience = 8, runtime = auto, threads = 1, worker } = given;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  for (const [name, value] of Object.entries({ epochs, batchSize, patience, threads }))
    check(name, value, Number.isInteger(value) && value > 0, "a positive integer");
  check("validation", validation, validation === null || (validation > 0 && validation < 1), "a share or null");
  check("optimizer", optimizer, typeof optimizer?.type === "string", "an optimiser such as adam()");
  const runtimeOf = async () => (typeof runtime === "function" ? runtime() : runtime);
  return {
    params: { epochs, batchSize, optimizer, schedule, clip, validation, patience } as unknown as Training["params"],
    running: async () => ({ runtime: await runtimeOf(), threads }),
    async run(net, data, rows, loss, options) {
      const { seed = 0, batchSize: _, ...running } = reportedAs(options, type);
      // A share of few rows would be none.
      const held = Math.round((validation ?? 0) * rows);
      return train(net, data, {
        ...running,
        loss,
        epochs,
        batchSize,
        optimizer,
        seed,
        threads,
        runtime: await runtimeOf(),
        ...(worker !== undefined && { worker }),
        ...(schedule && { schedule }),
        ...(clip && { clip }),
        ...(validation && held > 0 && held < rows && { validation, earlyStopping: { patience } }),
      });
    },
  };
}

/** Makes a fuser of the graph that joins what `encoding` makes of the modalities. */
export function networkFuser(
  type: string,
  encoding: Encoding,
  ownParams: Readonly<Record<string, Json>>,
  given: FuserTrainingParams,
  build: FusionNetwork["build"],
  penalised = false,
): NetworkFuser {
  const network: FusionNetwork = {
    modalityDropout: encoding.modalityDropout,
    input: encoding.input,
    build,
    penalised,
  };
  const { task = null } = given;
  checkParam(type, "task", task, task === null || tasks.includes(task), `${tasks.map(show).join(", ")} or null`);
  const training = trainingOf(type, given);
  const recipe = { type, params: { ...encoding.params, ...ownParams, task, ...training.params } as Json };

  return {
    ...recipe,
    network,
    async fit(features, targets, options = {}) {
      await turn(options.signal);
      const rows = checkFeatureSet(features, type);
      checkTargets(targets, rows, type);
      const goal = goalOf(targets, task, type);
      for (const name of modalityNames(features)) checkSeen(features[name]!, name, type);
      const inputs = await modalityInputs(network, features, type, { signal: options.signal });
      const learner = fusionNetwork(network, inputs, (scope, joined) =>
        withPenalty(dense({ units: goal.outputs, name: "head" })(scope, joined.fused), joined),
      );
      const data = { inputs: fusionFeatures(features), targets: { target: goal.values } };
      const trained = await training.run(learner, data, rows, penalisedLoss(goal.loss, network), options);
      const inner = withoutHead(await trained.save());
      await trained.dispose();
      return fitted(savedInputs(inputs), inner);
    },
    async load(saved) {
      return fitted(checkSaved(saved, recipe, 1).state, savedPart(saved, "trained"));
    },
  };

  async function fitted(state: Json, inner: Saved): Promise<FittedNetworkFuser> {
    const inputs = loadedInputs(state);
    const load = async (net: Network): Promise<Trained> => loadTrained(net, inner, await training.running());
    // Found while the graph is made, which `loadTrained` does.
    let cols = 0;
    const told = new Set<Told>();
    const trained = await load(
      fusionNetwork(network, inputs, (_, joined) => {
        cols = joined.fused.shape[1]!;
        for (const what of ["shares", "routes"] as const) if (joined[what]) told.add(what);
        return joined.fused;
      }),
    );
    const telling: { [What in Told]?: Promise<Trained> } = {};
    const run = (net: Trained, features: FeatureSet, options: RunOptions = {}): Promise<Dense> => {
      checkModalityInputs(features, inputs, type);
      return net.predict(fusionFeatures(features), reportedAs(options, type));
    };
    const tell = async (what: Told, features: FeatureSet, options?: RunOptions): Promise<Dense | null> => {
      if (!told.has(what)) return null;
      telling[what] ??= load(fusionNetwork(network, inputs, (_, joined) => joined[what]!));
      return run(await telling[what], features, options);
    };
    return {
      cols,
      modalities: Object.keys(inputs),
      history: trained.history,
      trained,
      async transform(features, options) {
        const running = run(trained, features, options);
        const present = anyPresent(features);
        const out = await running;
        if (!present.includes(0)) return out;
        for (let row = 0; row < out.rows; row++)
          if (!present[row]) out.data.fill(0, row * out.cols, (row + 1) * out.cols);
        return { ...out, present };
      },
      shares: (features, options) => tell("shares", features, options),
      routes: (features, options) => tell("routes", features, options),
      save: async () => ({ ...recipe, version: 1, state, parts: { trained: inner } }),
      async dispose() {
        await trained.dispose();
        for (const one of Object.values(telling)) await (await one).dispose();
      },
    };
  }
}

/** What a network tells of itself, beside what it joins. */
type Told = "shares" | "routes";

const tasks: readonly unknown[] = ["classification", "regression"];

interface Goal {
  readonly outputs: number;
  readonly loss: Loss;
  readonly values: ArrayLike<number>;
}

/** What the head learns; numbers are brought to mean 0 and deviation 1. */
function goalOf(targets: readonly unknown[], task: unknown, part: string): Goal {
  const goals = goalsOf(
    targets,
    (task ?? undefined) as "classification" | "regression" | undefined,
    part,
    "a network fuser wants",
  );
  if (goals.classes) return { outputs: goals.cols, loss: crossEntropy(), values: Int32Array.from(goals.classes) };
  const { values } = goals;
  const mean = values.reduce((sum, value) => sum + value / values.length, 0);
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2 / values.length, 0)) || 1;
  return { outputs: 1, loss: mse(), values: Float32Array.from(values, (value) => (value - mean) / deviation) };
}

/** What was saved of a network, without the weights of the head that only the training needed. */
function withoutHead(saved: Saved): Saved {
  const arrays = Object.entries(saved.arrays ?? {}).filter(([name]) => !name.startsWith("head/"));
  return { ...saved, arrays: Object.fromEntries(arrays) };
}
