// What a search may choose from, and how it chooses.
import { checkParam, type Json, type Random } from "@mmub/core";

/** One of some values. */
export interface Choice<T extends Json = Json> {
  readonly kind: "choice";
  readonly values: readonly T[];
}

/** A number from `low` to `high`, both in. */
export interface Range {
  readonly kind: "range" | "integer";
  readonly low: number;
  readonly high: number;
  /** Whether the search goes by the logarithm: 0.01 to 0.1 is then as wide as 0.1 to 1. */
  readonly log: boolean;
}

/** What may be chosen, by name. */
export type Space = Readonly<Record<string, Choice | Range>>;

/** One value of each name. */
export type Chosen<S extends Space> = {
  readonly [Name in keyof S]: S[Name] extends Choice<infer T> ? T : number;
};

/**
 * One of `values`: numbers, strings, booleans, null, or lists of them.
 *
 * @example
 * const space = { criterion: choice(["gini", "entropy"]), maxDepth: choice([null, 3, 6]) };
 */
export function choice<const T extends Json>(values: readonly T[]): Choice<T> {
  const part = "@mmub/models/choice";
  checkParam(part, "values", values, Array.isArray(values) && values.length > 0, "a list of at least one value");
  return { kind: "choice", values };
}

/**
 * A number from `low` to `high`; `log` for what counts in factors, such as a learning rate.
 *
 * @example
 * const space = { learningRate: range(0.01, 0.3, { log: true }) };
 */
export function range(low: number, high: number, options: { readonly log?: boolean } = {}): Range {
  return between("range", low, high, options.log ?? false);
}

/**
 * A whole number from `low` to `high`, both in.
 *
 * @example
 * const space = { numLeaves: integer(4, 64, { log: true }) };
 */
export function integer(low: number, high: number, options: { readonly log?: boolean } = {}): Range {
  return between("integer", low, high, options.log ?? false);
}

function between(kind: Range["kind"], low: number, high: number, log: boolean): Range {
  const part = `@mmub/models/${kind}`;
  const ok = (value: number): boolean => (kind === "integer" ? Number.isInteger(value) : Number.isFinite(value));
  checkParam(
    part,
    "low",
    low,
    ok(low) && (!log || low > 0),
    `a ${kind === "integer" ? "whole " : ""}number${log ? " above 0" : ""}`,
  );
  checkParam(part, "high", high, ok(high) && high >= low, `at least ${low}`);
  return { kind, low, high, log };
}

/** Every combination, the last name changing fastest. */
export function grid(part: string, space: Space): Record<string, Json>[] {
  let all: Record<string, Json>[] = [{}];
  for (const [name, dimension] of Object.entries(space)) {
    checkParam(part, `space.${name}`, dimension, dimension.kind !== "range", "a choice or an integer for a grid");
    const values: readonly Json[] =
      dimension.kind === "choice"
        ? dimension.values
        : Array.from({ length: dimension.high - dimension.low + 1 }, (_, i) => dimension.low + i);
    all = all.flatMap((chosen) => values.map((value) => ({ ...chosen, [name]: value })));
  }
  return all;
}

/** One value of each name, each by itself. */
export function drawn(space: Space, random: Random): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(space).map(([name, dimension]) => {
      if (dimension.kind === "choice") return [name, dimension.values[random.integer(dimension.values.length)]!];
      const scale = scaleOf(dimension);
      return [name, scale.back(scale.low + random.next() * (scale.high - scale.low))];
    }),
  );
}

/** How a range is searched: as itself or by its logarithm, whole numbers half a step wider. */
function scaleOf({ kind, low, high, log }: Range) {
  const half = kind === "integer" ? 0.5 : 0;
  const to = (value: number): number => (log ? Math.log(value) : value);
  return {
    low: to(low - half),
    high: to(high + half),
    to,
    back(at: number): number {
      const value = log ? Math.exp(at) : at;
      return Math.min(high, Math.max(low, kind === "integer" ? Math.round(value) : value));
    },
  };
}

// As in hyperopt and optuna.
const candidates = 24;
const startup = 10;

/**
 * Tree-structured Parzen estimator: of some candidates drawn from where the best tenth lies, the one that is likelier there than among the
 * others; each name by itself. The first ten are drawn.
 * Source: Bergstra et al., Algorithms for Hyper-Parameter Optimization, 2011; bandwidths as in optuna.
 */
export function proposed(
  space: Space,
  history: readonly { readonly params: Readonly<Record<string, Json>>; readonly score: number }[],
  random: Random,
): Record<string, Json> {
  if (history.length < startup) return drawn(space, random);
  const ranked = [...history].sort((a, b) => b.score - a.score);
  const count = Math.min(25, Math.ceil(ranked.length / 10));
  const [good, bad] = [ranked.slice(0, count), ranked.slice(count)];
  return Object.fromEntries(
    Object.entries(space).map(([name, dimension]) => {
      const of = (trials: typeof ranked) => trials.map(({ params }) => params[name]!);
      const [near, far] = [densityOf(dimension, of(good)), densityOf(dimension, of(bad))];
      let [best, most] = [near.draw(random), Number.NEGATIVE_INFINITY];
      for (let i = 0; i < candidates; i++) {
        const value = near.draw(random);
        const gain = near.log(value) - far.log(value);
        if (gain > most) [best, most] = [value, gain];
      }
      return [name, best];
    }),
  );
}

interface Density {
  draw(random: Random): Json;
  log(value: Json): number;
}

function densityOf(dimension: Choice | Range, seen: readonly Json[]): Density {
  if (dimension.kind === "choice") {
    const keys = dimension.values.map((value) => JSON.stringify(value));
    const weights = keys.map(() => 1);
    for (const value of seen) weights[keys.indexOf(JSON.stringify(value))]!++;
    const total = weights.reduce((a, b) => a + b, 0);
    return {
      draw(random) {
        let left = random.next() * total;
        const at = weights.findIndex((weight) => {
          left -= weight;
          return left < 0;
        });
        return dimension.values[at < 0 ? weights.length - 1 : at]!;
      },
      log: (value) => Math.log(weights[keys.indexOf(JSON.stringify(value))]! / total),
    };
  }
  const { low, high, to, back } = scaleOf(dimension);
  const width = high - low || 1;
  // The middle of the range, as wide as it is, stands for what is known before.
  const centres = [...seen.map((value) => to(value as number)), (low + high) / 2];
  const order = [...centres.keys()].sort((a, b) => centres[a]! - centres[b]!);
  const least = width / Math.min(100, 1 + centres.length);
  const widths = new Float64Array(centres.length);
  for (const [place, at] of order.entries()) {
    const before = place > 0 ? centres[order[place - 1]!]! : low;
    const after = place + 1 < order.length ? centres[order[place + 1]!]! : high;
    const gap = Math.max(centres[at]! - before, after - centres[at]!);
    widths[at] = at === centres.length - 1 ? width : Math.min(width, Math.max(least, gap));
  }
  return {
    draw(random) {
      const at = random.integer(centres.length);
      for (let tries = 0; tries < 100; tries++) {
        const value = centres[at]! + widths[at]! * random.normal();
        if (value >= low && value <= high) return back(value);
      }
      return back(centres[at]!);
    },
    log(value) {
      const x = to(value as number);
      let sum = 0;
      for (const [at, centre] of centres.entries())
        sum += Math.exp(-0.5 * ((x - centre) / widths[at]!) ** 2) / widths[at]!;
      return Math.log(sum / centres.length + 1e-300);
    },
  };
}
