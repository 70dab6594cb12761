import { type Kernels, kernels } from "@mmub/kernels";

/** Numbers of a block: what stays in the second cache. */
export const blockNumbers = 2 ** 16;

// One memory for all: it holds nothing from one call to the next.
let room: { readonly kernels: Kernels; readonly numbers: Float32Array } | undefined;

/** Blocks of `x`, copied one after the other to where kernels can reach them. */
export function* inRoom(
  x: Float32Array,
): Generator<{ readonly kernels: Kernels; readonly copy: Float32Array; readonly block: Float32Array }> {
  if (!room) {
    const k = kernels({ bytes: 4 * blockNumbers });
    room = { kernels: k, numbers: k.float32(blockNumbers) };
  }
  const { kernels: k, numbers } = room;
  for (let at = 0; at < x.length; at += blockNumbers) {
    const block = x.subarray(at, at + blockNumbers);
    const copy = numbers.subarray(0, block.length);
    copy.set(block);
    yield { kernels: k, copy, block };
  }
}
