import type { TopLevelSpec } from "vega-lite";

/** A Vega-Lite spec with a title and a description: a value to change as you like, for `renderSvg` or any Vega-Lite. */
export type Plot = TopLevelSpec & {
  readonly title: { readonly text: string; readonly subtitle?: string };
  readonly description: string;
};

export interface PlotOptions {
  readonly title?: string;
  /** In pixels, the labels of the axes with it. @default 480 */
  readonly width?: number;
}

/** What every plot of ours has: it is as wide as `width` with its axes. */
export function base(text: string, subtitle: string | undefined, description: string, width: number) {
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: { text, ...(subtitle !== undefined && { subtitle }) },
    description,
    width,
    autosize: { type: "fit-x", contains: "padding" },
  } as const;
}

const whole = new Intl.NumberFormat("en");

/** A count with separators: 12,345. */
export function counted(count: number, noun: string): string {
  return `${whole.format(count)} ${noun}${count === 1 ? "" : "s"}`;
}
