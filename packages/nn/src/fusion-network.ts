// How modalities become one inside a network: the contract between what joins them and what is trained on top.
import {
  checkFeatureSet,
  checkLayout,
  checkModalities,
  type FeatureSet,
  type Features,
  isPresent,
  type Json,
  listed,
  MmubError,
  modalityNames,
} from "@mmub/core";
import type { Value } from "./graph.js";
import type { Loss } from "./loss.js";
import { type InputSpec, type InputSpecs, type Network, network, type Scope, type Seen } from "./network.js";
import { add, cast, concat, greater, mul, reshape, slice } from "./ops.js";
import type { InputFeatures } from "./predict.js";
import { emptyMoments, type Moments, momentsOf, standardized } from "./standardize.js";

/** One modality as a network that joins several sees it. */
export interface SeenModality {
  readonly name: string;
  readonly spec: InputSpec;
  /** Numbers at mean 0 and deviation 1 over the rows of the fit that have the modality. */
  readonly input: Seen<InputSpec>;
  /** `[batch, 1]`: 1 for a row that has the modality, 0 for one that lacks it, or from which training took it. */
  readonly present: Value;
}

/** What joined modalities are. */
export interface Joined {
  /** `[batch, width]`. */
  readonly fused: Value;
  /** How much each modality had a say in each row, `[batch, modalities]` in the order of their names; adds up to 1 where any is there. */
  readonly shares?: Value;
  /** How much of each row went to each expert, `[batch, experts]`; adds up to 1. */
  readonly routes?: Value;
  /** What training adds to the loss of each row, `[batch]`; of a network that says so by `penalised`. */
  readonly penalty?: Value;
}

/** What is joined where all other modalities are missing, and the rows that have this one. */
interface Alone {
  readonly joined: Joined;
  /** `[batch, 1]`. */
  readonly present: Value;
}

/** The graph that joins modalities, without its weights. */
export interface FusionNetwork {
  /** The share of modalities that training takes from rows at random. */
  readonly modalityDropout: number;
  /** Whether what it joins bears a penalty: the network's output then ends with it, see `withPenalty`, and `penalised` reads it. @default false */
  readonly penalised?: boolean;
  /** The input that takes these features. Throws `shape-mismatch` where there is none. */
  input(features: Features, modality: string): InputSpec;
  /** A pure function, as that of `network`. The modalities are in the order of their sorted names. */
  build(scope: Scope, modalities: readonly SeenModality[]): Joined;
}

/** What a network over several modalities takes of one of them. */
export interface ModalityInput {
  readonly spec: InputSpec;
  readonly layout: Features["layout"];
  readonly cols: number;
  /** Null: it stays as it is. */
  readonly moments: Moments | null;
}

/** By the names of the modalities, which are sorted. */
export type ModalityInputs = Readonly<Record<string, ModalityInput>>;

/** What the network takes of these features: the moments are those of the rows that have the modality, or none. */
export async function modalityInputs(
  fusion: FusionNetwork,
  features: FeatureSet,
  part: string,
  { standardize = true, signal }: { readonly standardize?: boolean; readonly signal?: AbortSignal | undefined } = {},
): Promise<ModalityInputs> {
  const inputs: Record<string, ModalityInput> = {};
  for (const name of modalityNames(features)) {
    const { layout, cols } = features[name]!;
    const spec = fusion.input(features[name]!, name);
    const moments = standardize ? await momentsOf(features[name]!, spec, part, signal) : null;
    inputs[name] = { spec, layout, cols, moments };
  }
  return inputs;
}

/** As data to be saved: the moments are among the weights. */
export function savedInputs(inputs: ModalityInputs): Json {
  const saved = Object.entries(inputs).map(([name, { spec, layout, cols }]) => [name, { spec, layout, cols }]);
  return Object.fromEntries(saved) as Json;
}

/** What `savedInputs` has saved, with moments that the weights are to be loaded into. */
export function loadedInputs(saved: Json, { standardize = true } = {}): ModalityInputs {
  const inputs = Object.entries(saved as unknown as Readonly<Record<string, Omit<ModalityInput, "moments">>>);
  return Object.fromEntries(
    inputs.map(([name, input]) => [name, { ...input, moments: standardize ? emptyMoments(input.spec) : null }]),
  );
}

const present = (name: string) => `${name}.present`;

/**
 * The network of a `FusionNetwork`: standardised inputs, modality dropout, what joins them, and the head that makes an output of it.
 *
 * Its inputs are the modalities and for each `name.present`, one column: `fusionFeatures` gives both. Parameters: `fusion/…`
 * and those of the head, which may also ask what is made of one modality alone; `inputs/name/mean` and `scale` are buffers.
 */
