import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  checkFeatureSet,
  checkFeatures,
  checkModalities,
  checkTargets,
  dense,
  type Features,
  isPresent,
  modalityNames,
  type Sequence,
  type Sparse,
  sequence,
  sliceFeatures,
  sparse,
  stackFeatures,
  takeFeatures,
  toDense,
} from "./index.js";

const matrix = { ...dense(3, 2, Float32Array.of(1, 2, 3, 4, 5, 6)), present: Uint8Array.of(1, 0, 1) };
const rows = sparse(4, Uint32Array.of(0, 2, 2, 3), Uint32Array.of(0, 3, 1), Float32Array.of(1, 2, 3));
const steps = sequence(2, Uint32Array.of(0, 2, 2, 3), Float32Array.of(1, 2, 3, 4, 5, 6));

describe("check", () => {
  test("takes what is well-formed", () => {
    for (const features of [
      matrix,
      rows,
      steps,
      dense(0, 5),
      sparse(3, Uint32Array.of(0), new Uint32Array(), new Float32Array()),
    ])
      expect(() => checkFeatures(features, "test")).not.toThrow();
  });

  test.each<[string, Features, string, RegExp, number?]>([
    ["a short array", { ...matrix, data: new Float32Array(5) }, "shape-mismatch", /5 values, want 3 x 2 = 6/],
    ["a short presence", { ...matrix, present: new Uint8Array(2) }, "shape-mismatch", /2 presence bytes/],
    ["a row shape of another product", { ...matrix, shape: [3] }, "shape-mismatch", /row shape of 3/],
    ["half a row", { ...matrix, rows: 1.5 }, "shape-mismatch", /whole numbers/],
    [
      "NaN",
      { ...matrix, data: Float32Array.of(1, 2, 3, Number.NaN, 5, 6) },
      "invalid-input",
      /row 1, column 1 is NaN/,
      1,
    ],
    ["no features", undefined as never, "invalid-input", /undefined/],
    ["an offset too few", { ...rows, offsets: Uint32Array.of(0, 2, 3) }, "shape-mismatch", /3 offsets/],
    [
      "a first offset that is not 0",
      { ...rows, offsets: Uint32Array.of(1, 2, 2, 3) },
      "shape-mismatch",
      /first offset of 1/,
    ],
    [
      "falling offsets",
      { ...rows, offsets: Uint32Array.of(0, 2, 1, 3) },
      "shape-mismatch",
      /falling offsets at row 1/,
      1,
    ],
    ["a column too high", { ...rows, columns: Uint32Array.of(0, 4, 1) }, "shape-mismatch", /column 4 in row 0/, 0],
    [
      "columns out of order",
      { ...rows, columns: Uint32Array.of(3, 0, 1) },
      "shape-mismatch",
      /column 0 after 3 in row 0/,
      0,
    ],
    ["a column twice", { ...rows, columns: Uint32Array.of(3, 3, 1) }, "shape-mismatch", /column 3 after 3/, 0],
    ["values too few", { ...rows, values: Float32Array.of(1, 2) }, "shape-mismatch", /2 values, want 3/],
    [
      "an infinite sparse value",
      { ...rows, values: Float32Array.of(1, 2, Number.POSITIVE_INFINITY) },
      "invalid-input",
      /row 2, column 1 is Infinity/,
      2,
    ],
    ["a short sequence", { ...steps, data: new Float32Array(5) }, "shape-mismatch", /5 values, want 3 steps x 2/],
    [
      "NaN in a sequence",
      { ...steps, data: Float32Array.of(1, 2, 3, 4, 5, Number.NaN) },
      "invalid-input",
      /row 2, column 1/,
      2,
    ],
  ])("refuses %s", (_, features, code, message, index) => {
    expect(() => checkFeatures(features, "test")).toThrow(
      expect.objectContaining({ code, index, message: expect.stringMatching(message) }),
    );
  });

  test("a set wants the same rows of every modality, and names the one that differs", () => {
    expect(checkFeatureSet({ a: matrix, b: rows }, "test")).toBe(3);
    expect(() => checkFeatureSet({ a: matrix, b: dense(2, 1) }, "test")).toThrow(/2 rows of "b", want 3 as of "a"/);
    expect(() => checkFeatureSet({}, "test")).toThrow(/no modality/);
    for (const wrong of [undefined, null, "review", matrix])
      expect(() => checkFeatureSet(wrong as never, "test")).toThrow(/want an object of modalities/);
    expect(() => checkModalities({ a: matrix }, { a: 2, b: 1 }, "test")).toThrow(/no modality "b"/);
    expect(() => checkModalities({ a: matrix, b: matrix }, { a: 2 }, "test")).toThrow(/unknown modality "b"/);
    expect(() => checkModalities({ a: matrix }, { a: 3 }, "test")).toThrow(/2 columns of "a", want 3/);
    expect(() => checkModalities({ constructor: matrix }, { a: 2 }, "test")).toThrow(/unknown modality "constructor"/);
  });

  test("targets must be one for each sample", () => {
    expect(() => checkTargets([1, 2], 2, "test")).not.toThrow();
    expect(() => checkTargets([1, 2], 3, "test")).toThrow(expect.objectContaining({ index: 2 }));
    expect(() => checkTargets([], 0, "test")).toThrow(/empty/);
    expect(() => checkTargets("yes" as never, 3, "test")).toThrow(/targets are string "yes"/);
  });
});

