import type { Label, Saved } from "@mmub/core";
import { MmubError, quantile, show } from "@mmub/core";
import { checkLength } from "../checks.js";
import { checkSamples } from "../explain.js";
import { grouped, type Language, type Say, sayIn } from "../language.js";
import { dayOf, isDate, isFields, isList, isNumber, isPixels, isWaveform, secondsOf } from "../values.js";
import { plain, share } from "./format.js";
import { mediaType } from "./sample-card.js";

/** Names and values, as a reader sees them. */
export type Facts = readonly (readonly [name: string, value: string])[];

export interface DataCard {
  readonly facts: Facts;
  /** Each field of the samples: what it is, in which share of the samples it is, and what it holds. */
  readonly fields: readonly {
    readonly name: string;
    readonly kind: string;
    readonly present: number;
    readonly holds: string;
  }[];
}

export interface DataCardOptions {
  /** What is to be predicted of the samples. */
  readonly truth?: readonly Label[] | ArrayLike<number>;
  /** How many samples were learned from. */
  readonly learnedFrom?: number;
  /** The source, the licence, the days, and whatever else should be known of the data; these come first. */
  readonly facts?: Facts;
  /** @default "en" */
  readonly language?: Language;
}

/**
 * What the samples of a test are, for a report: how many, each field with its kind, how often it is there and what it holds, and how often
 * each answer is true.
 *
 * A path counts as a picture or a recording by its ending; nothing is opened. Rejects samples that are no objects and a truth of another length
 * (`invalid-input`). Cost: one pass for each field. Source: Gebru et al. (2021), Datasheets for Datasets.
 *
 * @example
 * const samples = [{ review: "Broke.", visits: 2 }, { review: "Lovely!", visits: 9 }, { review: null, visits: 1 }];
 * const card = dataCard(samples, { truth: ["leave", "buy", "leave"], facts: [["Source", "made up"]] });
 * console.log(card.fields[0]); // review, text, 0.67, 6 to 7 characters
 */
export function dataCard(samples: readonly object[], options: DataCardOptions = {}): DataCard {
  const part = "@mmub/metrics/data-card";
  const { truth, learnedFrom, facts = [], language } = options;
  const say = sayIn(part, language);
  checkSamples(part, samples);
  checkLength(part, "samples", samples);
  if (truth) checkLength(part, "truth", truth, samples.length);
  const names = [...new Set(samples.flatMap((sample) => Object.keys(sample)))];
  const whole = samples.filter((sample) => names.every((name) => fieldOf(sample, name) != null)).length;
  const answers = truth && Array.from<unknown>(truth);
  return {
    facts: [
      ...facts,
      ...(learnedFrom === undefined ? [] : [[say("Samples to learn from"), grouped(learnedFrom)] as const]),
      [say("Samples to test on"), grouped(samples.length)],
      ...(answers ? [[say("To be predicted"), holds(say, answers).holds] as const] : []),
      [say("Complete samples"), share(whole / samples.length)],
    ],
    fields: names.flatMap((name) =>
      rowsOf(
        say,
        name,
        samples.map((sample) => fieldOf(sample, name)),
      ),
    ),
  };
}

/** A row of the card, or one for each of the attributes that a field holds. */
function rowsOf(say: Say, name: string, values: readonly unknown[]): DataCard["fields"][number][] {
  const known = values.filter((value) => value != null);
  if (known.length > 0 && all(known, isFields) && !known.some(isPixels) && !known.some(isWaveform)) {
    const entries = [...new Set(known.flatMap(Object.keys))];
    return entries.flatMap((entry) =>
      rowsOf(
        say,
        `${name} ${entry}`,
        values.map((value) => value && fieldOf(value, entry)),
      ),
    );
  }
  return [{ name, present: known.length / values.length, ...holds(say, known) }];
}

function fieldOf(sample: object, name: string): unknown {
  return (sample as Readonly<Record<string, unknown>>)[name];
}

/** What kind of values they are, and how they are spread. */
function holds(say: Say, known: readonly unknown[]): { readonly kind: string; readonly holds: string } {
  type Spread = Parameters<Say>[0] & `{0} to {1}${string}`;
  const spread = (text: Spread, values: readonly number[], write = plain) => {
    const sorted = Float64Array.from(values).sort();
    return say(text, write(sorted[0]!), write(sorted.at(-1)!), write(quantile(sorted, 0.5)));
  };
  if (known.length === 0) return { kind: say("nothing"), holds: "" };
  if (all(known, isNumber) && known.every(Number.isFinite) && new Set(known).size > 2)
    return { kind: say("number"), holds: spread("{0} to {1}, median {2}", known) };
  if (all(known, isDate))
    return { kind: say("date"), holds: spread("{0} to {1}, median {2}", known.map(Number), dayOf) };
  if (all(known, isWaveform))
    return { kind: say("recording"), holds: spread("{0} to {1} seconds, median {2}", known.map(secondsOf)) };
  if (all(known, isPixels)) {
    const widths = known.map(({ width }) => width);
    return { kind: say("picture"), holds: spread("{0} to {1} pixels wide, median {2}", widths) };
  }
  if (known.every((value) => isFile(value, "image/", /\.(jpe?g|png|webp|gif)$/i)))
    return { kind: say("picture"), holds: "" };
  if (known.every((value) => isFile(value, "audio/", /\.(wav|mp3|ogg|flac|m4a)$/i)))
    return { kind: say("recording"), holds: "" };
  if (all(known, isList)) {
    const lengths = known.map(({ length }) => length);
    return { kind: say("list"), holds: spread("{0} to {1} entries, median {2}", lengths) };
  }
  const counts = new Map<string, number>();
  for (const value of known) counts.set(String(value), (counts.get(String(value)) ?? 0) + 1);
  if (counts.size > 2 && counts.size > known.length / 5) {
    const lengths = known.map((value) => String(value).length);
    return { kind: say("text"), holds: spread("{0} to {1} characters, median {2}", lengths) };
  }
  const kinds = [...counts].sort(([, a], [, b]) => b - a);
  const shown = kinds.slice(0, 8).map(([name, count]) => `${name} ${share(count / known.length)}`);
  const more = kinds.length > 8 ? [say("{0} more kinds", kinds.length - 8)] : [];
  return { kind: say("category"), holds: [...shown, ...more].join(say(", ")) };
}

