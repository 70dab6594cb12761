import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { nms, softNms } from "./detection-boxes.js";
import { type DetectionHead, decodeDetections, type HeadOutput, ssdPriors } from "./detection-heads.js";

interface Golden {
  readonly suppression: readonly {
    readonly boxes: readonly number[];
    readonly scores: readonly number[];
    readonly classes: readonly number[];
    readonly iou: number;
    readonly kept: readonly number[];
    readonly keptByClass: readonly number[];
    readonly soft: readonly { method: "gaussian" | "linear"; kept: readonly number[]; scores: readonly number[] }[];
  }[];
  readonly heads: readonly {
    readonly head: { readonly kind: Exclude<DetectionHead["kind"], "ssd"> } | { readonly kind: "ssd" };
    readonly size: readonly [number, number];
    readonly outputs: readonly HeadOutput[];
    readonly wanted: readonly { boxes: readonly number[]; scores: readonly number[]; classes: readonly number[] }[];
  }[];
  readonly ssd: {
    readonly maps: readonly number[];
    readonly size: number;
    readonly scales: readonly number[];
    readonly aspectRatios: readonly (readonly number[])[];
    readonly steps: readonly number[];
    readonly priors: readonly [readonly number[], readonly number[]];
  };
}

const { suppression, heads, ssd } = JSON.parse(
  readFileSync(new URL("../fixtures/detection.json", import.meta.url), "utf8"),
) as Golden;

function expectNear(got: ArrayLike<number>, want: readonly number[], tolerance: number) {
  expect(got.length).toBe(want.length);
  const far = want.findIndex((value, i) => !(Math.abs(got[i]! - value) <= tolerance * Math.max(1, Math.abs(value))));
  expect(far, `${got[far]} for ${want[far]} at ${far}`).toBe(-1);
}

describe("suppression as torchvision's", () => {
  for (const { boxes: numbers, scores, classes, iou, kept, keptByClass, soft } of suppression)
    test(`${scores.length} boxes, ${iou}`, () => {
      const boxes = Float32Array.from(numbers);
      expect(Array.from(nms(boxes, scores, { iou }))).toEqual(kept);
      expect(Array.from(nms(boxes, scores, { iou, classes }))).toEqual(keptByClass);
      expect(Array.from(nms(boxes, scores, { iou, limit: 3 }))).toEqual(kept.slice(0, 3));
      for (const { method, kept, scores: wanted } of soft) {
        const got = softNms(boxes, scores, { method, iou, minScore: 0.05, classes });
        expect(Array.from(got.kept)).toEqual(kept);
        expectNear(got.scores, wanted, 1e-5);
      }
    });

  test("of nothing, and of boxes without area", () => {
    expect(nms(new Float32Array(0), [])).toHaveLength(0);
    expect(softNms(new Float32Array(0), []).kept).toHaveLength(0);
    expect(Array.from(nms(Float32Array.of(1, 1, 1, 1, 1, 1, 1, 1), [0.5, 0.6]))).toEqual([1, 0]);
  });

  test("refuses numbers that do not belong together", () => {
    expect(() => nms(new Float32Array(8), [1])).toThrow(/got 8 numbers of boxes, 1 scores and no classes/);
    expect(() => softNms(new Float32Array(8), [1, 1], { classes: [1] })).toThrow(/2 scores and 1 classes/);
    expect(() => nms(new Float32Array(4), [1], { iou: 2 })).toThrow(/iou is number 2/);
    expect(() => softNms(new Float32Array(4), [1], { sigma: 0 })).toThrow(/sigma is number 0/);
  });
});

describe("heads as reference decoders read them", () => {
  for (const { head: given, size, outputs, wanted } of heads)
    test(given.kind, () => {
      const [width, height] = size;
      const head: DetectionHead = given.kind === "ssd" ? { kind: "ssd", priors: ssd.priors[0] } : given;
      const found = decodeDetections(head, outputs, { width, height, minScore: 0.3 });
      expect(found).toHaveLength(wanted.length);
      for (const [i, { boxes, scores, classes }] of wanted.entries()) {
        expect(scores.length).toBeGreaterThan(3);
        expectNear(found[i]!.boxes, boxes, 1e-4);
        expectNear(found[i]!.scores, scores, 1e-5);
        expect(Array.from(found[i]!.classes)).toEqual(classes);
      }
    });

  test("default boxes of SSD as torchvision's", () => {
    const { steps, priors, ...of } = ssd;
    expectNear(ssdPriors(of), priors[0], 1e-6);
    expectNear(ssdPriors({ ...of, steps }), priors[1], 1e-6);
  });

  test("a box counts for each class, where wanted", () => {
    const output = { shape: [1, 6, 1], data: [50, 40, 20, 10, 0.4, 0.9] };
    const [one] = decodeDetections({ kind: "yolov8" }, [output], { width: 100, height: 100, multiLabel: true });
    expect(Array.from(one!.classes)).toEqual([0, 1]);
    expect(Array.from(one!.boxes)).toEqual([40, 35, 60, 45, 40, 35, 60, 45]);
  });

  test("scores of SSD that are made already, or each for itself", () => {
    const outputs = [
      { shape: [1, 1, 4], data: [0, 0, 0, 0] },
      { shape: [1, 1, 2], data: [0.2, 0.8] },
    ];
    const head = { kind: "ssd", priors: [0.5, 0.5, 0.2, 0.4] } as const;
    const scoreOf = (more: object) =>
      decodeDetections({ ...head, ...more }, outputs, { width: 10, height: 10, minScore: 0 })[0]!.scores[0];
    expect(scoreOf({ scores: "none" })).toBeCloseTo(0.8, 6);
    expect(scoreOf({ scores: "sigmoid" })).toBeCloseTo(1 / (1 + Math.exp(-0.8)), 6);
    expect(scoreOf({})).toBeCloseTo(1 / (1 + Math.exp(-0.6)), 6);
    expect(scoreOf({ scores: "none", background: false })).toBeCloseTo(0.8, 6);
  });

  test("refuses outputs of other shapes", () => {
    const of = (kind: "yolov5" | "yolov8" | "yolov10" | "yolox", ...shape: number[]) =>
      decodeDetections({ kind }, [{ shape, data: [] }], { width: 64, height: 64 });
    expect(() => of("yolov5", 1, 10, 5)).toThrow(/got \[1, 10, 5\], want \[batch, boxes, 5 \+ classes\] for yolov5/);
    expect(() => of("yolov8", 1, 4, 10)).toThrow(/want \[batch, 4 \+ classes, boxes\]/);
    expect(() => of("yolov10", 1, 10)).toThrow(/want \[batch, boxes, 6\]/);
    expect(() => of("yolox", 1, 10, 7)).toThrow(/want 84 boxes of 64 x 64 pixels/);
    const head = { kind: "ssd", priors: [1, 1, 1, 1] } as const;
    expect(() => decodeDetections(head, [], { width: 1, height: 1 })).toThrow(/got no output/);
    expect(() =>
      decodeDetections(
        head,
        [
          { shape: [1, 2, 4], data: [] },
          { shape: [1, 2, 3], data: [] },
        ],
        { width: 1, height: 1 },
      ),
    ).toThrow(/want 1 boxes, as there are priors/);
    expect(() => decodeDetections({ kind: "rcnn" } as never, [], { width: 1, height: 1 })).toThrow(
      /head is string "rcnn"/,
    );
  });
});