test("modalities are taken in sorted order", () => {
  expect(modalityNames({ b: 1, a: 1, B: 1 })).toEqual(["B", "a", "b"]);
});

test("a row is present unless its byte says otherwise", () => {
  const { present: _, ...whole } = matrix;
  expect([isPresent(matrix, 0), isPresent(matrix, 1), isPresent(whole, 1)]).toEqual([true, false, true]);
});

test("a matrix of the wrong size cannot be made", () => {
  expect(() => dense(2, 2, new Float32Array(3))).toThrow(/3 values, want 2 x 2 = 4/);
});

test("sparse to dense writes the zeros out and keeps the presence", () => {
  expect([...toDense(rows).data]).toEqual([1, 0, 0, 2, 0, 0, 0, 0, 0, 3, 0, 0]);
  expect(toDense({ ...rows, present: Uint8Array.of(1, 0, 1) }).present).toEqual(Uint8Array.of(1, 0, 1));
  expect(toDense(matrix)).toBe(matrix);
});

describe("rows out of and into features", () => {
  test("stacking wants one layout and width, and something to stack", () => {
    expect(() => stackFeatures([])).toThrow(/at least one/);
    expect(() => stackFeatures<Features>([matrix, rows])).toThrow(/sparse x 4 at piece 1/);
  });

  test("a piece without presence bytes is present among others that have them", () => {
    const { present: _, ...whole } = matrix;
    expect([...stackFeatures<Features>([whole, matrix]).present!]).toEqual([1, 1, 1, 1, 0, 1]);
    expect(stackFeatures<Features>([whole, whole]).present).toBeUndefined();
  });

  test("a row that is not there cannot be taken", () => {
    expect(() => takeFeatures(matrix, [0, 3])).toThrow(expect.objectContaining({ code: "shape-mismatch", index: 1 }));
    expect(() => takeFeatures(matrix, [0.5])).toThrow(/row 0.5/);
  });

  // Any features: a list of ragged rows written in the layout.
  const features = (layout: Features["layout"]) =>
    fc
      .array(fc.tuple(fc.boolean(), fc.array(fc.integer({ min: -9, max: 9 }), { maxLength: 5 })), { maxLength: 8 })
      .map((list) => {
        const present = Uint8Array.from(list, ([is]) => Number(is));
        const offsets = new Uint32Array(list.length + 1);
        for (const [row, [, items]] of list.entries()) offsets[row + 1] = offsets[row]! + items.length;
        const all = list.flatMap(([, items]) => items);
        if (layout === "sequence")
          return {
            ...sequence(2, offsets, Float32Array.from(all.flatMap((x) => [x, -x]))),
            present,
          } satisfies Sequence;
        if (layout === "sparse")
          return {
            ...sparse(
              5,
              offsets,
              Uint32Array.from(list.flatMap(([, items]) => items.map((_, at) => at))),
              Float32Array.from(all),
            ),
            present,
          } satisfies Sparse;
        return {
          ...dense(list.length, 2, Float32Array.from(list.flatMap(([, items]) => [items.length, items[0] ?? 0]))),
          present,
        };
      });

  for (const layout of ["dense", "sparse", "sequence"] as const) {
    test(`${layout}: slices stacked again give the whole`, () => {
      fc.assert(
        fc.property(features(layout), fc.nat(8), (whole, at) => {
          const cut = Math.min(at, whole.rows);
          expect(
            stackFeatures<Features>([
              sliceFeatures<Features>(whole, 0, cut),
              sliceFeatures<Features>(whole, cut, whole.rows),
            ]),
          ).toEqual(whole);
        }),
        { seed: 1 },
      );
    });

    test(`${layout}: taking rows one by one is slicing them`, () => {
      fc.assert(
        fc.property(
          features(layout).filter((whole) => whole.rows > 0),
          fc.array(fc.nat(), { maxLength: 6 }),
          (whole, picks) => {
            const indices = picks.map((pick) => pick % whole.rows);
            const taken = takeFeatures<Features>(whole, indices);
            checkFeatures(taken, "test");
            for (const [at, row] of indices.entries())
              expect(sliceFeatures<Features>(taken, at, at + 1)).toEqual(sliceFeatures<Features>(whole, row, row + 1));
          },
        ),
        { seed: 2 },
      );
    });
  }
});
