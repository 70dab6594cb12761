import { MmubError, random } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { type Kernels, kernels } from "./index.js";

const all = (k: Kernels, values: readonly number[]) => {
  const view = k.int32(values.length);
  view.set(values);
  return view;
};
const width = 8;
const options = { width, window: 3, negatives: 3, learningRate: 0.05, key: [1] };

/** Words of two topics of `words` / 2 words each; a sentence is of one topic. */
const setUp = (k: Kernels, words: number, sentences: number) => {
  const r = random(5);
  const tokens: number[] = [];
  for (let sentence = 0; sentence < sentences; sentence++) {
    const topic = sentence % 2;
    for (let i = 0; i < 12; i++) tokens.push((topic * words) / 2 + r.integer(words / 2));
    tokens.push(-1);
  }
  const [input, output] = [k.float32(words * width), k.float32(words * width)];
  for (let i = 0; i < input.length; i++) input[i] = (r.next() - 0.5) / width;
  const ones = () =>
    all(
      k,
      Array.from({ length: words }, () => -1),
    );
  const sampling = {
    keep: ones(),
    threshold: ones(),
    alias: all(
      k,
      Array.from({ length: words }, (_, i) => i),
    ),
  };
  return { tokens: all(k, tokens), input, output, sampling };
};

/** The mean cosine of two words of a topic less that of two words of different ones. */
const separation = (table: Float32Array, words: number): number => {
  const cosine = (a: number, b: number) => {
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = 0; i < width; i++) {
      const [x, y] = [table[a * width + i]!, table[b * width + i]!];
      [ab, aa, bb] = [ab + x * y, aa + x * x, bb + y * y];
    }
    return ab / Math.sqrt(aa * bb);
  };
  const [same, other] = [[] as number[], [] as number[]];
  for (let a = 0; a < words; a++)
    for (let b = 0; b < a; b++) (a < words / 2 === b < words / 2 ? same : other).push(cosine(a, b));
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return mean(same) - mean(other);
};

