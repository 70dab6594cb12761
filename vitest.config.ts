import { defineConfig } from "vitest/config";

// Tests run on the sources: the `@mmub/source` condition of every package's exports leads there.
const conditions = ["@mmub/source", "module", "node", "default"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "examples/*/test/**/*.test.ts",
      "tools/*.test.ts",
      "integration/*.test.ts",
      "benchmarks/**/*.test.ts",
    ],
    typecheck: {
      enabled: true,
      include: ["packages/*/src/**/*.test-d.ts"],
      tsconfig: "./tsconfig.json",
      // The sources are checked by tsc itself.
      ignoreSourceErrors: true,
    },
    testTimeout: 60_000,
    pool: "forks",
  },
});
