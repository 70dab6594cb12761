import { random } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { type KernelBuild, type Kernels, kernels } from "./index.js";

/** The builds of WebAssembly that this runtime takes: Node 20 has no relaxed SIMD. */
const builds = (["simd", "relaxed-simd"] as const).filter((build) => {
  try {
    return kernels({ bytes: 0, build }).build === build;
  } catch {
    return false;
  }
});

test("there is a build to compare with", () => {
  expect(builds).toContain("simd");
  expect(kernels({ bytes: 0 }).build).toBe(builds.at(-1));
});

const special = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  0,
  -0,
  2 ** -149,
  -(2 ** -149),
  1e-40,
  3e-39,
  1.17549435e-38,
  3.4028234e38,
  -3.4028234e38,
  1e20,
  1e-20,
];

/** Numbers of all sizes; with `wild`, one in four is NaN, infinite, denormal or next to a limit. */
const numbers = (length: number, seed: number, wild: boolean): Float32Array => {
  const r = random(seed);
  return Float32Array.from({ length }, () => {
    if (wild && r.next() < 0.25) return special[r.integer(special.length)]!;
    return r.normal() * 10 ** (wild ? r.integer(80) - 45 : r.integer(5) - 2);
  });
};

/** A view of these values that starts `offset` numbers into a block, in which the rest is 77. */
const place = (k: Kernels, values: ArrayLike<number>, offset: number): Float32Array => {
  const block = k.float32(values.length + offset + 3).fill(77);
  block.set(values, offset);
  return block.subarray(offset, offset + values.length);
};
const placeRows = (k: Kernels, values: ArrayLike<number>): Int32Array => {
  const view = k.int32(values.length);
  view.set(values);
  return view;
};

/** All bits of a memory, the same for every NaN: WebAssembly leaves open which one comes out. */
const bits = (view: Float32Array): Uint32Array => {
  const all = new Float32Array(view.buffer.slice(0));
  const words = new Uint32Array(all.buffer);
  for (let i = 0; i < all.length; i++) if (Number.isNaN(all[i])) words[i] = 0x7fc00000;
  // Below the first block lies gemm's panel, which the twin does without.
  return words.subarray(4096);
};

// toEqual takes a second for arrays as large as these.
const expectSame = (got: Uint32Array, want: Uint32Array, what: string): void => {
  const differ = got.findIndex((word, i) => word !== want[i]);
  expect(differ, `${what}: word ${differ} is ${got[differ]}, want ${want[differ]}`).toBe(-1);
};

interface Setup {
  readonly k: Kernels;
  readonly n: number;
  readonly wild: boolean;
  /** Numbers of this length at one of four alignments. */
  readonly make: (length: number) => Float32Array;
  readonly positive: (length: number) => Float32Array;
  readonly below: (limit: number) => number;
}

/** Runs one thing on every build with the same inputs and wants the same bits everywhere, around the views too. */
const sameBits = (name: string, run: (setup: Setup) => unknown, wilds: readonly boolean[] = [false, true]): void => {
  for (const build of builds)
    for (const wild of wilds)
      test(`${name}, ${build}${wild ? ", wild numbers" : ""}`, () => {
        for (let n = 0; n < 70; n += n < 13 ? 1 : 17)
          for (let alignment = 0; alignment < 2; alignment++) {
            const [a, b] = [build, "scalar" as const].map((which: KernelBuild) => {
              const k = kernels({ bytes: 400_000, build: which });
              const last = k.float32(1);
              let seed = 1000 * n + alignment;
              const r = random(seed);
              const make = (length: number) =>
                place(k, numbers(length, ++seed, wild), alignment === 0 ? 0 : 1 + (seed % 3));
              const positive = (length: number) => {
                const view = make(length);
                for (let i = 0; i < length; i++) view[i] = Math.abs(view[i]!);
                return view;
              };
              const result = run({ k, n, wild, make, positive, below: (limit) => r.integer(limit) });
              return { result, bits: bits(last) };
            });
            expect(a!.result).toEqual(b!.result);
            expectSame(a!.bits, b!.bits, `n ${n}`);
          }
      });
};

