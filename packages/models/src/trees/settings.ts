import { checkParam, listed } from "@mmub/core";

/** `given` with defaults where nothing is given; throws at a name that is none of them. `extra` are names that the caller knows. */
export function filled<S extends object>(part: string, given: Partial<S>, defaults: S, extra: readonly string[]): S {
  for (const [name, value] of Object.entries(given))
    checkParam(
      part,
      name,
      value,
      Object.hasOwn(defaults, name),
      `no such param; there are ${listed([...Object.keys(defaults), ...extra].sort())}`,
    );
  return { ...defaults, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
}

/** How many columns `maxFeatures` means. */
export function featuresOf(maxFeatures: "sqrt" | "log2" | number, cols: number): number {
  if (maxFeatures === "sqrt") return Math.max(1, Math.floor(Math.sqrt(cols)));
  if (maxFeatures === "log2") return Math.max(1, Math.floor(Math.log2(cols)));
  return Math.max(1, maxFeatures <= 1 ? Math.floor(maxFeatures * cols) : Math.min(cols, maxFeatures));
}
