import type { TypedArray } from "@mmub/core";
import { reject, showShape, sizeOf } from "../graph.js";
import type { Program, TensorSpec } from "../program.js";

/** Throws unless every input and parameter is fed, with as many numbers as its shape has. `part` names the runtime. */
export function checkFeeds(part: string, program: Program, feeds: Readonly<Record<string, TypedArray>>): void {
  for (const spec of [...program.inputs, ...program.parameters]) checkTensor(part, "feed", spec, feeds[spec.name]);
}

/** Throws unless every fetch is an output, with room for as many numbers as its shape has. */
export function checkFetches(part: string, program: Program, fetches: Readonly<Record<string, TypedArray>>): void {
  for (const [name, into] of Object.entries(fetches)) {
    const spec = program.outputs.find((output) => output.name === name);
    if (!spec) {
      const known = program.outputs.map((output) => output.name).join(", ");
      reject("invalid-input", part, `"${name}" is fetched, want one of the outputs: ${known}`);
    }
    checkTensor(part, "fetch", spec, into);
  }
}

export function checkTensor(
  part: string,
  role: string,
  { name, shape, dtype }: TensorSpec,
  got: TypedArray | undefined,
): asserts got is TypedArray {
  const size = sizeOf(shape);
  const want = `want ${size} numbers for ${dtype} ${showShape(shape)}`;
  if (!got) reject("invalid-input", part, `${role} "${name}" is missing, ${want}`, { name });
  if (got.length !== size)
    reject("shape-mismatch", part, `${role} "${name}" has ${got.length} numbers, ${want}`, { name });
}
