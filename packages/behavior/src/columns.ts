import {
  batches,
  checkParam,
  checkSaved,
  type Dense,
  dense,
  type Extractor,
  type FittedExtractor,
  type Json,
  listed,
  MmubError,
  quantile,
  type RunOptions,
  rejectInput,
  type Sparse,
  show,
  sparse,
} from "@mmub/core";
import { signedLog } from "./signed-log.js";

const type = "@mmub/behavior/columns";

/** What is known of a user or an item, by name of the attribute. `null`, `undefined` and an absent name are missing. */
export type Attributes = Readonly<Record<string, number | string | boolean | Date | null | undefined>>;

type Output = "dense" | "sparse";

export interface ColumnsParams<O extends Output = "dense"> {
  /** `"sparse"` keeps thousands of categories cheap: only what is not 0 is stored. @default "dense" */
  readonly output?: O;
  /**
   * What an attribute is, where it should not go by its values: numbers and dates are numeric, strings and booleans
   * categorical. A number that is a code, such as a postcode, is `"categorical"`. @default {}
   */
  readonly types?: Readonly<Record<string, "numeric" | "categorical" | "ignore">>;
  /** What stands for a missing number: the median or the mean of the fit, or a number. @default "median" */
  readonly impute?: "median" | "mean" | number;
  /** Adds a 0/1 column for each numeric attribute that some row of the fit lacks. @default true */
  readonly indicators?: boolean;
  /** Replaces a number x by sign(x) ln(1 + |x|), which tames amounts: of all numeric attributes, or of those named. @default false */
  readonly log?: boolean | readonly string[];
  /**
   * Numbers outside of these two quantiles of the fit become the nearer one, such as `[0.01, 0.99]`: outliers then neither
   * stretch the scale nor go beyond it. After `log`, before imputation. @default null
   */
  readonly clip?: readonly [low: number, high: number] | null;
  /**
   * `"standard"`: mean 0 and standard deviation 1; `"minmax"`: 0 to 1; `"robust"`: median 0 and interquartile range 1;
   * `"none"`: as they are. Learned from the fit, after imputation. A constant attribute becomes 0. @default "standard"
   */
  readonly scale?: "standard" | "minmax" | "robust" | "none";
  /** Categories seen less often share one column, `infrequent`: a count from 1 on, or a share of the rows below 1. @default 1 */
  readonly minFrequency?: number;
  /** At most this many columns an attribute, the one of the infrequent included; of equals, those that sort last stay. @default null */
  readonly maxCategories?: number | null;
  /** Where a category goes that the fit has not seen: zeros everywhere, or the infrequent column if there is one. @default "ignore" */
  readonly unknown?: "ignore" | "infrequent";
  /** Gives a missing category a column of its own instead of zeros. @default false */
  readonly missingCategory?: boolean;
  /** Leaves out the first column of every categorical attribute, or of those with two columns. @default null */
  readonly drop?: "first" | "if_binary" | null;
}

type Params = { readonly [K in keyof ColumnsParams]-?: Exclude<ColumnsParams<Output>[K], undefined> };

interface Numeric {
  readonly kind: "numeric";
  readonly name: string;
  readonly of: ValueKind;
  readonly fill: number;
  readonly center: number;
  readonly scale: number;
  readonly indicator: boolean;
  readonly clip?: readonly [low: number, high: number];
}
interface Categorical {
  readonly kind: "categorical";
  readonly name: string;
  readonly of: ValueKind;
  /** The categories with a column, in order; the first may be dropped. */
  readonly frequent: readonly string[];
  readonly infrequent: readonly string[];
  readonly missing: boolean;
  readonly dropped: boolean;
}
interface Ignored {
  readonly kind: "ignore";
  readonly name: string;
}
type Column = Numeric | Categorical | Ignored;
type ValueKind = "number" | "string" | "boolean" | "date";

