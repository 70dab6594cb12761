import {
  type Classification,
  checkFeatureSet,
  checkLayout,
  checkModalities,
  checkParam,
  checkSaved,
  checkTargets,
  type Dense,
  encodeLabels,
  type FeatureSet,
  type FitOptions,
  type FittedModel,
  isPresent,
  type Json,
  type Label,
  MmubError,
  type Model,
  modalityNames,
  type Saved,
  type Sequence,
  savedPart,
  sequence,
  toDense,
  turn,
} from "@mmub/core";
import {
  type Activation,
  activation as activationLayer,
  cast,
  concat,
  crossEntropy,
  dense,
  dropout as dropoutLayer,
  type Epoch,
  emptyMoments,
  greater,
  gru,
  type InputSpecs,
  initializers,
  loadTrained,
  lstm,
  type Moments,
  momentsOf,
  mul,
  type Network,
  network,
  reshape,
  type Scope,
  type Seen,
  type Steps,
  standardized,
  type Trained,
  where,
} from "@mmub/nn";
import { checkSeen, pooled } from "../scaling.js";
import { type FuserTrainingParams, trainingOf } from "./network-fuser.js";

const type = "@mmub/fusion/context-rnn";

export interface ContextRnnParams extends Omit<FuserTrainingParams, "task"> {
  /**
   * The modality that says which rows belong together, such as the number of a dialogue or of a user: rows that are equal in all of its
   * columns are one context, in the order in which they come; a row that lacks it is a context of its own.
   */
  readonly context: string;
  /** @default "lstm" */
  readonly cell?: "gru" | "lstm";
  /** Width of the vector that a modality of a row is brought to. @default 64 */
  readonly units?: number;
  /** Activation of that layer. @default "relu" */
  readonly activation?: Extract<Activation, string>;
  /** Width of the state over a context, in each direction. @default 64 */
  readonly stateUnits?: number;
  /** Recurrent layers on one another. @default 1 */
  readonly layers?: number;
  /** Also from the end of a context to its beginning; false: a row is predicted from itself and those before. @default true */
  readonly bidirectional?: boolean;
  /** Whether each modality has a recurrent layer of its own before they meet, as in the source. @default false */
  readonly hierarchical?: boolean;
  /** Whether the last layer sees what a row is beside what its context makes of it. @default true */
  readonly skip?: boolean;
  /** The share of numbers that training drops: of vectors and of states. @default 0.3 */
  readonly dropout?: number;
  /** The share of modalities that training takes from rows at random. @default 0.1 */
  readonly modalityDropout?: number;
  /** Contexts of a step. @default 8 */
  readonly batchSize?: number;
}

export interface ContextRnn<L extends Label> extends Model<L, Classification<L>, FeatureSet> {
  fit(x: FeatureSet, targets: readonly L[], options?: FitOptions): Promise<FittedContextRnn<L>>;
  load(saved: Saved): Promise<FittedContextRnn<L>>;
}

export interface FittedContextRnn<L extends Label> extends FittedModel<Classification<L>, FeatureSet> {
  readonly classes: readonly L[];
  /** What each epoch came to: `trainingCurve` of `@mmub/metrics` draws it. */
  readonly history: readonly Epoch[];
  /** The network and its weights. Its inputs are sequences over contexts, and for each `name.present`. */
  readonly trained: Trained;
  dispose(): Promise<void>;
}

interface State {
  readonly classes: readonly Label[];
  /** All modalities, with the context's. */
  readonly inputs: Readonly<
    Record<string, { readonly layout: "dense" | "sparse" | "sequence"; readonly cols: number }>
  >;
}

/**
 * Rows among their neighbours: what is said before and after an utterance, or done at other visits, helps to tell what this one means. Each
 * modality of a row becomes a vector, those of a row are put side by side, and a recurrent layer goes over the rows of a context; each row
 * gets a class. To predict a row give the rows of its context along with it.
 *
 * Takes Dense and Sparse features, and Sequences as the mean of their steps, any of them missing: a learned vector stands in. Output:
 * Classification. `validation` is a share of the contexts, so that none is on both sides. Rejects a context modality that is not
 * there, or is no Dense, a modality that no row has, and a single class. Cost: a graph grows with the longest context; Sparse features
 * are written out.
 * Source: Poria et al., Context-dependent sentiment analysis in user-generated videos (bc-LSTM, 2017).
 *
 * @example
 * const text = dense(6, 2, Float32Array.of(1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0));
 * const dialogue = dense(6, 1, Float32Array.of(1, 1, 1, 2, 2, 2));
 * const model = contextRnn<"calm" | "angry">({ context: "dialogue", units: 4, stateUnits: 4, epochs: 2 });
 * const fitted = await model.fit({ text, dialogue }, ["calm", "angry", "angry", "angry", "calm", "calm"], { seed: 7 });
 * const { labels } = await fitted.predict({ text, dialogue });
 * await fitted.dispose();
 */
