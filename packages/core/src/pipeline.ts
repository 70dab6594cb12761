// A step has a name of its own in the progress: two parts of one type would else seem to go back.
import { batches, checkInputs, mapInputs, reportedAs } from "./batch.js";
import type {
  Extractor,
  FeatureSet,
  Features,
  FitOptions,
  Fitted,
  FittedExtractor,
  FittedFuser,
  FittedModel,
  Fuser,
  Inputs,
  Json,
  Model,
  Part,
  RunOptions,
  Saved,
} from "./contracts.js";
import { MmubError, reasonOf, show } from "./errors.js";
import { checkTargets, modalityNames, stackFeatures } from "./features.js";
import { checkSaved, savedPart } from "./saved.js";

const type = "@mmub/core/pipeline";

/** One extractor for each modality, by name. */
export type Modalities = { readonly [name: string]: Extractor<never> };

/** What an extractor takes. */
export type InputOf<E> = E extends Extractor<infer Input, Features> ? Input : never;

/** A sample is a plain object with one field a modality; an absent field, `null` or `undefined` is a missing modality. */
export type Sample<M extends Modalities> = { readonly [Name in keyof M]?: InputOf<M[Name]> | null | undefined };

export interface Pipeline<S extends object, Target, Output, Options extends FitOptions = FitOptions>
  extends Part<FittedPipeline<S, Output>> {
  /**
   * Fits every part in turn. `samples` may be batches that can be read again; their features must fit in memory. Options are those
   * of the model's fit: what all parts know goes to all, the rest, such as `groups` of `lateFusion`, to the model alone.
   */
  fit(samples: Inputs<S>, targets: readonly Target[], options?: Options): Promise<FittedPipeline<S, Output>>;
}

export interface FittedPipeline<S extends object, Output> extends Fitted {
  /** The names of the modalities in their one order: sorted. */
  readonly modalities: readonly (keyof S & string)[];
  /** The fitted parts, for their columns' names, weights and the like. */
  readonly extractors: { readonly [Name in keyof S & string]: FittedExtractor<never> };
  readonly fuser?: FittedFuser;
  readonly model: FittedModel<Output, never>;
  /**
   * A name for each column that the model sees: `review: refund`, `visits: recency`, `photo[3]` where the extractor
   * gives no names. `undefined` without a fuser, and with one that mixes the modalities.
   */
  readonly names: readonly string[] | undefined;
  predict(samples: readonly S[], options?: RunOptions): Promise<Output>;
  /** The features of each modality, before they are fused. */
  transform(samples: readonly S[], options?: RunOptions): Promise<FeatureSet<keyof S & string>>;
}

/**
 * Raw samples to predictions: an extractor for each modality, a fuser that joins their features, a model that learns from
 * them. A pipeline is a part itself: a recipe that fits, saves and loads as one.
 *
 * Names, inputs, labels and output are inferred, so a wrong modality name, input or label does not compile. A sample may
 * lack any modality, in `fit` and in `predict` alike. Without a fuser the model must take a FeatureSet.
 * Progress is reported a step: `fit review`, `transform review`, `fit fuser`, `fit model`, `predict`.
 * Rejects an unknown modality, a bad input, targets that do not fit the samples and an empty data set (`invalid-input`,
 * with the sample's index); then nothing is left behind and the recipe can be fitted again.
 * Cost: that of the parts, one after the other; the features of all samples are held in memory.
 *
 * @example
 * const shopper = pipeline({
 *   modalities: { taste: vector(), visits: vector() },
 *   fuser: concat(),
 *   model: logisticRegression<"buy" | "leave">(),
 * });
 * const samples = [{ taste: [1, 0], visits: [9] }, { taste: [0, 1] }, { taste: [1, 1], visits: [7] }, { visits: [1] }];
 * const fitted = await shopper.fit(samples, ["buy", "leave", "buy", "leave"], { seed: 7 });
 * const { labels } = await fitted.predict([{ taste: [1, 0], visits: null }]);
 */
