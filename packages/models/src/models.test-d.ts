import { type Classification, type Fuser, type Label, type Model, pipeline, type Regression, vector } from "@mmub/core";
import { expectTypeOf, test } from "vitest";
import { logisticRegression } from "./logistic-regression.js";
import { ridge } from "./ridge.js";

declare const fuser: Fuser;
const modalities = { taste: vector() };

test("labels are those named, or any label", () => {
  const named = pipeline({ modalities, fuser, model: logisticRegression<"buy" | "leave">() });
  expectTypeOf(named.fit).parameter(1).toEqualTypeOf<readonly ("buy" | "leave")[]>();
  type Predicted = Awaited<ReturnType<Awaited<ReturnType<typeof named.fit>>["predict"]>>;
  expectTypeOf<Predicted>().toEqualTypeOf<Classification<"buy" | "leave">>();

  const any = pipeline({ modalities, fuser, model: logisticRegression() });
  expectTypeOf(any.fit).parameter(1).toEqualTypeOf<readonly Label[]>();
});

test("a wrong label does not compile", () => {
  const model = logisticRegression<"buy" | "leave">({ C: [1, 10] });
  // @ts-expect-error "stay" is no label of this model
  void (() => model.fit({} as never, ["buy", "stay"]));
});

test("they are models, and a fit knows more than a model must", () => {
  expectTypeOf(logisticRegression<number>()).toExtend<Model<number, Classification<number>>>();
  expectTypeOf(ridge()).toExtend<Model<number, Regression>>();
  type Fitted = Awaited<ReturnType<ReturnType<typeof logisticRegression<number>>["fit"]>>;
  expectTypeOf<Fitted["classes"]>().toEqualTypeOf<readonly number[]>();
  const spend = pipeline({ modalities, fuser, model: ridge() });
  expectTypeOf(spend.fit).parameter(1).toEqualTypeOf<readonly number[]>();
});
