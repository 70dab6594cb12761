import {
  type Classification,
  checkParam,
  checkSaved,
  checkTargets,
  type Dense,
  type Extractor,
  encodeLabels,
  type FitOptions,
  type FittedExtractor,
  type FittedModel,
  isPresent,
  type Json,
  type Label,
  MmubError,
  type Model,
  random,
  reportedAs,
  type Saved,
  stackFeatures,
  takeFeatures,
  turn,
} from "@mmub/core";
import type { Epoch, InputSpec, Network, Trained } from "@mmub/nn";
import { type AugmentParams, augmented, augmentParams } from "./augmentation.js";
import { classified, sharesOf, softmax } from "./classes.js";
import { type DecodeParams, decode, decodeParams, type ImageInput } from "./decode.js";
import { checkPictures } from "./image-network.js";

const type = "@mmub/image/image-head";

export interface ImageHeadParams {
  /** What tells pictures apart already and is left as it is, such as a `cnnEncoder` with `unitLength: true`. */
  readonly encoder: Extractor<ImageInput, Dense>;
  /** Widths of hidden layers; none: a linear head. @default [] */
  readonly hidden?: readonly number[];
  /** The share of features that training drops before each layer. @default 0.2 */
  readonly dropout?: number;
  /** How many changed copies of each picture are encoded and learned from beside it. @default 0 */
  readonly copies?: number;
  /** How the copies are changed. @default {}: a little of all */
  readonly augment?: AugmentParams;
  /** Of the copies: how they are decoded, to the longer side that the encoder has use for. @default { width: 224, height: 224, fit: "contain" } */
  readonly decode?: DecodeParams;
  /** How often all rows are seen. @default 60 */
  readonly epochs?: number;
  /** Rows of a step. @default 64 */
  readonly batchSize?: number;
  /** @default 0.01 */
  readonly learningRate?: number;
  /** Decay of the weights in each step, as AdamW's. @default 0.001 */
  readonly weightDecay?: number;
  /** The share of a target that is spread over all classes; 0 to 1. @default 0.1 */
  readonly labelSmoothing?: number;
}

type Pictures = readonly (ImageInput | null)[];

export interface ImageHead<L extends Label = Label> extends Model<L, Classification<L>, Pictures> {
  fit(x: Pictures, targets: readonly L[], options?: FitOptions): Promise<FittedImageHead<L>>;
  load(saved: Saved): Promise<FittedImageHead<L>>;
}

export interface FittedImageHead<L extends Label = Label> extends FittedModel<Classification<L>, Pictures> {
  /** The labels seen, sorted. */
  readonly classes: readonly L[];
  /** What each epoch came to: `trainingCurve` of `@mmub/metrics` draws it. */
  readonly history: readonly Epoch[];
  /** Frees the encoder and the head. */
  dispose(): Promise<void>;
}

/**
 * A classifier of pictures that stands on a pretrained encoder: the encoder stays as it is, and a head of dense layers is trained on its
 * features, which are brought to mean 0 and deviation 1. With `copies`, changed pictures are encoded too, for more variety.
 *
 * Input: pictures; missing ones are left out of the training and get the shares of the classes when predicted. Output: a label and
 * probabilities, rows x classes. Same seed, data, params and runtime: same bytes. Rejects what the encoder rejects, targets that are not labels
 * of one type, and a single class. Cost: the encoder's for each picture and copy, and seconds for the head. What is saved holds what
 * the encoder saves.
 *
 * @example
 * const encoder = cnnEncoder({ model: "efficientnet-lite0.onnx", ...imagePresets.efficientNetLite0, layer: "features" });
 * const recipe = imageHead<"shoe" | "bag">({ encoder, copies: 4 });
 * const fitted = await recipe.fit(["a.jpg", "b.jpg"], ["shoe", "bag"]).catch(() => undefined); // missing-model without the file
 */
