import { listed, MmubError } from "@mmub/core";
import { sameShape, showShape, sizeOf } from "./graph.js";
import { type Network, type ParameterSpec, trace } from "./network.js";
import { loadSafetensors, saveSafetensors } from "./safetensors.js";

/** The numbers of a network's parameters and buffers, by name. */
export type Weights = Readonly<Record<string, Float32Array>>;

export interface ParametersOptions {
  /** Steps of ragged inputs, which parameters do not depend on: for a network that refuses short sequences. @default 64 each */
  readonly lengths?: Readonly<Record<string, number>>;
}

/**
 * The parameters and buffers that a network makes, in the order it makes them.
 *
 * @example
 * const net = network({ x: { kind: "vector", cols: 3 } }, (scope, { x }) => dense({ units: 2 })(scope, x));
 * console.log(parametersOf(net).map(({ name, shape }) => [name, shape])); // dense/weight [2, 3], dense/bias [2]
 */
export function parametersOf(net: Network, { lengths = {} }: ParametersOptions = {}): ParameterSpec[] {
  const all = Object.fromEntries(Object.keys(net.inputs).map((name) => [name, lengths[name] ?? 64]));
  return [...trace(net, { batch: 2, lengths: all }).parameters.values()].map(({ spec }) => spec);
}

/**
 * How parameters are called in a file: by path, or by a path that they begin with, as `{ "encoder/dense": "bert.pooler" }`; or a
 * function of the parameter's name. What is left of a path has dots for slashes, as PyTorch has.
 */
export type Rename = Readonly<Record<string, string>> | ((parameter: string) => string);

export interface WeightsOptions extends ParametersOptions {
  /** @default only the slashes become dots */
  readonly rename?: Rename;
}

export interface LoadWeightsOptions extends WeightsOptions {
  /**
   * Whether every parameter must be in the file and every tensor of the file be used. If not, see `missing` and `unused` of the
   * result. @default true
   */
  readonly strict?: boolean;
}

export interface LoadedWeights {
  readonly weights: Weights;
  /** Parameters that the file lacks. */
  readonly missing: readonly string[];
  /** Tensors of the file that the network does not have; PyTorch's counters `num_batches_tracked` are not listed. */
  readonly unused: readonly string[];
}

/**
 * The weights of a network from a safetensors file, such as one of a PyTorch model of the same layers: their names and layouts
 * are PyTorch's. F64, F16 and BF16 become float32.
 *
 * Rejects a file that is not well-formed (`invalid-input`), a tensor of another shape (`shape-mismatch`, with the parameter, what
 * was got and wanted) or of integers, and, if `strict`, missing and unused names (`saved-mismatch`).
 *
 * @example
 * const net = network({ x: { kind: "vector", cols: 3 } }, (scope, { x }) => dense({ units: 2 })(scope, x));
 * const bytes = saveSafetensors({
 *   "0.weight": { shape: [2, 3], data: new Float32Array(6) },
 *   "0.bias": { shape: [2], data: new Float32Array(2) },
 * });
 * const { weights } = loadWeights(net, bytes, { rename: { dense: "0" } });
 * console.log(weights["dense/bias"]); // Float32Array(2) [ 0, 0 ]
 */
export function loadWeights(
  net: Network,
  bytes: Uint8Array,
  { rename = {}, strict = true, ...options }: LoadWeightsOptions = {},
): LoadedWeights {
  const { tensors } = loadSafetensors(bytes);
  const weights: Record<string, Float32Array> = {};
  const missing: string[] = [];
  const used = new Set<string>();
  for (const { name, shape } of parametersOf(net, options)) {
    const stored = storedName(name, rename);
    const tensor = tensors.get(stored);
    if (!tensor) {
      missing.push(name);
      continue;
    }
    used.add(stored);
    if (!sameShape(tensor.shape, shape))
      refuse(
        "shape-mismatch",
        `parameter "${name}" is ${showShape(tensor.shape)} in the file as "${stored}", want ${showShape(shape)}`,
        {
          name,
          got: tensor.shape,
          want: shape,
        },
      );
    if (!(tensor.data instanceof Float32Array || tensor.data instanceof Float64Array))
      refuse("invalid-input", `parameter "${name}" is ${tensor.dtype} in the file as "${stored}", want floats`, {
        name,
      });
    weights[name] = Float32Array.from(tensor.data);
  }
  const unused = [...tensors.keys()].filter((name) => !used.has(name) && !/(^|\.)num_batches_tracked$/.test(name));
  if (strict && missing.length > 0)
    refuse(
      "saved-mismatch",
      `the file lacks ${listed(missing.map((name) => `"${name}" ("${storedName(name, rename)}")`))}; it has ${listed([...tensors.keys()])}: use rename, or strict: false to load what is there`,
      { missing },
    );
  if (strict && unused.length > 0)
    refuse(
      "saved-mismatch",
      `the file has ${listed(unused)}, which the network has not: use rename, or strict: false to leave them`,
      { unused },
    );
  return { weights, missing, unused };
}

/**
 * The weights of a network as a safetensors file, which PyTorch loads by `model.load_state_dict(load_file(path))` into a model
 * of the same layers and names.
 */
export function saveWeights(
  net: Network,
  weights: Weights,
  { rename = {}, ...options }: WeightsOptions = {},
): Uint8Array<ArrayBuffer> {
  const specs = parametersOf(net, options);
  checkWeights("weights", specs, weights);
  const tensors = specs.map(({ name, shape }) => [storedName(name, rename), { shape, data: weights[name]! }] as const);
  const twice = tensors.find(([name], i) => tensors.findIndex(([other]) => other === name) !== i);
  if (twice) refuse("invalid-params", `rename gives two parameters the name "${twice[0]}"`, { name: twice[0] });
  return saveSafetensors(Object.fromEntries(tensors));
}

/** Throws unless `weights` holds what a network of these parameters needs. */
export function checkWeights(part: string, specs: readonly ParameterSpec[], weights: Weights): void {
  for (const { name, shape } of specs) {
    const got = weights[name];
    if (got?.length !== sizeOf(shape))
      throw new MmubError("shape-mismatch", {
        part: `@mmub/nn/${part}`,
        message: `the weights of "${name}" are ${got ? `${got.length} numbers` : "missing"}, want ${sizeOf(shape)} for ${showShape(shape)}`,
        name,
      });
  }
}

function storedName(parameter: string, rename: Rename): string {
  if (typeof rename === "function") return rename(parameter);
  // The longest path that it begins with.
  for (let end = parameter.length; end > 0; end = parameter.lastIndexOf("/", end - 1)) {
    const path = parameter.slice(0, end);
    if (Object.hasOwn(rename, path))
      return (rename[path]! + parameter.slice(end).replaceAll("/", ".")).replace(/^\./, "");
  }
  return parameter.replaceAll("/", ".");
}

function refuse(
  code: "invalid-input" | "invalid-params" | "saved-mismatch" | "shape-mismatch",
  message: string,
  fields: object,
): never {
  throw new MmubError(code, { part: "@mmub/nn/weights", message, ...fields });
}