describe("the same bits as the twin", () => {
  sameBits("sgd", ({ k, n, make }) => {
    const [p, g] = [make(n), make(n)];
    k.sgd(p, g, { learningRate: 0.1, weightDecay: 0.01, gradientScale: 0.7 });
    k.sgd(p, g, { learningRate: 1e-3 });
  });
  for (const nesterov of [false, true])
    sameBits(nesterov ? "nesterov" : "momentum", ({ k, n, make }) => {
      const [p, g, b] = [make(n), make(n), make(n)];
      const options = { learningRate: 0.1, momentum: 0.8, nesterov, weightDecay: 0.1, gradientScale: -1 };
      for (let step = 1; step < 4; step++)
        k.momentum(p, g, b, { ...options, step, dampening: nesterov ? 0 : 0.3, learningRate: 0.1 / step });
    });
  for (const amsgrad of [false, true])
    for (const name of ["adam", "adamw"] as const)
      sameBits(`${name}${amsgrad ? ", amsgrad" : ""}`, ({ k, n, make, positive }) => {
        const [p, g, m, v, top] = [make(n), make(n), make(n), positive(n), positive(n)];
        for (let step = 1; step < 4; step++)
          k[name](p, g, m, v, {
            learningRate: 0.01,
            step,
            weightDecay: 0.02,
            gradientScale: 0.3,
            ...(amsgrad && { maxSecondMoment: top }),
          });
      });

  sameBits("axpy", ({ k, n, make }) => k.axpy(make(n), 0.3, make(n)));
  sameBits("scale", ({ k, n, make }) => k.scale(make(n), -1.7));
  sameBits("clamp", ({ k, n, make }) => k.clamp(make(n), -0.5, 1e20));
  sameBits("sumOfSquares", ({ k, n, make }) => k.sumOfSquares(make(n)));
  sameBits("uniform", ({ k, n, make }) => k.uniform(make(n), [n, -3, 2 ** 40]));
  sameBits("dropoutMask", ({ k, n, make }) => k.dropoutMask(make(n), 0.3, [n]));

  sameBits("scatterAddRows", ({ k, n: width, make, below }) => {
    const rows = placeRows(
      k,
      Array.from({ length: 30 }, () => below(12) - 1),
    );
    const target = make(11 * (width + 1));
    k.scatterAddRows(target, width + 1, rows, make(30 * (width + 1)), { padding: -1, scale: -0.1 });
  });
  sameBits("scatterAddRows and sumRows of multiples, and further sums", ({ k, n, make, below }) => {
    const width = n + 1;
    const list = (length: number, most: number) =>
      placeRows(
        k,
        Array.from({ length }, () => below(most)),
      );
    const [rows, from, scales, values] = [list(40, 15), list(40, 6), make(40), make(6 * width)];
    const multiples = { from, scales };
    k.scatterAddRows(make(15 * width), width, rows, values, { multiples, scale: -0.3, padding: 4 });
    const [uniqueRows, sums, slots] = [k.int32(15), k.float32(15 * width), list(15, 50)];
    const first = k.sumRows(rows, values, width, slots, { uniqueRows, sums, multiples, padding: 3 });
    const more = list(20, 15);
    return k.sumRows(more, make(20 * width), width, slots, { uniqueRows, sums, already: first });
  });
  for (const inPlace of [true, false])
    sameBits(`sumRows${inPlace ? ", in place" : ""}, and lazyAdam`, ({ k, n, make, positive, below }) => {
      const width = n + 1;
      const rows = placeRows(
        k,
        Array.from({ length: 40 }, () => below(15)),
      );
      const values = make(40 * width);
      const slots = placeRows(
        k,
        Array.from({ length: 15 }, () => below(50) - 5),
      );
      const uniqueRows = inPlace ? rows : k.int32(15);
      const sums = inPlace ? values : k.float32(15 * width);
      const count = k.sumRows(rows, values, width, slots, { uniqueRows, sums, padding: 3 });
      const [p, m, v] = [make(15 * width), make(15 * width), positive(15 * width)];
      k.lazyAdam(p, m, v, width, uniqueRows.subarray(0, count), sums.subarray(0, count * width), {
        learningRate: 0.01,
        step: 3,
        gradientScale: 0.5,
      });
      k.lazyAdam(p, m, v, width, uniqueRows.subarray(0, count).sort(), sums.subarray(0, count * width), {
        learningRate: 0.01,
        step: 4,
        slots,
      });
      return count;
    });
  sameBits("adamTable", ({ k, n, make, positive, below }) => {
    const width = n + 1;
    const rows = placeRows(
      k,
      Array.from({ length: 9 }, () => below(15)),
    );
    const [sums, slots] = [make(10 * width), k.int32(15)];
    const count = k.sumRows(rows, sums.subarray(0, 9 * width), width, slots);
    const [p, m, v] = [make(15 * width), make(15 * width), positive(15 * width)];
    for (const decoupled of [false, true])
      k.adamTable(p, m, v, width, rows.subarray(0, count), sums.subarray(0, (count + 1) * width), slots, {
        learningRate: 0.01,
        step: 3,
        weightDecay: 0.1,
        gradientScale: 0.5,
        decoupled,
      });
    return count;
  });
  sameBits("addWindows", ({ k, n, make, below }) => {
    const [batch, steps, width, filters, kernel] = [3, 11, n + 1, 5, 3];
    const gradients = make(batch * filters);
    const positions = placeRows(
      k,
      Array.from({ length: batch * filters }, () => below(6)),
    );
    const weights = make(filters * kernel * width);
    const options = { batch, steps, width, filters, kernel, stride: 2, padding: 2, dilation: 2 };
    k.addWindows(make(batch * steps * width), positions, gradients, weights, options);
  });
});

