import {
  batches,
  checkParam,
  checkSaved,
  type FittedRecommender,
  type Id,
  type Interactions,
  MmubError,
  pace,
  progress,
  type Recommender,
  savedArray,
  show,
  turn,
} from "@mmub/core";

const type = "@mmub/models/most-popular";
const dayMs = 86_400_000;

export interface MostPopularParams {
  /**
   * What an item's score is: `"events"`, their number; `"users"`, how many users had it, each counted once by the latest
   * event; `"values"`, the sum of the values; `"mean"`, the average value. @default "events"
   */
  readonly by?: "events" | "users" | "values" | "mean";
  /** An event counts half as much for each so many days before the latest of the log; null: all count alike. @default null */
  readonly halfLifeDays?: number | null;
  /**
   * Of `"mean"`: events of the overall mean that every item is given beforehand, so that one top rating does not win.
   * @default 10
   */
  readonly smoothing?: number;
  /** Whether to leave out the items that the user had in the log. @default true */
  readonly excludeSeen?: boolean;
}

/**
 * The same list for everyone, the most popular items first: the baseline that a recommender must beat, and what to show
 * to a user never seen.
 *
 * Output: at most `k` items a user, best first, and their scores (float32, in events, users or units of the values);
 * equal scores go by id, numbers first. An item never seen scores 0, or the overall mean with `"mean"`.
 * Rejects a log that is empty or whose columns differ in length, ids that are not strings or finite numbers, values and
 * times that are not finite (with the index), and a `halfLifeDays` without times. Cost: one pass over the log; the fitted
 * part keeps 4 bytes for each pair of user and item.
 * Source: exponential decay; the mean is shrunk as IMDb's weighted rating is.
 *
 * @example
 * const log = { users: ["ann", "bob", "bob"], items: ["tea", "tea", "mug"] };
 * const fitted = await mostPopular().fit(log);
 * const { items } = await fitted.recommend(["ann", "new"], { k: 2 }); // ["mug"], ["tea", "mug"]
 */
export function mostPopular(params: MostPopularParams = {}): Recommender {
  const { by = "events", halfLifeDays = null, smoothing = 10, excludeSeen = true } = params;
  checkParam(
    type,
    "by",
    by,
    ["events", "users", "values", "mean"].includes(by),
    '"events", "users", "values" or "mean"',
  );
  checkParam(
    type,
    "halfLifeDays",
    halfLifeDays,
    halfLifeDays === null || (Number.isFinite(halfLifeDays) && halfLifeDays > 0),
    "a positive number of days or null",
  );
  checkParam(type, "smoothing", smoothing, Number.isFinite(smoothing) && smoothing >= 0, "a number of at least 0");
  checkParam(type, "excludeSeen", excludeSeen, typeof excludeSeen === "boolean", "true or false");
  const recipe = { type, params: { by, halfLifeDays, smoothing, excludeSeen } };

  return {
    ...recipe,
    async fit(log, options) {
      await turn(options?.signal);
      checkLog(log, halfLifeDays !== null);
      const pause = pace(options?.signal);
      const report = progress(options, type, log.users.length);
      const users = new Map<Id, number>();
      const items = new Map<Id, number>();
      // For each item, by user: the positions of their latest events, in the order met.
      const latest: Map<number, number>[] = [];
      const decays = decaysOf(log, halfLifeDays);
      const counts: number[] = [];
      const sums: number[] = [];
      let count = 0;
      let sum = 0;
      for (let event = 0; event < log.users.length; event++) {
        if (event % 4096 === 0) {
          await pause();
          report(event);
        }
        const user = indexOf(users, log.users[event]!);
        const item = indexOf(items, log.items[event]!);
        if (item === latest.length) {
          latest.push(new Map());
          counts.push(0);
          sums.push(0);
        }
        const decay = decays?.[event] ?? 1;
        const value = decay * (log.values?.[event] ?? 1);
        counts[item]! += decay;
        sums[item]! += value;
        count += decay;
        sum += value;
        const had = latest[item]!;
        had.set(user, Math.max(had.get(user) ?? 0, decay));
      }
      report(log.users.length);

      const mean = sum / count;
      const scoreOf = (item: number): number => {
        if (by === "events") return counts[item]!;
        if (by === "values") return sums[item]!;
        if (by === "mean") {
          const weight = counts[item]! + smoothing;
          // So old that nothing is left of its events.
          return weight > 0 ? (sums[item]! + smoothing * mean) / weight : mean;
        }
        let total = 0;
        for (const decay of latest[item]!.values()) total += decay;
        return total;
      };
      const ids = [...items.keys()];
      const scores = Float32Array.from(ids, (_, item) => scoreOf(item));
      const order = [...ids.keys()].sort((a, b) => scores[b]! - scores[a]! || compareIds(ids[a]!, ids[b]!));

      // Items by user, in the order of the ranking: what recommend skips.
      const offsets = new Uint32Array(users.size + 1);
      for (const had of latest) for (const user of had.keys()) offsets[user + 1]!++;
      for (let user = 0; user < users.size; user++) offsets[user + 1]! += offsets[user]!;
      const seen = new Uint32Array(offsets[users.size]!);
      const next = offsets.slice();
      for (const [rank, item] of order.entries()) for (const user of latest[item]!.keys()) seen[next[user]!++] = rank;
      return fitted(recipe, {
        users: [...users.keys()],
        items: order.map((item) => ids[item]!),
        unknown: by === "mean" ? mean : 0,
        scores: Float32Array.from(order, (item) => scores[item]!),
        offsets,
        seen,
      });
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as unknown as Pick<State, "users" | "items" | "unknown">;
      const offsets = savedArray(saved, "offsets", Uint32Array, state.users.length + 1);
      return fitted(recipe, {
        ...state,
        scores: savedArray(saved, "scores", Float32Array, state.items.length),
        offsets,
        seen: savedArray(saved, "seen", Uint32Array, offsets.at(-1)!),
      });
    },
  };
}

