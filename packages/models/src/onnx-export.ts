// Fitted models as the bytes of an ONNX model. Field names of trees: https://github.com/onnx/onnx/blob/main/docs/Operators-ml.md.
import { type Label, MmubError } from "@mmub/core";
import { encodeModel, type OnnxNode, type OnnxTensor, type OnnxValue } from "@mmub/nn";
import type { Trees } from "./trees/ensemble.js";

export interface OnnxExport {
  /**
   * The bytes of an ONNX model, for any program that runs such: onnxruntime in Python, C++, on phones and in browsers. Input `x`, float32
   * [rows, columns], rows of missing modalities as zeros, of trees as NaN. Outputs: of classifiers `probabilities`, float32 [rows, classes],
   * and `label`, int64 where all labels are whole numbers, else their text; of regressions `values`, float32 [rows]. Opset 17, of trees also
   * `TreeEnsembleRegressor` of ai.onnx.ml. Computes in float32. Throws at splits by categories (`invalid-input`).
   */
  toOnnx(): Uint8Array<ArrayBuffer>;
}

/** What gives `scores`, float32 [rows, outputs]. */
export interface Scores {
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxTensor[];
  readonly cols: number;
}

/** One output for each of `intercepts`; coefficients are row-major, one row an output. */
export function linearScores(coefficients: Float64Array, intercepts: Float64Array): Scores {
  const outputs = intercepts.length;
  const cols = coefficients.length / outputs;
  return {
    cols,
    nodes: [op("Gemm", ["x", "coefficients", "intercepts"], "scores", { transB: 1 })],
    constants: [
      { name: "coefficients", dtype: "float32", shape: [outputs, cols], data: Float32Array.from(coefficients) },
      { name: "intercepts", dtype: "float32", shape: [outputs], data: Float32Array.from(intercepts) },
    ],
  };
}

/** What a leaf adds: to one output, tree t to t % outputs, its value; or to each output its row of `shares`, nodes x outputs. */
export interface TreeScores {
  readonly outputs: number;
  readonly start?: readonly number[];
  readonly scale?: number;
  readonly shares?: ArrayLike<number>;
}

export function treeScores(trees: Trees, cols: number, what: TreeScores, part: string): Scores {
  const { outputs, start, scale = 1, shares } = what;
  const { roots, columns, thresholds, left, right, flags, values } = trees;
  const nodes = columns.length;
  const category = flags.findIndex((flag, node) => (flag & 2) !== 0 && columns[node]! >= 0);
  if (category >= 0)
    throw new MmubError("invalid-input", {
      part,
      message: `column ${columns[category]} is split by categories, which ONNX cannot say; give it as columns of 0 and 1 to a model that is to be exported`,
      column: columns[category],
    });
  const treeOf = new Int32Array(nodes);
  const own = new Int32Array(nodes);
  for (const [t, root] of roots.entries())
    for (let node = root; node < (roots[t + 1] ?? nodes); node++) {
      treeOf[node] = t;
      own[node] = node - root;
    }
  const all = Array.from({ length: nodes }, (_, node) => node);
  const leaves = all.filter((node) => columns[node]! < 0);
  const each = shares ? outputs : 1;
  const targets = leaves.flatMap((node) =>
    Array.from({ length: each }, (_, i) => [node, shares ? i : treeOf[node]! % outputs] as const),
  );
  const isLeaf = (node: number): boolean => columns[node]! < 0;
  const attributes = {
    n_targets: outputs,
    nodes_treeids: Array.from(treeOf),
    nodes_nodeids: Array.from(own),
    nodes_featureids: all.map((node) => Math.max(0, columns[node]!)),
    nodes_values: { floats: Float32Array.from(all, (node) => (isLeaf(node) ? 0 : thresholds[node]!)) },
    nodes_modes: { strings: all.map((node) => (isLeaf(node) ? "LEAF" : "BRANCH_LEQ")) },
    nodes_truenodeids: all.map((node) => (isLeaf(node) ? 0 : own[left[node]!]!)),
    nodes_falsenodeids: all.map((node) => (isLeaf(node) ? 0 : own[right[node]!]!)),
    nodes_missing_value_tracks_true: all.map((node) => (isLeaf(node) ? 0 : flags[node]! & 1)),
    target_treeids: targets.map(([node]) => treeOf[node]!),
    target_nodeids: targets.map(([node]) => own[node]!),
    target_ids: targets.map(([, output]) => output),
    target_weights: {
      floats: targets.map(([node, output]) => scale * (shares ? shares[node * outputs + output]! : values[node]!)),
    },
    ...(start && { base_values: { floats: start } }),
  };
  return {
    cols,
    constants: [],
    nodes: [{ ...op("TreeEnsembleRegressor", ["x"], "scores", attributes), domain: "ai.onnx.ml" }],
  };
}