/**
 * Attributes to encoded columns: numbers are imputed and scaled, categories become one column each (one-hot).
 *
 * Output: Dense or Sparse, rows x columns, the attributes in the order of their names. `names` are `age`, `age missing`, `plan=pro`,
 * `plan infrequent`, `plan missing`. A missing row is zero with `present` 0; in a present row a missing number is imputed
 * and a missing or unknown category is zeros. Dates are days since 1970. An attribute that no row of the fit has is ignored.
 * Rejects an attribute of mixed kinds, NaN, infinities and, after the fit, an attribute that it did not have
 * (`invalid-input`, with the index and the attribute). Cost: one pass; the numbers of the fit are held in memory.
 * Source: scikit-learn's SimpleImputer, StandardScaler, MinMaxScaler, RobustScaler and OneHotEncoder, whose numbers these are.
 *
 * @example
 * const fitted = await columns({ indicators: false }).fit([{ age: 20, plan: "free" }, { age: 40, plan: "pro" }]);
 * console.log(fitted.names); // age, plan=free, plan=pro
 * const { data } = await fitted.transform([{ age: 30, plan: "pro" }, { plan: "gold" }]); // 0, 0, 1, 0, 0, 0
 */
export function columns<O extends Output = "dense">(
  params: ColumnsParams<O> = {},
): Extractor<Attributes, O extends "sparse" ? Sparse : Dense> {
  const checked = check(params);
  const recipe = { type, params: checked as unknown as Json };

  return {
    ...recipe,
    async fit(inputs, options) {
      const seen = new Map<string, Seen>();
      let rows = 0;
      for await (const { items, first } of batches(inputs, options, type))
        for (const [offset, item] of items.entries()) {
          if (item === null) continue;
          checkAttributes(item, first + offset);
          for (const [name, value] of Object.entries(item)) see(seen, name, value, first + offset, checked);
          rows++;
        }
      for (const name of Object.keys(checked.types))
        if (!seen.has(name))
          throw new MmubError("invalid-input", {
            part: type,
            message: `types names "${name}", which no row has; the rows have ${listed([...seen.keys()])}`,
          });
      for (const name of Array.isArray(checked.log) ? checked.log : [])
        if (seen.get(name)?.role !== "numeric")
          throw new MmubError("invalid-input", {
            part: type,
            message: `log names "${name}", which is no numeric attribute of any row; numeric are ${listed([...seen.keys()].filter((one) => seen.get(one)!.role === "numeric"))}`,
          });
      const names = [...seen.keys()].sort((a, b) => (a < b ? -1 : 1));
      return fitted(names.map((name) => learn(name, seen.get(name)!, rows, checked)));
    },
    load: async (saved) => fitted((checkSaved(saved, recipe, 1).state as unknown as { columns: Column[] }).columns),
  };

  function fitted(all: readonly Column[]): FittedExtractor<Attributes, O extends "sparse" ? Sparse : Dense> {
    const names = all.flatMap(namesOf);
    const cols = names.length;
    const known = new Set(all.map((column) => column.name));
    let first = 0;
    const writers = all.map((column) => {
      const write = writer(column, checked, first);
      first += namesOf(column).length;
      return write;
    });
    const readRow = (item: Attributes, row: number, put: Put): void => {
      checkAttributes(item, row);
      for (const [name, value] of Object.entries(item))
        if (!known.has(name) && value !== null && value !== undefined)
          reject(row, name, "is not an attribute of the fit", `any of ${listed([...known])}`);
      for (let column = 0; column < all.length; column++) {
        const { name } = all[column]!;
        writers[column]!(Object.hasOwn(item, name) ? item[name] : null, row, put);
      }
    };
    return {
      cols,
      names,
      transform: (checked.output === "sparse" ? sparseRows : denseRows) as never,
      save: async () => ({ ...recipe, version: 1, state: { columns: all as unknown as Json } }),
    };

    async function denseRows(inputs: readonly (Attributes | null)[], options?: RunOptions): Promise<Dense> {
      const out = dense(inputs.length, cols);
      let start = 0;
      const put: Put = (column, value) => {
        out.data[start + column] = value;
      };
      for await (const { items, first } of batches(inputs, options, type))
        for (const [offset, item] of items.entries()) {
          start = (first + offset) * cols;
          if (item === null) out.present[first + offset] = 0;
          else readRow(item, first + offset, put);
        }
      return out;
    }

    async function sparseRows(inputs: readonly (Attributes | null)[], options?: RunOptions): Promise<Sparse> {
      const present = new Uint8Array(inputs.length).fill(1);
      const offsets = new Uint32Array(inputs.length + 1);
      const [columns, values]: [number[], number[]] = [[], []];
      const put: Put = (column, value) => {
        if (value === 0) return;
        columns.push(column);
        values.push(value);
      };
      for await (const { items, first } of batches(inputs, options, type))
        for (const [offset, item] of items.entries()) {
          if (item === null) present[first + offset] = 0;
          else readRow(item, first + offset, put);
          offsets[first + offset + 1] = columns.length;
        }
      return { ...sparse(cols, offsets, Uint32Array.from(columns), Float32Array.from(values)), present };
    }
  }
}

