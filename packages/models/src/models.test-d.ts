import { type Classification, type Fuser, type Label, type Model, pipeline, type Regression, vector } from "@mmub/core";
import { type Bag, dense, globalMeanPool, type Steps, type Tokens, type Value } from "@mmub/nn";
import { expectTypeOf, test } from "vitest";
import { linearSvm } from "./linear-svm.js";
import { logisticRegression } from "./logistic-regression.js";
import { type Architecture, customNetwork, mlp, rnn } from "./network/architecture.js";
import { networkClassifier, networkRegressor } from "./network.js";
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
  expectTypeOf(linearSvm<number>()).toExtend<Model<number, Classification<number>>>();
  expectTypeOf(linearSvm<"buy" | "leave">().fit).parameter(1).toEqualTypeOf<readonly ("buy" | "leave")[]>();
  expectTypeOf(ridge()).toExtend<Model<number, Regression>>();
  type Fitted = Awaited<ReturnType<ReturnType<typeof logisticRegression<number>>["fit"]>>;
  expectTypeOf<Fitted["classes"]>().toEqualTypeOf<readonly number[]>();
  const spend = pipeline({ modalities, fuser, model: ridge() });
  expectTypeOf(spend.fit).parameter(1).toEqualTypeOf<readonly number[]>();
});

test("networks are models of labels or of numbers", () => {
  const model = networkClassifier<"buy" | "leave">({ network: rnn({ units: 8 }) });
  expectTypeOf(model).toExtend<Model<"buy" | "leave", Classification<"buy" | "leave">>>();
  expectTypeOf(networkClassifier()).toExtend<Model<Label, Classification>>();
  expectTypeOf(networkRegressor()).toExtend<Model<number, Regression>>();
  type Fitted = Awaited<ReturnType<typeof model.fit>>;
  expectTypeOf<Fitted["classes"]>().toEqualTypeOf<readonly ("buy" | "leave")[]>();
  expectTypeOf<Awaited<ReturnType<Fitted["predict"]>>>().toEqualTypeOf<Classification<"buy" | "leave">>();
  const named = pipeline({ modalities, fuser, model });
  expectTypeOf(named.fit).parameter(1).toEqualTypeOf<readonly ("buy" | "leave")[]>();
  // @ts-expect-error "stay" is no label of this model
  void (() => model.fit({} as never, ["buy", "stay"]));
  // @ts-expect-error nor of its validation
  void (() => model.fit({} as never, ["buy"], { validation: { x: {} as never, targets: ["stay"] } }));
  // @ts-expect-error a regressor has no classes
  void (() => networkRegressor({ classWeight: "balanced" }));
  // @ts-expect-error an activation goes by its name, so that it can be saved
  void (() => mlp({ activation: (x: Value) => x }));
});

test("what a network of one's own sees is typed by its input", () => {
  expectTypeOf(
    customNetwork({
      input: "steps",
      build: (scope, steps, outputs) => {
        expectTypeOf(steps).toEqualTypeOf<Steps>();
        expectTypeOf(outputs).toEqualTypeOf<number>();
        return dense({ units: outputs })(scope, globalMeanPool()(scope, steps));
      },
    }),
  ).toEqualTypeOf<Architecture>();
  type Seen<Kind extends "vector" | "tensor" | "steps" | "tokens" | "bag"> = Parameters<
    Parameters<typeof customNetwork<Kind>>[0]["build"]
  >[1];
  expectTypeOf<Seen<"vector">>().toEqualTypeOf<Value>();
  expectTypeOf<Seen<"tensor">>().toEqualTypeOf<Value>();
  expectTypeOf<Seen<"tokens">>().toEqualTypeOf<Tokens>();
  expectTypeOf<Seen<"bag">>().toEqualTypeOf<Bag>();
  // @ts-expect-error tokens are no value
  void (() => customNetwork({ input: "tokens", build: (scope, x) => dense({ units: 1 })(scope, x) }));
});
