import type { Dense, Extractor, FittedExtractor, Saved } from "@mmub/core";
import { batches, checkParam, checkSaved, dense, rejectInput } from "@mmub/core";

const type = "@example/wearables/heart-rate";

/** How a heart beat over a day, one beats-per-minute value a minute: rows x 4, in beats a minute but for the last, a share. */
export function heartRate({ activeFromBpm = 120 } = {}): Extractor<readonly number[], Dense> {
  checkParam(type, "activeFromBpm", activeFromBpm, activeFromBpm > 0, "a positive number");
  const recipe = { type, params: { activeFromBpm } };
  const names = ["mean", "resting", "change", "active"];
  const fitted: FittedExtractor<readonly number[], Dense> = {
    cols: names.length,
    names,
    async transform(inputs, options) {
      const out = dense(inputs.length, names.length);
      for await (const { items, first } of batches(inputs, options, type))
        for (const [offset, bpm] of items.entries()) {
          const row = first + offset;
          if (bpm === null) out.present[row] = 0;
          else if (!Array.isArray(bpm) || bpm.length === 0 || !bpm.every((value) => value > 0 && value < 300))
            rejectInput(type, row, bpm, "a list of heart rates in 0..300 beats a minute, or null");
          else out.data.set(describe(bpm), row * names.length);
        }
      return out;
    },
    save: async () => ({ ...recipe, version: 1, state: null }),
  };

  function describe(bpm: readonly number[]): number[] {
    const mean = bpm.reduce((sum, value) => sum + value, 0) / bpm.length;
    const resting = bpm.toSorted((a, b) => a - b)[Math.floor(bpm.length * 0.05)]!;
    const squares = bpm.slice(1).reduce((sum, value, at) => sum + (value - bpm[at]!) ** 2, 0);
    const active = bpm.filter((value) => value >= activeFromBpm).length / bpm.length;
    return [mean, resting, Math.sqrt(squares / Math.max(1, bpm.length - 1)), active];
  }
  // Nothing is learned, so what loads is what every fit gives.
  const load = async (saved: Saved) => checkSaved(saved, recipe, 1) && fitted;
  return { ...recipe, fit: async () => fitted, load };
}
