// A tree for people: as text, and as a picture.
import type { Trees } from "./ensemble.js";

export interface TreeTextOptions {
  /** A name for each column. @default "feature_0", … */
  readonly names?: readonly string[];
  /** Splits below the root that are shown. @default 10 */
  readonly maxDepth?: number;
  /** @default 2 */
  readonly decimals?: number;
}

export interface TreeSvgOptions extends TreeTextOptions {
  /** Splits below the root that are drawn. @default 4 */
  readonly maxDepth?: number;
}

/** What a node says, beside its split. */
export interface NodeWords {
  /** Of a leaf in the text. */
  readonly leaf: (node: number) => string;
  /** Lines in the box of any node. */
  readonly lines: (node: number) => readonly string[];
  /** CSS colour of its box. */
  readonly fill: (node: number) => string;
}

const nameOf = (names: readonly string[] | undefined, column: number): string => names?.[column] ?? `feature_${column}`;

/** In the form of scikit-learn's `export_text`. */
export function treeText(trees: Trees, words: NodeWords, options: TreeTextOptions = {}): string {
  const { names, maxDepth = 10, decimals = 2 } = options;
  const lines: string[] = [];
  const walk = (node: number, depth: number): void => {
    const start = `${"|   ".repeat(depth)}|---`;
    const column = trees.columns[node]!;
    if (column < 0) lines.push(`${start} ${words.leaf(node)}`);
    else if (depth > maxDepth) lines.push(`${start} truncated branch of depth ${depthOf(trees, node) + 1}`);
    else {
      const threshold = trees.thresholds[node]!.toFixed(decimals);
      lines.push(`${start} ${nameOf(names, column)} <= ${threshold}`);
      walk(trees.left[node]!, depth + 1);
      lines.push(`${start} ${nameOf(names, column)} >  ${threshold}`);
      walk(trees.right[node]!, depth + 1);
    }
  };
  walk(trees.roots[0]!, 0);
  return `${lines.join("\n")}\n`;
}

/** Splits on the longest way down from a node. */
export function depthOf(trees: Trees, node: number): number {
  if (trees.columns[node]! < 0) return 0;
  return 1 + Math.max(depthOf(trees, trees.left[node]!), depthOf(trees, trees.right[node]!));
}

/** Boxes from the root down; what holds goes left. */
export function treeSvg(trees: Trees, words: NodeWords, options: TreeSvgOptions = {}): string {
  const { names, maxDepth = 4, decimals = 2 } = options;
  const [lineHeight, letter, gap, rise] = [16, 6.8, 14, 36];
  interface Box {
    readonly lines: readonly string[];
    readonly node: number;
    readonly depth: number;
    readonly children: readonly Box[];
    x: number;
  }
  const boxOf = (node: number, depth: number): Box => {
    const column = trees.columns[node]!;
    const head = column < 0 ? [] : [`${nameOf(names, column)} ≤ ${Number(trees.thresholds[node]!.toFixed(decimals))}`];
    const below = column >= 0 && depth < maxDepth ? [trees.left[node]!, trees.right[node]!] : [];
    const lines = [...head, ...words.lines(node), ...(column >= 0 && below.length === 0 ? ["…"] : [])];
    return { lines, node, depth, children: below.map((child) => boxOf(child, depth + 1)), x: 0 };
  };
  const root = boxOf(trees.roots[0]!, 0);
  const all: Box[] = [];
  const collect = (box: Box): void => {
    all.push(box);
    box.children.forEach(collect);
  };
  collect(root);
  const width = Math.max(...all.flatMap(({ lines }) => lines.map((line) => line.length * letter))) + 16;
  const height = Math.max(...all.map(({ lines }) => lines.length)) * lineHeight + 12;
  let leaves = 0;
  const place = (box: Box): void => {
    box.children.forEach(place);
    const [a, b] = box.children;
    box.x = a && b ? (a.x + b.x) / 2 : gap + width / 2 + leaves++ * (width + gap);
  };
  place(root);
  const top = (box: Box): number => gap + box.depth * (height + rise);
  const [w, h] = [gap + leaves * (width + gap), Math.max(...all.map(top)) + height + gap].map(Math.ceil);
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" font-family="sans-serif" font-size="12">`,
    `<rect width="${w}" height="${h}" fill="white"/>`,
  ];
  for (const box of all)
    for (const [i, child] of box.children.entries()) {
      const [x1, y1, x2, y2] = [box.x, top(box) + height, child.x, top(child)];
      parts.push(`<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="#888"/>`);
      const anchor = i === 0 ? "end" : "start";
      const x = (x1 + x2) / 2 + (i === 0 ? -6 : 6);
      parts.push(
        `<text x="${x}" y="${(y1 + y2) / 2}" text-anchor="${anchor}" fill="#666">${i === 0 ? "yes" : "no"}</text>`,
      );
    }
  for (const box of all) {
    const [x, y] = [box.x - width / 2, top(box)];
    parts.push(
      `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="4" fill="${words.fill(box.node)}" stroke="#666"/>`,
    );
    const first = y + (height - box.lines.length * lineHeight) / 2 + 12;
    for (const [i, line] of box.lines.entries())
      parts.push(
        `<text x="${box.x}" y="${first + i * lineHeight}" text-anchor="middle"${i === 0 && trees.columns[box.node]! >= 0 ? ' font-weight="bold"' : ""}>${escaped(line)}</text>`,
      );
  }
  return `${parts.join("\n")}\n</svg>\n`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
