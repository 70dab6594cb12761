import { fileURLToPath } from "node:url";
import { random } from "@mmub/core";
import { extractorChecks } from "@mmub/core/testing";
import { describe, expect, test } from "vitest";
import type { AudioInput } from "./audio-input.js";
import { type VoiceActivityParams, voiceActivity } from "./voice-activity.js";

const model = fileURLToPath(new URL("../fixtures/audio-model/activity.onnx", import.meta.url));

/** Loud and soft noise in turn, for so many seconds each. */
function spoken(seconds: readonly number[], gain = 0.2, rate = 16_000, noise = 0.002) {
  const { normal } = random(5);
  const pieces = seconds.flatMap((length, i) =>
    Array.from({ length: Math.round(length * rate) }, () => (i % 2 === 1 ? gain : noise) * normal()),
  );
  return { samples: Float32Array.from(pieces), sampleRateHz: rate };
}

const clip = spoken([0.5, 0.6, 0.4, 0.8, 0.5]);
const inputs: (AudioInput | null)[] = [clip, null, spoken([0.2, 0.5, 0.3], 0.1, 8000), spoken([0.1]), spoken([0, 0.5])];

describe.each<VoiceActivityParams>([
  {},
  { output: "frames" },
  { model },
  { model, output: "frames", sampleRateHz: 8000 },
])("conformance: %o", (params) => {
  for (const check of extractorChecks({
    make: () => voiceActivity(params as VoiceActivityParams & { output: "frames" }),
    inputs,
  }))
    test(check.name, check.run);
});

describe.each<VoiceActivityParams>([{}, { model }])("pieces by %o", (params) => {
  test("are where it is loud", async () => {
    const fitted = await voiceActivity({ ...params, padMs: 0 } as VoiceActivityParams & { output: "statistics" }).fit(
      [],
    );
    const [pieces, missing] = await fitted.pieces([clip, null]);
    expect(missing).toBe(null);
    expect(pieces!.length).toBe(2);
    for (const [i, want] of [
      [0.5, 1.1],
      [1.5, 2.3],
    ].entries()) {
      expect(Math.abs(pieces![i]!.from - want[0]!)).toBeLessThan(0.05);
      // The model's state goes on for some chunks.
      expect(Math.abs(pieces![i]!.to - want[1]!)).toBeLessThan(params.model ? 0.15 : 0.05);
    }
    await fitted.dispose?.();
  });
});

describe("by energy", () => {
  const fit = (params: VoiceActivityParams = {}) =>
    voiceActivity(params as VoiceActivityParams & { output: "statistics" }).fit([]);

  test("the gain changes nothing", async () => {
    const fitted = await fit();
    const soft = { ...clip, samples: clip.samples.map((value) => value / 4) };
    expect(await fitted.pieces([soft])).toEqual(await fitted.pieces([clip]));
  });

  test("silence and noise have no speech, and even loudness is all speech", async () => {
    const fitted = await fit();
    const silent = { samples: new Float32Array(16_000), sampleRateHz: 16_000 };
    const even = spoken([0, 1]);
    expect(await fitted.pieces([silent, spoken([1]), even])).toEqual([[], [], [{ from: 0, to: 1 }]]);
    const { data, cols } = await fitted.transform([silent, even]);
    expect(Array.from(data.subarray(0, cols))).toEqual([0, 0, 0, 0, 0, 0]);
    expect(Array.from(data.subarray(cols))).toEqual([1, 1, 1, 0, 0, 0]);
  });

  test("short silences are bridged, short pieces left out, pads never overlap", async () => {
    const gaps = spoken([0.3, 0.5, 0.06, 0.5, 0.3, 0.1, 0.3]);
    const [pieces] = await (await fit()).pieces([gaps]);
    expect(pieces!.length).toBe(1);
    const [apart] = await (await fit({ minSilenceMs: 20, minSpeechMs: 50, padMs: 500 })).pieces([gaps]);
    expect(apart!.length).toBe(3);
    for (let i = 1; i < 3; i++) expect(apart![i]!.from).toBeGreaterThanOrEqual(apart![i - 1]!.to);
    expect(apart![0]!.from).toBe(0);
  });
});

test("params and models that do not fit are refused", async () => {
  expect(() => voiceActivity({ threshold: 2 })).toThrow("audio/voice-activity: threshold is number 2");
  expect(() => voiceActivity({ model, sampleRateHz: 22_050 })).toThrow("want 16000 or 8000");
  const tones = model.replace("activity", "tones");
  await expect(voiceActivity({ model: tones }).fit([])).rejects.toMatchObject({
    code: "invalid-input",
    message: expect.stringContaining("the model takes input_values, want input, state, sr"),
  });
  const fitted = await voiceActivity({ model }).fit([]);
  await expect(voiceActivity().load(await fitted.save())).rejects.toMatchObject({ code: "saved-mismatch" });
  await fitted.dispose?.();
});
