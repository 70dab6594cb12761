import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { random } from "@mmub/core";
import { parse } from "csv-parse/sync";
import sharp from "sharp";

export interface Product {
  readonly name: string;
  readonly category: string;
  readonly photo: string;
  /** The name of the product whose picture this one is a second copy of, where that is known. */
  readonly copyOf?: string;
}

/** Products of the folder that should have a photo. */
export async function readCatalogue(folder: string): Promise<Product[]> {
  const text = await readFile(join(folder, "products.csv"), "utf8");
  const rows: Record<string, string>[] = parse(text, { columns: true, bom: true });
  return rows
    .filter((row) => row.has_image === "1")
    .map((row) => ({
      name: row.product_name!,
      category: row.category!,
      photo: join(folder, "images", row.image_file!),
    }));
}

const inks = [
  "#c0392b",
  "#2471a3",
  "#1e8449",
  "#b7950b",
  "#6c3483",
  "#34495e",
  "#d35400",
  "#148f77",
  "#cb4f8e",
  "#7b6a58",
];
const shapes: Readonly<Record<string, (ink: string) => string>> = {
  mug: (ink) =>
    `<rect x="60" y="60" width="90" height="120" rx="10" fill="${ink}"/><path d="M150 85h22a14 14 0 0 1 14 14v34a14 14 0 0 1-14 14h-22" fill="none" stroke="${ink}" stroke-width="14"/>`,
  shirt: (ink) =>
    `<path d="M85 45l-55 35 22 40 22-12v92h92v-92l22 12 22-40-55-35q-35 28-70 0z" fill="${ink}" stroke="#0003" stroke-width="3"/>`,
  bag: (ink) =>
    `<path d="M50 95h140l14 105H36z" fill="${ink}"/><path d="M85 105V75a35 35 0 0 1 70 0v30" fill="none" stroke="#5d4a37" stroke-width="9"/>`,
  lamp: (ink) =>
    `<path d="M85 40h70l35 80H50z" fill="${ink}"/><rect x="113" y="120" width="14" height="70" fill="#777"/><ellipse cx="120" cy="197" rx="48" ry="12" fill="#555"/>`,
  watch: (ink) =>
    `<rect x="98" y="20" width="44" height="200" rx="10" fill="${ink}"/><circle cx="120" cy="120" r="56" fill="#ddd" stroke="#333" stroke-width="9"/><path d="M120 82v38l27 16" fill="none" stroke="#222" stroke-width="7"/>`,
  chair: (ink) =>
    `<rect x="75" y="35" width="90" height="85" rx="12" fill="${ink}"/><rect x="65" y="125" width="110" height="20" rx="6" fill="${ink}"/><path d="M75 145l-12 60M165 145l12 60" stroke="#6b4b2a" stroke-width="11"/>`,
};

/** Draws `count` products from a seed into the folder; every sixth is a copy of an earlier picture. */
export async function drawCatalogue(folder: string, count: number, seed: number): Promise<Product[]> {
  await mkdir(folder, { recursive: true });
  const { integer, next } = random(seed);
  const kinds = Object.keys(shapes);
  const products: (Product & { readonly bytes: Buffer })[] = [];
  for (let i = 0; i < count; i++) {
    const photo = join(folder, `${String(i).padStart(4, "0")}.jpg`);
    if (i % 6 === 5) {
      const original = products[integer(products.length)]!;
      const image = sharp(original.bytes);
      const changed = [
        image.resize(150 + integer(60)),
        image.modulate({ brightness: 1.06 + 0.06 * next() }),
        image.sharpen(),
      ][integer(3)]!;
      const bytes = await changed.jpeg({ quality: 35 + integer(40) }).toBuffer();
      const { category, copyOf = original.name } = original;
      products.push({ name: `${copyOf}, again as ${i}`, category, photo, copyOf, bytes });
    } else {
      const category = kinds[integer(kinds.length)]!;
      const bytes = await draw(category, { integer, next });
      products.push({ name: `${category} ${i}`, category, photo, bytes });
    }
    await writeFile(photo, products.at(-1)!.bytes);
  }
  return products.map(({ bytes, ...product }) => product);
}

async function draw(
  kind: string,
  { integer, next }: Pick<ReturnType<typeof random>, "integer" | "next">,
): Promise<Buffer> {
  const pick = (list: readonly string[]) => list[integer(list.length)]!;
  const [ink, second] = [pick(inks), pick(inks)];
  const pattern = [
    "",
    `<path d="${Array.from({ length: 12 }, (_, i) => `M0 ${20 * i}h240`).join("")}" stroke="${second}" stroke-width="7"/>`,
    Array.from(
      { length: 49 },
      (_, i) => `<circle cx="${(i % 7) * 36 + 12}" cy="${Math.floor(i / 7) * 36 + 12}" r="8" fill="${second}"/>`,
    ).join(""),
  ][integer(3)]!;
  const grey = 225 + integer(30);
  const shift = () => 120 + 50 * (next() - 0.5);
  const place = `translate(${shift()} ${shift()}) rotate(${70 * (next() - 0.5)}) scale(${0.6 + 0.5 * next()}) translate(-120 -120)`;
  const box = `<rect x="${integer(200)}" y="${integer(200)}" width="${30 + integer(60)}" height="${20 + integer(40)}" rx="4" fill="${pick(inks)}" opacity="0.55"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="240" height="240">
    <rect width="240" height="240" fill="rgb(${grey},${grey},${grey - integer(12)})"/>
    ${next() < 0.6 ? box : ""}
    <defs><clipPath id="shape">${shapes[kind]!(ink)}</clipPath></defs>
    <g transform="${place}">${shapes[kind]!(ink)}<g clip-path="url(#shape)" opacity="0.8">${pattern}</g></g>
  </svg>`;
  return sharp(Buffer.from(svg)).jpeg({ quality: 90 }).toBuffer();
}
