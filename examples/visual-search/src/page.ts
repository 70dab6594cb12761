import sharp from "sharp";
import type { Product } from "./catalogue.js";
import type { Found, Match } from "./search.js";

const escaped = (text: string) =>
  text.replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]!);

/** The most alike of a product, without near-duplicates of it or of one before. */
function unlike(index: number, { similar, duplicates }: Found, count: number): Match[] {
  const groupOf = (i: number) => duplicates.findIndex((group) => group.includes(i));
  const seen = new Set([groupOf(index)]);
  seen.delete(-1);
  return similar[index]!.filter(({ index: other }) => {
    const group = groupOf(other);
    const again = seen.has(group);
    if (group >= 0) seen.add(group);
    return !again;
  }).slice(0, count);
}

/** One HTML file with the groups of near-duplicates and some rows of similar products, small pictures inside. */
export async function page(products: readonly Product[], found: Found, rows: number): Promise<string> {
  const small = new Map<number, string>();
  const figure = async (index: number, note: string, kind = "") => {
    const { name, category, photo } = products[index]!;
    if (!small.has(index)) {
      const bytes = await sharp(photo)
        .resize(150, 150, { fit: "contain", background: "#fff" })
        .jpeg({ quality: 75 })
        .toBuffer();
      small.set(index, bytes.toString("base64"));
    }
    return `<figure class="${kind}" title="${escaped(name)}">
  <img src="data:image/jpeg;base64,${small.get(index)}" width="150" height="150" alt="${escaped(name)}">
  <figcaption><b>${escaped(name)}</b><span>${escaped(category)}</span><span>${note}</span></figcaption>
</figure>`;
  };

  const groups: string[] = [];
  for (const group of found.duplicates.slice(0, 24)) {
    const figures = await Promise.all(group.slice(0, 6).map((i) => figure(i, "")));
    if (group.length > 6) figures.push(`<p class="more">and ${group.length - 6} more</p>`);
    groups.push(`<div class="group">${figures.join("")}</div>`);
  }

  // Spread over the catalogue, of pictures that could be read.
  const readable = found.similar.flatMap((matches, i) => (matches.length > 0 ? [i] : []));
  const step = Math.max(1, Math.floor(readable.length / rows));
  const queries: string[] = [];
  for (const index of readable.filter((_, i) => i % step === 0).slice(0, rows)) {
    const matches = unlike(index, found, 6).map(({ index: other, cosine }) =>
      figure(
        other,
        `alike ${cosine.toFixed(2)}`,
        products[other]!.category === products[index]!.category ? "same" : "other",
      ),
    );
    queries.push(
      `<div class="row">${await figure(index, "looks like:", "query")}${(await Promise.all(matches)).join("")}</div>`,
    );
  }

  const more = found.duplicates.length > 24 ? ` The first 24 are shown.` : "";
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Visual search</title>
<style>
  :root { color-scheme: light; font: 15px/1.4 system-ui, sans-serif; color: #1f2933; background: #f4f5f7; }
  body { max-width: 1240px; margin: 0 auto; padding: 24px; }
  h1 { margin: 0 0 4px; font-size: 26px; } h2 { margin: 32px 0 4px; font-size: 19px; } p { margin: 0 0 12px; color: #52606d; }
  .groups { display: flex; flex-wrap: wrap; gap: 12px; }
  .group, .row { display: flex; gap: 10px; padding: 10px; background: #fff; border: 1px solid #dde1e6; border-radius: 10px; }
  .row { margin-bottom: 12px; overflow-x: auto; }
  figure { flex: 0 0 auto; width: 150px; margin: 0; border-radius: 6px; }
  img { display: block; border: 1px solid #e4e7eb; border-radius: 6px; background: #fff; }
  figcaption { padding-top: 4px; font-size: 12px; } figcaption > * { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  figcaption b { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; height: 2.8em; white-space: normal; overflow-wrap: anywhere; }
  .more { align-self: center; margin: 0 8px; }
  figcaption span { color: #52606d; }
  .query { padding-right: 14px; border-right: 2px solid #cbd2d9; border-radius: 0; }
  .same img { border: 3px solid #2f9e5b; margin: -2px; } .other img { border: 3px solid #d9a441; margin: -2px; }
  .key { display: inline-block; width: 12px; height: 12px; border-radius: 3px; vertical-align: -1px; }
</style>
<h1>Visual search</h1>
<p>${products.length.toLocaleString("en")} photos, found by their pixels alone.</p>
<h2>Near-duplicates</h2>
<p>${found.duplicates.length} groups of photos whose perceptual hashes differ in at most 20 of 256 bits.
A hash sees shapes and not colours, so the same picture in another colour is one of them.${more}</p>
<div class="groups">${groups.join("\n")}</div>
<h2>Similar products</h2>
<p>The photo at the left, and the six that are most like it in shape, colour and layout, without the near-duplicates of one shown already:
<span class="key" style="background:#2f9e5b"></span> the same category, <span class="key" style="background:#d9a441"></span> another.</p>
${queries.join("\n")}
</html>
`;
}
