import { MmubError, show } from "@mmub/core";
import { cox, type Loss, mul, reshape, slice } from "@mmub/nn";
import type { FittedTask, Task } from "./multi-task-tasks.js";

const type = "survival";

/** How long a row was seen, and whether what is waited for happened at the end of it. */
export interface Survived {
  /** At least 0, in any unit. */
  readonly time: number;
  /** False: it had not happened when the row was last seen (censored). */
  readonly event: boolean;
}

/** What is predicted: who is sooner. */
export interface Risks {
  /** The logarithm of each row's hazard beside that of others; higher is sooner. Only differences mean something. */
  readonly risks: Float64Array;
}

export interface SurvivalTaskParams {
  /** What to do with events at one time, see `cox` of `@mmub/nn`. @default "breslow" */
  readonly ties?: "breslow" | "efron";
}

/**
 * The time until something happens, of rows that have partly not seen it yet, such as customers who have not left: who has it sooner, trained on
 * Cox's partial likelihood. Rows are compared within a batch: `batchSize` should be 64 or more. `concordanceIndex` of `@mmub/metrics` scores it.
 *
 * @example
 * const tasks = { leaves: survivalTask({ ties: "efron" }), spends: numberTask() };
 */
export function survivalTask({ ties = "breslow" }: SurvivalTaskParams = {}): Task<Survived, Risks> {
  const inner = cox({ ties });
  const refuse = (part: string, index: number, target: unknown): never => {
    throw new MmubError("invalid-input", {
      part,
      message: `target ${index} is ${show(target)}, want { time, event }: a number of at least 0, and whether it happened`,
      index,
    });
  };
  const fits = (target: Survived) =>
    Number.isFinite(target?.time) && target.time >= 0 && typeof target.event === "boolean";
  const fitted = (share: number): FittedTask<Survived, Risks> => ({
    state: { share },
    outputs: 1,
    loss: {
      ...inner,
      targets: () => ({ target: { shape: [2], dtype: "float32" } }),
      build(output, { target }, weights) {
        const [time, event] = [0, 1].map((at) => reshape(slice(target!, 1, at, at + 1), [target!.shape[0]!]));
        // The mean over events and not over all rows.
        const { loss } = inner.build(output, { time: time!, event: event! }, weights);
        return { loss: mul(loss, 1 / share) };
      },
    } satisfies Loss,
    encode: (targets, part) =>
      Float32Array.from(
        targets.flatMap((target, index) => {
          if (target === null || target === undefined) return [0, 0];
          return fits(target) ? [target.time, Number(target.event)] : refuse(part, index, target);
        }),
      ),
    decode: (raw) => ({ risks: Float64Array.from(raw) }),
  });
  return {
    type,
    params: { ties },
    learn(targets, rows, part) {
      for (const [at, target] of targets.entries()) if (!fits(target)) refuse(part, rows[at]!, target);
      const events = targets.filter(({ event }) => event).length;
      if (events === 0)
        throw new MmubError("invalid-input", {
          part,
          message: `none of ${targets.length} rows has the event, want at least one: rows that were only seen for a while tell nothing of who is sooner`,
        });
      return fitted(events / targets.length);
    },
    load: (state) => fitted((state as { readonly share: number }).share),
  };
}
