import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nearestMean, sideBySide, spread } from "../fixtures/parts.js";
import {
  checkSaved,
  decodeSaved,
  encodeSaved,
  loadFile,
  MmubError,
  pipeline,
  random,
  type Saved,
  savedArray,
  saveFile,
  verifyFile,
} from "./index.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mmub-saved-"));
});
afterAll(() => rm(folder, { recursive: true }));

const recipe = pipeline({
  modalities: { taste: spread(), visits: spread() },
  fuser: sideBySide(),
  model: nearestMean<string>(),
});
const samples = [{ taste: [5, 6], visits: [9] }, { taste: [1] }, { taste: [4, 4], visits: [8, 8] }, { visits: [0] }];
const fit = () => recipe.fit(samples, ["buy", "leave", "buy", "leave"]);

const saved: Saved = {
  type: "@example/part",
  version: 2,
  params: { a: [1, null, true, "ü"], b: { c: -0.5 } },
  state: { "": "empty key", text: "\u0000\ud800 lone" },
  arrays: {
    bytes: Uint8Array.of(1, 2, 3),
    short: Int16Array.of(-5),
    wide: Float64Array.of(Math.PI, Number.NaN, -0),
    words: Uint32Array.of(4_000_000_000),
    none: new Float32Array(0),
    "a/b/c": Int8Array.of(3),
  },
  parts: {
    "a/b": { type: "x", version: 1, params: null, state: null, arrays: { c: Int8Array.of(-1) } },
    a: {
      type: "y",
      version: 1,
      params: null,
      state: null,
      parts: { b: { type: "z", version: 1, params: null, state: null, arrays: { c: Int32Array.of(7) } } },
    },
  },
};

describe("bytes", () => {
  test("come back as they were", () => expect(decodeSaved(encodeSaved(saved))).toEqual(saved));

  test("a view into a larger buffer is saved alone", () => {
    const array = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
    expect(decodeSaved(encodeSaved({ ...saved, arrays: { array } })).arrays).toEqual({ array: Float32Array.of(1, 2) });
  });

  test("are a safetensors file: a length, a JSON manifest, then the arrays without holes", () => {
    const bytes = encodeSaved(saved);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const { __metadata__, ...tensors } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    expect(Object.values(__metadata__).every((value) => typeof value === "string")).toBe(true);
    let at = 0;
    for (const { dtype, shape, data_offsets } of Object.values<{
      dtype: string;
      shape: number[];
      data_offsets: number[];
    }>(tensors)) {
      const width = Number(dtype.slice(1)) / 8;
      expect(data_offsets).toEqual([at, at + width * shape[0]!]);
      expect(data_offsets[0]! % width).toBe(0);
      at = data_offsets[1]!;
    }
    expect(8 + length + at).toBe(bytes.length);
    expect(length % 8).toBe(0);
  });

  test("1,000 single-bit flips are all refused", async () => {
    const bytes = encodeSaved(await (await fit()).save());
    const numbers = random(1);
    for (let flip = 0; flip < 1000; flip++) {
      // The first 100 hit the length and the checksum, the rest any place.
      const at = flip < 100 ? flip : numbers.integer(bytes.length);
      const bad = bytes.slice();
      bad[at]! ^= 1 << numbers.integer(8);
      expect(
        refusal(() => decodeSaved(bad)),
        `bit of byte ${at}`,
      ).toBe("saved-mismatch");
    }
  });

  test("200 truncations and an appended byte are all refused", async () => {
    const bytes = encodeSaved(await (await fit()).save());
    const numbers = random(2);
    const lengths = [
      0,
      1,
      7,
      8,
      9,
      bytes.length - 1,
      ...Array.from({ length: 194 }, () => numbers.integer(bytes.length)),
    ];
    for (const length of lengths) expect(refusal(() => decodeSaved(bytes.subarray(0, length)))).toBe("saved-mismatch");
    expect(refusal(() => decodeSaved(new Uint8Array([...bytes, 0])))).toBe("saved-mismatch");
  });

  test("of a newer format are refused with what to do", () => {
    const text = Buffer.from(encodeSaved(saved)).toString("latin1").replace('\\"format\\":1', '\\"format\\":9');
    const bytes = Buffer.from(text, "latin1");
    expect(refusal(() => decodeSaved(bytes))).toBe("saved-mismatch");
  });

  test("same fit, same bytes, also in another process", async () => {
    const bytes = encodeSaved(await (await fit()).save());
    expect(encodeSaved(await (await fit()).save())).toEqual(bytes);
    const child = run("print-saved.ts");
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    await once(child, "close");
    expect(Buffer.concat(chunks).toString()).toBe(Buffer.from(bytes).toString("base64"));
  });
});

