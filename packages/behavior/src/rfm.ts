import {
  batches,
  checkParam,
  checkSaved,
  type Dense,
  dense,
  type Extractor,
  type FittedExtractor,
  type Json,
  MmubError,
  quantile,
  rejectInput,
  savedArray,
  show,
} from "@mmub/core";
import { signedLog } from "./signed-log.js";

const type = "@mmub/behavior/rfm";
const dayMs = 86_400_000;

/** Something that a user did. */
export interface BehaviorEvent {
  /** A Date, milliseconds since 1970, or an ISO 8601 string; one without a zone is in UTC, whatever the machine's is. */
  readonly time: Date | number | string;
  /** What it was, such as `"view"` or `"order"`. */
  readonly type?: string;
  /** What it was worth, in one currency; a refund is negative. @default 0 */
  readonly value?: number;
}

export interface RfmParams {
  /**
   * The moment that features are of, such as the day of the prediction. Later events are not counted, so that nothing of
   * the future leaks in. Absent: the latest event of the fit. @default null
   */
  readonly now?: Date | number | string | null;
  /** The event types that are purchases. @default every event */
  readonly purchaseTypes?: readonly string[] | null;
  /** Purchases of one period count as one, by whole periods since 1970 (UTC); 0: every purchase counts. In days. @default 1 */
  readonly periodDays?: number;
  /**
   * What `monetary` is the mean of: `"all"` purchases, or the `"repeat"` ones without the first, 0 without any, which is
   * lifetimes' monetary_value and what a Gamma-Gamma model takes. @default "all"
   */
  readonly monetary?: "all" | "repeat";
  /** Counts of each event type in the last so many days, one column each. @default [7, 30, 90] */
  readonly windowsDays?: readonly number[];
  /** Event types that get columns of counts: the most frequent ones of the fit, at most this many. @default 20 */
  readonly maxTypes?: number;
  /** Adds the classical scores 1 to 5 of recency, frequency and monetary value, by the fifths of the fit; 5 is best. @default false */
  readonly scores?: boolean;
  /** Replaces each x but the scores by sign(x) ln(1 + |x|). @default true */
  readonly log?: boolean;
  /** `"standard"`: mean 0 and standard deviation 1 over the fit, applied last. @default "standard" */
  readonly scale?: "standard" | "none";
}

const base = ["recency", "frequency", "monetary", "age", "span", "gap", "total"] as const;
const scoreNames = ["recency score", "frequency score", "monetary score"] as const;

interface State {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The time of the earliest event of the fit. */
  readonly start: number;
  readonly types: readonly string[];
}

/**
 * Recency, frequency and monetary value of what a user did, with counts by event type in recent windows.
 *
 * Output: Dense, rows x columns. Of the purchases: `recency`, days since the last; `frequency`, how many; `monetary`, their
 * mean value; `age`, days since the first; `span`, days from first to last; `gap`, mean days between two; `total`, their
 * summed value. Then `view in 7 days` and the like, with every event type and window. Before log and scale all are
 * counts, days, or the currency of `value`. A user without purchases has 0 but for recency and age, which are as long ago
 * as the earliest event of the fit: an empty list is present. A missing list is a zero row with `present` 0.
 * In lifetimes' terms frequency is `frequency` - 1, recency is `span`, T is `age`, monetary_value is that of `"repeat"`.
 * Rejects a time that cannot be read and a value that is not finite (`invalid-input`, with the index of the input and the
 * event). Cost: one pass over the events, two to fit. The order of the events does not matter.
 * Source: Hughes, Strategic Database Marketing (1994); Fader, Hardie & Lee (2005) for age and span.
 *
 * @example
 * const orders = [{ time: "2026-03-01", value: 20 }, { time: "2026-03-11", value: 40 }];
 * const fitted = await rfm({ now: "2026-03-21", windowsDays: [], log: false, scale: "none" }).fit([orders]);
 * console.log(fitted.names); // recency, frequency, monetary, age, span, gap, total
 * const { data } = await fitted.transform([orders]); // 10, 2, 30, 20, 10, 10, 60
 */
