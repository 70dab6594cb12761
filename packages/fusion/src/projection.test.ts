import { dense, random } from "@mmub/core";
import { expect, test } from "vitest";
import golden from "../fixtures/fusion.json" with { type: "json" };
import { table, toSparse, worst } from "../fixtures/matrices.js";
import { svd } from "./linear-algebra.js";
import { leadingDirections, timesMatrix } from "./projection.js";
import { fitScaling } from "./scaling.js";

const slow = table(golden.slow);

test("PCA is NumPy's exact SVD of the centred rows, to 1e-4", async () => {
  const scaling = { ...fitScaling(slow, "block", 1), factor: new Float64Array(40).fill(1) };
  const { matrix, variances } = await leadingDirections(slow, scaling, 5, random(1));
  expect(worst(variances, golden.pca.variances)).toBeLessThan(1e-5);
  expect(worst(timesMatrix(slow, scaling, matrix, 5).data, golden.pca.rows.data)).toBeLessThan(1e-4);
});

test("latent semantic analysis is NumPy's exact SVD of the rows, to 1e-4, whatever the seed", async () => {
  const scaling = fitScaling(slow, "none", 1);
  for (const seed of [1, 2]) {
    const { matrix, variances } = await leadingDirections(toSparse(slow), scaling, 5, random(seed));
    expect(worst(variances, golden.lsa.variances)).toBeLessThan(1e-5);
    expect(worst(timesMatrix(slow, scaling, matrix, 5).data, golden.lsa.rows.data)).toBeLessThan(1e-4);
  }
});

test("a wide modality goes over its rows and gives the same, dense or sparse, rows missing or not", async () => {
  // The singular values of the transposed matrix are the same.
  const wide = dense(61, 60);
  const present = wide.present.fill(0);
  for (let row = 0; row < 40; row++) {
    present[row + 10] = 1;
    for (let col = 0; col < 60; col++) wide.data[(row + 10) * 60 + col] = slow.data[col * 40 + row]!;
  }
  for (const features of [wide, toSparse(wide)]) {
    const scaling = fitScaling(features, "none", 1);
    const { matrix, variances } = await leadingDirections(features, scaling, 5, random(1));
    const want = golden.lsa.variances.map((variance) => (variance * 60) / 40);
    expect(worst(variances, want)).toBeLessThan(1e-5);
    const projected = timesMatrix(features, scaling, matrix, 5);
    const squares = new Float64Array(5);
    for (let i = 0; i < projected.data.length; i++) squares[i % 5]! += projected.data[i]! ** 2 / 40;
    expect(worst(squares, want)).toBeLessThan(1e-5);
  }
});

test("all directions of a narrow modality keep every row's norm", async () => {
  const scaling = fitScaling(slow, "none", 1);
  const { matrix } = await leadingDirections(slow, scaling, 45, random(1));
  const turned = timesMatrix(slow, scaling, matrix, 40).data;
  const norms = (data: Float32Array, cols: number): number[] =>
    Array.from({ length: 60 }, (_, row) => Math.hypot(...data.subarray(row * cols, (row + 1) * cols)));
  expect(worst(norms(turned, 40), norms(slow.data, 40))).toBeLessThan(1e-5);
});

test("svd: orthogonal factors that give the matrix back, singular or not", () => {
  const numbers = random(3);
  for (const n of [1, 2, 7, 20])
    for (const rank of [0, 1, n]) {
      const a = new Float64Array(n * n);
      for (let k = 0; k < rank; k++) {
        const [x, y] = [0, 1].map(() => Float64Array.from({ length: n }, () => numbers.normal()));
        for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) a[i * n + j]! += x![i]! * y![j]!;
      }
      const { values, left, right } = svd(a, n);
      const back = new Float64Array(n * n);
      const squares = [new Float64Array(n * n), new Float64Array(n * n)] as const;
      for (let k = 0; k < n; k++)
        for (let i = 0; i < n; i++)
          for (let j = 0; j < n; j++) {
            back[i * n + j]! += values[k]! * left[k * n + i]! * right[k * n + j]!;
            squares[0][i * n + j]! += left[i * n + k]! * left[j * n + k]!;
            squares[1][i * n + j]! += right[i * n + k]! * right[j * n + k]!;
          }
      const identity = Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0));
      expect(worst(back, a)).toBeLessThan(1e-12);
      expect(worst(squares[0], identity)).toBeLessThan(1e-12);
      expect(worst(squares[1], identity)).toBeLessThan(1e-12);
      expect([...values]).toEqual([...values].sort((x, y) => y - x));
    }
});
