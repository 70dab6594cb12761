import {
  checkModelFile,
  checkParam,
  checkSaved,
  type Dense,
  dense,
  type Extractor,
  type FittedExtractor,
  type Json,
  MmubError,
  type ModelFile,
  progress,
  type RunOptions,
  type Saved,
  show,
  turn,
} from "@mmub/core";
import type { OnnxRuntimeOptions } from "@mmub/nn";
import type { ImageInput, Placement } from "./decode.js";
import { nms, type SoftNmsParams, softNms } from "./detection-boxes.js";
import { type Candidates, type DetectionHead, decodeDetections, isSuppressed } from "./detection-heads.js";
import { type ImageTensorParams, tensorWriter } from "./image-tensor.js";
import { type BrokenOptions, eachPicture } from "./lanes.js";
import { openPictureModel, type PictureModel } from "./picture-model.js";

const type = "@mmub/image/object-detector";

/** A thing on a picture. */
export interface Detection {
  readonly label: string;
  /** The position of its label in `labels`. */
  readonly class: number;
  /** How sure the model is, 0 to 1. */
  readonly score: number;
  /** Pixels of the upright original. */
  readonly box: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };
}

export interface ObjectDetectorParams extends ImageTensorParams, OnnxRuntimeOptions {
  /** The ONNX model: its path, its bytes, or where it is on the web with its checksum. It has one input, a batch of pictures. */
  readonly model: ModelFile;
  /** How its outputs are to be read; the name stands for the head with its defaults. */
  readonly head: DetectionHead | Exclude<DetectionHead["kind"], "ssd">;
  /** The classes, in the model's order; of SSD without the background. */
  readonly labels: readonly string[];
  /** The outputs to take, of a model with more; of SSD boxes first, then classes. @default all */
  readonly outputs?: readonly string[] | null;
  /** Things that the model is less sure of are left out. @default 0.25 */
  readonly minScore?: number;
  /** Of boxes that overlap by a larger share, the best is kept. @default 0.45 */
  readonly iou?: number;
  /** How boxes that show the same thing become one; no matter to heads that do so themselves. @default "nms" */
  readonly suppression?: "nms" | "none" | ({ readonly method: "gaussian" | "linear" } & Pick<SoftNmsParams, "sigma">);
  /** Whether boxes of different classes are suppressed too. @default false */
  readonly acrossClasses?: boolean;
  /** Whether a box counts for each class that it is sure of, or for its best alone. @default false */
  readonly multiLabel?: boolean;
  /** The most things on a picture, best first. @default 300 */
  readonly limit?: number;
  /** What each class tells as a feature. @default ["count", "area", "score", "x", "y"] */
  readonly features?: readonly DetectionFeature[];
  /** Pictures of a run of the model. @default 1 */
  readonly runSize?: number;
}

/**
 * `count`: how many there are; `area`: the share of the picture that the largest box covers; `score`: how sure the model is of the best;
 * `x` and `y`: where the middle of the largest box is, in shares of the picture from the left and the top, 0.5 of a class that is not there.
 */
export type DetectionFeature = "count" | "area" | "score" | "x" | "y";

export interface ObjectDetector extends Extractor<ImageInput, Dense> {
  fit(...args: Parameters<Extractor<ImageInput, Dense>["fit"]>): Promise<FittedObjectDetector>;
  load(saved: Saved): Promise<FittedObjectDetector>;
}

export interface FittedObjectDetector extends FittedExtractor<ImageInput, Dense> {
  /** The things on each picture, best first; null for a missing picture. */
  detect(inputs: readonly (ImageInput | null)[], options?: RunOptions): Promise<(Detection[] | null)[]>;
}

const allFeatures = ["count", "area", "score", "x", "y"] as const;