export function pipeline<M extends Modalities, Target, Output, Options extends FitOptions = FitOptions>(parts: {
  readonly modalities: M;
  readonly fuser: Fuser<NoInfer<Target>>;
  readonly model: Model<Target, Output, Features, Options>;
}): Pipeline<Sample<M>, Target, Output, Options>;
export function pipeline<M extends Modalities, Target, Output, Options extends FitOptions = FitOptions>(parts: {
  readonly modalities: M;
  readonly fuser?: undefined;
  readonly model: Model<Target, Output, FeatureSet, Options>;
}): Pipeline<Sample<M>, Target, Output, Options>;
export function pipeline<Target, Output>({
  modalities,
  fuser,
  model,
}: {
  readonly modalities: Modalities;
  readonly fuser?: Fuser<Target> | undefined;
  readonly model: Model<Target, Output, never>;
}): Pipeline<RawSample, Target, Output> {
  const names = modalityNames(modalities);
  if (names.length === 0)
    throw new MmubError("invalid-params", { part: type, message: "modalities are empty, want at least one extractor" });
  const recipe = {
    type,
    params: {
      modalities: Object.fromEntries(names.map((name) => [name, described(modalities[name]!)])),
      fuser: fuser ? described(fuser) : null,
      model: described(model),
    },
  };

  const fitted = (parts: FittedParts<Output>): FittedPipeline<RawSample, Output> => {
    const transform = (samples: readonly RawSample[], options?: RunOptions) =>
      extract(parts.extractors, samples, options);
    return {
      modalities: names,
      ...parts,
      get names() {
        return parts.fuser?.names?.(Object.fromEntries(names.map((name) => [name, parts.extractors[name]!.names])));
      },
      transform,
      async predict(samples, options) {
        const features = await transform(samples, options);
        const x = parts.fuser ? await parts.fuser.transform(features, reportedAs(options, "fuse")) : features;
        return parts.model.predict(x as never, reportedAs(options, "predict"));
      },
      async save() {
        const saved: Record<string, Saved> = { model: await parts.model.save() };
        if (parts.fuser) saved.fuser = await parts.fuser.save();
        for (const name of names) saved[`modality ${name}`] = await parts.extractors[name]!.save();
        return { ...recipe, version: 1, state: null, parts: saved };
      },
      dispose: () => disposeAll(allOf(parts)),
    };
  };

  return {
    ...recipe,
    async fit(samples, targets, options) {
      options?.signal?.throwIfAborted();
      checkInputs(samples, type);
      if (Array.isArray(samples)) {
        checkTargets(targets, samples.length, type);
        for (const [index, sample] of samples.entries()) checkSample(sample, index, names);
      }
      const done: Fitted[] = [];
      const common = commonOf(options);
      try {
        const extractors: Record<string, FittedExtractor<never>> = {};
        for (const name of names) {
          const column = mapInputs(samples, (sample, index) => inputOf(sample, index, name, names), type);
          extractors[name] = await inModality(name, () =>
            modalities[name]!.fit(column as Inputs<never>, reportedAs(common, `fit ${name}`)),
          );
          done.push(extractors[name]);
        }
        const features = await extractAll(extractors, samples, common);
        checkTargets(targets, Object.values(features)[0]!.rows, type);
        const fittedFuser = await fuser?.fit(features, targets, reportedAs(common, "fit fuser"));
        if (fittedFuser) done.push(fittedFuser);
        const x = fittedFuser ? await fittedFuser.transform(features, reportedAs(common, "fuse")) : features;
        const fittedModel = await model.fit(x as never, targets, reportedAs(options, "fit model"));
        return fitted({ extractors, ...(fittedFuser && { fuser: fittedFuser }), model: fittedModel });
      } catch (error) {
        await disposeAll(done);
        throw error;
      }
    },
    async load(saved) {
      checkSaved(saved, recipe, 1);
      const done: Fitted[] = [];
      const keep = <F extends Fitted>(part: F): F => {
        done.push(part);
        return part;
      };
      try {
        const extractors: Record<string, FittedExtractor<never>> = {};
        for (const name of names)
          extractors[name] = keep(await modalities[name]!.load(savedPart(saved, `modality ${name}`)));
        const fittedFuser = fuser && keep(await fuser.load(savedPart(saved, "fuser")));
        const fittedModel = keep(await model.load(savedPart(saved, "model")));
        return fitted({ extractors, ...(fittedFuser && { fuser: fittedFuser }), model: fittedModel });
      } catch (error) {
        await disposeAll(done);
        throw error;
      }
    },
  };
}

