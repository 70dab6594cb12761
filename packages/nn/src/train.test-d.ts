import type { Dense, Sequence, Sparse } from "@mmub/core";
import { expectTypeOf, test } from "vitest";
import { dense, type InputFeatures, mse, network, type Trained, train } from "./index.js";

const net = network({ user: { kind: "vector", cols: 3 }, visits: { kind: "steps", cols: 2 } }, (scope, { user }) =>
  dense({ units: 1 })(scope, user),
);
declare const user: Dense;
declare const visits: Sequence;
declare const tags: Sparse;

test("inputs are those of the network, by name and layout", () => {
  const run = (inputs: InputFeatures<typeof net.inputs>) => train(net, { inputs }, { loss: mse() });
  expectTypeOf(run({ user, visits })).resolves.toEqualTypeOf<Trained<typeof net.inputs>>();
  // @ts-expect-error an input is missing
  run({ user });
  // @ts-expect-error visits are a sequence
  run({ user, visits: tags });
  // @ts-expect-error there are no tags
  run({ user, visits, tags });
});

test("predictions are of the same inputs", () => {
  const trained = {} as Trained<typeof net.inputs>;
  expectTypeOf(trained.predict({ user, visits })).resolves.toEqualTypeOf<Dense>();
  // @ts-expect-error an input is missing
  trained.predict({ visits });
});