/**
 * What is where on a picture, by a pretrained detector in ONNX form: YOLO v5 to v12, YOLOX, SSD.
 *
 * `detect` gives the things on each picture with boxes in pixels of the original. As an extractor it gives Dense, rows x (classes x
 * features), named as "shoe count"; a missing picture is a zero row with `present` 0. The model is frozen: `fit` loads it and learns nothing.
 * Pictures are prepared as the head's models were trained, unless params say otherwise: YOLO 640 x 640 letterboxed on grey in the middle,
 * 0 to 1; YOLOX at the top left, BGR, 0 to 255; SSD 300 x 300 stretched, "imagenet".
 *
 * What is saved holds the hash of the model and refuses others. Rejects with `missing-model`, `missing-library`, `shape-mismatch` for
 * outputs that are not the head's, `invalid-input` for another number of classes than labels and for what `decodeImage` rejects (unless
 * `onBroken` is given).
 * Cost: the model's, and 5 ms a picture for 8400 boxes of 80 classes. `parallel` of @mmub/core spreads pictures over threads.
 *
 * @example
 * const detector = objectDetector({ model: "yolo11n.onnx", head: "yolov8", labels: ["person", "bicycle", "car"] });
 * const fitted = await detector.fit([]).catch(() => undefined); // missing-model where the file is not there
 * const [things] = (await fitted?.detect(["street.jpg"])) ?? [];
 * console.log(things?.map(({ label, score, box }) => [label, score, box.left]));
 */
