import { mfcc } from "@mmub/audio";
import { columns, rfm } from "@mmub/behavior";
import type { Classification, Label } from "@mmub/core";
import { concat, pipeline } from "@mmub/fusion";
import { colorHistogram, hog } from "@mmub/image";
import type { Predictor } from "@mmub/metrics";
import { logisticRegression } from "@mmub/models";
import { tfidf } from "@mmub/text";
import type { Customer } from "./shop/read.js";

/** The pipeline of the quickstart, for any question about a customer: `customerModel<"stays" | "leaves">()`. */
export function customerModel<L extends Label>() {
  return pipeline({
    modalities: {
      review: tfidf({ minDf: 3, sublinearTf: true }),
      // One photo, two modalities: what its colours are and where its edges run.
      photoColors: colorHistogram({ bins: [6, 4, 6], normalize: "sqrt" }),
      photoEdges: hog({ width: 64, height: 64, pixelsPerCell: [16, 16], cellsPerBlock: [2, 2] }),
      voice: mfcc({ sampleRateHz: 16_000, coefficients: 20, fftSize: 512, hopLength: 160, mels: 40 }),
      events: rfm({ purchaseTypes: ["order"], windowsDays: [7, 30, 90, 180] }),
      profile: columns({ log: true }),
    },
    fuser: concat(),
    model: classifier<L>(),
  });
}

/** How strong its penalty is, is chosen by cross-validation on the customers that it is fitted on. */
export function classifier<L extends Label>() {
  return logisticRegression<L>({ C: [0.01, 0.1, 1] });
}

export function sampleOf({ review, photo, voice, events, profile }: Customer) {
  return { review, photoColors: photo, photoEdges: photo, voice, events, profile };
}

/** What `customerModel<L>().fit` resolves to. */
export type FittedCustomerModel<L extends Label> = Awaited<ReturnType<ReturnType<typeof customerModel<L>>["fit"]>>;

/** Predicts from customers in place of samples, so that leaving out the photo leaves out both modalities made of it. */
export function ofCustomers<L extends Label>(fitted: FittedCustomerModel<L>): Predictor<Customer, Classification<L>> {
  return { predict: (customers, options) => fitted.predict(customers.map(sampleOf), options) };
}

/** What is known of a customer, and what the pipeline makes of each. */
export const modalities = {
  review: ["review"],
  photo: ["photoColors", "photoEdges"],
  voice: ["voice"],
  events: ["events"],
  profile: ["profile"],
} as const satisfies { readonly [name in keyof Customer]?: readonly (keyof ReturnType<typeof sampleOf>)[] };

export type Modality = keyof typeof modalities;
export const modalityNames = Object.keys(modalities) as Modality[];
