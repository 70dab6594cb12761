import { createHash } from "node:crypto";
import { checkParam, library, MmubError, show } from "@mmub/core";
import type { TopLevelSpec } from "vega-lite";
import type { VegaLiteSpec } from "./spec.js";
import { fonts, plotConfig, themes } from "./theme.js";

const part = "@mmub/metrics/render-svg";

export interface RenderOptions {
  /** Colours for a light or for a dark background; the plot's own background is transparent. @default "light" */
  readonly theme?: "light" | "dark";
}

/**
 * A Vega-Lite spec, one of ours or your own, as the text of an SVG file; no browser takes part.
 *
 * The SVG stands alone: system fonts, no script, nothing loaded, and its title and description are there for screen readers. The
 * same spec gives the same bytes. Rejects a spec that cannot be drawn and one that loads data from elsewhere (`invalid-input`).
 * Cost: about 10 ms a plot after some 200 ms for loading Vega on first use.
 *
 * @example
 * const spec = trainingCurve([{ loss: 0.9 }, { loss: 0.5 }, { loss: 0.4 }]);
 * const svg = await renderSvg({ ...spec, width: 400 }, { theme: "dark" });
 */
export async function renderSvg(spec: VegaLiteSpec, options: RenderOptions = {}): Promise<string> {
  const { theme = "light" } = options;
  checkParam(part, "theme", theme, Object.hasOwn(themes, theme), '"light" or "dark"');
  if (typeof spec !== "object" || spec === null)
    throw new MmubError("invalid-input", { part, message: `the spec is ${show(spec)}, want a Vega-Lite spec` });
  return drawSvg(spec, theme, textOf(spec.title) || "Plot");
}

/** `renderSvg` under a name of its own, for a plot whose title is shown elsewhere. */
export async function drawSvg(spec: VegaLiteSpec, theme: "light" | "dark", name: string): Promise<string> {
  const vega = (await library(part, "vega", () => import("vega"))) as unknown as Vega;
  const { compile } = await library(part, "vega-lite", () => import("vega-lite"));
  return alone(async () => {
    const { textMetrics } = vega;
    const { width } = textMetrics;
    const { logger, loader, check } = watch();
    textMetrics.width = textWidth;
    try {
      // Vega marks the values that it reads: a copy leaves the caller's as they were.
      const compiled = compile(structuredClone(spec) as unknown as TopLevelSpec, {
        config: plotConfig(themes[theme]),
        logger: logger as never,
      });
      const view = new vega.View(vega.parse(compiled.spec), { renderer: "none", logger, loader });
      const svg = await view.toSVG();
      view.finalize();
      check();
      return labelled(svg, name, spec.description);
    } catch (cause) {
      if (MmubError.is(cause)) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new MmubError("invalid-input", {
        part,
        message: `the spec cannot be drawn (${reason}), want a Vega-Lite spec; check its mark and encoding`,
        cause,
      });
    } finally {
      textMetrics.width = width;
    }
  });
}

/** What we call of Vega; its types lack `textMetrics`. */
interface Vega {
  readonly textMetrics: { width: (item: TextItem, text: string) => number };
  parse(spec: unknown): unknown;
  readonly View: new (
    runtime: unknown,
    options: { readonly renderer: "none"; readonly logger: object; readonly loader: object },
  ) => { toSVG(): Promise<string>; finalize(): void };
}

interface TextItem {
  readonly fontSize?: number;
  readonly fontWeight?: number | string;
}

// Vega only logs an error, or that data could not be loaded, and draws on: the first of either is thrown here instead.
// Other warnings are about looks and stay quiet.
function watch() {
  let first: unknown;
  const quiet = () => logger;
  const logger = {
    level: quiet,
    warn: quiet,
    info: quiet,
    debug: quiet,
    error: (...parts: unknown[]) => {
      first ??= parts.find((each) => each instanceof Error) ?? parts.join(" ");
      return logger;
    },
  };
  const refuse = async (uri: unknown): Promise<never> => {
    first ??= new MmubError("invalid-input", {
      part,
      message: `the spec loads ${show(uri)}, want its data as values: a plot stands alone`,
    });
    throw first;
  };
  return {
    logger,
    loader: { load: refuse, sanitize: refuse, http: refuse, file: refuse },
    check: () => {
      if (first !== undefined) throw first;
    },
  };
}

// One plot at a time, because the width of text is a setting of all of Vega that is put back afterwards.
let queue: Promise<unknown> = Promise.resolve();
function alone<T>(run: () => Promise<T>): Promise<T> {
  const mine = queue.then(run);
  queue = mine.catch(() => {});
  return mine;
}

// Without a canvas Vega takes every letter for 0.8 em. These are the widths of DejaVu Sans in em, the widest of the
// common sans-serif fonts, the same on every machine: labels are never cut.
function textWidth({ fontSize = 11, fontWeight }: TextItem, text: string): number {
  let width = 0;
  for (const letter of String(text)) {
    if (letter > "\u2e7f" || letter === "…") width += 1;
    else if (/[iljI.,:;'|!]/.test(letter)) width += 0.29;
    else if (/[frt()[\]/\\ -]/.test(letter)) width += 0.36;
    else if (/[mwMW@%]/.test(letter)) width += 0.95;
    else width += /[A-Z&]/.test(letter) ? 0.74 : 0.62;
  }
  return width * fontSize * (fontWeight === "bold" || Number(fontWeight) >= 600 ? 1.07 : 1);
}

function labelled(svg: string, name: string, description: unknown): string {
  // Vega counts ids over the life of the process. Counted anew and marked with the plot's hash, they repeat from run to run
  // and differ from those of the other plots of a page.
  const ids = [...svg.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]!);
  const counted = svg
    .replace(/ id="([^"]+)"/g, (_, own: string) => ` id="${ids.indexOf(own)}"`)
    .replace(/url\(#([^)]+)\)/g, (_, own: string) => `url(#${ids.indexOf(own)})`);
  const id = `plot-${createHash("sha256").update(counted).digest("hex").slice(0, 10)}`;
  const drawing = counted.replace(/<[^>]+>/g, (tag) =>
    tag
      .replace(/ id="([^"]+)"/, ` id="${id}-$1"`)
      .replace(/url\(#([^)]+)\)/g, `url(#${id}-$1)`)
      // The plot is one image with a description: its marks are not announced one by one.
      .replace(/ (?:role|aria-roledescription|aria-label)="[^"]*"/g, "")
      .replace(` font-family="${fonts}"`, ""),
  );
  const attributes = `role="img" aria-labelledby="${id}-title${description ? ` ${id}-desc` : ""}" font-family="${fonts}"`;
  const title = `<title id="${id}-title">${escapeXml(name)}</title>`;
  const text = description ? `<desc id="${id}-desc">${escapeXml(String(description))}</desc>` : "";
  return drawing.replace(/<svg ([^>]*)>/, (_, own: string) => `<svg ${attributes} ${own}>${title}${text}`);
}

function textOf(title: unknown): string {
  if (typeof title === "string") return title;
  if (Array.isArray(title)) return title.filter((line) => typeof line === "string").join(" ");
  return typeof title === "object" && title !== null && "text" in title ? textOf(title.text) : "";
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
