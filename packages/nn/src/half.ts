// IEEE 754 binary16: a sign, 5 bits of exponent, 10 of fraction.

export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** The nearest half, of two as near the even one. */
export function numberToHalf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  // Below 2^-14 all halves are as far apart.
  let exponent = Math.max(-14, Math.floor(Math.log2(size)));
  if (size < 2 ** exponent && exponent > -14) exponent--;
  const steps = size / 2 ** (exponent - 10);
  const near = Math.floor(steps);
  const rest = steps - near;
  const rounded = near + (rest > 0.5 || (rest === 0.5 && near % 2 === 1) ? 1 : 0);
  // What rounds up to the next power of two carries into the exponent.
  return sign | (((exponent + 14) << 10) + rounded);
}