export function fusionNetwork(
  fusion: FusionNetwork,
  modalities: ModalityInputs,
  head: (scope: Scope, joined: Joined, alone: (modality: string) => Alone) => Value,
): Network {
  const names = modalityNames(modalities);
  const specs: Record<string, InputSpec> = {};
  for (const name of names) {
    if (Object.hasOwn(modalities, present(name)))
      throw new MmubError("invalid-input", {
        part: "@mmub/nn/fusion-network",
        message: `modalities are ${listed(names)}, want another name than "${present(name)}", which says who has "${name}"`,
        modality: present(name),
      });
    specs[name] = modalities[name]!.spec;
    specs[present(name)] = { kind: "vector", cols: 1 };
  }
  return network<InputSpecs>(specs, (scope, seen) => {
    const parts = names.map((name): SeenModality => {
      const { spec, moments } = modalities[name]!;
      const raw = seen[name]!;
      const input = moments
        ? scope.share("inputs", (all) => all.share(name, (own) => standardized(own, raw, spec, moments)))
        : raw;
      return { name, spec, input, present: kept(scope, seen[present(name)] as Value, fusion.modalityDropout) };
    });
    const build = (of: readonly SeenModality[]) => scope.share("fusion", (own) => fusion.build(own, of));
    return head(scope, build(parts), (name) => {
      const there = seen[present(name)] as Value;
      const none = mul(there, 0);
      const of = parts.map((one) => ({ ...one, present: one.name === name ? there : none }));
      return { joined: build(of), present: there };
    });
  });
}

/** The output `[batch, width]`, and behind it the penalty where there is one, for a loss made by `penalised`. */
export function withPenalty(output: Value, { penalty }: Joined): Value {
  return penalty ? concat([output, reshape(penalty, [output.shape[0]!, 1])]) : output;
}

/** The loss, and where the network has a penalty that too, which is the last column of what it gives. */
export function penalised(loss: Loss, { penalised }: FusionNetwork): Loss {
  if (!penalised) return loss;
  return {
    ...loss,
    targets: ([batch, width]) => loss.targets([batch!, width! - 1]),
    build(output, targets, weights) {
      const width = output.shape[1]! - 1;
      const rows = loss.build(slice(output, 1, 0, width), targets, weights);
      const penalty = reshape(slice(output, 1, width, width + 1), [output.shape[0]!]);
      // What counts more in the mean counts more here.
      const counted = rows.counts ? mul(penalty, rows.counts) : penalty;
      // Each task bears its share.
      const tasks = rows.tasks?.map((one) => add(one, mul(counted, 1 / rows.tasks!.length)));
      return { ...rows, loss: add(rows.loss, counted), ...(tasks && { tasks }) };
    },
  };
}

/** Throws `shape-mismatch` unless these are finite features of the modalities, widths and layouts of the fit. */
export function checkModalityInputs(features: FeatureSet, modalities: ModalityInputs, part: string): void {
  checkFeatureSet(features, part);
  const inputs = Object.entries(modalities);
  checkModalities(features, Object.fromEntries(inputs.map(([name, { cols }]) => [name, cols])), part);
  for (const [name, { layout }] of inputs) checkLayout(features[name]!, layout, name, part);
}

/** Features as the network of `fusionNetwork` takes them. */
export function fusionFeatures(features: FeatureSet): InputFeatures<InputSpecs> {
  const inputs: Record<string, Features> = {};
  for (const [name, one] of Object.entries(features)) {
    inputs[name] = one;
    const data = Float32Array.from({ length: one.rows }, (_, row) => (has(one, row) ? 1 : 0));
    inputs[present(name)] = { layout: "dense", rows: one.rows, cols: 1, data };
  }
  return inputs as never;
}

/** One byte a row: whether the network sees any of its modalities. */
export function anyPresent(features: FeatureSet): Uint8Array {
  const all = Object.values(features);
  return Uint8Array.from({ length: all[0]!.rows }, (_, row) => (all.some((one) => has(one, row)) ? 1 : 0));
}

/** A Sequence without steps says as little as none. */
function has(features: Features, row: number): boolean {
  return (
    isPresent(features, row) && (features.layout !== "sequence" || features.offsets[row + 1]! > features.offsets[row]!)
  );
}

function kept(scope: Scope, present: Value, dropout: number): Value {
  if (!scope.training || dropout === 0) return present;
  return mul(present, cast(greater(scope.mask(dropout, present.shape), 0), "float32"));
}
