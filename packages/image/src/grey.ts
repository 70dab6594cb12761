/** The luma of RGB pixels in whole numbers, as Pillow's `convert("L")`. */
export function greyOf(pixels: Uint8Array, out = new Uint8Array(pixels.length / 3)): Uint8Array {
  for (let i = 0, at = 0; i < out.length; i++, at += 3)
    out[i] = (19595 * pixels[at]! + 38470 * pixels[at + 1]! + 7471 * pixels[at + 2]! + 0x8000) >> 16;
  return out;
}
