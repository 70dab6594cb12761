import type { Random } from "@mmub/core";
import type { Nature } from "./nature.js";

/** Plan, country, age, months of membership, newsletter. Country and age tell nothing; a tenth keep their age to themselves. */
export function makeProfile({ bond }: Nature, { next, integer, normal }: Random): string[] {
  const tie = (noise: number) => bond + noise * normal();
  const level = tie(0.6);
  const plan = level < -0.5 ? "basic" : level < 0.8 ? "plus" : "family";
  const country = ["DE", "FR", "GB", "US", "BR"][integer(5)]!;
  const age = next() < 0.1 ? "" : String(Math.max(18, Math.min(88, Math.round(43 + 14 * normal()))));
  const months = Math.max(1, Math.round(18 * Math.exp(0.7 * tie(0.4))));
  return [plan, country, age, String(months), tie(0.9) > 0 ? "yes" : "no"];
}
