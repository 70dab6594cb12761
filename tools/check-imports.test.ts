import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { checkImports } from "./check-imports.js";

const made: string[] = [];
afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});

/** The violations of a small repository with these files beside its manifests. */
function violations(files: Record<string, string>): string[] {
  const root = mkdtempSync(join(tmpdir(), "check imports "));
  made.push(root);
  const manifests: Record<string, object> = {
    "package.json": { devDependencies: { vitest: "1" } },
    "packages/core/package.json": {},
    "packages/nn/package.json": { dependencies: { "@mmub/core": "1" } },
    "packages/text/package.json": { dependencies: { "@mmub/core": "1", "@mmub/nn": "1", natural: "1", vega: "1" } },
    "packages/image/package.json": { dependencies: { "@mmub/core": "1", sharp: "1" }, devDependencies: { pngjs: "1" } },
    "examples/shop/package.json": { dependencies: { "@mmub/core": "1", "@mmub/text": "1" } },
  };
  for (const [path, json] of Object.entries(manifests)) files[path] ??= JSON.stringify(json);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return checkImports(root).map(({ file, line, message }) => `${file}:${line} ${message}`);
}

test("takes what the layers allow", () => {
  const found = violations({
    "packages/text/src/a.ts": `import { dense } from "@mmub/core";
import { layer } from "@mmub/nn";
import { readFile } from "node:fs/promises";
import stem from "natural/lib/natural/stemmers/porter_stemmer.js";
import type { View } from "vega";
import { b } from "./b.js";
export const plot = async () => import("vega");`,
    "packages/text/src/a.test.ts": `import { test } from "vitest";
import { extractorChecks } from "@mmub/core/testing";
import "vega";`,
    "packages/text/tsup.config.ts": `import { build } from "../../tools/tsup.base.ts";`,
    "packages/image/fixtures/make.ts": `import { PNG } from "pngjs";`,
    "packages/core/src/testing/kit.ts": `import "../features.js";`,
    "examples/shop/src/main.ts": `import { tfidf } from "@mmub/text"; import { extractorChecks } from "@mmub/core/testing";`,
    "packages/text/dist/index.js": `import "@mmub/image";`,
    "packages/text/node_modules/x/index.js": `import "@mmub/image";`,
  });
  expect(found).toEqual([]);
});

const inText: [why: string, code: string, message: RegExp][] = [
  ["a sibling", `import { hog } from "@mmub/image";`, /text and image are siblings/],
  ["a sibling's type", `import type { Hog } from "@mmub/image";`, /siblings/],
  ["a sibling in an export", `export * from "@mmub/image";`, /siblings/],
  ["a sibling in a type", `export type H = import("@mmub/image").Hog;`, /siblings/],
  ["a sibling later", `export const f = () => import("@mmub/image");`, /siblings/],
  ["a sibling by its files", `import { hog } from "../../image/src/hog.js";`, /stays inside its own package/],
  ["itself by name", `import { tfidf } from "@mmub/text";`, /its own files by relative paths/],
  ["an unknown package of ours", `import "@mmub/video";`, /no such package/],
  ["an undeclared library", `import stem from "porter";`, /not among the dependencies of packages\/text/],
  ["a library of the tests", `import { test } from "vitest";`, /not among the dependencies/],
  ["a bare built-in", `import { join } from "path";`, /imported as "node:path"/],
  ["natural's main entry", `import natural from "natural";`, /import a subpath/],
  ["natural's main entry later", `export const f = () => import("natural");`, /import a subpath/],
  ["a heavy library", `import * as vega from "vega";`, /on first use/],
  ["a heavy library re-exported", `export * from "vega";`, /on first use/],
  ["a heavy library awaited", `const vega = await import("vega");`, /on first use/],
  ["a heavy library required", `const vega = require("vega");`, /on first use/],
  ["a test", `import { cases } from "./a.test.js";`, /only a test imports a test/],
  ["the conformance kit", `import { extractorChecks } from "@mmub/core/testing";`, /is for tests/],
];
test.each(inText)("rejects %s", (_why, code, message) => {
  const found = violations({ "packages/text/src/a.ts": `// first line\n${code}\n` });
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(/^packages\/text\/src\/a\.ts:2 /);
  expect(found[0]).toMatch(message);
});

test("rejects siblings and undeclared libraries in tests too", () => {
  const found = violations({ "packages/text/src/a.test.ts": `import "@mmub/image";\nimport "pngjs";` });
  expect(found).toEqual([expect.stringMatching(/:1 .*siblings/), expect.stringMatching(/:2 .*not among/)]);
});

test("rejects a lower layer that imports a higher one, declared or not", () => {
  const found = violations({
    "packages/core/package.json": JSON.stringify({ dependencies: { "@mmub/nn": "1" } }),
    "packages/core/src/a.ts": `import "@mmub/nn";`,
  });
  expect(found).toEqual([
    expect.stringMatching(/^packages\/core\/package\.json:1 .*core is below nn/),
    expect.stringMatching(/^packages\/core\/src\/a\.ts:1 .*core is below nn/),
  ]);
});

test("rejects a sibling that a manifest declares, though no file imports it", () => {
  const found = violations({
    "packages/text/package.json": JSON.stringify({ devDependencies: { "@mmub/image": "1" } }),
  });
  expect(found).toEqual([expect.stringMatching(/^packages\/text\/package\.json:1 .*siblings/)]);
});

test("rejects what an example does not declare, and a file outside it", () => {
  const found = violations({
    "examples/shop/src/main.ts": `import { hog } from "@mmub/image";\nimport "../../../packages/text/src/a.js";`,
  });
  expect(found).toEqual([
    expect.stringMatching(/:1 .*not among the dependencies of examples\/shop/),
    expect.stringMatching(/:2 .*stays inside/),
  ]);
});

test("wants a layer for a new package", () => {
  expect(() => violations({ "packages/video/package.json": "{}" })).toThrow(/packages\/video has no layer/);
});
