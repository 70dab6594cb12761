// From scores to probabilities, learned from scores of rows that the model had not seen.

/** A score counts as `slope * score + offset`, one of each for every output. */
export interface Calibration {
  readonly slopes: Float64Array;
  readonly offsets: Float64Array;
}

/**
 * Platt's sigmoid of one output: the slope and the offset at which 1 / (1 + exp(-(slope * score + offset))) fits best to
 * targets drawn in a little from 0 and 1. Newton's method with step halving.
 * Source: Platt, Probabilistic Outputs for Support Vector Machines, 1999; Lin, Lin & Weng, A Note on Platt's Probabilistic
 * Outputs, 2007.
 */
export function sigmoid(scores: Float64Array, positive: (row: number) => boolean): { slope: number; offset: number } {
  const count = scores.length;
  let ones = 0;
  for (let row = 0; row < count; row++) if (positive(row)) ones++;
  const [high, low] = [(ones + 1) / (ones + 2), 1 / (count - ones + 2)];
  const targets = Float64Array.from(scores, (_, row) => (positive(row) ? high : low));
  const lossAt = (slope: number, offset: number): number => {
    let loss = 0;
    for (let row = 0; row < count; row++) {
      const z = slope * scores[row]! + offset;
      loss += Math.max(0, z) - targets[row]! * z + Math.log1p(Math.exp(-Math.abs(z)));
    }
    return loss;
  };

  let [slope, offset] = [0, Math.log((ones + 1) / (count - ones + 1))];
  let loss = lossAt(slope, offset);
  for (let iteration = 0; iteration < 100; iteration++) {
    let [gradientA, gradientB, aa, ab, bb] = [0, 0, 1e-12, 0, 1e-12];
    for (let row = 0; row < count; row++) {
      const score = scores[row]!;
      const chance = 1 / (1 + Math.exp(-(slope * score + offset)));
      const off = chance - targets[row]!;
      const bend = chance * (1 - chance);
      gradientA += off * score;
      gradientB += off;
      aa += bend * score * score;
      ab += bend * score;
      bb += bend;
    }
    const determinant = aa * bb - ab * ab;
    const moveA = -(bb * gradientA - ab * gradientB) / determinant;
    const moveB = -(aa * gradientB - ab * gradientA) / determinant;
    const fall = gradientA * moveA + gradientB * moveB;
    let step = 1;
    let next = lossAt(slope + moveA, offset + moveB);
    while (!(next <= loss + 1e-4 * step * fall) && step > 1e-10) {
      step /= 2;
      next = lossAt(slope + step * moveA, offset + step * moveB);
    }
    // The loss can fall no further in float64.
    if (!(next < loss)) break;
    slope += step * moveA;
    offset += step * moveB;
    loss = next;
  }
  return { slope, offset };
}

/**
 * One inverse temperature for all scores, at which the softmax of `temperature * scores` gives the least log loss, within
 * e^-10 and e^10; two classes have one score, which counts for the second, and less than it for the first. Golden section.
 * Source: Guo et al., On Calibration of Modern Neural Networks, 2017.
 */
export function inverseTemperature(scores: Float64Array, outputs: number, classOf: ArrayLike<number>): number {
  const count = scores.length / outputs;
  const lossAt = (log: number): number => {
    const scale = Math.exp(log);
    let loss = 0;
    for (let row = 0; row < count; row++) {
      if (outputs === 1) {
        const wrong = 2 * scale * (classOf[row] === 1 ? -scores[row]! : scores[row]!);
        loss += Math.max(0, wrong) + Math.log1p(Math.exp(-Math.abs(wrong)));
        continue;
      }
      const at = row * outputs;
      let most = Number.NEGATIVE_INFINITY;
      for (let c = 0; c < outputs; c++) most = Math.max(most, scores[at + c]!);
      let sum = 0;
      for (let c = 0; c < outputs; c++) sum += Math.exp(scale * (scores[at + c]! - most));
      loss += Math.log(sum) - scale * (scores[at + classOf[row]!]! - most);
    }
    return loss;
  };

  const golden = (Math.sqrt(5) - 1) / 2;
  let [from, to] = [-10, 10];
  let [a, b] = [to - golden * (to - from), from + golden * (to - from)];
  let [lossA, lossB] = [lossAt(a), lossAt(b)];
  while (to - from > 1e-8) {
    if (lossA < lossB) {
      [to, b, lossB] = [b, a, lossA];
      a = to - golden * (to - from);
      lossA = lossAt(a);
    } else {
      [from, a, lossA] = [a, b, lossB];
      b = from + golden * (to - from);
      lossB = lossAt(b);
    }
  }
  return Math.exp((from + to) / 2);
}

/** A line through knots: `y` at `x`, straight in between and level beyond the ends. */
export interface Knots {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

/**
 * The rising function of one output that is nearest to 0 and 1 in least squares: pool adjacent violators.
 * Source: Zadrozny & Elkan, Transforming Classifier Scores into Accurate Multiclass Probability Estimates, 2002.
 */
export function isotonic(scores: Float64Array, positive: (row: number) => boolean): Knots {
  const order = Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]!);
  // Blocks of rows: from and to in the scores, how many, and how many of these are positive.
  const blocks: { from: number; to: number; count: number; ones: number }[] = [];
  for (const row of order) {
    const [score, one] = [scores[row]!, Number(positive(row))];
    const last = blocks.at(-1);
    if (last && last.to === score && last.from === score) {
      last.count++;
      last.ones += one;
    } else blocks.push({ from: score, to: score, count: 1, ones: one });
  }
  const pooled: typeof blocks = [];
  for (const block of blocks) {
    let top = block;
    for (let under = pooled.at(-1); under && under.ones * top.count >= top.ones * under.count; under = pooled.at(-1)) {
      pooled.pop();
      top = { from: under.from, to: top.to, count: under.count + top.count, ones: under.ones + top.ones };
    }
    pooled.push(top);
  }
  const ends = pooled.flatMap(({ from, to, count, ones }) =>
    (from === to ? [from] : [from, to]).map((at) => [at, ones / count] as const),
  );
  return { x: Float64Array.from(ends, ([at]) => at), y: Float64Array.from(ends, ([, value]) => value) };
}

export function interpolate({ x, y }: Knots, at: number): number {
  const last = x.length - 1;
  if (!(at > x[0]!)) return y[0]!;
  if (at >= x[last]!) return y[last]!;
  let [low, high] = [0, last];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x[middle]! <= at) low = middle;
    else high = middle;
  }
  return y[low]! + ((at - x[low]!) / (x[high]! - x[low]!)) * (y[high]! - y[low]!);
}
