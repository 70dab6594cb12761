import { MmubError } from "./errors.js";

/**
 * Loads an optional or native library on first use, so that importing a package of ours loads no native code.
 * Absent, it is `missing-library` with the command that installs it: `name`, or what `install` says.
 *
 * @example
 * const sharp = await library("@mmub/image/decode", "sharp", () => import("sharp"));
 */
export async function library<T>(part: string, name: string, load: () => Promise<T>, install = name): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    // Node says where it was asked from, a file of ours.
    const reason = cause instanceof Error ? cause.message.split("\n")[0]!.replace(/ imported from .*/, "") : cause;
    throw new MmubError("missing-library", {
      part,
      message: `"${name}" could not be loaded (${reason}); install it with: npm install ${install}`,
      cause,
      library: name,
    });
  }
}
