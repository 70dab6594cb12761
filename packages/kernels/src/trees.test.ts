import { MmubError, random } from "@mmub/core";
import { describe, expect, test } from "vitest";
import {
  type KernelBuild,
  type Kernels,
  kernels,
  splitOf,
  type TreeSplitSettings,
  type TreeSplitsOptions,
  treeGrowScratch,
  treeSettings,
} from "./index.js";

const builds = (["simd", "relaxed-simd"] as const).filter((build) => {
  try {
    return kernels({ bytes: 0, build }).build === build;
  } catch {
    return false;
  }
});

const defaults: TreeSplitSettings = {
  lambdaL1: 0,
  lambdaL2: 0,
  minDataInLeaf: 5,
  minSumHessianInLeaf: 1e-3,
  minGainToSplit: 0,
  catSmooth: 3,
  catL2: 2,
  maxCatThreshold: 8,
  maxCatToOnehot: 4,
  minDataPerGroup: 5,
  bounded: false,
};
/** Columns of this many bins and kind; the rest of the setup is random, from the seed. */
type Column = readonly [bins: number, kind: number];
const mixed: readonly Column[] = [
  [256, 0],
  [7, 1],
  [40, 0],
  [3, 2],
  [30, 2],
  [20, 3],
  [2, 0],
  [12, 4],
  [12, 9],
];

const setUp = (k: Kernels, columns: readonly Column[], settings: Partial<TreeSplitSettings>, seed: number) => {
  const r = random(seed);
  const stride = 150;
  const bins = k.uint8(columns.length * stride);
  const table = k.int32(4 * columns.length);
  let offset = 0;
  for (const [column, [count, kind]] of columns.entries()) {
    table.set([column, offset, count, kind], 4 * column);
    offset += count;
    for (let row = 0; row < stride; row++) bins[column * stride + row] = r.integer(count);
  }
  const gradients = k.float32(2 * stride);
  for (let row = 0; row < stride; row++) {
    gradients[2 * row] = r.normal() + bins[row]! / 256;
    gradients[2 * row + 1] = 0.5 + r.next();
  }
  const all = r.shuffle(Int32Array.from({ length: stride }, (_, row) => row));
  const rows = k.int32(120);
  rows.set(all.subarray(0, 120));
  const numbers = k.float64(11);
  numbers.set(treeSettings({ ...defaults, ...settings }));
  const sums = (of: Int32Array) => {
    let [g, h] = [0, 0];
    for (const row of of) {
      g += gradients[2 * row]!;
      h += gradients[2 * row + 1]!;
    }
    return settings.bounded ? [g, h, of.length, -0.3, 0.4] : [g, h, of.length, -Infinity, Infinity];
  };
  const options: TreeSplitsOptions = {
    columns: { bins, stride, table },
    gradients,
    settings: numbers,
    from: 0,
    to: columns.length,
    rows,
    small: k.float64(2 * offset),
    leaves: k.float64(10),
    splits: k.float64(80),
    scratch: k.float64(2176 + stride),
  };
  return { options, sums };
};

/** A leaf, then its two children. */
const grow = (k: Kernels, columns: readonly Column[], settings: Partial<TreeSplitSettings>, seed: number) => {
  const { options, sums } = setUp(k, columns, settings, seed);
  const { rows, leaves, splits } = options;
  leaves.set(sums(rows));
  k.treeSplits({ ...options, leaves: leaves.subarray(0, 5), splits: splits.subarray(0, 40) });
  const root = splits.slice(0, 40);
  const large = k.float64(options.small.length);
  large.set(options.small);
  const [first, second] = [rows.subarray(0, 50), rows.subarray(50)];
  leaves.set([...sums(first), ...sums(second)]);
  k.treeSplits({ ...options, rows: first, large });
  return { root, children: splits.slice(), small: options.small.slice(), large: large.slice() };
};

const kinds: readonly (readonly [string, readonly Column[], Partial<TreeSplitSettings>])[] = [
  ["numbers", mixed.filter(([, kind]) => kind === 0), {}],
  ["missing values", [[9, 1] as const, [30, 1] as const], {}],
  ["categories", mixed.filter(([, kind]) => kind & 2), {}],
  ["all kinds", mixed, { lambdaL2: 1, minGainToSplit: 0.01 }],
  ["an L1 penalty", mixed, { lambdaL1: 0.5 }],
  ["bounds", mixed, { bounded: true, lambdaL1: 0.1 }],
  ["no split", mixed, { minDataInLeaf: 100 }],
];

