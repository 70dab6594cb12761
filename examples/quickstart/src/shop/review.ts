import type { Random } from "@mmub/core";
import type { Nature } from "./make.js";

const good = [
  "fits perfectly",
  "great quality for the money",
  "arrived a day early",
  "my daughter loves it",
  "the material feels lovely",
  "would buy it again",
  "exactly as in the picture",
  "support answered within minutes",
  "it has survived the dishwasher",
  "the colour is even nicer in daylight",
  "best purchase this year",
  "well packed",
];
const bad = [
  "broke after two days",
  "the handle came off",
  "still waiting for my refund",
  "nobody answers the phone",
  "smaller than it says",
  "the lid does not close",
  "smells of plastic",
  "scratched when it arrived",
  "not worth the price",
  "the wrong item was sent twice",
  "I had to send it back",
  "stopped working after a wash",
];
const plain = [
  "bought it for the kitchen",
  "I ordered the blue one",
  "this was a present for my brother",
  "it came on a Tuesday",
  "second order from this shop",
  "we use it at work",
  "ordered with two others",
  "I read the other reviews before",
  "delivered by the usual courier",
  "it replaces an old one",
  "paid by card",
  "my neighbour has the same",
];
const openings = ["So,", "Well:", "Update:", "Honest review:", "First impression:", ""];
const intense = ["really", "honestly", "truly", "simply", ""];

/**
 * Three to six remarks; the more content the customer, the more of them are good ones. Two fifths of what is said are beside the
 * point, and now and then two letters change places.
 */
export function makeReview({ satisfaction, arousal }: Nature, numbers: Random): string {
  const pick = (list: readonly string[]) => list[numbers.integer(list.length)]!;
  const tone = 1.3 * satisfaction + 0.5 * numbers.normal();
  const remarks = Array.from({ length: 3 + numbers.integer(4) }, () => {
    if (numbers.next() < 0.4) return pick(plain);
    const remark = pick(numbers.next() < 1 / (1 + Math.exp(-2.2 * tone)) ? good : bad);
    return `${numbers.next() < 0.25 ? pick(intense) : ""} ${remark}`.trim();
  });
  const end = arousal + numbers.normal() > 1 ? "!" : ".";
  const text = `${pick(openings)} ${remarks.join(", ")}${end}`.trim();
  return text.replace(/[a-z]{5,}/g, (word) => {
    if (numbers.next() > 0.03) return word;
    const at = 1 + numbers.integer(word.length - 2);
    return word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2);
  });
}
