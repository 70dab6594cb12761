import { checkParam, type Label, MmubError, show } from "@mmub/core";
import { bootstrapIntervals, type Interval } from "../bootstrap.js";
import { accuracy, f1 } from "../classification.js";
import { mcnemar } from "../comparison.js";
import { grouped, type Language, type Say, sayIn } from "../language.js";
import { meanAbsoluteError, r2, rootMeanSquaredError } from "../regression.js";
import { take } from "../split.js";
import { difference, range, score, share } from "./format.js";
import { type Html, html } from "./html.js";
import { bare, cardHtml, factsOf, type Page, pageHtml, type ReportContent, tableHtml } from "./report.js";
import type { SampleCard } from "./sample-card.js";
import type { ReportSection, ScoreRow } from "./section.js";

const part = "@mmub/metrics/compare-reports";

export interface CompareOptions {
  /** What the two runs are called. @default ["A", "B"] */
  readonly names?: readonly [a: string, b: string];
  /** @default "B beside A" */
  readonly title?: string;
  /** What the reader sees of the sample at a row of a section, for samples that one run has right and the other wrong. @default none are shown */
  readonly describe?: (row: number, section: string) => SampleCard | Promise<SampleCard>;
  /** How many samples of each kind are shown. @default 3 */
  readonly examples?: number;
  /** Of the resamples. @default 0 */
  readonly seed?: number;
  /** @default 1000 */
  readonly resamples?: number;
  /** @default "en" */
  readonly language?: Language;
}

/**
 * Two runs beside each other as one HTML file like a report's: whether the second scores better, class by class what changed, which samples it newly
 * has right and wrong, and in what the data and the models differ. Sections are matched by their titles.
 *
 * Where both are of the same samples, differences are of the same resamples, and accuracy is set against McNemar's test as well; else the intervals
 * are those of two independent runs. "Better" is said only where the 95 % interval of the difference is on that side of 0.
 * Rejects contents without a section of one title (`invalid-input`). Cost: `resamples` times the scores of both.
 *
 * @example
 * const run = async (visits: number) => {
 *   const fitted = { predict: async (rows: readonly { visits: number }[]) => ({ values: Float64Array.from(rows, (row) => visits * row.visits) }) };
 *   return reportOf(fitted, [{ visits: 1 }, { visits: 2 }, { visits: 4 }], [2, 4, 7], { title: "What will they spend?", resamples: 100 });
 * };
 * const page = await compareReports(await run(1), await run(2), { names: ["before", "after"], resamples: 100 });
 */
export async function compareReports(
  a: ReportContent,
  b: ReportContent,
  options: CompareOptions = {},
): Promise<string> {
  const { names = ["A", "B"], describe, examples = 3, seed = 0, resamples = 1000 } = options;
  const say = sayIn(part, options.language);
  for (const [name, content] of [
    ["first", a],
    ["second", b],
  ] as const)
    if (!Array.isArray(content?.sections))
      throw new MmubError("invalid-input", {
        part,
        message: `the ${name} content is ${show(content)}, want what reportOf gives or htmlReport takes`,
      });
  checkParam(part, "names", names, names.length === 2 && names[0] !== names[1], "two different names");
  checkParam(part, "examples", examples, Number.isInteger(examples) && examples >= 0, "an integer of at least 0");
  const pairs = b.sections.flatMap((second) => {
    const first = a.sections.find(({ title }) => title === second.title);
    return first ? [{ first, second }] : [];
  });
  if (pairs.length === 0)
    throw new MmubError("invalid-input", {
      part,
      message: `the first has the sections ${titles(a)}, the second ${titles(b)}, want one of the same title in both`,
    });

  const page: Page = { say, room: 2_000_000, leftOut: { "image/": 0, "audio/": 0 } };
  const parts: Html[] = [];
  for (const [at, { first, second }] of pairs.entries()) {
    const rows = changes(first, second, { seed, resamples });
    const flips = flipped(first, second);
    const cards = async (of: readonly number[]) => {
      const out: Html[] = [];
      if (describe)
        for (const row of of.slice(0, examples)) out.push(await cardHtml(page, await describe(row, second.title)));
      return out;
    };
    const id = `section-${at + 1}`;
    parts.push(html`<section class="question" aria-labelledby="${id}">
<h2 id="${id}">${second.title}</h2>
<p class="lead">${verdict(say, rows[0]!, names)}</p>
${scoresHtml(say, rows, names, sameSamples(first, second))}
${flips && flipsHtml(say, flips, { fixed: await cards(flips.fixed), broken: await cards(flips.broken) })}
${classesHtml(say, first, second, names)}
</section>`);
  }
  const facts = [...factsDiffer(factsOf(a.data), factsOf(b.data)), ...factsDiffer(a.model ?? [], b.model ?? [])];
  const different =
    facts.length > 0 &&
    html`<section aria-labelledby="differs"><h2 id="differs">${say("What differs")}</h2>${tableHtml(
      [say("The data"), say("The model")].join(say(", ")),
      html`<td></td>${names.map((name) => html`<th scope="col">${name}</th>`)}`,
      facts.map(([name, x, y]) => html`<tr><th scope="row">${name}</th><td>${x}</td><td>${y}</td></tr>`),
    )}</section>`;
  const title = options.title ?? say("{0} beside {1}", names[1], names[0]);
  return pageHtml(say, {
    title,
    summary: a.title === b.title ? b.title : `${a.title} / ${b.title}`,
    day: undefined,
    links: [
      ...pairs.map(({ second }, at) => [`section-${at + 1}`, second.title] as const),
      ...(facts.length > 0 ? [["differs", say("What differs")] as const] : []),
    ],
    body: html`${parts}${different}`,
  });
}

