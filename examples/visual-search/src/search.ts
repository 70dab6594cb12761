import type { Dense, MmubError } from "@mmub/core";
import { colorHistogram, hashesOf, hog, nearDuplicates, perceptualHash } from "@mmub/image";

export interface Found {
  /** Positions of pictures that are the same, two or more in each group. */
  readonly duplicates: readonly (readonly number[])[];
  /** Of each picture, the positions of those that look most like it, the most alike first; of a broken one none. */
  readonly similar: readonly (readonly Match[])[];
  /** What could not be read. */
  readonly broken: readonly MmubError[];
}

export interface Match {
  readonly index: number;
  /** The cosine of the two, 1 for the same picture. */
  readonly cosine: number;
}

/** Near-duplicates of the pictures, and of each the `count` others that look most like it. */
export async function search(photos: readonly string[], count: number): Promise<Found> {
  const broken: MmubError[] = [];
  const hashes = await (
    await perceptualHash({ size: 16 }, { onBroken: (error) => broken.push(error) }).fit([])
  ).transform(photos);
  const duplicates = nearDuplicates(hashesOf(hashes), { maxDistance: 20 });

  const frame = { width: 96, height: 96, fit: "contain" } as const;
  const skip = { onBroken: () => {} };
  const views = await Promise.all(
    [
      hog({ ...frame, pixelsPerCell: [12, 12], cellsPerBlock: [2, 2], orientations: 12, channels: "rgb" }, skip),
      colorHistogram({ ...frame, normalize: "sqrt" }, skip),
      colorHistogram({ ...frame, normalize: "sqrt", joint: false, bins: [16, 8, 8], grid: [4, 4] }, skip),
    ].map(async (view) => (await view.fit([])).transform(photos)),
  );
  return { duplicates, similar: mostAlike(views.map(unitLength), count), broken };
}

/** Rows of length 1, so that products of rows are cosines, and each view counts as much. */
function unitLength(features: Dense): Dense {
  const data = features.data.slice();
  for (let row = 0; row < features.rows; row++) {
    const values = data.subarray(row * features.cols, (row + 1) * features.cols);
    const length = Math.hypot(...values);
    if (length > 0) for (let i = 0; i < values.length; i++) values[i]! /= length;
  }
  return { ...features, data };
}

function mostAlike(views: readonly Dense[], count: number): Match[][] {
  const { rows, present } = views[0]!;
  const similar = Array.from({ length: rows }, (): Match[] => []);
  for (let a = 0; a < rows; a++)
    for (let b = 0; b < a; b++) {
      if (present && !(present[a] && present[b])) continue;
      let sum = 0;
      for (const { cols, data } of views)
        for (let i = a * cols, j = b * cols; i < (a + 1) * cols; i++, j++) sum += data[i]! * data[j]!;
      const cosine = sum / views.length;
      insert(similar[a]!, { index: b, cosine }, count);
      insert(similar[b]!, { index: a, cosine }, count);
    }
  return similar;
}

/** Keeps the best matches, in order. */
function insert(matches: Match[], match: Match, count: number): void {
  if (matches.length === count && matches[count - 1]!.cosine >= match.cosine) return;
  const at = matches.findIndex(({ cosine }) => cosine < match.cosine);
  matches.splice(at < 0 ? matches.length : at, 0, match);
  if (matches.length > count) matches.pop();
}
