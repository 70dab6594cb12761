import {
  type Classification,
  checkParam,
  checkSaved,
  checkTargets,
  type Dense,
  encodeLabels,
  type FitOptions,
  type FittedModel,
  type Json,
  type Label,
  MmubError,
  type Model,
  type Progress,
  progress,
  type RunOptions,
  random,
  type Saved,
  show,
  turn,
} from "@mmub/core";
import type {
  ConstantSchedule,
  CosineSchedule,
  Epoch,
  ExponentialSchedule,
  InputSpec,
  LinearSchedule,
  Network,
  Optimizer,
  StepSchedule,
  Trained,
  Weights,
} from "@mmub/nn";
import { type AugmentParams, augmented, augmentParams } from "./augmentation.js";
import { classified, sharesOf, softmax } from "./classes.js";
import { type DecodeParams, decode, decodeParams, type ImageInput, type RgbImage } from "./decode.js";
import { type ImageArchitecture, smallCnn } from "./image-architectures.js";
import { type BrokenOptions, eachPicture } from "./lanes.js";

const type = "@mmub/image/image-network";

export interface ImageNetworkParams extends DecodeParams {
  /** Width in pixels that every picture is brought to. @default 64 */
  readonly width?: number;
  /** Height in pixels that every picture is brought to. @default 64 */
  readonly height?: number;
  /** `smallCnn()`, `resnet()`, or one of your own. @default smallCnn() */
  readonly network?: ImageArchitecture;
  /** What is changed in a picture each time it is seen; null: nothing. @default {}: a little of all */
  readonly augment?: AugmentParams | null;
  /** How often all pictures are seen. @default 20 */
  readonly epochs?: number;
  /** Pictures of a step. @default 32 */
  readonly batchSize?: number;
  /** @default adamW({ learningRate: 1e-3, weightDecay: 0.01 }) */
  readonly optimizer?: Optimizer;
  /** How the learning rate goes; null: it stays. @default cosine() */
  readonly schedule?: ConstantSchedule | CosineSchedule | ExponentialSchedule | LinearSchedule | StepSchedule | null;
  /** The share of a target that is spread over all classes, against overconfidence; 0 to 1. @default 0.1 */
  readonly labelSmoothing?: number;
  /** The share of the pictures that is kept out of the training and judged after each epoch. @default null: none */
  readonly validation?: number | null;
  /** Epochs without a lower loss of the validation after which the training ends, with the weights of the best. @default null: all run */
  readonly patience?: number | null;
  /** Threads inside one op; no part of what is saved. @default 1 */
  readonly threads?: number;
}

type Pictures = readonly (ImageInput | null)[];

export interface ImageNetwork<L extends Label = Label> extends Model<L, Classification<L>, Pictures> {
  fit(x: Pictures, targets: readonly L[], options?: FitOptions): Promise<FittedImageNetwork<L>>;
  load(saved: Saved): Promise<FittedImageNetwork<L>>;
}

export interface FittedImageNetwork<L extends Label = Label> extends FittedModel<Classification<L>, Pictures> {
  /** The labels seen, sorted. */
  readonly classes: readonly L[];
  /** What each epoch came to: `trainingCurve` of `@mmub/metrics` draws it. */
  readonly history: readonly Epoch[];
  /** The epoch, from 1, that the weights are of, where `patience` chose it. */
  readonly bestEpoch?: number;
  /** The network and its weights, of pixels of [0, 1]: `toOnnx(trained.network, trained.weights)` of `@mmub/nn` exports them. */
  readonly trained: Trained<{ readonly x: InputSpec }>;
  /** Frees the runtime's sessions; the next prediction makes new ones. */
  dispose(): Promise<void>;
}

