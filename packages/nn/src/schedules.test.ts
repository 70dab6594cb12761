import { describe, expect, test } from "vitest";
import { cosine, exponentialDecay, linearDecay, plateau, type Schedule, stepDecay, warmUp } from "./index.js";
import { plateauAfter, plateauStart, rateFactor } from "./schedules.js";

/** The factor of each of 6 steps, two an epoch. */
const factors = (schedule: Schedule) =>
  [0, 1, 2, 3, 4, 5].map((step) =>
    rateFactor(schedule, { step, steps: 6, epoch: Math.floor(step / 2), plateau: plateauStart }),
  );
const near = (got: readonly number[], want: readonly number[]) => {
  for (const [i, value] of got.entries()) expect(value).toBeCloseTo(want[i]!, 12);
};

test("warm-up rises evenly to the full rate, before any schedule", () => {
  near(factors(warmUp({ steps: 3 })), [1 / 4, 2 / 4, 3 / 4, 1, 1, 1]);
  near(factors(linearDecay({ warmUp: 1 })), [1 / 2, 1, 3 / 4, 1 / 2, 1 / 4, 0]);
});

test("linear and cosine end where they should", () => {
  near(factors(linearDecay({ to: 0.5 })), [1, 0.9, 0.8, 0.7, 0.6, 0.5]);
  const half = (i: number) => 0.1 + 0.9 * (0.5 + 0.5 * Math.cos((Math.PI * i) / 5));
  near(factors(cosine({ to: 0.1 })), [0, 1, 2, 3, 4, 5].map(half));
});

test("steps and powers go by epochs", () => {
  near(factors(stepDecay({ everyEpochs: 2, factor: 0.1 })), [1, 1, 1, 1, 0.1, 0.1]);
  near(factors(stepDecay({ everyEpochs: [1, 2], factor: 0.5 })), [1, 1, 0.5, 0.5, 0.25, 0.25]);
  near(factors(exponentialDecay({ factor: 0.9 })), [1, 1, 0.9, 0.9, 0.81, 0.81]);
});

test("plateau falls after the epochs that it bears, and not below its floor", () => {
  const schedule = plateau({ factor: 0.1, patience: 1, minDelta: 0.01, to: 0.05 });
  let state = plateauStart;
  const seen = [1, 0.9, 0.895, 0.894, 0.8, 0.8, 0.8, 0.8, 0.8].map((loss) => {
    state = plateauAfter(schedule, state, loss);
    return state.factor;
  });
  near(seen, [1, 1, 1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05]);
});

describe("what cannot be is refused", () => {
  test.each([
    [() => cosine({ warmUp: -1 }), /warmUp is number -1, want a number of steps/],
    [() => linearDecay({ to: 2 }), /to is number 2, want a number from 0 to 1/],
    [() => stepDecay({ everyEpochs: [3, 2] }), /everyEpochs is an array of 2, want a positive integer or an ascending/],
    [() => plateau({ patience: 1.5 }), /patience is number 1.5/],
  ])("%#", (make, message) => {
    expect(make).toThrow(message);
  });
});
