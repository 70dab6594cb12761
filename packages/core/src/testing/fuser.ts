import type { Dense, FeatureSet, FittedFuser, Fuser, Sparse } from "../contracts.js";
import { checkFeatures, sliceFeatures, stackFeatures, takeFeatures } from "../features.js";
import {
  type Check,
  type CheckOptions,
  checkAbort,
  checkAborted,
  checkProgress,
  checks,
  close,
  fail,
  partChecks,
  rejects,
} from "./kit.js";
import { toSparse, toyData } from "./toy.js";

export interface FuserChecksOptions extends CheckOptions {
  /** Makes the recipe; called anew for each check. */
  readonly make: () => Fuser<never> | Fuser;
  /** Whether the toy targets are class labels or numbers. @default "classification" */
  readonly task?: "classification" | "regression";
  /** Modalities of the toy data as Sparse, for a fuser that takes it. @default ["visits"] */
  readonly sparse?: readonly ToyModality[];
}

type ToyModality = "review" | "visits";

/**
 * The rules that every fuser keeps, as a list of checks for any test runner. The toy data have three modalities of
 * different widths, a third of whose rows are missing.
 */
export function fuserChecks(options: FuserChecksOptions): readonly Check[] {
  const { task = "classification", sparse = ["visits"] } = options;
  const make = options.make as () => Fuser;
  const { features, targets } = toyModalities(task, sparse);
  const rows = targets.length;
  const fit = (fitted = features): Promise<FittedFuser> => make().fit(fitted, targets, { seed: 7 });
  const slice = (from: number, to: number): FeatureSet => map(features, (one) => sliceFeatures(one, from, to));

  return checks(
    {
      ...partChecks<Fuser, FittedFuser>({
        make,
        fit: (recipe, options, half) =>
          half
            ? recipe.fit(slice(0, rows / 2), targets.slice(0, rows / 2), options)
            : recipe.fit(features, targets, options),
        run: (fitted, options, half) => fitted.transform(half ? slice(0, rows / 2) : features, options),
        data: features,
      }),

      "the shape is right and every value finite": async () => {
        const fitted = await fit();
        const fused = await fitted.transform(features);
        checkFeatures(fused, "the output");
        if (fused.rows !== rows) fail(`${fused.rows} rows for ${rows} samples`);
        if (fused.cols !== fitted.cols) fail(`${fused.cols} columns in the output, ${fitted.cols} in the fitted part`);
      },

      "names, where there are any, are as many as the columns": async () => {
        const fitted = await fit();
        const { cols } = fitted;
        const columns = Object.entries(features).map(([name, one]) => [
          name,
          Array.from({ length: one.cols }, (_, at) => `${at}`),
        ]);
        for (const given of [fitted.names?.(), fitted.names?.(Object.fromEntries(columns))]) {
          if (!given) continue;
          if (given.length !== cols) fail(`${given.length} names for ${cols} columns`);
          if (new Set(given).size !== cols) fail("two columns have one name");
        }
      },

      "an empty batch has no rows": async () => {
        const fused = await (await fit()).transform(slice(0, 0));
        checkFeatures(fused, "the output");
        if (fused.rows !== 0) fail(`${fused.rows} rows for no samples`);
      },

      "a row depends on its own sample alone": async () => {
        const fitted = await fit();
        const whole = await fitted.transform(features);
        const pieces: (Dense | Sparse)[] = [];
        for (let row = 0; row < rows; row++) pieces.push(await fitted.transform(slice(row, row + 1)));
        if (!close(values(stackFeatures(pieces)), values(whole))) fail("one by one gave other rows than all at once");
      },

      "the order of the modalities changes nothing": async () => {
        const reversed = Object.fromEntries(Object.entries(features).reverse());
        const [one, other] = [await fit(), await fit(reversed)];
        const want = values(await one.transform(features));
        if (!close(values(await one.transform(reversed)), want))
          fail("transform depends on the order of the modalities");
        if (!close(values(await other.transform(features)), want)) fail("fit depends on the order of the modalities");
      },

      "any subset of modalities will do": async () => {
        const fitted = await fit();
        const names = Object.keys(features);
        for (let subset = 0; subset < 2 ** names.length; subset++) {
          const some = map(features, (one, name) => {
            if (subset & (1 << names.indexOf(name))) return one;
            const empty = takeFeatures(
              one,
              Array.from({ length: rows }, () => 2),
            );
            return { ...zeroed(empty), present: new Uint8Array(rows) };
          });
          checkFeatures(await fitted.transform(some), `the output of modalities ${subset.toString(2)}`);
        }
      },

      "abort rejects with the signal's reason": async () => {
        await checkAborted((options) => make().fit(features, targets, options), "fit");
        const fitted = await fit();
        await checkAborted((options) => fitted.transform(features, options), "transform");
        await checkAbortDuring((options) => make().fit(features, targets, options));
      },

      "progress never goes back": async () => {
        await checkProgress((options) => make().fit(features, targets, options), "any");
        const fitted = await fit();
        await checkProgress((options) => fitted.transform(features, options), "any");
      },

      "a value that is not finite names its row": async () => {
        const photo = features.photo as Dense;
        const data = photo.data.slice();
        data[4 * photo.cols] = Number.NaN;
        const bad = { ...features, photo: { ...photo, data } };
        await rejects(make().fit(bad, targets), "fit on NaN in row 4", "invalid-input", 4);
        await rejects((await fit()).transform(bad), "transform of NaN in row 4", "invalid-input", 4);
      },

      "modalities that do not fit are refused": async () => {
        const fitted = await fit();
        const { photo, ...lacking } = features;
        await rejects(fitted.transform(lacking), "a lacking modality", "shape-mismatch");
        await rejects(fitted.transform({ ...features, smell: photo! }), "an unknown modality", "shape-mismatch");
        const narrow: Dense = { layout: "dense", rows, cols: 1, data: new Float32Array(rows) };
        await rejects(
          fitted.transform({ ...features, photo: narrow }),
          "a modality of another width",
          "shape-mismatch",
        );
        const short = { ...features, photo: sliceFeatures(photo!, 0, rows - 1) };
        await rejects(fitted.transform(short), "a modality of fewer rows", "shape-mismatch");
      },

      "targets that do not fit are refused": async () => {
        await rejects(make().fit(features, targets.slice(1)), "a target too few", "invalid-input");
        await rejects(make().fit(slice(0, 0), []), "an empty data set", "invalid-input");
        await rejects(make().fit({}, targets), "a fit without modalities", "invalid-input");
      },
    },
    options,
  );
}

