import { readFileSync } from "node:fs";
import { random } from "@mmub/core";
import { afterAll, describe, expect, test } from "vitest";
import { type CtcDecoderParams, ctcDecoder } from "./ctc-decoder.js";
import { type NgramModel, readArpa, trainNgrams } from "./language-model.js";

interface Fixture {
  readonly arpa: string;
  readonly sentences: readonly (readonly string[])[];
  readonly scores: readonly (readonly number[])[];
  readonly cases: readonly {
    readonly logits: readonly number[];
    readonly lm: boolean;
    readonly hotWords: readonly string[];
    readonly hotWordWeight: number;
    readonly texts: readonly (readonly [string, number])[];
  }[];
}
const fixture = JSON.parse(readFileSync(new URL("../fixtures/ctc.json", import.meta.url), "utf8")) as Fixture;
const labels = ["", " ", "a", "b", "c"];
const exact = {
  labels,
  beamWidth: 10_000,
  pruneBelow: Number.NEGATIVE_INFINITY,
  labelMinimum: Number.NEGATIVE_INFINITY,
};

function logitsOf(seed: number, steps: number, classes = labels.length): Float32Array {
  const { normal } = random(seed);
  return Float32Array.from({ length: steps * classes }, () => 2 * normal());
}

/** The score of every text, by all paths there are. */
function bruteForce(logits: Float32Array, steps: number, model?: NgramModel, hot: readonly string[] = []) {
  const classes = labels.length;
  const probabilities = Float64Array.from(logits, Math.exp);
  for (let step = 0; step < steps; step++) {
    const row = probabilities.subarray(step * classes, (step + 1) * classes);
    const sum = row.reduce((a, b) => a + b, 0);
    for (let c = 0; c < classes; c++) row[c]! /= sum;
  }
  const byText = new Map<string, number>();
  for (let path = 0; path < classes ** steps; path++) {
    let [probability, rest, last, text] = [1, path, -1, ""];
    for (let step = 0; step < steps; step++, rest = Math.floor(rest / classes)) {
      const c = rest % classes;
      probability *= probabilities[step * classes + c]!;
      if (c !== last && c !== 0) text += labels[c];
      last = c;
    }
    const words = text.split(" ").filter(Boolean).join(" ");
    byText.set(words, (byText.get(words) ?? 0) + probability);
  }
  return [...byText]
    .map(([text, probability]) => {
      let score = Math.log(probability);
      const words = text.split(" ").filter(Boolean);
      for (const [i, word] of words.entries()) {
        if (model)
          score +=
            0.6 *
              (model.logProbability(["<s>", ...words.slice(0, i)], word) +
                (model.words.has(word) ? 0 : -10 * Math.LN10)) +
            0.8;
        if (hot.includes(word)) score += 3;
      }
      if (model) score += 0.6 * model.logProbability(["<s>", ...words], "</s>");
      return { text, score };
    })
    .sort((a, b) => b.score - a.score);
}

describe("beam search finds what the sum over all paths finds", () => {
  const model = readArpa(fixture.arpa);
  const settings: Record<string, Partial<CtcDecoderParams>> = {
    alone: {},
    "with hot words": { hotWords: ["ab", "c"], hotWordWeight: 3 },
    "with a language model": { languageModel: model, lmWeight: 0.6, wordBonus: 0.8 },
    "with both": { languageModel: model, lmWeight: 0.6, wordBonus: 0.8, hotWords: ["ab", "c"], hotWordWeight: 3 },
  };
  for (const [name, params] of Object.entries(settings))
    for (const seed of [1, 2, 3])
      test(`${name}, seed ${seed}`, () => {
        const steps = 5;
        const logits = logitsOf(seed, steps);
        const got = ctcDecoder({ ...exact, ...params }).decode(logits, steps);
        const want = bruteForce(logits, steps, params.languageModel, params.hotWords);
        expect(got.length).toBe(want.length);
        const scores = new Map(got.map(({ text, score }) => [text, score]));
        for (const { text, score } of want) expect(scores.get(text), text).toBeCloseTo(score, 6);
        expect(got[0]!.text).toBe(want[0]!.text);
      });
});

