// Columns at mean 0 and deviation 1, as a part of the network: what it exports and saves has it too.
import { type Features, isPresent, rowBatches } from "@mmub/core";
import type { Value } from "./graph.js";
import type { InputSpec, Scope, Seen, Steps } from "./network.js";
import { mul, reshape, sub } from "./ops.js";

/** What a column, or a channel of an image, is brought to mean 0 and deviation 1 by. */
export interface Moments {
  readonly mean: Float32Array;
  /** 1 / deviation; 1 where all values are the same. */
  readonly scale: Float32Array;
}

/** Moments to load others into; null for an input that stays as it is: sparse rows and ids. */
export function emptyMoments(input: InputSpec): Moments | null {
  const groups = groupsOf(input);
  return groups === 0 ? null : { mean: new Float32Array(groups), scale: new Float32Array(groups) };
}

/**
 * The moments of the rows that are not missing: of each column of vectors and steps, of each channel of images; null for an
 * input that stays as it is. Two passes over the values.
 */
export async function momentsOf(
  x: Features,
  input: InputSpec,
  part: string,
  signal?: AbortSignal,
): Promise<Moments | null> {
  const groups = groupsOf(input);
  if (groups === 0 || x.layout === "sparse") return null;
  const { cols, data } = x;
  const run = cols / groups;
  const sums = async (of: (value: number, group: number) => number): Promise<Float64Array> => {
    const totals = new Float64Array(groups);
    let count = 0;
    for await (const { from, to } of rowBatches(x.rows, { ...(signal && { signal }), batchSize: 4096 }, part))
      for (let row = from; row < to; row++) {
        if (!isPresent(x, row)) continue;
        const [first, last] = x.layout === "dense" ? [row, row + 1] : [x.offsets[row]!, x.offsets[row + 1]!];
        count += last - first;
        for (let at = first * cols; at < last * cols; )
          for (let group = 0; group < groups; group++)
            for (let i = 0; i < run; i++) totals[group]! += of(data[at++]!, group);
      }
    return totals.map((total) => total / Math.max(1, count * run));
  };
  const means = await sums((value) => value);
  const variances = await sums((value, group) => (value - means[group]!) ** 2);
  return {
    mean: Float32Array.from(means),
    // A difference below the precision of float32 values is that of a constant column.
    scale: Float32Array.from(variances, (variance, group) =>
      variance > 1e-14 * means[group]! ** 2 ? 1 / Math.sqrt(variance) : 1,
    ),
  };
}

/** The input minus its means, by its deviations, which are buffers `mean` and `scale` of the scope; padding stays zero. */
export function standardized<Spec extends InputSpec>(
  scope: Scope,
  x: Seen<Spec>,
  input: Spec,
  { mean, scale }: Moments,
): Seen<Spec> {
  const axes = input.kind === "tensor" && input.shape.length === 3 ? [mean.length, 1, 1] : [mean.length];
  const by = (name: string, values: Float32Array) =>
    reshape(
      scope.buffer(name, [values.length], () => values),
      axes,
    );
  const scaled = (values: Value) => mul(sub(values, by("mean", mean)), by("scale", scale));
  if (input.kind !== "steps") return scaled(x as Value) as Seen<Spec>;
  const { values, mask } = x as Steps;
  return { values: mul(scaled(values), reshape(mask, [...mask.shape, 1])), mask } as Seen<Spec>;
}

/** How many columns or channels are standardised; 0: none, since these features stay as they are. */
function groupsOf(input: InputSpec): number {
  if (input.kind === "vector" || input.kind === "steps") return input.cols;
  if (input.kind === "tensor") return input.shape.length === 3 ? input.shape[0]! : 1;
  return 0;
}