describe("one step is the formula in float64", () => {
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, x, i) => sum + x * b[i]!, 0);

  for (const kernel of ["skipGram", "cbow"] as const)
    test(kernel, () => {
      const k = kernels({ bytes: 1 << 16 });
      const { input, output, sampling } = setUp(k, 3, 0);
      for (let i = 0; i < output.length; i++) output[i] = Math.sin(i);
      // Word 2 is the only negative, and 0 1 the only sentence: 1 is learnt from 0, then 0 from 1.
      sampling.threshold.set([0, 0, -1]);
      sampling.alias.fill(2);
      const row = (table: ArrayLike<number>, word: number) => Array.from(table).slice(word * width, (word + 1) * width);
      const want = {
        input: Array.from({ length: 3 }, (_, i) => row(input, i)),
        output: [0, 1, 2].map((i) => row(output, i)),
      };
      for (const [from, middle] of [
        [1, 0],
        [0, 1],
      ] as const) {
        const old = [...want.input[from]!];
        const targets = [middle, 2];
        const slopes = targets.map((target, t) => 0.05 * ((t === 0 ? 1 : 0) - sigmoid(dot(old, want.output[target]!))));
        want.input[from] = old.map(
          (x, i) => x + slopes[0]! * want.output[middle]![i]! + slopes[1]! * want.output[2]![i]!,
        );
        for (const [t, target] of targets.entries())
          want.output[target] = want.output[target]!.map((y, i) => y + slopes[t]! * old[i]!);
      }
      const scratch = k.int32(100);
      expect(
        k[kernel](input, output, all(k, [0, 1, -1]), sampling, { ...options, window: 1, negatives: 1, scratch }),
      ).toBe(2);
      // The table of the logistic function is right to 1.5e-3 times the rate.
      for (const [i, value] of want.input.flat().entries()) expect(input[i]).toBeCloseTo(value, 3.8);
      for (const [i, value] of want.output.flat().entries()) expect(output[i]).toBeCloseTo(value, 3.8);
      expect(row(input, 0)).not.toEqual(want.input[2]);
    });

  test.each([true, false])("cbow of two words around, mean: %s", (mean) => {
    const k = kernels({ bytes: 1 << 16 });
    const { input, output, sampling } = setUp(k, 3, 0);
    for (let i = 0; i < output.length; i++) [input[i], output[i]] = [Math.cos(i), Math.sin(i)];
    const row = (table: ArrayLike<number>, word: number) => Array.from(table).slice(word * width, (word + 1) * width);
    const want = { input: [0, 1, 2].map((i) => row(input, i)), output: [0, 1, 2].map((i) => row(output, i)) };
    for (const middle of [0, 1, 2]) {
      const around = [0, 1, 2].filter((word) => word !== middle);
      const hidden = want.input[0]!.map(
        (_, i) => around.reduce((sum, word) => sum + want.input[word]![i]!, 0) * (mean ? 0.5 : 1),
      );
      const old = want.output[middle]!;
      const slope = 0.05 * (1 - sigmoid(dot(hidden, old)));
      want.output[middle] = old.map((y, i) => y + slope * hidden[i]!);
      for (const word of around)
        want.input[word] = want.input[word]!.map((x, i) => x + slope * old[i]! * (mean ? 1 : 0.5));
    }
    const call = { ...options, window: 2, shrinkWindow: false, negatives: 0, mean, scratch: k.int32(100) };
    expect(k.cbow(input, output, all(k, [0, 1, 2, -1]), sampling, call)).toBe(3);
    for (const [i, value] of want.input.flat().entries()) expect(input[i]).toBeCloseTo(value, 3.5);
    for (const [i, value] of want.output.flat().entries()) expect(output[i]).toBeCloseTo(value, 3.5);
  });

  test("beyond 6 nothing moves", () => {
    const k = kernels({ bytes: 1 << 16 });
    const { input, output, sampling } = setUp(k, 2, 0);
    input.fill(1);
    output.fill(0.8);
    k.skipGram(input, output, all(k, [0, 1, -1]), sampling, { ...options, scratch: k.int32(100) });
    expect(Array.from(input)).toEqual(Array.from(input, () => 1));
    output.fill(0.7);
    k.skipGram(input, output, all(k, [0, 1, -1]), sampling, { ...options, scratch: k.int32(100) });
    expect(input[0]).not.toBe(1);
  });

  test("glove", () => {
    const k = kernels({ bytes: 1 << 16 });
    const table = (shift: number) => {
      const values = k.float32(2 * 12).map((_, i) => Math.sin(i + shift) / 3);
      const view = k.float32(values.length);
      view.set(values);
      return { values: view, squares: k.float32(values.length).fill(1) };
    };
    const [input, output] = [table(0), table(0.5)];
    const [u, v] = [Array.from(input.values), Array.from(output.values)];
    const entries = {
      rows: all(k, [1]),
      columns: all(k, [0]),
      logs: k.float32(1).fill(2),
      weights: k.float32(1).fill(0.5),
    };
    const difference = dot(u.slice(12, 20), v.slice(0, 8)) + u[20]! + v[8]! - 2;
    const cost = k.glove(input, output, entries, { width: 12, learningRate: 0.1 });
    expect(cost).toBeCloseTo(0.5 * difference ** 2, 6);
    const rate = 0.1 * 0.5 * difference;
    for (let i = 0; i < 8; i++) {
      expect(input.values[12 + i]).toBeCloseTo(u[12 + i]! - rate * v[i]!, 6);
      expect(output.values[i]).toBeCloseTo(v[i]! - rate * u[12 + i]!, 6);
      expect(input.squares[12 + i]).toBeCloseTo(1 + (rate * v[i]!) ** 2, 6);
    }
    expect(input.values[20]).toBeCloseTo(u[20]! - rate, 6);
    expect(output.squares[8]).toBeCloseTo(1 + rate ** 2, 6);
    expect(Array.from(input.values.subarray(0, 12))).toEqual(u.slice(0, 12));
  });
});