interface ScoreChange {
  readonly row: ScoreRow;
  readonly first: number;
  readonly second: number;
  /** The second less the first. */
  readonly change: { readonly value: number; readonly low: number; readonly high: number };
  readonly higherIsBetter: boolean;
  /** McNemar's, of accuracy. */
  readonly pValue?: number;
}

/** What is scored anew on the same resamples, then the scores that both sections have. */
function changes(first: ReportSection, second: ReportSection, bootstrap: { seed: number; resamples: number }) {
  const paired = pairedScores(first, second, bootstrap);
  return second.scores.flatMap((row, i): ScoreChange[] => {
    const same = first.scores.find(({ name }) => name === row.name) ?? first.scores[i];
    if (!same || same.isShare !== row.isShare) return [];
    const own = { row, first: same.score.value, second: row.score.value };
    const isError = second.outcome !== undefined && "values" in second.outcome && i > 0;
    const known = paired?.[i];
    if (known) return [{ ...own, change: known.change, higherIsBetter: !isError, ...known.test }];
    const value = row.score.value - same.score.value;
    const reach = 1.959964 * Math.hypot(row.score.standardError, same.score.standardError);
    return [{ ...own, change: { value, low: value - reach, high: value + reach }, higherIsBetter: !isError }];
  });
}

