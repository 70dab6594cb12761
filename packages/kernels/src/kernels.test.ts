import { spawnSync } from "node:child_process";
import { MmubError, random } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { type Kernels, kernels } from "./index.js";

/** Runs what must be refused and gives the error. */
const refused = (run: () => unknown): MmubError => {
  try {
    run();
  } catch (error) {
    if (MmubError.is(error)) return error;
    throw error;
  }
  throw new Error("nothing was refused");
};

describe("memory", () => {
  for (const build of ["simd", "scalar"] as const) {
    test(`views are zeroed, aligned, apart and reused, ${build}`, () => {
      const k = kernels({ bytes: 1000, build });
      expect(k.bytes).toBe(1024);
      const views = [k.float32(3), k.int32(0), k.uint8(65), k.float32(16)];
      expect(new Set(views.map((view) => view.byteOffset)).size).toBe(4);
      for (const view of views) {
        expect(view.byteOffset % 64).toBe(0);
        view.fill(1);
      }
      for (const view of views) expect(view.every((value) => value === 1)).toBe(true);
      for (const view of [views[1]!, views[3]!, views[0]!, views[2]!]) k.free(view);
      const all = k.float32(256);
      expect(all.every((value) => value === 0)).toBe(true);
    });

    test(`random takes and frees never overlap and lose no room, ${build}`, () => {
      const k = kernels({ bytes: 64 * 40, build });
      const r = random(3);
      const held: { view: Uint8Array; mark: number }[] = [];
      for (let i = 0; i < 2000; i++) {
        if (held.length > 0 && r.next() < 0.5) {
          const [{ view, mark }] = held.splice(r.integer(held.length), 1) as [{ view: Uint8Array; mark: number }];
          expect(view.every((value) => value === mark)).toBe(true);
          k.free(view);
        } else {
          try {
            const view = k.uint8(r.integer(400));
            expect(view.every((value) => value === 0)).toBe(true);
            held.push({ view: view.fill(i % 251), mark: i % 251 });
          } catch (error) {
            expect(MmubError.is(error)).toBe(true);
          }
        }
      }
      for (const { view } of held) k.free(view);
      expect(k.uint8(64 * 40)).toHaveLength(64 * 40);
    });
  }

  test("a full memory says what was wanted and what is left", () => {
    const k = kernels({ bytes: 640 });
    const first = k.float32(16);
    k.float32(16);
    k.free(first);
    const error = refused(() => k.float32(200));
    expect(error.code).toBe("invalid-params");
    expect(error.details).toMatchObject({ wanted: 832, free: 576, largest: 512 });
    expect(error.message).toBe(
      "kernels: the memory of 640 bytes is full: 832 bytes are wanted, the largest free piece has 512 of the 576 that are free; make kernels() with more bytes, or free() views",
    );
  });

  test("only whole views of these kernels are freed, and once", () => {
    const k = kernels({ bytes: 640 });
    const view = k.float32(32);
    for (const wrong of [
      view.subarray(16),
      view.subarray(0, 16),
      new Float32Array(32),
      kernels({ bytes: 640 }).int32(1),
    ])
      expect(refused(() => k.free(wrong)).code).toBe("invalid-input");
    k.free(view);
    expect(refused(() => k.free(view)).message).toContain("Float32Array of 32, want one that these kernels made");
  });

  test("addresses above 2 GiB", () => {
    for (const build of ["simd", "scalar"] as const) {
      const k = kernels({ bytes: 2 ** 31 + 1024, build });
      k.uint8(2 ** 31);
      const [x, rows] = [k.float32(10).fill(2), k.int32(2)];
      rows[0] = 3;
      k.axpy(x, 3, x);
      k.scatterAddRows(x, 2, rows, x.subarray(0, 4));
      expect([...x]).toEqual([16, 16, 8, 8, 8, 8, 16, 16, 8, 8]);
    }
  });

  test("bytes and builds that there are not", () => {
    for (const bytes of [-1, 1.5, Number.NaN, 2 ** 32])
      expect(refused(() => kernels({ bytes })).code).toBe("invalid-params");
    expect(refused(() => kernels({ bytes: 0, build: "sse" as never })).message).toContain(
      'string "sse", want "relaxed-simd"',
    );
    expect(refused(() => kernels({ bytes: 64 }).float32(-1)).code).toBe("invalid-params");
  });
});

