import { checkParam, type Id, MmubError } from "@mmub/core";
import { checkLength, checkWeights, rejectAt } from "./checks.js";
import type { WeightOptions } from "./classification.js";

export interface RankingScoresOptions {
  /** How many items of each list count. @default all */
  readonly k?: number;
  /** What an item of the relevance r adds to the (discounted) gain: r, or 2^r - 1. @default "linear" */
  readonly gain?: "linear" | "exponential";
}

/** Means over users, each in [0, 1], and the values of each user for intervals and paired tests. */
export interface RankingScores extends Record<RankingScore, number> {
  /** Users who have a relevant item: the others are left out. */
  readonly users: number;
  /** The values of these users, in their order. */
  readonly perUser: Readonly<Record<RankingScore, Float64Array>>;
  /** The position of each of these users. */
  readonly rows: Uint32Array;
}

export type RankingScore = "ndcg" | "map" | "mrr" | "hitRate" | "recall" | "precision";

/**
 * How good lists of recommendations are: with the first `k` items of each, the discounted gain against that of the best
 * list (`ndcg`); the mean of the precisions at each relevant item, of all that are relevant (`map`); 1 / the place of the
 * first relevant item (`mrr`); whether there is one (`hitRate`); the share of the relevant that are found (`recall`); the share of
 * `k` that are relevant (`precision`).
 *
 * `recommended[i]` are the items for user `i`, best first, such as the `items` of a recommender's ranking; `relevant[i]` those
 * that the user took, or a Map with how relevant each is (above 0). Rejects lists of different numbers, an item that is
 * twice in a list, and data in which no user has a relevant item. Cost: one pass.
 * Source: ranx's definitions (`ndcg`, `map`, `mrr`, `hit_rate`, `recall`, `precision` @k), which are trec_eval's.
 *
 * @example
 * const { ndcg, recall, mrr } = rankingScores([["a", "b", "c"]], [["b", "d"]], { k: 3 });
 * console.log(recall, mrr, ndcg); // 0.5 0.5 0.386…
 */
export function rankingScores(
  recommended: readonly (readonly Id[])[],
  relevant: readonly (readonly Id[] | ReadonlyMap<Id, number>)[],
  options: RankingScoresOptions = {},
): RankingScores {
  const part = "@mmub/metrics/ranking-scores";
  const { k, gain = "linear" } = options;
  checkParam(part, "k", k, k === undefined || (Number.isInteger(k) && k > 0), "a positive integer");
  checkParam(part, "gain", gain, gain === "linear" || gain === "exponential", '"linear" or "exponential"');
  checkLength(part, "recommended", recommended);
  checkLength(part, "relevant", relevant, recommended.length);
  const gainOf = (relevance: number) => (gain === "linear" ? relevance : 2 ** relevance - 1);
  const rows: number[] = [];
  const values: Record<RankingScore, number[]> = { ndcg: [], map: [], mrr: [], hitRate: [], recall: [], precision: [] };
  for (let row = 0; row < recommended.length; row++) {
    const list = recommended[row];
    if (!Array.isArray(list)) rejectAt(part, "recommended", row, list, "an array of items");
    if (new Set(list).size !== list.length) rejectAt(part, "recommended", row, list, "an array with each item once");
    const wanted = relevanceOf(part, relevant[row]!, row);
    if (wanted.size === 0) continue;
    const shown = (list as readonly Id[]).slice(0, k ?? list.length);
    let hits = 0;
    let precisions = 0;
    let discounted = 0;
    let first = 0;
    shown.forEach((item, at) => {
      const relevance = wanted.get(item);
      if (relevance === undefined) return;
      hits++;
      precisions += hits / (at + 1);
      discounted += gainOf(relevance) / Math.log2(at + 2);
      if (first === 0) first = at + 1;
    });
    const best = [...wanted.values()].sort((a, b) => b - a).slice(0, k ?? wanted.size);
    const ideal = best.reduce((sum, relevance, at) => sum + gainOf(relevance) / Math.log2(at + 2), 0);
    rows.push(row);
    values.ndcg.push(discounted / ideal);
    values.map.push(precisions / wanted.size);
    values.mrr.push(first === 0 ? 0 : 1 / first);
    values.hitRate.push(Number(hits > 0));
    values.recall.push(hits / wanted.size);
    const places = k ?? shown.length;
    values.precision.push(places === 0 ? 0 : hits / places);
  }
  if (rows.length === 0)
    throw new MmubError("invalid-input", { part, message: "no user has a relevant item, want one at least" });
  const perUser = Object.fromEntries(
    Object.entries(values).map(([name, each]) => [name, Float64Array.from(each)]),
  ) as Record<RankingScore, Float64Array>;
  const means = Object.fromEntries(
    Object.entries(values).map(([name, each]) => [name, each.reduce((a, b) => a + b, 0) / each.length]),
  ) as Record<RankingScore, number>;
  return { ...means, users: rows.length, perUser, rows: Uint32Array.from(rows) };
}