function pairedScores(
  { outcome: a }: ReportSection,
  second: ReportSection,
  bootstrap: { seed: number; resamples: number },
): { readonly change: Interval; readonly test?: { readonly pValue: number } }[] | undefined {
  const { outcome: b } = second;
  if (!a || !b || !same(a.truth, b.truth)) return undefined;
  if ("labels" in a && "labels" in b) {
    const { truth } = b;
    const measures = [
      accuracy,
      (real: readonly Label[], said: readonly Label[]) => f1(real, said, { average: "macro" }),
    ];
    const [right, macro] = bootstrapIntervals(
      truth.length,
      (rows) => {
        const real = take(truth, rows);
        return measures.map((measure) => measure(real, take(b.labels, rows)) - measure(real, take(a.labels, rows)));
      },
      bootstrap,
    );
    return [{ change: right!, test: { pValue: mcnemar(truth, a.labels, b.labels).pValue } }, { change: macro! }];
  }
  if (!("values" in a && "values" in b)) return undefined;
  const [real, said, saidBefore] = [b.truth, b.values, a.values].map((of) => Float64Array.from(of)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  return bootstrapIntervals(
    real.length,
    (rows) =>
      [r2, rootMeanSquaredError, meanAbsoluteError].map(
        (measure) => measure(take(real, rows), take(said, rows)) - measure(take(real, rows), take(saidBefore, rows)),
      ),
    bootstrap,
  ).map((change) => ({ change }));
}

function sameSamples({ outcome: a }: ReportSection, { outcome: b }: ReportSection): boolean {
  return a !== undefined && b !== undefined && same(a.truth, b.truth);
}

function same(a: ArrayLike<unknown>, b: ArrayLike<unknown>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Samples that the second has right and the first wrong, and the other way round. */
function flipped({ outcome: a }: ReportSection, { outcome: b }: ReportSection) {
  if (!a || !b || !("labels" in a && "labels" in b) || !same(a.truth, b.truth)) return undefined;
  const rows = a.labels.map((_, row) => row);
  const is = (of: typeof a, row: number) => of.labels[row] === of.truth[row];
  return {
    fixed: rows.filter((row) => is(b, row) && !is(a, row)),
    broken: rows.filter((row) => is(a, row) && !is(b, row)),
  };
}

function judged(say: Say, { change: { low, high }, higherIsBetter }: ScoreChange): string {
  if (low <= 0 && high >= 0) return say("not shown");
  return say(low > 0 === higherIsBetter ? "better" : "worse");
}

function verdict(say: Say, of: ScoreChange, [a, b]: readonly [string, string]): string {
  const { row, change } = of;
  const { low, high } = change;
  const [good, bad] = of.higherIsBetter ? [low > 0, high < 0] : [high < 0, low > 0];
  return say(
    "{0} is {1} {2}: {3} {4} against {5} (change {6}, 95% interval {7}).",
    b,
    say(good ? "better than" : bad ? "worse than" : "not shown to be better than"),
    a,
    row.name,
    score(of.second, row),
    score(of.first, row),
    difference(say)(change.value, row),
    range(say, low, high, row, difference(say)),
  );
}

function scoresHtml(say: Say, rows: readonly ScoreChange[], names: readonly string[], paired: boolean): Html {
  const differ = difference(say);
  const head = html`<th scope="col">${say("Score")}</th>${[...names, say("Change"), say("{0} interval", "95%")].map((name) => html`<th scope="col" class="number">${name}</th>`)}<th scope="col">${say("Is it better?")}</th>`;
  const body = rows.map((of) => {
    const { row, change, pValue } = of;
    const tested =
      pValue === undefined
        ? ""
        : ` (McNemar ${say(pValue < 0.001 ? "p < {0}" : "p = {0}", pValue < 0.001 ? "0.001" : pValue.toFixed(3))})`;
    return html`<tr><th scope="row">${row.name}</th><td class="number">${score(of.first, row)}</td><td class="number">${score(of.second, row)}</td><td class="number">${differ(change.value, row)}</td><td class="number">${bare(range(say, change.low, change.high, row, differ))}</td><td>${judged(say, of)}${tested}</td></tr>`;
  });
  return tableHtml(say(paired ? "on the same samples" : "on other samples"), head, body);
}

function flipsHtml(
  say: Say,
  { fixed, broken }: { readonly fixed: readonly number[]; readonly broken: readonly number[] },
  cards: { readonly fixed: readonly Html[]; readonly broken: readonly Html[] },
): Html {
  const block = (name: "Right now, wrong before" | "Wrong now, right before", count: number, of: readonly Html[]) =>
    html`<h3>${say(name)}</h3><p class="muted">${say.samples(count)}</p>${of.length > 0 && html`<ul class="cards">${of}</ul>`}`;
  return html`${block("Right now, wrong before", fixed.length, cards.fixed)}${block("Wrong now, right before", broken.length, cards.broken)}`;
}

function classesHtml(say: Say, first: ReportSection, second: ReportSection, names: readonly string[]): Html | false {
  const before = new Map(first.classes?.classes.map(({ label, f1 }) => [label, f1]));
  const both = second.classes?.classes.filter(({ label }) => before.has(label)) ?? [];
  if (both.length === 0) return false;
  const head = html`<th scope="col">${say("Class")}</th>${[...names.map((name) => `${say("F1")}, ${name}`), say("Change, in points"), say("Samples")].map((name) => html`<th scope="col" class="number">${name}</th>`)}`;
  const body = both.map(
    ({ label, f1, support }) =>
      html`<tr><th scope="row">${String(label)}</th><td class="number">${share(before.get(label)!)}</td><td class="number">${share(f1)}</td><td class="number">${bare(difference(say)(f1 - before.get(label)!, { isShare: true }))}</td><td class="number">${grouped(support)}</td></tr>`,
  );
  return tableHtml(say("Each class"), head, body);
}

function factsDiffer(
  a: readonly (readonly [string, string])[],
  b: readonly (readonly [string, string])[],
): (readonly [string, string, string])[] {
  const [first, second] = [new Map(a), new Map(b)];
  return [...new Set([...first.keys(), ...second.keys()])]
    .map((name) => [name, first.get(name) ?? "", second.get(name) ?? ""] as const)
    .filter(([, x, y]) => x !== y);
}

function titles({ sections }: ReportContent): string {
  return sections.map(({ title }) => show(title)).join(", ") || "none";
}
