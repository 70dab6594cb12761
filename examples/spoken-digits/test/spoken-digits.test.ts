import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeWav } from "@mmub/audio";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeDigits, sampleRateHz } from "../src/recordings.js";

// A small set of the same layout as the real one, made here.
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mmub-digits-"));
  await mkdir(join(folder, "recordings"));
  const lines = ["file,digit,speaker,take"];
  for (const [i, { digit, speaker, samples }] of makeDigits(3, 2, 5).entries()) {
    lines.push(`${i}.wav,${digit},${speaker.replace(" ", "")},0`);
    await writeFile(join(folder, "recordings", `${i}.wav`), encodeWav(samples, sampleRateHz));
  }
  await writeFile(join(folder, "labels.csv"), `${lines.join("\n")}\n`);
});
afterAll(() => rm(folder, { recursive: true }));

test("learns from a folder and is asked about the speaker that was kept aside", () => {
  const main = fileURLToPath(new URL("../src/main.ts", import.meta.url));
  const run = (...more: string[]) =>
    spawnSync(process.execPath, ["--conditions=@mmub/source", "--import", "tsx", main, "--data", folder, ...more], {
      encoding: "utf8",
      cwd: fileURLToPath(new URL("..", import.meta.url)),
    });
  const { stdout, stderr, status } = run("--speaker", "speaker1", "--epochs", "1", "--utterances", "32");
  expect(status, stderr).toBe(0);
  expect(stdout).toContain("60 recordings of 3 speakers; speaker1 is kept aside.");
  expect(stdout).toMatch(/Word error rate on speaker1, greedy: \d+\.\d % of \d+ words/);
  expect(stdout).toMatch(/Word error rate on speaker1, beam of 20: \d+\.\d % of \d+ words/);
  expect(run("--speaker", "nobody").stderr).toContain("--speaker is nobody, want one of speaker0, speaker1, speaker2");
});
