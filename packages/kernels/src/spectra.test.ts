import { random } from "@mmub/core";
import { expect, test } from "vitest";
import { type KernelBuild, kernels, type SpectraOptions, spectraTables } from "./index.js";

const builds = (["simd", "relaxed-simd"] as const).filter((build) => {
  try {
    return kernels({ bytes: 0, build }).build === build;
  } catch {
    return false;
  }
});

interface Case {
  readonly size: number;
  readonly frames?: number;
  readonly hop?: number;
  readonly windowLength?: number;
  readonly kind?: SpectraOptions["kind"];
  readonly ranges?: readonly number[];
  readonly wild?: boolean;
}

/** The samples, window and rows of a case on one build. */
function run(build: KernelBuild, of: Case) {
  const { size, frames = 6, hop = 3, windowLength = size, kind = "power", ranges, wild = false } = of;
  const r = random(size + frames);
  const k = kernels({ bytes: 4 * (40 * size + 4000), build });
  const fill = (length: number) => {
    const view = k.float32(length);
    for (let i = 0; i < length; i++)
      view[i] = wild && r.next() < 0.01 ? [1e38, 1e-40, -1e30][r.integer(3)]! : r.normal();
    return view;
  };
  const tables = spectraTables(size)!;
  const [radices, twiddles] = [k.int32(tables.radices.length), k.float32(tables.twiddles.length)];
  radices.set(tables.radices);
  twiddles.set(tables.twiddles);
  const margin = (size - windowLength) >> 1;
  const samples = fill((frames - 1) * hop + size);
  const window = fill(windowLength);
  const list = ranges && k.int32(ranges.length);
  list?.set(ranges!);
  const filters = list && { ranges: list, weights: fill(ranges!.reduce((sum, n, i) => sum + (i % 2 ? n : 0), 0)) };
  const cols = ranges ? ranges.length / 2 : kind === "complex" ? size + 2 : size / 2 + 1;
  const out = k.float32(frames * cols);
  const scratch = k.float32(8 * (size + 2) + 4 * cols);
  k.spectra(out, samples, {
    ...{ frames, hop, size, window, margin, kind, scratch },
    ...{ tables: { radices, twiddles }, ...(filters && { filters }) },
  });
  return { samples, window, margin, filters, out, cols };
}

const sizes = [4, 6, 8, 10, 12, 16, 20, 24, 30, 32, 36, 48, 50, 60, 64, 90, 98, 100, 126, 128, 250, 256, 400, 512];
const cases: Case[] = [
  ...sizes.map((size) => ({ size })),
  ...[1, 2, 3, 4, 5, 7].map((frames) => ({ size: 16, frames })),
  ...[1, 2, 5, 13, 15].map((windowLength) => ({ size: 16, windowLength })),
  ...(["complex", "magnitude"] as const).map((kind) => ({ size: 60, kind })),
  { size: 64, hop: 0 },
  { size: 64, hop: 200 },
  { size: 64, ranges: [0, 0, 0, 1, 3, 2, 4, 5, 0, 33, 32, 1] },
  { size: 64, ranges: [1, 7], kind: "magnitude" },
  { size: 120, wild: true, frames: 9 },
];

test.each(builds.flatMap((build) => cases.map((of) => [build, of] as const)))(
  "%s gives the bits of the twin: %j",
  (build, of) => {
    const [got, want] = [run(build, of).out, run("scalar", of).out];
    for (const [i, value] of want.entries())
      if (!Object.is(got[i], value)) expect.fail(`number ${i} is ${got[i]}, want ${value}`);
  },
);

test.each(sizes)("the spectrum of %i samples is that of the definition", (size) => {
  const { samples, window, out, cols } = run("scalar", { size, kind: "complex" });
  let [error, largest] = [0, 0];
  for (let frame = 0; frame < 6; frame++)
    for (let bin = 0; bin <= size / 2; bin++) {
      let [re, im] = [0, 0];
      for (let i = 0; i < size; i++) {
        const angle = (2 * Math.PI * ((i * bin) % size)) / size;
        re += samples[3 * frame + i]! * window[i]! * Math.cos(angle);
        im -= samples[3 * frame + i]! * window[i]! * Math.sin(angle);
      }
      error = Math.max(error, Math.hypot(out[frame * cols + 2 * bin]! - re, out[frame * cols + 2 * bin + 1]! - im));
      largest = Math.max(largest, Math.hypot(re, im));
    }
  expect(error).toBeLessThan(4e-7 * largest);
});