function check(params: ColumnsParams<Output>): Params {
  const {
    output = "dense",
    types = {},
    impute = "median",
    indicators = true,
    log = false,
    clip = null,
    scale = "standard",
    minFrequency = 1,
    maxCategories = null,
    unknown = "ignore",
    missingCategory = false,
    drop = null,
  } = params;
  const want = (name: string, value: unknown, ok: boolean, text: string) => checkParam(type, name, value, ok, text);
  const oneOf = (name: string, value: unknown, list: readonly unknown[]) =>
    want(name, value, list.includes(value), `one of ${list.map((one) => JSON.stringify(one)).join(", ")}`);
  oneOf("output", output, ["dense", "sparse"]);
  want("types", types, typeof types === "object" && types !== null, "a record of types by attribute");
  for (const [name, of] of Object.entries(types)) oneOf(`types.${name}`, of, ["numeric", "categorical", "ignore"]);
  want(
    "impute",
    impute,
    impute === "median" || impute === "mean" || Number.isFinite(impute),
    '"median", "mean" or a number',
  );
  want("indicators", indicators, typeof indicators === "boolean", "true or false");
  want("log", log, typeof log === "boolean" || Array.isArray(log), "true, false or a list of attributes");
  const isClip = Array.isArray(clip) && clip.length === 2 && clip[0] >= 0 && clip[0] < clip[1] && clip[1] <= 1;
  want("clip", clip, clip === null || isClip, "two rising shares from 0 to 1, such as [0.01, 0.99], or null");
  oneOf("scale", scale, ["standard", "minmax", "robust", "none"]);
  want(
    "minFrequency",
    minFrequency,
    minFrequency > 0 && (minFrequency < 1 || Number.isInteger(minFrequency)),
    "a whole number from 1 on, or a share below 1",
  );
  want(
    "maxCategories",
    maxCategories,
    maxCategories === null || (Number.isInteger(maxCategories) && maxCategories > 0),
    "a positive integer or null",
  );
  oneOf("unknown", unknown, ["ignore", "infrequent"]);
  want("missingCategory", missingCategory, typeof missingCategory === "boolean", "true or false");
  oneOf("drop", drop, ["first", "if_binary", null]);
  return {
    output: output as never,
    types: { ...types },
    impute,
    indicators,
    log: typeof log === "boolean" ? log : [...log],
    clip: clip && [...clip],
    scale,
    minFrequency,
    maxCategories,
    unknown,
    missingCategory,
    drop,
  };
}

/** What the fit has seen of one attribute. */
interface Seen {
  /** Absent, with its role, as long as every value was missing. */
  of?: ValueKind;
  role?: "numeric" | "categorical";
  readonly numbers: number[];
  readonly counts: Map<string, number>;
  filled: number;
}

