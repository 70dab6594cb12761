// What the last layers of detectors mean: from their numbers to boxes, scores and classes, before any suppression.
import { checkParam, MmubError } from "@mmub/core";
import type { Boxes } from "./detection-boxes.js";

const part = "@mmub/image/decodeDetections";

/** Numbers as a model gives them, the pictures in the first axis. */
export interface HeadOutput {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** How the outputs of a detector are to be read. Boxes of YOLO are in pixels of the network's input, those of SSD in shares of it. */
export type DetectionHead =
  /** One output `[batch, boxes, 5 + classes]`: centre, size, how sure it is of a thing, how sure of each class; YOLO v5 and v7. */
  | { readonly kind: "yolov5" }
  /** One output `[batch, 4 + classes, boxes]`: centre, size, how sure it is of each class; YOLO v8, v9, v11 and v12. */
  | { readonly kind: "yolov8" }
  /** One output `[batch, boxes, 6]`: left, top, right, bottom, score, class; suppression is done. YOLO v10 and exports with NMS. */
  | { readonly kind: "yolov10" }
  /** One output `[batch, boxes, 5 + classes]` as it leaves the network: centre and size within the cells of grids. @default strides [8, 16, 32] */
  | { readonly kind: "yolox"; readonly strides?: readonly number[] }
  | SsdHead;

/** Two outputs `[batch, boxes, 4]` and `[batch, boxes, classes]`: how a default box moves and grows, and a logit for each class. */
export interface SsdHead {
  readonly kind: "ssd";
  /** Centre and size of each default box, in shares of the picture; see `ssdPriors`. */
  readonly priors: ArrayLike<number>;
  /** By what moves and growths are multiplied. @default [0.1, 0.2] */
  readonly variances?: readonly [number, number];
  /** What makes scores of the second output: `"none"` where the model has done so. @default "softmax" */
  readonly scores?: "softmax" | "sigmoid" | "none";
  /** Whether the first class is the background, which is no class of a box. @default true */
  readonly background?: boolean;
}

/** Boxes that a detector suggests for one picture. */
export interface Candidates {
  /** In pixels of the network's input. */
  readonly boxes: Boxes;
  readonly scores: Float32Array;
  readonly classes: Int32Array;
}

export interface DecodeDetectionsParams {
  /** Width and height of the network's input in pixels. */
  readonly width: number;
  readonly height: number;
  /** Boxes of a lower score are left out. @default 0.25 */
  readonly minScore?: number;
  /** Whether a box counts for each class above `minScore`, or for its best alone. @default false */
  readonly multiLabel?: boolean;
}

/**
 * The boxes that the outputs of a detector stand for, for each picture, without suppression: `nms` or `softNms` are for that (not needed by
 * `yolov10`). Boxes come in the order of the output. Rejects outputs that do not have the head's shape (`shape-mismatch`).
 * Source: the layouts of Ultralytics' exports, of YOLOX' `demo_postprocess`, and of torchvision's `BoxCoder`.
 *
 * @example
 * const output = { shape: [1, 6, 1], data: [50, 40, 20, 10, 0.1, 0.9] }; // one box of YOLO v8, of two classes
 * const [found] = decodeDetections({ kind: "yolov8" }, [output], { width: 100, height: 100 });
 * console.log(found!.boxes, found!.classes); // Float32Array(4) [ 40, 35, 60, 45 ] Int32Array(1) [ 1 ]
 */
export function decodeDetections(
  head: DetectionHead,
  outputs: readonly HeadOutput[],
  params: DecodeDetectionsParams,
): Candidates[] {
  const { width, height, minScore = 0.25, multiLabel = false } = params;
  checkParam(part, "minScore", minScore, minScore >= 0 && minScore <= 1, "a share, 0 to 1");
  const pictures = outputs[0]?.shape[0] ?? 0;
  const read = reader(head, outputs, width, height);
  return Array.from({ length: pictures }, (_, picture) => {
    const [boxes, scores, classes] = [[] as number[], [] as number[], [] as number[]];
    const box = new Float64Array(4);
    for (let i = 0; i < read.count; i++) {
      const suggest = (of: number, score: number) => {
        if (scores.length === before) read.box(picture, i, box);
        boxes.push(...box);
        scores.push(score);
        classes.push(of);
      };
      const before = scores.length;
      let [best, most] = [-1, -Infinity];
      for (let of = 0; of < read.classes; of++) {
        const score = read.score(picture, i, of);
        if (multiLabel && score >= minScore) suggest(read.classAt?.(picture, i) ?? of, score);
        else if (score > most) [best, most] = [of, score];
      }
      if (!multiLabel && best >= 0 && most >= minScore) suggest(read.classAt?.(picture, i) ?? best, most);
    }
    return {
      boxes: Float32Array.from(boxes),
      scores: Float32Array.from(scores),
      classes: Int32Array.from(classes),
    };
  });
}

/** Whether a model has done the suppression itself. */
export function isSuppressed({ kind }: DetectionHead): boolean {
  return kind === "yolov10";
}

interface Reader {
  /** Boxes of a picture. */
  readonly count: number;
  readonly classes: number;
  score(picture: number, box: number, of: number): number;
  /** Left, top, right and bottom in pixels of the input. */
  box(picture: number, box: number, into: Float64Array): void;
  /** Of a head that tells the class as a number. */
  classAt?(picture: number, box: number): number;
}

function reader(head: DetectionHead, outputs: readonly HeadOutput[], width: number, height: number): Reader {
  const [first, second] = outputs;
  const { shape = [], data = [] } = first ?? {};
  const [, a = 0, b = 0] = shape;
  const want = (ok: boolean, wanted: string) => {
    if (ok) return;
    const got = outputs.map((output) => `[${output.shape.join(", ")}]`).join(" and ") || "no output";
    throw new MmubError("shape-mismatch", { part, message: `got ${got}, want ${wanted} for ${head.kind}` });
  };
  const centred = (into: Float64Array, x: number, y: number, w: number, h: number) => {
    into[0] = x - w / 2;
    into[1] = y - h / 2;
    into[2] = x + w / 2;
    into[3] = y + h / 2;
  };
  switch (head.kind) {
    case "yolov5":
      want(shape.length === 3 && b > 5, "[batch, boxes, 5 + classes]");
      return {
        count: a,
        classes: b - 5,
        score: (picture, i, of) => data[(picture * a + i) * b + 4]! * data[(picture * a + i) * b + 5 + of]!,
        box(picture, i, into) {
          const at = (picture * a + i) * b;
          centred(into, data[at]!, data[at + 1]!, data[at + 2]!, data[at + 3]!);
        },
      };
    case "yolov8":
      want(shape.length === 3 && a > 4, "[batch, 4 + classes, boxes]");
      return {
        count: b,
        classes: a - 4,
        score: (picture, i, of) => data[(picture * a + 4 + of) * b + i]!,
        box(picture, i, into) {
          const at = picture * a * b + i;
          centred(into, data[at]!, data[at + b]!, data[at + 2 * b]!, data[at + 3 * b]!);
        },
      };
    case "yolov10":
      want(shape.length === 3 && b === 6, "[batch, boxes, 6]");
      return {
        count: a,
        classes: 1,
        score: (picture, i) => data[(picture * a + i) * 6 + 4]!,
        classAt: (picture, i) => Math.round(data[(picture * a + i) * 6 + 5]!),
        box(picture, i, into) {
          for (let k = 0; k < 4; k++) into[k] = data[(picture * a + i) * 6 + k]!;
        },
      };
    case "yolox": {
      const cells = gridCells(head.strides ?? [8, 16, 32], width, height);
      want(shape.length === 3 && b > 5, "[batch, boxes, 5 + classes]");
      want(a === cells.length / 3, `${cells.length / 3} boxes of ${width} x ${height} pixels`);
      return {
        count: a,
        classes: b - 5,
        score: (picture, i, of) => data[(picture * a + i) * b + 4]! * data[(picture * a + i) * b + 5 + of]!,
        box(picture, i, into) {
          const at = (picture * a + i) * b;
          const [x, y, stride] = [cells[3 * i]!, cells[3 * i + 1]!, cells[3 * i + 2]!];
          centred(
            into,
            (data[at]! + x) * stride,
            (data[at + 1]! + y) * stride,
            Math.exp(data[at + 2]!) * stride,
            Math.exp(data[at + 3]!) * stride,
          );
        },
      };
    }
    case "ssd": {
      const { priors, variances = [0.1, 0.2], scores = "softmax", background = true } = head;
      const [, , classes = 0] = second?.shape ?? [];
      const numbers = second?.data ?? [];
      want(
        shape.length === 3 && b === 4 && second?.shape.length === 3 && second.shape[1] === a && classes > +background,
        "[batch, boxes, 4] and [batch, boxes, classes]",
      );
      want(priors.length === 4 * a, `${priors.length / 4} boxes, as there are priors,`);
      const skip = background ? 1 : 0;
      let [of, most, total] = [-1, 0, 1];
      const share = (at: number, row: number) => {
        if (scores === "none") return numbers[at]!;
        if (scores === "sigmoid") return 1 / (1 + Math.exp(-numbers[at]!));
        // Once a box.
        if (of !== row) {
          [of, most, total] = [row, -Infinity, 0];
          for (let c = 0; c < classes; c++) most = Math.max(most, numbers[row * classes + c]!);
          for (let c = 0; c < classes; c++) total += Math.exp(numbers[row * classes + c]! - most);
        }
        return Math.exp(numbers[at]! - most) / total;
      };
      return {
        count: a,
        classes: classes - skip,
        score: (picture, i, of) => share((picture * a + i) * classes + skip + of, picture * a + i),
        box(picture, i, into) {
          const at = (picture * a + i) * 4;
          const [px, py, pw, ph] = [priors[4 * i]!, priors[4 * i + 1]!, priors[4 * i + 2]!, priors[4 * i + 3]!];
          centred(
            into,
            (px + data[at]! * variances[0] * pw) * width,
            (py + data[at + 1]! * variances[0] * ph) * height,
            pw * Math.exp(data[at + 2]! * variances[1]) * width,
            ph * Math.exp(data[at + 3]! * variances[1]) * height,
          );
        },
      };
    }
    default:
      checkParam(part, "head", (head as { kind?: unknown })?.kind, false, "yolov5, yolov8, yolov10, yolox or ssd");
      throw new Error("unreachable");
  }
}

/** Column, row and stride of each cell of the grids, the finest first. */
function gridCells(strides: readonly number[], width: number, height: number): number[] {
  return strides.flatMap((stride) => {
    const columns = Math.floor(width / stride);
    const cells = columns * Math.floor(height / stride);
    return Array.from({ length: cells }, (_, i) => [i % columns, Math.floor(i / columns), stride]).flat();
  });
}

export interface SsdPriorsParams {
  /** Rows and columns of each feature map, the finest first; as of SSD300: [38, 19, 10, 5, 3, 1]. */
  readonly maps: readonly number[];
  /** Pixels between the cells of each map: [8, 16, 32, 64, 100, 300]. @default size / map */
  readonly steps?: readonly number[];
  /** Side of the network's input in pixels: 300. */
  readonly size: number;
  /** Sides of the boxes of each map, in shares of the picture, and one more for the last: [0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05]. */
  readonly scales: readonly number[];
  /** Proportions of each map beside 1, of which the inverse is taken too: [[2], [2, 3], [2, 3], [2, 3], [2], [2]]. */
  readonly aspectRatios: readonly (readonly number[])[];
}

/**
 * The default boxes of an SSD for `SsdHead.priors`: for each cell a square of its map's scale, one of the mean with the next scale, and one
 * of each proportion; four numbers a box, clipped to the picture. Source: Liu et al., SSD (2016), in the order of torchvision's
 * `DefaultBoxGenerator`.
 *
 * @example
 * const priors = ssdPriors({ maps: [2], size: 100, scales: [0.5, 0.7], aspectRatios: [[2]] });
 * console.log(priors.length / 4); // 16: 4 cells with 4 boxes each
 */
export function ssdPriors({ maps, steps, size, scales, aspectRatios }: SsdPriorsParams): Float32Array {
  const same = aspectRatios.length === maps.length && scales.length === maps.length + 1;
  checkParam("@mmub/image/ssdPriors", "maps", maps, same, "as many as aspectRatios, and one less than scales");
  const clip = (share: number) => Math.min(Math.max(share, 0), 1);
  return Float32Array.from(
    maps.flatMap((cells, k) => {
      const [scale, next] = [scales[k]!, scales[k + 1]!];
      const between = Math.sqrt(scale * next);
      const sides = [
        [scale, scale],
        [between, between],
        ...aspectRatios[k]!.flatMap((ratio) => {
          const [long, short] = [scale * Math.sqrt(ratio), scale / Math.sqrt(ratio)];
          return [
            [long, short],
            [short, long],
          ];
        }),
      ] as [number, number][];
      const across = steps ? size / steps[k]! : cells;
      return Array.from({ length: cells * cells }, (_, i) =>
        sides.flatMap(([w, h]) => [
          ((i % cells) + 0.5) / across,
          (Math.floor(i / cells) + 0.5) / across,
          clip(w),
          clip(h),
        ]),
      ).flat();
    }),
  );
}
