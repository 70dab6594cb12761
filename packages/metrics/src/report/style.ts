import { fonts, type Theme, themes } from "../plots/theme.js";

function variables({ page, panel, ink, muted, line, accent, good, bad }: Theme, light: boolean): string {
  const plots = light ? "--light:block;--dark:none" : "--light:none;--dark:block";
  return `color-scheme:${light ? "light" : "dark"};--page:${page};--panel:${panel};--ink:${ink};--muted:${muted};--line:${line};--accent:${accent};--good:${good};--bad:${bad};${plots}`;
}
const light = variables(themes.light, true);
const dark = variables(themes.dark, false);

/** The system's colours, those of the switch before them, and always light ones on paper. No script takes part. */
export const style = `
:root{${light}}
@media screen and (prefers-color-scheme:dark){:root{${dark}}}
@media screen{:root:has(#theme-light:checked){${light}}:root:has(#theme-dark:checked){${dark}}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 ${fonts}}
.skip{position:absolute;left:-999px}.skip:focus{left:1rem;top:1rem;background:var(--panel);padding:.5rem 1rem;z-index:1}
header,main,footer{max-width:68rem;margin:0 auto;padding:1.5rem 1.25rem}
header{padding-top:2.5rem}main{padding-top:0}
h1{font-size:2rem;line-height:1.2;margin:0 0 .5rem}
h2{font-size:1.45rem;line-height:1.25;margin:2.75rem 0 .5rem;padding-top:1.25rem;border-top:1px solid var(--line)}
h3{font-size:1.1rem;margin:2rem 0 .5rem}h4{font-size:1rem;margin:0 0 .25rem}
p{max-width:46rem;margin:.5rem 0}.lead{font-size:1.1rem}.muted{color:var(--muted)}
a{color:var(--accent)}:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:3px}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:0;margin:1rem 0 0}
fieldset{border:0;padding:0;margin:1rem 0 0;color:var(--muted);font-size:.9rem;display:flex;flex-wrap:wrap;gap:.25rem 1rem}
legend{float:left;margin-right:1rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:1rem;margin:1.25rem 0}
.tile{background:var(--panel);border-radius:.6rem;padding:1rem 1.1rem}
.tile b{display:block;font-size:2rem;line-height:1.2;font-variant-numeric:tabular-nums}
.tile span{display:block;color:var(--muted);font-size:.9rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;margin:.75rem 0;font-variant-numeric:tabular-nums;font-size:.95rem}
caption{text-align:left;color:var(--muted);padding-bottom:.35rem}
th,td{text-align:left;padding:.35rem 1.25rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600}td.number,th.number{text-align:right;white-space:nowrap}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr));gap:1.5rem;align-items:start}
.plot{margin:0;background:var(--panel);border-radius:.6rem;padding:1rem;overflow-x:auto}
.plot svg{max-width:100%;height:auto;display:block}.light{display:var(--light)}.dark{display:var(--dark)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));gap:1rem;padding:0;list-style:none}
.card{background:var(--panel);border-radius:.6rem;padding:1rem;overflow-wrap:anywhere}
.card img{display:block;max-width:100%;height:auto;border-radius:.35rem;margin:.6rem 0;min-width:6rem}
.card audio{width:100%;margin:.4rem 0}blockquote{margin:.5rem 0;padding-left:.8rem;border-left:3px solid var(--line)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem .9rem;margin:.5rem 0}dt{color:var(--muted)}dd{margin:0}
.bar{display:inline-block;height:.7rem;border-radius:2px;vertical-align:baseline}.up{background:var(--good)}.down{background:var(--bad)}
footer{color:var(--muted);font-size:.9rem;border-top:1px solid var(--line);margin-top:2rem}
@media print{fieldset,nav,.skip,audio{display:none}body{font-size:11pt}.plot,.card,.tile,tr{break-inside:avoid}h2,h3{break-after:avoid}.plot,.card,.tile{border:1px solid var(--line);background:none}}
`.trim();
