import {
  type ColumnNames,
  checkFeatureSet,
  checkLayout,
  checkModalities,
  checkParam,
  checkSaved,
  checkTargets,
  type Dense,
  dense,
  type FeatureSet,
  type FitOptions,
  type FittedFuser,
  type Fuser,
  isPresent,
  modalityNames,
  progress,
  type RunOptions,
  rowBatches,
  type Saved,
  type Sparse,
  savedArray,
  turn,
} from "@mmub/core";
import {
  checkNames,
  checkSeen,
  checkWeights,
  fitScaling,
  pooled,
  type Scaling,
  type ScalingParams,
  scalingParams,
  stored,
} from "./scaling.js";

const type = "@mmub/fusion/concat";

export interface ConcatParams extends ScalingParams {
  /** What a modality is multiplied with after scaling, by name; a name left out has 1. @default {} */
  readonly weights?: Readonly<Record<string, number>>;
  /**
   * Adds a column for each modality that only some rows of the fit have: 1 where it is missing, else 0, as
   * scikit-learn's MissingIndicator. So a linear model can tell a missing modality from an average one. @default true
   */
  readonly indicators?: boolean;
}

/** The columns `from` (in) to `to` (out) of the output that hold a modality. */
export interface Block {
  readonly modality: string;
  readonly from: number;
  readonly to: number;
}

export interface Concat extends Fuser {
  fit(features: FeatureSet, targets: readonly unknown[], options?: FitOptions): Promise<FittedConcat>;
  load(saved: Saved): Promise<FittedConcat>;
}

export interface FittedConcat extends FittedFuser {
  /** Where each modality lies, its missing column not counted. */
  readonly blocks: readonly Block[];
  /** A name for each column: `review: refund`, `photo[3]` where the modality has no names, `review missing`. */
  names(columns?: ColumnNames): readonly string[];
}

interface Input extends Block, Scaling {
  readonly layout: string;
  /** Width before pooling. */
  readonly cols: number;
  /** The column of its missing indicator. */
  readonly indicator?: number;
}

/**
 * Early fusion: the scaled modalities side by side, in the order of their sorted names, then the missing indicators.
 *
 * Output: rows x (widths + indicators); Sparse if any modality is, else Dense. A missing modality is zero in its columns,
 * which after centring is its mean. Sequences are pooled, one without steps counts as missing. Targets are not looked at.
 * Rejects values that are not finite (`invalid-input`, with the row), a modality that no row of the fit has
 * (`invalid-input`), and other modalities, widths or layouts than those of the fit (`shape-mismatch`).
 * Cost: two passes to fit, one to transform.
 * Source: block scaling as in multiple factor analysis (Escofier and Pagès 1983), with the total variance of a modality
 * in place of its first singular value.
 *
 * @example
 * const photo = dense(2, 3, Float32Array.of(0, 1, 2, 2, 1, 0));
 * const visits = dense(2, 1, Float32Array.of(5, 9));
 * const fitted = await concat({ scale: "standard" }).fit({ photo, visits }, ["buy", "leave"]);
 * const { data } = toDense(await fitted.transform({ photo, visits })); // -1, 0, 1, -1, 1, 0, -1, 1
 */