export function imageHead<L extends Label = Label>(given: ImageHeadParams): ImageHead<L> {
  const { encoder, params } = checked(given);
  const { hidden, dropout, copies, epochs, batchSize, learningRate, weightDecay, labelSmoothing } = params;
  const recipe = { type, params: params as unknown as Json };

  async function networkOf(cols: number, classes: number, moments?: Moments): Promise<Head> {
    const { dense, dropout: drop, mul, network, relu, sub } = await import("@mmub/nn");
    return network({ x: { kind: "vector", cols } as InputSpec }, (scope, { x }) => {
      const of = (name: keyof Moments) =>
        scope.enter("standardize", (own) => own.buffer(name, [cols], () => moments?.[name] ?? new Float32Array(cols)));
      let seen = drop({ rate: dropout })(scope, mul(sub(x as never, of("mean")), of("scale")));
      for (const units of hidden)
        seen = drop({ rate: dropout })(scope, relu(dense({ units, name: "hidden" })(scope, seen)));
      return dense({ units: classes, name: "output" })(scope, seen);
    });
  }

  function fitted(
    classes: readonly L[],
    shares: readonly number[],
    pictures: FittedExtractor<ImageInput, Dense>,
    trained: Trained<{ readonly x: InputSpec }>,
  ): FittedImageHead<L> {
    return {
      classes,
      history: trained.history,
      async predict(x, run) {
        checkPictures(x, type);
        const features = await pictures.transform(x, run);
        const { signal } = run ?? {};
        const logits = await trained.predict({ x: features } as never, { ...(signal && { signal }) });
        const data = new Float32Array(x.length * classes.length);
        for (let row = 0; row < x.length; row++) {
          const [from, to] = [row * classes.length, (row + 1) * classes.length];
          if (isPresent(features, row)) softmax(logits.data.subarray(from, to), data.subarray(from, to));
          else data.set(shares, from);
        }
        return classified(data, classes);
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: { classes, shares, cols: pictures.cols } as unknown as Json,
        parts: { encoder: await pictures.save(), trained: await trained.save() },
      }),
      async dispose() {
        await trained.dispose();
        await pictures.dispose?.();
      },
    };
  }

  return {
    ...recipe,
    async fit(x, targets, run = {}) {
      const { seed = 0, signal, onProgress } = run;
      await turn(signal);
      checkPictures(x, type);
      checkTargets(targets, x.length, type);
      const { classes, classOf } = encodeLabels(targets, type);
      const pictures = await encoder.fit(x, run);
      try {
        const quiet = { ...(signal && { signal }) };
        const versions = [await pictures.transform(x, quiet)];
        const changes = random(seed).fork("augment");
        for (let copy = 0; copy < copies; copy++) {
          const pieces: Dense[] = [];
          for (let first = 0; first < x.length; first += 64) {
            const changed: (ImageInput | null)[] = [];
            for (let row = first; row < Math.min(first + 64, x.length); row++) {
              const input = isPresent(versions[0]!, row) ? x[row]! : null;
              changed.push(
                input &&
                  augmented(await decode(input, params.decode, { part: type, index: row }), changes, params.augment),
              );
            }
            pieces.push(await pictures.transform(changed, quiet));
          }
          versions.push(stackFeatures(pieces));
        }
        const all = stackFeatures(versions);
        const rows = Array.from({ length: all.rows }, (_, row) => row).filter((row) => isPresent(all, row));
        if (rows.length === 0)
          throw new MmubError("invalid-input", {
            part: type,
            message: "every picture is missing, want some to learn from",
          });
        const { cols } = all;
        const { data } = takeFeatures(all, rows);
        const target = Int32Array.from(rows, (row) => classOf[row % x.length]!);
        const shares = sharesOf(target, classes.length);
        const { adamW, cosine, crossEntropy, train } = await import("@mmub/nn");
        const net = await networkOf(cols, classes.length, momentsOf(data, cols));
        const features: Dense = { layout: "dense", rows: rows.length, cols, data };
        const trained = await train(
          net,
          { inputs: { x: features } as never, targets: { target } },
          {
            loss: crossEntropy({ labelSmoothing }),
            optimizer: adamW({ learningRate, weightDecay }),
            schedule: cosine(),
            epochs,
            batchSize,
            metrics: ["accuracy"],
            seed,
            worker: false,
            ...quiet,
            ...reportedAs(onProgress && { onProgress }, type),
          },
        );
        return fitted(classes, shares, pictures, trained);
      } catch (error) {
        await pictures.dispose?.();
        throw error;
      }
    },
    async load(saved) {
      const { state, parts } = checkSaved(saved, recipe, 1);
      const { classes, shares, cols } = state as unknown as {
        readonly classes: readonly L[];
        readonly shares: readonly number[];
        readonly cols: number;
      };
      if (!parts?.encoder || !parts.trained)
        throw new MmubError("saved-mismatch", { part: type, message: "it holds no encoder and head; save it anew" });
      const { loadTrained } = await import("@mmub/nn");
      const trained = await loadTrained(await networkOf(cols, classes.length), parts.trained);
      return fitted(classes, shares, await encoder.load(parts.encoder), trained);
    },
  };
}

