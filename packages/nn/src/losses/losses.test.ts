import { readFileSync } from "node:fs";
import { MmubError } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { tfjsBuilds } from "../../fixtures/tfjs-builds.js";
import type { Shape } from "../graph.js";
import * as nn from "../index.js";
import { checkLossTargets, type Loss, meanLoss, type TargetData } from "../loss.js";
import { onnx } from "../runtimes/onnx.js";
import { tfjs } from "../runtimes/tfjs.js";
import { buildTest, type Filled, largestOf, mostApart } from "../testing/graph-test.js";
import { checkGradients, checkRuntime, evaluate } from "../testing/index.js";

const factories = {
  mse: nn.mse,
  mae: nn.mae,
  huber: nn.huber,
  poisson: nn.poisson,
  binaryCrossEntropy: nn.binaryCrossEntropy,
  crossEntropy: nn.crossEntropy,
  ctc: nn.ctc,
  infoNce: nn.infoNce,
  bpr: nn.bpr,
  marginRanking: nn.marginRanking,
  triplet: nn.triplet,
  cox: nn.cox,
} as unknown as Readonly<Record<string, (params: object) => Loss>>;

interface Tensor {
  readonly shape: Shape;
  readonly values: readonly number[];
  readonly dtype?: "float32" | "int32";
}
interface Case {
  readonly name: string;
  readonly loss: string;
  readonly params: object;
  readonly output: Tensor;
  readonly targets: Readonly<Record<string, Tensor>>;
  readonly weights?: readonly number[];
  readonly want: { readonly loss: number; readonly gradient: readonly number[] };
}

const { cases } = JSON.parse(readFileSync(new URL("../../fixtures/losses.json", import.meta.url), "utf8")) as {
  readonly cases: readonly Case[];
};

function graphOf({ loss, params, output, targets, weights }: Case) {
  const inputs: Record<string, Filled> = {
    ...targets,
    weights: { shape: [output.shape[0]!], values: weights ?? Array(output.shape[0]).fill(1) },
  };
  return {
    parameters: { output },
    inputs,
    build: ({ output, weights, ...targets }: Readonly<Record<string, nn.Value>>) =>
      meanLoss(factories[loss]!(params), output!, targets, weights!),
  };
}

const apart = (got: ArrayLike<number>, want: ArrayLike<number>) => mostApart(got, want).apart / largestOf(want);

describe("PyTorch's numbers", () => {
  for (const one of cases)
    test(`${one.loss}: ${one.name}`, () => {
      const built = buildTest(graphOf(one));
      const outputs = evaluate(built.program, built.feeds);
      expect(apart(outputs.loss!, [one.want.loss])).toBeLessThan(1e-6);
      expect(apart(built.gradient("output", outputs), one.want.gradient)).toBeLessThan(1e-6);
    });

  test("every loss is here", () => {
    expect(new Set(cases.map(({ loss }) => loss))).toEqual(new Set(Object.keys(factories)));
  });
});

describe("gradients by differences", () => {
  for (const one of cases) test(`${one.loss}: ${one.name}`, () => void checkGradients(graphOf(one)));
});

for (const runtime of [
  await onnx({ package: "onnxruntime-node" }),
  await onnx({ package: "onnxruntime-web" }),
  ...(await Promise.all(tfjsBuilds.map(tfjs))),
])
  describe(runtime.name, () => {
    for (const one of cases) test(`${one.loss}: ${one.name}`, () => checkRuntime(runtime, graphOf(one)));
  });

const check = (
  loss: Loss,
  output: Shape,
  targets: Readonly<Record<string, TargetData | readonly number[]>>,
  rows: number,
): unknown => {
  const given = Object.entries(targets).map(([name, data]) => [name, "data" in data ? data : { data }]);
  try {
    checkLossTargets(loss, Object.fromEntries(given), output, rows);
  } catch (error) {
    if (!MmubError.is(error)) throw error;
    return { code: error.code, message: error.message, index: error.index };
  }
  return "fits";
};

