import type { Random } from "@mmub/core";
import type { Nature } from "./nature.js";

/** What was bought: the review speaks of it and the photo shows it. */
export interface Purchase {
  readonly shape: "mug" | "box" | "bottle";
  readonly colour: "red" | "blue" | "green" | "yellow" | "purple";
}

export function drawPurchase({ integer }: Random): Purchase {
  return {
    shape: (["mug", "box", "bottle"] as const)[integer(3)]!,
    colour: (["red", "blue", "green", "yellow", "purple"] as const)[integer(5)]!,
  };
}

// A word in braces is drawn from the list of that name below, so that the same is said in many ways.
const remarks = {
  goodProduct: [
    "the {thing} is {lovely}",
    "{lovely} and {very} {solid}",
    "my {relative} {adores} the {thing}",
    "I can feel how {solid} it is",
    "the {part} still looks {spotless} after {time}",
    "a {lovely} colour, and {spotless} when it came",
    "would buy this {thing} again, it is {solid}",
  ],
  badProduct: [
    "the {part} {broke} after {time}",
    "the {thing} {broke}",
    "it looked {shabby} from the start and then {broke}",
    "the {part} was {damaged} when it came",
    "{very} {shabby}, and {damaged} too",
    "a {shabby} {thing}, the {part} is {damaged}",
    "my {relative} unwrapped it and it was {damaged}",
  ],
  goodService: [
    "{support} was {kind}",
    "{support} got back to me {quickly}",
    "the people there are {very} {kind}",
    "they sent a replacement {quickly}",
    "it was delivered {quickly}",
    "I had a question and got help {quickly}",
    "the refund came {quickly}",
  ],
  badService: [
    "{support} was {rude}",
    "{support} never {answered}",
    "still waiting for my refund after {time}",
    "nobody {answered} for {time}",
    "the people there are {very} {rude}",
    "the delivery took {time} and nobody said a word",
    "charged twice, and {support} does not care",
  ],
  plain: [
    "bought it for the {room}",
    "this was a present for my {relative}",
    "I ordered the {colour} one",
    "it came on a {weekday}",
    "this was my second order",
    "we use it in the {room}",
    "I ordered it with two others",
    "I had read the other reviews",
    "the usual courier brought it",
    "it replaces an old {thing}",
    "paid by card",
    "my {relative} has the same in {colour}",
  ],
  calm: [
    "I suppose it is what it is",
    "so far at least",
    "on the whole",
    "let us say it like that",
    "perhaps it is just me",
  ],
  heated: ["I mean it", "seriously", "unbelievable", "I cannot say it loud enough", "everybody should know", "wow"],
} as const satisfies Record<string, readonly string[]>;

const words: Readonly<Record<string, readonly string[]>> = {
  lovely: ["lovely", "beautiful", "gorgeous", "charming", "pretty", "wonderful"],
  solid: ["solid", "sturdy", "well made", "robust", "strong"],
  adores: ["loves", "adores", "enjoys", "likes"],
  spotless: ["like new", "perfect", "flawless", "spotless"],
  broke: ["broke", "cracked", "chipped", "fell apart", "split"],
  damaged: ["damaged", "scratched", "stained", "dented", "broken"],
  shabby: ["cheap", "shabby", "poor", "terrible", "worn"],
  part: ["rim", "bottom", "surface", "finish", "edge"],
  support: ["support", "the service", "the hotline", "customer care", "the team"],
  kind: ["friendly", "helpful", "patient", "polite", "kind"],
  quickly: ["within minutes", "the same day", "quickly", "right away", "in no time"],
  rude: ["rude", "unfriendly", "useless", "impatient", "arrogant"],
  answered: ["answered", "replied", "called back", "wrote back"],
  very: ["very", "really", "quite", "so"],
  time: ["two days", "a week", "three weeks", "a month"],
  relative: ["daughter", "brother", "mother", "partner", "neighbour"],
  room: ["kitchen", "office", "garden", "camper"],
  weekday: ["Monday", "Tuesday", "Friday", "Saturday"],
  box: ["box", "tin", "lunch box"],
  mug: ["mug", "cup"],
  bottle: ["bottle", "flask"],
};

/**
 * Remarks on the product, on the service and on neither, in any order. The stronger the feeling, the more is said of it; the
 * hotter the temper, the stronger the words. Now and then a remark says the opposite, or two letters change places.
 */
export function makeReview({ product, service, temper }: Nature, { shape, colour }: Purchase, numbers: Random): string {
  const { next, integer, normal, shuffle } = numbers;
  const pick = (list: readonly string[]) => list[integer(list.length)]!;
  const about = (feeling: number, most: number, good: readonly string[], bad: readonly string[]): string[] => {
    const count = Math.min(most, Math.round(0.5 + 1.4 * Math.abs(feeling)));
    return Array.from({ length: count }, () => pick(feeling > 0 === next() < 0.95 ? good : bad));
  };
  const said = shuffle([
    ...about(product + 0.15 * normal(), 4, remarks.goodProduct, remarks.badProduct),
    ...about(service + 0.15 * normal(), 4, remarks.goodService, remarks.badService),
    ...about(temper + 0.4 * normal(), 2, remarks.heated, remarks.calm),
    ...shuffle([...remarks.plain]).slice(0, 1 + integer(3)),
  ]);
  const of: Readonly<Record<string, string>> = { thing: pick(words[shape]!), colour };
  const fill = (remark: string) => remark.replace(/\{(\w+)\}/g, (_, slot) => of[slot] ?? pick(words[slot]!));
  const typed = (word: string): string => {
    if (next() > 0.03) return word;
    const at = 1 + integer(word.length - 2);
    return word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2);
  };
  return said
    .map((remark) => fill(remark).replace(/[a-z]{5,}/g, typed))
    .map((remark) => `${remark[0]!.toUpperCase()}${remark.slice(1)}${next() < 0.1 + 0.1 * temper ? "!" : "."}`)
    .join(" ");
}
