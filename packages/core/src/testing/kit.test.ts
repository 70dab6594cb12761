import { describe, expect, test } from "vitest";
import { nearestMean, popular, sideBySide, spread } from "../../fixtures/parts.js";
import {
  type Classification,
  type Dense,
  type Extractor,
  type FittedExtractor,
  type FittedFuser,
  type FittedModel,
  type FittedRecommender,
  type Fuser,
  type Model,
  type Recommender,
  type RunOptions,
  type Saved,
  takeFeatures,
} from "../index.js";
import { type Check, extractorChecks, fuserChecks, modelChecks, recommenderChecks } from "./index.js";

type Numbers = readonly number[];
type Transform = FittedExtractor<Numbers, Dense>["transform"];

const inputs: readonly (Numbers | null)[] = [
  [3, 1, 2],
  [9, 4],
  null,
  [5],
  [-2, 8, 1, 1],
  [7, 6],
  [0.5, 0.25],
  [4, 4, 1],
];

describe("good parts pass", () => {
  for (const check of extractorChecks({ make: spread, inputs })) test(`extractor: ${check.name}`, check.run);
  for (const check of fuserChecks({ make: sideBySide })) test(`fuser: ${check.name}`, check.run);
  for (const check of modelChecks({ make: nearestMean<string>, task: "classification" }))
    test(`model: ${check.name}`, check.run);
  for (const check of recommenderChecks({ make: popular })) test(`recommender: ${check.name}`, check.run);
});

// An extractor like spread() but for what `change` makes of each fitted part.
const extractor = (
  change: (fitted: FittedExtractor<Numbers, Dense>) => Partial<FittedExtractor<Numbers, Dense>>,
  recipe: Partial<Extractor<Numbers, Dense>> = {},
) => {
  const good = spread();
  const changed = (fitted: FittedExtractor<Numbers, Dense>) => ({ ...fitted, ...change(fitted) });
  const make: Extractor<Numbers, Dense> = {
    ...good,
    fit: async (inputs, options) => changed(await good.fit(inputs, options)),
    load: async (saved) => changed(await good.load(saved)),
    ...recipe,
  };
  return make;
};
const output = (change: (features: Dense, inputs: readonly (Numbers | null)[], options?: RunOptions) => Dense) =>
  extractor((good) => ({
    transform: async (inputs, options) => change(await good.transform(inputs, options), inputs, options),
  }));

