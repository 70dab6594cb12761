import {
  checkFeatureSet,
  checkParam,
  checkSaved,
  checkTargets,
  type Dense,
  dense as denseFeatures,
  type FeatureSet,
  type FitOptions,
  type FittedFuser,
  type Fuser,
  type Json,
  MmubError,
  modalityNames,
  type RunOptions,
  reportedAs,
  type Saved,
  savedPart,
  turn,
} from "@mmub/core";
import {
  add,
  anyPresent,
  checkModalityInputs,
  concat,
  dense,
  type Epoch,
  type FusionNetwork,
  fusionFeatures,
  fusionNetwork,
  infoNce,
  type Loss,
  loadedInputs,
  loadTrained,
  type ModalityInputs,
  modalityInputs,
  mul,
  reshape,
  savedInputs,
  slice,
  type Trained,
  type Value,
  type Weights,
} from "@mmub/nn";
import { checkSeen } from "../scaling.js";
import { type EncodingParams, encodingOf } from "./encoding.js";
import { type FuserTrainingParams, trainingOf } from "./network-fuser.js";

const type = "@mmub/fusion/contrastive";

export interface ContrastiveParams
  extends Omit<EncodingParams, "missing" | "modalityDropout">,
    Omit<FuserTrainingParams, "task"> {
  /** Width of the space that modalities share. @default 32 */
  readonly components?: number;
  /** What similarities are divided by: the smaller, the more the nearest others count. @default 0.1 */
  readonly temperature?: number;
  /** What a row becomes: the mean of what its modalities are in the shared space, or these side by side, zeros where one is missing. @default "mean" */
  readonly join?: "mean" | "concat";
  /** Rows of a step: each is told from all others of it, so that more are harder. @default 128 */
  readonly batchSize?: number;
}

export interface Contrastive extends Fuser {
  /** What the targets are is not looked at, so that pairs without one count too: `pairs.map(() => 0)` will do. */
  fit(features: FeatureSet, targets: readonly unknown[], options?: FitOptions): Promise<FittedContrastive>;
  load(saved: Saved): Promise<FittedContrastive>;
}

export interface FittedContrastive extends FittedFuser {
  /** The modalities, sorted. */
  readonly modalities: readonly string[];
  /** What each epoch came to: `trainingCurve` of `@mmub/metrics` draws it. */
  readonly history: readonly Epoch[];
  /** The network and its weights: `toOnnx(trained.network, trained.weights)` of `@mmub/nn` exports them. */
  readonly trained: Trained;
  /**
   * What was learned of each modality, to begin with: `weights` in the fit of another network fuser, or of `multiTask`, with the same modalities,
   * `units`, `hidden` and `sequence`.
   */
  readonly encoders: Weights;
  transform(features: FeatureSet, options?: RunOptions): Promise<Dense>;
  /** Each modality in the shared space, of length 1, such as to find the photo that goes with a text: rows x components each. */
  project(features: FeatureSet, options?: RunOptions): Promise<Readonly<Record<string, Dense>>>;
  dispose(): Promise<void>;
}

/**
 * Contrastive alignment: a network for each modality brings it into one space, where what belongs to one row is to lie nearer together than
 * what belongs to two. It learns from pairs alone, without targets: as a fuser of its own, or to give a network with few targets a start.
 *
 * Output: Dense, rows x `components`, times modalities with `join: "concat"`. Each pair of modalities learns from the rows that have both, by
 * the loss of `infoNce`, both ways; every other row of a step counts as not belonging, so a data set should hold each pair once. Takes what
 * `gated` does. Rejects less than two modalities, a modality that no row has, data of which no row has two, and what `concat` does. Cost: that of the
 * encoders, and batchSize² x components for each pair of modalities.
 * Source: Radford et al., Learning transferable visual models from natural language supervision (CLIP, 2021); van den Oord, Li and Vinyals,
 * Representation learning with contrastive predictive coding (2018).
 *
 * @example
 * const photo = dense(4, 2, Float32Array.of(0, 1, 1, 0, 0, 2, 2, 0));
 * const visits = dense(4, 1, Float32Array.of(5, 9, 4, 8));
 * const pairs = await contrastive({ units: 4, components: 2, epochs: 2 }).fit({ photo, visits }, [0, 0, 0, 0]);
 * const labels = ["buy", "leave", "buy", "leave"];
 * const fitted = await gated({ units: 4, epochs: 2 }).fit({ photo, visits }, labels, { weights: pairs.encoders });
 * await pairs.dispose();
 * await fitted.dispose();
 */
