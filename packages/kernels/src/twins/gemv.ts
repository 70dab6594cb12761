export function gemv(buffer: ArrayBuffer) {
  const f32 = new Float32Array(buffer);
  const f64 = new Float64Array(buffer);

  return {
    gemv(y: number, rows: number, cols: number, matrix: number, x: number): void {
      y >>>= 3;
      matrix >>>= 2;
      x >>>= 3;
      const whole = cols - (cols % 4);
      const sums = new Float64Array(4);
      for (let row = 0; row < rows; row++, matrix += cols) {
        sums.fill(0);
        for (let col = 0; col < whole; col++) sums[col % 4]! += f64[x + col]! * f32[matrix + col]!;
        let sum = sums[0]! + sums[2]! + (sums[1]! + sums[3]!);
        for (let col = whole; col < cols; col++) sum += f64[x + col]! * f32[matrix + col]!;
        f64[y + row]! += sum;
      }
    },

    gemvTransposed(y: number, rows: number, cols: number, matrix: number, x: number): void {
      y >>>= 3;
      matrix >>>= 2;
      x >>>= 3;
      const product = (row: number, col: number): number => f64[x + row]! * f32[matrix + row * cols + col]!;
      let row = 0;
      for (; row + 4 <= rows; row += 4)
        for (let col = 0; col < cols; col++)
          f64[y + col]! += product(row, col) + product(row + 1, col) + (product(row + 2, col) + product(row + 3, col));
      for (; row < rows; row++) for (let col = 0; col < cols; col++) f64[y + col]! += product(row, col);
    },
  };
}