test("power, magnitude and filters are of the complex spectrum", () => {
  const size = 60;
  const complex = run("scalar", { size, kind: "complex" }).out;
  const ranges = [0, 31, 4, 3];
  const [power, magnitude] = (["power", "magnitude"] as const).map((kind) => run("scalar", { size, kind }).out);
  const summed = run("scalar", { size, ranges });
  for (let i = 0; i < 6 * 31; i++) {
    expect(power![i]).toBeCloseTo(complex[2 * i]! ** 2 + complex[2 * i + 1]! ** 2, 2);
    expect(magnitude![i]).toBeCloseTo(Math.sqrt(power![i]!), 4);
  }
  const { weights } = summed.filters!;
  for (let frame = 0; frame < 6; frame++) {
    const bins = power!.subarray(31 * frame);
    const all = weights.subarray(0, 31).reduce((sum, weight, bin) => sum + weight * bins[bin]!, 0);
    expect(Math.abs(summed.out[2 * frame]! - all)).toBeLessThan(1e-5 * bins.subarray(0, 31).reduce((a, b) => a + b));
  }
});

test("logarithms: the bits of the twin, and those of the definition", () => {
  const special = [0, -0, -1, 1, 2, 0.5, Math.SQRT2, 1.4142137, 1e-45, 3.4e38, Infinity, -Infinity, Number.NaN, 1e-10];
  const r = random(4);
  const values = Float32Array.from([...special, ...Array.from({ length: 999 }, () => Math.exp(80 * r.next() - 40))]);
  const [least, factor] = [Math.fround(1e-10), Math.fround(10 * Math.log10(2))];
  const results = (["scalar", ...builds] as const).map((build) => {
    const k = kernels({ bytes: 8192, build });
    const x = k.float32(values.length);
    x.set(values);
    const largest = k.logarithms(x, { least, factor });
    return [...x, largest, k.logarithms(x.subarray(0, 0), { least, factor })];
  });
  for (const result of results) expect(result).toEqual(results[0]);
  for (const [i, value] of values.entries())
    if (Number.isFinite(value)) {
      const want = factor * Math.log2(Math.max(value, least));
      expect(Math.abs(results[0]![i]! - want)).toBeLessThanOrEqual(3e-7 * Math.max(factor, Math.abs(want)));
    }
  expect(results[0]![12]).toBeNaN();
  expect(results[0]!.slice(values.length)).toEqual([
    Math.max(...results[0]!.slice(0, values.length).filter((x) => !Number.isNaN(x))),
    Number.NEGATIVE_INFINITY,
  ]);
});

test("what the transform does not take is refused", () => {
  expect([0, 2, 3, 7, 26, 402, 22, 4.5, 2 ** 21].map(spectraTables)).toEqual(Array(9).fill(undefined));
  const k = kernels({ bytes: 20_000 });
  const tables = spectraTables(16)!;
  const [radices, twiddles] = [k.int32(tables.radices.length), k.float32(tables.twiddles.length)];
  radices.set(tables.radices);
  twiddles.set(tables.twiddles);
  const good = {
    frames: 2,
    hop: 4,
    size: 16,
    tables: { radices, twiddles },
    window: k.float32(16),
    scratch: k.float32(200),
  };
  const [out, samples, filters] = [k.float32(18), k.float32(20), { ranges: k.int32(2), weights: k.float32(3) }];
  k.spectra(out, samples, good);
  filters.ranges.set([7, 3]);
  const bad: [Partial<SpectraOptions>, RegExp][] = [
    [{ size: 18 }, /size is number 18, want the size of the tables, 16/],
    [{ hop: 5 }, /samples has 20 numbers, want at least 21/],
    [{ margin: 1 }, /margin is number 1, want at most 0/],
    [{ frames: 1 }, /out has 18 numbers, want 9/],
    [{ scratch: k.float32(100) }, /scratch has 100 numbers, want at least 144/],
    [{ filters }, /filter 0 weighs 3 bins from 7 on, want some of the 9/],
    [{ filters, kind: "complex" }, /kind is string "complex", want "magnitude" or "power", with filters/],
    [{ tables }, /radices is .* in another memory|radices is Int32Array/],
  ];
  for (const [options, message] of bad) expect(() => k.spectra(out, samples, { ...good, ...options })).toThrow(message);
  expect(() => k.logarithms(samples, { least: 0, factor: 1 })).toThrow(/least is number 0/);
});
