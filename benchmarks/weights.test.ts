import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { pretrained, put } from "./weights.js";

const folder = mkdtempSync(join(tmpdir(), "weights "));
afterAll(() => rmSync(folder, { recursive: true }));
// SHA-256 of "abc", an example of the standard: FIPS 180-2, B.1.
const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

test("a file is put in place if it is what it must be, and left out if it is not", () => {
  const place = join(folder, "model", "a.onnx");
  put(place, Buffer.from("abc"), abc);
  expect(readFileSync(place, "utf8")).toBe("abc");
  expect(() => put(place, Buffer.from("abd"), abc)).toThrow(`a.onnx would have SHA-256 `);
  expect(readFileSync(place, "utf8")).toBe("abc");
  expect(readdirSync(join(folder, "model"))).toEqual(["a.onnx"]);
});

test("every file has a package of one version and a checksum", () => {
  for (const { files } of Object.values(pretrained))
    for (const { package: requirement, sha256 } of Object.values(files)) {
      expect(requirement).toMatch(/^[\w.-]+==\d[\w.]*$/);
      expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    }
});
