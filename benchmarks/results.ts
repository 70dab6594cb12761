import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { here, peerPython, requirementsOf } from "./venv.js";

/** Writes what was measured, where, when and with what, to results/<date>-<name>.json; speed with the processor in the name. */
export function saveResults(
  name: string,
  rows: readonly object[],
  { withPeers }: { readonly withPeers: boolean },
): void {
  const date = new Date().toISOString().slice(0, 10);
  const cpu = cpus()[0]?.model ?? "unknown";
  const file = `${date}-${name}${withPeers ? `-${processor(cpu)}` : ""}.json`;
  mkdirSync(join(here, "results"), { recursive: true });
  const head = {
    name,
    date,
    machine: {
      cpu,
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      os: process.platform,
    },
    versions: { mmub: ownVersion(), node: process.versions.node, ...(withPeers && peerVersions(name)) },
  };
  const digits = (_: string, value: unknown) => (typeof value === "number" ? Number(value.toPrecision(5)) : value);
  const lines = rows.map((row) => `    ${JSON.stringify(row, digits)}`);
  const start = JSON.stringify(head, null, 2).slice(0, -"\n}".length);
  writeFileSync(join(here, "results", file), `${start},\n  "rows": [\n${lines.join(",\n")}\n  ]\n}\n`);
  console.error(`Saved as benchmarks/results/${file}`);
}

/** `intel-xeon` of `Intel(R) Xeon(R) Processor @ 2.10GHz`: maker and family. */
function processor(model: string): string {
  const words =
    model
      .toLowerCase()
      .replace(/\([a-z]+\)/g, "")
      .match(/[a-z0-9]+/g) ?? [];
  return words.slice(0, 2).join("-");
}

/** Rows as lines of aligned columns: numbers to the right, text to the left. */
export function formatTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === "number" ? formatNumber(cell) : cell)));
  const widths = header.map((title, i) => Math.max(title.length, ...cells.map((row) => row[i]!.length)));
  const lines = [header, ...cells].map((row, line) =>
    row
      .map((cell, i) =>
        typeof rows[Math.max(0, line - 1)]?.[i] === "number" ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!),
      )
      .join("  ")
      .trimEnd(),
  );
  return lines.join("\n");
}

function formatNumber(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 4 });
}

function ownVersion(): string {
  const packages = join(here, "..", "packages");
  const { version } = JSON.parse(readFileSync(join(packages, readdirSync(packages)[0]!, "package.json"), "utf8"));
  const { stdout } = spawnSync("git", ["describe", "--always", "--dirty"], { cwd: here, encoding: "utf8" });
  return [version, stdout?.trim()].filter(Boolean).join(" at ");
}

function peerVersions(area: string): Record<string, string> {
  const { stdout } = spawnSync(peerPython(area), ["--version"], { encoding: "utf8" });
  const lines = readFileSync(requirementsOf(area), "utf8").trim().split("\n");
  return { python: stdout.trim().replace("Python ", ""), ...Object.fromEntries(lines.map((line) => line.split("=="))) };
}