interface State {
  readonly users: readonly Id[];
  /** Best first; a rank is a position here. */
  readonly items: readonly Id[];
  readonly unknown: number;
  readonly scores: Float32Array;
  /** User `u` had the items of the ranks `seen[offsets[u]..offsets[u + 1]]`, rising. */
  readonly offsets: Uint32Array;
  readonly seen: Uint32Array;
}

function fitted(
  recipe: { readonly type: string; readonly params: Required<MostPopularParams> },
  state: State,
): FittedRecommender {
  const { users, items, unknown, scores, offsets, seen } = state;
  const userOf = new Map(users.map((user, index) => [user, index]));
  const rankOf = new Map(items.map((item, rank) => [item, rank]));

  const ranking = (user: Id, k: number): { readonly ids: Id[]; readonly scores: Float32Array } => {
    const index = recipe.params.excludeSeen ? userOf.get(user) : undefined;
    let at = index === undefined ? 0 : offsets[index]!;
    const end = index === undefined ? 0 : offsets[index + 1]!;
    const ranks: number[] = [];
    for (let rank = 0; rank < items.length && ranks.length < k; rank++)
      if (at < end && seen[at] === rank) at++;
      else ranks.push(rank);
    return { ids: ranks.map((rank) => items[rank]!), scores: Float32Array.from(ranks, (rank) => scores[rank]!) };
  };

  return {
    async recommend(wanted, options) {
      const { k } = options ?? {};
      checkParam(type, "k", k, Number.isInteger(k) && k > 0, "a positive integer");
      const lists: Id[][] = [];
      const listScores: Float32Array[] = [];
      for await (const { items: some, first } of batches(wanted, options, type))
        for (const [offset, user] of some.entries()) {
          checkId(user, first + offset, "user");
          const list = ranking(user, k);
          lists.push(list.ids);
          listScores.push(list.scores);
        }
      return { items: lists, scores: listScores };
    },
    async score(pairs, options) {
      checkLengths(pairs.users, pairs.items);
      const out = new Float32Array(pairs.items.length);
      for await (const { items: some, first } of batches(pairs.items, options, type))
        for (const [offset, item] of some.entries()) {
          checkId(pairs.users[first + offset], first + offset, "user");
          checkId(item, first + offset, "item");
          const rank = rankOf.get(item);
          out[first + offset] = rank === undefined ? unknown : scores[rank]!;
        }
      return out;
    },
    save: async () => ({
      ...recipe,
      version: 1,
      state: { users, items, unknown },
      arrays: { scores: scores.slice(), offsets: offsets.slice(), seen: seen.slice() },
    }),
  };
}

function indexOf(ids: Map<Id, number>, id: Id): number {
  const known = ids.get(id);
  if (known !== undefined) return known;
  ids.set(id, ids.size);
  return ids.size - 1;
}

function compareIds(a: Id, b: Id): number {
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : 1;
}

/** The weight of each event, 1 for the latest. */
function decaysOf({ times }: Interactions, halfLifeDays: number | null): Float64Array | undefined {
  if (halfLifeDays === null || !times) return undefined;
  const now = times.reduce((latest, time) => Math.max(latest, time), Number.NEGATIVE_INFINITY);
  return times.map((time) => 2 ** ((time - now) / (halfLifeDays * dayMs)));
}

function checkLog(log: Interactions, needsTimes: boolean): void {
  const refuse = (message: string, index?: number): never => {
    throw new MmubError("invalid-input", { part: type, message, ...(index !== undefined && { index }) });
  };
  checkLengths(log?.users, log?.items);
  const { users, items, values, times } = log;
  if (users.length === 0) refuse("the log is empty, want at least one event");
  if (needsTimes && !times) refuse("the log has no times, which halfLifeDays needs; give them or set it to null");
  for (const [name, column] of Object.entries({ values, times })) {
    if (!column) continue;
    if (column.length !== users.length)
      refuse(`${column.length} ${name} for ${users.length} events, want one for each`);
    for (let event = 0; event < column.length; event++)
      if (!Number.isFinite(column[event]))
        refuse(`${name.slice(0, -1)} ${event} is ${column[event]}, want a finite number`, event);
  }
  for (let event = 0; event < users.length; event++) {
    checkId(users[event], event, "user");
    checkId(items[event], event, "item");
  }
}

function checkLengths(users: readonly Id[] | undefined, items: readonly Id[] | undefined): void {
  if (!Array.isArray(users) || !Array.isArray(items))
    throw new MmubError("invalid-input", {
      part: type,
      message: `users are ${show(users)} and items ${show(items)}, want two arrays`,
    });
  if (users.length !== items.length)
    throw new MmubError("invalid-input", {
      part: type,
      message: `${users.length} users and ${items.length} items, want one of each an event`,
      index: Math.min(users.length, items.length),
    });
}

function checkId(id: unknown, index: number, what: "user" | "item"): void {
  if (typeof id === "string" || Number.isFinite(id)) return;
  throw new MmubError("invalid-input", {
    part: type,
    message: `${what} ${index} is ${show(id)}, want a string or a finite number`,
    index,
  });
}
