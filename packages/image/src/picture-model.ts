// An ONNX model that takes a batch of pictures, for encoders and detectors.
import { readFile } from "node:fs/promises";
import { listed, localPath, MmubError, type ModelFile, modelHash } from "@mmub/core";
import type { OnnxOutput, OnnxRuntimeOptions } from "@mmub/nn";
import type { TensorWriter } from "./image-tensor.js";

export interface PictureModel {
  /** Of the model's file. */
  readonly sha256: string;
  /** Pictures at a time, of a model made for one number of them. */
  readonly rows: number | undefined;
  /** The outputs for so many pictures, in the order in which they were asked for; the first axis is the pictures. */
  run(pixels: Float32Array, rows: number): Promise<OnnxOutput[]>;
  dispose(): Promise<void>;
}

interface OpenOptions extends OnnxRuntimeOptions {
  /** Names of outputs. @default with `cut` the first one, else all */
  readonly outputs?: readonly string[];
  /** Whether the output may be any value inside, behind which nothing is computed. */
  readonly cut?: boolean;
  /** Of a model that is loaded again: the hash that was saved, to refuse another model. @default any model */
  readonly saved?: { readonly sha256: unknown } | undefined;
  readonly signal?: AbortSignal;
}

/** Loads a model and checks that it takes what `writer` prepares. */
export async function openPictureModel(
  part: string,
  model: ModelFile,
  writer: TensorWriter,
  { outputs, cut = false, saved, signal, ...options }: OpenOptions,
): Promise<PictureModel> {
  const source = model instanceof Uint8Array ? model : await localPath(part, model, signal);
  const sha256 = await modelHash(part, source);
  signal?.throwIfAborted();
  if (saved && saved.sha256 !== sha256)
    throw new MmubError("saved-mismatch", {
      part,
      message: `the model has SHA-256 ${sha256}, when saved ${saved.sha256}; give the one that it was fitted with, as what others give means something else`,
      saved: saved.sha256,
    });
  // On first use: with it, importing this package takes twice as long.
  const { cutOnnx, onnxModel } = await import("@mmub/nn");
  const at = cut ? outputs?.[0] : undefined;
  const bytes = at === undefined ? source : cutOnnx(source instanceof Uint8Array ? source : await readFile(source), at);
  const opened = await onnxModel(bytes, options);
  const fail = async (code: "invalid-input" | "shape-mismatch", message: string): Promise<never> => {
    await opened.dispose();
    throw new MmubError(code, { part, message });
  };
  const [input, ...others] = opened.inputs;
  if (!input || others.length > 0)
    return fail(
      "invalid-input",
      `the model takes ${listed(opened.inputs.map(({ name }) => name)) || "nothing"}, want one input of pictures; name a layer that hangs on pictures alone`,
    );
  const known = opened.outputs.map(({ name }) => name);
  const wanted = at === undefined ? (outputs ?? (cut ? known.slice(0, 1) : known)) : known;
  const missing = wanted.find((name) => !known.includes(name));
  if (missing !== undefined)
    return fail("invalid-input", `the model has no output "${missing}", want one of ${listed(known)}`);
  const { shape = [] } = input;
  const fixed = shape.map((length) => (typeof length === "number" && length > 0 ? length : undefined));
  const fits =
    shape.length === 0 ||
    (shape.length === 4 && writer.shape.every((length, i) => (fixed[i + 1] ?? length) === length));
  if (!fits)
    return fail(
      "shape-mismatch",
      `the model takes [${shape.map((length) => length || "any").join(", ")}], and pictures are prepared as [batch, ${writer.shape.join(", ")}]; set width, height, layout and channels`,
    );
  const rows = fixed[0];
  return {
    sha256,
    rows,
    async run(pixels, count) {
      const size = rows ?? count;
      let data = pixels;
      if (size !== count) {
        data = new Float32Array(size * writer.size);
        data.set(pixels);
      }
      const results = await opened.run({ [input.name]: { shape: [size, ...writer.shape], data } }, { outputs: wanted });
      return wanted.map((name) => {
        const output = results[name]!;
        if (!output.dtype.startsWith("float"))
          throw new MmubError("invalid-input", { part, message: `output "${name}" is ${output.dtype}, want floats` });
        if (output.shape[0] !== size)
          throw new MmubError("shape-mismatch", {
            part,
            message: `output "${name}" is [${output.shape.join(", ")}] for ${size} pictures, want one row for each`,
          });
        return output;
      });
    },
    dispose: () => opened.dispose(),
  };
}
