/** The luma of the RGB pixel that begins at `at` in whole numbers, as Pillow's `convert("L")`. */
export function greyAt(pixels: Uint8Array, at: number): number {
  return (19595 * pixels[at]! + 38470 * pixels[at + 1]! + 7471 * pixels[at + 2]! + 0x8000) >> 16;
}

/** `greyAt` of all pixels. */
export function greyOf(pixels: Uint8Array, out = new Uint8Array(pixels.length / 3)): Uint8Array {
  for (let i = 0, at = 0; i < out.length; i++, at += 3) out[i] = greyAt(pixels, at);
  return out;
}
