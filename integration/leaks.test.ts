import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { leaks } from "./leaks.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "leaks "));
  write({
    "package.json": JSON.stringify({
      type: "module",
      exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } },
    }),
    "README.md": "",
    LICENSE: "",
    "src/index.ts": 'export * from "./a.js";',
    "dist/index.js": 'export * from "./a.js"; // require("x")',
    "dist/a.js": "export const worker = \"const { parentPort } = require('node:worker_threads')\";",
    "dist/index.d.ts": 'export * from "./a.js";',
    "dist/a.d.ts": 'export declare const worker: import("./index.js").Worker;',
    "node_modules/other/index.cjs": "module.exports = 1;",
  });
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

test("a whole package has none", () => {
  expect(leaks(folder)).toEqual([]);
});

const broken: [file: string, text: string, leak: string][] = [
  ["dist/b.cjs", "", "dist/b.cjs is shipped"],
  ["src/a.test.ts", "", "src/a.test.ts is shipped"],
  ["fixtures/big.json", "{}", "fixtures/big.json is shipped"],
  ["dist/a.js", "var __commonJS = (cb) => cb;", "dist/a.js is CommonJS"],
  ["dist/a.js", "module.exports = {};", "dist/a.js is CommonJS"],
  ["dist/a.js", 'import "./b.ts";', 'dist/a.js imports "./b.ts"'],
  ["dist/a.js", 'import { c } from "./c.ts";', 'dist/a.js imports "./c.ts"'],
  ["dist/a.js", 'const b = await import("./b.js");', 'dist/a.js imports "./b.js", which is not there'],
  ["dist/a.d.ts", 'export { A } from "../src/a.ts";', 'dist/a.d.ts imports "../src/a.ts"'],
  ["package.json", "{}", 'package.json lacks "type": "module"'],
  [
    "package.json",
    '{ "type": "module", "dependencies": { "@mmub/core": "workspace:^" } }',
    'package.json still says "workspace:"',
  ],
  [
    "package.json",
    '{ "type": "module", "exports": { ".": { "default": "./lib/index.js" } } }',
    "./lib/index.js is exported and not there",
  ],
];
test.each(broken)("tells of %s: %s", (file, text, leak) => {
  write({ [file]: text });
  expect(leaks(folder)).toEqual([leak]);
});

test("tells of a package without its licence", () => {
  rmSync(join(folder, "LICENSE"));
  expect(leaks(folder)).toEqual(["LICENSE is not there"]);
});
