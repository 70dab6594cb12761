import type { Random } from "@mmub/core";
import type { Nature } from "./make.js";

export interface ShopEvent {
  readonly time: string;
  readonly type: "view" | "cart" | "order" | "ticket";
  /** In euros; of orders only. */
  readonly value?: number;
}

const dayMs = 86_400_000;

/**
 * Half a year of visits. Who is active comes often and came lately; who is not content opens tickets. How much somebody
 * orders is also a matter of taste, which says nothing.
 */
export function makeEvents({ activity, satisfaction }: Nature, numbers: Random, until: Date): ShopEvent[] {
  const events: ShopEvent[] = [];
  const taste = Math.exp(0.5 * numbers.normal());
  const drive = activity + 0.45 * numbers.normal();
  const visits = Math.round(Math.max(1, 9 * taste * Math.exp(0.25 * drive)));
  // The share of the half year after which the customer was last seen: 1 is today.
  const fade = 1 / (1 + Math.exp(-0.4 - 1.1 * drive));
  for (let visit = 0; visit < visits; visit++) {
    const day = 180 * (1 - fade * numbers.next() ** 0.7);
    const at = until.getTime() - Math.max(60_000, day * dayMs + (numbers.next() - 0.5) * dayMs);
    const add = (type: ShopEvent["type"], minutes: number, value?: number) => {
      const time = new Date(Math.min(at + minutes * 60_000, until.getTime() - 1000)).toISOString();
      events.push({ time, type, ...(value !== undefined && { value }) });
    };
    for (let view = 0; view < 1 + numbers.integer(4); view++) add("view", view * 2);
    if (numbers.next() < 0.4) add("cart", 10);
    if (numbers.next() < 0.28) add("order", 12, Math.round(100 * 25 * taste * Math.exp(0.5 * numbers.normal())) / 100);
    if (numbers.next() < 0.1 / (1 + Math.exp(1 + 1.3 * satisfaction))) add("ticket", 300);
  }
  return events.sort((a, b) => (a.time < b.time ? -1 : 1));
}
