import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { columns } from "@mmub/behavior";
import type { Modalities, Sample } from "@mmub/core";
import { concat, pipeline } from "@mmub/fusion";
import { colorHistogram, hog } from "@mmub/image";
import { accuracy, bootstrapInterval, f1, take } from "@mmub/metrics";
import { logisticRegression } from "@mmub/models";
import { tfidf } from "@mmub/text";
import { type Product, readCatalogue } from "./catalogue.js";

const { values } = parseArgs({ options: { data: { type: "string" } } });
if (!values.data || !existsSync(join(values.data, "products.csv"))) {
  console.log(`Product name, photo and price to the category of a product.

  npm run example -- product-category --data <folder>

The folder holds products.csv (columns: uniq_id, split, category, product_name, retail_price, discounted_price,
image_file, has_image) and images/. Such a catalogue is the Flipkart sample of 1,050 products with their photos.`);
  process.exit(0);
}

const products = await readCatalogue(values.data);
const [train, test] = [products.filter((p) => p.split === "train"), products.filter((p) => p.split === "test")];
console.log(
  `${train.length} products to learn from, ${test.length} to predict; the photo is two modalities, shapes and colours\n`,
);
console.log("method        accuracy (95 % interval)   macro-F1   seconds");

const name = tfidf({ ngramRange: [1, 2], sublinearTf: true });
const shape = hog({ width: 64, height: 64, cellsPerBlock: [2, 2], fit: "contain" });
const color = colorHistogram({ grid: [2, 2], normalize: "sqrt" });
const price = columns({ log: true });

await score("name alone", { name }, ({ name }) => ({ name }));
await score("photo alone", { shape, color }, ({ photo }) => ({ shape: photo, color: photo }));
await score("price alone", { price }, ({ price }) => ({ price }));
await score("all fused", { name, shape, color, price }, ({ name, photo, price }) => ({
  name,
  shape: photo,
  color: photo,
  price,
}));

async function score<M extends Modalities>(method: string, modalities: M, sampleOf: (product: Product) => Sample<M>) {
  const started = performance.now();
  // C is chosen by cross-validation on the training products; the test products are predicted once.
  const recipe = pipeline({ modalities, fuser: concat(), model: logisticRegression<string>({ C: [0.1, 1, 10, 100] }) });
  const fitted = await recipe.fit(
    train.map(sampleOf),
    train.map((product) => product.category),
    { seed: 7 },
  );
  const { labels } = await fitted.predict(test.map(sampleOf));

  const truth = test.map((product) => product.category);
  const { value, low, high } = bootstrapInterval(truth.length, (rows) =>
    accuracy(take(truth, rows), take(labels, rows)),
  );
  const percent = (share: number) => (100 * share).toFixed(1);
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${method.padEnd(14)}${percent(value)} % (${percent(low)} to ${percent(high)})`.padEnd(41) +
      `${f1(truth, labels, { average: "macro" }).toFixed(3)}      ${seconds.toFixed(1)}`,
  );
}
