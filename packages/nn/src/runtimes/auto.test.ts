import { expect, test, vi } from "vitest";
import { auto } from "./auto.js";

test("onnxruntime-node, where it is not installed onnxruntime-web, and else tfjs", async () => {
  expect((await auto()).name).toMatch(/^onnxruntime-node /);
  const gone = (name: string) =>
    vi.doMock(name, () => {
      throw new Error("not here");
    });
  gone("onnxruntime-node");
  expect((await auto()).name).toMatch(/^onnxruntime-web /);
  gone("onnxruntime-web");
  expect((await auto()).name).toMatch(/^tfjs/);
  gone("@tensorflow/tfjs-core");
  await expect(auto()).rejects.toMatchObject({
    code: "missing-library",
    message: expect.stringMatching(/^nn\/auto: no runtime is installed.*: npm install onnxruntime-node$/),
  });
});