export function rfm(params: RfmParams = {}): Extractor<readonly BehaviorEvent[], Dense> {
  const checked = check(params);
  const recipe = { type, params: checked as unknown as Json };

  return {
    ...recipe,
    async fit(inputs, options) {
      // What is counted depends on `now`, which the last event may decide: two passes, of which the second is reported.
      const { onProgress: _, ...quiet } = options ?? {};
      let [latest, earliest] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
      const counts = new Map<string, number>();
      for await (const { items, first } of batches(inputs, quiet, type))
        for (const [offset, events] of items.entries()) {
          if (events === null) continue;
          checkEvents(events, first + offset);
          for (const [at, event] of events.entries()) {
            const { time } = read(event, first + offset, at);
            if (checked.now !== null && time > checked.now) continue;
            latest = Math.max(latest, time);
            earliest = Math.min(earliest, time);
            const name = event.type ?? "event";
            counts.set(name, (counts.get(name) ?? 0) + 1);
          }
        }
      const now = checked.now ?? latest;
      if (!Number.isFinite(now))
        throw new MmubError("invalid-input", {
          part: type,
          message:
            "no event was given, so the time of the features is unknown; give at least one, or set the param now",
        });
      const byCount = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
      const types = byCount.slice(0, checked.maxTypes).map(([name]) => name);
      const state: State = { now, start: Math.min(earliest, now), types: types.sort((a, b) => (a < b ? -1 : 1)) };

      const describe = describer(state, checked);
      const rows: Float64Array[] = [];
      for await (const { items, first } of batches(inputs, options, type))
        for (const [offset, events] of items.entries())
          if (events !== null) rows.push(describe(events, first + offset));
      const edges = fifths(rows);
      for (const row of rows) finish(row, edges, checked);
      const { center, scale } = scaling(rows, describe.names.length, checked);
      return fitted(state, edges, center, scale);
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as unknown as State;
      const { length } = describer(state, checked).names;
      const of = (name: string, length: number) => savedArray(saved, name, Float64Array, length);
      return fitted(state, of("edges", 12), of("center", length), of("scale", length));
    },
  };

  function fitted(
    state: State,
    edges: Float64Array,
    center: Float64Array,
    scale: Float64Array,
  ): FittedExtractor<readonly BehaviorEvent[], Dense> {
    const describe = describer(state, checked);
    const { names } = describe;
    const cols = names.length;
    return {
      cols,
      names,
      async transform(inputs, options) {
        const out = dense(inputs.length, cols);
        for await (const { items, first } of batches(inputs, options, type))
          for (const [offset, events] of items.entries()) {
            const row = first + offset;
            if (events === null) {
              out.present[row] = 0;
              continue;
            }
            const values = describe(events, row);
            finish(values, edges, checked);
            for (let col = 0; col < cols; col++)
              out.data[row * cols + col] = (values[col]! - center[col]!) / scale[col]!;
          }
        return out;
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: state as unknown as Json,
        arrays: { edges: edges.slice(), center: center.slice(), scale: scale.slice() },
      }),
    };
  }
}

type Params = { readonly [K in keyof RfmParams]-?: Exclude<RfmParams[K], undefined> } & { readonly now: number | null };

function check(params: RfmParams): Params {
  const {
    now = null,
    purchaseTypes = null,
    periodDays = 1,
    monetary = "all",
    windowsDays = [7, 30, 90],
    maxTypes = 20,
    scores = false,
    log = true,
    scale = "standard",
  } = params;
  const want = (name: string, value: unknown, ok: boolean, text: string) => checkParam(type, name, value, ok, text);
  const time = now === null ? null : timeOf(now);
  want("now", now, time === null || Number.isFinite(time), "a Date, milliseconds since 1970 or an ISO 8601 string");
  const areTypes =
    purchaseTypes === null ||
    (Array.isArray(purchaseTypes) && purchaseTypes.length > 0 && purchaseTypes.every((one) => typeof one === "string"));
  want("purchaseTypes", purchaseTypes, areTypes, "a list of at least one event type, or null");
  want("periodDays", periodDays, Number.isFinite(periodDays) && periodDays >= 0, "a number of days from 0 on");
  want("monetary", monetary, monetary === "all" || monetary === "repeat", '"all" or "repeat"');
  const areWindows = Array.isArray(windowsDays) && windowsDays.every((days) => days > 0 && Number.isFinite(days));
  want(
    "windowsDays",
    windowsDays,
    areWindows && new Set(windowsDays).size === windowsDays.length,
    "different positive numbers of days",
  );
  want("maxTypes", maxTypes, Number.isInteger(maxTypes) && maxTypes >= 0, "a whole number from 0 on");
  want("scores", scores, typeof scores === "boolean", "true or false");
  want("log", log, typeof log === "boolean", "true or false");
  want("scale", scale, scale === "standard" || scale === "none", '"standard" or "none"');
  return {
    now: time,
    purchaseTypes: purchaseTypes && [...purchaseTypes],
    periodDays,
    monetary,
    windowsDays: [...windowsDays],
    maxTypes,
    scores,
    log,
    scale,
  };
}

const isoTime = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?:(Z)|([+-]\d\d)(?::?(\d\d))?)?)?$/;

function timeOf(time: unknown): number {
  if (typeof time === "number") return time;
  if (typeof time === "string") return isoTimeOf(time);
  return time instanceof Date ? time.getTime() : Number.NaN;
}