describe("the same bits as the twin", () => {
  for (const build of builds) {
    for (const [name, columns, settings] of kinds)
      test(`treeSplits of ${name}, ${build}`, () => {
        for (let seed = 0; seed < 12; seed++) {
          const [a, b] = [build, "scalar" as const].map((which: KernelBuild) =>
            grow(kernels({ bytes: 400_000, build: which }), columns, settings, seed),
          );
          for (const what of ["small", "large", "root", "children"] as const) {
            const differ = a![what].findIndex((value, i) => !Object.is(value, b![what][i]));
            expect(differ, `${what}[${differ}] of seed ${seed}`).toBe(-1);
          }
        }
      });

    test(`the others, ${build}`, () => {
      const run = (which: KernelBuild) => {
        const k = kernels({ bytes: 200_000, build: which });
        return [0, 1, 2, 3, 5, 64, 99].map((n) => {
          const r = random(n);
          const floats = (length: number, scale: number) => {
            const view = k.float32(length);
            for (let i = 0; i < length; i++) view[i] = scale * r.normal();
            return view;
          };
          const scores = k.float64(n);
          for (let i = 0; i < n; i++) scores[i] = 10 ** (r.integer(5) - 1) * r.normal();
          const gradients = k.float32(2 * n);
          k.treeLogistic(scores, floats(n, 1), floats(n, 2), gradients);
          const rows = k.int32(n);
          for (let i = 0; i < n; i++) rows[i] = i;
          const [column, side] = [k.uint8(n), k.uint8(256)];
          for (let i = 0; i < n; i++) column[i] = r.integer(256);
          for (let i = 0; i < 256; i++) side[i] = r.integer(2);
          const left = k.treePartition(column, rows, side, k.int32(n));
          const leftRows = rows.subarray(0, left);
          expect(Array.from(leftRows).every((row) => side[column[row]!] === 0)).toBe(true);
          expect(Array.from(leftRows)).toEqual(Array.from(leftRows).sort((x, y) => x - y));
          k.treeAdd(scores, 1, leftRows, 0.1);
          // Two trees of three and one node.
          const nodes = k.int32(16);
          nodes.set([1, 0, 16, 32, 0, 0, 16, 16, 0, 0, 32, 32, 0, 0, 48, 48]);
          const values = k.float64(4);
          values.set([0, 0.3, -0.7, 0.11]);
          const roots = k.int32(2);
          roots.set([0, 48]);
          const out = k.float64(2 * n);
          k.treePredict({ nodes, values, roots }, floats(3 * n, 1), 3, out, 2);
          return { scores, gradients, rows, left, out };
        });
      };
      expect(run(build)).toEqual(run("scalar"));
    });
  }
});

/** The best of all splits of numbers without missing ones, by trying each. */
const bruteForce = ({ columns, gradients }: TreeSplitsOptions, rows: Int32Array, bins: readonly number[]) => {
  const score = (of: readonly number[]) => {
    let [g, h] = [0, 0];
    for (const row of of) {
      g += gradients[2 * row]!;
      h += gradients[2 * row + 1]!;
    }
    return { h, value: (g * g) / (h + 1) };
  };
  let best = { gain: 0, feature: -1, bin: -1 };
  for (const [feature, count] of bins.entries())
    for (let bin = 0; bin < count - 1; bin++) {
      const goes = (row: number) => columns.bins[feature * columns.stride + row]! <= bin;
      const [left, right] = [score(Array.from(rows).filter(goes)), score(Array.from(rows).filter((row) => !goes(row)))];
      const gain = left.value + right.value - score(Array.from(rows)).value;
      if (Math.min(left.h, right.h) > 1 && gain > best.gain + 1e-9) best = { gain, feature, bin };
    }
  return best;
};

