import type { FittedRecommender, Id, Recommender } from "../contracts.js";
import {
  type Check,
  type CheckOptions,
  checkAborted,
  checkProgress,
  checks,
  fail,
  partChecks,
  rejects,
} from "./kit.js";
import { toyLog } from "./toy.js";

export interface RecommenderChecksOptions extends CheckOptions {
  /** Makes the recipe; called anew for each check. */
  readonly make: () => Recommender;
}

/** The rules that every recommender keeps, as a list of checks for any test runner. */
export function recommenderChecks(options: RecommenderChecksOptions): readonly Check[] {
  const { make } = options;
  const log = toyLog(5);
  const users = [...new Set(log.users)];
  const events = Math.floor(log.users.length / 2);
  const half = {
    users: log.users.slice(0, events),
    items: log.items.slice(0, events),
    values: log.values!.slice(0, events),
    times: log.times!.slice(0, events),
  };
  const had = new Map<Id, Set<Id>>(users.map((user) => [user, new Set()]));
  for (const [event, user] of log.users.entries()) had.get(user)!.add(log.items[event]!);
  const fit = () => make().fit(log, { seed: 7 });

  return checks(
    {
      ...partChecks<Recommender, FittedRecommender>({
        make,
        fit: (recipe, options, first) => recipe.fit(first ? half : log, options),
        run: (fitted, options, half) => fitted.recommend(half ? users.slice(0, 2) : users, { k: 5, ...options }),
        data: log,
      }),

      "a ranking has the right shape": async () => {
        const { items, scores } = await (await fit()).recommend(users, { k: 5 });
        if (items.length !== users.length || scores.length !== users.length)
          fail(`${items.length} rows of items and ${scores.length} of scores for ${users.length} users`);
        for (const [row, list] of items.entries()) {
          if (list.length > 5 || scores[row]!.length !== list.length)
            fail(`user ${row} has ${list.length} items and ${scores[row]!.length} scores, want at most 5 and as many`);
          if (new Set(list).size !== list.length) fail(`user ${row} is recommended an item twice`);
          for (let at = 0; at < list.length; at++) {
            if (!Number.isFinite(scores[row]![at])) fail(`user ${row} has a score of ${scores[row]![at]}`);
            if (at > 0 && scores[row]![at]! > scores[row]![at - 1]!) fail(`the scores of user ${row} rise`);
          }
        }
      },

      "nobody is recommended what they had": async () => {
        const { items } = await (await fit()).recommend(users, { k: 12 });
        for (const [row, list] of items.entries())
          for (const item of list) if (had.get(users[row]!)!.has(item)) fail(`user ${row} already had item ${item}`);
      },

      "no users, no rows": async () => {
        const { items, scores } = await (await fit()).recommend([], { k: 5 });
        if (items.length !== 0 || scores.length !== 0) fail("a ranking for no users has rows");
      },

      "a user never seen gets a list": async () => {
        const { items } = await (await fit()).recommend(["nobody has this id"], { k: 5 });
        if (items[0]?.length !== 5) fail(`a new user gets ${items[0]?.length} of 5 items`);
      },

      "the ranking goes by the scores of the pairs": async () => {
        const fitted = await fit();
        const { items } = await fitted.recommend(users, { k: 5 });
        for (const [row, list] of items.entries()) {
          const pairs = { users: list.map(() => users[row]!), items: list };
          const scores = await fitted.score(pairs);
          if (scores.length !== list.length) fail(`${scores.length} scores for ${list.length} pairs`);
          for (let at = 1; at < scores.length; at++)
            if (!(scores[at]! <= scores[at - 1]! + 1e-5))
              fail(`item ${list[at]} of user ${row} is ranked below a lower score`);
        }
        const unknown = await fitted.score({ users: ["nobody"], items: ["nothing"] });
        if (!Number.isFinite(unknown[0])) fail(`an unknown pair scores ${unknown[0]}`);
      },

      "it learns": async () => {
        const fitted = await fit();
        const { items } = await fitted.recommend(["nobody has this id"], { k: 3 });
        if (!items[0]?.includes("i0")) fail("the most popular item by far is not among the first three for a new user");
      },

      "abort rejects with the signal's reason": async () => {
        const fitted = await fit();
        await checkAborted((options) => make().fit(log, options), "fit");
        await checkAborted((options) => fitted.recommend(users, { k: 5, ...options }), "recommend");
      },

      "progress never goes back": async () => {
        await checkProgress((options) => make().fit(log, options), "any");
      },

      "a bad log is refused": async () => {
        await rejects(make().fit({ users: [], items: [] }), "an empty log", "invalid-input");
        await rejects(make().fit({ ...log, items: log.items.slice(1) }), "an item too few", "invalid-input");
        const values = log.values!.slice();
        values[3] = Number.NaN;
        await rejects(make().fit({ ...log, values }), "NaN as the value of event 3", "invalid-input", 3);
      },
    },
    options,
  );
}
