import {
  checkParam,
  checkSaved,
  type FitOptions,
  type FittedModel,
  type Id,
  type Json,
  MmubError,
  pace,
  progress,
  rowBatches,
  type Saved,
  savedArray,
  show,
  turn,
  type Unsupervised,
} from "@mmub/core";
import { filled } from "./trees/settings.js";

const type = "@mmub/models/association-rules";

export interface AssociationRulesParams {
  /** The share of the baskets that must have all items of a set, above 0, at most 1. @default 0.5 */
  readonly minSupport?: number;
  /** The share of the baskets with the one side of a rule that must have the other, 0 to 1. @default 0.8 */
  readonly minConfidence?: number;
  /** Items of a set at most; null: any number. @default null */
  readonly maxItems?: number | null;
}

/** Items that are often in one basket. */
export interface ItemSet<Item extends Id = Id> {
  /** In the order of `items`. */
  readonly items: readonly Item[];
  /** The share of the baskets that have all of them. */
  readonly support: number;
}

/** Who has `antecedents`, often has `consequents` as well. */
export interface AssociationRule<Item extends Id = Id> {
  readonly antecedents: readonly Item[];
  readonly consequents: readonly Item[];
  /** The share of the baskets with all items of both. */
  readonly support: number;
  /** The share of those with `antecedents` that have `consequents`. */
  readonly confidence: number;
  /** How many times more often than if they had nothing to do with each other. */
  readonly lift: number;
  /** How much larger the support is than if they had nothing to do with each other. */
  readonly leverage: number;
  /** How much more often the rule would be wrong, if they had nothing to do with each other; infinite of one that is never wrong. */
  readonly conviction: number;
}

/** Something else that goes with a basket. */
export interface Companion<Item extends Id = Id> {
  readonly item: Item;
  /** Of the surest rule that says so. */
  readonly confidence: number;
  readonly lift: number;
}

export type Baskets<Item extends Id = Id> = readonly (readonly Item[])[];

export interface AssociationRules<Item extends Id = Id>
  extends Unsupervised<readonly (readonly Companion<Item>[])[], Baskets<Item>> {
  fit(baskets: Baskets<Item>, options?: FitOptions): Promise<FittedAssociationRules<Item>>;
  load(saved: Saved): Promise<FittedAssociationRules<Item>>;
}

export interface FittedAssociationRules<Item extends Id = Id>
  extends FittedModel<readonly (readonly Companion<Item>[])[], Baskets<Item>> {
  /** Small sets first, of equal size the most frequent first. */
  readonly itemSets: readonly ItemSet<Item>[];
  /** The surest first. */
  readonly rules: readonly AssociationRule<Item>[];
}

/**
 * What is bought together: sets of items that are often in one basket, and rules from some of them to others.
 *
 * Input: baskets, arrays of items (strings or numbers); an item that comes twice counts once. Output of `predict`: of each basket the items
 * that the rules add to it, the surest first. Rejects baskets that are no arrays of items (with the index) and a data set without baskets.
 * Cost: of the frequent sets alone, which are many where `minSupport` is low: begin high, and lower it.
 * Source: FP-growth (Han, Pei & Yin 2000); measures of rules: Agrawal et al. 1993, Brin et al. 1997. The sets and rules of mlxtend's
 * `fpgrowth` and `association_rules`.
 *
 * @example
 * const baskets = [["tea", "milk"], ["tea", "milk", "bread"], ["bread"], ["tea", "milk"]];
 * const fitted = await associationRules<string>({ minSupport: 0.5, minConfidence: 0.9 }).fit(baskets);
 * console.log(fitted.rules[0]); // antecedents: ["milk"], consequents: ["tea"], ...
 * const [first] = await fitted.predict([["tea"]]); // milk
 */