export function objectDetector(given: ObjectDetectorParams, options: BrokenOptions = {}): ObjectDetector {
  const { writer, head, params, outputs, runSize } = checked(given);
  const { labels, minScore, iou, suppression, acrossClasses, multiLabel, limit, features } = params;
  const recipe = { type, params: params as unknown as Json };
  const { width, height } = writer.params;

  /** Those that stay, best first. */
  function settled({ boxes, scores, classes }: Candidates): { kept: Uint32Array; scores: ArrayLike<number> } {
    const apart = { ...(!acrossClasses && { classes }), limit };
    if (isSuppressed(head) || suppression === "none") {
      const order = Uint32Array.from(scores, (_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
      const kept = order.subarray(0, limit);
      return { kept, scores: picked(scores, kept) };
    }
    if (suppression !== "nms") return softNms(boxes, scores, { ...suppression, iou, minScore, ...apart });
    const kept = nms(boxes, scores, { iou, ...apart });
    return { kept, scores: picked(scores, kept) };
  }

  function detections(candidates: Candidates, placement: Placement): Detection[] {
    const { kept, scores } = settled(candidates);
    const { boxes, classes } = candidates;
    const inside = (value: number, most: number) => Math.min(Math.max(value, 0), most);
    return Array.from(kept, (i, at) => {
      const x = (k: number) => inside((boxes[4 * i + k]! - placement.left) / placement.scaleX, placement.width);
      const y = (k: number) => inside((boxes[4 * i + k]! - placement.top) / placement.scaleY, placement.height);
      const of = classes[i]!;
      const label = labels[of];
      if (label === undefined)
        throw new MmubError("invalid-input", {
          part: type,
          message: `the model found class ${of}, want one of the ${labels.length} labels; give the labels that it was trained with`,
        });
      return { label, class: of, score: scores[at]!, box: { left: x(0), top: y(1), right: x(2), bottom: y(3) } };
    });
  }

  function fitted(model: PictureModel): FittedObjectDetector {
    let disposed: Promise<void> | undefined;

    async function each(
      inputs: readonly (ImageInput | null)[],
      run: RunOptions | undefined,
      take: (row: number, things: Detection[], placement: Placement) => void,
    ): Promise<void> {
      if (!Array.isArray(inputs))
        throw new MmubError("invalid-input", { part: type, message: `inputs are ${show(inputs)}, want an array` });
      const { signal, batchSize } = run ?? {};
      if (batchSize !== undefined)
        checkParam(type, "batchSize", batchSize, Number.isInteger(batchSize) && batchSize > 0, "a positive integer");
      const size = Math.min(model.rows ?? runSize, batchSize ?? Infinity);
      const report = progress(run, type, inputs.length);
      const prepared = async (first: number) => {
        const items = inputs.slice(first, first + size);
        const present = new Uint8Array(items.length).fill(1);
        const pixels = new Float32Array(items.length * writer.size);
        const placements: Placement[] = [];
        const quiet = { batchSize: Math.max(1, items.length), ...(signal && { signal }) };
        await eachPicture(items, present, type, quiet, options, async (input, i) => {
          const place = pixels.subarray(i * writer.size, (i + 1) * writer.size);
          placements[i] = await writer.write(input, place, { part: type, index: first + i });
        });
        return { present, pixels, placements };
      };
      const next = (first: number) => {
        const ahead = prepared(first);
        // Waited for later: it may fail while nobody does.
        ahead.catch(() => {});
        return ahead;
      };
      await turn(signal);
      let ahead = next(0);
      for (let first = 0; first < inputs.length; first += size) {
        const { present, pixels, placements } = await ahead;
        if (first + size < inputs.length) ahead = next(first + size);
        await turn(signal);
        if (disposed)
          throw new MmubError("invalid-input", {
            part: type,
            message: "the model was disposed of; fit or load it again",
          });
        if (present.includes(1)) {
          const given = await model.run(pixels, present.length);
          const heads = given.map(({ shape, data }) => ({ shape, data: data as Float32Array }));
          const found = decodeDetections(head, heads, { width, height, minScore, multiLabel });
          for (const [i, is] of present.entries())
            if (is) take(first + i, detections(found[i]!, placements[i]!), placements[i]!);
        }
        report(first + present.length);
      }
      signal?.throwIfAborted();
    }

    const names = labels.flatMap((label) => features.map((feature) => `${label} ${feature}`));
    return {
      cols: names.length,
      names,
      async detect(inputs, run) {
        const all: (Detection[] | null)[] = Array.from({ length: inputs?.length ?? 0 }, () => null);
        await each(inputs, run, (row, things) => {
          all[row] = things;
        });
        return all;
      },
      async transform(inputs, run) {
        const out = dense(inputs?.length ?? 0, names.length);
        out.present.fill(0);
        await each(inputs, run, (row, things, { width, height }) => {
          out.present[row] = 1;
          const values = out.data.subarray(row * names.length, (row + 1) * names.length);
          for (let of = 0; of < labels.length; of++) {
            const told = described(
              things.filter((thing) => thing.class === of),
              width,
              height,
            );
            for (const [k, feature] of features.entries()) values[of * features.length + k] = told[feature];
          }
        });
        return out;
      },
      save: async () => ({ ...recipe, version: 1, state: { model: model.sha256 } }),
      dispose() {
        disposed ??= model.dispose();
        return disposed;
      },
    };
  }

  const open = (signal?: AbortSignal, saved?: { readonly sha256: unknown }) => {
    const { outputs: _, ...options } = given;
    return openPictureModel(type, given.model, writer, {
      ...options,
      ...(outputs && { outputs }),
      saved,
      ...(signal && { signal }),
    });
  };

  return {
    ...recipe,
    async fit(_, options) {
      options?.signal?.throwIfAborted();
      const model = await open(options?.signal);
      try {
        const rows = model.rows ?? 1;
        const given = await model.run(new Float32Array(rows * writer.size), rows);
        const heads = given.map(({ shape, data }) => ({ shape, data: data as Float32Array }));
        decodeDetections(head, heads, { width, height, minScore });
        checkClasses(head, heads, labels);
        return fitted(model);
      } catch (error) {
        await model.dispose();
        throw error;
      }
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as Readonly<Record<string, unknown>> | null;
      return fitted(await open(undefined, { sha256: state?.model }));
    },
  };
}

function picked(scores: ArrayLike<number>, kept: Uint32Array): Float32Array {
  return Float32Array.from(kept, (i) => scores[i]!);
}

/** The features of the things of one class, best first. */
function described(things: readonly Detection[], width: number, height: number): Record<DetectionFeature, number> {
  const areaOf = ({ box }: Detection) => ((box.right - box.left) * (box.bottom - box.top)) / (width * height);
  const [first] = things;
  if (!first) return { count: 0, area: 0, score: 0, x: 0.5, y: 0.5 };
  const largest = things.reduce((a, b) => (areaOf(b) > areaOf(a) ? b : a));
  return {
    count: things.length,
    area: areaOf(largest),
    score: first.score,
    x: (largest.box.left + largest.box.right) / 2 / width,
    y: (largest.box.top + largest.box.bottom) / 2 / height,
  };
}

/** Where the output tells how many classes there are. */
function checkClasses(
  head: DetectionHead,
  outputs: readonly { readonly shape: readonly number[] }[],
  labels: readonly string[],
): void {
  const [, a = 0, b = 0] = outputs[0]!.shape;
  const classes = {
    yolov5: b - 5,
    yolox: b - 5,
    yolov8: a - 4,
    yolov10: labels.length,
    ssd: (outputs[1]?.shape[2] ?? 0) - (head.kind === "ssd" && (head.background ?? true) ? 1 : 0),
  }[head.kind];
  if (classes !== labels.length)
    throw new MmubError("invalid-input", {
      part: type,
      message: `the model knows ${classes} classes and there are ${labels.length} labels, want one label for each class`,
    });
}

const letterbox = { fit: "contain", background: [114, 114, 114], kernel: "linear" } as const;
const yolo = { ...letterbox, width: 640, height: 640, normalize: "0..1" } as const;
const preparations: Readonly<Record<DetectionHead["kind"], ImageTensorParams>> = {
  yolov5: yolo,
  yolov8: yolo,
  yolov10: yolo,
  yolox: { ...letterbox, width: 640, height: 640, position: "top-left", channels: "bgr", normalize: "0..255" },
  ssd: { width: 300, height: 300, kernel: "linear", normalize: "imagenet" },
};

function checked(given: ObjectDetectorParams) {
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  const { model, labels, outputs = null, minScore = 0.25, iou = 0.45, limit = 300, runSize = 1 } = given ?? {};
  const { suppression = "nms", acrossClasses = false, multiLabel = false, features = allFeatures } = given ?? {};
  checkModelFile(type, model);
  const kinds = Object.keys(preparations);
  const head = (typeof given.head === "string" ? { kind: given.head } : given.head) as DetectionHead;
  check("head", given.head, kinds.includes(head?.kind), `one of ${kinds.join(", ")}; ssd with its priors`);
  const isStrings = (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === "string");
  check("labels", labels, isStrings(labels) && labels.length > 0, "the names of the model's classes");
  check("outputs", outputs, outputs === null || isStrings(outputs), "names of outputs, or null");
  check("minScore", minScore, minScore >= 0 && minScore <= 1, "a share, 0 to 1");
  check("iou", iou, iou >= 0 && iou <= 1, "a share, 0 to 1");
  check("limit", limit, Number.isInteger(limit) && limit > 0, "a positive integer");
  check("runSize", runSize, Number.isInteger(runSize) && runSize > 0, "a positive integer");
  for (const [name, value] of Object.entries({ acrossClasses, multiLabel }))
    check(name, value, typeof value === "boolean", "true or false");
  const soft = typeof suppression === "object" && ["gaussian", "linear"].includes(suppression?.method);
  check(
    "suppression",
    suppression,
    suppression === "nms" || suppression === "none" || soft,
    '"nms", "none" or { method: "gaussian" or "linear" }',
  );
  const known = isStrings(features) && features.every((one) => (allFeatures as readonly string[]).includes(one));
  check("features", features, known && new Set(features).size === features.length, `of ${allFeatures.join(", ")}`);
  const preparation = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const writer = tensorWriter(type, { ...preparations[head.kind], ...preparation });
  // Plain data, to be saved.
  const plain = head.kind === "ssd" ? { ...head, priors: Array.from(head.priors) } : head;
  const params = {
    ...writer.params,
    head: plain,
    labels,
    outputs,
    minScore,
    iou,
    suppression,
    acrossClasses,
    multiLabel,
    limit,
    features,
  };
  return { writer, head, params, outputs, runSize };
}
