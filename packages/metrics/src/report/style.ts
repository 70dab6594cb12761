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
html{scroll-padding-top:1rem;text-size-adjust:100%;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 ${fonts};font-variant-numeric:tabular-nums}
.skip{position:absolute;left:-999px}.skip:focus{left:1rem;top:1rem;background:var(--panel);padding:.5rem 1rem;z-index:1}
header,main,footer{max-width:70rem;margin:0 auto;padding:1.5rem 1.25rem}
header{padding-top:2.5rem;padding-bottom:0;display:grid;grid-template-columns:1fr auto;gap:0 2rem;align-items:start}
header>*{grid-column:1/-1}
main{padding-top:0}
h1{font-size:2.1rem;line-height:1.2;letter-spacing:-.01em;margin:0 0 .5rem;text-wrap:balance}
h2{font-size:1.6rem;line-height:1.25;letter-spacing:-.005em;margin:2.5rem 0 .25rem;padding-top:2rem;border-top:1px solid var(--line)}
h3{font-size:1.15rem;line-height:1.3;margin:2.5rem 0 .25rem}h4{font-size:1rem;line-height:1.35;margin:0}
p{max-width:46rem;margin:.4rem 0}.lead{font-size:1.1rem}.muted,.muted a{color:var(--muted)}
a{color:var(--accent)}:focus-visible,audio:focus{outline:3px solid var(--accent);outline-offset:2px;border-radius:3px}
header nav{grid-column:1}nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:0;margin:1rem 0 0}
fieldset{grid-column:2;border:0;padding:0;margin:1rem 0 0;color:var(--muted);font-size:.875rem;display:flex;flex-wrap:wrap;gap:0 .9rem}
legend{float:left;margin-right:.9rem;padding:0}fieldset label{white-space:nowrap}input{accent-color:var(--accent)}
.headline{display:grid;grid-template-columns:minmax(13rem,1fr) minmax(0,2.4fr);gap:1.25rem 2.5rem;background:var(--panel);border-radius:.75rem;padding:1.5rem 1.75rem;margin:1.25rem 0;align-items:center}
.big b{display:block;font-size:3.25rem;line-height:1.1;font-weight:650;letter-spacing:-.02em}
.big span,.tiles dt,.tiles dd span{color:var(--muted);font-size:.9rem}
.big span{display:block}
.track{position:relative;height:2.25rem;margin:.25rem .5rem 0}
.track::before{content:"";position:absolute;inset:1.05rem 0 auto;height:.2rem;border-radius:1rem;background:var(--line)}
.track i{position:absolute}
.track .interval{top:.85rem;height:.6rem;border-radius:.3rem;background:var(--accent);opacity:.4}
.track .point{top:.65rem;width:1rem;height:1rem;margin-left:-.5rem;border-radius:50%;background:var(--accent)}
.track .baseline{top:.3rem;width:.22rem;height:1.7rem;margin-left:-.11rem;border-radius:.1rem;background:var(--ink)}
.ends{display:flex;justify-content:space-between;color:var(--muted);font-size:.8rem;margin:0 .5rem}
.key{display:flex;flex-wrap:wrap;gap:.1rem 1.5rem;list-style:none;padding:0;margin:.6rem .5rem 0;font-size:.9rem}
.key i{display:inline-block;vertical-align:-.1em;margin-right:.45rem;background:var(--accent);width:.8rem;height:.8rem;border-radius:50%}
.key .baseline{background:var(--ink);width:.22rem;height:1rem;border-radius:.1rem;margin-left:.3rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:1rem 2rem;margin:1.25rem 0;padding:0 1.75rem}
.tiles dd{margin:0;font-size:1.35rem;font-weight:600;line-height:1.35}.tiles dd span{display:block;font-weight:400}
.scroll{overflow-x:auto}
table{border-collapse:collapse;margin:.75rem 0;font-size:.95rem}
caption{text-align:left;color:var(--muted);padding-bottom:.35rem}
th,td{text-align:left;padding:.4rem 1.5rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top;font-weight:400}
thead th{font-weight:600;vertical-align:bottom}tfoot td,tfoot th{font-weight:600;border-bottom:0}
td:last-child,th:last-child{padding-right:0}
.number{text-align:right;white-space:nowrap}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,27rem),1fr));gap:1.25rem;align-items:stretch;margin:.9rem 0}
.plot{margin:0;border:1px solid var(--line);border-radius:.75rem;padding:1.1rem 1.25rem;min-width:0}
.plot figcaption p{color:var(--muted);font-size:.9rem;margin:.1rem 0 .6rem}
.plot svg{max-width:100%;height:auto;display:block;min-width:24rem;overflow:visible}
.light{display:var(--light)}.dark{display:var(--dark)}
details{margin-top:.5rem;font-size:.9rem}summary{cursor:pointer;color:var(--muted)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr));gap:1.25rem;padding:0;margin:.9rem 0;list-style:none}
.card{border:1px solid var(--line);border-radius:.75rem;padding:1.1rem 1.25rem;display:flex;flex-direction:column;gap:.6rem;min-width:0}
.card>*{margin:0}.card img{display:block;max-width:100%;max-height:14rem;width:auto;height:auto;border-radius:.4rem;min-width:6rem;align-self:flex-start;object-fit:contain}
.card audio{width:100%;height:2.5rem}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.75rem;align-items:start}.pair img{min-width:0}
.heat{position:relative;justify-self:start}.card .heat img{filter:grayscale(1) contrast(.7) brightness(1.1)}
.heat i{position:absolute;--of:var(--good);background:color-mix(in srgb,var(--of) var(--share),transparent)}.heat .down{--of:var(--bad)}
.heat .edge{border:2px solid var(--of)}.heat .down.edge{border-style:dashed}
.spans{position:relative;height:3.5rem}.spans::before{content:"";position:absolute;top:50%;left:0;right:0;height:1px;background:var(--muted)}
.spans i{position:absolute;border:solid var(--panel);border-width:0 1px}.spans .up{bottom:50%;background:var(--good)}.spans .down{top:50%;background:var(--bad)}.spans+.ends{margin:.2rem 0 0}
blockquote{padding-left:.8rem;border-left:3px solid var(--line);overflow-wrap:anywhere;white-space:pre-line;max-height:15rem;overflow-y:auto}
.card table{width:100%;font-size:.9rem;margin-top:auto}.card th,.card td{padding:.25rem .75rem .25rem 0}.card th[scope=row]{overflow-wrap:break-word}
.card .bars{width:36%;padding-right:0}
.bar{position:relative;height:1rem;margin-top:.2rem}.bar::before{content:"";position:absolute;left:50%;top:-.15rem;bottom:-.15rem;width:1px;background:var(--muted)}
.bar i{position:absolute;top:.1rem;height:.8rem;border-radius:2px}.bar .up{left:50%;background:var(--good)}.bar .down{right:50%;background:var(--bad)}
.facts{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.3rem 1.5rem;margin:.75rem 0}.facts dt{color:var(--muted)}.facts dd{margin:0;overflow-wrap:anywhere}
.card .facts{gap:.1rem .9rem;grid-template-columns:max-content 1fr;margin:0}
mark{background:none;color:inherit;font-weight:600;text-underline-offset:.18em}mark.up{text-decoration:underline solid var(--good) .14em}mark.down{text-decoration:underline dashed var(--bad) .14em}
.small{font-size:.85rem}.sub{margin:1.5rem 0 .25rem}
footer{color:var(--muted);font-size:.875rem;border-top:1px solid var(--line);margin-top:3rem}
@media screen and (max-width:44rem){h1{font-size:1.6rem}h2{font-size:1.35rem}header{display:block;padding-top:1.5rem}.headline{grid-template-columns:minmax(0,1fr);padding:1.1rem 1.1rem}.tiles{padding:0 .25rem;gap:1rem;grid-template-columns:1fr 1fr}.big b{font-size:2.75rem}header,main,footer{padding-left:1rem;padding-right:1rem}.plot{padding:.8rem .6rem}.plot svg{min-width:0}.card{padding:.9rem}.facts{grid-template-columns:minmax(0,1fr);gap:0}.facts dd{margin-bottom:.6rem}.card .facts dd{margin:0}th,td{padding-right:1rem}}
@page{margin:14mm}
@media print{
fieldset,nav,.skip,audio,details{display:none}
body{font-size:10pt}header,main,footer{max-width:none;padding:0}h1{font-size:20pt}h2{font-size:15pt;border:0;padding:0;margin-top:18pt}h3{font-size:11.5pt;margin-top:14pt}
section+section.question{break-before:page}
.plots{grid-template-columns:1fr 1fr;gap:8pt}.cards{grid-template-columns:1fr 1fr 1fr;gap:8pt}.plot svg{min-width:0}
.headline{background:none;border:1px solid var(--line);grid-template-columns:1fr 2.4fr}.big b{font-size:30pt}
.plot,.card,.headline,.tiles,table,tr,.facts dt,.facts dd{break-inside:avoid}h2,h3,h4,h2+p,h3+p,h4+p,caption{break-after:avoid}
.scroll{overflow:visible}table{font-size:8.5pt}th,td{padding:2pt 8pt 2pt 0}thead .number{white-space:normal}.card,.card table,.tiles dt,.tiles dd span{font-size:8.5pt}.card .facts{gap:0 6pt}
.tiles{grid-template-columns:repeat(auto-fit,minmax(7.2rem,1fr));gap:8pt;padding:0}.tiles dd{font-size:13pt}.card{padding:8pt}.card img{max-height:3cm}.card .small{font-size:7.5pt}.spans{height:1.6cm}blockquote{max-height:none}
.track,.key,.bar,.bar i,.heat i,.spans i{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
`.trim();