const brokenExtractors: readonly [fault: string, check: string, make: () => Extractor<Numbers, Dense>][] = [
  [
    "gives NaN for a list of one number",
    "the shape is right and every value finite",
    () =>
      output((features, inputs) => {
        for (const [row, input] of inputs.entries()) if (input?.length === 1) features.data[row * 2] = Number.NaN;
        return features;
      }),
  ],
  ["has a name too few", "the shape is right and every value finite", () => extractor(() => ({ names: ["mean"] }))],
  [
    "gives one row for no inputs",
    "an empty batch has no rows",
    () =>
      output((features, inputs) =>
        inputs.length > 0 ? features : { layout: "dense", rows: 1, cols: 2, data: new Float32Array(2) },
      ),
  ],
  [
    "loses the last batch when it is not full",
    "the batch size changes nothing",
    () =>
      output((features, inputs, { batchSize = 256 } = {}) => {
        const full = inputs.length - (inputs.length % batchSize);
        if (inputs.length > batchSize) features.data.fill(0, full * 2);
        return features;
      }),
  ],
  [
    "divides by the greatest value of the call",
    "a row depends on its own input alone",
    () =>
      output((features) => {
        const most = Math.max(1, ...features.data);
        return { ...features, data: features.data.map((value) => value / most) };
      }),
  ],
  [
    "takes a missing input for zeros",
    "a missing input is an empty row",
    () => output(({ present: _, ...features }) => features),
  ],
  [
    "fills the row of a missing input",
    "a missing input is an empty row",
    () =>
      output((features, inputs) => {
        for (const [row, input] of inputs.entries()) if (input === null) features.data[row * 2] = 1;
        return features;
      }),
  ],
  [
    "sorts its inputs in place",
    "inputs are left untouched",
    () =>
      output((features, inputs) => {
        for (const input of inputs) (input as number[] | null)?.sort((a, b) => a - b);
        return features;
      }),
  ],
  [
    "saves a number that is new at every fit",
    "same seed, same bytes",
    () => {
      const good = spread();
      const marked = (of: FittedExtractor<Numbers, Dense>, mark: unknown): FittedExtractor<Numbers, Dense> => ({
        ...of,
        async save() {
          const saved = await of.save();
          return { ...saved, state: { ...(saved.state as object), mark: mark as number } };
        },
      });
      return {
        ...good,
        fit: async (inputs, options) => marked(await good.fit(inputs, options), ++fits),
        load: async (saved) => marked(await good.load(saved), (saved.state as { mark: unknown }).mark),
      };
    },
  ],
  [
    "keeps what it learned in the recipe",
    "a second fit leaves the first fitted part alone",
    () => {
      const good = spread();
      let last: FittedExtractor<Numbers, Dense>;
      return {
        ...good,
        async fit(inputs, options) {
          last = await good.fit(inputs, options);
          return { ...last, transform: (inputs, options) => last.transform(inputs, options), save: () => last.save() };
        },
      };
    },
  ],
  [
    "forgets what it learned when it is loaded",
    "save and load give the same output",
    () => {
      const good = spread();
      return {
        ...good,
        load: async (saved) => {
          const loaded = await good.load(saved);
          const blank = await good.load({ ...saved, state: { mean: 1 } });
          return { ...loaded, transform: blank.transform };
        },
      };
    },
  ],
  [
    "saves under another type",
    "what is saved bears the recipe's type and params",
    () => {
      const good = spread();
      const other = "@example/another";
      return extractor((fitted) => ({ save: async () => ({ ...(await fitted.save()), type: other }) }), {
        load: async (saved) => {
          const loaded = await good.load(
            saved.type === other ? { ...saved, type: good.type } : { ...saved, type: "?" },
          );
          return { ...loaded, save: async () => ({ ...(await loaded.save()), type: other }) };
        },
      });
    },
  ],
  [
    "loads whatever it is given",
    "load refuses what is not its own",
    () => {
      const good = spread();
      return { ...good, load: (saved: Saved) => good.load({ ...saved, type: good.type, version: 1 }) };
    },
  ],
  [
    "goes on when it is aborted",
    "abort rejects with the signal's reason",
    () =>
      extractor((good) => ({ transform: (inputs, { signal: _, ...options } = {}) => good.transform(inputs, options) })),
  ],
  [
    "rejects with an error of its own when it is aborted",
    "abort rejects with the signal's reason",
    () =>
      extractor((good) => ({
        transform: (inputs, options) =>
          good.transform(inputs, options).catch((error: unknown) => {
            throw options?.signal?.aborted ? new Error("aborted") : error;
          }),
      })),
  ],
  [
    "reads all of its fit's inputs after it was aborted",
    "abort rejects with the signal's reason",
    () => {
      const good = spread();
      return { ...good, fit: (inputs, { signal: _, ...options } = {}) => good.fit(inputs, options) };
    },
  ],
  [
    "counts its progress down",
    "progress never goes back",
    () =>
      extractor((good) => ({
        transform: (inputs, options) =>
          good.transform(inputs, {
            ...options,
            onProgress: ({ done, ...progress }) => options?.onProgress?.({ ...progress, done: inputs.length - done }),
          }),
      })),
  ],
  [
    "takes a bad input for a missing one",
    "a bad input names its index",
    () =>
      extractor((good) => ({
        transform: (inputs, options) =>
          good.transform(
            inputs.map((input) => (Array.isArray(input) ? input : null)),
            options,
          ),
      })),
  ],
  [
    "counts the index of a bad input from the start of its batch",
    "a bad input names its index",
    () =>
      extractor((good) => ({
        async transform(inputs, options) {
          const bad = inputs.findIndex((input) => input !== null && !Array.isArray(input));
          const size = options?.batchSize ?? 256;
          // What is before the batch of the bad input is good: the rest fails as it would alone.
          return bad < 0 ? good.transform(inputs, options) : good.transform(inputs.slice(bad - (bad % size)), options);
        },
      })),
  ],
  [
    "gives the same array to every call for the same inputs",
    "the output is the caller's own",
    () => {
      return extractor((good) => {
        const known = new Map<readonly (Numbers | null)[], ReturnType<Transform>>();
        return {
          transform(inputs, options) {
            if (options) return good.transform(inputs, options);
            const output = known.get(inputs) ?? good.transform(inputs);
            known.set(inputs, output);
            return output;
          },
        };
      });
    },
  ],
  [
    "keeps the inputs of a call where the next call finds them",
    "calls at the same time do not disturb each other",
    () =>
      extractor((good) => {
        let current: readonly (Numbers | null)[] = [];
        return {
          async transform(inputs, options) {
            current = inputs;
            await Promise.resolve();
            return good.transform(current, options);
          },
        };
      }),
  ],
  [
    "learns nothing from a stream",
    "fit takes a stream for an array",
    () => {
      const good = spread();
      return { ...good, fit: (inputs, options) => good.fit(Array.isArray(inputs) ? inputs : [], options) };
    },
  ],
  [
    "writes what it learned into its params",
    "fit leaves the recipe as it was",
    () => {
      const good = spread();
      const params: { scale: boolean; last?: number } = { scale: true };
      return {
        ...good,
        params,
        async fit(inputs, options) {
          const fitted = await good.fit(inputs, options);
          params.last = 1;
          return fitted;
        },
      };
    },
  ],
  [
    "has a param that no file can hold",
    "the recipe has a type and plain params",
    () => ({
      ...extractor((good) => ({ save: async () => ({ ...(await good.save()), params: odd }) })),
      params: odd,
      load: async (saved) => {
        const loaded = await spread().load({ ...saved, params: { scale: true } });
        if (saved.type !== "@example/spread") return loaded;
        return { ...loaded, save: async () => ({ ...(await loaded.save()), params: odd }) };
      },
    }),
  ],
];
let fits = 0;
const odd = { scale: true, pattern: undefined } as never;