export function associationRules<Item extends Id = Id>(params: AssociationRulesParams = {}): AssociationRules<Item> {
  const defaults: Required<AssociationRulesParams> = { minSupport: 0.5, minConfidence: 0.8, maxItems: null };
  const settings = filled(type, params, defaults, []);
  const { minSupport, minConfidence, maxItems } = settings;
  checkParam(type, "minSupport", minSupport, minSupport > 0 && minSupport <= 1, "a share above 0, at most 1");
  checkParam(type, "minConfidence", minConfidence, minConfidence >= 0 && minConfidence <= 1, "a share from 0 to 1");
  const whole = maxItems === null || (Number.isInteger(maxItems) && maxItems > 0);
  checkParam(type, "maxItems", maxItems, whole, "a whole number of at least 1, or null");
  const recipe = { type, params: settings as unknown as Json };

  const fitted = (state: State<Item>): FittedAssociationRules<Item> => {
    const { items, sets, counts, baskets } = state;
    const named = (set: readonly number[]): Item[] => set.map((at) => items[at]!);
    const rules = rulesOf(sets, counts, baskets, minConfidence);
    const numbers = new Map(items.map((item, at) => [item, at]));
    return {
      itemSets: sets.map((set, at) => ({ items: named(set), support: counts[at]! / baskets })),
      rules: rules.map((rule) => ({
        ...rule,
        antecedents: named(rule.antecedents),
        consequents: named(rule.consequents),
      })),
      async predict(asked, options) {
        checkBaskets(asked);
        const out: Companion<Item>[][] = [];
        for await (const { from, to } of rowBatches(asked.length, options, type))
          for (let row = from; row < to; row++) {
            const has = new Set(asked[row]!.map((item) => numbers.get(item) ?? -1));
            const found = new Map<number, Companion<Item>>();
            // The surest rule comes first.
            for (const { antecedents, consequents, confidence, lift } of rules)
              if (antecedents.every((item) => has.has(item)))
                for (const item of consequents)
                  if (!has.has(item) && !found.has(item)) found.set(item, { item: items[item]!, confidence, lift });
            out.push([...found.values()]);
          }
        return out;
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: { items: items as readonly Id[], baskets } as Json,
        arrays: {
          sets: Int32Array.from(sets.flat()),
          sizes: Int32Array.from(sets, (set) => set.length),
          counts: Float64Array.from(counts),
        },
      }),
    };
  };

  return {
    ...recipe,
    async fit(baskets, options) {
      await turn(options?.signal);
      checkBaskets(baskets);
      if (baskets.length === 0)
        throw new MmubError("invalid-input", { part: type, message: "there are no baskets, want at least one" });
      const report = progress(options, type);
      const state = await mine(
        baskets,
        minSupport,
        maxItems ?? Number.POSITIVE_INFINITY,
        pace(options?.signal),
        report,
      );
      options?.signal?.throwIfAborted();
      return fitted(state);
    },
    async load(saved) {
      const { items, baskets } = checkSaved(saved, recipe, 1).state as unknown as Pick<
        State<Item>,
        "items" | "baskets"
      >;
      const [all, sizes] = [savedArray(saved, "sets", Int32Array), savedArray(saved, "sizes", Int32Array)];
      const counts = Array.from(savedArray(saved, "counts", Float64Array, sizes.length));
      let at = 0;
      const sets = Array.from(sizes, (size) => {
        at += size;
        return Array.from(all.subarray(at - size, at));
      });
      return fitted({ items, baskets, sets, counts });
    },
  };
}

interface State<Item> {
  /** The frequent ones, the most frequent first. */
  readonly items: readonly Item[];
  /** Rising numbers of items. */
  readonly sets: readonly (readonly number[])[];
  readonly counts: readonly number[];
  readonly baskets: number;
}

function checkBaskets(baskets: unknown): void {
  if (!Array.isArray(baskets))
    throw new MmubError("invalid-input", {
      part: type,
      message: `baskets are ${show(baskets)}, want an array of arrays`,
    });
  for (const [index, basket] of baskets.entries()) {
    const bad = Array.isArray(basket)
      ? basket.find((item) => typeof item !== "string" && typeof item !== "number")
      : basket;
    if (!Array.isArray(basket) || bad !== undefined)
      throw new MmubError("invalid-input", {
        part: type,
        message: `basket ${index} ${Array.isArray(basket) ? "has" : "is"} ${show(bad)}, want an array of strings or numbers`,
        index,
      });
  }
}

/** A node of an FP-tree: how many baskets begin with the items down to it. */
interface Node {
  readonly item: number;
  readonly parent: Node | undefined;
  readonly children: Map<number, Node>;
  count: number;
}