function see(seen: Map<string, Seen>, name: string, value: Attributes[string], index: number, params: Params): void {
  let column = seen.get(name);
  if (!column) {
    column = { numbers: [], counts: new Map(), filled: 0 };
    seen.set(name, column);
  }
  const declared = declaredOf(name, params);
  if (value === null || value === undefined || declared === "ignore") return;
  const of = kindOf(value, name, index);
  column.of ??= of;
  if (of !== column.of)
    reject(
      index,
      name,
      `is ${show(value)} after values of kind ${column.of}`,
      "values of one kind; convert them before",
    );
  column.filled++;
  column.role ??= declared ?? roleOf(of);
  if (column.role === "numeric") column.numbers.push(numberOf(value, name, index, params));
  else {
    const key = categoryOf(value);
    column.counts.set(key, (column.counts.get(key) ?? 0) + 1);
  }
}

// An attribute may be called "constructor".
function declaredOf(name: string, { types }: Params): Params["types"][string] | undefined {
  return Object.hasOwn(types, name) ? types[name] : undefined;
}

function kindOf(value: NonNullable<Attributes[string]>, name: string, index: number): ValueKind {
  if (typeof value === "number" && !Number.isFinite(value))
    reject(index, name, `is ${value}`, "a finite number; give null for a missing value");
  if (value instanceof Date && Number.isNaN(value.getTime()))
    reject(index, name, "is an invalid Date", "a valid one; give null for a missing value");
  if (typeof value === "number" || typeof value === "string" || typeof value === "boolean")
    return typeof value as ValueKind;
  if (value instanceof Date) return "date";
  return reject(index, name, `is ${show(value)}`, "a number, string, boolean, Date or null");
}

function roleOf(of: ValueKind): "numeric" | "categorical" {
  return of === "number" || of === "date" ? "numeric" : "categorical";
}

function numberOf(value: NonNullable<Attributes[string]>, name: string, index: number, { log }: Params): number {
  if (typeof value === "string") reject(index, name, `is ${show(value)}`, "a number, as types says; convert it before");
  const number = value instanceof Date ? value.getTime() / 86_400_000 : Number(value);
  return log === true || (Array.isArray(log) && log.includes(name)) ? signedLog(number) : number;
}

function categoryOf(value: NonNullable<Attributes[string]>): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

function learn(name: string, { of, role, numbers, counts, filled }: Seen, rows: number, params: Params): Column {
  if (of === undefined) return { kind: "ignore", name };
  if (role === "numeric") {
    let sorted = Float64Array.from(numbers).sort();
    const clip = params.clip && ([quantile(sorted, params.clip[0]), quantile(sorted, params.clip[1])] as const);
    if (clip) sorted = sorted.map((value) => clipped(value, clip));
    const given = typeof params.impute === "number" ? numberOf(params.impute, name, 0, params) : undefined;
    const fill = given ?? (params.impute === "mean" ? mean(sorted) : quantile(sorted, 0.5));
    const all = new Float64Array(rows).fill(fill);
    all.set(sorted);
    const { center, scale } = scaling(all, params.scale);
    const indicator = params.indicators && filled < rows;
    return { kind: "numeric", name, of, fill, center, scale, indicator, ...(clip && { clip }) };
  }

  const byNumber = of === "number";
  const categories = [...counts.keys()].sort((a, b) => (byNumber ? Number(a) - Number(b) : a < b ? -1 : 1));
  const least = params.minFrequency < 1 ? params.minFrequency * rows : params.minFrequency;
  const rare = new Set(categories.filter((category) => counts.get(category)! < least));
  const columnsNow = categories.length - rare.size + Number(rare.size > 0);
  if (params.maxCategories !== null && columnsNow > params.maxCategories) {
    // Sorting is stable: of equals, those that sort first go, as in scikit-learn.
    const ascending = categories.toSorted((a, b) => counts.get(a)! - counts.get(b)!);
    for (const category of ascending.slice(0, categories.length - (params.maxCategories - 1))) rare.add(category);
  }
  const frequent = categories.filter((category) => !rare.has(category));
  const missing = params.missingCategory && filled < rows;
  const width = frequent.length + Number(rare.size > 0) + Number(missing);
  const dropped = frequent.length > 0 && (params.drop === "first" || (params.drop === "if_binary" && width === 2));
  return { kind: "categorical", name, of, frequent, infrequent: [...rare], missing, dropped };
}

