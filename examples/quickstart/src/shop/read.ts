import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Attributes, BehaviorEvent } from "@mmub/behavior";
import { parse } from "csv-parse/sync";

const churns = ["stays", "leaves"] as const;
const moods = ["happy", "disappointed", "angry"] as const;
export type Churn = (typeof churns)[number];
export type Mood = (typeof moods)[number];

/** A customer as the files of the shop have them; what is missing is null. */
export interface Customer {
  readonly id: string;
  readonly churn: Churn;
  readonly mood: Mood;
  readonly review: string | null;
  /** The path of a JPEG. */
  readonly photo: string | null;
  /** The path of a WAV. */
  readonly voice: string | null;
  readonly events: readonly BehaviorEvent[] | null;
  readonly profile: Attributes | null;
}

/**
 * Reads `customers.csv` (id, churn, mood; every other column is of the profile), `reviews.jsonl` (customer, text),
 * `events.jsonl` (customer, time, type, value), `photos/<id>.jpg` and `voices/<id>.wav`. Photos and voices stay files, which
 * the extractors open themselves.
 */
export async function readShop(folder: string): Promise<Customer[]> {
  const table = join(folder, "customers.csv");
  if (!existsSync(table)) throw new Error(`${folder} holds no customers.csv, want the folder of a shop`);
  const rows: Record<string, string>[] = parse(await readFile(table, "utf8"), { columns: true, bom: true });

  const reviews = new Map<string, string>();
  for (const { customer, text } of await readLines<{ customer: string; text: string }>(join(folder, "reviews.jsonl")))
    reviews.set(customer, text);
  const events = new Map<string, BehaviorEvent[]>();
  type Line = BehaviorEvent & { readonly customer: string };
  for (const { customer, ...event } of await readLines<Line>(join(folder, "events.jsonl"))) {
    const list = events.get(customer);
    if (list) list.push(event);
    else events.set(customer, [event]);
  }

  const fileOrNull = (path: string): string | null => (existsSync(path) ? path : null);
  return rows.map(({ id = "", churn, mood, ...profile }, at) => ({
    id,
    churn: oneOf(churns, churn, `churn in row ${at + 1} of ${table}`),
    mood: oneOf(moods, mood, `mood in row ${at + 1} of ${table}`),
    review: reviews.get(id) ?? null,
    photo: fileOrNull(join(folder, "photos", `${id}.jpg`)),
    voice: fileOrNull(join(folder, "voices", `${id}.wav`)),
    events: events.get(id) ?? null,
    profile: Object.values(profile).every((text) => text === "") ? null : attributesOf(profile),
  }));
}

function oneOf<T extends string>(known: readonly T[], text: string | undefined, what: string): T {
  const found = known.find((each) => each === text);
  if (found === undefined) throw new Error(`${what} is "${text}", want one of ${known.join(", ")}`);
  return found;
}

function attributesOf(profile: Record<string, string>): Attributes {
  const entries = Object.entries(profile).map(([name, text]) => {
    const number = Number(text);
    return [name, text === "" ? null : Number.isNaN(number) ? text : number] as const;
  });
  return Object.fromEntries(entries);
}

async function readLines<T>(path: string): Promise<T[]> {
  const text = await readFile(path, "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}
