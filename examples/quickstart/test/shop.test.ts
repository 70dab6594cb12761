import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeWav } from "@mmub/audio";
import { decodeImage } from "@mmub/image";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeShop, referenceDay } from "../src/shop/make.js";
import { readShop } from "../src/shop/read.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mmub-shop-"));
  await makeShop(join(folder, "one"), { customers: 60, seed: 7 });
});
afterAll(() => rm(folder, { recursive: true }));

test("the same seed makes the same bytes, another one others", async () => {
  await makeShop(join(folder, "two"), { customers: 60, seed: 7 });
  await makeShop(join(folder, "other"), { customers: 60, seed: 8 });
  const files = (await readdir(join(folder, "one"), { recursive: true, withFileTypes: true })).filter((file) =>
    file.isFile(),
  );
  expect(files.length).toBeGreaterThan(60);
  for (const { parentPath, name } of files) {
    const path = join(parentPath, name);
    expect(await readFile(path.replace("/one", "/two"))).toEqual(await readFile(path));
  }
  const reviews = (shop: string) => readFile(join(folder, shop, "reviews.jsonl"), "utf8");
  expect(await reviews("other")).not.toBe(await reviews("one"));
});

test("photos and voices are real files, and every modality is missing for some", async () => {
  const customers = await readShop(join(folder, "one"));
  expect(customers).toHaveLength(60);
  for (const field of ["review", "photo", "voice", "events", "profile"] as const) {
    const lacking = customers.filter((customer) => customer[field] === null).length;
    expect(lacking, field).toBeGreaterThan(0);
    expect(lacking, field).toBeLessThan(40);
  }
  const { photo } = customers.find((customer) => customer.photo !== null)!;
  expect(await decodeImage(photo!)).toMatchObject({ width: 96, height: 96, channels: 3 });
  const { voice } = customers.find((customer) => customer.voice !== null)!;
  const { samples, sampleRateHz } = decodeWav(await readFile(voice!));
  expect(sampleRateHz).toBe(16_000);
  expect(samples[0]!.length).toBeGreaterThanOrEqual(16_000);
  expect(Math.max(...samples[0]!.map(Math.abs))).toBeGreaterThan(0.05);
});

test("no event is later than the reference day", async () => {
  const customers = await readShop(join(folder, "one"));
  const times = customers.flatMap(({ events }) => (events ?? []).map(({ time }) => new Date(time).getTime()));
  expect(times.length).toBeGreaterThan(300);
  expect(Math.max(...times)).toBeLessThan(referenceDay.getTime());
});

test("all kinds of answers come up, and churn does not decide the mood", async () => {
  const customers = await readShop(join(folder, "one"));
  const answers = new Set(customers.map(({ churn, mood }) => `${churn} ${mood}`));
  expect(answers.size).toBeGreaterThan(4);
});

test("an answer that is none is named with its row", async () => {
  const broken = join(folder, "broken");
  await cp(join(folder, "one"), broken, { recursive: true });
  const table = join(broken, "customers.csv");
  await writeFile(table, (await readFile(table, "utf8")).replace(/,(stays|leaves),/, ",hesitates,"));
  await expect(readShop(broken)).rejects.toThrow(/churn in row 1 of .* is "hesitates", want one of stays, leaves/);
  await expect(readShop(join(folder, "nowhere"))).rejects.toThrow(/holds no customers.csv/);
});

test("a shop that is there is left as it is", async () => {
  await rm(join(folder, "one", "customers.csv"));
  await makeShop(join(folder, "one"), { customers: 60, seed: 7 });
  expect(await readdir(join(folder, "one"))).not.toContain("customers.csv");
});
