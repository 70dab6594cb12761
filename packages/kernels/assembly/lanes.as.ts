/** `n` times four lanes, `step` bytes apart, to the first `rows` of four rows, `row` bytes apart. */
export function lanesToRows(from: usize, step: usize, to: usize, row: usize, n: i32, rows: i32): void {
  if (rows === 4)
    for (; n >= 4; n -= 4) {
      const x0 = v128.load(from);
      const x1 = v128.load(from + step);
      const x2 = v128.load(from + 2 * step);
      const x3 = v128.load(from + 3 * step);
      const low01 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
      const low23 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
      const high01 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
      const high23 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<i64>(low01, low23, 0, 2));
      v128.store(to + row, v128.shuffle<i64>(low01, low23, 1, 3));
      v128.store(to + 2 * row, v128.shuffle<i64>(high01, high23, 0, 2));
      v128.store(to + 3 * row, v128.shuffle<i64>(high01, high23, 1, 3));
      from += 4 * step;
      to += 16;
    }
  for (; n > 0; n--) {
    for (let r = 0; r < rows; r++) store<f32>(to + usize(r) * row, load<f32>(from + (usize(r) << 2)));
    from += step;
    to += 4;
  }
}
