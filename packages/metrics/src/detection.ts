import { checkParam, MmubError } from "@mmub/core";

const part = "@mmub/metrics/meanAveragePrecision";

/** A box in pixels, or in any unit that those of truth and detections share. */
export interface LabelledBox {
  readonly label: string;
  readonly box: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };
}

/** What a detector says, such as `detect` of `@mmub/image` gives. */
export interface ScoredBox extends LabelledBox {
  readonly score: number;
}

export interface MeanAveragePrecisionParams {
  /** From which intersection over union on a box is found. @default [0.5, 0.55, …, 0.95], as COCO */
  readonly iou?: readonly number[];
  /** The most boxes of a class on a picture that count, best first. @default 100 */
  readonly limit?: number;
}

export interface MeanAveragePrecision {
  /** The mean over classes and `iou`s: COCO's AP. */
  readonly value: number;
  /** By `iou`, in their order: COCO's AP50 is the first, AP75 the sixth. */
  readonly byIou: readonly number[];
  /** By label, of those that are in the truth. */
  readonly byLabel: Readonly<Record<string, number>>;
  /** The mean over classes and `iou`s of the share of boxes that are found at all: COCO's AR. */
  readonly recall: number;
}

/**
 * How well a detector finds and places things: average precision, the area under the interpolated curve of precision over recall at 101
 * points, as COCO reports it. Boxes are matched picture by picture, best first, each with the free true box of its class that it overlaps
 * most. Classes that are not in the truth count for nothing.
 *
 * `truth` and `found` are the boxes of each picture. Rejects different numbers of pictures, and scores and boxes that are not finite, with the
 * picture's index; a truth without any box. Cost: found boxes x true boxes of a picture and class.
 * Source: pycocotools' COCOeval, whose numbers it gives (areas of any size, no crowds).
 *
 * @example
 * const box = { left: 0, top: 0, right: 10, bottom: 10 };
 * const near = { left: 0, top: 0, right: 10, bottom: 8 }; // intersection over union 0.8
 * const { value, byIou } = meanAveragePrecision([[{ label: "shoe", box }]], [[{ label: "shoe", box: near, score: 0.9 }]]);
 * console.log(value.toFixed(2), byIou[0]); // 0.70 1
 */
export function meanAveragePrecision(
  truth: readonly (readonly LabelledBox[])[],
  found: readonly (readonly ScoredBox[])[],
  params: MeanAveragePrecisionParams = {},
): MeanAveragePrecision {
  const { iou = Array.from({ length: 10 }, (_, i) => 0.5 + 0.05 * i), limit = 100 } = params;
  checkParam(part, "iou", iou, iou.length > 0 && iou.every((share) => share > 0 && share <= 1), "shares above 0");
  checkParam(part, "limit", limit, Number.isInteger(limit) && limit > 0, "a positive integer");
  if (truth.length !== found.length)
    throw new MmubError("invalid-input", {
      part,
      message: `got the boxes of ${truth.length} pictures and the detections of ${found.length}, want as many`,
    });
  for (const [index, boxes] of [truth, found].flatMap((side) => [...side.entries()]))
    for (const { box, ...rest } of boxes)
      if (![...Object.values(box), (rest as { score?: number }).score ?? 0].every(Number.isFinite))
        throw new MmubError("invalid-input", {
          part,
          message: `picture ${index} has a box or score that is not finite: ${JSON.stringify({ ...rest, box })}`,
          index,
        });
  const labels = [...new Set(truth.flatMap((boxes) => boxes.map(({ label }) => label)))].sort();
  if (labels.length === 0)
    throw new MmubError("invalid-input", { part, message: "there is no true box, want at least one" });

  const scores = labels.map((label) => {
    const pictures = truth.map((boxes, i) => ({
      want: boxes.filter((box) => box.label === label),
      got: found[i]!.filter((box) => box.label === label)
        .sort((a, b) => b.score - a.score)
        .slice(0, limit),
    }));
    return iou.map((least) => scored(pictures, least));
  });
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    value: mean(scores.flat().map(({ precision }) => precision)),
    byIou: iou.map((_, k) => mean(scores.map((of) => of[k]!.precision))),
    byLabel: Object.fromEntries(labels.map((label, i) => [label, mean(scores[i]!.map(({ precision }) => precision))])),
    recall: mean(scores.flat().map(({ recall }) => recall)),
  };
}

interface Picture {
  readonly want: readonly LabelledBox[];
  /** Best first. */
  readonly got: readonly ScoredBox[];
}

/** Average precision and recall of one class. */
function scored(pictures: readonly Picture[], least: number): { precision: number; recall: number } {
  const total = pictures.reduce((sum, { want }) => sum + want.length, 0);
  const hits = pictures.flatMap(({ want, got }) => {
    const free = new Set(want);
    return got.map((one) => {
      let [best, most] = [undefined as LabelledBox | undefined, Math.min(least, 1 - 1e-10)];
      for (const other of free) {
        const share = overlap(one.box, other.box);
        // Of equal ones the last, as pycocotools.
        if (share >= most) [best, most] = [other, share];
      }
      if (best) free.delete(best);
      return { score: one.score, hit: best !== undefined };
    });
  });
  hits.sort((a, b) => b.score - a.score);
  const [precisions, recalls] = [new Float64Array(hits.length), new Float64Array(hits.length)];
  let right = 0;
  for (const [i, { hit }] of hits.entries()) {
    if (hit) right++;
    precisions[i] = right / (i + 1);
    recalls[i] = right / total;
  }
  for (let i = hits.length - 2; i >= 0; i--) precisions[i] = Math.max(precisions[i]!, precisions[i + 1]!);
  let [sum, at] = [0, 0];
  for (let point = 0; point <= 100; point++) {
    while (at < hits.length && recalls[at]! < point / 100) at++;
    sum += at < hits.length ? precisions[at]! : 0;
  }
  return { precision: sum / 101, recall: right / total };
}

type Box = LabelledBox["box"];

function overlap(a: Box, b: Box): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const areaOf = ({ left, top, right, bottom }: Box) => (right - left) * (bottom - top);
  const both = width * height;
  return both / (areaOf(a) + areaOf(b) - both);
}
