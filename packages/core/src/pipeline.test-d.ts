import { describe, expectTypeOf, test } from "vitest";
import { nearestMean, sideBySide, spread } from "../fixtures/parts.js";
import {
  type Classification,
  type Dense,
  type Extractor,
  type FeatureSet,
  type Fuser,
  type Model,
  pipeline,
  type Regression,
  vector,
} from "./index.js";

type Answer = "buy" | "leave";
declare const words: () => Extractor<string>;
declare const numberFuser: () => Fuser<number>;
declare const slope: () => Model<number, Regression>;

const shopper = pipeline({
  modalities: { review: words(), visits: spread() },
  fuser: sideBySide(),
  model: nearestMean<Answer>(),
});

describe("what is right is inferred without annotations", () => {
  test("samples, targets and output", async () => {
    const fitted = await shopper.fit(
      [{ review: "good", visits: [1, 2] }, { review: null }, {}],
      ["buy", "leave", "buy"],
    );
    const output = await fitted.predict([{ review: "bad" }, { visits: undefined }]);
    expectTypeOf(output).toEqualTypeOf<Classification<Answer>>();
    expectTypeOf(output.labels).toEqualTypeOf<readonly Answer[]>();
    expectTypeOf(fitted.modalities).toEqualTypeOf<readonly ("review" | "visits")[]>();
    expectTypeOf(await fitted.transform([])).toEqualTypeOf<FeatureSet<"review" | "visits">>();
  });

  test("a batch stream for an array", () => {
    const batches = {
      async *[Symbol.asyncIterator]() {
        yield [{ review: "good" }];
      },
    };
    expectTypeOf(shopper.fit).toBeCallableWith(batches, ["buy"]);
  });

  test("a fuser of numbers with a model of numbers", async () => {
    const prices = pipeline({ modalities: { photo: vector() }, fuser: numberFuser(), model: slope() });
    expectTypeOf(await (await prices.fit([{ photo: [1] }], [3])).predict([])).toEqualTypeOf<Regression>();
  });

  test("a loaded pipeline is typed as a fitted one", () => {
    expectTypeOf<ReturnType<typeof shopper.load>>().toEqualTypeOf<ReturnType<typeof shopper.fit>>();
  });

  test("a dense extractor stays dense", async () => {
    expectTypeOf(await (await vector().fit([])).transform([])).toEqualTypeOf<Dense>();
  });
});

describe("what is wrong does not compile", () => {
  test("a wrong modality name", () => {
    // @ts-expect-error "reveiw" is no modality
    shopper.fit([{ reveiw: "good" }], ["buy"]);
  });

  test("a wrong modality name in a prediction", async () => {
    const fitted = await shopper.fit([], []);
    // @ts-expect-error "photo" is no modality
    fitted.predict([{ photo: "a.jpg" }]);
  });

  test("a wrong input type", () => {
    // @ts-expect-error a review is a string
    shopper.fit([{ review: 3 }], ["buy"]);
    // @ts-expect-error visits are numbers
    shopper.fit([{ visits: ["yesterday"] }], ["buy"]);
  });

  test("a wrong label", () => {
    // @ts-expect-error "by" is no answer
    shopper.fit([{ review: "good" }], ["by"]);
  });

  test("a wrong label in a comparison", async () => {
    const { labels } = await (await shopper.fit([], [])).predict([]);
    // @ts-expect-error no label is ever "by"
    labels[0] === "by";
  });

  test("a fuser of other targets than the model's", () => {
    // @ts-expect-error the fuser learns from numbers, the model from answers
    pipeline({ modalities: { review: words() }, fuser: numberFuser(), model: nearestMean<Answer>() });
  });

  test("a part in another's place", () => {
    // @ts-expect-error a fuser is no extractor
    pipeline({ modalities: { review: sideBySide() }, fuser: sideBySide(), model: nearestMean<Answer>() });
    // @ts-expect-error an extractor is no fuser
    pipeline({ modalities: { review: words() }, fuser: words(), model: nearestMean<Answer>() });
    // @ts-expect-error a model of fused features needs a fuser
    pipeline({ modalities: { review: words() }, model: nearestMean<Answer>() });
  });

  test("predicting before fitting", () => {
    // @ts-expect-error a recipe cannot predict
    shopper.predict([{ review: "good" }]);
  });
});
