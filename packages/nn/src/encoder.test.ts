import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FrozenModel, type OnnxFeed, onnxModel } from "./encoder.js";

const path = fileURLToPath(new URL("../fixtures/encoder.onnx", import.meta.url));
const bytes = readFileSync(path);
const feeds = {
  ids: { shape: [2, 3], data: [0, 1, 2, 2, 2, 0] },
  half: { shape: [2, 3], data: [0.1, 2, -3, 1e-7, 65504, 0] },
  flag: { shape: [2], data: Uint8Array.of(1, 0) },
} satisfies Record<string, OnnxFeed>;

for (const name of ["onnxruntime-node", "onnxruntime-web"] as const)
  describe(name, () => {
    let model: FrozenModel;
    beforeAll(async () => {
      model = await onnxModel(path, { package: name });
    });
    afterAll(() => model.dispose());

    test("tells what it is", () => {
      expect(model.runtime).toContain(name);
      expect(model.inputs).toEqual([
        { name: "ids", dtype: "int64", shape: ["batch", "steps"] },
        { name: "half", dtype: "float16", shape: ["batch", 3] },
        { name: "flag", dtype: "bool", shape: ["batch"] },
      ]);
      expect(model.outputs.map(({ name, dtype }) => `${name} ${dtype}`)).toEqual([
        "vectors float32",
        "doubled int64",
        "sum float16",
        "unflagged bool",
        "turned int64",
        "total float16",
      ]);
    });

    test("runs every type", async () => {
      expect(await model.run(feeds, { outputs: ["vectors", "doubled", "sum", "unflagged"] })).toEqual({
        vectors: {
          dtype: "float32",
          shape: [2, 3, 2],
          data: Float32Array.of(0, 1, 10, 11, 20, 21, 20, 21, 20, 21, 0, 1),
        },
        doubled: { dtype: "int64", shape: [2, 3], data: BigInt64Array.of(0n, 2n, 4n, 4n, 4n, 0n) },
        sum: {
          dtype: "float16",
          shape: [2, 3],
          data: Float32Array.of(0.199951171875, 4, -6, 2.384185791015625e-7, Number.POSITIVE_INFINITY, 0),
        },
        unflagged: { dtype: "bool", shape: [2], data: Uint8Array.of(0, 1) },
      });
    });

    test("takes ids as any numbers", async () => {
      const want = (await model.run(feeds)).vectors;
      for (const array of [Int32Array, Float64Array, BigInt64Array]) {
        const data = (array as Int32ArrayConstructor).from(
          feeds.ids.data as never[],
          (array === (BigInt64Array as never) ? BigInt : Number) as never,
        );
        expect((await model.run({ ...feeds, ids: { shape: [2, 3], data } })).vectors).toEqual(want);
      }
    });

    test("batches give what one run gives, and tell how far they are", async () => {
      const outputs = ["vectors", "doubled", "sum", "unflagged"];
      const want = await model.run(feeds, { outputs });
      const done: unknown[] = [];
      const onProgress = ({ done: rows, total }: { done: number; total?: number }) => done.push([rows, total]);
      expect(await model.runRows(feeds, { outputs, batchSize: 1, onProgress })).toEqual(want);
      expect(done).toEqual([
        [1, 2],
        [2, 2],
      ]);
      expect(await model.runRows(feeds, { outputs })).toEqual(want);
    });

    test("abort rejects with the signal's reason", async () => {
      const reason = new Error("enough");
      await expect(model.runRows(feeds, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    });

    const wrong: [string, Record<string, OnnxFeed>, string][] = [
      ["a missing input", { ids: feeds.ids, half: feeds.half }, 'input "flag" is missing, want bool [batch]'],
      ["an unknown one", { ...feeds, mask: feeds.flag }, 'there is no input "mask", want ids, half, flag'],
      [
        "another width",
        { ...feeds, half: { shape: [3, 2], data: feeds.half.data } },
        'input "half" is [3, 2], want float16 [batch, 3]',
      ],
      [
        "an axis too few",
        { ...feeds, ids: { shape: [6], data: feeds.ids.data } },
        'input "ids" is [6], want int64 [batch, steps]',
      ],
      ["a number too few", { ...feeds, ids: { shape: [2, 3], data: [1] } }, 'input "ids" has 1 numbers for [2, 3]'],
      [
        "half an id",
        { ...feeds, ids: { shape: [2, 3], data: [0, 1, 0.5, 0, 0, 0] } },
        'input "ids" is 0.5 at 2, want whole numbers for int64',
      ],
    ];
    for (const [title, given, message] of wrong)
      test(`refuses ${title}`, async () => {
        await expect(model.run(given)).rejects.toThrow(`nn/onnxModel: ${message}`);
        await expect(model.runRows(given)).rejects.toThrow(`nn/onnxModel: ${message}`);
      });

    test("refuses an id outside of the table, with the runtime's reason", async () => {
      const outside = { shape: [2, 3], data: [0, 1, 3, 0, 0, 0] };
      await expect(model.run({ ...feeds, ids: outside })).rejects.toThrow(/nn\/onnxModel: the run failed: .*Gather/s);
    });

    test("refuses an unknown output", async () => {
      await expect(model.run(feeds, { outputs: ["vector"] })).rejects.toThrow(
        'nn/onnxModel: there is no output "vector", want one of vectors, doubled, sum, unflagged, turned, total',
      );
    });

    test("refuses inputs of different rows", async () => {
      const flag = { shape: [3], data: [1, 0, 1] };
      await expect(model.runRows({ ...feeds, flag })).rejects.toThrow(
        'nn/onnxModel: input "flag" is [3], want 2 rows as "ids" has',
      );
    });

    test("refuses to batch outputs that are not one row for each row", async () => {
      await expect(model.runRows(feeds, { outputs: ["turned"], batchSize: 1 })).rejects.toThrow(
        'nn/onnxModel: output "turned" is [3, 1] for 1 rows, want one for each; use run',
      );
    });

    test("takes bytes as well", async () => {
      const other = await onnxModel(bytes, { package: name, threads: 2 });
      expect((await other.run(feeds)).vectors).toEqual((await model.run(feeds)).vectors);
      await other.dispose();
    });

    test("refuses what is no model", async () => {
      await expect(onnxModel(bytes.subarray(0, 100), { package: name })).rejects.toThrow(
        "nn/onnxModel: 100 bytes could not be loaded as an ONNX model: ",
      );
      await expect(onnxModel("/no/such/model.onnx", { package: name })).rejects.toThrow(
        expect.objectContaining({
          code: "missing-model",
          message: expect.stringContaining("cannot read /no/such/model.onnx"),
        }),
      );
    });
  });

test("refuses a source that is none", async () => {
  await expect(onnxModel(3 as never)).rejects.toThrow("nn/onnxModel: source is number 3, want a path or bytes");
});