function relevanceOf(
  part: string,
  relevant: readonly Id[] | ReadonlyMap<Id, number>,
  row: number,
): ReadonlyMap<Id, number> {
  if (Array.isArray(relevant)) return new Map(relevant.map((item) => [item, 1]));
  if (typeof (relevant as ReadonlyMap<Id, number>)?.get !== "function")
    rejectAt(part, "relevant", row, relevant, "an array of items or a Map of their relevance");
  const map = relevant as ReadonlyMap<Id, number>;
  for (const [item, relevance] of map)
    if (!(relevance > 0 && Number.isFinite(relevance)))
      rejectAt(
        part,
        "relevant",
        row,
        relevance,
        `a finite relevance above 0 of the item ${item}; leave out what is not relevant`,
      );
  return map;
}

/**
 * The share of the `catalog` that is recommended to anyone, in [0, 1]: a recommender of the same few items has little.
 *
 * Rejects an empty catalog. Items outside it do not count. Cost: one pass.
 *
 * @example
 * catalogCoverage([["a", "b"], ["a", "c"]], ["a", "b", "c", "d"]); // 0.75
 */
export function catalogCoverage(recommended: readonly (readonly Id[])[], catalog: readonly Id[]): number {
  checkLength("@mmub/metrics/catalog-coverage", "catalog", catalog);
  const all = new Set(catalog);
  const shown = new Set(recommended.flat().filter((item) => all.has(item)));
  return shown.size / all.size;
}

export interface NdcgOptions extends WeightOptions {
  /** How many of the highest scores count. @default all */
  readonly k?: number;
  /** Take equal scores in their order rather than the mean over all orders of them: faster. @default false */
  readonly ignoreTies?: boolean;
}

/**
 * The normalised discounted cumulative gain of scores for documents whose relevance is known, in [0, 1]: the mean over
 * queries of the gain in the order of the scores, against that in the best order. Gains are linear.
 *
 * `relevance[i]` and `scores[i]` are of query `i`. A query in which nothing is relevant counts 0. Rejects arrays of different
 * lengths, empty ones, relevance below 0 and numbers that are not finite. Cost: a sort a query.
 * Source: scikit-learn's `ndcg_score`; Järvelin & Kekäläinen (2002).
 *
 * @example
 * ndcg([[3, 0, 1]], [[0.9, 0.8, 0.1]]); // 0.964…
 */
export function ndcg(
  relevance: readonly ArrayLike<number>[],
  scores: readonly ArrayLike<number>[],
  options: NdcgOptions = {},
): number {
  const part = "@mmub/metrics/ndcg";
  const { k, ignoreTies = false, sampleWeight } = options;
  checkParam(part, "k", k, k === undefined || (Number.isInteger(k) && k > 0), "a positive integer");
  checkLength(part, "relevance", relevance);
  checkLength(part, "scores", scores, relevance.length);
  checkWeights(part, sampleWeight, relevance.length);
  let sum = 0;
  let total = 0;
  for (let query = 0; query < relevance.length; query++) {
    const [gains, own] = [relevance[query]!, scores[query]!];
    checkLength(part, `relevance of query ${query}`, gains);
    checkLength(part, `scores of query ${query}`, own, gains.length);
    for (let i = 0; i < gains.length; i++) {
      if (!(gains[i]! >= 0 && Number.isFinite(gains[i])))
        rejectAt(part, `relevance of query ${query}, document`, i, gains[i], "a finite number of at least 0");
      if (!Number.isFinite(own[i])) rejectAt(part, `score of query ${query}, document`, i, own[i], "a finite number");
    }
    const weight = sampleWeight ? sampleWeight[query]! : 1;
    const ideal = dcg(gains, gains, k, true);
    sum += ideal === 0 ? 0 : (weight * dcg(gains, own, k, ignoreTies)) / ideal;
    total += weight;
  }
  return sum / total;
}

function dcg(gains: ArrayLike<number>, scores: ArrayLike<number>, k = gains.length, ignoreTies: boolean): number {
  // Equal scores the later first, as in scikit-learn where ties are ignored.
  const order = Array.from({ length: gains.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]! || b - a);
  let sum = 0;
  for (let at = 0; at < Math.min(k, order.length); ) {
    let end = at + 1;
    while (!ignoreTies && end < order.length && scores[order[end]!] === scores[order[at]!]) end++;
    let gain = 0;
    for (let i = at; i < end; i++) gain += gains[order[i]!]!;
    let discounts = 0;
    for (let i = at; i < Math.min(end, k); i++) discounts += 1 / Math.log2(i + 2);
    sum += (gain / (end - at)) * discounts;
    at = end;
  }
  return sum;
}
