// Pictures cut into rows and columns of regions, each described on its own.
import { checkParam } from "@mmub/core";
import { isCounts } from "./counts.js";

export function checkGrid(part: string, grid: readonly [number, number], width: number, height: number): void {
  checkParam(part, "grid", grid, isCounts(grid, 2), "[rows, columns], positive whole numbers");
  const fits = grid[0] <= height && grid[1] <= width;
  checkParam(part, "grid", grid, fits, `at most the ${height} rows and ${width} columns of pixels`);
}

/** The columns of all regions, row by row; of a single region the names as they are. */
export function regionNames(names: readonly string[], [rows, columns]: readonly [number, number]): readonly string[] {
  if (rows * columns === 1) return names;
  return Array.from({ length: rows * columns }, (_, i) => `region ${Math.floor(i / columns)},${i % columns} `).flatMap(
    (region) => names.map((name) => region + name),
  );
}
