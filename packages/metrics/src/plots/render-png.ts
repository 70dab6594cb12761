import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { checkParam, library, MmubError, show } from "@mmub/core";
import { type RenderOptions, renderSvg } from "./render.js";
import type { VegaLiteSpec } from "./spec.js";
import { themes } from "./theme.js";

const part = "@mmub/metrics/render-png";

export interface RenderPngOptions extends RenderOptions {
  /** Pixels of the picture for one of the plot. @default 2 */
  readonly scale?: number;
  /** A colour, or "transparent". @default the theme's page */
  readonly background?: string;
  /** Paths of TrueType or OpenType fonts, tried in this order, such as one with Chinese letters. @default those of `dejavu-fonts-ttf` and of the system */
  readonly fonts?: readonly string[];
}

/**
 * A Vega-Lite spec as the bytes of a PNG file, as `renderSvg` draws it; no browser takes part.
 *
 * Needs `@resvg/resvg-js` (`npm install @resvg/resvg-js`), and letters to write with: `fonts`, those of the system, or `npm install dejavu-fonts-ttf`
 * where a machine has none, as small containers do; without any it is `missing-library`, for a plot without its words is none. Rejects what
 * `renderSvg` does, and a font that is not there. Cost: some 50 ms a plot.
 *
 * @example
 * const png = await renderPng(trainingCurve([{ loss: 0.9 }, { loss: 0.5 }, { loss: 0.4 }]), { scale: 1 });
 * console.log(png.length);
 */
export async function renderPng(spec: VegaLiteSpec, options: RenderPngOptions = {}): Promise<Uint8Array> {
  const { theme = "light", scale = 2, fonts } = options;
  checkParam(part, "scale", scale, scale > 0 && scale <= 10, "a number above 0, at most 10");
  for (const [at, font] of (fonts ?? []).entries())
    if (typeof font !== "string" || !existsSync(font))
      throw new MmubError("invalid-params", {
        part,
        message: `font ${at} is ${show(font)}, want the path of a file`,
        index: at,
      });
  const svg = await renderSvg(spec, { theme });
  const { Resvg } = await library(part, "@resvg/resvg-js", () => import("@resvg/resvg-js"));
  const found = fonts ?? dejavu();
  const font = {
    fontFiles: [...found],
    loadSystemFonts: true,
    ...(found === fonts || found.length === 0
      ? {}
      : { defaultFontFamily: "DejaVu Sans", sansSerifFamily: "DejaVu Sans" }),
  };
  // A letter that no font has is drawn as what no letter is: nothing, or a box.
  const drawn = (letter: string) =>
    new Resvg(
      `<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="16" font-size="16" font-family="sans-serif">${letter}</text></svg>`,
      { font },
    )
      .render()
      .asPng();
  const unknown = drawn("\u{10fffd}");
  const [chinese = "a"] = /[\u3400-\u9fff]/.exec(svg) ?? [];
  for (const letter of ["a", chinese])
    if (drawn(letter).equals(unknown))
      throw new MmubError("missing-library", {
        part,
        message: `no font has the letter "${letter}"; ${letter === "a" ? "install one with: npm install dejavu-fonts-ttf, or " : ""}name files as fonts that have it`,
        ...(letter === "a" && { library: "dejavu-fonts-ttf" }),
      });
  try {
    const { background = themes[theme].page } = options;
    return new Resvg(svg, { font, background, fitTo: { mode: "zoom", value: scale } }).render().asPng();
  } catch (cause) {
    throw new MmubError("invalid-params", {
      part,
      message: `the plot cannot be drawn (${cause instanceof Error ? cause.message : cause}); check background: ${show(options.background)}`,
      cause,
    });
  }
}

/** The fonts of the package, where it is installed. */
function dejavu(): readonly string[] {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve("dejavu-fonts-ttf/package.json"));
    return ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"].map((name) => join(folder, "ttf", name));
  } catch {
    return [];
  }
}