test("without WebAssembly the twin runs", () => {
  const program = `
    const { kernels } = await import("@mmub/kernels");
    const k = kernels({ bytes: 64 });
    console.log(typeof WebAssembly, k.build, k.sumOfSquares(k.float32(3).fill(2)));`;
  const flags = ["--jitless", "--no-warnings", "--conditions=@mmub/source", "--import", "tsx", "--input-type=module"];
  const cwd = new URL("../../../integration", import.meta.url);
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, "-e", program], { cwd, encoding: "utf8" });
  expect(`${stdout}${stdout ? "" : stderr}`).toContain("undefined scalar 12");
});

describe("what is refused", () => {
  const k = kernels({ bytes: 100_000 });
  const [p, g, m, v] = [k.float32(12), k.float32(12), k.float32(12), k.float32(12)];
  const rows = k.int32(2);
  const learningRate = 0.1;
  const cases: readonly [string, MmubError["code"], () => void, string][] = [
    [
      "a view of another memory",
      "invalid-input",
      () => k.sgd(p, new Float32Array(12), { learningRate }),
      "gradients is Float32Array of 12 in another memory, want a view of these kernels; make it with their float32() or int32() and copy with set()",
    ],
    ["no view", "invalid-input", () => k.scale(undefined as never, 1), "x is undefined, want a view of these kernels"],
    [
      "another length",
      "shape-mismatch",
      () => k.adam(p, g, m, v.subarray(1), { learningRate, step: 1 }),
      "secondMoment has 11 numbers, want 12",
    ],
    [
      "step 0",
      "invalid-params",
      () => k.adam(p, g, m, v, { learningRate, step: 0 }),
      "step is number 0, want the number of the step, from 1",
    ],
    [
      "beta 1",
      "invalid-params",
      () => k.adamw(p, g, m, v, { learningRate, step: 1, beta2: 1 }),
      "beta2 is number 1, want a number in [0, 1)",
    ],
    [
      "a rate that is no number",
      "invalid-params",
      () => k.sgd(p, g, { learningRate: Number.NaN }),
      "learningRate is number NaN, want a number",
    ],
    [
      "weight decay below zero",
      "invalid-params",
      () => k.adamw(p, g, m, v, { learningRate, step: 1, weightDecay: -1 }),
      "weightDecay is number -1, want zero or more",
    ],
    [
      "a scale that explodes",
      "invalid-params",
      () => k.sgd(p, g, { learningRate, gradientScale: 1 / 0 }),
      "gradientScale is number Infinity, want a number",
    ],
    [
      "dampening without a step",
      "invalid-params",
      () => k.momentum(p, g, m, { learningRate, dampening: 0.1 }),
      "step is undefined, want the number of the step, from 1, with dampening",
    ],
    [
      "dampening with Nesterov",
      "invalid-params",
      () => k.momentum(p, g, m, { learningRate, dampening: 0.1, step: 1, nesterov: true }),
      "dampening is number 0.1, want 0 with nesterov",
    ],
    [
      "a table of broken rows",
      "shape-mismatch",
      () => k.scatterAddRows(p, 5, rows, g.subarray(0, 10)),
      "target has 12 numbers, want a multiple of its width 5",
    ],
    [
      "too few values",
      "shape-mismatch",
      () => k.scatterAddRows(p, 4, rows, g.subarray(0, 7)),
      "values has 7 numbers, want 8 (2 rows x 4)",
    ],
    [
      "sums without room",
      "shape-mismatch",
      () => k.sumRows(rows, g.subarray(0, 8), 4, k.int32(5), { sums: m.subarray(0, 4) }),
      "uniqueRows has 2 numbers and sums 4, want at least 2 and 8: so many rows may differ",
    ],
    [
      "rate 1 of dropout",
      "invalid-params",
      () => k.dropoutMask(p, 1, [1]),
      "rate is number 1, want a number in [0, 1)",
    ],
    ["a broken key", "invalid-params", () => k.uniform(p, [1, 0.5]), "key[1] is number 0.5, want an integer"],
    [
      "a matrix that does not fit",
      "shape-mismatch",
      () => k.gemm(p, g, m, { m: 3, n: 4, k: 4 }),
      "b has 12 numbers, want 16 (k x n: 4 x 4)",
    ],
  ];
  for (const [name, code, run, message] of cases)
    test(name, () => {
      const error = refused(run);
      expect(error.code).toBe(code);
      expect(error.message).toContain(`kernels: ${message}`);
      expect(p.every((value) => value === 0)).toBe(true);
    });

  for (const [bad, index] of [
    [3, 1],
    [-1, 0],
    [2 ** 31 - 1, 0],
    [-(2 ** 31), 1],
  ] as const)
    test(`row ${bad}, before anything is written`, () => {
      const values = g.subarray(0, 8).fill(1);
      rows.fill(0)[index] = bad;
      const slots = k.int32(3);
      for (const run of [
        () => k.scatterAddRows(p, 4, rows, values),
        () => k.sumRows(rows, values, 4, slots),
        () => k.lazyAdam(p, m, v, 4, rows, values, { learningRate, step: 1 }),
      ]) {
        const error = refused(run);
        expect(error.code).toBe("invalid-input");
        expect(error.index).toBe(index);
        expect(error.message).toContain(`rows[${index}] is ${bad}, want 0 to 2`);
      }
      for (const view of [p, m, v]) expect(view.every((value) => value === 0)).toBe(true);
      expect(rows[index]).toBe(bad);
    });

  test("multiples of rows that are not there, in place, and more sums than there can be", () => {
    rows.fill(0);
    const [from, scales, slots, sums] = [k.int32(2), k.float32(2), k.int32(3), k.float32(12)];
    from.set([0, 2]);
    const run = (options: object) => () => k.sumRows(rows, g.subarray(0, 8), 4, slots, options);
    const multiples = { from, scales };
    expect(refused(run({ multiples, sums })).message).toContain("from[1] is 2, want 0 to 1: values have 2 rows");
    from[1] = 1;
    expect(refused(run({ multiples })).message).toContain("want apart from values");
    expect(refused(run({ multiples: { from, scales: sums }, sums })).message).toContain(
      "scales has 12 numbers, want 2",
    );
    expect(refused(run({ already: 3 })).message).toContain("already is number 3, want how many rows");
  });

  test("slots that are not those of the rows", () => {
    rows.set([2, 1]);
    const slots = k.int32(3);
    const run = () => k.lazyAdam(p, m, v, 4, rows, g.subarray(0, 8), { learningRate, step: 1, slots });
    slots.set([0, 2, 1]);
    expect(refused(run).message).toContain("slots has 2 for row 1, want its place in sums, 0 to 1");
    slots.set([0, 0, -1]);
    expect(refused(run).message).toContain("slots has -1 for row 2");
    expect(p.every((value) => value === 0)).toBe(true);
  });

  test("a padding that is no row, and one that is outside the table", () => {
    rows.fill(-7);
    for (const padding of [0.5, Number.NaN, 2 ** 31])
      expect(refused(() => k.scatterAddRows(p, 4, rows, g.subarray(0, 8), { padding })).message).toContain(
        "padding is",
      );
    k.scatterAddRows(p, 4, rows, g.subarray(0, 8).fill(1), { padding: -7 });
    expect(p.every((value) => value === 0)).toBe(true);
  });

  test("a position that no output of the convolution has", () => {
    const options = { batch: 1, steps: 6, width: 2, filters: 1, kernel: 3, stride: 2, padding: 1 };
    const [positions, gradients, weights] = [k.int32(1), k.float32(1), k.float32(6)];
    positions[0] = 3;
    const error = refused(() => k.addWindows(p, positions, gradients, weights, options));
    expect(error.message).toBe("kernels: positions[0] is 3, want 0 to 2: the convolution has 3 outputs");
  });
});

