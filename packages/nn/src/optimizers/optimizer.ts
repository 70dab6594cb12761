import type { Adam, AdamW } from "./adam.js";
import type { Sgd } from "./sgd.js";

/** How a step follows from a gradient: plain data, made by `sgd`, `adam` or `adamW`. */
export type Optimizer = Sgd | Adam | AdamW;

/** How many numbers an optimiser keeps for each parameter. */
export function momentsOf(optimizer: Optimizer): number {
  if (optimizer.type === "sgd") return optimizer.momentum === 0 ? 0 : 1;
  return optimizer.amsgrad ? 3 : 2;
}
