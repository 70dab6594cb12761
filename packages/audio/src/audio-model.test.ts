import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeSaved, encodeSaved, type FittedExtractor, textFrom, vector } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import { dense, network, onSteps, toOnnx } from "@mmub/nn";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { type AudioEncoderParams, audioEncoder } from "./audio-encoder.js";
import type { AudioInput } from "./audio-input.js";
import { trainNgrams } from "./language-model.js";
import { mfcc } from "./mfcc.js";
import { type SpeechRecognizerParams, speechRecognizer } from "./speech-recognizer.js";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/audio-model/${name}`, import.meta.url));
const golden = JSON.parse(readFileSync(fixture("golden.json"), "utf8")) as Record<"mean" | "std", number[]> & {
  readonly logits: readonly (readonly number[])[];
};
const model = fixture("tones.onnx");
const labels = ["", " ", "a", "b", "c"];
const scratch = mkdtempSync(join(tmpdir(), "mmub-audio-"));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A tone of 20 ms for each label, silence for the blank; as make_audio_model.py makes it. */
function said(tones: readonly number[], rate = 16_000) {
  const samples = new Float32Array((rate / 50) * tones.length);
  for (let i = 0; i < samples.length; i++) {
    const tone = tones[Math.floor((i * 50) / rate)]!;
    if (tone > 0) samples[i] = Math.sin((2 * Math.PI * 500 * tone * i) / rate);
  }
  return { samples, sampleRateHz: rate };
}

const clip = said([0, 1, 1, 0, 2, 3, 3, 0, 4, 4, 0, 1]);
const inputs: (AudioInput | null)[] = [clip, said([2, 0, 2]), null, said([4, 4, 3]), said([3, 0, 1, 2], 8000)];
const open: FittedExtractor<AudioInput>[] = [];
afterEach(async () => {
  for (const fitted of open.splice(0)) await fitted.dispose?.();
});
const encode = async (params: Partial<AudioEncoderParams> = {}) => {
  const fitted = await audioEncoder({ model, ...params } as AudioEncoderParams & { pooling: "mean" }).fit([]);
  open.push(fitted);
  return fitted;
};

describe.each<Partial<AudioEncoderParams>>([
  {},
  { pooling: "none", normalize: true },
  { pooling: "meanstd", standardize: true },
  { pooling: "model", model: fixture("one-vector.onnx") },
  { pooling: "max", cache: join(scratch, "kit"), model: readFileSync(model) },
])("conformance of audioEncoder: %o", (params) => {
  const make = () => audioEncoder({ model, ...params } as AudioEncoderParams & { pooling: "mean" });
  for (const check of extractorChecks({ make, inputs })) test(check.name, check.run);
});

describe("audioEncoder", () => {
  test("gives onnxruntime's numbers, pooled", async () => {
    const steps = await (await encode({ pooling: "none" })).transform([clip]);
    expect(steps).toMatchObject({ layout: "sequence", cols: 5, offsets: Uint32Array.of(0, 12) });
    for (const [i, value] of golden.logits.flat().entries()) expect(steps.data[i]).toBeCloseTo(value, 3);
    const { data } = await (await encode({ pooling: "meanstd" })).transform([clip]);
    for (const [i, value] of [...golden.mean, ...golden.std].entries()) expect(data[i]).toBeCloseTo(value, 3);
    const own = await (await encode({ pooling: "model", model: fixture("one-vector.onnx") })).transform([clip]);
    for (const [i, value] of golden.mean.entries()) expect(own.data[i]).toBeCloseTo(value, 3);
  });

  test("takes frames, and models made for one length", async () => {
    const features = mfcc({ output: "frames", coefficients: 3, fftSize: 512, hopLength: 160, mels: 20 });
    const net = network(
      { x: { kind: "steps", cols: 3 } },
      (scope, { x }) => onSteps(dense({ units: 2 }))(scope, x).values,
    );
    const weights = { "dense/weight": Float32Array.of(1, 0, 0, 0, 1, 1), "dense/bias": Float32Array.of(0, 1) };
    const fitted = await encode({ model: toOnnx(net, weights, { lengths: { x: 60 } }), features, pooling: "none" });
    const frames = await (await features.fit([])).transform([clip, inputs[1]!]);
    const { data, offsets } = (await fitted.transform([clip, inputs[1]!])) as unknown as typeof frames;
    expect(offsets).toEqual(frames.offsets);
    for (let step = 0; step < offsets[2]!; step++) {
      const [a, b, c] = frames.data.subarray(3 * step);
      expect(data[2 * step]).toBeCloseTo(a!, 2);
      expect(data[2 * step + 1]).toBeCloseTo(b! + c! + 1, 2);
    }
    const long = { samples: new Float32Array(16_000), sampleRateHz: 16_000 };
    await expect(fitted.transform([clip, long])).rejects.toMatchObject({
      code: "invalid-input",
      index: 1,
      message: expect.stringContaining("want a recording of at most 60 frames"),
    });
  });

  test("keeps what it has computed", async () => {
    const cache = join(scratch, "kept");
    const first = await (await encode({ cache })).transform(inputs);
    const again = await encode({ cache });
    expect(await again.transform(inputs)).toEqual(first);
  });

  test("refuses models that take or give something else", async () => {
    const fails = (params: Partial<AudioEncoderParams>, code: string, message: string) =>
      expect(
        audioEncoder({ model, ...params } as AudioEncoderParams & { pooling: "mean" }).fit([]),
      ).rejects.toMatchObject({
        code,
        message: expect.stringContaining(message),
      });
    await fails({ model: "nowhere.onnx" }, "missing-model", "cannot read the model");
    await fails({ model: fixture("stateful.onnx") }, "invalid-input", 'the model takes "state" too');
    await fails({ pooling: "model" }, "invalid-input", 'output "logits" has steps');
    await fails({ output: "other" }, "invalid-input", 'no output "other"');
    const saved = await (await encode()).save();
    await expect(audioEncoder({ model: fixture("one-vector.onnx") }).load(saved)).rejects.toMatchObject({
      code: "saved-mismatch",
    });
    expect(() => audioEncoder({ model, pooling: "cls" as never })).toThrow("audio/audio-encoder: pooling");
  });
});

describe("speechRecognizer", () => {
  const params: SpeechRecognizerParams = { model, labels };

  test("reads what was said, with times", async () => {
    const fitted = await speechRecognizer(params).fit([]);
    // 1 is the space between words.
    const speech = said([0, 2, 2, 3, 0, 1, 4, 4, 0, 4]);
    expect(await fitted.read([speech, null, said([0, 0, 0])])).toEqual(["ab cc", null, ""]);
    const [one] = await fitted.recognize([speech]);
    expect(one!.words.map(({ text, from, to }) => [text, Math.round(from * 50), Math.round(to * 50)])).toEqual([
      ["ab", 1, 4],
      ["cc", 6, 10],
    ]);
    await fitted.dispose?.();
  });

  test("listens to a language model and hot words", async () => {
    // Between b and c, a little nearer to c.
    const unclear = said([2, 1, 0]);
    const last = Float32Array.from({ length: 320 }, (_, i) => {
      const t = (2 * Math.PI * 500 * (640 + i)) / 16_000;
      return 0.6 * Math.sin(3 * t) + 0.63 * Math.sin(4 * t);
    });
    unclear.samples.set(last, 640);
    const read = async (more: Partial<SpeechRecognizerParams>) => {
      const fitted = await speechRecognizer({ ...params, ...more }).fit([]);
      const [text] = await fitted.read([unclear]);
      await fitted.dispose?.();
      return text;
    };
    expect(await read({})).toBe("a c");
    expect(
      await read({
        languageModel: trainNgrams(
          [
            ["a", "b"],
            ["a", "b"],
            ["c", "b"],
          ],
          { order: 2 },
        ),
        lmWeight: 2,
      }),
    ).toBe("a b");
    expect(await read({ hotWords: ["b"] })).toBe("a b");
  });

  test("composes into a text modality, saves and loads", async () => {
    const lengths = vector({ length: 1 });
    const counted = {
      ...lengths,
      fit: async () => ({
        ...(await lengths.fit([[0]])),
        transform: async (texts: readonly (string | null)[]) =>
          (await lengths.fit([[0]])).transform(texts.map((text) => (text === null ? null : [text.split(" ").length]))),
      }),
    };
    const recipe = textFrom(speechRecognizer(params), counted as never);
    const fitted = await recipe.fit([clip]);
    const { data } = (await fitted.transform([said([2, 1, 3, 1, 4]), said([2])])) as { data: Float32Array };
    expect(Array.from(data)).toEqual([3, 1]);
    await fitted.dispose?.();

    const recognizer = speechRecognizer({ ...params, hotWords: ["ab"] });
    const first = await recognizer.fit([]);
    const saved = decodeSaved(encodeSaved(await first.save()));
    const again = await recognizer.load(saved);
    expect(await again.read([said([2, 3])])).toEqual(["ab"]);
    await expect(speechRecognizer(params).load(saved)).rejects.toMatchObject({ code: "saved-mismatch" });
    await again.dispose?.();
    await first.dispose?.();
  });

  test("names the input it cannot read, and models of other labels", async () => {
    const fitted = await speechRecognizer(params).fit([]);
    await expect(fitted.read([clip, 3 as never])).rejects.toMatchObject({ code: "invalid-input", index: 1 });
    await fitted.dispose?.();
    await expect(speechRecognizer({ model, labels: ["", "a"] }).fit([])).rejects.toMatchObject({
      code: "invalid-input",
      message: expect.stringContaining("has 5 numbers a step, want one for each of 2 labels"),
    });
  });
});