const each = (name: string, run: (k: Kernels) => void): void => {
  for (const build of [undefined, "scalar"] as const)
    test(`${name}, ${build ?? "the fastest build"}`, () => run(kernels({ bytes: 2e6, ...(build && { build }) })));
};

describe("rows", () => {
  test("a table by rows of a gradient steps as by the whole gradient, bit for bit", () => {
    const [tableRows, width] = [12, 6];
    const numbers = tableRows * width;
    const k = kernels({ bytes: 2 ** 16 });
    const r = random(5);
    for (const decoupled of [false, true]) {
      const start = Float32Array.from({ length: numbers }, () => r.normal());
      const [p, m, v, p2, m2, v2, gradient] = Array.from({ length: 7 }, () => k.float32(numbers));
      p!.set(start);
      p2!.set(start);
      const [rows, sums, slots] = [k.int32(5), k.float32(6 * width), k.int32(tableRows)];
      for (let step = 1; step <= 4; step++) {
        rows.set([3, step, 3, 0, 11]);
        for (let i = 0; i < sums.length; i++) sums[i] = r.normal();
        gradient!.fill(0);
        k.scatterAddRows(gradient!, width, rows, sums.subarray(0, 5 * width));
        const count = k.sumRows(rows, sums.subarray(0, 5 * width), width, slots);
        const options = { learningRate: 0.1, step, weightDecay: 0.2, gradientScale: 0.5 };
        k[decoupled ? "adamw" : "adam"](p!, gradient!, m!, v!, options);
        const room = sums.subarray(0, (count + 1) * width);
        k.adamTable(p2!, m2!, v2!, width, rows.subarray(0, count), room, slots, { ...options, decoupled });
      }
      expect([p2, m2, v2]).toEqual([p, m, v]);
    }
  });

  test("multiples are as the values that they stand for, and sums go on", () => {
    const k = kernels({ bytes: 2 ** 16 });
    const [width, n] = [5, 12];
    const [rows, from, scales, base] = [k.int32(n), k.int32(n), k.float32(n), k.float32(3 * width)];
    const [whole, other, values] = [k.float32(7 * width), k.float32(7 * width), k.float32(n * width)];
    for (let i = 0; i < n; i++) {
      rows[i] = (i * 5) % 7;
      from[i] = (i * 2) % 3;
      scales[i] = 0.25 * (i - 4);
    }
    for (let i = 0; i < base.length; i++) base[i] = i - 6;
    for (let i = 0; i < values.length; i++)
      values[i] = scales[Math.floor(i / width)]! * base[from[Math.floor(i / width)]! * width + (i % width)]!;
    k.scatterAddRows(whole, width, rows, base, { scale: 0.5, multiples: { from, scales } });
    k.scatterAddRows(other, width, rows, values, { scale: 0.5 });
    expect(whole).toEqual(other);
    whole.fill(0);
    const [slots, uniqueRows, sums] = [k.int32(7), k.int32(7), k.float32(7 * width)];
    const part = { from: from.subarray(0, 4), scales: scales.subarray(0, 4) };
    const first = k.sumRows(rows.subarray(0, 4), base, width, slots, { uniqueRows, sums, multiples: part });
    const rest = values.subarray(4 * width);
    const count = k.sumRows(rows.subarray(4), rest, width, slots, { uniqueRows, sums, already: first });
    expect([first, count]).toEqual([4, 7]);
    k.scatterAddRows(whole, width, uniqueRows, sums, { scale: 0.5 });
    expect(whole).toEqual(other);
  });

  each("scatterAddRows adds every value to its row, padding left out", (k) => {
    const r = random(1);
    const [width, count, n] = [6, 9, 50];
    const [target, rows, values] = [k.float32(count * width).fill(1), k.int32(n), k.float32(n * width)];
    const want = [...target];
    for (let i = 0; i < n; i++) {
      rows[i] = r.integer(count);
      // Small whole numbers, so that float32 holds every sum.
      for (let j = 0; j < width; j++) {
        values[i * width + j] = r.integer(9) - 4;
        if (rows[i] !== 2) want[rows[i]! * width + j]! += 0.5 * values[i * width + j]!;
      }
    }
    k.scatterAddRows(target, width, rows, values, { scale: 0.5, padding: 2 });
    expect([...target]).toEqual(want);
  });

  each("sumRows finds every row once, in order, whatever the slots hold", (k) => {
    const r = random(2);
    for (let round = 0; round < 30; round++) {
      const [width, count, n] = [1 + r.integer(9), 1 + r.integer(20), r.integer(40)];
      const [rows, values, slots] = [k.int32(n), k.float32(n * width), k.int32(count)];
      for (let i = 0; i < count; i++) slots[i] = r.integer(60) - 10;
      const want = new Map<number, number[]>();
      for (let i = 0; i < n; i++) {
        rows[i] = r.integer(count + 1) - 1;
        for (let j = 0; j < width; j++) values[i * width + j] = r.integer(9) - 4;
        if (rows[i] === -1) continue;
        const sum = want.get(rows[i]!) ?? new Array<number>(width).fill(0);
        want.set(
          rows[i]!,
          sum.map((s, j) => s + values[i * width + j]!),
        );
      }
      const found = k.sumRows(rows, values, width, slots, { padding: -1 });
      expect([...rows.subarray(0, found)]).toEqual([...want.keys()]);
      expect([...values.subarray(0, found * width)].map((s) => s + 0)).toEqual([...want.values()].flat());
      for (const view of [rows, values, slots]) k.free(view);
    }
  });

  each("addWindows is the gradient of a convolution and a global max pool", (k) => {
    const r = random(4);
    for (const { stride, padding, dilation } of [
      { stride: 1, padding: 0, dilation: 1 },
      { stride: 2, padding: 3, dilation: 1 },
      { stride: 1, padding: 2, dilation: 3 },
    ]) {
      const [batch, steps, width, filters, kernel] = [3, 12, 5, 4, 3];
      const size = [batch * steps * width, batch * filters, batch * filters, filters * kernel * width] as const;
      const [out, gradients, weights] = [k.float32(size[0]), k.float32(size[1]), k.float32(size[3])];
      const positions = k.int32(size[2]);
      const x = Float64Array.from(out, () => r.normal());
      for (let i = 0; i < weights.length; i++) weights[i] = r.normal();
      for (let i = 0; i < gradients.length; i++) gradients[i] = r.normal();
      /** The pooled output of sample b and filter f, and where it is. */
      const pooled = (b: number, f: number): { value: number; at: number } => {
        let best = { value: Number.NEGATIVE_INFINITY, at: -1 };
        for (let at = 0; at * stride + dilation * (kernel - 1) < steps + 2 * padding; at++) {
          let value = 0;
          for (let j = 0; j < kernel; j++) {
            const step = at * stride - padding + j * dilation;
            if (step < 0 || step >= steps) continue;
            for (let c = 0; c < width; c++)
              value += x[(b * steps + step) * width + c]! * weights[(f * kernel + j) * width + c]!;
          }
          if (value > best.value) best = { value, at };
        }
        return best;
      };
      const loss = () => {
        let sum = 0;
        for (let i = 0; i < gradients.length; i++)
          sum += gradients[i]! * pooled(Math.floor(i / filters), i % filters).value;
        return sum;
      };
      for (let i = 0; i < positions.length; i++) positions[i] = pooled(Math.floor(i / filters), i % filters).at;
      k.addWindows(out, positions, gradients, weights, {
        batch,
        steps,
        width,
        filters,
        kernel,
        stride,
        padding,
        dilation,
      });
      for (let i = 0; i < x.length; i++) {
        const [kept, h] = [x[i]!, 1e-6];
        x[i] = kept + h;
        const up = loss();
        x[i] = kept - h;
        const slope = (up - loss()) / (2 * h);
        x[i] = kept;
        expect(Math.abs(out[i]! - slope)).toBeLessThan(1e-6);
      }
    }
  });
});