export function concat(params: ConcatParams = {}): Concat {
  const scaling = scalingParams(params, type);
  const { weights = {}, indicators = true } = params;
  checkWeights(weights, type);
  checkParam(type, "indicators", indicators, typeof indicators === "boolean", "true or false");
  const recipe = { type, params: { ...scaling, weights: { ...weights }, indicators } };

  return {
    ...recipe,
    async fit(features, targets, options) {
      const rows = checkFeatureSet(features, type);
      checkTargets(targets, rows, type);
      const names = modalityNames(features);
      checkNames("scale", scaling.scale, names, type);
      checkNames("weights", weights, names, type);

      const report = progress(options, type, names.length);
      const inputs: Input[] = [];
      const partly: string[] = [];
      let from = 0;
      for (const [index, modality] of names.entries()) {
        await turn(options?.signal);
        const { layout, cols } = features[modality]!;
        const block = pooled(features[modality]!, scaling.pool);
        checkSeen(block, modality, type);
        const scale = typeof scaling.scale === "string" ? scaling.scale : (scaling.scale[modality] ?? "block");
        const { offset, factor } = fitScaling(block, scale, scaling.blockNorm);
        for (let col = 0; col < block.cols; col++) factor[col]! *= weights[modality] ?? 1;
        inputs.push({ modality, layout, cols, from, to: from + block.cols, offset, factor });
        if (block.present?.includes(0)) partly.push(modality);
        from += block.cols;
        report(index + 1);
      }
      options?.signal?.throwIfAborted();
      return fitted(
        inputs.map((input) => ({
          ...input,
          ...(indicators && partly.includes(input.modality) && { indicator: from + partly.indexOf(input.modality) }),
        })),
      );
    },
    async load(saved) {
      const { inputs } = checkSaved(saved, recipe, 1).state as unknown as { inputs: Omit<Input, keyof Scaling>[] };
      const width = inputs.at(-1)?.to ?? 0;
      const offset = savedArray(saved, "offset", Float64Array, width);
      const factor = savedArray(saved, "factor", Float64Array, width);
      return fitted(
        inputs.map((input) => ({
          ...input,
          offset: offset.slice(input.from, input.to),
          factor: factor.slice(input.from, input.to),
        })),
      );
    },
  };

  function fitted(inputs: readonly Input[]): FittedConcat {
    const width = inputs.at(-1)!.to;
    const flagged = inputs.filter((input) => input.indicator !== undefined);
    const cols = width + flagged.length;
    const isSparse = inputs.some((input) => input.layout === "sparse");
    const widths = Object.fromEntries(inputs.map((input) => [input.modality, input.cols]));

    return {
      cols,
      blocks: inputs.map(({ modality, from, to }) => ({ modality, from, to })),
      names(columns = {}) {
        return [
          ...inputs.flatMap(({ modality, from, to, cols }) =>
            Array.from({ length: to - from }, (_, at) => columnName(modality, at, cols, columns[modality])),
          ),
          ...flagged.map(({ modality }) => `${modality} missing`),
        ];
      },
      async transform(features, options) {
        const rows = checkFeatureSet(features, type);
        checkModalities(features, widths, type);
        const blocks = inputs.map((input) => {
          checkLayout(features[input.modality]!, input.layout, input.modality, type);
          return pooled(features[input.modality]!, scaling.pool);
        });
        return isSparse
          ? sparseRows(inputs, blocks, rows, cols, options)
          : denseRows(inputs, blocks, rows, cols, options);
      },
      async save() {
        const [offset, factor] = [new Float64Array(width), new Float64Array(width)];
        const state = inputs.map(({ offset: offsets, factor: factors, ...input }) => {
          offset.set(offsets, input.from);
          factor.set(factors, input.from);
          return { ...input };
        });
        return { ...recipe, version: 1, state: { inputs: state }, arrays: { offset, factor } };
      },
    };
  }
}

/** Beyond the columns of the modality lie the deviations over the steps of a Sequence. */
function columnName(modality: string, at: number, cols: number, names: readonly string[] | undefined): string {
  const name = names ? `${modality}: ${names[at % cols]}` : `${modality}[${at % cols}]`;
  return at < cols ? name : `${name} deviation`;
}

async function denseRows(
  inputs: readonly Input[],
  blocks: readonly (Dense | Sparse)[],
  rows: number,
  cols: number,
  options: RunOptions | undefined,
): Promise<Dense> {
  const { data } = dense(rows, cols);
  for await (const { from, to } of rowBatches(rows, options, type))
    for (const [index, { modality, from: first, offset, factor, indicator }] of inputs.entries()) {
      const block = blocks[index] as Dense;
      for (let row = from; row < to; row++) {
        if (!isPresent(block, row)) {
          if (indicator !== undefined) data[row * cols + indicator] = 1;
          continue;
        }
        const out = row * cols + first;
        for (let col = 0, at = row * block.cols; col < block.cols; col++, at++)
          data[out + col] = stored((block.data[at]! - offset[col]!) * factor[col]!, row, modality, type);
      }
    }
  return { layout: "dense", rows, cols, data };
}

async function sparseRows(
  inputs: readonly Input[],
  blocks: readonly (Dense | Sparse)[],
  rows: number,
  cols: number,
  options: RunOptions | undefined,
): Promise<Sparse> {
  const most = blocks.reduce((sum, one) => sum + (one.layout === "dense" ? rows * one.cols : one.values.length), 0);
  const offsets = new Uint32Array(rows + 1);
  const columns = new Uint32Array(most + rows * inputs.length);
  const values = new Float32Array(columns.length);
  const flagged = inputs.flatMap(({ indicator }, index) => (indicator === undefined ? [] : [{ indicator, index }]));
  let end = 0;
  const put = (column: number, value: number): void => {
    if (value === 0) return;
    columns[end] = column;
    values[end++] = value;
  };
  for await (const { from, to } of rowBatches(rows, options, type))
    for (let row = from; row < to; row++) {
      for (const [index, { modality, from: first, offset, factor }] of inputs.entries()) {
        const block = blocks[index]!;
        if (!isPresent(block, row)) continue;
        if (block.layout === "dense")
          for (let col = 0, at = row * block.cols; col < block.cols; col++, at++)
            put(first + col, stored((block.data[at]! - offset[col]!) * factor[col]!, row, modality, type));
        else
          for (let i = block.offsets[row]!; i < block.offsets[row + 1]!; i++) {
            const col = block.columns[i]!;
            put(first + col, stored(block.values[i]! * factor[col]!, row, modality, type));
          }
      }
      for (const { indicator, index } of flagged) if (!isPresent(blocks[index]!, row)) put(indicator, 1);
      offsets[row + 1] = end;
    }
  return { layout: "sparse", rows, cols, offsets, columns: columns.slice(0, end), values: values.slice(0, end) };
}