/**
 * A convolutional network that tells classes of pictures apart, trained here from pixels. Each time a picture is seen it is changed a little
 * by chance (`augment`), so that the network learns what stays. For some hundreds of pictures a pretrained `cnnEncoder` with a linear model
 * is far better: `imageHead`.
 *
 * Input: pictures; missing ones are left out of the training and get the shares of the classes when predicted. Output: a label and
 * probabilities, rows x classes. Same seed, data, params and runtime: same bytes. The last pictures of an epoch are filled up with its first
 * to a whole batch. Progress counts steps, with `epoch`, `loss` and `learningRate`.
 * Rejects what `decodeImage` rejects (unless `onBroken` is given), targets that are not labels of one type, a single class, and a loss that is
 * no longer finite. Cost: for each picture and epoch three times the network's forward pass, and 0.2 ms at 64 x 64 for the changes; all
 * pictures are held as bytes. Steps run in the calling thread, which has a turn of the event loop between them.
 *
 * @example
 * import { random } from "@mmub/core";
 * import { imageNetwork, smallCnn } from "@mmub/image";
 *
 * // Left half or right half white.
 * const { integer } = random(1);
 * const labels = Array.from({ length: 32 }, () => (integer(2) === 0 ? "left" : "right"));
 * const pictures = labels.map((side) => {
 *   const data = Uint8Array.from({ length: 64 }, (_, i) => ((i % 8 < 4) === (side === "left") ? 255 : integer(100)));
 *   return { data, width: 8, height: 8, channels: 1 } as const;
 * });
 * const network = smallCnn({ filters: [8] });
 * const recipe = imageNetwork<string>({ width: 8, height: 8, network, augment: null, epochs: 40, batchSize: 8 });
 * const fitted = await recipe.fit(pictures, labels, { seed: 7 });
 * console.log((await fitted.predict(pictures)).labels.join() === labels.join()); // true
 * await fitted.dispose();
 */