async function mine<Item extends Id>(
  baskets: Baskets<Item>,
  minSupport: number,
  maxItems: number,
  pause: () => Promise<void> | undefined,
  report: (done: number) => void,
): Promise<State<Item>> {
  const counted = new Map<Item, number>();
  for (const basket of baskets) for (const item of new Set(basket)) counted.set(item, (counted.get(item) ?? 0) + 1);
  // What rounding makes of the share must not cost a set that has it.
  const least = Math.ceil(minSupport * baskets.length - 1e-9);
  const order = (a: Item, b: Item): number =>
    a === b ? 0 : typeof a !== typeof b ? (typeof a === "number" ? -1 : 1) : a < b ? -1 : 1;
  const items = [...counted.keys()]
    .filter((item) => counted.get(item)! >= least)
    .sort((a, b) => counted.get(b)! - counted.get(a)! || order(a, b));
  const numbers = new Map(items.map((item, at) => [item, at]));
  const paths = baskets.map((basket) => ({
    items: [...new Set(basket)].flatMap((item) => numbers.get(item) ?? []).sort((a, b) => a - b),
    count: 1,
  }));

  const found: { readonly set: readonly number[]; readonly count: number }[] = [];
  /** All frequent sets that end with `tail`, of the items before it in these paths. */
  const grow = async (
    paths: readonly { readonly items: readonly number[]; readonly count: number }[],
    tail: readonly number[],
  ): Promise<void> => {
    await pause();
    const totals = new Map<number, number>();
    for (const { items, count } of paths) for (const item of items) totals.set(item, (totals.get(item) ?? 0) + count);
    const kept = [...totals.keys()].filter((item) => totals.get(item)! >= least).sort((a, b) => a - b);
    for (const item of kept) found.push({ set: [item, ...tail], count: totals.get(item)! });
    if (tail.length + 1 >= maxItems || kept.length < 2) return;
    const heads = treeOf(paths, new Set(kept));
    for (const [done, item] of kept.entries()) {
      const before = heads.get(item)!.flatMap((node) => {
        const above: number[] = [];
        for (let at = node.parent; at?.parent; at = at.parent) above.push(at.item);
        return above.length > 0 ? [{ items: above.reverse(), count: node.count }] : [];
      });
      if (before.length > 0) await grow(before, [item, ...tail]);
      if (tail.length === 0) report(done + 1);
    }
  };
  await grow(paths, []);
  report(items.length + 1);
  const inOrder = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, item, i) => sum || item - b[i]!, 0);
  found.sort((a, b) => a.set.length - b.set.length || b.count - a.count || inOrder(a.set, b.set));
  return { items, baskets: baskets.length, sets: found.map(({ set }) => set), counts: found.map(({ count }) => count) };
}

/** The nodes of each item in the tree of the paths, less what is not kept. */
function treeOf(
  paths: readonly { readonly items: readonly number[]; readonly count: number }[],
  kept: ReadonlySet<number>,
): ReadonlyMap<number, Node[]> {
  const root: Node = { item: -1, parent: undefined, children: new Map(), count: 0 };
  const heads = new Map<number, Node[]>([...kept].map((item) => [item, []]));
  for (const { items, count } of paths) {
    let at = root;
    for (const item of items) {
      if (!kept.has(item)) continue;
      let next = at.children.get(item);
      if (!next) {
        next = { item, parent: at, children: new Map(), count: 0 };
        at.children.set(item, next);
        heads.get(item)!.push(next);
      }
      next.count += count;
      at = next;
    }
  }
  return heads;
}

type NumberedRule = Omit<AssociationRule, "antecedents" | "consequents"> & {
  readonly antecedents: readonly number[];
  readonly consequents: readonly number[];
};

function rulesOf(
  sets: readonly (readonly number[])[],
  counts: readonly number[],
  baskets: number,
  minConfidence: number,
): NumberedRule[] {
  const supportOf = new Map(sets.map((set, at) => [set.join(), counts[at]! / baskets]));
  const rules: NumberedRule[] = [];
  for (const set of sets) {
    const support = supportOf.get(set.join())!;
    // Every part of the set but none and all.
    for (let mask = 1; mask < 2 ** set.length - 1; mask++) {
      const isGiven = (at: number): boolean => Math.floor(mask / 2 ** at) % 2 === 1;
      const antecedents = set.filter((_, at) => isGiven(at));
      const consequents = set.filter((_, at) => !isGiven(at));
      const [ofGiven, ofThen] = [supportOf.get(antecedents.join())!, supportOf.get(consequents.join())!];
      const confidence = support / ofGiven;
      if (confidence < minConfidence - 1e-12) continue;
      rules.push({
        antecedents,
        consequents,
        support,
        confidence,
        lift: confidence / ofThen,
        leverage: support - ofGiven * ofThen,
        conviction: confidence >= 1 ? Number.POSITIVE_INFINITY : (1 - ofThen) / (1 - confidence),
      });
    }
  }
  // Sorting keeps the order of equals: small sets first.
  return rules.sort((a, b) => b.confidence - a.confidence || b.support - a.support);
}