test("a file saved by the first release still loads and predicts the same", async () => {
  const path = fileURLToPath(new URL("../fixtures/pipeline-0.mmub", import.meta.url));
  expect(await verifyFile(path, recipe)).toEqual({ inputs: 4, maxDifference: 0 });
});

describe("files", () => {
  test("are written and read back", async () => {
    const [path, fitted] = [join(folder, "shop.mmub"), await fit()];
    await saveFile(path, fitted);
    expect(await (await loadFile(path, recipe)).predict(samples)).toEqual(await fitted.predict(samples));
    expect(await readdir(folder)).toEqual(["shop.mmub"]);
  });

  test("prove that another machine predicts the same", async () => {
    const path = join(folder, "golden.mmub");
    await saveFile(path, await fit(), { golden: samples });
    expect(await verifyFile(path, recipe)).toEqual({ inputs: 4, maxDifference: 0 });

    // A machine that computes otherwise: the recipe's model is another.
    const model = nearestMean<string>();
    const other: typeof model = {
      ...model,
      async load(saved) {
        const good = await model.load(saved);
        return {
          ...good,
          async predict(x, options) {
            const output = await good.predict(x, options);
            output.probabilities.data[0]! -= 0.25;
            return output;
          },
        };
      },
    };
    const changed = pipeline({ modalities: { taste: spread(), visits: spread() }, fuser: sideBySide(), model: other });
    await expect(verifyFile(path, changed)).rejects.toMatchObject({
      code: "saved-mismatch",
      details: { maxDifference: 0.25 },
    });
    expect((await verifyFile(path, changed, { tolerance: 0.3 })).maxDifference).toBe(0.25);
  });

  test("golden inputs keep bytes, dates and holes", async () => {
    const path = join(folder, "values.mmub");
    const inputs = [
      { photo: Buffer.from("jpeg"), at: new Date(5), gap: undefined, nan: Number.NaN, $: "dollar" },
      null,
      "text",
    ];
    const seen: unknown[] = [];
    const echo = {
      save: async () => ({ type: "@example/echo", version: 1, params: null, state: null }),
      predict: async (inputs: readonly unknown[]) => {
        seen.push(inputs);
        return inputs.length;
      },
    };
    await saveFile(path, echo, { golden: inputs });
    await verifyFile(path, { type: "@example/echo", params: null, load: async () => echo });
    expect(seen[1]).toEqual([{ ...(inputs[0] as object), photo: new Uint8Array(Buffer.from("jpeg")) }, null, "text"]);
  });

  test("without golden inputs cannot be verified, and one that is not there cannot be read", async () => {
    await saveFile(join(folder, "plain.mmub"), await fit());
    await expect(verifyFile(join(folder, "plain.mmub"), recipe)).rejects.toMatchObject({ code: "saved-mismatch" });
    await expect(loadFile(join(folder, "nowhere.mmub"), recipe)).rejects.toMatchObject({ code: "saved-mismatch" });
    await writeFile(
      join(folder, "text.mmub"),
      "a text file that is long enough to hold a checksum, but does not ".repeat(9),
    );
    await expect(loadFile(join(folder, "text.mmub"), recipe)).rejects.toMatchObject({ code: "saved-mismatch" });
  });

  test("a save that fails leaves the old file whole and nothing beside it", async () => {
    const path = join(folder, "kept.mmub");
    await saveFile(path, await fit());
    const before = await readFile(path);
    const failing = {
      save: async () => {
        throw new Error("disk of the part is full");
      },
    };
    await expect(saveFile(path, failing)).rejects.toThrow("disk of the part is full");
    await expect(saveFile(join(folder, "no/such/folder/x.mmub"), await fit())).rejects.toThrow(/ENOENT/);
    expect(await readFile(path)).toEqual(before);
    expect((await readdir(folder)).filter((name) => name.includes(".tmp"))).toEqual([]);
  });

  test("a process killed while it saves leaves the old file or the new one, whole: 20 kills", async () => {
    const path = join(folder, "killed", "large.mmub");
    await rm(join(folder, "killed"), { recursive: true, force: true });
    await (await import("node:fs/promises")).mkdir(join(folder, "killed"));
    const numbers = random(3);
    for (let kill = 0; kill < 20; kill++) {
      const child = run("save-for-ever.ts", path);
      await once(child.stdout, "data");
      await new Promise((resolve) => setTimeout(resolve, numbers.integer(60)));
      child.kill("SIGKILL");
      await once(child, "close");
      const { state, arrays } = decodeSaved(await readFile(path));
      const { round } = state as { round: number };
      expect((arrays!.content as Float64Array).every((value) => value === round % 2)).toBe(true);
    }
    // Half-written temporary files show that the kills did hit saves at work.
    expect((await readdir(join(folder, "killed"))).filter((name) => name.includes(".tmp")).length).toBeGreaterThan(0);
  });
});

