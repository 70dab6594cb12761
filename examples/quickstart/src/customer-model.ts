import { mfcc } from "@mmub/audio";
import { columns, rfm } from "@mmub/behavior";
import type { Label } from "@mmub/core";
import { concat, pipeline } from "@mmub/fusion";
import { colorHistogram, hog } from "@mmub/image";
import { logisticRegression } from "@mmub/models";
import { tfidf } from "@mmub/text";
import { referenceDay } from "./shop/make.js";
import type { Customer } from "./shop/read.js";

/** The pipeline of the quickstart, for any question about a customer: `customerModel<"stays" | "leaves">()`. */
export function customerModel<L extends Label>() {
  return pipeline({
    modalities: {
      review: tfidf({ ngramRange: [1, 2], minDf: 2, sublinearTf: true }),
      // One photo, two modalities: what its colours are and where its edges run.
      photoColors: colorHistogram({ bins: [6, 4, 6], normalize: "sqrt" }),
      photoEdges: hog({ width: 64, height: 64, pixelsPerCell: [16, 16], cellsPerBlock: [2, 2] }),
      voice: mfcc({ sampleRateHz: 16_000, coefficients: 20, fftSize: 512, hopLength: 160, mels: 40 }),
      events: rfm({ now: referenceDay, purchaseTypes: ["order"] }),
      profile: columns(),
    },
    fuser: concat(),
    // How strong the penalty is, is chosen by cross-validation on the training customers.
    model: logisticRegression<L>({ C: [0.1, 1, 10] }),
  });
}

export function sampleOf({ review, photo, voice, events, profile }: Customer) {
  return { review, photoColors: photo, photoEdges: photo, voice, events, profile };
}

export type CustomerSample = ReturnType<typeof sampleOf>;
export type Field = keyof CustomerSample;

/** What a reader takes for one modality, and the fields of a sample that it is. */
export const modalities = {
  review: ["review"],
  photo: ["photoColors", "photoEdges"],
  voice: ["voice"],
  events: ["events"],
  profile: ["profile"],
} as const satisfies Readonly<Record<string, readonly Field[]>>;
