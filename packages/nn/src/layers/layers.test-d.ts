import { expectTypeOf, test } from "vitest";
import type { Value } from "../graph.js";
import { type Bag, type Layer, type Network, network, type Steps, type Tokens } from "../network.js";
import { type Attended, multiHeadAttention, transformerEncoder } from "./attention.js";
import { onSteps, residual, sequential } from "./compose.js";
import { conv1d, conv2d } from "./convolution.js";
import { bagDense, dense } from "./dense.js";
import { dropout } from "./dropout.js";
import { embedding } from "./embedding.js";
import { gatedFusion } from "./gate.js";
import { batchNorm } from "./normalization.js";
import { globalMaxPool, maxPool2d } from "./pooling.js";
import { type GruInput, type GruStates, gru, type LstmInput, type LstmStates, lstm } from "./recurrent.js";

test("a network's inputs are inferred from what it says it takes", () => {
  const net = network(
    {
      user: { kind: "vector", cols: 3 },
      photo: { kind: "tensor", shape: [3, 8, 8] },
      visits: { kind: "steps", cols: 4 },
      words: { kind: "tokens", vocabulary: 9 },
      tags: { kind: "bag", cols: 9 },
    },
    (scope, inputs) => {
      expectTypeOf(inputs.user).toEqualTypeOf<Value>();
      expectTypeOf(inputs.photo).toEqualTypeOf<Value>();
      expectTypeOf(inputs.visits).toEqualTypeOf<Steps>();
      expectTypeOf(inputs.words).toEqualTypeOf<Tokens>();
      expectTypeOf(inputs.tags).toEqualTypeOf<Bag>();
      // @ts-expect-error there is no such input
      inputs.review;
      return dense({ units: 1 })(scope, inputs.user);
    },
  );
  expectTypeOf(net).toExtend<Network>();
  expectTypeOf(net.inputs.visits.cols).toEqualTypeOf<4>();
});

test("a layer takes only its kind of input", () => {
  network(
    {
      user: { kind: "vector", cols: 3 },
      visits: { kind: "steps", cols: 4 },
      words: { kind: "tokens", vocabulary: 9 },
      tags: { kind: "bag", cols: 9 },
    },
    (scope, { user, visits, words, tags }) => {
      expectTypeOf(dense({ units: 2 })(scope, user)).toEqualTypeOf<Value>();
      expectTypeOf(dense({ units: 2 })(scope, visits)).toEqualTypeOf<Steps>();
      expectTypeOf(bagDense({ cols: 9, units: 2 })(scope, tags)).toEqualTypeOf<Value>();
      expectTypeOf(embedding({ rows: 9, width: 2 })(scope, words)).toEqualTypeOf<Steps>();
      // @ts-expect-error tokens are ids: an embedding comes first
      dense({ units: 2 })(scope, words);
      // @ts-expect-error a vector has no steps
      gru({ units: 2 })(scope, user);
      // @ts-expect-error a bag is no sequence
      embedding({ rows: 9, width: 2 })(scope, tags);
      // @ts-expect-error steps are no bag
      bagDense({ cols: 9, units: 2 })(scope, visits);
      // @ts-expect-error images have no mask
      conv2d({ filters: 2, kernel: 3 })(scope, visits);
      return user;
    },
  );
});

test("recurrent layers give what they are told to", () => {
  expectTypeOf(gru({ units: 2 })).toEqualTypeOf<Layer<Steps | GruInput, Value>>();
  expectTypeOf(gru({ units: 2, returns: "states" })).toEqualTypeOf<Layer<Steps | GruInput, GruStates>>();
  expectTypeOf(lstm({ units: 2, returns: "last" })).toEqualTypeOf<Layer<Steps | LstmInput, Value>>();
  expectTypeOf(lstm({ units: 2, returns: "sequences" })).toEqualTypeOf<Layer<Steps | LstmInput, Steps>>();
  expectTypeOf(lstm({ units: 2, returns: "states" })).toEqualTypeOf<Layer<Steps | LstmInput, LstmStates>>();
  // @ts-expect-error a GRU has no memory beside its state
  void ((scope: never, input: Steps, c0: Value) => gru({ units: 2 })(scope, { input, c0 }));
  // @ts-expect-error only an LSTM projects
  gru({ units: 2, projSize: 1 });
});

test("layers after one another fit, or do not compile", () => {
  const words = sequential(
    embedding({ rows: 9, width: 4 }),
    dropout({ rate: 0.1 }),
    conv1d({ filters: 8, kernel: 3 }),
    batchNorm(),
    residual(conv1d({ filters: 8, kernel: 3, padding: "same" })),
    transformerEncoder({ heads: 2 }),
    globalMaxPool(),
    dense({ units: 1 }),
  );
  expectTypeOf(words).toEqualTypeOf<Layer<Tokens, Value>>();
  const visits = sequential(dense({ units: 4 }), dropout({ rate: 0.1 }), gru({ units: 4 }), dense({ units: 1 }));
  expectTypeOf(visits).toExtend<Layer<Steps, Value>>();
  const photo = sequential(
    batchNorm(),
    conv2d({ filters: 8, kernel: 3 }),
    dropout({ rate: 0.1 }),
    maxPool2d({ kernel: 2 }),
  );
  expectTypeOf(photo).toEqualTypeOf<Layer<Value, Value>>();
  const mlp = sequential(dense({ units: 4 }), dropout({ rate: 0.1 }), dense({ units: 1 }));
  expectTypeOf(mlp).toExtend<Layer<Value, Value>>();
  expectTypeOf(mlp).toExtend<Layer<Steps, Steps>>();
  expectTypeOf(residual(mlp)).toExtend<Layer<Steps, Steps>>();
  expectTypeOf(onSteps((scope, x) => gatedFusion({ units: 2 })(scope, [x, x]))).toEqualTypeOf<Layer<Steps, Steps>>();

  // @ts-expect-error the state of a row has no steps
  sequential(gru({ units: 4 }), gru({ units: 4 }));
  // @ts-expect-error steps are no tokens
  sequential(embedding({ rows: 9, width: 4 }), dense({ units: 2 }), embedding({ rows: 9, width: 4 }));
  // @ts-expect-error an image has no steps
  sequential(conv2d({ filters: 2, kernel: 3 }), globalMaxPool());
});

test("attention is of steps to themselves, or to others", () => {
  expectTypeOf(multiHeadAttention({ heads: 2 })).toEqualTypeOf<Layer<Steps | Attended, Steps>>();
  const itself = sequential(embedding({ rows: 9, width: 4 }), multiHeadAttention({ heads: 2 }), globalMaxPool());
  expectTypeOf(itself).toEqualTypeOf<Layer<Tokens, Value>>();
  // @ts-expect-error keys are missing
  void ((scope: never, query: Steps) => multiHeadAttention({ heads: 2 })(scope, { query }));
});
