import { MmubError, show, writeWhole } from "@mmub/core";
import type { Contribution } from "../explain.js";
import { ablationName } from "../plots/modality-plots.js";
import { renderSvg } from "../plots/render.js";
import type { Plot } from "../plots/spec.js";
import { type ReportSection, type SampleCard, type ScoreRow, share } from "./content.js";
import { style } from "./style.js";
import { words } from "./words.js";

const part = "@mmub/metrics/report";

export interface ReportContent {
  readonly title: string;
  /** What a reader in a hurry should know. */
  readonly summary?: string;
  /** A section for each question; see `classificationSection`. */
  readonly sections: readonly ReportSection[];
  /** What was learned from: rows, sources, what is missing, as names and values. */
  readonly data?: readonly (readonly [name: string, value: string])[];
  /** What was made: parts, seed, versions, intended use, limits, as names and values. */
  readonly model?: readonly (readonly [name: string, value: string])[];
  readonly notes?: readonly string[];
}

/**
 * A report as one HTML file that stands alone: plots as SVG, pictures and sound inside, nothing loaded, no script. It opens
 * offline, in light and dark, on a phone, on paper, and for a screen reader.
 *
 * What samples hold is shown as text; a content security policy keeps everything else out. Rejects a content without title
 * or sections, and pictures and clips of an unknown format (`invalid-input`). Cost: some 20 ms a plot.
 *
 * @example
 * const prediction = {
 *   labels: ["buy", "leave", "buy"],
 *   classes: ["buy", "leave"],
 *   probabilities: dense(3, 2, Float32Array.of(0.9, 0.1, 0.2, 0.8, 0.6, 0.4)),
 * };
 * const section = await classificationSection({ title: "Will they buy?", truth: ["buy", "leave", "leave"], prediction });
 * const html = await htmlReport({ title: "Three customers", sections: [section] });
 */
export async function htmlReport(content: ReportContent): Promise<string> {
  const { title, summary, sections, data = [], model = [], notes = [] } = content;
  if (typeof title !== "string" || title === "" || !Array.isArray(sections))
    throw new MmubError("invalid-input", {
      part,
      message: `the content is ${show(content)}, want a title and a list of sections`,
    });
  const parts: string[] = [];
  for (const [at, section] of sections.entries()) parts.push(await sectionHtml(section, `section-${at + 1}`));
  const links = [
    ...sections.map((section, at) => [`section-${at + 1}`, section.title] as const),
    ...(data.length > 0 ? [["data", words.data] as const] : []),
    ...(model.length > 0 ? [["model", words.model] as const] : []),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:">
<title>${escaped(title)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<a class="skip" href="#content">${words.skip}</a>
<header>
<h1>${escaped(title)}</h1>
${summary === undefined ? "" : `<p class="lead">${escaped(summary)}</p>`}
<nav aria-label="${words.contents}"><ul>${links.map(([id, name]) => `<li><a href="#${id}">${escaped(name)}</a></li>`).join("")}</ul></nav>
<fieldset><legend>${words.theme}</legend>${(["auto", "light", "dark"] as const).map(radio).join("")}</fieldset>
</header>
<main id="content">
${parts.join("\n")}
${factsHtml("data", words.data, data)}
${factsHtml("model", words.model, model)}
${notes.length > 0 ? `<h2>${words.notes}</h2><ul>${notes.map((note) => `<li>${escaped(note)}</li>`).join("")}</ul>` : ""}
</main>
<footer><p>${words.made}</p></footer>
</body>
</html>
`;
}

/**
 * Writes `htmlReport(content)` to `path`: to a temporary file beside, then renamed, so that `path` holds the whole old report or
 * the whole new one.
 *
 * @example
 * const write = () => writeReport("report.html", { title: "Nothing yet", sections: [] });
 */
export async function writeReport(path: string, content: ReportContent): Promise<void> {
  await writeWhole(path, await htmlReport(content));
}

async function sectionHtml(section: ReportSection, id: string): Promise<string> {
  const plots: string[] = [];
  for (const plot of section.plots) plots.push(await plotHtml(plot));
  const block = (heading: string, lead: string, inside: string) =>
    inside === "" ? "" : `<h3>${heading}</h3>${lead === "" ? "" : `<p class="muted">${lead}</p>`}${inside}`;
  return `<section aria-labelledby="${id}">
<h2 id="${id}">${escaped(section.title)}</h2>
<p class="lead">${escaped(section.summary)}</p>
${section.scores.length > 0 ? `<div class="tiles">${section.scores.map(tileHtml).join("")}</div>` : ""}
${block(words.plots, "", plots.length > 0 ? `<div class="plots">${plots.join("")}</div>` : "")}
${section.ablation ? ablationHtml(section.ablation) : ""}
${block(words.mistakes, words.mistakesAre, cards(section.mistakes.map((card) => cardHtml(card))))}
${block(words.explanations, words.explanationsAre, cards(section.explanations.map((card) => cardHtml(card, contributionHtml(card.contribution)))))}
</section>`;
}

function tileHtml({ name, score, baseline, isShare }: ScoreRow): string {
  const number = (value: number) => (isShare ? share(value) : value.toFixed(3));
  return `<div class="tile"><span>${escaped(name)}</span><b>${number(score.value)}</b><span>${words.interval} ${number(score.low)} to ${number(score.high)}</span>${
    baseline ? `<span>${words.baseline} ${number(baseline.value)}</span>` : ""
  }</div>`;
}

function ablationHtml({ score, rows }: NonNullable<ReportSection["ablation"]>): string {
  const points = (value: number) => `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)}`;
  const body = rows.map(
    ({ kind, modality, score, change }) =>
      `<tr><th scope="row">${escaped(ablationName(kind, modality))}</th><td class="number">${share(score.value)}</td><td class="number">${share(score.low)} to ${share(score.high)}</td><td class="number">${kind === "all" ? "" : points(change.value)}</td></tr>`,
  );
  return `<div class="scroll"><table><caption>${words.ablation}: ${escaped(score)}</caption><thead><tr><th scope="col">${words.using}</th><th scope="col" class="number">${escaped(score)}</th><th scope="col" class="number">${words.interval}</th><th scope="col" class="number">${words.change}</th></tr></thead><tbody>${body.join("")}</tbody></table></div>`;
}

async function plotHtml(plot: Plot): Promise<string> {
  const [light, dark] = [await renderSvg(plot, { theme: "light" }), await renderSvg(plot, { theme: "dark" })];
  return `<figure class="plot"><div class="light">${light}</div><div class="dark">${dark}</div></figure>`;
}

function cards(list: readonly string[]): string {
  return list.length > 0 ? `<ul class="cards">${list.join("")}</ul>` : "";
}

function cardHtml({ title, text, picture, clip, facts = [] }: SampleCard, more = ""): string {
  return `<li class="card"><h4>${escaped(title)}</h4>${
    facts.length > 0
      ? `<dl>${facts.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`).join("")}</dl>`
      : ""
  }${text ? `<blockquote>${escaped(text)}</blockquote>` : ""}${
    picture ? `<img alt="${escaped(picture.alt)}" src="${dataUrl(picture.bytes, title)}">` : ""
  }${clip ? `<audio controls preload="metadata" aria-label="${escaped(clip.label)}" src="${dataUrl(clip.bytes, title)}"></audio>` : ""}${more}</li>`;
}

