import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { drawCatalogue } from "../src/catalogue.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mmub-visual-search-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("finds the copies among drawn pictures, and writes a page that stands alone", async () => {
  const { stdout, status } = run("--count", "60", "--out", folder);
  expect(status).toBe(0);
  expect(stdout).toContain("60 photos, 0 of them missing or broken");
  expect(stdout).toContain("10 of 10 copies found again, 0 photos in a group without being copied");
  // One in six by chance.
  expect(Number(/([\d.]+) % of the five/.exec(stdout)![1])).toBeGreaterThan(30);
  const html = await readFile(join(folder, "visual-search.html"), "utf8");
  const sources = [...html.matchAll(/(?:src|href)="([^"]{0,23})/g)].map(([, source]) => source);
  expect(sources.length).toBeGreaterThan(100);
  expect(new Set(sources)).toEqual(new Set(["data:image/jpeg;base64,"]));
});

test("of a folder it leaves out what is broken and escapes names", async () => {
  const images = join(folder, "images");
  await mkdir(images);
  const drawn = await drawCatalogue(images, 12, 3);
  await writeFile(drawn[2]!.photo, "no picture");
  const lines = drawn.map(
    ({ category }, i) => `"<b>${category}</b> ${i}",${category},${String(i).padStart(4, "0")}.jpg,${i === 4 ? 0 : 1}`,
  );
  await writeFile(
    join(folder, "products.csv"),
    ["product_name,category,image_file,has_image", ...lines, "gone,mug,gone.jpg,1"].join("\n"),
  );
  const { stdout, status } = run("--data", folder, "--out", folder);
  expect(status).toBe(0);
  expect(stdout).toContain("12 photos, 2 of them missing or broken");
  const html = await readFile(join(folder, "visual-search.html"), "utf8");
  expect(html).toContain("&lt;b&gt;");
  expect(html).not.toMatch(/<b>(mug|bag|shirt|lamp|watch|chair)<\/b>/);
});

test("a folder without a catalogue is told", () => {
  const { stdout, status } = run("--data", join(folder, "nothing"));
  expect(status).toBe(1);
  expect(stdout).toContain("No products.csv");
});

function run(...args: string[]) {
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  return spawnSync(process.execPath, ["--conditions=@mmub/source", "--import", "tsx", main, ...args], {
    encoding: "utf8",
  });
}
