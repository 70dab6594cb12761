import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { drawCatalogue, readCatalogue } from "./catalogue.js";
import { page } from "./page.js";
import { search } from "./search.js";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    out: { type: "string", default: join(import.meta.dirname, "..", "output") },
    count: { type: "string", default: "240" },
  },
});
if (values.data && !existsSync(join(values.data, "products.csv"))) {
  console.log(
    `No products.csv in ${values.data}. Without --data a catalogue is drawn; README.md says what a folder holds.`,
  );
  process.exit(1);
}
await mkdir(values.out, { recursive: true });
const products = values.data
  ? await readCatalogue(values.data)
  : await drawCatalogue(join(values.out, "pictures"), Number(values.count), 7);
const found = await search(
  products.map(({ photo }) => photo),
  24,
);

console.log(`${products.length} photos, ${found.broken.length} of them missing or broken`);
const copies = products.flatMap(({ copyOf }, index) => (copyOf === undefined ? [] : [{ copyOf, index }]));
const inGroups = found.duplicates.reduce((sum, group) => sum + group.length, 0);
console.log(`${found.duplicates.length} groups of near-duplicates with ${inGroups} photos`);
if (copies.length > 0) {
  const again = copies.filter(({ copyOf, index }) =>
    found.duplicates.some((group) => group.includes(index) && group.some((other) => products[other]!.name === copyOf)),
  );
  const originals = new Set(copies.map(({ copyOf }) => copyOf));
  const wrong = found.duplicates
    .flat()
    .filter((i) => products[i]!.copyOf === undefined && !originals.has(products[i]!.name));
  console.log(
    `${again.length} of ${copies.length} copies found again, ${wrong.length} photos in a group without being copied`,
  );
}
const nearest = found.similar.flatMap((matches, index) =>
  matches.slice(0, 5).map(({ index: other }) => products[other]!.category === products[index]!.category),
);
const share = nearest.filter(Boolean).length / nearest.length;
console.log(`${(100 * share).toFixed(1)} % of the five most alike are of the same category`);

const path = join(values.out, "visual-search.html");
await writeFile(path, await page(products, found, 24));
console.log(`The page: ${path}`);