describe("sparse products: the same bits as the twin", () => {
  for (const transposed of [false, true])
    sameBits(transposed ? "transposed" : "as it is", ({ k, n, make, below }) => {
      const [rows, cols, width] = [7, 5, n + 1];
      // The third row has none, the fourth more than a block of sums.
      const lengths = Array.from({ length: rows }, (_, row) => (row === 2 ? 0 : row === 3 ? 600 : below(6)));
      const offsets = placeRows(k, [0, ...lengths.map((_, row) => lengths.slice(0, row + 1).reduce((a, b) => a + b))]);
      const entries = offsets[rows]!;
      const columns = placeRows(
        k,
        Array.from({ length: entries }, () => below(cols)),
      );
      const [tall, wide] = [make(rows * width), make(cols * width)];
      const [out, dense] = transposed ? [wide, tall] : [tall, wide];
      k.sparseProduct(out, { offsets, columns, values: make(entries) }, dense, width, { transposed });
    });
});

describe("a matrix times a vector: the same bits as the twin", () => {
  for (const transposed of [false, true])
    for (const rows of [1, 6])
      sameBits(`${rows} rows${transposed ? ", transposed" : ""}`, ({ k, n, make }) => {
        const double = (length: number) => {
          const view = k.float64(length);
          view.set(make(length));
          return view;
        };
        const [y, x] = [double(transposed ? n : rows), double(transposed ? rows : n)];
        k.gemv(y, make(rows * n), x, { rows, cols: n, transposed });
      });
});

