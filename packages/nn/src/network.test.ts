import { describe, expect, test } from "vitest";
import { dense, dropout, network, sequential, shared, sum } from "./index.js";
import type { Layer } from "./network.js";
import { trace } from "./network.js";

const cols = { kind: "vector", cols: 3 } as const;
const namesOf = (layer: Layer) =>
  [
    ...trace(
      network({ x: cols }, (scope, { x }) => layer(scope, x)),
      { batch: 2 },
    ).parameters.keys(),
  ].sort();

describe("names of parameters", () => {
  test("a layer used twice has parameters twice, numbered", () => {
    const one = dense({ units: 3, bias: false });
    expect(namesOf(sequential(one, one))).toEqual(["dense/weight", "dense_2/weight"]);
  });

  test("a shared one has them once", () => {
    const one = shared("encoder", sequential(dense({ units: 3, bias: false }), dense({ units: 3, bias: false })));
    expect(namesOf(sequential(one, one))).toEqual(["encoder/dense/weight", "encoder/dense_2/weight"]);
  });

  test("a name is shared or not", () => {
    const plain = dense({ units: 3, name: "encoder" });
    const one = shared("encoder", dense({ units: 3 }));
    expect(() => namesOf(sequential(plain, one))).toThrow('scope "encoder" is there and not shared, want another name');
    expect(() => namesOf(sequential(one, plain))).toThrow('scope "encoder" is shared, want another name');
  });

  test("shared parameters of other shapes do not fit", () => {
    const one = shared("encoder", dense({ units: 2 }));
    expect(() => namesOf(sequential(one, one))).toThrow(
      'layer "encoder/dense": parameter "encoder/dense/weight" is [2, 3] and now [2, 2]',
    );
  });
});

test("a dropout that is shared draws a mask at each call", () => {
  const drop = shared("drop", dropout({ rate: 0.5 }));
  const net = network({ x: cols }, (scope, { x }) => sum(drop(scope, drop(scope, x)), [1]));
  expect(trace(net, { batch: 2, training: true }).masks.size).toBe(2);
});
