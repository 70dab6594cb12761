import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { withoutChangeset } from "./check-changesets.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "changesets "));
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function commit(): void {
  const git = (...args: string[]) => execFileSync("git", args, { cwd: root });
  git("init", "--quiet");
  git("add", ".");
  git("-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "--quiet", "--message", "test");
}

test("before the first release every package wants one", () => {
  for (const name of ["text", "image", "audio"]) write(`packages/${name}/package.json`, '{ "version": "0.0.0" }');
  write(".changeset/README.md", '---\n"@mmub/image": minor\n---\n');
  write(".changeset/words.md", '---\n"@mmub/text": minor\n---\n\nNames @mmub/image in passing.\n');
  write(".changeset/sound.md", '---\r\n"@mmub/audio": patch\r\n---\r\n');
  expect(withoutChangeset(root)).toEqual(["image"]);
});

test("after a release only what changed wants one", () => {
  for (const name of ["text", "image", "audio"]) {
    write(`packages/${name}/package.json`, '{\n"version": "1.0.0"\n}');
    write(`packages/${name}/src/index.ts`, "");
  }
  commit();
  expect(withoutChangeset(root)).toEqual([]);
  write("packages/text/src/index.ts", "export {};");
  write("packages/image/package.json", '{\n"version": "1.0.0",\n"sideEffects": false\n}');
  expect(withoutChangeset(root)).toEqual(["image", "text"]);
  commit();
  expect(withoutChangeset(root)).toEqual(["image", "text"]);
  write(".changeset/words.md", '---\n"@mmub/text": minor\n---\n');
  expect(withoutChangeset(root)).toEqual(["image"]);
});
