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
header,main,footer{max-width:68rem;margin:0 auto;padding:1.5rem 1.25rem;overflow-wrap:break-word}
header{padding-top:2.5rem}main{padding-top:0}main:focus{outline:0}
h1{font-size:2rem;line-height:1.2;margin:0 0 .5rem}
h2{font-size:1.45rem;line-height:1.25;margin:2.5rem 0 .5rem;padding-top:1.25rem;border-top:1px solid var(--line)}
section:first-child>h2{margin-top:0}
h3{font-size:1.1rem;margin:2rem 0 .5rem}h4{font-size:1rem;margin:0 0 .25rem}
p{max-width:46rem;margin:.5rem 0}.lead{font-size:1.1rem}.muted,small{color:var(--muted)}small{font-size:.85em}
a{color:var(--accent)}:focus-visible{outline:3px solid var(--accent);outline-offset:2px;border-radius:3px}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:0;margin:1rem 0 0}
fieldset{border:0;padding:0;margin:1rem 0 0;color:var(--muted);font-size:.9rem;display:flex;flex-wrap:wrap;gap:.25rem 1rem}
legend{float:left;padding:0;margin-right:1rem}label{display:flex;align-items:center;gap:.35rem}input{margin:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,13rem),1fr));gap:1rem;margin:1.25rem 0}
.tile{background:var(--panel);border-radius:.6rem;padding:1rem 1.1rem}
.tile b{display:block;font-size:2rem;line-height:1.2;font-variant-numeric:tabular-nums}
.tile span{display:block;color:var(--muted);font-size:.9rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;margin:0 0 .75rem;font-variant-numeric:tabular-nums;font-size:.95rem}
caption{text-align:left;color:var(--muted);padding-bottom:.35rem}
th,td{text-align:left;padding:.35rem 1.25rem .35rem 0;border-bottom:1px solid var(--line);vertical-align:top}
thead th{vertical-align:bottom}th{font-weight:600}td.number,th.number{text-align:right}td.number{white-space:nowrap}
.plots{columns:2 22rem;column-gap:1.25rem}
.plot{margin:0 0 1.25rem;background:var(--panel);border-radius:.6rem;padding:1rem;break-inside:avoid}
.plot svg{width:100%;max-width:29rem;height:auto;display:block}.light{display:var(--light)}.dark{display:var(--dark)}
.beside{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1.25rem;align-items:start;margin:.75rem 0}
.beside .plot{margin:0}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,19rem),1fr));gap:1rem;padding:0;margin:.75rem 0;list-style:none}
.card{background:var(--panel);border-radius:.6rem;padding:1rem;overflow-wrap:anywhere}
.card img{display:block;max-width:100%;max-height:14rem;height:auto;border-radius:.35rem;margin:.6rem 0;min-width:6rem}
.card audio{width:100%;margin:.4rem 0}blockquote{margin:.5rem 0;padding-left:.8rem;border-left:3px solid var(--line)}
dl{display:grid;grid-template-columns:fit-content(45%) 1fr;gap:.15rem .9rem;margin:.5rem 0}dt{color:var(--muted)}dd{margin:0}
.card table{width:100%;table-layout:fixed;margin:.75rem 0 0}.card tr>*{padding-right:.5rem}.card tr>:last-child{padding-right:0}
.card td.number{width:4rem}
.bar{display:block;height:.7rem;margin-top:.4rem;min-width:1px;border-radius:2px;print-color-adjust:exact;-webkit-print-color-adjust:exact}
.up{background:var(--good)}.down{background:var(--bad)}
footer{color:var(--muted);font-size:.9rem;border-top:1px solid var(--line);margin-top:2rem}
@page{margin:14mm}
@media print{fieldset,nav,.skip,audio{display:none}body{font-size:10pt}header,main,footer{max-width:none;padding:0 0 1rem}h1{font-size:1.8rem}
.plots{columns:2;column-gap:1rem}.beside{grid-template-columns:1fr 1fr;gap:1rem}.tiles,.cards{grid-template-columns:repeat(3,1fr);gap:.75rem}.scroll{overflow:visible;font-size:.85em}
.question+.question{break-before:page}.plot,.card,.tile,tr{break-inside:avoid}h2,h3{break-after:avoid}
.plot,.card,.tile{border:1px solid var(--line);background:none;padding:.6rem}.tile b{font-size:1.5rem}}
`.trim();
