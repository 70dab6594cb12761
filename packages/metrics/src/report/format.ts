import { grouped, type Say } from "../language.js";

/** Numbers as a report shows them, the same everywhere: a real minus sign, separators, no more digits than tell anything. */

/** 76.4% for 0.764. */
export function share(value: number): string {
  return `${digits(100 * value, 1)}%`;
}

/** A number with three decimals below 1, fewer above. */
export function number(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) return signed(grouped(value));
  return value === 0 ? "0" : digits(value, size >= 100 ? 1 : size >= 1 ? 2 : 3);
}

/** A number, whole where it is whole. */
export function plain(value: number): string {
  return number(value).replace(/\.0+$/, "");
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
export function difference(say: Say): (value: number, written: Written) => string {
  return (value, { isShare, unit }) => {
    const text = isShare ? digits(100 * value, 1) : number(value);
    const zero = /^[−0.,]*$/.test(text);
    const after = isShare ? `\u00a0${say("points")}` : unit ? `\u00a0${unit}` : "";
    return `${zero || text.startsWith("−") ? "" : "+"}${zero ? text.replace("−", "") : text}${after}`;
  };
}

/** Both ends of an interval, its unit once. */
export function range(say: Say, low: number, high: number, written: Written, write = score): string {
  const [from, to] = [write(low, written), write(high, written)];
  const unit = /\u00a0.*$/.exec(to)?.[0] ?? "";
  return say("{0} to {1}", from.slice(0, from.length - unit.length), to);
}

function digits(value: number, decimals: number): string {
  return signed(value.toFixed(decimals));
}

function signed(text: string): string {
  return text.replace("-", "−");
}
