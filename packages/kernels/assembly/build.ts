// Compiles the kernels and writes src/binaries.ts: `pnpm assembly` in this package. A test compares it with the sources.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import asc from "assemblyscript/asc";

const here = import.meta.dirname;

/** The text of src/binaries.ts. */
export async function binaries(): Promise<string> {
  const simd = await compile(["simd"]);
  const relaxed = await compile(["simd", "relaxed-simd"]);
  return `// Generated from assembly/*.as.ts by assembly/build.ts: do not edit.

export const binaries = {
  simd: "${simd}",
  "relaxed-simd":
    "${relaxed}",
};
`;
}

async function compile(features: readonly string[]): Promise<string> {
  let binary = new Uint8Array();
  const { error, stderr } = await asc.main(
    [
      "index.as.ts",
      ...["--baseDir", here],
      ...["--outFile", "out.wasm"],
      ...["--runtime", "stub"],
      ...features.flatMap((feature) => ["--enable", feature]),
      ...["-O3", "--noAssert", "--importMemory", "--noExportMemory"],
      // The import then has room for the mark of a shared memory, which the loader sets: see src/loader.ts.
      ...["--maximumMemory", "65536"],
    ],
    {
      writeFile: (_, contents) => {
        binary = contents as Uint8Array<ArrayBuffer>;
      },
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr}`);
  return Buffer.from(binary).toString("base64");
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  writeFileSync(join(here, "..", "src", "binaries.ts"), await binaries());