describe("targets are checked where they come in", () => {
  const ragged = (data: number[], ...offsets: number[]) => ({ target: { data, offsets } });
  const said = (data: number[], offsets: number[], inputLengths: number[]) => ({
    target: { data, offsets },
    inputLengths: { data: inputLengths },
  });
  const fits: [string, Loss, Shape, Readonly<Record<string, TargetData | readonly number[]>>, number][] = [
    ["classes", nn.crossEntropy(), [1, 3], { target: [0, 2] }, 2],
    ["an ignored class", nn.crossEntropy({ ignore: -100 }), [1, 3], { target: [-100, 2] }, 2],
    ["several numbers a row", nn.mse(), [1, 2], { target: [1, 2, 3, 4] }, 2],
    ["no rows", nn.mse(), [1, 2], { target: [] }, 0],
    ["steps", nn.mse({ perStep: true }), [1, 9, 2], ragged([1, 2, 3, 4], 0, 2, 2), 2],
    ["labels", nn.ctc(), [1, 9, 4], said([1, 1, 2], [0, 2, 2, 3], [3, 1, 1]), 3],
    ["survival", nn.cox(), [1], { time: [3, 4], event: [0, 1] }, 2],
    ["none", nn.bpr(), [1, 2], {}, 5],
  ];
  for (const [name, loss, output, targets, rows] of fits)
    test(`${loss.type} takes ${name}`, () => expect(check(loss, output, targets, rows)).toBe("fits"));

  const wrong: [
    string,
    Loss,
    Shape,
    Readonly<Record<string, TargetData | readonly number[]>>,
    number,
    string,
    number?,
  ][] = [
    ["a class too high", nn.crossEntropy(), [1, 3], { target: [0, 3] }, 2, "target 1 is 3, want a class, 0 to 2", 1],
    ["a class below", nn.crossEntropy(), [1, 3], { target: [-1] }, 1, "target 0 is -1, want a class, 0 to 2", 0],
    ["half a class", nn.crossEntropy(), [1, 3], { target: [0.5] }, 1, "target 0 is 0.5, want a class, 0 to 2", 0],
    [
      "a class beside the ignored one",
      nn.crossEntropy({ ignore: -100 }),
      [1, 3],
      { target: [-99] },
      1,
      "target 0 is -99, want a class, 0 to 2, or -100 to ignore",
      0,
    ],
    [
      "a probability above 1",
      nn.crossEntropy({ probabilities: true }),
      [1, 2],
      { target: [0, 1, 0, 1.5] },
      2,
      "target 1 is 1.5, want a probability, 0 to 1",
      1,
    ],
    ["NaN", nn.mse(), [1, 2], { target: [0, 1, Number.NaN, 1] }, 2, "target 1 is NaN, want a finite number", 1],
    [
      "NaN in a sequence",
      nn.mse({ perStep: true }),
      [1, 9, 1],
      ragged([1, 2, Number.NaN], 0, 2, 2, 3),
      3,
      "target 2 is NaN, want a finite number",
      2,
    ],
    ["a negative count", nn.poisson(), [1], { target: [2, -1] }, 2, "target 1 is -1, want a count, at least 0", 1],
    ["2", nn.binaryCrossEntropy(), [1], { target: [2] }, 1, "target 0 is 2, want 0, 1 or a probability between", 0],
    ["half an event", nn.cox(), [1], { time: [1, 2], event: [1, 0.5] }, 2, "event 1 is 0.5, want 1 or 0", 1],
    [
      "an endless time",
      nn.cox(),
      [1],
      { time: [Infinity], event: [1] },
      1,
      "time 0 is Infinity, want a finite number",
      0,
    ],
    [
      "the blank as a label",
      nn.ctc(),
      [1, 9, 4],
      said([1, 0], [0, 1, 2], [5, 5]),
      2,
      "target 1 is 0, want a class, 0 to 3, but not the blank 0",
      1,
    ],
    [
      "too few steps",
      nn.ctc(),
      [1, 9, 4],
      said([1, 2, 2], [0, 1, 3], [5, 2]),
      2,
      "row 1 has 2 steps for 2 labels, want at least 3: one for each, and one more between equal ones",
      1,
    ],
    [
      "no steps",
      nn.ctc(),
      [1, 9, 4],
      said([], [0, 0], [0]),
      1,
      "inputLengths 0 is 0, want a number of steps, at least 1",
      0,
    ],
    [
      "too many numbers",
      nn.mse(),
      [1, 2],
      { target: [1, 2, 3] },
      1,
      "target has 3 numbers, want 2: [2] for each of 1 rows",
    ],
    ["no offsets", nn.mse({ perStep: true }), [1, 9], { target: [1] }, 1, "target has no offsets for 1 rows"],
    ["offsets", nn.mse(), [1], ragged([1], 0, 1), 1, "target is ragged, want one for each row"],
    [
      "offsets that go back",
      nn.mse({ perStep: true }),
      [1, 9],
      ragged([1], 0, 2, 1),
      2,
      "target 1 ends before it begins",
      1,
    ],
    ["another name", nn.mse(), [1], { targets: [1] }, 1, "targets are targets, want target"],
    ["a target too many", nn.bpr(), [1, 2], { target: [1] }, 1, "targets are target, want nothing"],
  ];
  for (const [name, loss, output, targets, rows, message, index] of wrong)
    test(`${loss.type} refuses ${name}`, () =>
      expect(check(loss, output, targets, rows)).toMatchObject({ message: `nn/${loss.type}: ${message}`, index }));
});