test("the best split is that of trying each", () => {
  const columns = [
    [40, 0],
    [17, 0],
    [9, 0],
  ] as const;
  for (let seed = 0; seed < 10; seed++) {
    const k = kernels({ bytes: 400_000 });
    const settings = { lambdaL2: 1, minDataInLeaf: 0, minSumHessianInLeaf: 1 };
    const { options, sums } = setUp(k, columns, settings, seed);
    options.leaves.set(sums(options.rows));
    k.treeSplits({ ...options, leaves: options.leaves.subarray(0, 5), splits: options.splits.subarray(0, 40) });
    const got = splitOf(options.splits, 0)!;
    const want = bruteForce(
      options,
      options.rows,
      columns.map(([bins]) => bins),
    );
    expect(got.gain).toBeCloseTo(want.gain, 6);
    expect([got.feature, got.bin]).toEqual([want.feature, want.bin]);
  }
});

test("lanes find what one thread finds, the scalar build too", async () => {
  const [lone, lanes, scalar] = await Promise.all(
    [{ count: 1 }, { count: 3, shared: true }, { count: 3, shared: true, build: "scalar" as const }].map(
      async ({ count, ...kind }) => {
        const k = kernels({ bytes: 600_000, ...kind });
        const { options, sums } = setUp(k, mixed, {}, 4);
        options.leaves.set(sums(options.rows));
        const crew = await k.lanes(count);
        const found: number[][] = [];
        for (let turn = 0; turn < 50; turn++) {
          const calls = Array.from({ length: count }, (_, lane) => ({
            ...options,
            from: (lane * mixed.length) / count,
            to: ((lane + 1) * mixed.length) / count,
            leaves: options.leaves.subarray(0, 5),
            splits: k.float64(40),
            scratch: lane === 0 ? options.scratch : k.float64(options.scratch.length),
          }));
          crew.treeSplits(calls);
          const best = calls.map(({ splits }) => splits).reduce((a, b) => (b[0]! > a[0]! ? b : a));
          found.push(Array.from(best));
          for (const [lane, { splits, scratch }] of calls.entries()) {
            k.free(splits);
            if (lane > 0) k.free(scratch);
          }
        }
        await crew.end();
        return { found, small: Array.from(options.small) };
      },
    ),
  );
  expect(lanes).toEqual(lone);
  expect(scalar).toEqual(lone);
});

const forestSetUp = (k: Kernels, seed: number, channels: number, drawn: boolean) => {
  const r = random(seed);
  const [stride, counts] = [140, [256, 9, 1, 30, 2]];
  const bins = k.uint8(stride * counts.length);
  const perColumn = k.int32(counts.length);
  perColumn.set(counts);
  for (const [column, count] of counts.entries())
    for (let row = 0; row < stride; row++) bins[column * stride + row] = r.integer(count);
  const [channelOf, targets, weights] = [k.uint8(stride), k.float32(stride), k.float32(stride)];
  for (let row = 0; row < stride; row++) {
    const signal = bins[stride + row]! / 9 + 0.3 * r.normal();
    channelOf[row] = channels > 1 ? Math.max(0, Math.min(channels - 1, Math.floor(signal * channels))) : 0;
    targets[row] = channels > 1 ? 1 : signal;
    weights[row] = 1 + r.integer(3);
  }
  const edges = k.float32(256 * counts.length);
  for (let i = 0; i < edges.length; i++) edges[i] = (i % 256) ** 1.5;
  const rows = k.int32(120);
  rows.set(r.shuffle(Int32Array.from({ length: stride }, (_, row) => row)).subarray(0, 120));
  return {
    ...{ bins, stride, counts: perColumn, rows, channelOf, targets, weights, channels },
    ...(drawn && { edges }),
    ...{ maxFeatures: 2, maxDepth: 50, minSamplesSplit: 2, minSamplesLeaf: 1 + (seed % 3), minGain: 0, key: [seed] },
    nodes: k.float64((7 + channels) * 239),
    scratch: k.float64(treeGrowScratch(120, counts.length, channels)),
  };
};

