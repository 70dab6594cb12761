/** Compatibility decomposition (NFKD) without combining marks, or without everything that is not ASCII. */
export function withoutAccents(text: string, how: "ascii" | "unicode" | null): string {
  if (how === null || !/[^\0-\x7f]/.test(text)) return text;
  const decomposed = text.normalize("NFKD");
  return how === "ascii"
    ? decomposed.replace(/[^\0-\x7f]+/g, "")
    : decomposed.replace(/\p{M}/gu, (mark) => (isCombining(mark) ? "" : mark));
}

const combining = new Map<string, boolean>();

// Whether a mark's canonical combining class is not 0, which no regular expression tells. U+0345 is alone in the highest
// class, 240: canonical order puts every mark of another class but 0 before it.
function isCombining(mark: string): boolean {
  let known = combining.get(mark);
  if (known === undefined) {
    known = mark === "\u0345" || !`\u0345${mark}`.normalize("NFD").startsWith("\u0345");
    combining.set(mark, known);
  }
  return known;
}
