import { checkParam, MmubError, show } from "@mmub/core";
import { checkFinite, checkLength, rejectAt } from "./checks.js";

/** Truth of a test with treated and untreated samples, and what a model says of them. */
export interface UpliftData {
  /** What came of each sample: 1 or true where it did what was wanted, else 0 or false. */
  readonly outcome: ArrayLike<number | boolean>;
  /** 1 or true where the sample was treated, such as sent an e-mail. Treatment must have been by chance. */
  readonly treated: ArrayLike<number | boolean>;
  /** The predicted effect of the treatment on each sample; only the order counts. */
  readonly uplift: ArrayLike<number>;
}

/** A point after each group of equal predictions, the highest first, from 0, 0 on. */
export interface UpliftCurve {
  /** How many samples would be treated. */
  readonly samples: Float64Array;
  /** How many outcomes that adds. */
  readonly gain: Float64Array;
}

/**
 * The uplift curve: the outcomes gained by treating the samples of the highest predictions, estimated as the difference
 * of the rates of the treated and the untreated among them times their number.
 *
 * Rejects arrays of different lengths, empty ones, outcomes and treatments other than 0, 1 or booleans, predictions that
 * are not finite, and data in which all or none are treated. Cost: sorting the predictions. Source: scikit-uplift's `uplift_curve`.
 *
 * @example
 * const { samples, gain } = upliftCurve({ outcome: [1, 0, 0, 1], treated: [1, 0, 1, 0], uplift: [0.4, 0.3, 0.1, -0.2] });
 * console.log(samples, gain); // 0, 1, 2, 3, 4 and 0, 1, 2, 1.5, 0
 */
export function upliftCurve(data: UpliftData): UpliftCurve {
  return curveOf(checked("@mmub/metrics/uplift-curve", data), perSample);
}

/**
 * The Qini curve: the outcomes of the treated among the samples of the highest predictions, less those of the untreated
 * scaled to as many samples.
 *
 * Rejects what `upliftCurve` does. Cost: sorting the predictions. Source: scikit-uplift's `qini_curve`; Radcliffe (2007).
 *
 * @example
 * const { gain } = qiniCurve({ outcome: [1, 0, 0, 1], treated: [1, 0, 1, 0], uplift: [0.4, 0.3, 0.1, -0.2] });
 * console.log(gain); // 0, 1, 1, 1, 0
 */
export function qiniCurve(data: UpliftData): UpliftCurve {
  return curveOf(checked("@mmub/metrics/qini-curve", data), perTreated);
}

/**
 * The area between the uplift curve and the straight line to its end, as a share of what the best order would have: 1 is
 * the best, 0 chance, below 0 worse.
 *
 * Rejects what `upliftCurve` does, and outcomes that no order can tell apart. Cost: two sorts.
 * Source: scikit-uplift's `uplift_auc_score` (AUUC).
 *
 * @example
 * upliftAuc({ outcome: [1, 0, 0, 1], treated: [1, 0, 1, 0], uplift: [0.4, 0.3, 0.1, -0.2] }); // 1.125: of few samples above 1
 */
export function upliftAuc(data: UpliftData): number {
  const part = "@mmub/metrics/uplift-auc";
  const own = checked(part, data);
  const { outcome, treated } = own;
  let controlResponders = 0;
  let treatedOthers = 0;
  for (let i = 0; i < outcome.length; i++) {
    if (outcome[i] === 1 && treated[i] === 0) controlResponders++;
    if (outcome[i] === 0 && treated[i] === 1) treatedOthers++;
  }
  const tie = controlResponders > treatedOthers ? outcome : treated;
  const best = Float64Array.from(outcome, (of, i) => 2 * Number(of === treated[i]) + tie[i]!);
  const perfect = curveOf({ ...own, uplift: best }, perSample);
  return relative(part, curveOf(own, perSample), perfect);
}

/**
 * The Qini coefficient: the area between the Qini curve and the straight line to its end, as a share of what the best
 * order would have.
 *
 * Rejects what `upliftAuc` does. Cost: two sorts. Source: scikit-uplift's `qini_auc_score`.
 *
 * @example
 * qiniAuc({ outcome: [1, 0, 0, 1], treated: [1, 0, 1, 0], uplift: [0.4, 0.3, 0.1, -0.2] }); // 1
 */
