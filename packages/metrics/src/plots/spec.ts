import { checkParam } from "@mmub/core";
import type { Language } from "../language.js";

/** A Vega-Lite spec with a title and a description: a value to change as you like, for `renderSvg` or any Vega-Lite. */
export interface Plot extends VegaLiteSpec {
  readonly title: { readonly text: string; readonly subtitle?: readonly string[] };
  readonly description: string;
}

/** Any Vega-Lite spec. Its own types would ask every user for those of a browser. */
export interface VegaLiteSpec {
  readonly [property: string]: unknown;
}

export interface PlotOptions {
  readonly title?: string;
  /** In pixels, the labels of the axes with it. @default 480 */
  readonly width?: number;
  /** Of titles, axes and descriptions. @default "en" */
  readonly language?: Language;
}

/** What every plot of ours has: it is as wide as `width` with its axes. */
export function base(text: string, subtitle: string, description: string, width: number) {
  checkParam("@mmub/metrics/plots", "width", width, Number.isFinite(width) && width >= 100, "a number of at least 100");
  // 7.4 pixels a letter of 13, on the wide side: Vega lays text out without measuring it.
  const lines = wrapped(subtitle, width / 7.4);
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: { text, ...(subtitle && { subtitle: lines }) },
    description,
    width,
    autosize: { type: "fit-x", contains: "padding" },
  } as const;
}

// Breaks at spaces, and between Chinese characters, which are twice as wide, though not before their punctuation.
function wrapped(text: string, most: number): string[] {
  const long = (line: string) => line.length + (line.match(/[\u2e80-\uffef]/g)?.length ?? 0) > most;
  const lines: string[] = [];
  for (const piece of text.match(/[\u2e80-\uffef][,。;:、)”]*|[^\s\u2e80-\uffef]+|\s+/g) ?? []) {
    const line = lines.at(-1);
    if (line !== undefined && !long(line + piece)) lines[lines.length - 1] = line + piece;
    else lines.push(piece.trimStart());
  }
  return lines.map((line) => line.trimEnd());
}

/** Cuts long names where they are shown, so that two that begin alike stay two. */
export const shortLabel = "length(datum.label) > 24 ? slice(datum.label, 0, 23) + '…' : datum.label";

/** A domain with room at its end for text of `letters` beside the last mark. */
export function withRoom([low, high]: readonly [number, number], letters: number, width: number): [number, number] {
  const share = Math.min(0.4, (7.5 * letters + 12) / (0.65 * width));
  return [low, high + ((high - low || 1) * share) / (1 - share)];
}
