/** Numbers as a report shows them, the same everywhere: a real minus sign, separators, no more digits than tell anything. */

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** 76.4% for 0.764. */
export function share(value: number): string {
  return `${digits(100 * value, 1)}%`;
}

/** A number with three decimals below 1, fewer above. */
export function number(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) return signed(grouped.format(value));
  return value === 0 ? "0" : digits(value, size >= 100 ? 1 : size >= 1 ? 2 : 3);
}

export function count(value: number): string {
  return grouped.format(value);
}

/** How a score is written: as a share, or as a number with its unit. */
export interface Written {
  readonly isShare?: boolean;
  readonly unit?: string;
}

export function score(value: number, { isShare, unit }: Written): string {
  return isShare ? share(value) : `${number(value)}${unit ? `\u00a0${unit}` : ""}`;
}

/** An end of a scale: whole numbers without decimals. */
export function end(value: number, written: Written): string {
  return score(value, written).replace(/\.0+(?=\D|$)/, "");
}

/** A difference with its sign: +2.3 points for shares, which differ by points and not by per cent. */
export function difference(value: number, { isShare, unit }: Written): string {
  const text = isShare ? digits(100 * value, 1) : number(value);
  const zero = /^[−0.,]*$/.test(text);
  const after = isShare ? "\u00a0points" : unit ? `\u00a0${unit}` : "";
  return `${zero || text.startsWith("−") ? "" : "+"}${zero ? text.replace("−", "") : text}${after}`;
}

/** Both ends of an interval, its unit once. */
export function range(low: number, high: number, written: Written, write = score): string {
  const [from, to] = [write(low, written), write(high, written)];
  const unit = /\u00a0.*$/.exec(to)?.[0] ?? "";
  return `${from.slice(0, from.length - unit.length)} to ${to}`;
}

function digits(value: number, decimals: number): string {
  return signed(value.toFixed(decimals));
}

function signed(text: string): string {
  return text.replace("-", "−");
}
