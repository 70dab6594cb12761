import type { Options } from "tsup";

/** The build of every package: ESM with types and source maps, Node's own `node:` names kept. */
export function build(entry: string[] = ["src/index.ts"]): Options {
  return {
    entry,
    format: "esm",
    target: "node20",
    platform: "node",
    sourcemap: true,
    clean: true,
    splitting: true,
    // tsup strips `node:` otherwise.
    removeNodeProtocol: false,
    // Types of the packages below come from their build, as they will for a user, not from their sources.
    dts: { compilerOptions: { customConditions: [] } },
  };
}
