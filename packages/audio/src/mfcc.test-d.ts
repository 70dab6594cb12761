import type { Dense, Extractor } from "@mmub/core";
import { expectTypeOf, test } from "vitest";
import { type AudioInput, type FrameExtractor, mfcc } from "./index.js";

test("the output param says what comes out", () => {
  expectTypeOf(mfcc()).toEqualTypeOf<Extractor<AudioInput, Dense>>();
  expectTypeOf(mfcc({ coefficients: 13, statistics: ["mean", "p10"] })).toEqualTypeOf<Extractor<AudioInput, Dense>>();
  expectTypeOf(mfcc({ output: "statistics" })).toEqualTypeOf<Extractor<AudioInput, Dense>>();
  expectTypeOf(mfcc({ output: "frames", coefficients: 13 })).toEqualTypeOf<FrameExtractor>();
});

test("what does not fit does not compile", () => {
  // @ts-expect-error statistics are of the other output
  mfcc({ output: "frames", statistics: ["mean"] });
  // @ts-expect-error no such statistic
  mfcc({ statistics: ["average"] });
  // @ts-expect-error no such window
  mfcc({ window: "hanning" });
});
