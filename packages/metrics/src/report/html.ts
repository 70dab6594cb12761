import { MmubError, show } from "@mmub/core";

/** Text that is HTML already; anything else is escaped when it is put into a page. */
export interface Html {
  readonly html: string;
}

// Only what this file made is markup. Data of a sample, such as an object { html } in a JSON file, cannot pass for it.
const made = new WeakSet<object>();

type Value = string | number | Html | false | null | undefined | readonly Value[];

/** A piece of a page. What is put in is escaped unless it is such a piece itself, so that nothing is forgotten. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return raw(parts.reduce((all, part, i) => all + textOf(values[i - 1]) + part));
}

/** HTML made elsewhere and safe: style, SVG. */
export function raw(text: string): Html {
  const piece = { html: text };
  made.add(piece);
  return piece;
}

function textOf(value: Value): string {
  if (value === undefined || value === null || value === false) return "";
  if (Array.isArray(value)) return value.map(textOf).join("");
  if (typeof value === "object" && made.has(value)) return (value as Html).html;
  if (typeof value !== "string" && typeof value !== "number")
    throw new MmubError("invalid-input", {
      part: "@mmub/metrics/report",
      message: `a text of the report is ${show(value)}, want a string`,
    });
  return String(value).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
