import type { Classification, Dense, Extractor, Model, Sequence } from "@mmub/core";
import { expectTypeOf, test } from "vitest";
import {
  cnnEncoder,
  type Detection,
  type ImageInput,
  imageHead,
  imageNetwork,
  imagePresets,
  imageTensor,
  objectDetector,
  zeroShot,
} from "./index.js";

const model = "model.onnx";
type Pictures = readonly (ImageInput | null)[];

test("encoders give Dense, and a Sequence where places stay apart", () => {
  expectTypeOf(cnnEncoder({ model })).toEqualTypeOf<Extractor<ImageInput, Dense>>();
  expectTypeOf(cnnEncoder({ model, pooling: "max" })).toEqualTypeOf<Extractor<ImageInput, Dense>>();
  expectTypeOf(cnnEncoder({ model, pooling: "none" })).toEqualTypeOf<Extractor<ImageInput, Sequence>>();
  expectTypeOf(cnnEncoder({ model, ...imagePresets.clip })).toEqualTypeOf<Extractor<ImageInput, Dense>>();
  expectTypeOf(imageTensor(imagePresets.mobilenetKeras)).toEqualTypeOf<Extractor<ImageInput, Dense>>();
});

test("detectors are extractors that can tell boxes", () => {
  const detector = objectDetector({ model, head: "yolov8", labels: ["shoe"] });
  expectTypeOf(detector).toExtend<Extractor<ImageInput, Dense>>();
  type Fitted = Awaited<ReturnType<typeof detector.fit>>;
  expectTypeOf<Fitted["detect"]>().returns.resolves.toEqualTypeOf<(Detection[] | null)[]>();
});

test("models of pictures predict the labels that they were given", () => {
  const encoder = cnnEncoder({ model });
  expectTypeOf(imageNetwork<"a" | "b">()).toExtend<Model<"a" | "b", Classification<"a" | "b">, Pictures>>();
  expectTypeOf(imageHead<number>({ encoder })).toExtend<Model<number, Classification<number>, Pictures>>();
});

test("wrong params do not compile", () => {
  // @ts-expect-error a model is needed
  cnnEncoder({});
  // @ts-expect-error no such pooling
  cnnEncoder({ model, pooling: "sum" });
  // @ts-expect-error SSD needs its default boxes
  objectDetector({ model, head: "ssd", labels: ["shoe"] });
  // @ts-expect-error a Sequence is no vector to compare
  zeroShot({ image: cnnEncoder({ model, pooling: "none" }), text: {} as Extractor<string, Dense>, labels: ["shoe"] });
  // @ts-expect-error the rate does not fall by itself where the loss stays
  imageNetwork({ schedule: { type: "plateau", factor: 0.1, patience: 1, minDelta: 0, to: 0, warmUp: 0 } });
});