describe("what does not fit is refused", () => {
  const outputs: [string, Loss, Shape, string][] = [
    ["no classes", nn.crossEntropy(), [8], "the network's output is [8], want [batch, ..., classes]"],
    ["no steps", nn.mse({ perStep: true }), [8], "the network's output is [8], want [batch, steps, ...]"],
    ["two risks", nn.cox(), [8, 2], "the network's output is [8, 2], want [batch] or [batch, 1]"],
    [
      "one embedding",
      nn.infoNce(),
      [8, 1, 4],
      "the network's output is [8, 1, 4], want [batch, 2, width]: two embeddings of each row",
    ],
    [
      "no negative",
      nn.bpr(),
      [8, 1],
      "the network's output is [8, 1], want [batch, 1 + negatives]: the positive score, then at least one negative",
    ],
    [
      "no width",
      nn.triplet(),
      [8, 3],
      "the network's output is [8, 3], want [batch, 3, width]: anchor, positive and negative",
    ],
    ["no blank", nn.ctc({ blank: 4 }), [8, 9, 4], "blank is 4, want one of the output's 4 classes"],
    [
      "too few weights",
      nn.crossEntropy({ classWeights: [1, 2] }),
      [8, 3],
      "got 2 classWeights, want 3 for an output of [8, 3]",
    ],
    [
      "too few positive weights",
      nn.binaryCrossEntropy({ positiveWeight: [1, 2] }),
      [8, 3],
      "got 2 of positiveWeight, want 3 for an output of [8, 3]",
    ],
  ];
  for (const [name, loss, output, message] of outputs)
    test(`${loss.type}: an output of ${name}`, () =>
      expect(() => loss.targets(output)).toThrow(
        expect.objectContaining({ code: "shape-mismatch", message: `nn/${loss.type}: ${message}` }),
      ));

  const params: [() => Loss, string][] = [
    [() => nn.huber({ delta: 0 }), "nn/huber: delta is number 0, want a number above 0"],
    [
      () => nn.crossEntropy({ labelSmoothing: 1.5 }),
      "nn/cross-entropy: labelSmoothing is number 1.5, want a number from 0 to 1",
    ],
    [
      () => nn.crossEntropy({ classWeights: [1, -1] }),
      "nn/cross-entropy: classWeights is number -1, want numbers of at least 0",
    ],
    [
      () => nn.crossEntropy({ ignore: 1, probabilities: true }),
      "nn/cross-entropy: ignore is of classes and cannot be used with probabilities",
    ],
    [() => nn.infoNce({ temperature: Number.NaN }), "nn/info-nce: temperature is number NaN, want a number above 0"],
    [() => nn.ctc({ blank: -1 }), "nn/ctc: blank is number -1, want a class, an integer of at least 0"],
    [() => nn.cox({ ties: "exact" as never }), 'nn/cox: ties is string "exact", want "breslow" or "efron"'],
  ];
  for (const [make, message] of params)
    test(message, () => expect(make).toThrow(expect.objectContaining({ code: "invalid-params", message })));

  test("a target of another shape", () => {
    const [output, target] = [nn.input("output", [4, 2]), nn.input("target", [4])];
    expect(() => nn.mse().build(output, { target }, nn.input("weights", [4]))).toThrow(
      "nn/mse: target is [4], want [4, 2]",
    );
  });
});

describe("where nothing counts", () => {
  const nothing: [string, Loss, Tensor, Readonly<Record<string, Tensor>>, number[]][] = [
    [
      "no event",
      nn.cox(),
      { shape: [2], values: [1, 2] },
      { time: { shape: [2], values: [1, 2] }, event: { shape: [2], values: [0, 0] } },
      [1, 1],
    ],
    [
      "all ignored",
      nn.crossEntropy({ ignore: 1 }),
      { shape: [1, 2], values: [1, 2] },
      { target: { shape: [1], values: [1], dtype: "int32" } },
      [1],
    ],
    ["no row", nn.mse(), { shape: [2], values: [1, 2] }, { target: { shape: [2], values: [3, 3] } }, [0, 0]],
    ["no row", nn.infoNce(), { shape: [2, 2, 1], values: [1, 2, 3, 4] }, {}, [0, 0]],
    [
      "no row",
      nn.cox({ ties: "efron" }),
      { shape: [2], values: [1, 2] },
      { time: { shape: [2], values: [1, 2] }, event: { shape: [2], values: [1, 1] } },
      [0, 0],
    ],
  ];
  for (const [name, loss, output, targets, values] of nothing)
    test(`${loss.type}: ${name} costs nothing and teaches nothing`, () => {
      const built = buildTest({
        parameters: { output },
        inputs: { ...targets, weights: { shape: [values.length], values } } as Readonly<Record<string, Filled>>,
        build: ({ output, weights, ...rest }: Readonly<Record<string, nn.Value>>) =>
          meanLoss(loss, output!, rest, weights!),
      });
      const outputs = evaluate(built.program, built.feeds);
      expect([...outputs.loss!].map(Math.abs)).toEqual([0]);
      expect([...built.gradient("output", outputs)].map(Math.abs)).toEqual(output.values.map(() => 0));
    });
});

test("CTC counts all steps where inputLengths says more than there are", () => {
  const at = (length: number) => {
    const one = cases.find(({ name }) => name === "CTC")!;
    const inputLengths = { shape: [4], values: [length, length, length, length], dtype: "int32" as const };
    const built = buildTest(graphOf({ ...one, targets: { ...one.targets, inputLengths } }));
    return evaluate(built.program, built.feeds).loss![0];
  };
  expect(at(11)).toBe(at(8));
  expect(at(7)).not.toBe(at(8));
});
