import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Classification, dense } from "@mmub/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { htmlReport, type ReportContent, writeReport } from "./report.js";
import type { SampleCard } from "./sample-card.js";
import { classificationSection } from "./section.js";

const evil = `<script>alert("x")</script> & </style> ' "`;
const rows = 40;
const truth = Array.from({ length: rows }, (_, row) => (row % 3 === 0 ? "leaves" : "stays"));
const prediction: Classification<string> = {
  labels: truth.map((label, row) => (row % 5 === 1 ? "leaves" : label)),
  classes: ["leaves", "stays"],
  probabilities: dense(
    rows,
    2,
    Float32Array.from({ length: rows * 2 }, (_, at) => {
      const leaves = truth[at >> 1] === "leaves" || (at >> 1) % 5 === 1 ? 0.6 + (at >> 1) / 200 : 0.2;
      return at % 2 === 0 ? leaves : 1 - leaves;
    }),
  ),
};
// The smallest PNG header and WAV header: a report looks at first bytes only.
const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0);
const wav = new TextEncoder().encode("RIFF\0\0\0\0WAVEfmt ");
const describeRow = (row: number): SampleCard => ({
  title: `Customer ${row} ${evil}`,
  text: evil,
  picture: { bytes: png, alt: `Photo ${evil}` },
  clip: { bytes: wav, label: "Voice" },
  facts: [["Plan", evil]],
});
const contribution = {
  row: 3,
  label: "leaves",
  score: 0.7,
  base: 0.4,
  shapley: { review: 0.25, [evil]: 0.05 },
  leaveOneOut: { review: 0.2, [evil]: 0.05 },
};
const content = async (): Promise<ReportContent> => ({
  title: `Report ${evil}`,
  summary: evil,
  sections: [
    await classificationSection({
      title: `Will they leave? ${evil}`,
      truth,
      prediction,
      describe: describeRow,
      contributions: [contribution],
      history: [{ loss: 1 }, { loss: 0.5 }],
      mistakes: 2,
    }),
  ],
  data: [["Rows", "40"]],
  model: [["Seed", evil]],
  notes: [evil],
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "mmub-report-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("the page", async () => {
  const html = await htmlReport(await content());
  const count = (pattern: RegExp) => [...html.matchAll(pattern)].length;

  test("shows what samples hold as text: no script, no tag of theirs", () => {
    expect(html).not.toContain("<script");
    expect(html).not.toContain(`alert("x")`);
    expect(count(/<\/style>/g)).toBe(1);
  });

  test("loads nothing", () => {
    expect(html).toContain("default-src 'none'");
    const urls = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url]) => url!);
    expect(urls.length).toBeGreaterThan(5);
    for (const url of urls) expect(url).toMatch(/^(#|data:)/);
    expect(html).not.toMatch(/@import|url\((?!#)/);
  });

  test("can be read by a screen reader: language, one h1, headings in order, alternatives, captions", () => {
    expect(html).toContain('<html lang="en">');
    const levels = [...html.matchAll(/<h([1-6])[ >]/g)].map(([, level]) => Number(level));
    expect(levels.filter((level) => level === 1)).toHaveLength(1);
    for (const [at, level] of levels.entries()) expect(level).toBeLessThanOrEqual((levels[at - 1] ?? 0) + 1);
    expect(count(/<img alt="[^"]+"/g)).toBe(count(/<img/g));
    expect(count(/<audio [^>]*aria-label="[^"]+"/g)).toBe(count(/<audio/g));
    expect(count(/<caption>/g)).toBe(count(/<table>/g));
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, id] of html.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(id);
  });

  test("holds each plot in both themes, the mistakes and the explanation", () => {
    expect(count(/class="light"/g)).toBe(count(/class="dark"/g));
    expect(count(/class="card"/g)).toBe(3);
    expect(html).toContain("+25.0");
    expect(html).toContain("Training");
  });
});

test("the summary says no more than the interval shows", async () => {
  const section = (labels: readonly string[]) =>
    classificationSection({ title: "t", truth, prediction: { ...prediction, labels } });
  const { scores } = await section(prediction.labels);
  const right = truth.filter((label, row) => label === prediction.labels[row]).length / rows;
  expect(scores[0]!.score.value).toBeCloseTo(right, 12);
  expect(scores[0]!.baseline!.value).toBeCloseTo(26 / 40, 12);
  expect((await section(truth)).summary).toContain("better than always saying “stays”");
  expect((await section(truth.map(() => "stays"))).summary).toContain("not shown to be better");
  expect((await section(truth.map((label) => (label === "stays" ? "leaves" : "stays")))).summary).toContain(
    "worse than",
  );
});

test("the most confident mistakes come first", async () => {
  const { mistakes } = await classificationSection({
    title: "t",
    truth,
    prediction,
    describe: describeRow,
    mistakes: 3,
  });
  const wrong = truth.flatMap((label, row) => (label === prediction.labels[row] ? [] : [row]));
  expect(mistakes.map(({ title }) => title.split(" ")[1])).toEqual(wrong.reverse().slice(0, 3).map(String));
});

test("a classifier of one class is reported", async () => {
  const only = { labels: ["a", "a"], classes: ["a"], probabilities: dense(2, 1, Float32Array.of(1, 1)) };
  const section = await classificationSection({ title: "t", truth: ["a", "a"], prediction: only });
  expect(await htmlReport({ title: "x", sections: [section] })).not.toMatch(/NaN|undefined/);
});

test("what is empty has no heading", async () => {
  const html = await htmlReport({
    title: "Empty",
    sections: [{ title: "A", summary: "B", scores: [], plots: [], mistakes: [], explanations: [] }],
  });
  expect(html).not.toContain("<h3>");
  expect(html).not.toContain("Where it fails");
});

describe("bad input", () => {
  test("a content without title or sections", async () => {
    for (const bad of [null, {}, { title: "x" }, { sections: [] }])
      await expect(htmlReport((bad ?? {}) as never)).rejects.toMatchObject({ code: "invalid-input" });
  });

  test("what is no section, plot, fact, date or text", async () => {
    const section = { title: "A", summary: "B", scores: [], plots: [], mistakes: [], explanations: [] };
    for (const bad of [
      null,
      { title: "x", sections: [null] },
      { title: "x", sections: [{}] },
      { title: "x", sections: [{ ...section, title: "" }] },
      { title: "x", sections: [{ ...section, mistakes: [{}] }] },
      { title: "x", sections: [{ ...section, plots: [{ mark: "bar" }] }] },
      { title: "x", sections: [], data: [null] },
      { title: "x", sections: [], date: new Date("no day") },
      { title: "x", sections: [], date: "2026-01-01" },
      { title: "x", sections: [], notes: [{ html: "<script>" }] },
    ])
      await expect(htmlReport(bad as never)).rejects.toMatchObject({ code: "invalid-input" });
  });

  test("data of a sample that looks like markup", async () => {
    const markup = JSON.parse(`{ "html": "<img src=x onerror=alert(1)>" }`);
    for (const card of [{ title: markup }, { title: "x", text: markup }, { title: "x", facts: [["Plan", markup]] }]) {
      const section = await classificationSection({
        title: "t",
        truth,
        prediction,
        describe: () => card as SampleCard,
      });
      await expect(htmlReport({ title: "x", sections: [section] })).rejects.toMatchObject({ code: "invalid-input" });
    }
  });

  test("labels that are no class, contributions of no sample, descriptions that are none", async () => {
    for (const [bad, code] of [
      [{ prediction: { ...prediction, labels: truth.map(() => "moves") } }, "invalid-input"],
      [{ contributions: [{ ...contribution, row: rows }] }, "invalid-input"],
      [{ contributions: [{ row: 1 }] }, "invalid-input"],
      [{ describe: () => undefined }, "invalid-input"],
      [{ mistakes: -1 }, "invalid-params"],
      [{ positive: "moves" }, "invalid-params"],
    ] as const)
      await expect(
        classificationSection({ title: "t", truth, prediction, describe: describeRow, ...(bad as object) }),
      ).rejects.toMatchObject({ code });
  });

  test("predictions of another length", async () => {
    await expect(classificationSection({ title: "t", truth: truth.slice(1), prediction })).rejects.toMatchObject({
      code: expect.stringMatching(/invalid-input|shape-mismatch/),
    });
  });

  test("a picture that is none, such as an SVG", async () => {
    const section = await classificationSection({
      title: "t",
      truth,
      prediction,
      describe: () => ({ title: "x", picture: { bytes: new TextEncoder().encode("<svg onload=alert(1)>"), alt: "x" } }),
    });
    await expect(htmlReport({ title: "x", sections: [section] })).rejects.toMatchObject({ code: "invalid-input" });
  });
});

test("a failed report leaves the old file whole and nothing beside it", async () => {
  const path = join(folder, "report.html");
  await writeReport(path, await content());
  expect(await readFile(path, "utf8")).toBe(await htmlReport(await content()));
  await writeFile(path, "old");
  await expect(writeReport(path, { title: "", sections: [] })).rejects.toMatchObject({ code: "invalid-input" });
  expect(await readFile(path, "utf8")).toBe("old");
  expect(await readdir(folder)).toEqual(["report.html"]);
});