/** `link` turns a score into a value. */
export function regressionOnnx(scores: Scores, link: "identity" | "exp" = "identity"): Uint8Array<ArrayBuffer> {
  const linked = link === "exp" ? [op("Exp", ["scores"], "linked")] : [];
  return encoded(
    scores,
    [...linked, op("Squeeze", [link === "exp" ? "linked" : "scores", "axis"], "values")],
    [axis],
    [{ name: "values", dtype: "float32", shape: ["rows"] }],
  );
}

/**
 * How scores become chances: `"softmax"`, of one score the logistic function for the second class; `"sigmoids"`, each for itself, brought to a
 * sum of 1; `"shares"` are chances as they are, of one that of the second class.
 */
export function classificationOnnx(
  scores: Scores,
  classes: readonly Label[],
  how: "softmax" | "sigmoids" | "shares",
): Uint8Array<ArrayBuffer> {
  const two = classes.length === 2;
  const one = op("Constant", [], "one", {
    value: { name: "one", dtype: "float32", shape: [1], data: Float32Array.of(1) },
  });
  const second =
    two && how !== "shares" ? [op("Sigmoid", ["scores"], "second")] : [op("Identity", ["scores"], "second")];
  const chances = two
    ? [
        ...second,
        one,
        op("Sub", ["one", "second"], "first"),
        op("Concat", ["first", "second"], "probabilities", { axis: 1 }),
      ]
    : how === "softmax"
      ? [op("Softmax", ["scores"], "probabilities", { axis: 1 })]
      : how === "shares"
        ? [op("Identity", ["scores"], "probabilities")]
        : [
            op("Sigmoid", ["scores"], "parts"),
            op("ReduceSum", ["parts", "axis"], "sum", { keepdims: 1 }),
            op("Div", ["parts", "sum"], "probabilities"),
          ];
  const whole = classes.every((label) => Number.isSafeInteger(label));
  const labels = whole
    ? op("Constant", [], "labels", {
        value: {
          name: "labels",
          dtype: "int64",
          shape: [classes.length],
          data: BigInt64Array.from(classes as number[], BigInt),
        },
      })
    : op("Constant", [], "labels", { value_strings: { strings: classes.map(String) } });
  return encoded(
    scores,
    [
      ...chances,
      labels,
      op("ArgMax", ["probabilities"], "best", { axis: 1, keepdims: 0 }),
      op("Gather", ["labels", "best"], "label"),
    ],
    how === "sigmoids" && !two ? [axis] : [],
    [
      { name: "probabilities", dtype: "float32", shape: ["rows", classes.length] },
      { name: "label", dtype: whole ? "int64" : "string", shape: ["rows"] },
    ],
  );
}

const axis: OnnxTensor = { name: "axis", dtype: "int64", shape: [1], data: BigInt64Array.of(1n) };

function op(
  name: string,
  inputs: readonly string[],
  output: string,
  attributes: OnnxNode["attributes"] = {},
): OnnxNode {
  return { op: name, name: output, inputs, outputs: [output], attributes };
}

function encoded(
  scores: Scores,
  nodes: readonly OnnxNode[],
  constants: readonly OnnxTensor[],
  outputs: readonly OnnxValue[],
): Uint8Array<ArrayBuffer> {
  return encodeModel({
    nodes: [...scores.nodes, ...nodes],
    constants: [...scores.constants, ...constants],
    inputs: [{ name: "x", dtype: "float32", shape: ["rows", scores.cols] }],
    outputs,
  });
}