function contributionHtml({ label, score, base, shapley }: Contribution): string {
  const entries = Object.entries(shapley);
  const most = Math.max(...entries.map(([, value]) => Math.abs(value)), 1e-9);
  const rows = entries.map(([name, value]) => {
    const points = `${value > 0 ? "+" : ""}${(100 * value).toFixed(1)}`;
    const bar = `<span class="bar ${value < 0 ? "down" : "up"}" style="width:${((5 * Math.abs(value)) / most).toFixed(2)}rem"></span>`;
    return `<tr><th scope="row">${escaped(name)}</th><td class="number">${value === 0 ? "0.0" : points}</td><td>${bar}</td></tr>`;
  });
  const caption = `${label === undefined ? "" : `${words.of} “${escaped(String(label))}”: `}${share(base)} ${words.nothing}, ${share(score)} ${words.everything}`;
  return `<table><caption>${caption}</caption><thead><tr><th scope="col">${words.modality}</th><th scope="col" class="number">${words.adds}</th><td></td></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function factsHtml(id: string, title: string, facts: readonly (readonly [string, string])[]): string {
  if (facts.length === 0) return "";
  const list = facts.map(([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`).join("");
  return `<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2><dl>${list}</dl></section>`;
}

function radio(theme: "auto" | "light" | "dark"): string {
  return `<label><input type="radio" name="theme" id="theme-${theme}"${theme === "auto" ? " checked" : ""}> ${words[theme]}</label>`;
}

// By their first bytes; anything else, SVG above all, could hold more than a picture.
function dataUrl(bytes: Uint8Array, title: string): string {
  const head = Buffer.from(bytes.subarray(0, 12)).toString("latin1");
  const type = head.startsWith("\xff\xd8\xff")
    ? "image/jpeg"
    : head.startsWith("\x89PNG")
      ? "image/png"
      : head.startsWith("GIF8")
        ? "image/gif"
        : head.startsWith("RIFF") && head.endsWith("WEBP")
          ? "image/webp"
          : head.startsWith("RIFF") && head.endsWith("WAVE")
            ? "audio/wav"
            : undefined;
  if (type === undefined)
    throw new MmubError("invalid-input", {
      part,
      message: `the picture or clip of ${show(title)} begins with ${show(head)}, want the bytes of a JPEG, PNG, GIF, WebP or WAV`,
    });
  return `data:${type};base64,${Buffer.from(bytes).toString("base64")}`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
