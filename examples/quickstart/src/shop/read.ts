import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Attributes, BehaviorEvent } from "@mmub/behavior";
import { parse } from "csv-parse/sync";

export type Churn = "stays" | "leaves";
export type Mood = "happy" | "neutral" | "angry";

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

/** Reads customers.csv, reviews.jsonl, events.jsonl, photos/ and voices/ of a folder; photos and voices stay files. */
export async function readShop(folder: string): Promise<Customer[]> {
  const text = await readFile(join(folder, "customers.csv"), "utf8");
  const rows: Record<string, string>[] = parse(text, { columns: true, bom: true });
  const reviews = new Map((await readLines(folder, "reviews.jsonl")).map(({ customer, text }) => [customer, text]));
  const events = new Map<unknown, BehaviorEvent[]>();
  for (const { customer, ...event } of await readLines(folder, "events.jsonl")) {
    const list = events.get(customer) ?? [];
    list.push(event as unknown as BehaviorEvent);
    events.set(customer, list);
  }
  const fileOrNull = (path: string): string | null => (existsSync(path) ? path : null);
  return rows.map(({ id = "", plan, country, age, churn, mood }) => ({
    id,
    churn: churn as Churn,
    mood: mood as Mood,
    review: (reviews.get(id) as string | undefined) ?? null,
    photo: fileOrNull(join(folder, "photos", `${id}.jpg`)),
    voice: fileOrNull(join(folder, "voices", `${id}.wav`)),
    events: events.get(id) ?? null,
    profile: plan ? { plan, country: country || null, age: age ? Number(age) : null } : null,
  }));
}

async function readLines(folder: string, file: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(folder, file), "utf8");
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}
