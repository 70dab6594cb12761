import { type Label, random } from "@mmub/core";
import { classificationSection, modalityContributions, sampleCard, writeReport } from "@mmub/metrics";
import { modalityNames, ofCustomers } from "./customer-model.js";
import type { Answer } from "./evaluate.js";
import type { Churn, Customer, Mood } from "./shop/read.js";

export interface ShopReport {
  readonly customers: readonly Customer[];
  readonly asked: readonly Customer[];
  readonly churn: Answer<Churn>;
  readonly mood: Answer<Mood>;
  readonly source: string;
  readonly seed: number;
}

export async function writeShopReport(
  path: string,
  { customers, asked, churn, mood, source, seed }: ShopReport,
): Promise<void> {
  // What the answers may depend on; the answers themselves would give them away.
  const samples = asked.map(({ id: _, churn: __, mood: ___, ...known }) => known);
  const describe = (row: number) => {
    const title = `Customer ${asked[row]!.id}`;
    return sampleCard(samples[row]!, { title, text: "review", picture: "photo", clip: "voice" });
  };
  // Three of the customers kept aside, drawn by the seed, are explained for both questions.
  const rows = random(seed)
    .shuffle(asked.map((_, row) => row))
    .slice(0, 3);
  const section = async <L extends Label>(title: string, { fitted, ...answer }: Answer<L>, positive?: L) => {
    const contributions = await modalityContributions(ofCustomers(fitted), asked, { modalities: modalityNames, rows });
    return classificationSection({
      title,
      ...answer,
      samples,
      describe,
      contributions,
      seed,
      ...(positive && { positive }),
    });
  };

  const missing = modalityNames.map((name) => {
    const lacking = customers.filter((customer) => customer[name] === null).length;
    return [`Missing ${name}`, `${((100 * lacking) / customers.length).toFixed(0)} % of customers`] as const;
  });
  await writeReport(path, {
    title: "Customers of a shop: churn and mood",
    summary: `Two questions about ${customers.length} customers, answered from what they wrote, showed, said and did. ${asked.length} of them were kept aside: every figure is of those, and nothing was learned from or chosen by them.`,
    sections: [await section("Will they leave?", churn, "leaves"), await section("How do they feel?", mood)],
    data: [
      ["Source", source],
      ["Customers", `${customers.length}; ${asked.length} were kept aside for the test, in proportion to both answers`],
      ...missing,
    ],
    model: [
      ["Review", "TF-IDF of words"],
      ["Photo", "two modalities: a colour histogram and histograms of oriented gradients"],
      ["Voice", "means and standard deviations of mel-frequency cepstral coefficients"],
      ["Events", "recency, frequency and value of orders, counts by type in recent windows"],
      ["Profile", "numbers imputed and scaled, categories one column each"],
      ["Fusion", "concatenation, each modality scaled as a whole, with a column for each that may be missing"],
      ["Model", "logistic regression; its penalty chosen by cross-validation on the customers learned from"],
      ["Seed", String(seed)],
      ["Meant for", "seeing what mmub does; not for decisions about people"],
    ],
    notes: ["“Without” and “only” a modality are models fitted anew on what is left, on the same customers."],
  });
}
