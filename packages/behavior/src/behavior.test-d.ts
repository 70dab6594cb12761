import type { Dense, Extractor, Sparse } from "@mmub/core";
import { expectTypeOf, test } from "vitest";
import { type Attributes, type BehaviorEvent, columns, rfm } from "./index.js";

test("extractors of attributes and of lists of events", () => {
  expectTypeOf(columns()).toEqualTypeOf<Extractor<Attributes, Dense>>();
  expectTypeOf(columns({ log: ["income"] })).toEqualTypeOf<Extractor<Attributes, Dense>>();
  expectTypeOf(columns({ output: "sparse" })).toEqualTypeOf<Extractor<Attributes, Sparse>>();
  expectTypeOf(rfm()).toEqualTypeOf<Extractor<readonly BehaviorEvent[], Dense>>();
});

test("wrong params and inputs do not compile", () => {
  // @ts-expect-error no such scale
  columns({ scale: "max" });
  // @ts-expect-error no such type of attribute
  columns({ types: { age: "integer" } });
  // @ts-expect-error an attribute is one value
  columns().fit([{ tags: ["a", "b"] }]);
  // @ts-expect-error days, in a list
  rfm({ windowsDays: 30 });
  // @ts-expect-error an event has a time
  rfm().fit([[{ value: 3 }]]);
});