describe("a broken extractor is caught by the check made for it alone", () => {
  for (const [fault, check, make] of brokenExtractors)
    test(fault, async () =>
      expect(await failing(extractorChecks({ make, inputs: structuredClone(inputs) }))).toEqual([check]),
    );
});

const fuser = (change: (fitted: FittedFuser) => Partial<FittedFuser>, recipe: Partial<Fuser> = {}): Fuser => {
  const good = sideBySide();
  const changed = (fitted: FittedFuser) => ({ ...fitted, ...change(fitted) });
  return {
    ...good,
    fit: async (features, targets, options) => changed(await good.fit(features, targets, options)),
    load: async (saved) => changed(await good.load(saved)),
    ...recipe,
  };
};

const brokenFusers: readonly [fault: string, check: string, make: () => Fuser][] = [
  [
    "takes the modalities by position",
    "the order of the modalities changes nothing",
    () =>
      fuser((good) => ({
        async transform(features, options) {
          const out = await good.transform(features, options);
          const first = Object.keys(features)[0] === "photo";
          return first || out.layout === "sparse" ? out : { ...out, data: out.data.map((value) => -value) };
        },
      })),
  ],
  [
    "knows no row without any modality",
    "any subset of modalities will do",
    () =>
      fuser((good) => ({
        async transform(features, options) {
          const out = (await good.transform(features, options)) as Dense;
          const none = Object.values(features).every((one) => one.present?.every((byte) => byte === 0));
          return none && out.rows > 1 ? { ...out, data: out.data.fill(Number.NaN) } : out;
        },
      })),
  ],
  [
    "names each modality once, not each of its columns",
    "names, where there are any, are as many as the columns",
    () => fuser(() => ({ names: (columns = {}) => ["photo", "review", ...Object.keys(columns)] })),
  ],
  [
    "overlooks a modality that it does not know",
    "modalities that do not fit are refused",
    () =>
      fuser((good) => ({
        transform: ({ smell: _, ...features }, options) => good.transform(features, options),
      })),
  ],
  [
    "takes fewer targets than samples",
    "targets that do not fit are refused",
    () => {
      const good = sideBySide();
      return {
        ...good,
        fit: (features, targets, options) =>
          good.fit(
            features,
            targets.length > 0 ? [...targets, ...targets].slice(0, Object.values(features)[0]?.rows ?? 0) : targets,
            options,
          ),
      };
    },
  ],
];

describe("a broken fuser is caught by the check made for it alone", () => {
  for (const [fault, check, make] of brokenFusers)
    test(fault, async () => expect(await failing(fuserChecks({ make }))).toEqual([check]));
});

type Guess = Classification<string>;
const model = (change: (fitted: FittedModel<Guess>) => Partial<FittedModel<Guess>>): Model<string, Guess> => {
  const good = nearestMean<string>();
  const changed = (fitted: FittedModel<Guess>) => ({ ...fitted, ...change(fitted) });
  return {
    ...good,
    fit: async (x, targets, options) => changed(await good.fit(x, targets, options)),
    load: async (saved) => changed(await good.load(saved)),
  };
};