describe("word vectors: the same bits as the twin", () => {
  for (const kernel of ["skipGram", "cbow"] as const)
    for (const mean of [true, false])
      if (mean || kernel === "cbow")
        sameBits(`${kernel}${mean ? "" : " of sums"}`, ({ k, n, make, below }) => {
          const [words, width, negatives] = [9, 4 * (n + 1), n % 5];
          const [input, output] = [make(words * width), make(words * width)];
          const list = (length: number, of: () => number) => placeRows(k, Array.from({ length }, of));
          const tokens = list(25, () => below(words + 1) - 1);
          const sampling = {
            keep: list(words, () => (below(3) ? -1 : below(2 ** 32) | 0)),
            threshold: list(words, () => below(2 ** 32) | 0),
            alias: list(words, () => below(words)),
          };
          const scratch = k.int32(2 * width + 2 * (negatives + 1) + 6);
          const options = { width, negatives, window: 1 + (n % 4), shrinkWindow: n % 3 > 0, learningRate: 0.3, mean };
          const counts = [7, 8].map((seed) =>
            k[kernel](input, output, tokens, sampling, { ...options, scratch, key: [seed] }),
          );
          // The twin keeps sentences and targets elsewhere.
          scratch.fill(0);
          return counts;
        });

  sameBits("glove", ({ k, n, make, below }) => {
    const [words, width, entries] = [7, 4 * (n + 2), 12];
    const table = () => ({ values: make(words * width), squares: k.float32(words * width).fill(1) });
    const list = (length: number, limit: number) =>
      placeRows(
        k,
        Array.from({ length }, () => below(limit)),
      );
    const [rows, columns] = [list(entries, words), list(entries, words)];
    const data = { rows, columns, logs: make(entries), weights: make(entries) };
    return k.glove(table(), table(), data, { width, learningRate: 0.05 });
  });
});

/** Every way to store the operands, at sizes around the tile of 4 x 8, the panel of 384 and none at all. */
const products = [
  { m: 1, n: 1, k: 1 },
  { m: 4, n: 8, k: 16 },
  { m: 5, n: 9, k: 3 },
  { m: 3, n: 7, k: 385 },
  { m: 17, n: 23, k: 384 },
  { m: 2, n: 12, k: 900 },
  { m: 7, n: 3, k: 0 },
  { m: 0, n: 3, k: 5 },
].flatMap((size) =>
  [false, true].flatMap((transA) =>
    [false, true].flatMap((transB) =>
      [
        { alpha: 1, beta: 0 },
        { alpha: -0.3, beta: 1 },
        { alpha: 2, beta: 0.7 },
      ].map((scales) => ({ ...size, transA, transB, ...scales })),
    ),
  ),
);

const product = (build: KernelBuild, options: (typeof products)[number], wild: boolean) => {
  const kernel = kernels({ bytes: 200_000, build });
  const { m, n, k } = options;
  const [a, b, c] = [m * k, k * n, m * n].map((length, i) => place(kernel, numbers(length, i + m, wild), i));
  const before = c!.slice();
  kernel.gemm(c!, a!, b!, options);
  return { a: a!, b: b!, c: c!, before };
};

describe("gemm", () => {
  for (const wild of [false, true])
    test(`the same bits as the twin with SIMD${wild ? ", wild numbers" : ""}`, () => {
      for (const options of products)
        expectSame(
          bits(product("simd", options, wild).c),
          bits(product("scalar", options, wild).c),
          JSON.stringify(options),
        );
    });

  // |error| <= k * 2^-23 * sum |a||b| is a bound for any order of float32 sums, fused or not.
  for (const build of [...builds, "scalar"] as const)
    test(`the product in float64 within the bound of float32 sums, ${build}`, () => {
      for (const options of products) {
        const { m, n, k, transA, transB, alpha, beta } = options;
        const { a, b, c, before } = product(build, options, false);
        for (let i = 0; i < m; i++)
          for (let j = 0; j < n; j++) {
            let sum = 0;
            let size = 0;
            for (let l = 0; l < k; l++) {
              const term = a[transA ? l * m + i : i * k + l]! * b[transB ? j * k + l : l * n + j]!;
              sum += term;
              size += Math.abs(term);
            }
            const want = alpha * sum + beta * before[i * n + j]!;
            const bound = 2 ** -23 * ((k + 3) * Math.abs(alpha) * size + 3 * Math.abs(beta * before[i * n + j]!));
            expect(Math.abs(c[i * n + j]! - want)).toBeLessThanOrEqual(bound);
          }
      }
    });
});
