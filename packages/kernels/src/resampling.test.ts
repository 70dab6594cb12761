import { random } from "@mmub/core";
import { expect, test } from "vitest";
import { fourierTables, type KernelBuild, kernels } from "./index.js";

const builds = (["simd", "relaxed-simd"] as const).filter((build) => {
  try {
    return kernels({ bytes: 0, build }).build === build;
  } catch {
    return false;
  }
});

function setUp(build: KernelBuild, seed: number) {
  const k = kernels({ bytes: 200_000, build });
  const r = random(seed);
  const noise = (length: number): Float32Array => {
    const view = k.float32(length);
    for (let i = 0; i < length; i++) view[i] = r.normal();
    return view;
  };
  return { k, noise };
}

function halved(build: KernelBuild, n: number, pairs: number) {
  const { k, noise } = setUp(build, n);
  const [x, taps, out] = [noise(2 * n + 4 * pairs - 3), noise(pairs + 1), k.float32(n)];
  k.halveRate(out, x, taps, k.float32(n + 2 * pairs + 2));
  return { x, taps, out };
}

interface Case {
  readonly sizeIn: number;
  readonly sizeOut: number;
  readonly half: number;
  readonly advance: number;
  readonly pairs: number;
}

function resampled(build: KernelBuild, of: Case) {
  const { sizeIn, sizeOut, advance, pairs } = of;
  const { k, noise } = setUp(build, sizeIn + pairs);
  const tables = (size: number) => {
    const { radices, twiddles } = fourierTables(size)!;
    const views = { radices: k.int32(radices.length), twiddles: k.float32(twiddles.length) };
    views.radices.set(radices);
    views.twiddles.set(twiddles);
    return views;
  };
  const advanceOut = (advance * sizeOut) / sizeIn;
  const x = noise((2 * pairs - 1) * advance + sizeIn);
  const [gains, out] = [noise(Math.min(sizeIn, sizeOut) >> 1), k.float32(2 * pairs * advanceOut)];
  const scratch = k.float32(16 * Math.max(sizeIn, sizeOut));
  const options = { ...of, advanceOut, tablesIn: tables(sizeIn), tablesOut: tables(sizeOut), gains, scratch };
  k.resampleBlocks(out, x, options);
  return { k, x, gains, out, options };
}

const cases: Case[] = [
  ...[1, 2, 3, 4].map((pairs) => ({ sizeIn: 24, sizeOut: 16, half: 4, advance: 15, pairs })),
  { sizeIn: 16, sizeOut: 40, half: 1, advance: 14, pairs: 4 },
  { sizeIn: 49, sizeOut: 35, half: 10, advance: 28, pairs: 3 },
  { sizeIn: 882, sizeOut: 640, half: 100, advance: 441, pairs: 4 },
];

test.each(builds)("%s halves rates with the bits of the twin", (build) => {
  for (const n of [0, 1, 4, 15, 16, 17, 50])
    for (const pairs of [1, 2, 13]) expect(halved(build, n, pairs).out).toEqual(halved("scalar", n, pairs).out);
});

test.each(builds.flatMap((build) => cases.map((of) => [build, of] as const)))(
  "%s resamples with the bits of the twin: %j",
  (build, of) => expect(resampled(build, of).out).toEqual(resampled("scalar", of).out),
);

test("the half-band filter is that of the definition", () => {
  const { x, taps, out } = halved("scalar", 20, 3);
  for (let i = 0; i < 20; i++) {
    const center = 2 * i + 5;
    let want = taps[0]! * x[center]!;
    for (let p = 1; p <= 3; p++) want += taps[p]! * (x[center - 2 * p + 1]! + x[center + 2 * p - 1]!);
    expect(out[i]).toBeCloseTo(want, 5);
  }
});

test.each(cases)("a block is its spectrum times the gains, at the other rate: %j", (of) => {
  const { x, gains, out, options } = resampled("scalar", of);
  const { sizeIn, sizeOut, half, advance, advanceOut } = options;
  for (let block = 0; block < 2 * of.pairs; block++)
    for (let o = 0; o < advanceOut; o += 1 + (advanceOut >> 3)) {
      let want = 0;
      for (let i = 0; i < sizeIn; i++) {
        // The response of the gains at output o to sample i, which stands i - half samples behind the first output.
        let response = gains[0]!;
        for (let bin = 1; bin < gains.length; bin++)
          response += 2 * gains[bin]! * Math.cos(2 * Math.PI * bin * (o / sizeOut - (i - half) / sizeIn));
        want += x[block * advance + i]! * response;
      }
      expect(Math.abs(out[block * advanceOut + o]! - want)).toBeLessThan(1e-6 * sizeIn * Math.sqrt(sizeIn) + 2e-3);
    }
});

test("what does not fit is refused", () => {
  const { k, x, out, options } = resampled("scalar", cases[0]!);
  for (const [bad, message] of [
    [{ pairs: 5 }, /pairs is number 5, want 1, 2, 3 or 4/],
    [{ sizeIn: 25 }, /sizeIn is number 25, want the size of the tables, 24/],
    [{ advance: 18 }, /advance is number 18, want a whole number up to sizeIn - 2 half = 16/],
    [{ advanceOut: 9 }, /advanceOut is number 9, want advance \* sizeOut \/ sizeIn = 10/],
    [{ pairs: 2 }, /x has 39 numbers, want at least 69/],
    [{ scratch: k.float32(8) }, /scratch has 8 numbers, want at least 384/],
  ] as const)
    expect(() => k.resampleBlocks(out, x, { ...options, ...bad })).toThrow(message);
  expect(() => k.halveRate(out, x, k.float32(9), k.float32(99))).toThrow(/x has 39 numbers, want at least 69/);
  expect([0, 11, 4.5, 2 ** 21].map(fourierTables)).toEqual([undefined, undefined, undefined, undefined]);
});
