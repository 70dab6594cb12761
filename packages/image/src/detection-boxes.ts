import { checkParam, MmubError } from "@mmub/core";

/** Boxes one behind the other, four numbers each: left, top, right, bottom. */
export type Boxes = Float32Array;

export interface NmsParams {
  /** Boxes that overlap a better one by a larger share (intersection over union) are dropped. @default 0.45 */
  readonly iou?: number;
  /** The class of each box: boxes of different classes leave one another alone. @default one class for all */
  readonly classes?: ArrayLike<number>;
  /** The most that are kept. @default Infinity */
  readonly limit?: number;
}

export interface SoftNmsParams {
  /**
   * How a better box lowers the score of one that it overlaps: `"gaussian"`: times exp(-iou² / sigma); `"linear"`: times 1 - iou, if
   * that is above `iou`. @default "gaussian"
   */
  readonly method?: "gaussian" | "linear";
  /** Of `"gaussian"`: the smaller, the harder. @default 0.5 */
  readonly sigma?: number;
  /** Of `"linear"`. @default 0.45 */
  readonly iou?: number;
  /** Boxes whose score falls below are dropped. @default 0.001 */
  readonly minScore?: number;
  /** As of `nms`. */
  readonly classes?: ArrayLike<number>;
  /** The most that are kept. @default Infinity */
  readonly limit?: number;
}

/**
 * Non-maximum suppression: of boxes that show the same thing, the one of the highest score. Gives the positions of the boxes that are kept,
 * best first, ties in their order. Rejects another number of scores or classes than of boxes (`shape-mismatch`).
 * Cost: boxes x kept ones. Source: torchvision.ops' `nms` and `batched_nms`, whose results it gives.
 *
 * @example
 * const boxes = Float32Array.of(0, 0, 10, 10, 1, 1, 11, 11, 20, 20, 30, 30);
 * console.log(nms(boxes, [0.7, 0.9, 0.5])); // Uint32Array(2) [ 1, 2 ]
 */
export function nms(boxes: Boxes, scores: ArrayLike<number>, params: NmsParams = {}): Uint32Array {
  const { iou = 0.45, classes, limit = Infinity } = params;
  const count = checkBoxes("@mmub/image/nms", boxes, scores, classes);
  checkParam("@mmub/image/nms", "iou", iou, iou >= 0 && iou <= 1, "a share, 0 to 1");
  const order = Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]! || a - b);
  const kept: number[] = [];
  for (const i of order) {
    if (kept.length >= limit) break;
    if (kept.every((better) => apart(classes, i, better) || overlap(boxes, i, better) <= iou)) kept.push(i);
  }
  return Uint32Array.from(kept);
}

/**
 * Soft non-maximum suppression: boxes that overlap a better one lose score by how much they do, in place of being dropped, which
 * keeps things that stand close together. Gives the positions of the boxes that are kept, best first, and their scores.
 * Rejects as `nms`. Cost: boxes x kept ones. Source: Bodla et al., Soft-NMS (2017).
 *
 * @example
 * const boxes = Float32Array.of(0, 0, 10, 10, 1, 1, 11, 11, 20, 20, 30, 30);
 * const { kept, scores } = softNms(boxes, [0.7, 0.9, 0.5]);
 * console.log(kept, scores[2]! < 0.3); // Uint32Array(3) [ 1, 2, 0 ] true
 */
export function softNms(
  boxes: Boxes,
  scores: ArrayLike<number>,
  params: SoftNmsParams = {},
): { readonly kept: Uint32Array; readonly scores: Float32Array } {
  const part = "@mmub/image/softNms";
  const { method = "gaussian", sigma = 0.5, iou = 0.45, minScore = 0.001, classes, limit = Infinity } = params;
  const count = checkBoxes(part, boxes, scores, classes);
  checkParam(part, "method", method, method === "gaussian" || method === "linear", '"gaussian" or "linear"');
  checkParam(part, "sigma", sigma, sigma > 0 && sigma < Infinity, "a number above 0");
  checkParam(part, "iou", iou, iou >= 0 && iou <= 1, "a share, 0 to 1");
  const left = new Set(Array.from({ length: count }, (_, i) => i));
  const now = Float64Array.from(scores);
  const kept: number[] = [];
  while (left.size > 0 && kept.length < limit) {
    let best = -1;
    for (const i of left) if (best < 0 || now[i]! > now[best]!) best = i;
    if (now[best]! < minScore) break;
    left.delete(best);
    kept.push(best);
    for (const i of left) {
      if (apart(classes, i, best)) continue;
      const share = overlap(boxes, i, best);
      if (method === "gaussian") now[i]! *= Math.exp(-(share * share) / sigma);
      else if (share > iou) now[i]! *= 1 - share;
    }
  }
  return { kept: Uint32Array.from(kept), scores: Float32Array.from(kept, (i) => now[i]!) };
}

function apart(classes: ArrayLike<number> | undefined, a: number, b: number): boolean {
  return classes !== undefined && classes[a] !== classes[b];
}

/** Intersection over union. */
function overlap(boxes: Boxes, a: number, b: number): number {
  const [i, j] = [4 * a, 4 * b];
  const width = Math.min(boxes[i + 2]!, boxes[j + 2]!) - Math.max(boxes[i]!, boxes[j]!);
  const height = Math.min(boxes[i + 3]!, boxes[j + 3]!) - Math.max(boxes[i + 1]!, boxes[j + 1]!);
  if (width <= 0 || height <= 0) return 0;
  const both = width * height;
  return both / (areaOf(boxes, i) + areaOf(boxes, j) - both);
}

function areaOf(boxes: Boxes, at: number): number {
  return (boxes[at + 2]! - boxes[at]!) * (boxes[at + 3]! - boxes[at + 1]!);
}

function checkBoxes(
  part: string,
  boxes: Boxes,
  scores: ArrayLike<number>,
  classes: ArrayLike<number> | undefined,
): number {
  const count = boxes.length / 4;
  if (scores.length !== count || (classes && classes.length !== count))
    throw new MmubError("shape-mismatch", {
      part,
      message: `got ${boxes.length} numbers of boxes, ${scores.length} scores and ${classes ? classes.length : "no"} classes, want four numbers, a score and a class for each box`,
    });
  return count;
}