describe("sparse products", () => {
  const setUp = (k: Kernels) => {
    const matrix = { offsets: k.int32(4), columns: k.int32(4), values: k.float32(4) };
    matrix.offsets.set([0, 3, 3, 4]);
    matrix.columns.set([3, 0, 3, 1]); // a column may come twice, and in any order
    matrix.values.set([2, -1, 0.5, 4]);
    const table = [
      [-1, 0, 0, 2.5],
      [0, 0, 0, 0],
      [0, 4, 0, 0],
    ];
    return { matrix, table };
  };

  for (const transposed of [false, true])
    each(`the product of whole numbers, transposed: ${transposed}`, (k) => {
      const { matrix, table } = setUp(k);
      const [rows, cols] = transposed ? [4, 3] : [3, 4];
      for (const width of [1, 4, 35]) {
        const [out, dense] = [k.float32(rows * width).fill(7), k.float32(cols * width)];
        for (let i = 0; i < dense.length; i++) dense[i] = ((i * 7) % 11) - 5;
        k.sparseProduct(out, matrix, dense, width, { transposed });
        for (let row = 0; row < rows; row++)
          for (let j = 0; j < width; j++) {
            let want = 0;
            for (let col = 0; col < cols; col++)
              want += (transposed ? table[col]![row]! : table[row]![col]!) * dense[col * width + j]!;
            expect(out[row * width + j]).toBe(want);
          }
      }
    });

  for (const transposed of [false, true])
    each(`a matrix times a vector, in float64, transposed: ${transposed}`, (k) => {
      const [rows, cols] = [7, 6];
      const [y, x] = [k.float64(transposed ? cols : rows).fill(5), k.float64(transposed ? rows : cols)];
      const matrix = k.float32(rows * cols).map((_, i) => ((i * 7) % 11) - 5);
      const view = k.float32(rows * cols);
      view.set(matrix);
      // Whole numbers that float32 cannot hold: every sum is exact only in float64.
      for (let i = 0; i < x.length; i++) x[i] = 2 ** 40 + i;
      k.gemv(y, view, x, { rows, cols, transposed });
      for (let i = 0; i < y.length; i++) {
        let want = 5;
        for (let j = 0; j < x.length; j++) want += x[j]! * matrix[transposed ? j * cols + i : i * cols + j]!;
        expect(y[i]).toBe(want);
      }
      expect(refused(() => k.gemv(y, view, x, { rows, cols: 5, transposed })).code).toBe("shape-mismatch");
      expect(refused(() => k.gemv(y, view, new Float64Array(x), { rows, cols, transposed })).code).toBe(
        "invalid-input",
      );
    });

  test("a row of many entries is rounded as blocks of them are", () => {
    const k = kernels({ bytes: 2e6 });
    const n = 100_000;
    const matrix = { offsets: k.int32(2), columns: k.int32(n), values: k.float32(n).fill(0.1) };
    matrix.offsets[1] = n;
    const [out, dense] = [k.float32(1), k.float32(1).fill(1)];
    k.sparseProduct(out, matrix, dense, 1);
    expect(Math.abs(out[0]! / (n * Math.fround(0.1)) - 1)).toBeLessThan(1e-5);
  });

  test("what does not fit is refused before anything is written", () => {
    const k = kernels({ bytes: 4096 });
    const { matrix } = setUp(k);
    const [out, dense] = [k.float32(6).fill(7), k.float32(8)];
    const refusal = (over: Partial<typeof matrix>, ...rest: [Float32Array?, number?]) =>
      refused(() => k.sparseProduct(rest[0] ?? out, { ...matrix, ...over }, dense, rest[1] ?? 2));
    const list = (...values: number[]) => {
      const view = k.int32(values.length);
      view.set(values);
      return view;
    };
    expect(refusal({}, k.float32(4)).message).toContain("out has 4 numbers, want 6 (3 rows x 2)");
    expect(refusal({}, out, 3).message).toContain("dense has 8 numbers, want a multiple of its width 3");
    expect(refusal({ offsets: list(0, 3, 2, 4) })).toMatchObject({ code: "invalid-input", index: 2 });
    expect(refusal({ offsets: list(1, 3, 3, 4) }).message).toContain("offsets[0] is 1, want 0");
    expect(refusal({ offsets: list(0, 3, 3, 5) }).message).toContain("columns has 4 numbers, want 5");
    expect(refusal({ columns: list(3, 0, 4, 1) })).toMatchObject({ code: "invalid-input", index: 2 });
    expect(refusal({ values: k.float32(3) }).message).toContain("values has 3 numbers, want 4");
    expect(refusal({ offsets: k.int32(0) }).message).toContain("out has 6 numbers, want 0");
    expect(out.every((value) => value === 7)).toBe(true);
  });
});

