import type { Random } from "@mmub/core";
import type { Nature } from "./nature.js";

export interface ShopEvent {
  readonly time: string;
  readonly type: "view" | "cart" | "order" | "ticket";
  /** In euros; of orders only. */
  readonly value?: number;
}

const [dayMs, minuteMs] = [86_400_000, 60_000];

/**
 * The half year before `until`: views, carts, orders and support tickets. For whom the shop is a habit, visits go on to the
 * end; for others they thin out. Who was treated badly opens more tickets. How often and for how much somebody buys is
 * also a matter of taste and purse, which tell nothing.
 */
export function makeEvents({ habit, service }: Nature, { next, integer, normal }: Random, until: Date): ShopEvent[] {
  const events: ShopEvent[] = [];
  const add = (type: ShopEvent["type"], daysAgo: number, minutes: number, value?: number) => {
    const time = Math.min(until.getTime() - daysAgo * dayMs + minutes * minuteMs, until.getTime() - minuteMs);
    events.push({ time: new Date(time).toISOString(), type, ...(value !== undefined && { value }) });
  };

  const drive = habit + 0.1 * normal();
  const purse = 24 * Math.exp(0.5 * normal());
  const visits = 1 + Math.round(12 * Math.exp(0.35 * drive + 0.3 * normal()));
  // Drawn towards today for those who still come, away from it for those who ceased to.
  const fading = Math.exp(-0.75 * drive);
  for (let visit = 0; visit < visits; visit++) {
    const daysAgo = 180 * next() ** (1 / fading);
    for (let view = 0; view <= integer(4); view++) add("view", daysAgo, 2 * view);
    if (next() < 0.4) add("cart", daysAgo, 10);
    if (next() < 0.3) add("order", daysAgo, 12, Math.round(100 * purse * Math.exp(0.4 * normal())) / 100);
  }
  const troubles = Math.floor(Math.exp(0.2 - 0.8 * service + 0.4 * normal()));
  for (let trouble = 0; trouble < Math.min(6, troubles); trouble++) add("ticket", 120 * next(), 0);
  return events.sort((a, b) => (a.time < b.time ? -1 : 1));
}
