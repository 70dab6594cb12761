import { MmubError } from "./errors.js";

/**
 * Loads an optional or native library on first use, so that importing a package of ours loads no native code.
 * Absent, it is `missing-library` with the command that installs it.
 *
 * @example
 * const sharp = await library("@mmub/image/decode", "sharp", () => import("sharp"));
 */
export async function library<T>(part: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new MmubError("missing-library", {
      part,
      message: `"${name}" could not be loaded (${cause instanceof Error ? cause.message.split("\n")[0] : cause}); install it with: npm install ${name}`,
      cause,
      library: name,
    });
  }
}
