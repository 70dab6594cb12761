import { dense, random, sliceFeatures, takeFeatures } from "@mmub/core";
import type { Vectors } from "./seed-model.js";

const cols = 300;
const hidden = 8;

/**
 * Made users. Each has 8 hidden traits, of which every modality shows its own mixture under noise: text most clearly, audio least.
 * They buy by a sum of traits and by one product of two, which no linear model sees.
 */
export function makeUsers(count: number, seed: number): { readonly vectors: Vectors; readonly buys: number[] } {
  const { normal, next } = random(seed).fork("users");
  const modality = (noise: number) => ({
    noise,
    mixture: Float64Array.from({ length: cols * hidden }, () => normal() / Math.sqrt(hidden)),
    features: dense(count, cols),
  });
  const [text, image, audio] = [modality(2), modality(3), modality(5)];
  const buys = Array.from({ length: count }, (_, user) => {
    const traits = Float64Array.from({ length: hidden }, normal);
    for (const { noise, mixture, features } of [text, image, audio])
      for (let col = 0; col < cols; col++) {
        let value = noise * normal();
        for (let trait = 0; trait < hidden; trait++) value += mixture[col * hidden + trait]! * traits[trait]!;
        features.data[user * cols + col] = value;
      }
    const wish = traits[0]! + traits[1]! - traits[2]! + 2.5 * traits[3]! * traits[4]!;
    return Number(next() < 1 / (1 + Math.exp(-2 * wish)));
  });
  return { vectors: { text: text.features, image: image.features, audio: audio.features }, buys };
}

export function take({ text, image, audio }: Vectors, rows: ArrayLike<number>): Vectors {
  return { text: takeFeatures(text, rows), image: takeFeatures(image, rows), audio: takeFeatures(audio, rows) };
}

/** The three vectors of a user as one row. */
export function sideBySide({ text, image, audio }: Vectors) {
  const all = dense(text.rows, 3 * cols);
  for (let row = 0; row < text.rows; row++)
    for (const [place, one] of [text, image, audio].entries())
      all.data.set(sliceFeatures(one, row, row + 1).data, (3 * row + place) * cols);
  return all;
}
