import type { Dense, Features, FittedModel, Unsupervised } from "../contracts.js";
import { sliceFeatures } from "../features.js";
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

export interface UnsupervisedChecksOptions<Output> extends CheckOptions {
  readonly make: () => Unsupervised<Output>;
  /** What an output says of each row, such as its score. */
  readonly rowsOf: (output: Output) => readonly unknown[];
  /** The layouts that the model takes. @default ["dense", "sparse"] */
  readonly layouts?: readonly ("dense" | "sparse")[];
}

/** The rules that every model without targets keeps, as a list of checks for any test runner. The toy data are two crowds. */
export function unsupervisedChecks<Output>(options: UnsupervisedChecksOptions<Output>): readonly Check[] {
  const { make, rowsOf, layouts = ["dense", "sparse"] } = options;
  const data = toyData({ rows: 120, cols: 4, seed: 5 }).features;
  const toLayout = (features: Dense): Features => (layouts[0] === "sparse" ? toSparse(features) : features);
  const x = toLayout(data);
  const part = (from: number, to: number): Features => toLayout(sliceFeatures(data, from, to));
  const fit = () => make().fit(x, { seed: 7 });

  return checks(
    {
      ...partChecks<Unsupervised<Output>, FittedModel<Output>>({
        make,
        fit: (recipe, options, half) => recipe.fit(half ? part(0, data.rows / 2) : x, options),
        run: (fitted, options, half) => fitted.predict(half ? part(0, data.rows / 2) : x, options),
        data: x,
      }),
      "there is something said of each row": async () => {
        const fitted = await fit();
        for (const rows of [data.rows, 0]) {
          const said = rowsOf(await fitted.predict(part(0, rows))).length;
          if (said !== rows) fail(`something is said of ${said} rows, want ${rows}`);
        }
      },
      "a prediction depends on its own row alone": async () => {
        const fitted = await fit();
        const whole = rowsOf(await fitted.predict(x));
        for (const row of [0, 1, data.rows - 1])
          if (!close(rowsOf(await fitted.predict(part(row, row + 1))), [whole[row]]))
            fail(`row ${row} alone is predicted otherwise than among others`);
      },
      "dense and sparse features give the same": async () => {
        if (layouts.length < 2) return;
        const of = async (features: Features) =>
          rowsOf(await (await make().fit(features, { seed: 7 })).predict(features));
        if (!close(await of(data), await of(toSparse(data))))
          fail("the same features as Sparse are predicted otherwise");
      },
      "abort rejects with the signal's reason": async () => {
        await checkAbort((options) => make().fit(x, options), "fit");
        const fitted = await fit();
        await checkAborted((options) => fitted.predict(x, options), "predict");
      },
      "progress never goes back": async () => {
        await checkProgress((options) => make().fit(x, options), "some");
      },
      "a value that is not finite names its row": async () => {
        const values = data.data.slice();
        values[4 * data.cols] = Number.NaN;
        const bad = toLayout({ ...data, data: values });
        await rejects(make().fit(bad), "fit on NaN in row 4", "invalid-input", 4);
        await rejects((await fit()).predict(bad), "predict on NaN in row 4", "invalid-input", 4);
      },
      "features that do not fit are refused": async () => {
        const narrow = toLayout(toyData({ rows: 5, cols: 3, seed: 5 }).features);
        await rejects((await fit()).predict(narrow), "3 columns after a fit on 4", "shape-mismatch");
        await rejects(make().fit(part(0, 0)), "an empty data set", "invalid-input");
      },
    },
    options,
  );
}
