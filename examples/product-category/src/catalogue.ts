import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "csv-parse/sync";

/** One product as the catalogue has it; what it lacks is null. */
export interface Product {
  readonly id: string;
  readonly split: "train" | "test";
  readonly category: string;
  readonly name: string;
  readonly photo: string | null;
  readonly price: { readonly retail: number | null; readonly discounted: number | null };
}

/** Reads `products.csv` of the folder; photos stay files that the extractors open themselves. */
export async function readCatalogue(folder: string): Promise<Product[]> {
  const text = await readFile(join(folder, "products.csv"), "utf8");
  const rows: Record<string, string>[] = parse(text, { columns: true, bom: true });
  return rows.map((row) => ({
    id: row.uniq_id!,
    split: row.split === "test" ? "test" : "train",
    category: row.category!,
    name: row.product_name!,
    photo: row.has_image === "1" ? join(folder, "images", row.image_file!) : null,
    price: { retail: numberOrNull(row.retail_price), discounted: numberOrNull(row.discounted_price) },
  }));
}

function numberOrNull(text: string | undefined): number | null {
  return text === undefined || text === "" ? null : Number(text);
}