/** What every part takes. */
function commonOf({ signal, onProgress, batchSize, seed }: FitOptions = {}): FitOptions {
  return {
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
    ...(batchSize !== undefined && { batchSize }),
    ...(seed !== undefined && { seed }),
  };
}

type RawSample = Readonly<Record<string, unknown>>;
type Extractors = Readonly<Record<string, FittedExtractor<never>>>;
interface FittedParts<Output> {
  readonly extractors: Extractors;
  readonly fuser?: FittedFuser;
  readonly model: FittedModel<Output, never>;
}

/** A part within the params of another. */
export function described({ type, params }: Part<Fitted>): Json {
  return { type, params };
}

function allOf<Output>({ extractors, fuser, model }: FittedParts<Output>): Fitted[] {
  return [...Object.values(extractors), ...(fuser ? [fuser] : []), model];
}

/** Frees parts one after the other. */
export async function disposeAll(parts: readonly Fitted[]): Promise<void> {
  for (const part of parts) await part.dispose?.();
}

function checkSample(sample: unknown, index: number, names: readonly string[]): asserts sample is RawSample {
  if (typeof sample !== "object" || sample === null || Array.isArray(sample))
    throw new MmubError("invalid-input", {
      part: type,
      message: `sample ${index} is ${show(sample)}, want an object with any of ${names.join(", ")}`,
      index,
    });
  for (const name of Object.keys(sample))
    if (!names.includes(name)) {
      const near = names.find((known) => known.toLowerCase() === name.toLowerCase() || distance(known, name) <= 2);
      throw new MmubError("invalid-input", {
        part: type,
        message: `sample ${index} has the unknown modality "${name}", want any of ${names.join(", ")}${near ? `; did you mean "${near}"?` : "; take other fields off before"}`,
        index,
        modality: name,
      });
    }
}

function inputOf(sample: unknown, index: number, name: string, names: readonly string[]): unknown {
  checkSample(sample, index, names);
  return sample[name] ?? null;
}

// A missing modality of each sample is a null in its column.
async function extract(
  extractors: Extractors,
  samples: readonly RawSample[],
  options: RunOptions | undefined,
  offset = 0,
): Promise<FeatureSet> {
  checkInputs(samples, type);
  const names = Object.keys(extractors);
  for (const [index, sample] of samples.entries()) checkSample(sample, offset + index, names);
  const features: Record<string, Features> = {};
  for (const name of names) {
    const column = samples.map((sample) => sample[name] ?? null);
    features[name] = await inModality(
      name,
      () => extractors[name]!.transform(column as never[], reportedAs(options, `transform ${name}`)),
      offset,
    );
  }
  return features;
}

async function extractAll(
  extractors: Extractors,
  samples: Inputs<RawSample>,
  options: RunOptions | undefined,
): Promise<FeatureSet> {
  if (Array.isArray(samples)) return extract(extractors, samples, options);
  const pieces: FeatureSet[] = [];
  // Each batch reports one step further, so that progress over the stream never goes back.
  const { onProgress: _, ...quiet } = options ?? {};
  for await (const { items, first } of batches(samples, reportedAs(options, "transform"), type))
    pieces.push(await extract(extractors, items, quiet, first));
  if (pieces.length === 0)
    throw new MmubError("invalid-input", { part: type, message: "the data set is empty, want at least one sample" });
  return Object.fromEntries(
    Object.keys(extractors).map((name) => [name, stackFeatures(pieces.map((piece) => piece[name]!))]),
  );
}

/**
 * What `call` gives; an error of it also says of which modality. `rows`: those of the caller that the call is about, in its order, or the
 * first of them, such as of a batch within a stream: the error then has the caller's index.
 */
export async function inModality<T>(
  modality: string,
  call: () => Promise<T>,
  rows: readonly number[] | number = 0,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!MmubError.is(error)) throw error;
    const { code, part, index, details } = error;
    const at = index === undefined ? undefined : typeof rows === "number" ? index + rows : (rows[index] ?? index);
    // The reason names the index where it is the caller's.
    const elsewhere = at === index ? "" : typeof rows === "number" ? ` (sample ${at} of the stream)` : ` (row ${at})`;
    throw new MmubError(code, {
      ...details,
      part,
      message: `modality "${modality}": ${reasonOf(error)}${elsewhere}`,
      ...(at !== undefined && { index: at }),
      cause: error,
      modality,
    });
  }
}

// Levenshtein's distance, for "did you mean".
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}