const brokenModels: readonly [fault: string, check: string, make: () => Model<string, Guess>][] = [
  [
    "always says the same",
    "it learns",
    () =>
      model((good) => ({
        async predict(x, options) {
          const { probabilities, classes, labels } = await good.predict(x, options);
          const data = probabilities.data.map((_, at) => (at % 2 === 0 ? 0.75 : 0.25));
          return { classes, labels: labels.map(() => classes[0]!), probabilities: { ...probabilities, data } };
        },
      })),
  ],
  [
    "names another class than the likeliest",
    "predictions have the right shape",
    () =>
      model((good) => ({
        async predict(x, options) {
          const output = await good.predict(x, options);
          const { labels, classes } = output;
          return {
            ...output,
            labels: labels.map((label, row) => (row === 1 ? classes.find((of) => of !== label)! : label)),
          };
        },
      })),
  ],
  [
    "centres the rows that it predicts together",
    "a prediction depends on its own row alone",
    () =>
      model((good) => ({
        async predict(x, options) {
          if (x.rows !== 1) return good.predict(x, options);
          return good.predict(
            { ...takeFeatures(x as Dense, [0]), data: (x as Dense).data.map((value) => value * 0.5) },
            options,
          );
        },
      })),
  ],
  [
    "takes one class for two",
    "targets that do not fit are refused",
    () => {
      const good = nearestMean<string>();
      return {
        ...good,
        fit: (x, targets, options) =>
          good.fit(
            x,
            new Set(targets).size === 1 && targets.length === x.rows
              ? targets.map((of, row) => (row === 0 ? `not ${of}` : of))
              : targets,
            options,
          ),
      };
    },
  ],
  [
    "predicts columns that it was not fitted on",
    "features of another width are refused",
    () =>
      model((good) => ({
        predict: (x, options) =>
          good.predict(
            x.cols === 3 ? { layout: "dense", rows: x.rows, cols: 4, data: new Float32Array(x.rows * 4) } : x,
            options,
          ),
      })),
  ],
  [
    "reads sparse columns one further",
    "dense and sparse features give the same",
    () =>
      model((good) => ({
        predict: (x, options) =>
          good.predict(x.layout === "sparse" ? { ...x, values: x.values.map((value) => value * 0.5) } : x, options),
      })),
  ],
];

describe("a broken model is caught by the check made for it alone", () => {
  for (const [fault, check, make] of brokenModels)
    test(fault, async () => expect(await failing(modelChecks({ make, task: "classification" }))).toEqual([check]));
});

const recommender = (change: (fitted: FittedRecommender) => Partial<FittedRecommender>): Recommender => {
  const good = popular();
  const changed = (fitted: FittedRecommender) => ({ ...fitted, ...change(fitted) });
  return {
    ...good,
    fit: async (log, options) => changed(await good.fit(log, options)),
    load: async (saved) => changed(await good.load(saved)),
  };
};

const brokenRecommenders: readonly [fault: string, check: string, make: () => Recommender][] = [
  [
    "recommends what a user already had",
    "nobody is recommended what they had",
    () =>
      recommender((good) => ({
        async recommend(users, options) {
          const everyone = await good.recommend(["nobody has this id"], options);
          return { items: users.map(() => everyone.items[0]!), scores: users.map(() => everyone.scores[0]!.slice()) };
        },
      })),
  ],
  [
    "scores pairs by another measure than it ranks by",
    "the ranking goes by the scores of the pairs",
    () =>
      recommender((good) => ({
        score: async (pairs, options) => (await good.score(pairs, options)).map((score) => -score),
      })),
  ],
  [
    "knows no new user",
    "a user never seen gets a list",
    () =>
      recommender((good) => ({
        async recommend(users, options) {
          const { items, scores } = await good.recommend(users, options);
          const known = (user: unknown) => options.k === 3 || /^u\d+$/.test(String(user));
          return {
            items: items.map((list, row) => (known(users[row]) ? list : [])),
            scores: scores.map((list, row) => (known(users[row]) ? list : new Float32Array(0))),
          };
        },
      })),
  ],
];

describe("a broken recommender is caught by the check made for it alone", () => {
  for (const [fault, check, make] of brokenRecommenders)
    test(fault, async () => expect(await failing(recommenderChecks({ make }))).toEqual([check]));
});

describe("expected failures", () => {
  const make = () => extractor(() => ({ names: ["mean"] }));
  const name = "the shape is right and every value finite";

  test("a listed check that fails passes, and says why", async () => {
    const list = extractorChecks({ make, inputs, expectedFailures: { [name]: "names are made later" } });
    expect(await failing(list)).toEqual([]);
    expect(list.map((check) => check.name)).toContain(`${name} (expected to fail: names are made later)`);
  });

  test("a listed check that passes fails", async () => {
    const list = extractorChecks({ make: spread, inputs, expectedFailures: { [name]: "no reason" } });
    expect(await failing(list)).toEqual([`${name} (expected to fail: no reason)`]);
  });

  test("a name that is no check is an error", () => {
    expect(() => extractorChecks({ make, inputs, expectedFailures: { "no such check": "" } })).toThrow(
      /which is no check/,
    );
  });
});

test("the kit wants inputs enough to tell rows apart", () => {
  expect(() => extractorChecks({ make: spread, inputs: [[1], null] })).toThrow(/want at least three/);
});

async function failing(list: readonly Check[]): Promise<string[]> {
  const names: string[] = [];
  for (const check of list)
    await check.run().catch(() => {
      names.push(check.name);
    });
  return names;
}
