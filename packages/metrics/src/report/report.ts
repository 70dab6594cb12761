import { checkParam, MmubError, show, writeWhole } from "@mmub/core";
import type { Interval } from "../bootstrap.js";
import type { Occlusion, RegionPiece, SpanPiece } from "../feature-effects.js";
import { grouped, type Language, type Say, sayIn } from "../language.js";
import { ablationName, ablationPlot, modalityPlot } from "../plots/modality-plots.js";
import { drawSvg } from "../plots/render.js";
import type { Plot } from "../plots/spec.js";
import type { DataCard, Facts } from "./cards.js";
import { difference, end, number, range, score, share, type Written } from "./format.js";
import { type Html, html, raw } from "./html.js";
import { smallClip, smallPicture } from "./media.js";
import { mediaType, type SampleCard } from "./sample-card.js";
import type { Explanation, ReportSection, ScoreRow, WorstSlices } from "./section.js";
import { style } from "./style.js";

const part = "@mmub/metrics/report";

export interface ReportContent {
  readonly title: string;
  /** What a reader in a hurry should know. */
  readonly summary?: string;
  /** The day that is shown under the title, in UTC. @default none, so that the same content gives the same bytes */
  readonly date?: Date;
  /** A section for each question; see `classificationSection` and `regressionSection`. */
  readonly sections: readonly ReportSection[];
  /** What was learned from and tested on: `dataCard`, or sources and what is missing as names and values. */
  readonly data?: Facts | DataCard;
  /** What was made: `modelCard`, or parts, seed, intended use and limits as names and values. */
  readonly model?: Facts;
  readonly notes?: readonly string[];
  /** Of the page's own words; sections have theirs. @default "en" */
  readonly language?: Language;
  /** How many bytes of pictures and recordings the page may hold; later ones are left out, and it says so. @default 2,000,000 */
  readonly mediaBytes?: number;
}

/**
 * A report as one HTML file that stands alone: plots as SVG, pictures and sound inside, nothing loaded, no script. It opens
 * offline, in light and dark, on a phone, on paper, and for a screen reader.
 *
 * Pictures are scaled down to what a card shows where `sharp` is installed; recordings given as WAV or samples are kept to 10 s in one channel.
 * What samples hold is shown as text; a content security policy keeps everything else out. Rejects a content without title
 * or sections, and pictures and clips of an unknown format (`invalid-input`). Cost: some 20 ms a plot, and 10 ms a picture.
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
  const { title, summary, date, sections, data = [], model = [], notes = [], mediaBytes = 2_000_000 } = content ?? {};
  const say = sayIn(part, content?.language);
  if (typeof title !== "string" || title === "" || !Array.isArray(sections))
    throw new MmubError("invalid-input", {
      part,
      message: `the content is ${show(content)}, want a title and a list of sections`,
    });
  if (date !== undefined && Number.isNaN(date?.getTime?.() ?? Number.NaN))
    throw new MmubError("invalid-input", { part, message: `the date is ${show(date)}, want a valid Date` });
  const facts = factsOf(data);
  const fields = "fields" in data ? data.fields : [];
  for (const fact of [...facts, ...model])
    if (!Array.isArray(fact))
      throw new MmubError("invalid-input", { part, message: `a fact is ${show(fact)}, want a name and a value` });
  checkParam(part, "mediaBytes", mediaBytes, mediaBytes >= 0, "a number of at least 0");
  const page: Page = { say, room: mediaBytes, leftOut: { "image/": 0, "audio/": 0 } };
  const parts: Html[] = [];
  for (const [at, section] of sections.entries()) parts.push(await sectionHtml(page, section, `section-${at + 1}`));
  const { "image/": pictures, "audio/": clips } = page.leftOut;
  const remarks = [
    ...notes,
    ...(pictures > 0 ? [say("Left out to keep the page small: {0} {1}", pictures, say("pictures"))] : []),
    ...(clips > 0 ? [say("Left out to keep the page small: {0} {1}", clips, say("clips"))] : []),
  ];
  const links = [
    ...sections.map((section, at) => [`section-${at + 1}`, section.title] as const),
    ...(facts.length + fields.length > 0 ? [["data", say("The data")] as const] : []),
    ...(model.length > 0 ? [["model", say("The model")] as const] : []),
    ...(remarks.length > 0 ? [["notes", say("Notes")] as const] : []),
  ];
  return pageHtml(say, {
    title,
    summary,
    day: date?.toISOString().slice(0, 10),
    links,
    body: html`${parts}
${
  facts.length + fields.length > 0 &&
  html`<section aria-labelledby="data"><h2 id="data">${say("The data")}</h2>${factsHtml(facts)}${fieldsHtml(say, fields)}</section>`
}
${model.length > 0 && html`<section aria-labelledby="model"><h2 id="model">${say("The model")}</h2>${factsHtml(model)}</section>`}
${
  remarks.length > 0 &&
  html`<section aria-labelledby="notes"><h2 id="notes">${say("Notes")}</h2><ul>${remarks.map((note) => html`<li>${note}</li>`)}</ul></section>`
}`,
  });
}

/** The facts of a data card, or of facts themselves. */
export function factsOf(data: Facts | DataCard = []): Facts {
  return "fields" in data ? data.facts : data;
}