export function contextRnn<L extends Label = Label>(given: ContextRnnParams): ContextRnn<L> {
  const { context, cell = "lstm", units = 64, activation = "relu", stateUnits = 64, layers = 1 } = given;
  const { bidirectional = true, hierarchical = false, skip = true, dropout = 0.3, modalityDropout = 0.1 } = given;
  const check = (name: string, value: unknown, ok: boolean, want: string) => checkParam(type, name, value, ok, want);
  check("context", context, typeof context === "string" && context !== "", "the name of a modality");
  check("cell", cell, cell === "gru" || cell === "lstm", '"gru" or "lstm"');
  for (const [name, value] of Object.entries({ units, stateUnits, layers }))
    check(name, value, Number.isInteger(value) && value > 0, "a positive integer");
  for (const [name, value] of Object.entries({ bidirectional, hierarchical, skip }))
    check(name, value, typeof value === "boolean", "true or false");
  for (const [name, value] of Object.entries({ dropout, modalityDropout }))
    check(name, value, value >= 0 && value < 1, "a number from 0 to below 1");
  const training = trainingOf(type, { batchSize: 8, ...given });
  const own = { context, cell, units, activation, stateUnits, layers, bidirectional, hierarchical, skip };
  const recipe = { type, params: { ...own, dropout, modalityDropout, ...training.params } as Json };

  const activated = activationLayer({ kind: activation });
  const drop = dropoutLayer({ rate: dropout });
  const over = (name: string) =>
    ({ gru, lstm })[cell]({ units: stateUnits, layers, bidirectional, dropout, returns: "sequences", name });

  const networkOf = ({ inputs, classes }: State, moments: Readonly<Record<string, Moments>>): Network => {
    const names = Object.keys(inputs).filter((name) => name !== context);
    const specs: Record<string, InputSpecs[string]> = {};
    for (const name of names) {
      specs[name] = { kind: "steps", cols: inputs[name]!.cols };
      specs[presence(name)] = { kind: "steps", cols: 1 };
    }
    return network<InputSpecs>(specs, (scope, seen) => {
      const parts = names.map((name) =>
        scope.enter(name, (inner) => {
          const vectors = encoded(inner, seen, name, inputs[name]!.cols, moments[name]!);
          return hierarchical ? drop(inner, over("context")(inner, vectors)) : vectors;
        }),
      );
      const { mask } = parts[0]!;
      const joined: Steps = { values: concat(parts.map(({ values }) => values)), mask };
      const states = drop(scope, over("context")(scope, joined));
      const all = skip ? { values: concat([states.values, joined.values]), mask } : states;
      return dense({ units: classes.length, name: "output" })(scope, all).values;
    });
  };

  /** Vectors of a modality of each row, with what stands in where it is missing. */
  function encoded(
    scope: Scope,
    seen: { readonly [name: string]: Seen<InputSpecs[string]> },
    name: string,
    cols: number,
    moments: Moments,
  ): Steps {
    const raw = seen[name] as Steps;
    const scaled = scope.enter("input", (inner) => standardized(inner, raw, { kind: "steps", cols }, moments));
    const { values } = drop(scope, activated(scope, dense({ units })(scope, scaled)));
    const { mask } = raw;
    let there = (seen[presence(name)] as Steps).values;
    if (scope.training && modalityDropout > 0)
      there = mul(there, cast(greater(scope.mask(modalityDropout, there.shape), 0), "float32"));
    const missing = scope.parameter("missing", [units], initializers.normal({ deviation: 0.02 }));
    const whole = where(greater(there, 0), values, reshape(missing, [1, 1, units]));
    return { values: mul(whole, reshape(mask, [...mask.shape, 1])), mask };
  }

  return {
    ...recipe,
    async fit(x, targets, options = {}) {
      await turn(options.signal);
      const rows = checkFeatureSet(x, type);
      checkTargets(targets, rows, type);
      const { classes, classOf } = encodeLabels(targets, type);
      const names = modalityNames(x).filter((name) => name !== context);
      if (!x[context] || names.length === 0)
        throw new MmubError("invalid-input", {
          part: type,
          message: `modalities are ${modalityNames(x).join(", ")}; want "${context}", which says what rows belong together, and at least one more`,
        });
      checkLayout(x[context], "dense", context, type);
      const inputs: Record<string, State["inputs"][string]> = {};
      const moments: Record<string, Moments> = {};
      const flat: Record<string, Dense> = {};
      for (const name of modalityNames(x)) {
        const { layout, cols } = x[name]!;
        inputs[name] = { layout, cols };
        if (name === context) continue;
        checkSeen(x[name]!, name, type);
        flat[name] = toDense(pooled(x[name]!, "mean"));
        moments[name] = (await momentsOf(flat[name], { kind: "vector", cols }, type, options.signal))!;
      }
      const { order, offsets } = contextsOf(x[context] as Dense);
      const state: State = { classes, inputs };
      const trained = await training.run(
        networkOf(state, moments),
        {
          inputs: arranged(flat, order, offsets),
          targets: { target: { data: Int32Array.from(order, (row) => classOf[row]!), offsets } },
        },
        offsets.length - 1,
        crossEntropy({ perStep: true }),
        options,
      );
      return fitted(state, trained);
    },
    async load(saved) {
      const state = checkSaved(saved, recipe, 1).state as unknown as State;
      const moments = Object.fromEntries(
        Object.entries(state.inputs).map(([name, { cols }]) => [name, emptyMoments({ kind: "vector", cols })!]),
      );
      const net = networkOf(state, moments);
      return fitted(state, await loadTrained(net, savedPart(saved, "trained"), await training.running()));
    },
  };

  function fitted(state: State, trained: Trained): FittedContextRnn<L> {
    const classes = state.classes as readonly L[];
    return {
      classes,
      history: trained.history,
      trained,
      async predict(x, options = {}) {
        await turn(options.signal);
        const rows = checkFeatureSet(x, type);
        const inputs = Object.entries(state.inputs);
        checkModalities(x, Object.fromEntries(inputs.map(([name, { cols }]) => [name, cols])), type);
        const flat: Record<string, Dense> = {};
        for (const [name, { layout }] of inputs) {
          checkLayout(x[name]!, layout, name, type);
          if (name !== context) flat[name] = toDense(pooled(x[name]!, "mean"));
        }
        const { order, offsets } = contextsOf(x[context] as Dense);
        const { data } = await trained.predictSteps(arranged(flat, order, offsets), {
          ...options,
          batchSize: options.batchSize ?? 32,
        });
        const width = classes.length;
        const out = new Float32Array(rows * width);
        const labels = new Array<L>(rows);
        for (const [at, row] of order.entries()) {
          const logits = data.subarray(at * width, (at + 1) * width);
          const most = logits.reduce((a, b) => Math.max(a, b));
          const powers = Array.from(logits, (logit) => Math.exp(logit - most));
          const total = powers.reduce((a, b) => a + b);
          for (let c = 0; c < width; c++) out[row * width + c] = powers[c]! / total;
          labels[row] = classes[logits.indexOf(most)]!;
        }
        return { labels, classes, probabilities: { layout: "dense", rows, cols: width, data: out } };
      },
      save: async () => ({
        ...recipe,
        version: 1,
        state: state as unknown as Json,
        parts: { trained: await trained.save() },
      }),
      dispose: () => trained.dispose(),
    };
  }
}