describe("what a part checks when it loads", () => {
  const recipe = { type: "@example/part", params: { size: 3, names: ["a", "b"] } };
  const good: Saved = { ...recipe, version: 1, state: null, arrays: { weights: Float64Array.of(1, 2) } };

  test.each([
    [
      "another type",
      { ...good, type: "@example/other" },
      /saved by string "@example\/other", want @example\/part; load it with the recipe/,
    ],
    ["a newer version", { ...good, version: 2 }, /saved as version 2, this release reads up to 1/],
    ["another param", { ...good, params: { size: 4, names: ["a", "b"] } }, /param size was 4 when saved, is 3 here/],
    [
      "a param deep inside",
      { ...good, params: { size: 3, names: ["a", "c"] } },
      /param names\.1 was "c" when saved, is "b" here/,
    ],
    ["a param that is gone", { ...good, params: { size: 3 } }, /param names was undefined when saved/],
    ["nothing", undefined as never, /saved by undefined/],
  ])("%s is refused", (_, saved, message) => expect(() => checkSaved(saved, recipe, 1)).toThrow(message));

  test("what fits is given back", () => expect(checkSaved(good, recipe, 1)).toBe(good));

  test("an array of another type or length is refused", () => {
    expect(savedArray(good, "weights", Float64Array, 2)).toEqual(Float64Array.of(1, 2));
    expect(() => savedArray(good, "weights", Float32Array)).toThrow(
      /array "weights" is Float64Array of 2, want Float32Array/,
    );
    expect(() => savedArray(good, "weights", Float64Array, 3)).toThrow(/want Float64Array of 3/);
    expect(() => savedArray(good, "biases", Float64Array)).toThrow(/array "biases" is undefined/);
  });
});

function refusal(call: () => unknown): string {
  try {
    call();
    return "nothing was refused";
  } catch (error) {
    return MmubError.is(error) ? error.code : String(error);
  }
}

// A script of fixtures/ in a process of its own.
function run(script: string, ...args: string[]) {
  const path = fileURLToPath(new URL(`../fixtures/${script}`, import.meta.url));
  return spawn(process.execPath, ["--import", "tsx", path, ...args], { stdio: ["ignore", "pipe", "inherit"] });
}
