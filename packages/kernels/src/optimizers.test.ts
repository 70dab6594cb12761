import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type KernelBuild, kernels } from "./index.js";

const fixtures = JSON.parse(readFileSync(new URL("../fixtures/optimizers.json", import.meta.url), "utf8")) as {
  readonly start: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly cases: readonly {
    readonly name: string;
    readonly kernel: "sgd" | "momentum" | "adam" | "adamw";
    readonly options: { readonly learningRate: number; readonly amsgrad?: boolean; readonly gradientScale?: number };
    readonly clip: number | null;
    readonly after: readonly (readonly number[])[];
  }[];
  readonly width: number;
  readonly tableStart: readonly number[];
  readonly rows: readonly (readonly number[])[];
  readonly rowGradients: readonly (readonly number[])[];
  readonly tables: readonly {
    readonly name: string;
    readonly kernel: "lazyAdam" | "scatterAddRows";
    readonly options: { readonly learningRate: number; readonly scale: number };
    readonly after: readonly (readonly number[])[];
  }[];
};

/**
 * Float32 roundings of 20 steps, each of which is at most 6e-8 of the parameter and of the step: 1e-6 of the largest number
 * that the parameter has been.
 */
const expectClose = (got: readonly Float32Array[], want: readonly (readonly number[])[], start: readonly number[]) => {
  for (const [step, index] of [0, 1, 19].entries())
    for (const [i, value] of want[step]!.entries()) {
      const size = Math.max(Math.abs(start[i]!), ...got.slice(0, index + 1).map((p) => Math.abs(p[i]!)));
      expect(Math.abs(got[index]![i]! - value), `step ${index + 1}, parameter ${i}`).toBeLessThanOrEqual(1e-6 * size);
    }
};

for (const build of [undefined, "scalar"] as readonly (KernelBuild | undefined)[])
  describe(`PyTorch's numbers, ${build ?? "the fastest build"}`, () => {
    for (const {
      name,
      kernel,
      options: { amsgrad, ...options },
      clip,
      after,
    } of fixtures.cases)
      test(name, () => {
        const k = kernels({ bytes: 4096, ...(build && { build }) });
        const { length } = fixtures.start;
        const [p, g, m, v, top] = [k, k, k, k, k].map((one) => one.float32(length));
        p!.set(fixtures.start);
        const got = fixtures.gradients.map((gradients, index) => {
          g!.set(gradients);
          const clipped = clip !== null && {
            gradientScale: Math.min(1, clip / (Math.sqrt(k.sumOfSquares(g!)) + 1e-6)),
          };
          const all = { ...options, ...clipped, step: index + 1, ...(amsgrad && { maxSecondMoment: top! }) };
          if (kernel === "sgd") k.sgd(p!, g!, all);
          else if (kernel === "momentum") k.momentum(p!, g!, m!, all);
          else k[kernel](p!, g!, m!, v!, all);
          return p!.slice();
        });
        expectClose(got, after, fixtures.start);
      });

    for (const { name, kernel, options, after } of fixtures.tables)
      test(name, () => {
        const k = kernels({ bytes: 4096, ...(build && { build }) });
        const { width, tableStart } = fixtures;
        const [p, m, v] = [k, k, k].map((one) => one.float32(tableStart.length));
        const rows = k.int32(fixtures.rows[0]!.length);
        const values = k.float32(rows.length * width);
        const slots = k.int32(tableStart.length / width);
        p!.set(tableStart);
        const got = fixtures.rows.map((touched, index) => {
          rows.set(touched);
          values.set(fixtures.rowGradients[index]!);
          if (kernel === "scatterAddRows") k.scatterAddRows(p!, width, rows, values, options);
          else {
            const count = k.sumRows(rows, values, width, slots);
            const list = rows.subarray(0, count);
            const sorted = index % 2 === 1;
            if (sorted) list.sort();
            k.lazyAdam(p!, m!, v!, width, list, values.subarray(0, count * width), {
              ...options,
              step: index + 1,
              ...(sorted && { slots }),
            });
          }
          return p!.slice();
        });
        expectClose(got, after, tableStart);
        // No gradient ever came to the last row.
        expect([...p!.subarray(-width)]).toEqual([...Float32Array.from(tableStart.slice(-width))]);
      });
  });