describe("pyctcdecode's texts and scores", () => {
  let compared = 0;
  afterAll(() => expect(compared).toBeGreaterThan(25));
  for (const [i, { logits, lm, hotWords, hotWordWeight, texts }] of fixture.cases.entries())
    test(`${i}: ${lm ? "language model" : "none"}, ${hotWords}`, () => {
      const languageModel = lm ? { languageModel: readArpa(fixture.arpa) } : {};
      const decoder = ctcDecoder({
        ...exact,
        beamWidth: 1000,
        lmWeight: 0.6,
        wordBonus: 0.8,
        hotWords,
        hotWordWeight,
        ...languageModel,
      });
      const got = decoder.decode(Float32Array.from(logits), 14);
      // It searches less: it may miss the best. What both find has the same score, but for paths that one of them has left.
      expect(got[0]!.score).toBeGreaterThan(texts[0]![1] - 0.06);
      const both = texts.flatMap(([text, score]) => {
        const own = got.find((one) => one.text === text);
        return own && own.score > got[0]!.score - 5 ? [Math.abs(own.score - score)] : [];
      });
      expect(Math.max(...both)).toBeLessThan(0.06);
      compared += both.length;
    });
});

describe("decoding", () => {
  test("greedily takes the best label of each step, and says where words are", () => {
    const say = (classes: readonly number[]) =>
      Float32Array.from(classes.flatMap((c) => labels.map((_, i) => (i === c ? 9 : 0))));
    const [said, ...others] = ctcDecoder({ labels }).decode(say([0, 2, 2, 0, 2, 3, 1, 1, 0, 4, 0]), 11);
    expect(others).toEqual([]);
    expect(said).toMatchObject({
      text: "aab c",
      words: [
        { text: "aab", from: 1, to: 5 },
        { text: "c", from: 9, to: 9 },
      ],
    });
    expect(ctcDecoder({ labels, beamWidth: 20 }).decode(say([0, 2, 2, 0, 2, 3, 1, 1, 0, 4, 0]), 11)[0]).toMatchObject({
      text: "aab c",
      words: [{ from: 1, to: 5 }, { from: 9 }],
    });
  });

  test("takes sentencepiece's words, labels that are words, and leaves some out", () => {
    const pieces = ["<pad>", "▁he", "llo", "▁you", "</s>"];
    const say = (classes: readonly number[]) =>
      Float32Array.from(classes.flatMap((c) => pieces.map((_, i) => (i === c ? 9 : 0))));
    const decoder = ctcDecoder({ labels: pieces, wordSeparator: "▁", skipLabels: ["</s>"] });
    expect(decoder.decode(say([1, 2, 0, 3, 4]), 5)[0]!.text).toBe("hello you");
    const signs = ctcDecoder({ labels: ["", "你", "好", "x", "y"], wordSeparator: null });
    expect(signs.decode(say([1, 0, 2, 0, 2]), 5)[0]).toMatchObject({ text: "你好好", words: [{}, {}, {}] });
  });

  test("a language model turns what sounds alike into what is said", () => {
    const model = trainNgrams(
      [
        ["a", "b"],
        ["a", "b"],
        ["a", "b"],
        ["a", "c"],
      ],
      { order: 2 },
    );
    // The last label is c by a hair.
    const logits = Float32Array.from([2, 1, 3, 4].flatMap((c) => labels.map((_, i) => (i === c ? 9 : 0))));
    logits.set([0, 0, 0, 9, 9.1], 15);
    logits.set([0, 9, 0, 0, 0], 5);
    logits.set([9, 0, 0, 0, 0], 10);
    expect(ctcDecoder({ labels }).decode(logits, 4)[0]!.text).toBe("a c");
    expect(ctcDecoder({ labels, languageModel: model }).decode(logits, 4)[0]!.text).toBe("a b");
    expect(ctcDecoder({ labels, hotWords: ["b"], hotWordWeight: 1 }).decode(logits, 4)[0]!.text).toBe("a b");
  });

  test("of no steps is no text", () => {
    for (const beamWidth of [1, 10])
      expect(ctcDecoder({ labels, beamWidth }).decode(new Float32Array(0), 0)).toMatchObject([{ text: "", words: [] }]);
  });

  test("refuses what does not fit", () => {
    expect(() => ctcDecoder({ labels }).decode(new Float32Array(7), 2)).toThrow(
      "7 logits for 2 steps, want 2 x 5 labels",
    );
    expect(() => ctcDecoder({ labels }).decode(new Float32Array(10).fill(Number.NaN), 2)).toThrow(
      "the logits of step 0",
    );
    expect(() => ctcDecoder({ labels, blank: 5 })).toThrow("audio/ctc-decoder: blank is number 5, want the class");
    expect(() => ctcDecoder({ labels, hotWords: ["a"], beamWidth: 1 })).toThrow("beamWidth");
  });
});

