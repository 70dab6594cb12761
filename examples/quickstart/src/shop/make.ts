import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Progress, random } from "@mmub/core";
import { makeEvents } from "./events.js";
import { drawAnswers, drawGiven, drawNature } from "./nature.js";
import { makePhoto } from "./photo.js";
import { makeProfile } from "./profile.js";
import { drawPurchase, makeReview } from "./review.js";
import { makeVoice } from "./voice.js";

/** The day of the predictions: no event is later, and who leaves does so in the 60 days that follow. */
export const referenceDay = new Date("2026-07-01T00:00:00Z");

export interface ShopOptions {
  readonly customers: number;
  readonly seed: number;
  readonly onProgress?: (progress: Progress) => void;
}

/**
 * Makes the shop of the quickstart: real CSV, JSONL, JPEG and WAV files of customers that do not exist. The same seed gives
 * the same bytes. A folder that already holds this shop is left as it is; one that was cut off is made anew.
 */
export async function makeShop(folder: string, { customers, seed, onProgress }: ShopOptions): Promise<void> {
  const manifest = JSON.stringify({ version: 2, customers, seed });
  const madeBefore = join(folder, "shop.json");
  if (existsSync(madeBefore) && (await readFile(madeBefore, "utf8")) === manifest) return;

  // Written beside and renamed at the end, so that a folder of that name is always a whole shop.
  const draft = `${folder}.draft`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(join(draft, "photos"), { recursive: true });
  await mkdir(join(draft, "voices"));

  const profiles = ["id,plan,country,age,tenure,newsletter,churn,mood\n"];
  const reviews: string[] = [];
  const events: string[] = [];
  // Sixteen at a time keep both the JPEG encoder's threads and this one busy.
  for (let from = 0; from < customers; from += 16) {
    const batch = Array.from({ length: Math.min(16, customers - from) }, (_, at) => makeCustomer(from + at + 1, seed));
    for (const { id, profile, answers, review, visits } of batch) {
      profiles.push(`${[id, ...profile, answers.churn, answers.mood].join(",")}\n`);
      if (review !== null) reviews.push(`${JSON.stringify({ customer: id, text: review })}\n`);
      for (const visit of visits) events.push(`${JSON.stringify({ customer: id, ...visit })}\n`);
    }
    await Promise.all(
      batch.map(async ({ id, photo, voice }) => {
        if (photo) await writeFile(join(draft, "photos", `${id}.jpg`), await photo);
        if (voice) await writeFile(join(draft, "voices", `${id}.wav`), voice);
      }),
    );
    onProgress?.({ part: "customers", done: from + batch.length, total: customers });
  }
  await writeFile(join(draft, "customers.csv"), profiles.join(""));
  await writeFile(join(draft, "reviews.jsonl"), reviews.join(""));
  await writeFile(join(draft, "events.jsonl"), events.join(""));
  await writeFile(join(draft, "shop.json"), manifest);
  await rm(folder, { recursive: true, force: true });
  await rename(draft, folder);
}

function makeCustomer(number: number, seed: number) {
  const id = `c${String(number).padStart(4, "0")}`;
  // A stream of numbers for each purpose, so that a change to the photos leaves the voices as they are.
  const numbers = (purpose: string) => random(seed).fork(`${id} ${purpose}`);
  const nature = drawNature(numbers("nature"));
  const given = drawGiven(nature, numbers("given"));
  const purchase = drawPurchase(numbers("purchase"));
  return {
    id,
    answers: drawAnswers(nature, numbers("answers")),
    profile: given.profile ? makeProfile(nature, numbers("profile")) : ["", "", "", "", ""],
    review: given.review ? makeReview(nature, purchase, numbers("review")) : null,
    visits: given.events ? makeEvents(nature, numbers("events"), referenceDay) : [],
    photo: given.photo ? makePhoto(nature, purchase, numbers("photo")) : null,
    voice: given.voice ? makeVoice(nature, numbers("voice")) : null,
  };
}
