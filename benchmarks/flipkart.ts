// The products of a shop with names, photos and categories, for the quality sets that are about them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCsv } from "./files.js";

export interface Products {
  readonly names: readonly string[];
  readonly labels: readonly string[];
  /** Paths; null of a product without a photo. */
  readonly photos: readonly (string | null)[];
  /** Logarithms of the price with and without the discount; null where it is not told. */
  readonly prices: readonly (readonly number[] | null)[];
  /** Rows of the split that comes with the data. */
  readonly train: Uint32Array;
  readonly test: Uint32Array;
}

export const productFiles = ["products.csv", "images"];

export function readProducts(folder: string): Products {
  const products = parseCsv(readFileSync(join(folder, "products.csv"), "utf8"));
  const rowsOf = (split: string) => Uint32Array.from(products.flatMap((p, row) => (p.split === split ? [row] : [])));
  return {
    names: products.map((product) => product.product_name!),
    labels: products.map((product) => product.category!),
    photos: products.map((p) => (p.has_image === "1" ? join(folder, "images", p.image_file!) : null)),
    prices: products.map(({ retail_price, discounted_price }) =>
      retail_price && discounted_price ? [Math.log(Number(retail_price)), Math.log(Number(discounted_price))] : null,
    ),
    train: rowsOf("train"),
    test: rowsOf("test"),
  };
}
