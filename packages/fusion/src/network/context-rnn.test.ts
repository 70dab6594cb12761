import { type Dense, dense, type FeatureSet, type Features, random } from "@mmub/core";
import { modelChecks } from "@mmub/core/testing";
import { adam } from "@mmub/nn";
import { describe, expect, test } from "vitest";
import { type ContextRnnParams, contextRnn } from "../index.js";

const quick = { context: "dialogue", units: 8, stateUnits: 8, worker: false } as const;

/** Every row is a context of its own. */
const alone = (features: Features): FeatureSet => ({
  text: features,
  dialogue: dense(
    features.rows,
    1,
    Float32Array.from({ length: features.rows }, (_, row) => row),
  ),
});

for (const [name, params] of Object.entries({
  "lstm, both ways": {},
  "gru, forwards, hierarchical, without a skip": {
    cell: "gru",
    bidirectional: false,
    hierarchical: true,
    skip: false,
  },
} satisfies Record<string, Partial<ContextRnnParams>>))
  describe(`conformance: ${name}`, () => {
    const make = () =>
      contextRnn<string>({
        ...quick,
        epochs: 12,
        batchSize: 16,
        optimizer: adam({ learningRate: 0.02 }),
        dropout: 0,
        validation: null,
        ...params,
      });
    for (const check of modelChecks({ task: "classification", make, wrap: alone })) test(check.name, check.run);
  });

/** Dialogues of 3 to 8 rows; the answer to a row is in the row before it, and of the first in itself. A third of the tones are missing. */
function dialogues(count: number, seed: number) {
  const chance = random(seed);
  const lengths = Array.from({ length: count }, () => 3 + chance.integer(6));
  const rows = lengths.reduce((a, b) => a + b, 0);
  const dialogue = dense(rows, 1);
  const [text, tone] = [dense(rows, 2), dense(rows, 1)];
  const targets: string[] = [];
  let row = 0;
  for (const [at, length] of lengths.entries())
    for (let step = 0; step < length; step++, row++) {
      dialogue.data[row] = at;
      text.data.set([chance.normal(), chance.normal()], 2 * row);
      tone.data[row] = chance.normal();
      if (chance.next() < 0.33) tone.present[row] = 0;
      const said = text.data[2 * (step > 0 ? row - 1 : row)]!;
      targets.push(said > 0 ? "angry" : "calm");
    }
  return { x: { dialogue, text, tone }, targets };
}

const right = (labels: readonly unknown[], targets: readonly string[]) =>
  labels.filter((label, row) => label === targets[row]).length / targets.length;
const train = dialogues(150, 1);
const fresh = dialogues(100, 2);

describe("context", () => {
  test("what is known from the row before is learned, in whatever order contexts are mixed", async () => {
    const fitted = await contextRnn({ ...quick, epochs: 25, optimizer: adam({ learningRate: 0.01 }), dropout: 0 }).fit(
      train.x,
      train.targets,
      { seed: 1 },
    );
    const { labels } = await fitted.predict(fresh.x);
    expect(right(labels, fresh.targets)).toBeGreaterThan(0.9);
    // Round the contexts: the first row of each, then the second of each, …
    const steps = Array.from(fresh.x.dialogue.data, (own, row) => row - fresh.x.dialogue.data.indexOf(own));
    const order = Array.from(steps.keys()).sort((a, b) => steps[a]! - steps[b]! || a - b);
    const mixed = Object.fromEntries(
      Object.entries(fresh.x).map(([name, one]) => {
        const out = dense(one.rows, one.cols);
        for (const [at, row] of order.entries()) {
          out.data.set(one.data.subarray(row * one.cols, (row + 1) * one.cols), at * one.cols);
          out.present[at] = one.present[row]!;
        }
        return [name, out as Dense];
      }),
    );
    expect((await fitted.predict(mixed)).labels).toEqual(order.map((row) => labels[row]));
    await fitted.dispose();
  });

  test("rows without a context stand alone, and then the row before is not known", async () => {
    const fitted = await contextRnn({ ...quick, epochs: 10, optimizer: adam({ learningRate: 0.01 }), dropout: 0 }).fit(
      train.x,
      train.targets,
      { seed: 1 },
    );
    const none = { ...fresh.x.dialogue, present: new Uint8Array(fresh.x.dialogue.rows) };
    const { labels } = await fitted.predict({ ...fresh.x, dialogue: none });
    const one = await fitted.predict({ ...fresh.x, dialogue: alone(fresh.x.text).dialogue as Dense });
    expect(labels).toEqual(one.labels);
    expect(right(labels, fresh.targets)).toBeLessThan(0.75);
    await fitted.dispose();
  });

  test("forwards, what comes later changes nothing", async () => {
    const model = contextRnn({ ...quick, epochs: 2, bidirectional: false });
    const fitted = await model.fit(train.x, train.targets, { seed: 1 });
    const later = fresh.x.text.data.slice();
    const rows = fresh.x.dialogue.data.lastIndexOf(0);
    later.fill(9, 2 * rows, 2 * rows + 2);
    const [a, b] = [
      await fitted.predict(fresh.x),
      await fitted.predict({ ...fresh.x, text: { ...fresh.x.text, data: later } }),
    ];
    expect(b.probabilities.data.subarray(0, 2 * rows)).toEqual(a.probabilities.data.subarray(0, 2 * rows));
    expect(b.probabilities.data[2 * rows]).not.toBe(a.probabilities.data[2 * rows]);
    await fitted.dispose();
  });

  test("what a missing row holds is not seen", async () => {
    const fitted = await contextRnn({ ...quick, epochs: 2 }).fit(train.x, train.targets, { seed: 1 });
    const data = fresh.x.tone.data.map((value, row) => (fresh.x.tone.present[row] ? value : 1e3));
    const other = await fitted.predict({ ...fresh.x, tone: { ...fresh.x.tone, data } });
    expect(other.probabilities).toEqual((await fitted.predict(fresh.x)).probabilities);
    await fitted.dispose();
  });
});

describe("bad input", () => {
  const { x, targets } = dialogues(4, 3);
  const model = contextRnn({ ...quick, epochs: 1 });
  test("no context, nothing beside it, a context that is no Dense", async () => {
    await expect(model.fit({ text: x.text }, targets)).rejects.toThrow(/want "dialogue"/);
    await expect(model.fit({ dialogue: x.dialogue }, targets)).rejects.toThrow(/at least one more/);
    const offsets = Uint32Array.from({ length: x.text.rows + 1 }, (_, row) => row);
    const steps = { ...x.dialogue, layout: "sequence" as const, offsets };
    await expect(model.fit({ ...x, dialogue: steps }, targets)).rejects.toThrow(/"dialogue" is sequence, want dense/);
  });
  test("a modality that nobody has", async () => {
    const tone = { ...x.tone, present: new Uint8Array(x.tone.rows) };
    await expect(model.fit({ ...x, tone }, targets)).rejects.toThrow(/"tone" is missing in all/);
  });
  test("params", () => {
    expect(() => contextRnn({ ...quick, context: "" })).toThrow(/context is/);
    expect(() => contextRnn({ ...quick, cell: "rnn" as never })).toThrow(/cell is/);
    expect(() => contextRnn({ ...quick, dropout: 1 })).toThrow(/dropout is/);
  });
});