/** What all parts of one page share: its language, and how many bytes of pictures and recordings it may still hold. */
export interface Page {
  readonly say: Say;
  room: number;
  readonly leftOut: { "image/": number; "audio/": number };
}

/** The page around what it is about: head, title, contents, the switch of colours. */
export function pageHtml(
  say: Say,
  {
    title,
    summary,
    day,
    links,
    body,
  }: {
    readonly title: string;
    readonly summary: string | undefined;
    readonly day: string | undefined;
    readonly links: readonly (readonly [id: string, name: string])[];
    readonly body: Html;
  },
): string {
  const radio = (theme: "auto" | "light" | "dark", name: string) =>
    html`<label><input type="radio" name="theme" id="theme-${theme}"${theme === "auto" && " checked"}> ${name}</label>`;
  return html`<!doctype html>
<html lang="${say.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${raw(style)}</style>
</head>
<body>
<a class="skip" href="#content">${say("Skip to the report")}</a>
<header>
<h1>${title}</h1>
${summary !== undefined && html`<p class="lead">${summary}</p>`}
${day !== undefined && html`<p class="muted"><time datetime="${day}">${day}</time></p>`}
<nav aria-label="${say("Contents")}"><ul>${links.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>
<fieldset><legend>${say("Colours")}</legend>${radio("auto", say("as the system"))}${radio("light", say("light"))}${radio("dark", say("dark"))}</fieldset>
</header>
<main id="content">
${body}
</main>
<footer><p>${say("Made with mmub. Nothing in this page is loaded from elsewhere.")}</p></footer>
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

async function sectionHtml(page: Page, section: ReportSection, id: string): Promise<Html> {
  const { title, summary, ablation, worst, mistakes, explanations, unit } = section ?? {};
  if (
    typeof title !== "string" ||
    title === "" ||
    ![section?.scores, section?.plots, mistakes, explanations].every(Array.isArray)
  )
    throw new MmubError("invalid-input", {
      part,
      message: `${id} is ${show(section)}, want a title and what else classificationSection or regressionSection gives; its lists may be empty`,
    });
  const { say } = page;
  const [headline] = section.scores;
  const plots = await figures(say, section.plots);
  const classes = classesHtml(say, section);
  const written = unit === undefined ? {} : { unit };
  // One after the other: they share what room there is for pictures and recordings.
  const why: Html[] = [];
  for (const card of explanations)
    why.push(await cardHtml(page, card, explanationHtml(say, card.explanation, written)));
  const wrong = await cardsHtml(page, mistakes);
  const grouped = worst && (await worstHtml(page, worst, written));
  return html`<section class="question" aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
<p class="lead">${summary}</p>
${headline && headlineHtml(say, headline, section.baseline ?? say("Baseline"))}
${headline && tilesHtml(say, section.scores, section.samples)}
${ablation && (await ablationHtml(say, ablation))}
${(plots.length > 0 || classes) && html`<h3>${say("Where it is right and wrong")}</h3><div class="plots">${plots}</div>${classes}`}
${grouped}
${block(say("The worst mistakes"), say(section.classes ? "The mistakes that it was most confident of." : "The largest errors."), wrong)}
${block(
  say("Why, for single samples"),
  say(
    "What each modality adds to the prediction: Shapley values, which lead from a sample of which nothing is known to this one.",
  ),
  why,
)}
</section>`;
}

function block(heading: string, lead: string, cards: readonly Html[]): Html | false {
  return cards.length > 0 && html`<h3>${heading}</h3><p class="muted">${lead}</p><ul class="cards">${cards}</ul>`;
}

async function worstHtml(page: Page, { slices, isShare, examples }: WorstSlices, unit: Written): Promise<Html> {
  const { say } = page;
  const written: Written = isShare ? { isShare } : unit;
  const level = say("{0} interval", percent(slices[0]?.difference.level ?? 0.95));
  const differ = difference(say);
  const rows = slices.map(
    ({ name, rows, loss, others, difference: { value, low, high }, pValue }) =>
      html`<tr><th scope="row">${name}</th><td class="number">${grouped(rows.length)}</td><td class="number">${score(loss, written)}</td><td class="number">${score(others, written)}</td><td class="number">${bare(differ(value, written))}</td><td class="number">${bare(range(say, low, high, written, differ))}</td><td>${say(pValue < 0.05 ? "shown" : "not shown")}</td></tr>`,
  );
  const heads = [
    ["Group", false],
    ["Samples", true],
    [isShare ? "Wrong" : "Mean error", true],
    ["All others", true],
    [isShare ? "Worse by, in points" : "Worse by", true],
  ] as const;
  const head = html`${heads.map(([name, isNumber]) => html`<th scope="col"${isNumber && raw(' class="number"')}>${say(name)}</th>`)}<th scope="col" class="number">${level}</th><th scope="col">${say("Is it so?")}</th>`;
  const cards = await cardsHtml(page, examples);
  return html`<h3>${say("Where it fails")}</h3><p class="muted">${say("The groups that it does worst on, of those that share a trait. “Shown” means that chance alone hardly gives such a gap, all groups looked at being counted in.")}</p>
${tableHtml(say("Groups of samples"), head, rows)}
${cards.length > 0 && html`<h4 class="sub">${say("Samples of the worst group")}</h4><ul class="cards">${cards}</ul>`}`;
}

/** A table that scrolls by itself where it is wider than the page, by the keyboard too. */
export function tableHtml(caption: string, head: Html, body: readonly Html[], foot?: Html): Html {
  return html`<div class="scroll" role="group" tabindex="0" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${head}</tr></thead><tbody>${body}</tbody>${foot && html`<tfoot>${foot}</tfoot>`}</table></div>`;
}

async function cardsHtml(page: Page, cards: readonly SampleCard[]): Promise<Html[]> {
  const out: Html[] = [];
  for (const card of cards) out.push(await cardHtml(page, card));
  return out;
}

function headlineHtml(say: Say, row: ScoreRow, baseline: string): Html {
  const { name, score: interval, baseline: base } = row;
  return html`<div class="headline"><p class="big"><span>${name}</span><b>${score(interval.value, row)}</b><span>${say("{0} interval", percent(interval.level))} ${range(say, interval.low, interval.high, row)}</span></p>${base && scaleHtml(say, row, base.value, baseline)}</div>`;
}

function percent(level: number): string {
  return `${+(100 * level).toFixed(1)}%`;
}

// Where the score, its interval and the baseline lie on their scale: from 0 to 1, or further down where a score goes below 0.
function scaleHtml(say: Say, row: ScoreRow, base: number, baseline: string): Html {
  const { name, score: interval } = row;
  const from = Math.min(0, interval.low, base);
  const to = Math.max(1, interval.high, base);
  const at = (value: number) => `${((100 * (value - from)) / (to - from)).toFixed(2)}%`;
  const text = say(
    "{0} {1}, {2} {3}, on a scale from {4} to {5}",
    name,
    score(interval.value, row),
    baseline,
    score(base, row),
    end(from, row),
    end(to, row),
  );
  return html`<div><div class="track" role="img" aria-label="${text}"><i class="interval" style="left:${at(interval.low)};right:calc(100% - ${at(interval.high)})"></i><i class="baseline" style="left:${at(base)}"></i><i class="point" style="left:${at(interval.value)}"></i></div><div class="ends" aria-hidden="true"><span>${end(from, row)}</span><span>${end(to, row)}</span></div><ul class="key"><li><i></i>${name} ${score(interval.value, row)}</li><li><i class="baseline"></i>${baseline} ${score(base, row)}</li></ul></div>`;
}

function tilesHtml(say: Say, [headline, ...rows]: readonly ScoreRow[], samples: number | undefined): Html {
  const tile = (name: string, value: string, notes: readonly string[]) =>
    html`<div><dt>${name}</dt><dd>${value}${notes.map((note) => html` <span>${note}</span>`)}</dd></div>`;
  const interval = ({ low, high, level }: Interval, row: ScoreRow, write = score) =>
    `${say("{0} interval", percent(level))} ${range(say, low, high, row, write)}`;
  const gain = headline?.gain;
  const differ = difference(say);
  return html`<dl class="tiles">${
    gain && tile(say("Over the baseline"), differ(gain.value, headline), [interval(gain, headline, differ)])
  }${rows.map((row) =>
    tile(row.name, score(row.score.value, row), [
      interval(row.score, row),
      ...(row.baseline ? [`${say("Baseline")} ${score(row.baseline.value, row)}`] : []),
    ]),
  )}${samples !== undefined && tile(say("Samples"), grouped(samples), [])}</dl>`;
}

async function ablationHtml(say: Say, ablation: NonNullable<ReportSection["ablation"]>): Promise<Html> {
  const { rows } = ablation;
  const written = { isShare: ablation.isShare ?? true };
  const { language } = say;
  const plots = [
    ablationPlot(ablation, { language }),
    ...(rows.some(({ kind }) => kind === "without") ? [modalityPlot(ablation, { language })] : []),
  ];
  const differ = difference(say);
  const body = rows.map(
    ({ kind, modality, score: interval, change }) =>
      html`<tr><th scope="row">${ablationName(say, kind, modality)}</th><td class="number">${score(interval.value, written)}</td><td class="number">${range(say, interval.low, interval.high, written)}</td><td class="number">${kind !== "all" && bare(differ(change.value, written))}</td><td class="number">${kind !== "all" && bare(range(say, change.low, change.high, written, differ))}</td></tr>`,
  );
  const name = say.known(ablation.score);
  const interval = say("{0} interval", percent(rows[0]?.score.level ?? 0.95));
  const head = html`<th scope="col">${say("What is used")}</th><th scope="col" class="number">${name}</th><th scope="col" class="number">${interval}</th><th scope="col" class="number">${say(written.isShare ? "Change, in points" : "Change")}</th><th scope="col" class="number">${interval}</th>`;
  return html`<h3>${say("What each modality tells")}</h3><p class="muted">${say("The same model with inputs left out; the change is against all of them, on the same samples.")}</p><div class="plots">${await figures(say, plots, false)}</div>
${tableHtml(`${name}, ${say.samples(ablation.samples)}`, head, body)}`;
}

// Without the unit, which the column's head says.
export function bare(text: string): string {
  return text.replace(/\u00a0.*$/, "");
}

function classesHtml(say: Say, { classes: report }: ReportSection): Html | undefined {
  if (!report) return undefined;
  const row = (name: Html, { precision, recall, f1, support }: (typeof report)["macro"]) =>
    html`<tr>${name}<td class="number">${share(precision)}</td><td class="number">${share(recall)}</td><td class="number">${share(f1)}</td><td class="number">${grouped(support)}</td></tr>`;
  const { classes, macro } = report;
  const head = html`<th scope="col">${say("Class")}</th>${(["Precision", "Recall", "F1", "Samples"] as const).map((name) => html`<th scope="col" class="number">${say(name)}</th>`)}`;
  const rows = classes.map((of) => row(html`<th scope="row">${String(of.label)}</th>`, of));
  return tableHtml(say("Each class"), head, rows, row(html`<th scope="row">${say("Mean")}</th>`, macro));
}

async function figures(say: Say, plots: readonly Plot[], withNumbers = true): Promise<Html[]> {
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
    const below = subtitle.join(say.language === "zh" ? "" : " ");
    out.push(
      html`<figure class="plot"><figcaption><h4>${text}</h4>${below && html`<p>${below}</p>`}</figcaption><div class="scroll" role="group" tabindex="0" aria-label="${text}"><div class="light">${raw(light)}</div><div class="dark">${raw(dark)}</div></div>${withNumbers && numbersHtml(say, plot)}</figure>`,
    );
  }
  return out;
}

// A plot's numbers as a table, for those who cannot see it and those who want them exactly; too many would be noise.
function numbersHtml(say: Say, plot: Plot): Html | false {
  const { values } = (plot as { readonly data?: { readonly values?: unknown } }).data ?? {};
  if (!Array.isArray(values) || values.length === 0 || values.length > 60) return false;
  const rows = values as readonly Readonly<Record<string, string | number>>[];
  const names = Object.keys(rows[0]!).filter((name) => name !== "step");
  const cell = (value: string | number | undefined) =>
    typeof value === "number"
      ? html`<td class="number">${Number.isInteger(value) ? grouped(value) : number(value)}</td>`
      : html`<td>${value}</td>`;
  const head = html`${names.map((name) => html`<th scope="col"${typeof rows[0]![name] === "number" && raw(' class="number"')}>${say.known(name)}</th>`)}`;
  const body = rows.map((row) => html`<tr>${names.map((name) => cell(row[name]))}</tr>`);
  return html`<details><summary>${say("Numbers of this plot")}</summary>${tableHtml(plot.title.text, head, body)}</details>`;
}

export async function cardHtml(page: Page, card: SampleCard, more?: Html): Promise<Html> {
  const { title, text, picture, clip, facts = [] } = card;
  if (typeof title !== "string" || title === "")
    throw new MmubError("invalid-input", { part, message: `the title of a card is ${show(title)}, want a text` });
  const image = picture && (await dataUrl(page, picture.bytes, "image/", title));
  const sound = clip && (await dataUrl(page, clip.bytes, "audio/", title));
  const { explanation } = card as { readonly explanation?: Explanation };
  const words = explanation?.words;
  return html`<li class="card"><h4>${title}</h4>${
    facts.length > 0 &&
    html`<dl class="facts">${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`
  }${text && html`<blockquote>${words ? markedHtml(text, words) : text}</blockquote>`}${
    image && pictureHtml(page.say, html`<img alt="${picture.alt}" src="${image}">`, image, explanation)
  }${sound && html`<audio controls preload="metadata" aria-label="${clip.label}" src="${sound}"></audio>`}${
    sound && explanation?.spans && spansHtml(page.say, explanation.spans, explanation)
  }${more}</li>`;
}

const places = [
  ["top left", "top", "top right"],
  ["left", "centre", "right"],
  ["bottom left", "bottom", "bottom right"],
] as const;

/** The picture, and beside it once more with its regions coloured. */
function pictureHtml(say: Say, plain: Html, image: string, explanation: Explanation | undefined): Html {
  const { regions = [] } = explanation ?? {};
  if (!explanation) return plain;
  const most = strongest(regions, explanation);
  if (most === 0) return plain;
  const percent = (of: number) => `${(100 * of).toFixed(2)}%`;
  const cells = regions
    .filter(({ change }) => Math.abs(change) >= 0.15 * most)
    .map(({ piece: { left, top, width, height }, change }) => {
      const share = Math.abs(change) / most;
      const kind = `${change < 0 ? "down" : "up"}${share >= 0.5 ? " edge" : ""}`;
      return html`<i class="${kind}" style="left:${percent(left)};top:${percent(top)};width:${percent(width)};height:${percent(height)};--share:${percent(0.75 * share)}"></i>`;
    });
  const third = (at: number) => Math.min(2, Math.floor(3 * at));
  const place = ({ left, top, width, height }: RegionPiece) =>
    say(places[third(top + height / 2)]![third(left + width / 2)]!);
  return html`<div class="pair">${plain}<div class="heat" role="img" aria-label="${extremes(say, regions, place)}"><img alt="" src="${image}">${cells}</div></div><p class="muted small">${say("Regions that speak for it are green with a solid edge, those against it red with a dashed one.")}${say.language === "zh" ? "" : " "}${strongestText(say, regions, explanation)}</p>`;
}

/** What each stretch of the recording tells, on the line of its time. */
function spansHtml(say: Say, spans: NonNullable<Explanation["spans"]>, explanation: Explanation): Html | false {
  const most = strongest(spans, explanation);
  if (most === 0) return false;
  const seconds = spans.at(-1)!.piece.to;
  const bars = spans.map(
    ({ piece: { from, to }, change }) =>
      html`<i class="${change < 0 ? "down" : "up"}" style="left:${((100 * from) / seconds).toFixed(2)}%;width:${((100 * (to - from)) / seconds).toFixed(2)}%;height:${((50 * Math.abs(change)) / most).toFixed(2)}%"></i>`,
  );
  const time = ({ from, to }: SpanPiece) => say("{0} to {1} s", from.toFixed(1), to.toFixed(1));
  return html`<div><div class="spans" role="img" aria-label="${extremes(say, spans, time)}">${bars}</div><div class="ends" aria-hidden="true"><span>${say("{0} s", 0)}</span><span>${say("{0} s", seconds.toFixed(1))}</span></div></div><p class="muted small">${say("Stretches that speak for it rise above the line, those against it hang below.")}${say.language === "zh" ? "" : " "}${strongestText(say, spans, explanation)}</p>`;
}

// 0 where it is rounding, or would be shown as 0.0 points.
function strongest(pieces: readonly { readonly change: number }[], { label }: Explanation): number {
  const most = pieces.reduce((most, { change }) => Math.max(most, Math.abs(change)), 0);
  return most < (label === undefined ? 1e-9 : 5e-4) ? 0 : most;
}

function strongestText(say: Say, pieces: readonly { readonly change: number }[], { label }: Explanation): string {
  const { change } = pieces.reduce((a, b) => (Math.abs(b.change) > Math.abs(a.change) ? b : a));
  const written: Written = label === undefined ? {} : { isShare: true };
  return say("The strongest changes it by {0}.", difference(say)(change, written));
}

function extremes<Piece>(say: Say, pieces: readonly Occlusion<Piece>[], name: (piece: Piece) => string): string {
  const sorted = [...pieces].sort((a, b) => b.change - a.change);
  const [best, worst] = [sorted[0]!, sorted.at(-1)!];
  return [
    ...(best.change > 0 ? [say("Most for it: {0}.", name(best.piece))] : []),
    ...(worst.change < 0 ? [say("Most against it: {0}.", name(worst.piece))] : []),
  ].join(say.language === "zh" ? "" : " ");
}

// The words that change the score most, by half of the largest change at least: all others are noise.
function markedHtml(text: string, words: NonNullable<Explanation["words"]>): Html {
  const most = Math.max(...words.map(({ change }) => Math.abs(change)), 1e-9);
  const marked = words.filter(({ change }) => Math.abs(change) >= most / 2).sort((a, b) => a.piece.from - b.piece.from);
  const out: (Html | string)[] = [];
  let at = 0;
  for (const { piece, change } of marked) {
    out.push(
      text.slice(at, piece.from),
      html`<mark class="${change < 0 ? "down" : "up"}">${text.slice(piece.from, piece.to)}</mark>`,
    );
    at = piece.to;
  }
  return html`${[...out, text.slice(at)]}`;
}

function explanationHtml(
  say: Say,
  { label, score: value, base, shapley, columns, words }: Explanation,
  unit: Written,
): Html {
  const written: Written = label === undefined ? unit : { isShare: true };
  const differ = difference(say);
  const bars = (effects: Readonly<Record<string, number>>, write: (adds: number) => string, most: number) => {
    const entries = Object.entries(effects).sort(([, a], [, b]) => Math.abs(b) - Math.abs(a));
    const largest = Math.max(...entries.map(([, adds]) => Math.abs(adds)), 1e-9);
    const rest = entries.slice(most).reduce((sum, [, adds]) => sum + adds, 0);
    const rows = entries
      .slice(0, most)
      .map(
        ([name, adds]) =>
          html`<tr><th scope="row">${name}</th><td class="number">${write(adds)}</td><td class="bars"><div class="bar"><i class="${adds < 0 ? "down" : "up"}" style="width:${((50 * Math.abs(adds)) / largest).toFixed(2)}%"></i></div></td></tr>`,
      );
    if (entries.length > most)
      rows.push(
        html`<tr><th scope="row">${say("{0} more", entries.length - most)}</th><td class="number">${write(rest)}</td><td></td></tr>`,
      );
    return rows;
  };
  const head = (name: string, adds: string) =>
    html`<thead><tr><th scope="col">${name}</th><th scope="col" class="number">${adds}</th><td></td></tr></thead>`;
  const ends = (name: string, of: number) =>
    html`<tr><th scope="row">${name}</th><td class="number">${score(of, written)}</td><td></td></tr>`;
  const caption = label === undefined ? say("Prediction") : say("Probability of “{0}”", String(label));
  const adds = written.isShare ? say("Points") : written.unit ? say("Adds ({0})", written.unit) : say("Adds");
  const modalities = html`<table><caption>${caption}</caption>${head(say("Modality"), adds)}<tbody>${ends(say("nothing known"), base)}${bars(shapley, (of) => bare(differ(of, written)), 12)}</tbody><tfoot>${ends(say("all together"), value)}</tfoot></table>`;
  const isMarked = words?.some(({ change }) => Math.abs(change) > 1e-9);
  return html`${isMarked && html`<p class="muted small">${say("Words that speak for it are marked solid, those against it dashed.")}</p>`}${Object.keys(shapley).length > 0 && modalities}${
    columns &&
    html`<table>${head(say("Column"), say("Adds"))}<tbody>${bars(columns, (of) => differ(of, {}), 8)}</tbody></table>`
  }`;
}

function factsHtml(facts: Facts): Html | false {
  return (
    facts.length > 0 &&
    html`<dl class="facts">${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`
  );
}

function fieldsHtml(say: Say, fields: DataCard["fields"]): Html | false {
  if (fields.length === 0) return false;
  const head = html`<th scope="col">${say("Field")}</th><th scope="col">${say("Kind")}</th><th scope="col" class="number">${say("Present")}</th><th scope="col">${say("What is in it")}</th>`;
  const rows = fields.map(
    ({ name, kind, present, holds }) =>
      html`<tr><th scope="row">${name}</th><td>${kind}</td><td class="number">${share(present)}</td><td>${holds}</td></tr>`,
  );
  return tableHtml(say("What the samples hold"), head, rows);
}

async function dataUrl(
  page: Page,
  given: Uint8Array,
  kind: "image/" | "audio/",
  title: string,
): Promise<string | undefined> {
  const type = mediaType(given);
  if (!type?.startsWith(kind))
    throw new MmubError("invalid-input", {
      part,
      message: `the ${kind === "image/" ? "picture" : "clip"} of ${show(title)} is ${show(given)}${type ? ` with ${type}` : ""}, want the bytes of a ${kind === "image/" ? "JPEG, PNG, GIF or WebP" : "WAV, MP3, Ogg, FLAC or M4A"}`,
    });
  const bytes = kind === "image/" ? await smallPicture(given) : smallClip(given);
  const url = `data:${mediaType(bytes)};base64,${Buffer.from(bytes).toString("base64")}`;
  if (url.length > page.room) {
    page.leftOut[kind]++;
    return undefined;
  }
  page.room -= url.length;
  return url;
}