describe("vectors", () => {
  each("clamp", (k) => {
    const x = k.float32(6);
    x.set([-3, -1, 0.5, 2, Number.NaN, Number.NEGATIVE_INFINITY]);
    k.clamp(x, -1, 1);
    expect([...x]).toEqual([-1, -1, 0.5, 1, Number.NaN, -1]);
    expect(refused(() => k.clamp(x, 1, -1)).message).toContain("low is number 1, want no more than high, -1");
  });

  each("axpy, scale and sumOfSquares, which no finite number makes infinite", (k) => {
    const [x, y] = [k.float32(11), k.float32(11)];
    for (let i = 0; i < 11; i++) [x[i], y[i]] = [i, 10];
    k.axpy(y, -2, x);
    k.scale(y, 0.5);
    expect([...y]).toEqual([5, 4, 3, 2, 1, 0, -1, -2, -3, -4, -5]);
    expect(k.sumOfSquares(x)).toBe(385);
    expect(k.sumOfSquares(x.subarray(0, 0))).toBe(0);
    expect(k.sumOfSquares(x.fill(3e38))).toBeCloseTo(11 * 9e76, -71);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      for (let i = 0; i < 11; i++) {
        x.fill(1)[i] = bad;
        expect(Number.isFinite(k.sumOfSquares(x))).toBe(false);
      }
  });
});

