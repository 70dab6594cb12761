/** Cells of two nominal axes, darker for a larger share, each with a text that reads on its colour. */
export interface HeatCell {
  readonly share: number;
  /** Which of the five colours of a theme it has, from 0: what its text is written in. */
  readonly step: number;
}

/** A cell's colour by its share in [0, 1]. */
export function heatCell(share: number): HeatCell {
  return { share, step: Math.min(4, Math.floor(share * 5)) };
}

/** The layers of a heat map: rectangles, and `text` on them, a field of the cells in `format`. */
export function heatLayers(legend: string, text: string, format: string) {
  return [
    {
      mark: { type: "rect" as const, cornerRadius: 2 },
      encoding: {
        color: {
          field: "share",
          type: "quantitative" as const,
          scale: { type: "quantize" as const, domain: [0, 1] },
          title: legend,
          legend: { format: ".0%", gradientLength: 200, titleLimit: 300 },
        },
      },
    },
    ...[0, 1, 2, 3, 4].map((step) => ({
      transform: [{ filter: `datum.step === ${step}` }],
      mark: { type: "text" as const, style: `step-${step}` },
      encoding: { text: { field: text, type: "quantitative" as const, format } },
    })),
  ];
}

/** Room between the cells. */
export const heatScale = { scale: { bandPaddingInner: 0.06, bandPaddingOuter: 0.03 } };
