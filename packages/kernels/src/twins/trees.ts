import { hash } from "./random.js";

const { fround: f } = Math;

const splitBytes = 320;

export function trees(f32: Float32Array, i32: Int32Array) {
  const { buffer } = f32;
  const f64 = new Float64Array(buffer);
  const u8 = new Uint8Array(buffer);

  /** The best split of the leaf at `leaf`: places in `f64`, as all below. */
  const bestSplit = (
    leaf: number,
    to: number,
    settings: number,
    histogram: number,
    features: readonly (readonly [index: number, bin: number, bins: number, kind: number])[],
  ): void => {
    const [sumG, sumH, count, low, high] = f64.subarray(leaf, leaf + 5) as unknown as readonly number[] as [
      number,
      number,
      number,
      number,
      number,
    ];
    const of = (place: number): number => f64[settings + place]!;
    const [l1, l2] = [of(0), of(1)];
    const bounded = of(10) !== 0;
    const perHessian = count / sumH;
    const least = Math.max(of(3), (of(2) - 0.5) / perHessian);
    const soft = (g: number): number => (l1 > 0 ? (g > l1 ? g - l1 : g < -l1 ? g + l1 : 0) : g);
    const base = (soft(sumG) * soft(sumG)) / (sumH + l2);
    let top = base + of(4);
    f64[to] = 0;
    f64[to + 1] = -1;

    const leafValue = (g: number, h: number, penalty: number): number =>
      Math.max(low, Math.min(high, -soft(g) / (h + penalty)));
    const scoreAt = (g: number, h: number, penalty: number, value: number): number =>
      -(2 * soft(g) * value + (h + penalty) * value * value);

    /** Takes a split down where it is the best one so far. */
    const attempt = (
      g: number,
      h: number,
      kind: number,
      feature: number,
      bin: number,
      missingLeft: boolean,
      penalty: number,
    ): boolean => {
      let score: number;
      if (bounded) {
        const left = leafValue(g, h, penalty);
        const right = leafValue(sumG - g, sumH - h, penalty);
        if ((kind & 4 && left > right) || (kind & 8 && left < right)) return false;
        score = scoreAt(g, h, penalty, left) + scoreAt(sumG - g, sumH - h, penalty, right);
      } else {
        const [lh, rh] = [h + penalty, sumH - h + penalty];
        const [lg, rg] = [soft(g), soft(sumG - g)];
        const parts = lg * lg * rh + rg * rg * lh;
        if (!(parts > top * (lh * rh))) return false;
        score = parts / (lh * rh);
      }
      if (!(score > top)) return false;
      top = score;
      f64.set([score - base, feature, bin, missingLeft ? 1 : 0, g, h, penalty, score], to);
      return true;
    };

    const scanNumbers = (at: number, bins: number, kind: number, feature: number): void => {
      const real = bins - (kind & 1);
      const [mg, mh] = kind & 1 ? [f64[at + 2 * real]!, f64[at + 2 * real + 1]!] : [0, 0];
      const simple = !(kind & 1) && !bounded && !(l1 > 0);
      let [g, h] = [0, 0];
      for (let bin = 0; bin < (kind & 1 ? real : real - 1); bin++) {
        g += f64[at + 2 * bin]!;
        h += f64[at + 2 * bin + 1]!;
        if (simple && h >= least && sumH - h < least) break;
        if (h >= least && sumH - h >= least)
          attempt(g, h, kind, feature, bin, simple || (mh === 0 && h >= sumH - h), l2);
        if (mh !== 0 && bin < real - 1 && h + mh >= least && sumH - (h + mh) >= least)
          attempt(g + mg, h + mh, kind, feature, bin, true, l2);
      }
    };

    const scanCategories = (at: number, bins: number, kind: number, feature: number): void => {
      const real = bins - (kind & 1);
      const mark = (chosen: readonly number[]): void => {
        u8.fill(0, 8 * to + 64, 8 * to + splitBytes);
        for (const bin of chosen) u8[8 * to + 64 + bin] = 1;
      };
      if (real <= of(8)) {
        for (let bin = 0; bin < real; bin++) {
          const [g, h] = [f64[at + 2 * bin]!, f64[at + 2 * bin + 1]!];
          if (h < least || sumH - h < least) continue;
          if (attempt(g, h, 0, feature, -1, false, l2)) mark([bin]);
        }
        return;
      }
      const [smooth, group] = [of(5), of(9)];
      const order: number[] = [];
      const keys: number[] = [];
      for (let bin = 0; bin < real; bin++) {
        const h = f64[at + 2 * bin + 1]!;
        if (Math.floor(h * perHessian + 0.5) < smooth) continue;
        const key = f64[at + 2 * bin]! / (h + smooth);
        let place = order.length;
        while (place > 0 && keys[place - 1]! > key) place--;
        order.splice(place, 0, bin);
        keys.splice(place, 0, key);
      }
      const most = Math.min(of(7), (order.length + 1) >> 1);
      for (const direction of [order, order.toReversed()]) {
        let [g, h, rows] = [0, 0, 0];
        for (let i = 0; i < most; i++) {
          const bin = direction[i]!;
          g += f64[at + 2 * bin]!;
          h += f64[at + 2 * bin + 1]!;
          rows += Math.floor(f64[at + 2 * bin + 1]! * perHessian + 0.5);
          if (h < least) continue;
          if (sumH - h < least || (sumH - h) * perHessian + 0.5 < group) break;
          if (rows < group) continue;
          rows = 0;
          if (attempt(g, h, 0, feature, -1, false, l2 + of(6))) mark(direction.slice(0, i + 1));
        }
      }
    };

    for (const [index, bin, bins, kind] of features)
      (kind & 2 ? scanCategories : scanNumbers)(histogram + 2 * bin, bins, kind, index);
  };

  /** e^x, as the SIMD lanes compute it. */
  const exp = (x: number): number => {
    const bound = Math.max(Math.min(x, 700), -700);
    const power = nearest(bound * Math.LOG2E);
    const r = bound - power * 0.6931471803691238 - power * 1.9082149292705877e-10;
    let sum = 2.48015873015873e-5;
    for (const next of coefficients) sum = sum * r + next;
    return sum * 2 ** power;
  };

  const next = (node: number, row: number): number => {
    const x = f32[row / 4 + i32[node / 4]!]!;
    return i32[node / 4 + (x <= f32[node / 4 + 1]! ? 2 : 3)]!;
  };

  return {
    treeSplits(
      columns: number,
      stride: number,
      table: number,
      from: number,
      to: number,
      rows: number,
      n: number,
      gradients: number,
      small: number,
      large: number,
      settings: number,
      leaves: number,
      splits: number,
      _scratch: number,
    ): void {
      const features: [number, number, number, number][] = [];
      for (let feature = from; feature < to; feature++) {
        const [column, bin, bins, kind] = i32.subarray(table / 4 + 4 * feature) as unknown as [
          number,
          number,
          number,
          number,
        ];
        features.push([feature, bin, bins, kind]);
        const at = small / 8 + 2 * bin;
        f64.fill(0, at, at + 2 * bins);
        for (let i = 0; i < n; i++) {
          const row = i32[rows / 4 + i]!;
          const place = at + 2 * u8[columns + column * stride + row]!;
          f64[place] = f64[place]! + f32[gradients / 4 + 2 * row]!;
          f64[place + 1] = f64[place + 1]! + f32[gradients / 4 + 2 * row + 1]!;
        }
        for (let i = 0; large && i < 2 * bins; i++) {
          const place = large / 8 + 2 * bin + i;
          f64[place] = f64[place]! - f64[at + i]!;
        }
      }
      bestSplit(leaves / 8, splits / 8, settings / 8, small / 8, features);
      if (large) bestSplit(leaves / 8 + 5, (splits + splitBytes) / 8, settings / 8, large / 8, features);
    },

    treePartition(column: number, rows: number, n: number, side: number, _scratch: number): number {
      const all = i32.slice(rows / 4, rows / 4 + n);
      const left = all.filter((row) => u8[side + u8[column + row]!] === 0);
      i32.set(left, rows / 4);
      i32.set(
        all.filter((row) => u8[side + u8[column + row]!] !== 0),
        rows / 4 + left.length,
      );
      return left.length;
    },

    treeAdd(scores: number, width: number, rows: number, n: number, value: number): void {
      for (let i = 0; i < n; i++) {
        const at = scores / 8 + i32[rows / 4 + i]! * width;
        f64[at] = f64[at]! + value;
      }
    },

    treeLogistic(scores: number, targets: number, weights: number, n: number, gradients: number): void {
      for (let i = 0; i < n; i++) {
        const p = 1 / (1 + exp(-f64[scores / 8 + i]!));
        const weight = f32[weights / 4 + i]!;
        f32[gradients / 4 + 2 * i] = f(weight * (p - f32[targets / 4 + i]!));
        f32[gradients / 4 + 2 * i + 1] = f(weight * (p * (1 - p)));
      }
    },

    treeGrow(
      columns: number,
      stride: number,
      bins: number,
      cols: number,
      edges: number,
      rows: number,
      n: number,
      channelOf: number,
      targets: number,
      weights: number,
      channels: number,
      maxFeatures: number,
      maxDepth: number,
      minSplit: number,
      minLeaf: number,
      leastGain: number,
      key0: number,
      key1: number,
      nodes: number,
      _scratch: number,
    ): number {
      let counter = 0;
      const draw = (): number => hash(counter++, key0, key1) * 2 ** -32;
      const width = channels + 2;
      const sums = (list: Iterable<number>): Float64Array => {
        const out = new Float64Array(width);
        for (const row of list) {
          const weight = f32[weights / 4 + row]!;
          out[u8[channelOf + row]!]! += weight * f32[targets / 4 + row]!;
          out[channels]! += weight;
          out[channels + 1]!++;
        }
        return out;
      };
      const purity = (left: Float64Array, total: Float64Array): number => {
        let [l, r] = [0, 0];
        for (let c = 0; c < channels; c++) {
          const rest = total[c]! - left[c]!;
          l += left[c]! * left[c]!;
          r += rest * rest;
        }
        return l / left[channels]! + r / (total[channels]! - left[channels]!);
      };
      const order = Int32Array.from({ length: cols }, (_, c) => c);
      const stack = [{ from: 0, count: n, depth: 0, node: 0 }];
      let made = 1;
      for (let frame = stack.pop(); frame; frame = stack.pop()) {
        const { from, count, depth } = frame;
        const list = i32.subarray(rows / 4 + from, rows / 4 + from + count);
        const node = nodes / 8 + frame.node * (channels + 7);
        const total = sums(list);
        const same = (row: number): boolean =>
          u8[channelOf + row] === u8[channelOf + list[0]!] && f32[targets / 4 + row] === f32[targets / 4 + list[0]!];
        f64.set([-1, 0, 0, 0, count, 0, total[channels]!, ...total.subarray(0, channels)], node);
        if (list.every(same) || count < minSplit || count < 2 * minLeaf || depth >= maxDepth) continue;

        let best = { column: -1, bin: 0, score: Number.NEGATIVE_INFINITY };
        let varies = false;
        for (let i = 0; i < cols && (i < maxFeatures || !varies); i++) {
          const at = i + Math.trunc(draw() * (cols - i));
          const column = order[at]!;
          order[at] = order[i]!;
          order[i] = column;
          if (i32[bins / 4 + column]! < 2) continue;
          const binOf = (row: number): number => u8[columns + column * stride + row]!;
          const attempt = (left: Float64Array, bin: number): void => {
            if (left[channels + 1]! < minLeaf || count - left[channels + 1]! < minLeaf) return;
            const score = purity(left, total);
            if (score > best.score) best = { column, bin, score };
          };
          const present = [...new Set(Array.from(list, binOf))].sort((x, y) => x - y);
          if (present.length < 2) continue;
          varies = true;
          if (edges) {
            const edge = (bin: number): number => f32[edges / 4 + 256 * column + bin]!;
            const [low, high] = [present[0]!, present.at(-1)!];
            const value = edge(low) + draw() * (edge(high) - edge(low));
            let bin = low;
            while (bin + 1 < high && edge(bin + 1) <= value) bin++;
            attempt(sums(list.filter((row) => binOf(row) <= bin)), bin);
            continue;
          }
          const left = new Float64Array(width);
          for (const [place, bin] of present.entries()) {
            if (place > 0) attempt(left, (present[place - 1]! + bin) >> 1);
            const here = sums(list.filter((row) => binOf(row) === bin));
            for (let c = 0; c < width; c++) left[c]! += here[c]!;
          }
        }
        if (best.column < 0) continue;
        let parent = 0;
        for (let c = 0; c < channels; c++) parent += total[c]! * total[c]!;
        const gain = best.score - parent / total[channels]!;
        if (gain + 1e-12 < leastGain) continue;
        const goesLeft = (row: number): boolean => u8[columns + best.column * stride + row]! <= best.bin;
        const [left, right] = [list.filter(goesLeft), list.filter((row) => !goesLeft(row))];
        list.set(left);
        list.set(right, left.length);
        f64.set([best.column, best.bin, made, made + 1, count, gain], node);
        stack.push({ from: from + left.length, count: right.length, depth: depth + 1, node: made + 1 });
        stack.push({ from, count: left.length, depth: depth + 1, node: made });
        made += 2;
      }
      return made;
    },

    treePredict(
      nodes: number,
      values: number,
      roots: number,
      trees: number,
      data: number,
      rows: number,
      cols: number,
      out: number,
      width: number,
    ): void {
      for (let tree = 0; tree < trees; tree++)
        for (let row = 0; row < rows; row++) {
          let node = -1;
          for (let to = i32[roots / 4 + tree]!; to !== node; to = next(nodes + node, data + 4 * row * cols)) node = to;
          const at = out / 8 + row * width + (tree % width);
          f64[at] = f64[at]! + f64[values / 8 + node / 16]!;
        }
    },
  };
}

// Of the Taylor series, from the eighth power down.
const coefficients = [
  1.984126984126984e-4, 1.388888888888889e-3, 8.333333333333333e-3, 4.1666666666666664e-2, 0.16666666666666666, 0.5, 1,
  1,
];

/** To the nearest whole number, of two the even one. */
function nearest(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
}
