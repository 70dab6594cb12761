import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Random, random } from "@mmub/core";
import { makeEvents } from "./events.js";
import { makePhoto } from "./photo.js";
import { makeReview } from "./review.js";
import { makeVoice } from "./voice.js";

/** The day that predictions are of. No event is later; the labels are of the 60 days that follow. */
export const referenceDay = new Date("2026-07-01T00:00:00Z");

/**
 * What nobody sees of a customer, and everything else follows from, with noise: each kind of data shows a part of it.
 * All three are normal with mean 0 and standard deviation 1.
 */
export interface Nature {
  /** How content with what was bought: in the review's words, the photo's damage, support tickets. */
  readonly satisfaction: number;
  /** How much the shop is still used: in how recent and how many the visits and orders are. */
  readonly activity: number;
  /** How agitated: in the voice's pitch, pace and loudness, and in whether there is a call at all. */
  readonly arousal: number;
}

export interface ShopOptions {
  readonly customers: number;
  readonly seed: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Makes the shop of the quickstart: real CSV, JSONL, JPEG and WAV files of customers that do not exist. The same seed gives
 * the same bytes. A folder that already holds this shop is left as it is; one that was cut off is made anew.
 */
export async function makeShop(folder: string, { customers, seed, onProgress }: ShopOptions): Promise<void> {
  const made = JSON.stringify({ shop: 1, customers, seed });
  const manifest = join(folder, "shop.json");
  if (existsSync(manifest) && (await readFile(manifest, "utf8")) === made) return;

  const draft = `${folder}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(join(draft, "photos"), { recursive: true });
  await mkdir(join(draft, "voices"));
  const lines = { customers: ["id,plan,country,age,churn,mood"], reviews: [] as string[], events: [] as string[] };

  let done = 0;
  const ids = Array.from({ length: customers }, (_, at) => `c${String(at + 1).padStart(4, "0")}`);
  // Eight at a time keep both the JPEG encoder's threads and this one busy.
  for (let from = 0; from < customers; from += 8)
    await Promise.all(
      ids.slice(from, from + 8).map(async (id) => {
        const customer = makeCustomer(random(seed).fork(id));
        const { review, events, photo, voice } = customer;
        const at = ids.indexOf(id);
        lines.customers[at + 1] = [id, ...customer.profile, customer.churn, customer.mood].join(",");
        lines.reviews[at] = review === null ? "" : `${JSON.stringify({ customer: id, text: review })}\n`;
        lines.events[at] = (events ?? []).map((event) => `${JSON.stringify({ customer: id, ...event })}\n`).join("");
        if (photo) await writeFile(join(draft, "photos", `${id}.jpg`), await photo());
        if (voice) await writeFile(join(draft, "voices", `${id}.wav`), voice);
        onProgress?.(++done, customers);
      }),
    );

  await writeFile(join(draft, "customers.csv"), `${lines.customers.join("\n")}\n`);
  await writeFile(join(draft, "reviews.jsonl"), lines.reviews.join(""));
  await writeFile(join(draft, "events.jsonl"), lines.events.join(""));
  await writeFile(join(draft, "shop.json"), made);
  await rm(folder, { recursive: true, force: true });
  await rename(draft, folder);
}

function makeCustomer(numbers: Random) {
  const of = (purpose: string) => numbers.fork(purpose);
  const nature: Nature = {
    satisfaction: of("satisfaction").normal(),
    activity: of("activity").normal(),
    arousal: of("arousal").normal(),
  };
  const { satisfaction, activity, arousal } = nature;
  const chance = of("labels");
  const leaving = -0.3 - 3 * satisfaction - 3 * activity;
  const churn = chance.next() < 1 / (1 + Math.exp(-leaving)) ? "leaves" : "stays";
  const [valence, tension] = [satisfaction + 0.25 * chance.normal(), arousal + 0.25 * chance.normal()];
  const mood = valence > 0.25 ? "happy" : tension > 0 ? "angry" : "neutral";

  // Missing: partly at random, partly not. Inactive customers write less, calm ones seldom call, some refuse tracking.
  const lacks = of("missing");
  const has = {
    review: lacks.next() < 0.84 + 0.06 * activity,
    photo: lacks.next() < 0.75,
    voice: lacks.next() < 0.75 + 0.1 * arousal,
    events: lacks.next() < 0.93,
    profile: lacks.next() < 0.94,
  };
  const profile = of("profile");
  const plan = ["basic", "plus", "family"][
    Math.max(0, Math.min(2, Math.round(0.8 + 0.5 * activity + 0.7 * profile.normal())))
  ];
  const country = ["DE", "FR", "CN", "US", "BR"][profile.integer(5)];
  const age = Math.round(Math.max(18, Math.min(85, 42 + 13 * profile.normal())));
  return {
    profile: has.profile ? [plan, country, profile.next() < 0.1 ? "" : age] : ["", "", ""],
    review: has.review ? makeReview(nature, of("review")) : null,
    events: has.events ? makeEvents(nature, of("events"), referenceDay) : null,
    photo: has.photo ? () => makePhoto(nature, of("photo")) : null,
    voice: has.voice ? makeVoice(nature, of("voice")) : null,
    churn,
    mood,
  };
}
