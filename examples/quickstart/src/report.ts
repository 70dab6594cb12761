import { readFile } from "node:fs/promises";
import { type Classification, type FittedPipeline, type Label, random } from "@mmub/core";
import {
  type Ablation,
  classificationSection,
  modalityContributions,
  type SampleCard,
  writeReport,
} from "@mmub/metrics";
import { type CustomerSample, type Field, modalities, sampleOf } from "./customer-model.js";
import type { Churn, Customer, Mood } from "./shop/read.js";

/** What was found for one question about the customers kept aside. */
interface Answer<L extends Label> {
  readonly fitted: FittedPipeline<Partial<CustomerSample>, Classification<L>>;
  readonly truth: readonly L[];
  readonly prediction: Classification<L>;
  readonly ablation: Ablation;
  readonly history: readonly { readonly loss: number }[];
}

export interface ShopReport {
  readonly customers: readonly Customer[];
  readonly asked: readonly Customer[];
  readonly churn: Answer<Churn>;
  readonly mood: Answer<Mood>;
  readonly seed: number;
}

export async function writeShopReport(
  path: string,
  { customers, asked, churn, mood, seed }: ShopReport,
): Promise<void> {
  const describe = async (row: number): Promise<SampleCard> => {
    const { id, review, photo, voice, events } = asked[row]!;
    return {
      title: `Customer ${id}`,
      text: review,
      picture: photo === null ? null : { bytes: await readFile(photo), alt: `Photo sent by customer ${id}` },
      clip: voice === null ? null : { bytes: await readFile(voice), label: `Voice message of customer ${id}` },
      facts: [["Events", events === null ? "not known" : String(events.length)]],
    };
  };
  // Four customers of the test set, drawn by the seed, explained for both questions.
  const rows = random(seed)
    .shuffle(asked.map((_, row) => row))
    .slice(0, 4);
  const section = async <L extends Label>(title: string, { fitted, ...answer }: Answer<L>) => {
    const fields = Object.values(modalities).flat() as Field[];
    const contributions = await modalityContributions(fitted, asked.map(sampleOf), { modalities: fields, rows });
    return classificationSection({ title, ...answer, describe, contributions, seed });
  };

  const missing = Object.entries(modalities).map(([name, [field]]) => {
    const lacking = customers.filter((customer) => sampleOf(customer)[field] === null).length;
    return [`Missing ${name}`, `${((100 * lacking) / customers.length).toFixed(0)} % of customers`] as const;
  });
  await writeReport(path, {
    title: "Customers of a made-up shop: churn and mood",
    summary: `Two questions about ${customers.length} customers, answered from what they wrote, showed, said and did. ${asked.length} of them were kept aside: every figure is of those, and nothing was learned from or chosen by them.`,
    sections: [await section("Will they leave?", churn), await section("How do they feel?", mood)],
    data: [
      ["Source", "made from a seed by the quickstart; no real customer is in it"],
      [
        "Customers",
        `${customers.length}, of whom ${asked.length} were kept aside for the test, stratified by both answers`,
      ],
      ...missing,
    ],
    model: [
      [
        "Modalities",
        "TF-IDF of the review; colours and edges of the photo; MFCC of the voice; RFM of the events; profile",
      ],
      ["Fusion", "concatenation, each modality scaled as a whole, with a column for each that may be missing"],
      ["Model", "multinomial logistic regression; its penalty chosen by cross-validation on the training customers"],
      ["Seed", String(seed)],
      ["Meant for", "seeing what mmub does; not for decisions about people"],
      ["Limits", "the effects were planted, so the figures say nothing about a real shop"],
    ],
  });
}
