import { MmubError } from "@mmub/core";
import { onnx } from "./onnx.js";
import type { Runtime } from "./runtime.js";
import { tfjs } from "./tfjs.js";

/**
 * The fastest runtime that is installed and loads; its `name` says which. In this order: onnxruntime-node; tfjs-node-gpu, if it has found
 * a GPU; onnxruntime-web, which is always installed with this package; tfjs. For another choice, such as onnxruntime-node on a GPU, call
 * `onnx` or `tfjs` with what you want. Where there is none: `missing-library` with the command that installs one.
 *
 * @example
 * const runtime = await auto();
 * console.log(runtime.name); // onnxruntime-node 1.30.0 (cpu)
 */
export async function auto(): Promise<Runtime> {
  return (
    (await installed(() => onnx({ package: "onnxruntime-node" }))) ??
    (await installed(onGpu)) ??
    (await installed(() => onnx({ package: "onnxruntime-web" }))) ??
    (await installed(() => tfjs())) ??
    none()
  );
}

function none(): never {
  throw new MmubError("missing-library", {
    part: "@mmub/nn/auto",
    message:
      "no runtime is installed, neither onnxruntime-node nor onnxruntime-web nor a build of tfjs; install the fastest with: npm install onnxruntime-node",
    library: "onnxruntime-node",
  });
}

async function onGpu(): Promise<Runtime | undefined> {
  const name = "@tensorflow/tfjs-node-gpu";
  const runtime = await tfjs({ package: name, backend: "tensorflow" });
  const module = (await import(/* @vite-ignore */ name)) as { default?: TfGpu } & TfGpu;
  // Without a GPU it is TensorFlow on the CPU, which onnxruntime-web is faster than.
  return (module.default ?? module).findBackend("tensorflow")?.isUsingGpuDevice ? runtime : undefined;
}

interface TfGpu {
  findBackend(name: string): { readonly isUsingGpuDevice?: boolean } | null;
}

async function installed<T>(make: () => Promise<T>): Promise<T | undefined> {
  try {
    return await make();
  } catch (error) {
    if (MmubError.is(error) && error.code === "missing-library") return undefined;
    throw error;
  }
}