export function qiniAuc(
  data: UpliftData,
  options: {
    /** Whether the best order may show that the treatment keeps some from what was wanted. @default true */
    readonly negativeEffect?: boolean;
  } = {},
): number {
  const part = "@mmub/metrics/qini-auc";
  const own = checked(part, data);
  const { outcome, treated } = own;
  let perfect: UpliftCurve;
  if (options.negativeEffect ?? true) {
    const best = Float64Array.from(outcome, (of, i) => of * (2 * treated[i]! - 1));
    perfect = curveOf({ ...own, uplift: best }, perTreated);
  } else {
    const counts = new Float64Array(4);
    for (let i = 0; i < outcome.length; i++) {
      counts[treated[i]!]!++;
      counts[2 + treated[i]!]! += outcome[i]!;
    }
    const effect = counts[3]! - (counts[1]! * counts[2]!) / counts[0]!;
    perfect = {
      samples: Float64Array.of(0, effect, outcome.length),
      gain: Float64Array.of(0, effect, effect),
    };
  }
  return relative(part, curveOf(own, perTreated), perfect);
}

/**
 * How much more often the outcome is seen among the treated than among the untreated, of the share `k` of the highest
 * predictions, in [-1, 1]: the effect of treating only them.
 *
 * Rejects what `upliftCurve` does, and a part without a treated or an untreated sample. Cost: sorting the predictions.
 * Source: scikit-uplift's `uplift_at_k`.
 *
 * @example
 * upliftAtK({ outcome: [1, 0, 0, 1], treated: [1, 0, 1, 0], uplift: [0.4, 0.3, 0.1, -0.2] }, { k: 0.5 }); // 1
 */
export function upliftAtK(
  data: UpliftData,
  options: {
    /** A share in (0, 1), rounded down, or a number of samples. @default 0.3 */
    readonly k?: number;
    /** Take the share of all samples, or of the treated and of the untreated by themselves. @default "overall" */
    readonly strategy?: "overall" | "by-group";
  } = {},
): number {
  const part = "@mmub/metrics/uplift-at-k";
  const { k = 0.3, strategy = "overall" } = options;
  const own = checked(part, data);
  const { outcome, treated } = own;
  const isShare = k > 0 && k < 1;
  checkParam(
    part,
    "k",
    k,
    isShare || (Number.isInteger(k) && k > 0 && k < outcome.length),
    `a share in (0, 1) or a number of samples below ${outcome.length}`,
  );
  checkParam(part, "strategy", strategy, strategy === "overall" || strategy === "by-group", '"overall" or "by-group"');
  const order = descending(own.uplift);
  const rate = (group: number): number => {
    let rows = Array.from(order);
    if (strategy === "overall") rows = rows.slice(0, isShare ? Math.trunc(rows.length * k) : k);
    rows = rows.filter((row) => treated[row] === group);
    if (strategy === "by-group") {
      const size = isShare ? Math.trunc(rows.length * k) : k;
      checkParam(part, "k", k, size <= rows.length, `at most ${rows.length}, the smaller group`);
      rows = rows.slice(0, size);
    }
    if (rows.length === 0)
      throw new MmubError("invalid-input", {
        part,
        message: `no ${group === 1 ? "treated" : "untreated"} sample is among the first ${k}, want one at least; take a larger k`,
      });
    return rows.reduce((sum, row) => sum + outcome[row]!, 0) / rows.length;
  };
  return rate(1) - rate(0);
}

export interface UpliftBin {
  readonly treated: number;
  readonly untreated: number;
  /** The rate of the outcome among the treated. */
  readonly treatedRate: number;
  readonly untreatedRate: number;
  readonly uplift: number;
  /** Of the uplift. */
  readonly standardError: number;
}

/**
 * The uplift in `bins` parts of the samples, from the highest predictions to the lowest: a good model's fall.
 *
 * Rejects what `upliftCurve` does, and a part without a treated or an untreated sample. Cost: sorting the predictions.
 * Source: scikit-uplift's `uplift_by_percentile`, strategy `overall`.
 *
 * @example
 * const data = { outcome: [1, 0, 0, 1], treated: [1, 0, 1, 0], uplift: [0.4, 0.3, 0.1, -0.2] };
 * console.log(upliftByBin(data, { bins: 2 }).map(({ uplift }) => uplift)); // 1, -1
 */
