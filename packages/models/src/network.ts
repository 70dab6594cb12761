import {
  type Classification,
  checkFeatures,
  checkParam,
  checkSaved,
  checkTargets,
  type Features,
  type FittedModel,
  type Json,
  type Label,
  type Model,
  type Regression,
  type Saved,
  turn,
} from "@mmub/core";
import { crossEntropy } from "@mmub/nn";
import { type ClassWeight, checkClassWeight, classified, classWeights, encodeLabels } from "./labels.js";
import { mlp } from "./network/architecture.js";
import {
  type FittedNetwork,
  fitNetwork,
  loadedNetwork,
  type Made,
  type NetworkFitOptions,
  type NetworkParams,
  predictNetwork,
  savedNetwork,
  settingsOf,
} from "./network/engine.js";
import { numberLosses, type Scaling, scalingOf, unscaled } from "./network/numbers.js";
import { checkNumbers, positionsOf } from "./targets.js";

export interface NetworkClassifierParams extends NetworkParams {
  /**
   * The weight of each row by its class: `"balanced"` is rows / (classes * rows of the class); a record gives it by the
   * label as a string, 1 where it has none. @default null
   */
  readonly classWeight?: ClassWeight;
  /** The share of a target that is spread over all classes, against overconfidence; 0 to 1. @default 0 */
  readonly labelSmoothing?: number;
}

export interface NetworkClassifier<L extends Label = Label> extends Model<L, Classification<L>> {
  fit(x: Features, targets: readonly L[], options?: NetworkFitOptions<L>): Promise<FittedNetworkClassifier<L>>;
  load(saved: Saved): Promise<FittedNetworkClassifier<L>>;
}

export interface FittedNetworkClassifier<L extends Label = Label>
  extends FittedModel<Classification<L>>,
    FittedNetwork {
  /** The labels seen, sorted: numbers by value, strings by code unit, false before true. */
  readonly classes: readonly L[];
  dispose(): Promise<void>;
}

/**
 * A neural network that tells classes apart: any `Architecture` with a softmax at its end, trained on cross-entropy.
 *
 * Input: Dense (`mlp`, with a `shape` also `cnn2d`), Sparse (`mlp`), a Sequence of numbers or of token ids (`cnn1d`, `rnn`,
 * `transformer`), or what a `customNetwork` takes; missing rows are zeros, or empty. Output: a label and probabilities (rows x classes,
 * float32, each row sums to 1). Same seed, data, params and runtime: same bytes. The progress of a fit gives `epoch`, `loss`,
 * `accuracy`, those of the validation, `samplesPerSecond` and `secondsLeft` at least at the end of each epoch, and `done` counts steps;
 * `batchSize` of the fit options changes nothing, that of the params is the training's.
 * Rejects features that the network does not take, values that are not finite (with row and column), targets that are not labels of one
 * type (with the index), a single class, a loss that is no longer finite, and in `predict` another width; without a runtime
 * `missing-library`. Cost: see the architectures; the memory of parameters four times over, with Adam.
 *
 * @example
 * const visits = dense(4, 2, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const model = networkClassifier<"buy" | "leave">({ network: mlp({ hidden: [8] }), epochs: 10 });
 * const fitted = await model.fit(visits, ["leave", "leave", "buy", "buy"], { seed: 7 });
 * const { labels, probabilities } = await fitted.predict(visits);
 * await fitted.dispose();
 */
export function networkClassifier<L extends Label = Label>(params: NetworkClassifierParams = {}): NetworkClassifier<L> {
  const type = "@mmub/models/network-classifier";
  const { classWeight = null, labelSmoothing = 0, ...rest } = params;
  const settings = settingsOf(type, { network: mlp(), ...rest }, ["accuracy"]);
  checkClassWeight(classWeight, type);
  checkParam(type, "labelSmoothing", labelSmoothing, labelSmoothing >= 0 && labelSmoothing <= 1, "a share, 0 to 1");
  const recipe = { type, params: { ...settings.params, classWeight, labelSmoothing } as Json };

  const fitted = (classes: readonly L[], made: Made): FittedNetworkClassifier<L> => ({
    ...told(made),
    classes,
    async predict(x, options) {
      const logits = await predictNetwork(type, made, x, options);
      return classified(logits.data, x.rows, classes);
    },
    save: () => savedNetwork(recipe, made, { classes }),
  });

  return {
    ...recipe,
    async fit(x, targets, options = {}) {
      await turn(options.signal);
      checkFeatures(x, type);
      checkTargets(targets, x.rows, type);
      const { classes, classOf } = encodeLabels(targets, type);
      const weights = classWeight && Array.from(classWeights(classes, classOf, classWeight, type));
      const validation = options.validation && checkedValidation(type, options.validation);
      const made = await fitNetwork(
        type,
        settings,
        x,
        {
          outputs: classes.length,
          loss: crossEntropy({ labelSmoothing, ...(weights && { classWeights: weights }) }),
          metrics: ["accuracy"],
          targets: classOf,
          ...(validation && {
            validation: { x: validation.x, targets: positionsOf(validation.targets, classes, `${type} (validation)`) },
          }),
        },
        options as NetworkFitOptions<never>,
      );
      return fitted(classes, made);
    },
    async load(saved) {
      const { classes } = checkSaved(saved, recipe, 1).state as unknown as { readonly classes: readonly L[] };
      return fitted(classes, await loadedNetwork(type, settings, saved, classes.length));
    },
  };
}

