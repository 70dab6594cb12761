import { MmubError, show, writeWhole } from "@mmub/core";
import type { Interval } from "../bootstrap.js";
import type { Contribution } from "../explain.js";
import { ablationName, ablationPlot, modalityPlot } from "../plots/modality-plots.js";
import { drawSvg } from "../plots/render.js";
import type { Plot } from "../plots/spec.js";
import { count, difference, end, number, range, score, share, type Written } from "./format.js";
import { type Html, html, raw } from "./html.js";
import { mediaType, type SampleCard } from "./sample-card.js";
import type { ReportSection, ScoreRow } from "./section.js";
import { style } from "./style.js";
import { words } from "./words.js";

const part = "@mmub/metrics/report";

export interface ReportContent {
  readonly title: string;
  /** What a reader in a hurry should know. */
  readonly summary?: string;
  /** The day that is shown under the title, in UTC. @default none, so that the same content gives the same bytes */
  readonly date?: Date;
  /** A section for each question; see `classificationSection` and `regressionSection`. */
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
 * const page = await htmlReport({ title: "Three customers", sections: [section] });
 */
export async function htmlReport(content: ReportContent): Promise<string> {
  const { title, summary, date, sections, data = [], model = [], notes = [] } = content ?? {};
  if (typeof title !== "string" || title === "" || !Array.isArray(sections))
    throw new MmubError("invalid-input", {
      part,
      message: `the content is ${show(content)}, want a title and a list of sections`,
    });
  if (date !== undefined && Number.isNaN(date?.getTime?.() ?? Number.NaN))
    throw new MmubError("invalid-input", { part, message: `the date is ${show(date)}, want a valid Date` });
  for (const fact of [...data, ...model])
    if (!Array.isArray(fact))
      throw new MmubError("invalid-input", { part, message: `a fact is ${show(fact)}, want a name and a value` });
  const parts: Html[] = [];
  for (const [at, section] of sections.entries()) parts.push(await sectionHtml(section, `section-${at + 1}`));
  const links = [
    ...sections.map((section, at) => [`section-${at + 1}`, section.title] as const),
    ...(data.length > 0 ? [["data", words.data] as const] : []),
    ...(model.length > 0 ? [["model", words.model] as const] : []),
    ...(notes.length > 0 ? [["notes", words.notes] as const] : []),
  ];
  const day = date?.toISOString().slice(0, 10);
  return html`<!doctype html>
<html lang="${words.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${raw(style)}</style>
</head>
<body>
<a class="skip" href="#content">${words.skip}</a>
<header>
<h1>${title}</h1>
${summary !== undefined && html`<p class="lead">${summary}</p>`}
${day !== undefined && html`<p class="muted"><time datetime="${day}">${day}</time></p>`}
<nav aria-label="${words.contents}"><ul>${links.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>
<fieldset><legend>${words.theme}</legend>${(["auto", "light", "dark"] as const).map(radio)}</fieldset>
</header>
<main id="content">
${parts}
${factsHtml("data", words.data, data)}
${factsHtml("model", words.model, model)}
${
  notes.length > 0 &&
  html`<section aria-labelledby="notes"><h2 id="notes">${words.notes}</h2><ul>${notes.map((note) => html`<li>${note}</li>`)}</ul></section>`
}
</main>
<footer><p>${words.made}</p></footer>
</body>
</html>
`.html;
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

async function sectionHtml(section: ReportSection, id: string): Promise<Html> {
  const { title, summary, ablation, mistakes, explanations, unit } = section ?? {};
  if (
    typeof title !== "string" ||
    title === "" ||
    ![section?.scores, section?.plots, mistakes, explanations].every(Array.isArray)
  )
    throw new MmubError("invalid-input", {
      part,
      message: `${id} is ${show(section)}, want a title and what else classificationSection or regressionSection gives; its lists may be empty`,
    });
  const [headline] = section.scores;
  const plots = await figures(section.plots);
  const classes = classesHtml(section);
  const written = unit === undefined ? {} : { unit };
  return html`<section class="question" aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
<p class="lead">${summary}</p>
${headline && headlineHtml(headline, section.baseline ?? words.baseline)}
${headline && tilesHtml(section.scores, section.samples)}
${ablation && (await ablationHtml(ablation))}
${(plots.length > 0 || classes) && html`<h3>${words.plots}</h3><div class="plots">${plots}</div>${classes}`}
${block(
  words.mistakes,
  section.classes ? words.mistakesAre : words.errorsAre,
  mistakes.map((card) => cardHtml(card)),
)}
${block(
  words.explanations,
  words.explanationsAre,
  explanations.map((card) => cardHtml(card, contributionHtml(card.contribution, written))),
)}
</section>`;
}

function block(heading: string, lead: string, cards: readonly Html[]): Html | false {
  return cards.length > 0 && html`<h3>${heading}</h3><p class="muted">${lead}</p><ul class="cards">${cards}</ul>`;
}

function headlineHtml(row: ScoreRow, baseline: string): Html {
  const { name, score: interval, baseline: base } = row;
  return html`<div class="headline"><p class="big"><span>${name}</span><b>${score(interval.value, row)}</b><span>${words.interval(interval.level)} ${range(interval.low, interval.high, row)}</span></p>${base && scaleHtml(row, base.value, baseline)}</div>`;
}

// Where the score, its interval and the baseline lie on their scale: from 0 to 1, or further down where a score goes below 0.
function scaleHtml(row: ScoreRow, base: number, baseline: string): Html {
  const { name, score: interval } = row;
  const from = Math.min(0, interval.low, base);
  const to = Math.max(1, interval.high, base);
  const at = (value: number) => `${((100 * (value - from)) / (to - from)).toFixed(2)}%`;
  const text = `${name} ${score(interval.value, row)}, ${baseline} ${score(base, row)}, on a scale from ${end(from, row)} to ${end(to, row)}`;
  return html`<div><div class="track" role="img" aria-label="${text}"><i class="interval" style="left:${at(interval.low)};right:calc(100% - ${at(interval.high)})"></i><i class="baseline" style="left:${at(base)}"></i><i class="point" style="left:${at(interval.value)}"></i></div><div class="ends" aria-hidden="true"><span>${end(from, row)}</span><span>${end(to, row)}</span></div><ul class="key"><li><i></i>${name} ${score(interval.value, row)}</li><li><i class="baseline"></i>${baseline} ${score(base, row)}</li></ul></div>`;
}

function tilesHtml([headline, ...rows]: readonly ScoreRow[], samples: number | undefined): Html {
  const tile = (name: string, value: string, notes: readonly string[]) =>
    html`<div><dt>${name}</dt><dd>${value}${notes.map((note) => html` <span>${note}</span>`)}</dd></div>`;
  const interval = ({ low, high, level }: Interval, row: ScoreRow, write = score) =>
    `${words.interval(level)} ${range(low, high, row, write)}`;
  const gain = headline?.gain;
  return html`<dl class="tiles">${
    gain && tile(words.gain, difference(gain.value, headline), [interval(gain, headline, difference)])
  }${rows.map((row) =>
    tile(row.name, score(row.score.value, row), [
      interval(row.score, row),
      ...(row.baseline ? [`${words.baseline} ${score(row.baseline.value, row)}`] : []),
    ]),
  )}${samples !== undefined && tile(words.samples, count(samples), [])}</dl>`;
}

async function ablationHtml(ablation: NonNullable<ReportSection["ablation"]>): Promise<Html> {
  const { rows } = ablation;
  const written = { isShare: ablation.isShare ?? true };
  const plots = [
    ablationPlot(ablation),
    ...(rows.some(({ kind }) => kind === "without") ? [modalityPlot(ablation)] : []),
  ];
  const body = rows.map(
    ({ kind, modality, score: interval, change }) =>
      html`<tr><th scope="row">${ablationName(kind, modality)}</th><td class="number">${score(interval.value, written)}</td><td class="number">${range(interval.low, interval.high, written)}</td><td class="number">${kind !== "all" && bare(difference(change.value, written))}</td><td class="number">${kind !== "all" && bare(range(change.low, change.high, written, difference))}</td></tr>`,
  );
  const interval = words.interval(rows[0]?.score.level ?? 0.95);
  return html`<h3>${words.modalities}</h3><p class="muted">${words.modalitiesAre}</p><div class="plots">${await figures(plots, false)}</div>
<div class="scroll" role="region" tabindex="0" aria-label="${words.modalities}"><table><caption>${ablation.score}, ${count(ablation.samples)} ${words.samples.toLowerCase()}</caption><thead><tr><th scope="col">${words.using}</th><th scope="col" class="number">${ablation.score}</th><th scope="col" class="number">${interval}</th><th scope="col" class="number">${words.change(written.isShare)}</th><th scope="col" class="number">${interval}</th></tr></thead><tbody>${body}</tbody></table></div>`;
}

// Without the unit, which the column's head says.
function bare(text: string): string {
  return text.replace(/\u00a0.*$/, "");
}

function classesHtml({ classes: report }: ReportSection): Html | undefined {
  if (!report) return undefined;
  const row = (name: Html, { precision, recall, f1, support }: (typeof report)["macro"]) =>
    html`<tr>${name}<td class="number">${share(precision)}</td><td class="number">${share(recall)}</td><td class="number">${share(f1)}</td><td class="number">${count(support)}</td></tr>`;
  const { classes, macro } = report;
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${words.classes}"><table><caption>${words.classes}</caption><thead><tr><th scope="col">${words.class}</th><th scope="col" class="number">${words.precision}</th><th scope="col" class="number">${words.recall}</th><th scope="col" class="number">${words.f1}</th><th scope="col" class="number">${words.support}</th></tr></thead><tbody>${classes.map((of) => row(html`<th scope="row">${String(of.label)}</th>`, of))}</tbody><tfoot>${row(html`<th scope="row">${words.macro}</th>`, macro)}</tfoot></table></div>`;
}

async function figures(plots: readonly Plot[], withNumbers = true): Promise<Html[]> {
  const out: Html[] = [];
  for (const plot of plots) {
    if (typeof plot?.title?.text !== "string")
      throw new MmubError("invalid-input", {
        part,
        message: `a plot is ${show(plot)}, want a spec with a title { text }, as the plots of this package have`,
      });
    const { text, subtitle = [] } = plot.title;
    // The title is that of the figure, not drawn.
    const { title: _, ...untitled } = plot;
    const [light, dark] = [await drawSvg(untitled, "light", text), await drawSvg(untitled, "dark", text)];
    out.push(
      html`<figure class="plot"><figcaption><h4>${text}</h4>${subtitle.length > 0 && html`<p>${subtitle.join(" ")}</p>`}</figcaption><div class="light">${raw(light)}</div><div class="dark">${raw(dark)}</div>${withNumbers && numbersHtml(plot)}</figure>`,
    );
  }
  return out;
}

// A plot's numbers as a table, for those who cannot see it and those who want them exactly; too many would be noise.
function numbersHtml(plot: Plot): Html | false {
  const { values } = (plot as { readonly data?: { readonly values?: unknown } }).data ?? {};
  if (!Array.isArray(values) || values.length === 0 || values.length > 60) return false;
  const rows = values as readonly Readonly<Record<string, string | number>>[];
  const names = Object.keys(rows[0]!).filter((name) => name !== "step");
  const cell = (value: string | number | undefined) =>
    typeof value === "number"
      ? html`<td class="number">${Number.isInteger(value) ? count(value) : number(value)}</td>`
      : html`<td>${value}</td>`;
  return html`<details><summary>${words.numbers}</summary><div class="scroll" role="region" tabindex="0" aria-label="${plot.title.text}"><table><caption>${plot.title.text}</caption><thead><tr>${names.map((name) => html`<th scope="col"${typeof rows[0]![name] === "number" && html` class="number"`}>${name}</th>`)}</tr></thead><tbody>${rows.map((row) => html`<tr>${names.map((name) => cell(row[name]))}</tr>`)}</tbody></table></div></details>`;
}

function cardHtml({ title, text, picture, clip, facts = [] }: SampleCard, more?: Html): Html {
  if (typeof title !== "string" || title === "")
    throw new MmubError("invalid-input", { part, message: `the title of a card is ${show(title)}, want a text` });
  return html`<li class="card"><h4>${title}</h4>${
    facts.length > 0 &&
    html`<dl class="facts">${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`
  }${text && html`<blockquote>${text}</blockquote>`}${
    picture && html`<img alt="${picture.alt}" src="${dataUrl(picture.bytes, "image/", title)}">`
  }${
    clip &&
    html`<audio controls preload="metadata" aria-label="${clip.label}" src="${dataUrl(clip.bytes, "audio/", title)}"></audio>`
  }${more}</li>`;
}

function contributionHtml({ label, score: value, base, shapley }: Contribution, unit: Written): Html {
  const written: Written = label === undefined ? unit : { isShare: true };
  const entries = Object.entries<number>(shapley).sort(([, a], [, b]) => Math.abs(b) - Math.abs(a));
  const most = Math.max(...entries.map(([, adds]) => Math.abs(adds)), 1e-9);
  const rows = entries.map(
    ([name, adds]) =>
      html`<tr><th scope="row">${name}</th><td class="number">${bare(difference(adds, written))}</td><td class="bars"><div class="bar"><i class="${adds < 0 ? "down" : "up"}" style="width:${((50 * Math.abs(adds)) / most).toFixed(2)}%"></i></div></td></tr>`,
  );
  const caption = label === undefined ? words.prediction : words.probabilityOf(String(label));
  return html`<table><caption>${caption}</caption><thead><tr><th scope="col">${words.modality}</th><th scope="col" class="number">${words.adds(written)}</th><td></td></tr></thead><tbody><tr><th scope="row">${words.nothing}</th><td class="number">${score(base, written)}</td><td></td></tr>${rows}</tbody><tfoot><tr><th scope="row">${words.everything}</th><td class="number">${score(value, written)}</td><td></td></tr></tfoot></table>`;
}

function factsHtml(id: string, title: string, facts: readonly (readonly [string, string])[]): Html | false {
  return (
    facts.length > 0 &&
    html`<section aria-labelledby="${id}"><h2 id="${id}">${title}</h2><dl class="facts">${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></section>`
  );
}

function radio(theme: "auto" | "light" | "dark"): Html {
  return html`<label><input type="radio" name="theme" id="theme-${theme}"${theme === "auto" && " checked"}> ${words[theme]}</label>`;
}

function dataUrl(bytes: Uint8Array, kind: "image/" | "audio/", title: string): string {
  const type = mediaType(bytes);
  if (!type?.startsWith(kind))
    throw new MmubError("invalid-input", {
      part,
      message: `the ${kind === "image/" ? "picture" : "clip"} of ${show(title)} is ${show(bytes)}${type ? ` with ${type}` : ""}, want the bytes of a ${kind === "image/" ? "JPEG, PNG, GIF or WebP" : "WAV, MP3, Ogg, FLAC or M4A"}`,
    });
  return `data:${type};base64,${Buffer.from(bytes).toString("base64")}`;
}
