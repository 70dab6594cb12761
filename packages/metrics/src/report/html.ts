/** Text that is HTML already; anything else is escaped when it is put into a page. */
export interface Html {
  readonly html: string;
}

type Value = string | number | Html | false | null | undefined | readonly Value[];

/** A piece of a page. What is put in is escaped unless it is such a piece itself, so that nothing is forgotten. */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return { html: parts.reduce((all, part, i) => all + textOf(values[i - 1]) + part) };
}

/** HTML made elsewhere and safe: style, SVG. */
export function raw(text: string): Html {
  return { html: text };
}

function textOf(value: Value): string {
  if (value === undefined || value === null || value === false) return "";
  if (typeof value === "object") return "html" in value ? value.html : value.map(textOf).join("");
  return String(value).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
