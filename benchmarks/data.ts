import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Random, random } from "@mmub/core";
import { cache } from "./venv.js";

/** Writes `make()` to a file of the cache, unless it is there already, and gives its path. */
function once(name: string, make: () => string | NodeJS.ArrayBufferView): string {
  const folder = join(cache, "data");
  const path = join(folder, name);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${path}.part`, make());
  renameSync(`${path}.part`, path);
  return path;
}

/** 50,000 texts of about 100 words, one a line, of 50,000 made-up words whose frequency falls as 1 / rank (Zipf). */
export function texts(): string {
  return once("texts.txt", () => {
    const r = random(42);
    const pick = (letters: string) => letters[r.integer(letters.length)]!;
    const syllable = () => pick("bcdfghjklmnprstvwz") + pick("aeiou") + (r.next() < 0.3 ? pick("lmnrst") : "");
    const vocabulary = new Set<string>();
    while (vocabulary.size < 50_000) {
      let word = "";
      for (let left = [1, 2, 2, 3, 3, 4][r.integer(6)]!; left > 0; left--) word += syllable();
      vocabulary.add(word);
    }
    const words = r.shuffle([...vocabulary]);
    const next = zipf(words.length, r);

    const lines: string[] = [];
    for (let text = 0; text < 50_000; text++) {
      let [line, capital] = ["", true];
      for (let left = Math.max(20, Math.round(100 + 25 * r.normal())); left > 0; left--) {
        const word = words[next()]!;
        line += capital ? word[0]!.toUpperCase() + word.slice(1) : word;
        const mark = r.next();
        capital = mark < 0.07;
        line += left === 1 || capital ? "." : mark < 0.13 ? "," : "";
        if (left > 1) line += " ";
      }
      lines.push(line);
    }
    return lines.join("\n");
  });
}

/** 300 beginnings of those texts, one a line, of 2 to 24 words, short ones more often: some 35 tokens of a WordPiece vocabulary. */
export function sentences(): string {
  return once("sentences.txt", () => {
    const r = random(3);
    const lines = readFileSync(texts(), "utf8").split("\n", 300);
    return lines.map((line) => line.split(" ", 2 + Math.floor(23 * r.next() ** 1.5)).join(" ")).join("\n");
  });
}

/**
 * 10,000 texts of 100 words, one a line. Half of the words are of one of 200 topics, a new one every ten words: "t7w12" is word
 * 12 of topic 7; the others are common to all: "c40". Frequencies fall as 1 / rank within each.
 */
export function topicTexts(): string {
  return once("topic-texts.txt", () => {
    const r = random(43);
    const [ofTopic, common] = [zipf(150, r), zipf(5000, r)];
    const text = () => {
      let topic = 0;
      return Array.from({ length: 100 }, (_, i) => {
        if (i % 10 === 0) topic = r.integer(200);
        return r.next() < 0.5 ? `t${topic}w${ofTopic()}` : `c${common()}`;
      }).join(" ");
    };
    return Array.from({ length: 10_000 }, text).join("\n");
  });
}

/** 60 s of mono float32 at 16 kHz: a wavering tone, a steady one and noise. */
export function sound(): string {
  return once("sound-16k.f32", () => {
    const r = random(7);
    return Float32Array.from({ length: 60 * 16_000 }, (_, i) => {
      const t = i / 16_000;
      const wavering = Math.sin(2 * Math.PI * 220 * t + 3 * Math.sin(Math.PI * t));
      return 0.3 * wavering + 0.2 * Math.sin(2 * Math.PI * 3000 * t) + 0.1 * r.normal();
    });
  });
}

/** 120,000 rows of 50 float32 values and a label of 0 or 1 that is linear in 20 of them but for noise and a product. */
export function table(): string {
  return once("table.f32", () => {
    const r = random(11);
    const weights = Float64Array.from({ length: 50 }, (_, i) => (i % 5 < 2 ? r.normal() * 0.5 : 0));
    const out = new Float32Array(120_000 * 51);
    for (let row = 0; row < 120_000; row++) {
      let z = 0;
      for (let i = 0; i < 50; i++) {
        const value = i >= 10 && i < 20 ? Math.round(r.normal() * 2) / 2 : r.normal();
        out[row * 51 + i] = value;
        z += value * weights[i]!;
      }
      z += 1.2 * out[row * 51]! * out[row * 51 + 1]!;
      out[row * 51 + 50] = r.next() < 1 / (1 + Math.exp(-z)) ? 1 : 0;
    }
    return out;
  });
}

/**
 * 20,000 rows of 60 to 100 of 40,000 columns, as of texts: values of norm 1, a label of 0 to 3. A third of a row's columns are of its
 * label, one time in five of another one; frequencies fall as 1 / rank. All in 4 bytes: rows, columns, values in all; where each row
 * starts and the last one ends; columns; float32 values; labels.
 */
export function sparseTable(): string {
  return once("sparse-table.u32", () => {
    const r = random(17);
    const [rows, cols, labels] = [20_000, 40_000, 4];
    const own = zipf(2000, r);
    const common = zipf(cols - 2000 * labels, r);
    const offsets = new Uint32Array(rows + 1);
    const columns: number[] = [];
    const values: number[] = [];
    const labelOf = new Uint32Array(rows);
    for (let row = 0; row < rows; row++) {
      const label = r.integer(labels);
      labelOf[row] = label;
      const counts = new Map<number, number>();
      for (let left = 60 + r.integer(41); left > 0; left--) {
        const of = r.next() < 0.2 ? r.integer(labels) : label;
        const column = r.next() < 1 / 3 ? 2000 * of + own() : 2000 * labels + common();
        counts.set(column, (counts.get(column) ?? 0) + 1);
      }
      const entries = [...counts].map(([column, count]) => [column, 1 + Math.log(count)] as const);
      const norm = Math.hypot(...entries.map(([, value]) => value));
      for (const [column, value] of entries.sort(([a], [b]) => a - b)) {
        columns.push(column);
        values.push(value / norm);
      }
      offsets[row + 1] = columns.length;
    }
    const parts = [
      Uint32Array.of(rows, cols, columns.length),
      offsets,
      Uint32Array.from(columns),
      Float32Array.from(values),
    ];
    return Buffer.concat([...parts, labelOf].map(({ buffer }) => Buffer.from(buffer)));
  });
}

/** 10 million float64 scores, those of the positives higher by 1 on the mean, and a label of one byte for each behind them. */
export function scored(): string {
  return once("scored-10m.bin", () => {
    const r = random(19);
    const count = 10_000_000;
    const scores = new Float64Array(count);
    const labels = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      labels[i] = Number(r.next() < 0.3);
      scores[i] = 1 / (1 + Math.exp(-(r.normal() + labels[i]!)));
    }
    return Buffer.concat([Buffer.from(scores.buffer), labels]);
  });
}

/** 100,000 true labels of 0 and 1, then as many predicted ones, of which a fifth are wrong; a byte each. */
export function guessed(): string {
  return once("guessed-100k.bin", () => {
    const r = random(23);
    const count = 100_000;
    const out = new Uint8Array(2 * count);
    for (let i = 0; i < count; i++) {
      out[i] = r.integer(2);
      out[count + i] = r.next() < 0.2 ? 1 - out[i]! : out[i]!;
    }
    return out;
  });
}

/** 100 RGB images of 128 x 128 bytes: smooth blobs and a little noise. */
export function images(): string {
  return once("images-128.rgb", () => {
    const r = random(5);
    const out = new Uint8Array(100 * 128 * 128 * 3);
    for (let image = 0, at = 0; image < 100; image++) {
      const waves = Array.from({ length: 9 }, () => [r.normal() * 0.1, r.normal() * 0.1, r.next() * 7] as const);
      for (let y = 0; y < 128; y++)
        for (let x = 0; x < 128; x++)
          for (let channel = 0; channel < 3; channel++) {
            let value = 128 + 8 * r.normal();
            for (let i = channel * 3; i < channel * 3 + 3; i++)
              value += 35 * Math.sin(waves[i]![0] * x + waves[i]![1] * y + waves[i]![2]);
            out[at++] = Math.max(0, Math.min(255, Math.round(value)));
          }
    }
    return out;
  });
}

/** Draws of numbers below `count` whose frequency falls as 1 / (number + 1). */
function zipf(count: number, r: Random): () => number {
  let total = 0;
  const cumulative = Float64Array.from({ length: count }, (_, rank) => {
    total += 1 / (rank + 1);
    return total;
  });
  return () => firstAbove(cumulative, r.next() * total);
}

/** The first position whose value is above `x`, in ascending values. */
function firstAbove(values: Float64Array, x: number): number {
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! > x) high = middle;
    else low = middle + 1;
  }
  return low;
}