describe("random numbers", () => {
  each("are the same everywhere, whatever the length and place of the view", (k) => {
    const view = k.float32(1000);
    k.uniform(view, [7, 0, 1]);
    expect([...view.subarray(0, 4)].map((value) => value * 2 ** 24)).toEqual([6550550, 3033984, 14759738, 6906512]);
    const part = k.float32(20).subarray(3, 16);
    k.uniform(part, [7, 0, 1]);
    expect([...part]).toEqual([...view.subarray(0, 13)]);
  });

  each("are uniform, and the streams of near keys are strangers", (k) => {
    const n = 100_000;
    const [a, b] = [k.float32(n), k.float32(n)];
    // 255 degrees of freedom: a chi-square beyond 370 has a chance below 1e-5.
    const chiSquare = (cell: (i: number) => number, count: number): number => {
      const cells = new Float64Array(256);
      for (let i = 0; i < count; i++) cells[cell(i)]!++;
      return cells.reduce((sum, seen) => sum + (seen - count / 256) ** 2 / (count / 256), 0);
    };
    const top = (value: number) => Math.floor(value * 16);
    for (const key of [[0], [1], [7, 0, 1], [-1], [2 ** 32]]) {
      k.uniform(a, key);
      expect(chiSquare((i) => Math.floor(a[i]! * 256), n)).toBeLessThan(370);
      expect(chiSquare((i) => (a[i]! * 2 ** 24) % 256, n)).toBeLessThan(370);
      for (const lag of [1, 2, 4, 64])
        expect(chiSquare((i) => 16 * top(a[i]!) + top(a[i + lag]!), n - lag)).toBeLessThan(370);
      for (const other of [
        [...key.slice(0, -1), key.at(-1)! + 1],
        [...key, 0],
        [key[0]! + 2 ** 32, ...key.slice(1)],
      ]) {
        k.uniform(b, other);
        expect(chiSquare((i) => 16 * top(a[i]!) + top(b[i]!), n)).toBeLessThan(370);
        expect(chiSquare((i) => 16 * top(a[i]!) + top(b[i + 1]!), n - 1)).toBeLessThan(370);
      }
    }
  });

  each("decide what dropout keeps", (k) => {
    const [mask, numbers] = [k.float32(100_000), k.float32(100_000)];
    k.uniform(numbers, [5]);
    for (const rate of [0, 0.1, 0.5, 0.9]) {
      k.dropoutMask(mask, rate, [5]);
      const kept = Math.fround(1 / (1 - rate));
      // Numbers of the cell of 2^-24 that the rate falls into may go either way.
      const wrong = mask.findIndex(
        (value, i) => Math.abs(numbers[i]! - rate) > 2 ** -24 && value !== (numbers[i]! > rate ? kept : 0),
      );
      expect(wrong).toBe(-1);
      const mean = mask.reduce((sum, value) => sum + value, 0) / mask.length;
      // Five standard deviations.
      expect(Math.abs(mean - 1)).toBeLessThanOrEqual(5 * Math.sqrt(rate / (1 - rate) / mask.length));
    }
  });
});