export function imageNetwork<L extends Label = Label>(
  given: ImageNetworkParams = {},
  options: BrokenOptions = {},
): ImageNetwork<L> {
  const { params, architecture, optimizer, schedule, threads } = checked(given);
  const { width, height, epochs, labelSmoothing, validation, patience, augment: augmentation } = params;
  const size = 3 * width * height;
  const recipe = { type, params: params as unknown as Json };

  /** Pictures of one size; undefined of the missing ones. */
  async function decoded(x: Pictures, run: RunOptions | undefined, first = 0) {
    const present = new Uint8Array(x.length).fill(1);
    const pictures: (RgbImage | undefined)[] = new Array(x.length).fill(undefined);
    const { onProgress: _, ...quiet } = run ?? {};
    await eachPicture(x, present, type, quiet, options, async (input, i) => {
      pictures[i] = await decode(input, params, { part: type, index: first + i });
    });
    return pictures;
  }

  async function networkOf(classes: number, moments: Moments): Promise<Network<{ readonly x: InputSpec }>> {
    const library = await import("@mmub/nn");
    const { mul, network, reshape, sub } = library;
    return network({ x: { kind: "tensor", shape: [3, height, width] } as InputSpec }, (scope, { x }) => {
      const of = (name: keyof Moments) =>
        scope.enter("standardize", (own) =>
          reshape(
            own.buffer(name, [3], () => moments[name]),
            [3, 1, 1],
          ),
        );
      const output = architecture.build(scope, mul(sub(x as never, of("mean")), of("scale")), classes, library);
      if (output.shape.length !== 2 || output.shape[1] !== classes)
        throw new MmubError("shape-mismatch", {
          part: type,
          message: `the network gives [${output.shape.join(", ")}], want [batch, ${classes}]`,
        });
      return output;
    });
  }

  function fitted(
    classes: readonly L[],
    shares: readonly number[],
    trained: Trained<{ readonly x: InputSpec }>,
    told: Told,
  ): FittedImageNetwork<L> {
    return {
      classes,
      ...told,
      trained,
      async predict(x, run) {
        checkPictures(x);
        await turn(run?.signal);
        const data = new Float32Array(x.length * classes.length);
        const report = progress(run, type, x.length);
        // No more pixels at a time than of some batches.
        for (let first = 0; first < x.length; first += 256) {
          const pictures = await decoded(x.slice(first, first + 256), run, first);
          const pixels = new Float32Array(pictures.length * size);
          for (const [i, picture] of pictures.entries()) if (picture) writePixels(picture, pixels, i * size);
          const dense: Dense = { layout: "dense", rows: pictures.length, cols: size, data: pixels };
          const logits = await trained.predict({ x: dense } as never, {
            ...(run?.batchSize !== undefined && { batchSize: run.batchSize }),
            ...(run?.signal && { signal: run.signal }),
          });
          for (const [i, picture] of pictures.entries()) {
            const row = data.subarray((first + i) * classes.length, (first + i + 1) * classes.length);
            if (picture) softmax(logits.data.subarray(i * classes.length, (i + 1) * classes.length), row);
            else row.set(shares);
          }
          report(first + pictures.length);
        }
        return classified(data, classes);
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: { classes, shares, ...told } as unknown as Json,
        parts: { trained: await trained.save() },
      }),
      dispose: () => trained.dispose(),
    };
  }

  async function fit(x: Pictures, targets: readonly L[], run: FitOptions = {}): Promise<FittedImageNetwork<L>> {
    const { seed = 0, signal } = run;
    await turn(signal);
    checkPictures(x);
    checkTargets(targets, x.length, type);
    const { classes, classOf } = encodeLabels(targets, type);
    const { adamW, auto, cosine, crossEntropy, rateFactor, stepper, withWeights } = await import("@mmub/nn");
    const pictures = await decoded(x, run);
    const rows = pictures.flatMap((picture, row) => (picture ? [row] : []));
    if (rows.length === 0)
      throw new MmubError("invalid-input", {
        part: type,
        message: "every picture is missing, want some to learn from",
      });
    const shares = sharesOf(
      Int32Array.from(rows, (row) => classOf[row]!),
      classes.length,
    );

    const order = random(seed).fork("validation").shuffle(Uint32Array.from(rows));
    const held = validation === null ? 0 : Math.max(1, Math.round(validation * rows.length));
    const [judged, learned] = [order.subarray(0, held), order.subarray(held).sort()];
    if (learned.length === 0)
      throw new MmubError("invalid-input", { part: type, message: `no picture is left to learn from beside ${held}` });
    const batch = Math.min(params.batchSize, learned.length);
    const perEpoch = Math.ceil(learned.length / batch);
    const steps = epochs * perEpoch;
    const net = await networkOf(classes.length, momentsOf(learned, pictures));
    const loss = crossEntropy({ labelSmoothing });
    const rates = schedule === undefined ? cosine() : schedule;
    const runtime = await auto();
    const training = await stepper(net, {
      loss,
      batch,
      optimizer: optimizer ?? adamW({ learningRate: 1e-3, weightDecay: 0.01 }),
      seed,
      runtime,
      threads,
    });
    const report = progress(run as { onProgress?: (progress: Progress) => void }, type, steps);
    const history: Epoch[] = [];
    let best: { readonly epoch: number; readonly loss: number; readonly weights: Weights } | undefined;
    try {
      const pixels = new Float32Array(batch * size);
      const target = new Int32Array(batch);
      const shuffles = random(seed).fork("order");
      const changes = random(seed).fork("augment");
      for (let epoch = 0, step = 0; epoch < epochs; epoch++) {
        shuffles.shuffle(learned);
        let [sum, learningRate] = [0, 0];
        for (let first = 0; first < learned.length; first += batch, step++) {
          await turn(signal);
          for (let i = 0; i < batch; i++) {
            const row = learned[(first + i) % learned.length]!;
            const picture = pictures[row]!;
            writePixels(augmentation ? augmented(picture, changes, augmentation) : picture, pixels, i * size);
            target[i] = classOf[row]!;
          }
          learningRate =
            (optimizer?.learningRate ?? 1e-3) *
            (rates ? rateFactor(rates, { step, steps, epoch, plateau: { factor: 1, best: null, waited: 0 } }) : 1);
          sum += await training.step({ inputs: { x: pixels }, targets: { target } }, { learningRate });
          report(step + 1, { epoch: epoch + 1, loss: sum / (first / batch + 1), learningRate });
        }
        const judgement = held > 0 ? await judge(net, training.weights, judged) : undefined;
        history.push({
          epoch: epoch + 1,
          steps: step,
          learningRate,
          loss: sum / perEpoch,
          metrics: {},
          ...(judgement && { validation: judgement }),
        });
        if (judgement && patience !== null) {
          if (!best || judgement.loss < best.loss)
            best = { epoch: epoch + 1, loss: judgement.loss, weights: copied(training.weights) };
          else if (epoch + 1 - best.epoch >= patience) break;
        }
      }
      const weights = best?.weights ?? copied(training.weights);
      const trained = await withWeights(net, weights, { runtime, threads });
      return fitted(classes, shares, trained, { history, ...(best && { bestEpoch: best.epoch }) });
    } finally {
      await training.dispose();
    }

    async function judge(of: typeof net, weights: Weights, judged: Uint32Array) {
      const now = await withWeights(of, weights, { runtime, threads });
      let [right, total] = [0, 0];
      try {
        for (let first = 0; first < judged.length; first += 256) {
          const some = judged.subarray(first, first + 256);
          const data = new Float32Array(some.length * size);
          for (const [i, row] of some.entries()) writePixels(pictures[row]!, data, i * size);
          const dense: Dense = { layout: "dense", rows: some.length, cols: size, data };
          const logits = await now.predict({ x: dense } as never, { ...(signal && { signal }) });
          const shares = new Float32Array(classes.length);
          for (const [i, row] of some.entries()) {
            softmax(logits.data.subarray(i * classes.length, (i + 1) * classes.length), shares);
            const own = shares[classOf[row]!]!;
            total -= Math.log(Math.max(own, 1e-30));
            if (own === shares.reduce((a, b) => Math.max(a, b))) right++;
          }
        }
      } finally {
        await now.dispose();
      }
      return { loss: total / judged.length, metrics: { accuracy: right / judged.length } };
    }
  }

  return {
    ...recipe,
    fit,
    async load(saved) {
      const { state, parts } = checkSaved(saved, recipe, 1);
      const { classes, shares, history, bestEpoch } = state as unknown as {
        readonly classes: readonly L[];
        readonly shares: readonly number[];
      } & Told;
      if (!parts?.trained)
        throw new MmubError("saved-mismatch", { part: type, message: "it holds no trained network; save it anew" });
      const { loadTrained } = await import("@mmub/nn");
      const net = await networkOf(classes.length, { mean: new Float32Array(3), scale: new Float32Array(3) });
      const trained = await loadTrained(net, parts.trained, { threads });
      return fitted(classes, shares, trained, { history, ...(bestEpoch !== undefined && { bestEpoch }) });
    },
  };
}

