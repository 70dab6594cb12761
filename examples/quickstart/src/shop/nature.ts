import type { Random } from "@mmub/core";
import type { Churn, Mood } from "./read.js";

/**
 * What nobody sees of a customer and everything else follows from: each kind of data shows a part of it, with noise. Each is
 * normal with mean 0 and standard deviation 1. Habit and bond go together with a correlation of 0.5; the others are independent.
 */
export interface Nature {
  /** How well the thing bought turned out: in the photo's damage and in the review's words. */
  readonly product: number;
  /** How well the shop treated the customer: in the review's words, the voice's warmth and the support tickets. */
  readonly service: number;
  /** How much of a habit the shop still is: in how recent and how many visits and orders are. */
  readonly habit: number;
  /** What ties the customer to the shop: in the plan, the length of membership and the newsletter. */
  readonly bond: number;
  /** How strongly feelings are shown: in the voice's effort, pitch and pace and in the review's strong words. */
  readonly temper: number;
}

export function drawNature({ normal }: Random): Nature {
  const bond = normal();
  const habit = 0.5 * bond + Math.sqrt(0.75) * normal();
  return { product: normal(), service: normal(), habit, bond, temper: normal() };
}

/** What happens after the reference day, and how the customer feels on it. No kind of data decides either of them alone. */
export function drawAnswers(
  { product, service, habit, bond, temper }: Nature,
  { normal }: Random,
): { readonly churn: Churn; readonly mood: Mood } {
  const loyalty = 0.7 * product + 0.7 * service + 0.65 * habit + 0.5 * bond + 0.05 * normal();
  const contentment = 0.7 * product + 0.7 * service + 0.05 * normal();
  const mood = contentment > 0.2 ? "happy" : temper + 0.05 * normal() > 0 ? "angry" : "disappointed";
  return { churn: loyalty < -0.12 ? "leaves" : "stays", mood };
}

/**
 * Which kinds of data the customer gave. Partly by chance and partly not: who uses the shop writes more, who got something
 * broken takes a picture of it, and who is agitated calls. A tenth refused to be
 * tracked, and a tenth left the profile empty.
 */
export function drawGiven({ product, habit, temper }: Nature, { next }: Random) {
  return {
    review: next() < 0.87 + 0.05 * habit,
    photo: next() < 0.82 - 0.05 * product,
    voice: next() < 0.77 + 0.08 * temper,
    events: next() < 0.9,
    profile: next() < 0.9,
  };
}
