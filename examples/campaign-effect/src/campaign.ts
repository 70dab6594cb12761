import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { random } from "@mmub/core";
import { parse } from "csv-parse/sync";

/** A customer of the campaign: what was known before, which e-mail was sent, and whether a visit followed. */
export interface Customer {
  readonly known: Readonly<Record<string, number | string>>;
  /** Which e-mail; null: none. */
  readonly email: string | null;
  readonly visited: boolean;
  readonly split: "train" | "test";
}

/** Reads `hillstrom.csv` of the folder. */
export async function readCampaign(folder: string): Promise<Customer[]> {
  const text = await readFile(join(folder, "hillstrom.csv"), "utf8");
  const rows: Record<string, string>[] = parse(text, { columns: true, bom: true });
  return rows.map((row) => ({
    known: {
      recency: Number(row.recency),
      history: Number(row.history),
      mens: Number(row.mens),
      womens: Number(row.womens),
      newbie: Number(row.newbie),
      zone: row.zip_code!,
      channel: row.channel!,
    },
    email: row.segment === "No E-Mail" ? null : row.segment!,
    visited: row.visit === "1",
    split: row.split === "test" ? "test" : "train",
  }));
}

/** A campaign of the same kind: the e-mail moves those who bought such things before, and nobody else. */
export function makeCampaign(size: number, seed: number): Customer[] {
  const { next, integer } = random(seed);
  return Array.from({ length: size }, (_, i) => {
    const womens = integer(2);
    const recency = 1 + integer(12);
    const email = integer(2) === 1 ? "Womens E-Mail" : null;
    const chance = 0.25 - 0.012 * recency + (email && womens === 1 ? 0.25 : 0);
    return {
      known: {
        recency,
        history: Math.round(30 + 400 * next() ** 3),
        mens: integer(2),
        womens,
        newbie: integer(2),
        zone: ["Urban", "Rural"][integer(2)]!,
        channel: ["Web", "Phone"][integer(2)]!,
      },
      email,
      visited: next() < chance,
      split: i % 10 < 7 ? "train" : "test",
    };
  });
}
