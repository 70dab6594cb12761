import type { Classification, Label, Model } from "@mmub/core";
import { expectTypeOf, test } from "vitest";
import { type Block, concat, type Fuser, lateFusion, pipeline, vector, weightedSum } from "./index.js";

declare function classifier<L extends Label>(): Model<L, Classification<L>>;

test("both are fusers of any target, and their fitted parts say more", () => {
  expectTypeOf(concat()).toExtend<Fuser<"buy" | "leave">>();
  expectTypeOf(weightedSum()).toExtend<Fuser<number>>();
  type Fitted<F extends Fuser> = Awaited<ReturnType<F["fit"]>>;
  expectTypeOf<Fitted<ReturnType<typeof concat>>["blocks"]>().toEqualTypeOf<readonly Block[]>();
  expectTypeOf<Fitted<ReturnType<typeof weightedSum>>["weights"]>().toEqualTypeOf<Readonly<Record<string, number>>>();
});

test("in a pipeline the labels and the modalities stay those of the model and the extractors", () => {
  for (const fuser of [concat(), weightedSum()]) {
    const shopper = pipeline({ modalities: { taste: vector() }, fuser, model: classifier<"buy" | "leave">() });
    shopper.fit([{ taste: [1] }, {}], ["buy", "leave"]);
    // @ts-expect-error no such label
    shopper.fit([{ taste: [1] }], ["stay"]);
    // @ts-expect-error no such modality
    shopper.fit([{ tase: [1] }], ["buy"]);
  }
});

test("wrong params do not compile", () => {
  // @ts-expect-error no such scale
  concat({ scale: "minmax" });
  // @ts-expect-error a weight is a number
  concat({ weights: { photo: "high" } });
  // @ts-expect-error a number or "shared"
  weightedSum({ dimensions: "all" });
  // @ts-expect-error only weightedSum projects
  concat({ dimensions: 8 });
});

test("late fusion predicts what its models do, and says from how many modalities", () => {
  const model = lateFusion({ models: { taste: classifier<"buy" | "leave">(), visits: classifier<"buy" | "leave">() } });
  const shopper = pipeline({ modalities: { taste: vector(), visits: vector() }, model });
  type Fitted = Awaited<ReturnType<(typeof shopper)["fit"]>>;
  type Output = Awaited<ReturnType<Fitted["predict"]>>;
  expectTypeOf<Output["labels"]>().toEqualTypeOf<readonly ("buy" | "leave")[]>();
  expectTypeOf<Output["modalitiesSeen"]>().toEqualTypeOf<Uint8Array>();
  // @ts-expect-error no such label
  shopper.fit([{ taste: [1] }], ["stay"]);
  shopper.fit([{ taste: [1] }], ["buy"], { seed: 1, groups: ["speaker 1"] });
  // @ts-expect-error a group is an id
  shopper.fit([{ taste: [1] }], ["buy"], { groups: [null] });
  // @ts-expect-error a model without groups takes none
  pipeline({ modalities: { taste: vector() }, fuser: concat(), model: classifier() }).fit([], [], { groups: ["a"] });
  // @ts-expect-error no such rule
  lateFusion({ models: { taste: classifier() }, rule: "vote" });
});
