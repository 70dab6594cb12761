// Speed and size beside the Python peers: npm run bench -- <area> [--json] [--save] [--only <words>]
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Row } from "./race.js";
import { formatTable, saveResults } from "./results.js";
import { here } from "./venv.js";

interface Area {
  /** With `only`, the rows whose names hold it. */
  measure(only?: string): AsyncIterable<Row>;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    save: { type: "boolean", default: false },
    only: { type: "string" },
  },
});
const [area = ""] = positionals;
const areas = readdirSync(join(here, "areas")).map((file) => file.replace(".ts", ""));
if (!areas.includes(area) || positionals.length > 1) {
  console.error(`npm run bench -- <area> [--json] [--save] [--only <words>]; areas: ${areas.join(", ")}`);
  process.exit(1);
}

const { measure } = (await import(`./areas/${area}.ts`)) as Area;
if (values.only !== undefined && measure.length === 0) throw new Error(`${area} measures all its rows, without --only`);
const rows: Row[] = [];
for await (const measured of measure(values.only)) {
  const { ours, peer, ratio } = measured;
  const row = { ...measured, ours: rounded(ours), peer: rounded(peer), ratio: rounded(ratio) };
  rows.push(row);
  const { details, ...line } = row;
  if (values.json) console.log(JSON.stringify(line));
  else console.error(`${row.name}: ${row.ratio.toFixed(2)} x ${details.peer}`);
}
if (!values.json) {
  const lines = rows.map(({ name, ours, peer, unit, ratio, threads, details }) => [
    name,
    ours,
    peer,
    unit,
    ratio,
    threads,
    details.peer,
  ]);
  console.log(formatTable(["", "ours", "peer", "unit", "ratio", "threads", "peer is"], lines));
}
if (values.save) saveResults(area, rows, { withPeers: true });

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
