import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { decodeSaved, encodeSaved } from "@mmub/core";
import { describe, expect, test } from "vitest";
import { type WhisperRecognizerParams, whisperRecognizer } from "./whisper-recognizer.js";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/whisper/${name}`, import.meta.url));
const golden = JSON.parse(readFileSync(fixture("golden.json"), "utf8")) as {
  readonly seed: number;
  readonly language: string;
  readonly beamWidth: number;
  readonly timestamps: boolean;
  readonly text: string;
  readonly times: readonly number[];
}[];
const files = {
  encoder: fixture("encoder_model.onnx"),
  decoder: fixture("decoder_model.onnx"),
  tokenizer: fixture("tokenizer.json"),
  maxTokens: 12,
};
const past = { decoderWithPast: fixture("decoder_with_past_model.onnx") };

/** As make_whisper.py makes it. */
function sound(seed: number, seconds: number) {
  const samples = Float32Array.from(
    { length: 16_000 * seconds },
    (_, n) =>
      0.3 *
      Math.sin((2 * Math.PI * (200 + 900 * seed) * n) / 16_000) *
      Math.sin((2 * Math.PI * (seed + 1) * n) / 16_000),
  );
  return { samples, sampleRateHz: 16_000 };
}

describe("texts, languages and times of a search in Python", () => {
  for (const { seed, language, beamWidth, timestamps, text, times } of golden)
    for (const kept of [{}, past])
      test(`sound ${seed}, beams ${beamWidth}, timestamps ${timestamps}, ${kept === past ? "with" : "without"} past`, async () => {
        const fitted = await whisperRecognizer({ ...files, ...kept, beamWidth, timestamps }).fit([]);
        const [heard] = await fitted.recognize([sound(seed, 2)]);
        await fitted.dispose?.();
        expect(heard!.language).toBe(language);
        expect(
          heard!.segments
            .map((segment) => segment.text)
            .join(" ")
            .replaceAll(" ", ""),
        ).toBe(text.replaceAll(" ", ""));
        for (const { from, to } of heard!.segments) {
          expect(to).toBeGreaterThanOrEqual(from);
          if (timestamps) expect(times.map((time) => time.toFixed(2))).toContain(from.toFixed(2));
        }
      });
});

describe("whisperRecognizer", () => {
  test("hears longer recordings window by window, and null for null", async () => {
    const fitted = await whisperRecognizer({ ...files, ...past, language: "en" }).fit([]);
    const [one, missing, long] = await fitted.recognize([sound(1, 2), null, sound(1, 62)]);
    expect(missing).toBe(null);
    expect(one).toMatchObject({ language: "en", segments: [{ from: 0, to: 2 }] });
    expect(long!.segments.map(({ from, to }) => [from, to])).toEqual([
      [0, 30],
      [30, 60],
      [60, 62],
    ]);
    expect(await fitted.read([sound(1, 2), null])).toEqual([one!.text, null]);
    await fitted.dispose?.();
  });

  test("takes what is in memory; saves and loads with the same models only", async () => {
    const params: WhisperRecognizerParams = {
      ...files,
      encoder: readFileSync(files.encoder),
      decoder: readFileSync(files.decoder),
      tokenizer: JSON.parse(readFileSync(files.tokenizer, "utf8")),
    };
    const fitted = await whisperRecognizer(params).fit([]);
    const saved = decodeSaved(encodeSaved(await fitted.save()));
    const again = await whisperRecognizer(params).load(saved);
    expect(await again.read([sound(2, 1)])).toEqual(await fitted.read([sound(2, 1)]));
    await expect(whisperRecognizer({ ...params, ...past }).load(saved)).rejects.toMatchObject({
      code: "saved-mismatch",
    });
    await expect(whisperRecognizer({ ...params, task: "translate" }).load(saved)).rejects.toMatchObject({
      code: "saved-mismatch",
    });
    await again.dispose?.();
    await fitted.dispose?.();
  });

  test("refuses what is no Whisper, and bad recordings by their index", async () => {
    const fails = (params: Partial<WhisperRecognizerParams>, code: string, message: string) =>
      expect(whisperRecognizer({ ...files, ...params }).fit([])).rejects.toMatchObject({
        code,
        message: expect.stringContaining(message),
      });
    await fails({ encoder: "nowhere.onnx" }, "missing-model", "cannot read the model");
    await fails({ tokenizer: "nowhere.json" }, "missing-model", "give the tokenizer.json");
    await fails({ tokenizer: { model: { vocab: {} } } }, "invalid-input", "the tokenizer has no <|notimestamps|>");
    await fails({ encoder: files.decoder }, "invalid-input", "the encoder takes input_ids, encoder_hidden_states");
    expect(() => whisperRecognizer({ ...files, beamWidth: 0 })).toThrow(
      "audio/whisper-recognizer: beamWidth is number 0",
    );
    const fitted = await whisperRecognizer({ ...files, language: "fr" }).fit([]);
    await expect(fitted.read([sound(0, 1)])).rejects.toThrow('does not know the language "fr"');
    await expect(fitted.read([null, 3 as never])).rejects.toMatchObject({ code: "invalid-input", index: 1 });
    await fitted.dispose?.();
  });
});