describe("words of a topic come together", () => {
  for (const kernel of ["skipGram", "cbow"] as const)
    test(kernel, () => {
      const k = kernels({ bytes: 1 << 18 });
      const { tokens, input, output, sampling } = setUp(k, 20, 200);
      const scratch = k.int32(200);
      expect(separation(input, 20)).toBeLessThan(0.1);
      for (let epoch = 0; epoch < 20; epoch++)
        k[kernel](input, output, tokens, sampling, { ...options, scratch, key: [epoch] });
      expect(separation(input, 20)).toBeGreaterThan(0.5);
    });

  test("skipGram on two threads that write to one memory", async () => {
    const k = kernels({ bytes: 1 << 18, shared: true });
    expect(k.float32(1).buffer).toBeInstanceOf(SharedArrayBuffer);
    const { tokens, input, output, sampling } = setUp(k, 20, 200);
    const threads = await k.threads(2);
    expect(threads.count).toBe(2);
    const scratches = [k.int32(200), k.int32(200)];
    for (let epoch = 0; epoch < 20; epoch++) {
      const counts = scratches.map((scratch, half) => {
        const part = tokens.subarray((half * tokens.length) / 2, ((half + 1) * tokens.length) / 2);
        return threads.skipGram(input, output, part, sampling, { ...options, scratch, key: [epoch, half] });
      });
      expect(await Promise.all(counts)).toEqual([1200, 1200]);
    }
    await threads.end();
    expect(separation(input, 20)).toBeGreaterThan(0.5);
  });
});

test("one thread gives the bits that no thread gives, and the scalar build has them too", async () => {
  const [own, thread, scalar] = await Promise.all(
    [{ shared: false }, { shared: true }, { shared: true, build: "scalar" as const }].map(async (kind) => {
      const k = kernels({ bytes: 1 << 18, ...kind });
      const { tokens, input, output, sampling } = setUp(k, 20, 10);
      const call = { ...options, scratch: k.int32(200) };
      if (kind.shared) {
        const threads = await k.threads(1);
        await threads.cbow(input, output, tokens, sampling, call);
        await threads.end();
      } else k.cbow(input, output, tokens, sampling, call);
      return Array.from(input);
    }),
  );
  expect(thread).toEqual(own);
  expect(scalar).toEqual(own);
});

test("subsampling and the room for a sentence", () => {
  const k = kernels({ bytes: 1 << 18 });
  const { tokens, input, output, sampling } = setUp(k, 20, 100);
  const call = (length: number) =>
    k.skipGram(input, output, tokens, sampling, { ...options, scratch: k.int32(2 * width + 8 + length) });
  expect(call(3)).toBe(1200);
  sampling.keep.fill(2 ** 30); // a quarter
  expect(call(100)).toBeGreaterThan(200);
  expect(call(100)).toBeLessThan(400);
  sampling.keep.fill(0);
  expect(call(100)).toBe(0);
});

test("what is refused", async () => {
  const k = kernels({ bytes: 1 << 18 });
  const { tokens, input, output, sampling } = setUp(k, 20, 10);
  const scratch = k.int32(200);
  const refused = (over: object, ofSampling: object = {}): MmubError => {
    try {
      k.skipGram(input, output, tokens, { ...sampling, ...ofSampling }, { ...options, scratch, ...over });
    } catch (error) {
      if (MmubError.is(error)) return error;
    }
    throw new Error("not refused");
  };
  expect(refused({ width: 10 }).message).toContain("width is number 10, want a multiple of 4");
  expect(refused({ window: 0 }).code).toBe("invalid-params");
  expect(refused({ negatives: -1 }).code).toBe("invalid-params");
  expect(refused({ learningRate: Number.NaN }).code).toBe("invalid-params");
  expect(refused({ scratch: scratch.subarray(0, 25) }).message).toContain("scratch has 25 numbers");
  expect(refused({}, { keep: scratch.subarray(0, 19) }).message).toContain("keep has 19 numbers, want 20");
  expect(refused({}, { alias: sampling.alias.map((i) => i) }).message).toContain("in another memory");
  sampling.alias[4] = 20;
  expect(refused({})).toMatchObject({ code: "invalid-input", index: 4 });
  sampling.alias[4] = 0;
  tokens[7] = 20;
  expect(refused({})).toMatchObject({ code: "invalid-input", index: 7 });
  await expect(k.threads(2)).rejects.toThrow("shared is false, want true");
});