export function contrastive(given: ContrastiveParams = {}): Contrastive {
  const { components = 32, temperature = 0.1, join = "mean", ...rest } = given;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  check("components", components, Number.isInteger(components) && components > 0, "a positive integer");
  check("temperature", temperature, temperature > 0 && temperature < Infinity, "a number above 0");
  check("join", join, join === "mean" || join === "concat", '"mean" or "concat"');
  // What is missing belongs to no pair, so nothing has to stand in.
  const encoding = encodingOf(type, { ...rest, missing: "zero", modalityDropout: 0 });
  const training = trainingOf(type, { batchSize: 128, ...rest });
  const { missing: _, modalityDropout: __, ...encoded } = encoding.params;
  const recipe = { type, params: { ...encoded, components, temperature, join, ...training.params } as Json };

  const fusion: FusionNetwork = {
    modalityDropout: 0,
    input: encoding.input,
    build(scope, modalities) {
      const parts = encoding.vectors(scope, modalities);
      const aligned = parts.map(({ name, vector }) =>
        dense({ units: components, name: `align_${name}` })(scope, vector),
      );
      return { fused: concat([...aligned, ...parts.map(({ present }) => present)]) };
    },
  };
  const networkOf = (inputs: ModalityInputs) => fusionNetwork(fusion, inputs, (_, { fused }) => fused);

  return {
    ...recipe,
    async fit(features, targets, options = {}) {
      await turn(options.signal);
      const rows = checkFeatureSet(features, type);
      checkTargets(targets, rows, type);
      const names = modalityNames(features);
      if (names.length < 2)
        throw new MmubError("invalid-input", {
          part: type,
          message: `there is but "${names[0]}", want two modalities`,
        });
      for (const name of names) checkSeen(features[name]!, name, type);
      const present = names.map((name) => anyPresent({ [name]: features[name]! }));
      if (!present[0]!.some((_, row) => present.filter((own) => own[row] === 1).length > 1))
        throw new MmubError("invalid-input", { part: type, message: "no row has two modalities, want some that do" });
      const inputs = await modalityInputs(fusion, features, type, { signal: options.signal });
      const trained = await training.run(
        networkOf(inputs),
        { inputs: fusionFeatures(features), targets: {} },
        rows,
        pairLoss(names.length, components, temperature),
        options,
      );
      return fitted(inputs, trained);
    },
    async load(saved) {
      const inputs = loadedInputs(checkSaved(saved, recipe, 1).state);
      return fitted(
        inputs,
        await loadTrained(networkOf(inputs), savedPart(saved, "trained"), await training.running()),
      );
    },
  };

  function fitted(inputs: ModalityInputs, trained: Trained): FittedContrastive {
    const names = Object.keys(inputs);
    const project = async (features: FeatureSet, options: RunOptions = {}): Promise<Record<string, Dense>> => {
      checkModalityInputs(features, inputs, type);
      const raw = await trained.predict(fusionFeatures(features), reportedAs(options, type));
      return Object.fromEntries(
        names.map((name, m) => {
          const out = denseFeatures(raw.rows, components);
          for (let row = 0; row < raw.rows; row++) {
            const at = row * raw.cols;
            const has = raw.data[at + names.length * components + m]! > 0;
            out.present[row] = Number(has);
            if (!has) continue;
            const own = raw.data.subarray(at + m * components, at + (m + 1) * components);
            const length = Math.hypot(...own) || 1;
            for (let k = 0; k < components; k++) out.data[row * components + k] = own[k]! / length;
          }
          return [name, out];
        }),
      );
    };
    return {
      cols: join === "mean" ? components : components * names.length,
      modalities: names,
      history: trained.history,
      trained,
      encoders: Object.fromEntries(
        Object.entries(trained.weights).filter(([name]) => !name.startsWith("fusion/align_")),
      ),
      project,
      async transform(features, options) {
        const each = Object.values(await project(features, options));
        const { rows } = each[0]!;
        const out = denseFeatures(rows, join === "mean" ? components : components * each.length);
        for (let row = 0; row < rows; row++) {
          const there = each.filter(({ present }) => present![row] === 1).length;
          out.present[row] = Number(there > 0);
          for (const [m, { data, present }] of each.entries()) {
            if (present![row] === 0) continue;
            const start = row * out.cols + (join === "mean" ? 0 : m * components);
            for (let k = 0; k < components; k++)
              out.data[start + k]! += data[row * components + k]! / (join === "mean" ? there : 1);
          }
        }
        return out;
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: savedInputs(inputs),
        parts: { trained: await trained.save() },
      }),
      dispose: () => trained.dispose(),
    };
  }
}

/** The sum over pairs of modalities of what it takes to find one by the other, of rows that have both. */
function pairLoss(modalities: number, components: number, temperature: number): Loss {
  const inner = infoNce({ temperature });
  return {
    type: "pairs",
    params: { modalities, components, temperature },
    targets: () => ({}),
    build(output, _targets, weights) {
      const batch = output.shape[0]!;
      const vector = (m: number) => slice(output, 1, m * components, (m + 1) * components);
      const there = (m: number): Value => {
        const at = modalities * components + m;
        return reshape(slice(output, 1, at, at + 1), [batch]);
      };
      const losses: Value[] = [];
      const counts: Value[] = [];
      for (let i = 0; i < modalities; i++)
        for (let j = i + 1; j < modalities; j++) {
          const both = mul(there(i), there(j));
          const two = reshape(concat([vector(i), vector(j)]), [batch, 2, components]);
          losses.push(inner.build(two, {}, mul(weights, both)).loss);
          counts.push(both);
        }
      return { loss: losses.reduce(add), counts: counts.reduce(add) };
    },
  };
}
