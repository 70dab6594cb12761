import type { Config } from "vega-lite";

/** The colours of plots and reports; text has a contrast of 4.5 at least, marks of 3, and the categories differ in every kind of colour vision. */
export interface Theme {
  readonly page: string;
  readonly panel: string;
  readonly ink: string;
  readonly muted: string;
  readonly line: string;
  readonly accent: string;
  readonly good: string;
  readonly bad: string;
  readonly categories: readonly string[];
  /** Shares from 0 to 1 in five steps, and the text that reads on each. */
  readonly steps: readonly { readonly fill: string; readonly text: string }[];
}

export const themes: { readonly light: Theme; readonly dark: Theme } = {
  light: {
    page: "#ffffff",
    panel: "#f4f6f9",
    ink: "#17212b",
    muted: "#51606e",
    line: "#d5dce3",
    accent: "#1f5fa8",
    good: "#17693a",
    bad: "#a3281f",
    categories: ["#1f5fa8", "#d55d62", "#849a0b", "#622353", "#c678a4", "#751608"],
    steps: [
      { fill: "#eaf1f9", text: "#17212b" },
      { fill: "#c3d8ee", text: "#17212b" },
      { fill: "#8db5de", text: "#17212b" },
      { fill: "#2f6fb5", text: "#ffffff" },
      { fill: "#103f78", text: "#ffffff" },
    ],
  },
  dark: {
    page: "#12181f",
    panel: "#1b232c",
    ink: "#e9eef3",
    muted: "#a9b5c1",
    line: "#36424e",
    accent: "#7db4f5",
    good: "#7fd39b",
    bad: "#f4918a",
    categories: ["#7db4f5", "#d55d62", "#ecd551", "#b86b97", "#d0f3ae", "#659106"],
    steps: [
      { fill: "#1e2a37", text: "#e9eef3" },
      { fill: "#25415f", text: "#e9eef3" },
      { fill: "#2f5f92", text: "#ffffff" },
      { fill: "#6aa5e8", text: "#0c1116" },
      { fill: "#b5d5fb", text: "#0c1116" },
    ],
  },
};

/** System fonts: nothing is loaded, and Chinese text finds a font of the reader's machine. */
export const fonts = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Noto Sans', sans-serif";

/** How a theme looks in Vega-Lite. Specs name the styles and hold no colour, so that one spec serves both themes. */
export function plotConfig({ ink, muted, line, accent, categories, steps }: Theme): Config {
  return {
    background: "transparent",
    font: fonts,
    padding: 4,
    view: { stroke: "transparent" },
    title: {
      color: ink,
      fontSize: 16,
      fontWeight: 600,
      subtitleColor: muted,
      subtitleFontSize: 13,
      subtitlePadding: 5,
      anchor: "start",
      frame: "bounds",
      offset: 14,
    },
    axis: {
      labelColor: muted,
      labelFontSize: 12,
      labelLimit: 0,
      titleColor: ink,
      titleFontSize: 12,
      titleFontWeight: 600,
      titleLimit: 0,
      titlePadding: 10,
      gridColor: line,
      domainColor: line,
      tickColor: line,
      tickSize: 4,
    },
    axisBand: { ticks: false, domain: false, labelColor: ink, labelPadding: 8 },
    legend: {
      labelColor: ink,
      labelFontSize: 12,
      labelLimit: 0,
      titleColor: muted,
      titleFontSize: 12,
      titleFontWeight: 400,
      titleLimit: 0,
      orient: "top",
      direction: "horizontal",
      offset: 8,
      symbolStrokeWidth: 2,
    },
    mark: { color: accent },
    bar: { cornerRadiusEnd: 2 },
    line: { strokeWidth: 2 },
    range: { category: [...categories], heatmap: steps.map(({ fill }) => fill), ramp: steps.map(({ fill }) => fill) },
    // `color`, not fill and stroke: Vega-Lite writes its own black over those.
    style: {
      value: { color: ink, fontSize: 12, font: fonts },
      interval: { color: ink, strokeWidth: 1.5 },
      reference: { color: muted, strokeWidth: 1.5, strokeDash: [5, 4] },
      zero: { color: muted, strokeWidth: 1 },
      ...Object.fromEntries(steps.map(({ text }, i) => [`step-${i}`, { color: text, fontSize: 13, font: fonts }])),
    },
  };
}
