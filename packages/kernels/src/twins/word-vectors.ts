import { hash } from "./random.js";
import { vectors } from "./vector.js";

const { fround: f } = Math;

export function wordVectors(f32: Float32Array, i32: Int32Array) {
  const { axpy } = vectors(f32);
  const u32 = new Uint32Array(i32.buffer);
  const lanes = new Float32Array(16);

  /** Rows are places in `f32`, not addresses. */
  const dot = (a: number, b: number, width: number): number => {
    lanes.fill(0);
    const blocks = width - (width % 16);
    for (let i = 0; i < width; i++) {
      const lane = i < blocks ? i % 16 : i % 4;
      lanes[lane] = lanes[lane]! + f(f32[a + i]! * f32[b + i]!);
    }
    const sum = (lane: number): number =>
      f(f(lanes[lane]! + lanes[lane + 4]!) + f(lanes[lane + 8]! + lanes[lane + 12]!));
    return f(f(sum(0) + sum(1)) + f(sum(2) + sum(3)));
  };

  type Move = (row: number, moved: number, targets: readonly number[]) => void;

  /** What skip-gram and CBOW share: sentences, windows and negatives. `each` trains the words from `first` to `last`. */
  const overWindows = (
    [output, width, tokens, n, words, keep, threshold, alias, sigmoid]: readonly number[],
    [window, shrink, negatives, rate, key0, key1, room]: readonly number[],
    each: (sentence: readonly number[], i: number, first: number, last: number, targets: number[], learn: Move) => void,
  ): number => {
    let counter = 0;
    const draw = (): number => hash(counter++, key0!, key1!);
    const below = (limit: number): number => Math.floor(draw() * 2 ** -32 * limit);

    const learn: Move = (row, moved, targets) => {
      const slopes = targets.map((target, t) => {
        const score = dot(row, target, width!);
        if (!(Math.abs(score) < 6)) return 0;
        const chance = f32[sigmoid! / 4 + Math.trunc(f(f(score + 6) * f(1024 / 12)))]!;
        return f(f((t === 0 ? 1 : 0) - chance) * rate!);
      });
      for (let i = 0; i < width!; i++) {
        const old = f32[row + i]!;
        let sum = row === moved ? old : 0;
        for (const [t, target] of targets.entries()) {
          const other = f32[target + i]!;
          sum = f(sum + f(slopes[t]! * other));
          f32[target + i] = other + f(slopes[t]! * old);
        }
        f32[moved + i] = sum;
      }
    };

    let trained = 0;
    let at = 0;
    while (at < n!) {
      const sentence: number[] = [];
      while (at < n! && sentence.length < room!) {
        const word = i32[tokens! / 4 + at++]!;
        if (word < 0) break;
        if (draw() <= u32[keep! / 4 + word]!) sentence.push(word);
      }
      trained += sentence.length;
      for (const [i, word] of sentence.entries()) {
        const reach = window! - (shrink ? below(window!) : 0);
        const last = Math.min(sentence.length - 1, i + reach);
        const first = Math.max(0, i - reach);
        if (first === last) continue;
        const targets = [output! / 4 + word * width!];
        for (let left = negatives!; left > 0; left--) {
          let other = below(words!);
          if (draw() > u32[threshold! / 4 + other]!) other = i32[alias! / 4 + other]!;
          if (other !== word) targets.push(output! / 4 + other * width!);
        }
        each(sentence, i, first, last, targets, learn);
      }
    }
    return trained;
  };

  return {
    skipGram(
      input: number,
      output: number,
      width: number,
      tokens: number,
      n: number,
      words: number,
      keep: number,
      threshold: number,
      alias: number,
      sigmoid: number,
      window: number,
      shrink: number,
      negatives: number,
      rate: number,
      key0: number,
      key1: number,
      _scratch: number,
      room: number,
    ): number {
      return overWindows(
        [output, width, tokens, n, words, keep, threshold, alias, sigmoid],
        [window, shrink, negatives, rate, key0, key1, room],
        (sentence, i, first, last, targets, learn) => {
          for (let j = first; j <= last; j++) {
            const row = input / 4 + sentence[j]! * width;
            if (j !== i) learn(row, row, targets);
          }
        },
      );
    },

    cbow(
      input: number,
      output: number,
      width: number,
      tokens: number,
      n: number,
      words: number,
      keep: number,
      threshold: number,
      alias: number,
      sigmoid: number,
      window: number,
      shrink: number,
      negatives: number,
      rate: number,
      key0: number,
      key1: number,
      scratch: number,
      room: number,
      mean: number,
    ): number {
      const hidden = scratch / 4;
      return overWindows(
        [output, width, tokens, n, words, keep, threshold, alias, sigmoid],
        [window, shrink, negatives, rate, key0, key1, room],
        (sentence, i, first, last, targets, learn) => {
          const share = f(1 / (last - first));
          const others = sentence.slice(first, last + 1).filter((_, j) => first + j !== i);
          for (let k = 0; k < width; k++) {
            let sum = 0;
            for (const word of others) sum = f(sum + f32[input / 4 + word * width + k]!);
            f32[hidden + k] = sum * (mean ? share : 1);
          }
          learn(hidden, hidden + width, targets);
          for (const word of others) axpy(input + 4 * word * width, width, mean ? 1 : share, scratch + 4 * width);
        },
      );
    },

    glove(
      input: number,
      inputSquares: number,
      output: number,
      outputSquares: number,
      width: number,
      n: number,
      rows: number,
      columns: number,
      logs: number,
      weights: number,
      rate: number,
    ): number {
      const vector = width - 4;
      const clipped = (x: number): number => f(Math.max(Math.min(x, 100), -100) * rate);
      const adagrad = (p: number, squares: number, step: number): void => {
        const sum = f32[squares]!;
        f32[p] = f32[p]! - f(step / f(Math.sqrt(sum)));
        f32[squares] = sum + f(step * step);
      };
      let cost = 0;
      for (let entry = 0; entry < n; entry++) {
        const [u, v] = [i32[rows / 4 + entry]! * width, i32[columns / 4 + entry]! * width];
        const [p, q] = [input / 4 + u, output / 4 + v];
        const score = f(f(dot(p, q, vector) + f32[p + vector]!) + f32[q + vector]!);
        const difference = f(score - f32[logs / 4 + entry]!);
        const weighted = f(f32[weights / 4 + entry]! * difference);
        cost += weighted * difference;
        for (let k = 0; k <= vector; k++) {
          const isBias = k === vector;
          const stepOfInput = clipped(isBias ? weighted : f(weighted * f32[q + k]!));
          const stepOfOutput = clipped(isBias ? weighted : f(weighted * f32[p + k]!));
          adagrad(p + k, inputSquares / 4 + u + k, stepOfInput);
          adagrad(q + k, outputSquares / 4 + v + k, stepOfOutput);
        }
      }
      return cost;
    },
  };
}
