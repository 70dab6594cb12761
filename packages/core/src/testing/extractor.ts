import type { Extractor, Features, FittedExtractor } from "../contracts.js";
import { MmubError } from "../errors.js";
import { checkFeatures, isPresent, sliceFeatures, stackFeatures } from "../features.js";
import {
  type Check,
  type CheckOptions,
  checkAbort,
  checkProgress,
  checks,
  close,
  fail,
  partChecks,
  rejects,
} from "./kit.js";

export interface ExtractorChecksOptions<Input> extends CheckOptions {
  /** Makes the recipe; called anew for each check. */
  readonly make: () => Extractor<Input>;
  /** At least three good inputs, different from each other; a `null` among them is welcome. */
  readonly inputs: readonly (Input | null)[];
  /** What must be rejected. @default a function, which no extractor takes */
  readonly badInput?: unknown;
}

/**
 * The rules that every extractor keeps, as a list of checks for any test runner.
 *
 * @example
 * const inputs = [[1, 2], [3, 4], [5, 6]];
 * for (const check of extractorChecks({ make: vector, inputs })) await check.run();
 */
export function extractorChecks<Input>(options: ExtractorChecksOptions<Input>): readonly Check[] {
  const { make, inputs, badInput = () => {} } = options;
  const good = inputs.filter((input) => input !== null);
  if (good.length < 3) fail(`${good.length} inputs that are not null, want at least three`);
  const fit = (recipe = make()): Promise<FittedExtractor<Input>> => recipe.fit(inputs, { seed: 7 });
  const all = [...inputs, null];

  return checks(
    {
      ...partChecks<Extractor<Input>, FittedExtractor<Input>>({
        make,
        fit: (recipe, options, half) => recipe.fit(half ? good.slice(0, 2) : inputs, options),
        run: (fitted, options, half) => fitted.transform(half ? good.slice(0, 2) : inputs, options),
        data: inputs,
      }),

      "the shape is right and every value finite": async () => {
        const fitted = await fit();
        const features = await fitted.transform(inputs);
        checkFeatures(features, "the output");
        if (features.rows !== inputs.length) fail(`${features.rows} rows for ${inputs.length} inputs`);
        if (features.cols !== fitted.cols)
          fail(`${features.cols} columns in the output, ${fitted.cols} in the fitted part`);
        if (fitted.names && fitted.names.length !== fitted.cols)
          fail(`${fitted.names.length} names for ${fitted.cols} columns`);
        if (fitted.names && new Set(fitted.names).size !== fitted.cols) fail("two columns have the same name");
      },

      "an empty batch has no rows": async () => {
        const fitted = await fit();
        const features = await fitted.transform([]);
        checkFeatures(features, "the output");
        if (features.rows !== 0) fail(`${features.rows} rows for no inputs`);
        const some = await fitted.transform(good.slice(0, 1));
        if (features.cols !== some.cols || features.layout !== some.layout)
          fail(`${features.layout} x ${features.cols} for no inputs, ${some.layout} x ${some.cols} for one`);
      },

      "the batch size changes nothing": async () => {
        const fitted = await fit();
        const whole = await fitted.transform(inputs, { batchSize: inputs.length + 1 });
        for (const batchSize of [1, 2, 3])
          if (!close(await fitted.transform(inputs, { batchSize }), whole))
            fail(`batchSize ${batchSize} gave other features`);
      },

      "a row depends on its own input alone": async () => {
        const fitted = await fit();
        const whole = await fitted.transform(good);
        const single: Features[] = [];
        for (const input of good) single.push(await fitted.transform([input]));
        if (!sameRows(stackFeatures(single), whole)) fail("one by one gave other rows than all at once");
      },

      "a missing input is an empty row": async () => {
        const fitted = await fit();
        const features = await fitted.transform(all);
        if (!features.present) fail("features of missing inputs have no presence bytes");
        for (const [row, input] of all.entries()) {
          if (isPresent(features, row) !== (input !== null)) fail(`present is ${features.present[row]} for row ${row}`);
          if (input === null && !isEmpty(sliceFeatures(features, row, row + 1)))
            fail(`row ${row} of a missing input holds values, want zeros or nothing`);
        }
      },

      "fit takes a stream for an array": async () => {
        const streamed = await make().fit(stream(inputs), { seed: 7 });
        if (!close(await streamed.transform(inputs), await (await fit()).transform(inputs)))
          fail("a stream of the same inputs gave another fitted part than an array");
      },

      "abort rejects with the signal's reason": async () => {
        const fitted = await fit();
        await checkAbort((options) => fitted.transform(inputs, options), "transform");
        // A part that learns nothing need not look at the inputs of its fit; one that does must stop.
        const controller = new AbortController();
        const reason = new Error("the reason of the signal");
        let read = 0;
        const endless = {
          async *[Symbol.asyncIterator]() {
            for (; read < 100; read++) {
              if (read === 2) controller.abort(reason);
              yield good.slice(0, 3);
            }
          },
        };
        const outcome = await make()
          .fit(endless, { signal: controller.signal })
          .catch((error: unknown) => error);
        if (read >= 100) fail("fit read its inputs to the end after it was aborted");
        if (read > 2 && outcome !== reason)
          fail("fit was aborted but did not reject with the signal's reason", outcome);
      },

      "progress never goes back": async () => {
        const fitted = await fit();
        await checkProgress((options) => fitted.transform(inputs, options), "some");
        await checkProgress((options) => make().fit(inputs, options), "any");
      },

      "a bad input names its index": async () => {
        const fitted = await fit();
        const bad = [good[0]!, badInput as Input, good[1]!];
        await rejects(fitted.transform(bad), "transform of a bad input at index 1", "invalid-input", 1);
        await rejects(
          fitted.transform(bad, { batchSize: 1 }),
          "transform of a bad input at index 1 in batches of one",
          "invalid-input",
          1,
        );
        const error = await make()
          .fit(bad)
          .then(
            () => undefined,
            (error: unknown) => error,
          );
        if (error !== undefined && !(MmubError.is(error) && error.code === "invalid-input" && error.index === 1))
          fail(`fit on a bad input at index 1 rejected with ${error}, want an MmubError with that index`, error);
      },
    },
    options,
  );
}

function stream<T>(items: readonly T[]): AsyncIterable<readonly T[]> {
  return {
    async *[Symbol.asyncIterator]() {
      for (let from = 0; from < items.length; from += 2) yield items.slice(from, from + 2);
    },
  };
}

function sameRows(a: Features, b: Features): boolean {
  const full = (features: Features): Features => ({
    ...features,
    present: features.present ?? new Uint8Array(features.rows).fill(1),
  });
  return close(full(a), full(b));
}

function isEmpty(row: Features): boolean {
  return row.layout === "dense" ? row.data.every((value) => value === 0) : row.offsets[1] === row.offsets[0];
}
