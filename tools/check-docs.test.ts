import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const tools = import.meta.dirname;
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "check docs "));
  write("tools/tsconfig.base.json", {
    compilerOptions: {
      target: "ES2022",
      module: "ESNext",
      moduleResolution: "Bundler",
      customConditions: ["@mmub/source"],
      verbatimModuleSyntax: true,
      strict: true,
      skipLibCheck: true,
      noEmit: true,
    },
  });
  for (const name of ["core", "text"]) {
    const source = { "@mmub/source": "./src/index.ts", default: "./dist/index.js" };
    write(`packages/${name}/package.json`, { name: `@mmub/${name}`, type: "module", exports: { ".": source } });
    mkdirSync(join(root, "integration/node_modules/@mmub"), { recursive: true });
    symlinkSync(join(root, "packages", name), join(root, "integration/node_modules/@mmub", name), "junction");
  }
  write("packages/core/src/index.ts", "export const one = 1;\nexport interface Row { cols: number }\n");
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, content: string | object): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), typeof content === "string" ? content : JSON.stringify(content));
}

/** What the check prints, and how it ends. */
function checkDocs(): { status: number | null; lines: string[] } {
  const tsx = resolve(tools, "../node_modules/tsx/dist/cli.mjs");
  const args = [tsx, "--conditions=@mmub/source", join(tools, "check-docs.ts"), root];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  return { status, lines: stderr.trim().split("\n") };
}

test("takes examples that run, importing what they use for them", () => {
  write(
    "packages/text/src/index.ts",
    `export * from "./two.js";
export type * from "@mmub/core";
/** Not an example. */
export const text = "";
`,
  );
  write(
    "packages/text/src/two.ts",
    `/**
 * Two.
 *
 * @example
 * const row: Row = { cols: one + two() };
 * if (row.cols !== 3) throw new Error("not three");
 * @example
 * \`\`\`ts
 * const one = await Promise.resolve("mine");
 * one.toUpperCase();
 * \`\`\`
 */
export const two = () => 2;
`,
  );
  write(
    "packages/text/README.md",
    `# Text
\`\`\`ts
import { two } from "@mmub/text";
two();
\`\`\`
\`\`\`sh
npm install
\`\`\`
`,
  );
  expect(checkDocs()).toEqual({ status: 0, lines: ["3 examples, 0 errors"] });
});

test("names file and line of what does not compile, throws or rejects unseen", () => {
  write("packages/text/src/index.ts", `/**\n * @example\n * one;\n * one.length;\n */\nexport const text = "";\n`);
  write(
    "docs/guide/start.md",
    `Start
\`\`\`ts
const row: Row = { cols: 1 };

missing(row);
\`\`\`
then
\`\`\`ts
one;
if (one === 1) throw new TypeError("thrown here");
\`\`\`
and
\`\`\`ts
void Promise.reject(new RangeError("nobody waits"));
\`\`\`
`,
  );
  expect(checkDocs()).toEqual({
    status: 1,
    lines: [
      "4 examples, 4 errors",
      "packages/text/src/index.ts:4 TS2339: Property 'length' does not exist on type '1'.",
      "docs/guide/start.md:5 TS2304: Cannot find name 'missing'.",
      "docs/guide/start.md:10 TypeError: thrown here",
      "docs/guide/start.md:14 RangeError: nobody waits",
    ],
  });
});