// Aborting at the first progress, for a fuser that reports any.
async function checkAbortDuring(call: Parameters<typeof checkAbort>[0]): Promise<void> {
  let reported = false;
  await call({ batchSize: 1, onProgress: () => (reported = true) });
  if (reported) await checkAbort(call, "fit");
}

function toyModalities(task: "classification" | "regression", asSparse: readonly string[]) {
  const rows = 48;
  const widths = { photo: 3, review: 5, visits: 4 };
  const { features, labels, values } = toyData({ rows, cols: 12, classes: 3, seed: 3 });
  let first = 0;
  const set = map(widths as unknown as FeatureSet, (_, name) => {
    const cols = widths[name as keyof typeof widths];
    const [data, present] = [new Float32Array(rows * cols), new Uint8Array(rows).fill(1)];
    for (let row = 0; row < rows; row++) {
      // Each modality misses every third row at most, and never row 4; row 2 has none at all.
      if (row === 2 || (row + first) % 11 === 0) present[row] = 0;
      if (row === 4) present[row] = 1;
      if (!present[row]) continue;
      const from = row * features.cols + first;
      data.set(features.data.subarray(from, from + cols), row * cols);
    }
    first += cols;
    const dense: Dense = { layout: "dense", rows, cols, data, present };
    return asSparse.includes(name) ? toSparse(dense) : dense;
  });
  return { features: set, targets: (task === "regression" ? values : labels) as readonly unknown[] };
}

function map(set: FeatureSet, of: (features: FeatureSet[string], name: string) => FeatureSet[string]): FeatureSet {
  return Object.fromEntries(Object.entries(set).map(([name, features]) => [name, of(features, name)]));
}

function zeroed(features: FeatureSet[string]): FeatureSet[string] {
  if (features.layout === "dense") return { ...features, data: new Float32Array(features.data.length) };
  const offsets = new Uint32Array(features.rows + 1);
  if (features.layout === "sequence") return { ...features, offsets, data: new Float32Array(0) };
  return { ...features, offsets, columns: new Uint32Array(0), values: new Float32Array(0) };
}

// What a model sees of fused features; presence bytes may be there or not.
function values({ present: _, ...features }: Dense | Sparse): unknown {
  return features;
}