const presence = (name: string) => `${name}.present`;

/** The rows, context after context in the order in which they begin; context `i` has `order[offsets[i]]` to `order[offsets[i + 1]]`. */
function contextsOf(key: Dense): { readonly order: Uint32Array; readonly offsets: Uint32Array } {
  const contexts = new Map<string, number[]>();
  for (let row = 0; row < key.rows; row++) {
    const own = isPresent(key, row) ? key.data.subarray(row * key.cols, (row + 1) * key.cols).join() : `row ${row}`;
    const rows = contexts.get(own);
    if (rows) rows.push(row);
    else contexts.set(own, [row]);
  }
  const offsets = new Uint32Array(contexts.size + 1);
  const order = Uint32Array.from([...contexts.values()].flat());
  let at = 0;
  for (const rows of contexts.values()) {
    offsets[at + 1] = offsets[at]! + rows.length;
    at++;
  }
  return { order, offsets };
}

/** Rows as steps of their contexts, and for each whether it is there; what is missing is zero. */
function arranged(flat: Readonly<Record<string, Dense>>, order: Uint32Array, offsets: Uint32Array) {
  const inputs: Record<string, Sequence> = {};
  for (const [name, of] of Object.entries(flat)) {
    const data = new Float32Array(order.length * of.cols);
    const there = new Float32Array(order.length);
    for (const [at, row] of order.entries()) {
      if (!isPresent(of, row)) continue;
      there[at] = 1;
      data.set(of.data.subarray(row * of.cols, (row + 1) * of.cols), at * of.cols);
    }
    inputs[name] = sequence(of.cols, offsets, data);
    inputs[presence(name)] = sequence(1, offsets, there);
  }
  return inputs as never;
}