export function upliftByBin(
  data: UpliftData,
  options: {
    /** @default 10 */
    readonly bins?: number;
  } = {},
): UpliftBin[] {
  const part = "@mmub/metrics/uplift-by-bin";
  const { bins = 10 } = options;
  const { outcome, treated, uplift } = checked(part, data);
  checkParam(
    part,
    "bins",
    bins,
    Number.isInteger(bins) && bins > 0 && bins < outcome.length,
    `a positive integer below ${outcome.length}`,
  );
  const order = descending(uplift);
  let from = 0;
  return Array.from({ length: bins }, (_, bin) => {
    const to = from + Math.floor(order.length / bins) + Number(bin < order.length % bins);
    const counts = [0, 0];
    const hits = [0, 0];
    for (; from < to; from++) {
      const row = order[from]!;
      counts[treated[row]!]!++;
      hits[treated[row]!]! += outcome[row]!;
    }
    if (counts[0] === 0 || counts[1] === 0)
      throw new MmubError("invalid-input", {
        part,
        message: `bin ${bin} has ${counts[1]} treated and ${counts[0]} untreated samples, want one of each; take fewer bins`,
        bin,
      });
    const [untreatedRate, treatedRate] = [hits[0]! / counts[0]!, hits[1]! / counts[1]!];
    const variance =
      (untreatedRate * (1 - untreatedRate)) / counts[0]! + (treatedRate * (1 - treatedRate)) / counts[1]!;
    return {
      treated: counts[1]!,
      untreated: counts[0]!,
      treatedRate,
      untreatedRate,
      uplift: treatedRate - untreatedRate,
      standardError: Math.sqrt(variance),
    };
  });
}

interface Checked {
  readonly outcome: Uint8Array;
  readonly treated: Uint8Array;
  readonly uplift: Float64Array;
}

function checked(part: string, data: UpliftData): Checked {
  if (typeof data !== "object" || data === null)
    throw new MmubError("invalid-input", {
      part,
      message: `data are ${show(data)}, want { outcome, treated, uplift }`,
    });
  const { outcome, treated, uplift } = data;
  checkLength(part, "outcome", outcome);
  checkLength(part, "treated", treated, outcome.length);
  checkLength(part, "uplift", uplift, outcome.length);
  checkFinite(part, "uplift", uplift);
  const bits = (what: string, values: ArrayLike<number | boolean>) =>
    Uint8Array.from({ length: values.length }, (_, i) => {
      const value = Number(values[i]);
      if (value !== 0 && value !== 1) rejectAt(part, what, i, values[i], "0, 1 or a boolean");
      return value;
    });
  const own = {
    outcome: bits("outcome", outcome),
    treated: bits("treated", treated),
    uplift: Float64Array.from(uplift),
  };
  for (const group of [0, 1])
    if (!own.treated.includes(group))
      throw new MmubError("invalid-input", {
        part,
        message: `no sample is ${group === 1 ? "treated" : "untreated"}, want both: an effect is a difference of the two`,
      });
  return own;
}

// Of equal predictions the later first, as scikit-uplift's reversed stable sort.
function descending(values: Float64Array): Uint32Array {
  return Uint32Array.from(values.keys()).sort((a, b) => values[b]! - values[a]! || b - a);
}

type Gain = (treated: number, treatedHits: number, untreated: number, untreatedHits: number) => number;

function perSample(treated: number, treatedHits: number, untreated: number, untreatedHits: number): number {
  const rate = (hits: number, of: number) => (of === 0 ? 0 : hits / of);
  return (rate(treatedHits, treated) - rate(untreatedHits, untreated)) * (treated + untreated);
}

function perTreated(treated: number, treatedHits: number, untreated: number, untreatedHits: number): number {
  return treatedHits - (untreated === 0 ? 0 : (untreatedHits * treated) / untreated);
}

function curveOf({ outcome, treated, uplift }: Checked, gain: Gain): UpliftCurve {
  const order = descending(uplift);
  const samples = [0];
  const gains = [0];
  const counts = [0, 0];
  const hits = [0, 0];
  for (let k = 0; k < order.length; k++) {
    const row = order[k]!;
    counts[treated[row]!]!++;
    hits[treated[row]!]! += outcome[row]!;
    if (k + 1 < order.length && uplift[order[k + 1]!] === uplift[row]) continue;
    samples.push(k + 1);
    gains.push(gain(counts[1]!, hits[1]!, counts[0]!, hits[0]!));
  }
  return { samples: Float64Array.from(samples), gain: Float64Array.from(gains) };
}

function relative(part: string, own: UpliftCurve, perfect: UpliftCurve): number {
  const line = (perfect.samples.at(-1)! * perfect.gain.at(-1)!) / 2;
  const best = area(perfect) - line;
  if (best === 0)
    throw new MmubError("invalid-input", {
      part,
      message: "no order of the samples is better than any other, want outcomes that differ",
    });
  return (area(own) - line) / best;
}

function area({ samples, gain }: UpliftCurve): number {
  let sum = 0;
  for (let i = 1; i < samples.length; i++) sum += ((samples[i]! - samples[i - 1]!) * (gain[i]! + gain[i - 1]!)) / 2;
  return sum;
}