// Left to itself Date.parse takes other forms too, reads those without a zone by that of the machine, and 30 February.
function isoTimeOf(time: string): number {
  const [, day, clock = "00:00", , hours, minutes = "00"] = isoTime.exec(time) ?? [];
  if (day === undefined || Number(day.slice(8)) > daysIn(Number(day.slice(0, 4)), Number(day.slice(5, 7))))
    return Number.NaN;
  return Date.parse(`${day}T${clock}${hours === undefined ? "Z" : `${hours}:${minutes}`}`);
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function checkEvents(events: unknown, index: number): asserts events is readonly BehaviorEvent[] {
  if (!Array.isArray(events)) rejectInput(type, index, events, "a list of events or null");
}

function read(event: BehaviorEvent, index: number, at: number): { time: number; value: number } {
  const fail = (got: string, want: string): never => {
    throw new MmubError("invalid-input", {
      part: type,
      message: `event ${at} of input ${index} ${got}, want ${want}`,
      index,
      event: at,
    });
  };
  if (typeof event !== "object" || event === null) fail(`is ${show(event)}`, "an object with a time");
  const time = timeOf(event.time);
  if (!Number.isFinite(time))
    fail(`has the time ${show(event.time)}`, "a Date, milliseconds since 1970 or an ISO 8601 string");
  if (event.type !== undefined && typeof event.type !== "string") fail(`has the type ${show(event.type)}`, "a string");
  const { value = 0 } = event;
  if (typeof value !== "number" || !Number.isFinite(value)) fail(`has the value ${show(value)}`, "a finite number");
  return { time, value };
}

/** Events to the values of one row before log and scale, the places of the scores still empty. */
function describer({ now, start, types }: State, { purchaseTypes, periodDays, monetary, windowsDays, scores }: Params) {
  const period = periodDays * dayMs;
  const floor = (time: number) => (period === 0 ? time : Math.floor(time / period) * period);
  const today = floor(now);
  const places = new Map(types.map((name, at) => [name, base.length + at * windowsDays.length]));
  const names = [
    ...base,
    ...types.flatMap((name) => windowsDays.map((days) => `${name} in ${days} days`)),
    ...(scores ? scoreNames : []),
  ];

  const describe = (events: readonly BehaviorEvent[], index: number): Float64Array => {
    checkEvents(events, index);
    const row = new Float64Array(names.length);
    let [first, last, total, purchases] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
    const periods = new Set<number>();
    let [firstTotal, firstCount] = [0, 0];
    for (let at = 0; at < events.length; at++) {
      const event = events[at]!;
      const { time, value } = read(event, index, at);
      if (time > now) continue;
      const name = event.type ?? "event";
      const place = places.get(name);
      if (place !== undefined)
        for (let window = 0; window < windowsDays.length; window++)
          if (time > now - windowsDays[window]! * dayMs) row[place + window]!++;
      if (purchaseTypes !== null && !purchaseTypes.includes(name)) continue;
      const begin = floor(time);
      periods.add(begin);
      purchases++;
      total += value;
      if (begin < first) [first, firstTotal, firstCount] = [begin, 0, 0];
      if (begin === first) {
        firstTotal += value;
        firstCount++;
      }
      last = Math.max(last, begin);
    }
    const frequency = period === 0 ? purchases : periods.size;
    const span = frequency > 0 ? (last - first) / dayMs : 0;
    row[0] = (today - (frequency > 0 ? last : floor(start))) / dayMs;
    row[1] = frequency;
    if (monetary === "all") row[2] = frequency > 0 ? total / frequency : 0;
    // Of several purchases at the very first moment one is the first, whichever: so their mean is left out.
    else if (frequency > 1) row[2] = (total - (period === 0 ? firstTotal / firstCount : firstTotal)) / (frequency - 1);
    row[3] = (today - (frequency > 0 ? first : floor(start))) / dayMs;
    row[4] = span;
    row[5] = frequency > 1 ? span / (frequency - 1) : 0;
    row[6] = total;
    return row;
  };
  return Object.assign(describe, { names });
}

/** The four edges between the fifths of recency, frequency and monetary value. */
function fifths(rows: readonly Float64Array[]): Float64Array {
  const edges = new Float64Array(12);
  for (let of = 0; of < 3; of++) {
    const sorted = Float64Array.from(rows, (row) => row[of]!).sort();
    for (let edge = 0; edge < 4 && sorted.length > 0; edge++) edges[of * 4 + edge] = quantile(sorted, (edge + 1) / 5);
  }
  return edges;
}

/** Fills in the scores and takes the logarithm, in place. */
function finish(row: Float64Array, edges: Float64Array, { scores, log }: Params): void {
  const plain = row.length - (scores ? 3 : 0);
  if (scores)
    for (let of = 0; of < 3; of++) {
      let above = 0;
      for (let edge = 0; edge < 4; edge++) if (row[of]! > edges[of * 4 + edge]!) above++;
      // The less long ago the better.
      row[plain + of] = of === 0 ? 5 - above : 1 + above;
    }
  if (log) for (let col = 0; col < plain; col++) row[col] = signedLog(row[col]!);
}

function scaling(rows: readonly Float64Array[], cols: number, params: Params) {
  const [center, scale] = [new Float64Array(cols), new Float64Array(cols).fill(1)];
  if (params.scale === "none" || rows.length === 0) return { center, scale };
  for (let col = 0; col < cols; col++) {
    const mean = rows.reduce((sum, row) => sum + row[col]!, 0) / rows.length;
    const variance = rows.reduce((sum, row) => sum + (row[col]! - mean) ** 2, 0) / rows.length;
    center[col] = mean;
    // Not larger than the rounding of the mean: a constant column, which stays 0.
    if (variance > (mean * Number.EPSILON * rows.length) ** 2) scale[col] = Math.sqrt(variance);
  }
  return { center, scale };
}
