import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chances, learn } from "../src/seed-model.js";
import { makeUsers, take } from "../src/users.js";

let out: string;
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), "mmub-article-"));
});
afterAll(() => rm(out, { recursive: true }));

const run = (...args: string[]) =>
  spawnSync(
    process.execPath,
    [
      "--conditions=@mmub/source",
      "--import",
      "tsx",
      fileURLToPath(new URL("../src/main.ts", import.meta.url)),
      ...args,
    ],
    { encoding: "utf8", cwd: fileURLToPath(new URL("..", import.meta.url)) },
  );

test("has the parameters of the article, and learns what the users do", async () => {
  const { vectors, buys } = makeUsers(400, 1);
  const model = await learn(vectors, buys, { epochs: 8, seed: 1 });
  const sizes = Object.fromEntries(Object.entries(model.weights).map(([name, { length }]) => [name, length]));
  expect(sizes).toEqual({
    "text/weight": 128 * 300,
    "text/bias": 128,
    "image/weight": 128 * 300,
    "image/bias": 128,
    "audio/weight": 128 * 300,
    "audio/bias": 128,
    "merge/weight": 128 * 384,
    "merge/bias": 128,
    "output/weight": 128,
    "output/bias": 1,
  });
  expect(model.history.at(-1)!.loss).toBeLessThan(model.history[0]!.loss / 4);
  const rows = [3, 1, 4];
  const some = await chances(model, take(vectors, rows));
  const all = await chances(model, vectors);
  for (const [i, row] of rows.entries()) expect(some[i]).toBeCloseTo(all[row]!, 5);
  await model.dispose();
});

test("prints what it learned and draws it", async () => {
  const { stdout, stderr, status } = run("--users", "60", "--epochs", "2", "--out", out);
  expect(status, stderr).toBe(0);
  expect(stdout).toContain("48 users to learn from, 12 to predict");
  expect(stdout).toMatch(/epoch {3}2 {3}training loss \d\.\d{4}/);
  for (const name of ["training-loss.svg", "labels.svg"])
    expect(await readFile(join(out, name), "utf8")).toContain("<svg");
  expect(run("--epochs", "0").stderr).toContain("--epochs is 0, want a whole number from 1 on");
});