export interface NetworkRegressorParams extends NetworkParams {
  /**
   * `mse`: squared error; `mae` and `huber` (square up to one deviation of the targets) weigh targets far off less; `poisson`: for
   * counts, of which the network gives the logarithm of the mean. @default "mse"
   */
  readonly loss?: "mse" | "mae" | "huber" | "poisson";
}

export interface NetworkRegressor extends Model<number, Regression> {
  fit(x: Features, targets: readonly number[], options?: NetworkFitOptions<number>): Promise<FittedNetworkRegressor>;
  load(saved: Saved): Promise<FittedNetworkRegressor>;
}

export interface FittedNetworkRegressor extends FittedModel<Regression>, FittedNetwork {
  /** What the network gives is (value - center) / scale; with `poisson` the logarithm of value / scale. */
  readonly center: number;
  readonly scale: number;
  dispose(): Promise<void>;
}

/**
 * A neural network that predicts a number: any `Architecture` with one output. Targets are brought to mean 0 and deviation 1 for the
 * training (with `poisson` to mean 1), and losses in `history` and progress are those of such targets.
 *
 * Input, options, cost and what it rejects are those of `networkClassifier`; targets that are not finite, or below 0 with
 * `poisson`, are rejected with their index. Output: a value for each row.
 *
 * @example
 * const visits = dense(4, 2, Float32Array.of(1, 0, 2, 1, 8, 3, 9, 5));
 * const fitted = await networkRegressor({ network: mlp({ hidden: [8] }), epochs: 10 }).fit(visits, [3, 5, 40, 52]);
 * const { values } = await fitted.predict(visits);
 * await fitted.dispose();
 */
export function networkRegressor(params: NetworkRegressorParams = {}): NetworkRegressor {
  const type = "@mmub/models/network-regressor";
  const { loss = "mse", ...rest } = params;
  const settings = settingsOf(type, { network: mlp(), ...rest }, []);
  checkParam(type, "loss", loss, Object.hasOwn(numberLosses, loss), `one of ${Object.keys(numberLosses).join(", ")}`);
  const recipe = { type, params: { ...settings.params, loss } as Json };
  const counts = loss === "poisson";

  const fitted = ({ center, scale }: Scaling, made: Made): FittedNetworkRegressor => ({
    ...told(made),
    center,
    scale,
    async predict(x, options) {
      const { data } = await predictNetwork(type, made, x, options);
      return { values: unscaled(data, { center, scale }, counts) };
    },
    save: () => savedNetwork(recipe, made, { center, scale }),
  });

  return {
    ...recipe,
    async fit(x, targets, options = {}) {
      await turn(options.signal);
      checkFeatures(x, type);
      checkTargets(targets, x.rows, type);
      checkNumbers(targets, counts, type);
      const validation = options.validation && checkedValidation(type, options.validation);
      if (validation) checkNumbers(validation.targets, counts, `${type} (validation)`);
      const scaling = scalingOf(targets, counts);
      const scaled = (of: readonly number[]) =>
        Float32Array.from(of, (target) => (target - scaling.center) / scaling.scale);
      const made = await fitNetwork(
        type,
        settings,
        x,
        {
          outputs: 1,
          loss: numberLosses[loss](),
          metrics: [],
          targets: scaled(targets),
          ...(validation && { validation: { x: validation.x, targets: scaled(validation.targets) } }),
        },
        options as NetworkFitOptions<never>,
      );
      return fitted(scaling, made);
    },
    async load(saved) {
      const scaling = checkSaved(saved, recipe, 1).state as unknown as Scaling;
      return fitted(scaling, await loadedNetwork(type, settings, saved, 1));
    },
  };
}

function checkedValidation<T>(
  type: string,
  validation: { readonly x: Features; readonly targets: readonly T[] },
): { readonly x: Features; readonly targets: readonly T[] } {
  checkFeatures(validation.x, `${type} (validation)`);
  checkTargets(validation.targets, validation.x.rows, `${type} (validation)`);
  return validation;
}

/** What is told of a network, whatever it predicts. */
function told({ trained }: Made): FittedNetwork {
  const { history, bestEpoch } = trained;
  return { history, ...(bestEpoch !== undefined && { bestEpoch }), trained, dispose: () => trained.dispose() };
}