describe("treeGrow", () => {
  for (const build of builds)
    for (const channels of [1, 3])
      for (const drawn of [false, true])
        test(`the same bits as the twin, ${channels} channels, ${drawn ? "drawn" : "best"} thresholds, ${build}`, () => {
          for (let seed = 0; seed < 8; seed++) {
            const [a, b] = [build, "scalar" as const].map((which: KernelBuild) => {
              const k = kernels({ bytes: 200_000, build: which });
              const options = forestSetUp(k, seed, channels, drawn);
              const count = k.treeGrow(options);
              return { count, nodes: options.nodes.slice(0, count * (7 + channels)), rows: options.rows.slice() };
            });
            expect(a!.count).toBeGreaterThan(5);
            expect(a).toEqual(b);
          }
        });

  test("leaves are pure or too small, and hold each row once", () => {
    const k = kernels({ bytes: 200_000 });
    const options = { ...forestSetUp(k, 3, 3, false), minSamplesLeaf: 1, maxFeatures: 5 };
    const count = k.treeGrow(options);
    let total = 0;
    for (let node = 0; node < count; node++) {
      const [column, , , , rows, , weight, ...sums] = options.nodes.subarray(10 * node, 10 * node + 10);
      if (column! >= 0) continue;
      total += rows!;
      expect(Math.max(...sums)).toBe(weight);
    }
    expect(total).toBe(120);
    expect([...options.rows].sort((x, y) => x - y)).toEqual([...new Set(options.rows)].sort((x, y) => x - y));
  });

  test("a thread grows the same tree", async () => {
    const k = kernels({ bytes: 400_000, shared: true });
    const [one, other] = [forestSetUp(k, 5, 3, false), forestSetUp(k, 5, 3, false)];
    const threads = await k.threads(1);
    expect(await threads.treeGrow(other)).toBe(k.treeGrow(one));
    await threads.end();
    expect(other.nodes).toEqual(one.nodes);
  });

  test("what is refused", () => {
    const k = kernels({ bytes: 200_000 });
    const options = forestSetUp(k, 5, 3, false);
    expect(() => k.treeGrow({ ...options, channels: 2 })).toThrow("want 0 to 1");
    expect(() => k.treeGrow({ ...options, maxFeatures: 0 })).toThrow("maxFeatures");
    expect(() => k.treeGrow({ ...options, nodes: options.nodes.subarray(0, 100) })).toThrow("nodes has 100 numbers");
    expect(() => k.treeGrow({ ...options, scratch: options.scratch.subarray(0, 9) })).toThrow("scratch has 9 numbers");
  });
});

test("the logistic gradients are right to float32", () => {
  const k = kernels({ bytes: 65536 });
  const [scores, targets, weights, gradients] = [k.float64(400), k.float32(400), k.float32(400), k.float32(800)];
  for (let i = 0; i < 400; i++) {
    scores[i] = (i - 200) / 5;
    targets[i] = i % 2;
    weights[i] = 1 + (i % 3);
  }
  k.treeLogistic(scores, targets, weights, gradients);
  for (let i = 0; i < 400; i++) {
    const p = 1 / (1 + Math.exp(-scores[i]!));
    const [g, h] = [weights[i]! * (p - targets[i]!), weights[i]! * p * (1 - p)];
    expect(Math.abs(gradients[2 * i]! - g)).toBeLessThanOrEqual(1e-7 * Math.abs(g) + 1e-9);
    expect(Math.abs(gradients[2 * i + 1]! - h)).toBeLessThanOrEqual(1e-7 * h + 1e-9);
  }
});

test("what is refused", async () => {
  const k = kernels({ bytes: 400_000 });
  const { options } = setUp(k, mixed, {}, 1);
  const refused = (over: Partial<TreeSplitsOptions>): MmubError => {
    const one = { ...options, leaves: options.leaves.subarray(0, 5), splits: options.splits.subarray(0, 40), ...over };
    try {
      k.treeSplits(one);
    } catch (error) {
      if (MmubError.is(error)) return error;
    }
    throw new Error("not refused");
  };
  expect(refused({ to: 10 }).message).toContain("to is number 10, want a whole number to 9");
  expect(refused({ small: options.small.subarray(0, 100) })).toMatchObject({
    code: "invalid-input",
    index: 0,
  });
  expect(refused({ scratch: options.scratch.subarray(0, 2200) }).message).toContain(
    "2176 and one for each of 120 rows",
  );
  expect(refused({ gradients: options.gradients.subarray(0, 10) }).code).toBe("shape-mismatch");
  options.rows[3] = 150;
  expect(refused({})).toMatchObject({ code: "invalid-input", index: 3 });
  await expect(k.lanes(2)).rejects.toThrow("shared is false, want true");
});
