import { expectTypeOf, test } from "vitest";
import { type ClassScore, f1, precision, rocAuc } from "./index.js";

type Act = "buy" | "leave";
declare const truth: Act[];
declare const predicted: Act[];

test("the average decides the result, and a wrong label does not compile", () => {
  expectTypeOf(f1(truth, predicted, { positive: "buy" })).toEqualTypeOf<number>();
  expectTypeOf(precision(truth, predicted, { average: "macro" })).toEqualTypeOf<number>();
  expectTypeOf(precision(truth, predicted, { average: null })).toEqualTypeOf<ClassScore<Act>[]>();
  // @ts-expect-error no such label
  f1(truth, predicted, { positive: "bought" });
  // @ts-expect-error labels of another type
  f1(truth, [1, 2]);
  // @ts-expect-error no such label
  rocAuc(truth, [0.1, 0.2], { positive: "bought" });
});