function isFile(value: unknown, kind: string, ending: RegExp): boolean {
  if (typeof value === "string" || value instanceof URL) return ending.test(String(value));
  return mediaType(value)?.startsWith(kind) === true;
}

function all<T>(values: readonly unknown[], is: (value: unknown) => value is T): values is readonly T[] {
  return values.every(is);
}

export interface ModelCardOptions {
  readonly version?: string;
  /** The day of the training, in UTC. */
  readonly date?: Date;
  readonly license?: string;
  readonly contact?: string;
  /** What decisions it is made for, and by whom. */
  readonly intendedUse?: string;
  /** What it must not be used for. */
  readonly outOfScope?: string;
  readonly trainedOn?: string;
  readonly testedBy?: string;
  readonly limits?: string;
  /** Who is worse off where it is wrong, and what is done about that. */
  readonly harms?: string;
  /** Anything else; these come last. */
  readonly facts?: Facts;
  /** @default "en" */
  readonly language?: Language;
}

/**
 * What a model is, for a report: its parts with their params and how many numbers they learned, read from what it saves, and what only
 * those who made it know.
 *
 * Takes what `save()` of any fitted part gives. Rejects anything else (`invalid-input`). Source: Mitchell et al. (2019), Model Cards for Model Reporting.
 *
 * @example
 * const saved = { type: "@mmub/models/logistic-regression", version: 1, params: { C: 1 }, state: null, arrays: { weights: new Float32Array(12) } };
 * const facts = modelCard(saved, { intendedUse: "Deciding whom to call", outOfScope: "Prices", limits: "Learned from one shop" });
 * console.log(facts); // Model, Learned numbers, Meant for, …
 */
export function modelCard(saved: Saved, options: ModelCardOptions = {}): Facts {
  const part = "@mmub/metrics/model-card";
  const say = sayIn(part, options.language);
  if (typeof saved?.type !== "string")
    throw new MmubError("invalid-input", {
      part,
      message: `the model is ${show(saved)}, want what save() of a fitted part gives`,
    });
  const { version, date, license, contact, intendedUse, outOfScope, trainedOn, testedBy, limits, harms } = options;
  const own = [
    ["Version", version],
    ["Date", date && dayOf(date)],
    ["License", license],
    ["Contact", contact],
    ["Meant for", intendedUse],
    ["Not for", outOfScope],
    ["Learned from", trainedOn],
    ["How it was tested", testedBy],
    ["Limits", limits],
    ["Whom it may harm", harms],
  ] as const;
  return [
    ...own.flatMap(([name, value]) => (value === undefined ? [] : [[say(name), value] as const])),
    ...partsOf(say, saved, ""),
    [say("Learned numbers"), grouped(numbersIn(saved))],
    ...(options.facts ?? []),
  ];
}

/** A row for each part that has none within, and for each that has params beside those; params that are off go unsaid. */
function partsOf(say: Say, { type, params, parts = {} }: Saved, name: string): (readonly [string, string])[] {
  const within = Object.entries(parts);
  const set =
    typeof params === "object" && params !== null && !Array.isArray(params)
      ? Object.entries(params).filter(([, value]) =>
          Array.isArray(value) ? value.length > 0 : value !== null && typeof value !== "object",
        )
      : [];
  const written = set.map(([key, value]) => `${key} ${Array.isArray(value) ? `[${value.join(", ")}]` : String(value)}`);
  const own = [name || say("Made of"), [type, written.join(", ")].filter(Boolean).join("; ")] as const;
  const rows = within.flatMap(([key, each]) => partsOf(say, each, name ? `${name} ${key}` : key));
  return within.length === 0 || set.length > 0 ? [own, ...rows] : rows;
}

function numbersIn({ arrays = {}, parts = {} }: Saved): number {
  const own = Object.values(arrays).reduce((sum, { length }) => sum + length, 0);
  return Object.values(parts).reduce((sum, each) => sum + numbersIn(each), own);
}