describe("language models", () => {
  test("give KenLM's numbers", () => {
    const model = readArpa(fixture.arpa);
    for (const [i, sentence] of fixture.sentences.entries())
      for (const [at, word] of [...sentence, "</s>"].entries())
        expect(model.logProbability(["<s>", ...sentence.slice(0, at)], word) / Math.LN10).toBeCloseTo(
          fixture.scores[i]![at]!,
          4,
        );
    const again = readArpa(model.toArpa());
    expect(again.logProbability(["<s>", "ab"], "ba")).toBe(model.logProbability(["<s>", "ab"], "ba"));
  });

  test("learned here are distributions, for seen and for unseen contexts", () => {
    const { integer } = random(3);
    const vocabulary = ["a", "b", "c", "d", "e"];
    const sentences = Array.from({ length: 40 }, () =>
      Array.from({ length: 1 + integer(6) }, () => vocabulary[Math.min(integer(5), integer(5))]!),
    );
    for (const order of [1, 2, 3, 4]) {
      const model = trainNgrams(sentences, { order });
      for (const context of [["<s>"], ["a"], ["a", "b"], ["<s>", "e"], ["e", "e", "e"], ["zz"], []]) {
        const sum = [...model.words, "</s>", "<unk>"].reduce(
          (sum, word) => sum + Math.exp(model.logProbability(context, word)),
          0,
        );
        expect(sum, `${order}: ${context}`).toBeCloseTo(1, 6);
      }
    }
  });

  test("count contexts and not occurrences for what follows anything (Kneser-Ney)", () => {
    const model = trainNgrams([...Array(9).fill(["san", "francisco"]), ["a", "day"], ["the", "day"], ["one", "day"]], {
      order: 2,
    });
    expect(model.logProbability(["new"], "day")).toBeGreaterThan(model.logProbability(["new"], "francisco"));
    expect(model.logProbability(["san"], "francisco")).toBeGreaterThan(Math.log(0.8));
  });

  test("refuse files that are cut off, and words that are none", () => {
    expect(() => readArpa(fixture.arpa.slice(0, 400))).toThrow("the file ends without \\end\\");
    expect(() => readArpa(fixture.arpa.replace(/ngram 2=\d+/, "ngram 2=1000"))).toThrow("want 1000");
    expect(() => readArpa(fixture.arpa.replace("1-grams:\n-", "1-grams:\noften"))).toThrow(/line \d+: "often/);
    expect(() => readArpa(new Uint8Array(9) as never)).toThrow("want the text of an ARPA file");
    expect(() => trainNgrams([["good"], 5 as never])).toThrow("sentence 1 is number 5, want an array of words");
    expect(() => trainNgrams([["good"], ["two words"]])).toThrow('sentence 1 has the word "two words"');
    expect(() => trainNgrams([])).toThrow("no sentences");
  });
});