type Head = Network<{ readonly x: InputSpec }>;

interface Moments {
  readonly mean: Float32Array;
  /** 1 / deviation. */
  readonly scale: Float32Array;
}

function momentsOf(data: Float32Array, cols: number): Moments {
  const rows = data.length / cols;
  const [sums, squares] = [new Float64Array(cols), new Float64Array(cols)];
  for (let i = 0; i < data.length; i++) sums[i % cols]! += data[i]! / rows;
  for (let i = 0; i < data.length; i++) squares[i % cols]! += (data[i]! - sums[i % cols]!) ** 2 / rows;
  return {
    mean: Float32Array.from(sums),
    // A difference below the precision of float32 values is that of a constant column.
    scale: Float32Array.from(squares, (variance, c) =>
      variance > 1e-14 * sums[c]! ** 2 ? 1 / Math.sqrt(variance) : 1,
    ),
  };
}

function checked(given: ImageHeadParams) {
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  const { encoder, hidden = [], dropout = 0.2, copies = 0, augment = {}, epochs = 60, batchSize = 64 } = given ?? {};
  const { learningRate = 0.01, weightDecay = 0.001, labelSmoothing = 0.1 } = given ?? {};
  check("encoder", encoder, typeof encoder?.fit === "function", "an extractor of pictures such as cnnEncoder()");
  const isWidths = Array.isArray(hidden) && hidden.every((units) => Number.isInteger(units) && units > 0);
  check("hidden", hidden, isWidths, "positive integers, or none");
  check("dropout", dropout, dropout >= 0 && dropout < 1, "a share, 0 to below 1");
  check("copies", copies, Number.isInteger(copies) && copies >= 0, "a whole number, 0 or more");
  for (const [name, value] of Object.entries({ epochs, batchSize }))
    check(name, value, Number.isInteger(value) && value > 0, "a positive integer");
  check("learningRate", learningRate, learningRate > 0 && learningRate < Infinity, "a number above 0");
  check("weightDecay", weightDecay, weightDecay >= 0 && weightDecay < Infinity, "a number of at least 0");
  check("labelSmoothing", labelSmoothing, labelSmoothing >= 0 && labelSmoothing < 1, "a share, 0 to below 1");
  const params = {
    encoder: { type: encoder.type, params: encoder.params },
    hidden: [...hidden],
    dropout,
    copies,
    augment: augmentParams(type, augment),
    decode: decodeParams(type, given.decode ?? { width: 224, height: 224, fit: "contain" }),
    epochs,
    batchSize,
    learningRate,
    weightDecay,
    labelSmoothing,
  };
  return { encoder, params };
}
