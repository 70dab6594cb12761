import type { Runtime, RuntimeRecipe } from "./runtime.js";

/** The runtime of a recipe, in this thread. */
export async function remake({ kind, options }: RuntimeRecipe): Promise<Runtime> {
  switch (kind) {
    case "onnx":
      return (await import("./onnx.js")).onnx(options);
    case "reference":
      return (await import("./reference.js")).reference();
    case "tfjs":
      return (await import("./tfjs.js")).tfjs(options);
  }
}