function clipped(value: number, [low, high]: readonly [number, number]): number {
  return Math.min(high, Math.max(low, value));
}

function scaling(values: Float64Array, how: Params["scale"]): { center: number; scale: number } {
  if (how === "none") return { center: 0, scale: 1 };
  const sorted = values.toSorted();
  const [low, high] = [sorted[0]!, sorted[sorted.length - 1]!];
  if (how === "minmax") return { center: low, scale: high > low ? high - low : 1 };
  if (how === "robust") {
    const range = quantile(sorted, 0.75) - quantile(sorted, 0.25);
    return { center: quantile(sorted, 0.5), scale: range > 0 ? range : 1 };
  }
  const center = mean(sorted);
  const variance = sorted.reduce((sum, value) => sum + (value - center) ** 2, 0) / sorted.length;
  // Not larger than the rounding of the mean: a constant, as scikit-learn takes it.
  const rounding = sorted.length * Number.EPSILON * variance + (sorted.length * center * Number.EPSILON) ** 2;
  return { center, scale: variance <= rounding ? 1 : Math.sqrt(variance) };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function namesOf(column: Column): string[] {
  if (column.kind === "ignore") return [];
  const { name } = column;
  if (column.kind === "numeric") return column.indicator ? [name, `${name} missing`] : [name];
  return [
    ...column.frequent.slice(Number(column.dropped)).map((category) => `${name}=${category}`),
    ...(column.infrequent.length > 0 ? [`${name} infrequent`] : []),
    ...(column.missing ? [`${name} missing`] : []),
  ];
}

type Put = (column: number, value: number) => void;
type Writer = (value: Attributes[string], index: number, put: Put) => void;

/** Puts the values of an attribute into the columns from `at` on, in rising order. */
function writer(column: Column, params: Params, at: number): Writer {
  if (column.kind === "ignore") return () => {};
  const { name, of } = column;
  const checkKind = (value: NonNullable<Attributes[string]>, index: number): void => {
    const got = kindOf(value, name, index);
    if (got !== of) reject(index, name, `is ${show(value)}`, `a value of kind ${of}, as in the fit`);
  };
  if (column.kind === "numeric") {
    const { fill, center, scale, indicator, clip } = column;
    return (value, index, put) => {
      if (value === null || value === undefined) {
        put(at, (fill - center) / scale);
        if (indicator) put(at + 1, 1);
        return;
      }
      checkKind(value, index);
      const number = numberOf(value, name, index, params);
      const scaled = ((clip ? clipped(number, clip) : number) - center) / scale;
      if (!Number.isFinite(Math.fround(scaled)))
        reject(index, name, `is ${show(value)}`, "a number that float32 can hold after scaling");
      put(at, scaled);
    };
  }
  const { frequent, infrequent, missing, dropped } = column;
  const places = new Map(frequent.slice(Number(dropped)).map((category, place) => [category, place]));
  const rest = places.size;
  for (const category of infrequent) places.set(category, rest);
  const known = new Set([...frequent, ...infrequent]);
  return (value, index, put) => {
    if (value === null || value === undefined) {
      if (missing) put(at + rest + Number(infrequent.length > 0), 1);
      return;
    }
    checkKind(value, index);
    const category = categoryOf(value);
    const place = places.get(category);
    if (place !== undefined) put(at + place, 1);
    else if (!known.has(category) && params.unknown === "infrequent" && infrequent.length > 0) put(at + rest, 1);
  };
}

function checkAttributes(item: unknown, index: number): asserts item is Attributes {
  if (typeof item !== "object" || item === null || Array.isArray(item) || isBox(item))
    rejectInput(type, index, item, "an object of attributes or null");
}

// Objects whose contents are no attributes: read as such they would be all missing.
function isBox(item: object): boolean {
  return item instanceof Date || item instanceof Map || item instanceof Set || ArrayBuffer.isView(item);
}

function reject(index: number, attribute: string, got: string, want: string): never {
  throw new MmubError("invalid-input", {
    part: type,
    message: `attribute "${attribute}" of input ${index} ${got}, want ${want}`,
    index,
    attribute,
  });
}