export function checkPictures(x: unknown, part = type): void {
  if (!Array.isArray(x))
    throw new MmubError("invalid-input", { part, message: `pictures are ${show(x)}, want an array` });
}

function checked(given: ImageNetworkParams) {
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  const { width = 64, height = 64, network = smallCnn(), augment = {}, epochs = 20, batchSize = 32 } = given;
  const { optimizer, schedule, labelSmoothing = 0.1, validation = null, patience = null, threads = 1 } = given;
  check("network", network, typeof network?.build === "function", "an architecture such as smallCnn()");
  for (const [name, value] of Object.entries({ epochs, batchSize, threads }))
    check(name, value, Number.isInteger(value) && value > 0, "a positive integer");
  check("optimizer", optimizer, optimizer === undefined || typeof optimizer?.type === "string", "such as adam()");
  const rates = ["constant", "cosine", "exponential", "linear", "step"];
  check("schedule", schedule, schedule == null || rates.includes(schedule.type), `one of ${rates.join(", ")}, or null`);
  check("labelSmoothing", labelSmoothing, labelSmoothing >= 0 && labelSmoothing < 1, "a share, 0 to below 1");
  check("validation", validation, validation === null || (validation > 0 && validation < 1), "a share or null");
  const waits = patience === null || (validation !== null && Number.isInteger(patience) && patience > 0);
  check("patience", patience, waits, "a positive integer beside a validation, or null");
  const params = {
    ...decodeParams(type, { ...given, width, height }),
    width,
    height,
    network: { type: network.type, params: network.params },
    augment: augment && augmentParams(type, augment),
    epochs,
    batchSize,
    // Null, and "default": as documented; the defaults are loaded on first use.
    optimizer: optimizer ?? null,
    schedule: schedule === undefined ? "default" : schedule,
    labelSmoothing,
    validation,
    patience,
  };
  return { params, architecture: network, optimizer, schedule, threads };
}

/** What is told of a training. */
interface Told {
  readonly history: readonly Epoch[];
  readonly bestEpoch?: number;
}

/** By which channels of [0, 1] are brought to mean 0 and deviation 1. */
interface Moments {
  readonly mean: Float32Array;
  /** 1 / deviation. */
  readonly scale: Float32Array;
}

function momentsOf(rows: Uint32Array, pictures: readonly (RgbImage | undefined)[]): Moments {
  const [sums, squares] = [new Float64Array(3), new Float64Array(3)];
  let count = 0;
  for (const row of rows) {
    const { data } = pictures[row]!;
    for (let i = 0; i < data.length; i++) {
      const value = data[i]! / 255;
      sums[i % 3]! += value;
      squares[i % 3]! += value * value;
    }
    count += data.length / 3;
  }
  const mean = Float32Array.from(sums, (sum) => sum / count);
  const scale = Float32Array.from(squares, (square, c) => {
    const variance = square / count - (sums[c]! / count) ** 2;
    return variance > 1e-8 ? 1 / Math.sqrt(variance) : 1;
  });
  return { mean, scale };
}

/** Bytes to planes of [0, 1]. */
function writePixels({ data }: RgbImage, into: Float32Array, at: number): void {
  const area = data.length / 3;
  for (let i = 0, from = 0; i < area; i++)
    for (let c = 0; c < 3; c++) into[at + c * area + i] = data[from++]! * (1 / 255);
}

function copied(weights: Weights): Weights {
  return Object.fromEntries(Object.entries(weights).map(([name, values]) => [name, values.slice()]));
}
