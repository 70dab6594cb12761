import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { random } from "@mmub/core";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readCatalogue } from "../src/catalogue.js";

// A small catalogue of the same layout, made here: red mugs and blue bags, whose names and prices say a part of it.
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mmub-catalogue-"));
  await mkdir(join(folder, "images"));
  const numbers = random(5);
  const lines = ["uniq_id,split,category,product_name,retail_price,discounted_price,image_file,has_image"];
  for (let product = 0; product < 60; product++) {
    const mug = product % 2 === 0;
    const words = mug ? ["mug", "cup"] : ["bag", "tote"];
    const name = `"Large ""${words[numbers.integer(2)]}"", of\nseries ${numbers.integer(9)}"`;
    const price = product === 7 ? "" : String((mug ? 100 : 400) + numbers.integer(200));
    const background = mug ? { r: 200, g: numbers.integer(60), b: 30 } : { r: 30, g: numbers.integer(60), b: 200 };
    const file = `${product}.jpg`;
    await sharp({ create: { width: 40, height: 40, channels: 3, background } })
      .jpeg()
      .toFile(join(folder, "images", file));
    const split = product % 3 === 2 ? "test" : "train";
    lines.push(
      `p${product},${split},${mug ? "Mugs" : "Bags"},${name},${price},${price},${file},${product === 4 ? 0 : 1}`,
    );
  }
  await writeFile(join(folder, "products.csv"), `${lines.join("\n")}\n`);
});
afterAll(() => rm(folder, { recursive: true }));

test("reads quoted names, missing prices and missing photos", async () => {
  const products = await readCatalogue(folder);
  expect(products).toHaveLength(60);
  expect(products[0]!.name).toMatch(/^Large "(mug|cup)", of\nseries \d$/);
  expect(products[7]!.price).toEqual({ retail: null, discounted: null });
  expect(products[4]!.photo).toBeNull();
  expect(products[5]).toMatchObject({ split: "test", category: "Bags", photo: join(folder, "images", "5.jpg") });
});

test("prints a score for each method, better than chance where there is a signal", () => {
  const { stdout, status } = run("--data", folder);
  expect(status).toBe(0);
  const accuracies = [...stdout.matchAll(/^(\w+ \w+) +([\d.]+) %/gm)].map(([, method, percent]) => [
    method,
    Number(percent),
  ]);
  expect(accuracies.map(([method]) => method)).toEqual(["name alone", "photo alone", "price alone", "all fused"]);
  for (const [, accuracy] of accuracies) expect(accuracy).toBeGreaterThan(75);
});

test("without a catalogue it says what it wants", () => {
  const { stdout, status } = run();
  expect(status).toBe(0);
  expect(stdout).toContain("--data <folder>");
});

function run(...args: string[]) {
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  return spawnSync(process.execPath, ["--conditions=@mmub/source", "--import", "tsx", main, ...args], {
    encoding: "utf8",
  });
}
