// Installs the packed packages into a fresh project, as a user would, and uses them there: `npm run check -- integration`.
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leaks } from "./leaks.js";

const here = import.meta.dirname;
const root = join(here, "..");
const newerNode = "24.21.0";

const packed = process.argv[2] ?? "";
const tarballs = existsSync(packed) ? readdirSync(packed) : [];
const names = readdirSync(join(root, "packages")).filter((name) =>
  existsSync(join(root, "packages", name, "package.json")),
);
if (!names.every((name) => tarballs.some((file) => file.startsWith(`mmub-${name}-`))))
  throw new Error(`${packed || "no folder"} does not hold every package, packed; use: npm run check -- integration`);

const project = mkdtempSync(join(tmpdir(), "mmub consumer "));
try {
  install();
  const found = names.flatMap((name) =>
    leaks(join(project, "node_modules", "@mmub", name)).map((leak) => `@mmub/${name}: ${leak}`),
  );
  const entries = names.flatMap(entryPoints);
  step("types of a consumer", process.execPath, [script("typescript", "bin/tsc"), "-p", "."]);

  const outputs = [process.execPath, await node24()].map((node) => {
    const version = step("node", node, ["--version"]).trim();
    step(`every export on ${version}`, node, ["every-export.mjs", ...entries]);
    step(`an import that touches nothing on ${version}`, node, ["quiet-import.mjs", "@mmub/text"]);
    const output = step(`a pipeline on ${version}`, node, ["pipeline.mjs"]);
    step(`networks on ${version}`, node, ["networks.mjs"]);
    step(`a modality of one's own on ${version}`, node, [script("vitest", "vitest.mjs"), "run"]);
    return output;
  });
  // Node's own logarithms and sines may differ in the last digit from version to version.
  const [older, newer] = outputs.map((output) => output.trim().split(/\s+/).map(Number)) as [number[], number[]];
  if (older.length !== newer.length || older.some((value, i) => !(Math.abs(value - newer[i]!) < 1e-4)))
    fail("a pipeline", `its output depends on the version of Node:\n${outputs.join("\n")}`);
  if (found.length > 0) fail("what the packages hold", `\n${found.join("\n")}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  rmSync(project, { recursive: true, force: true });
}

/** A project with every package from its tarball, also where they depend on each other. */
function install(): void {
  cpSync(join(here, "consumer"), project, { recursive: true });
  cpSync(join(root, "examples", "custom-modality", "src"), join(project, "src"), { recursive: true });
  cpSync(join(root, "examples", "custom-modality", "test"), join(project, "test"), { recursive: true });
  const file = (name: string) =>
    `file:${join(packed, tarballs.find((tarball) => tarball.startsWith(`mmub-${name}-`))!)}`;
  const versionOf = (name: string) =>
    JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies[name];
  const manifest = {
    private: true,
    type: "module",
    dependencies: Object.fromEntries(names.map((name) => [`@mmub/${name}`, file(name)])),
    devDependencies: { "@types/node": versionOf("@types/node") },
    overrides: Object.fromEntries(names.map((name) => [`@mmub/${name}`, `$@mmub/${name}`])),
  };
  writeFileSync(join(project, "package.json"), JSON.stringify(manifest));
  npm(project, ["install", "--no-package-lock"]);
  // The test of the example needs a runner, and networks the runtimes that a user may install: ours are here already.
  const link = (from: string, name: string) =>
    symlinkSync(join(root, from, "node_modules", name), join(project, "node_modules", name), "junction");
  link("", "vitest");
  for (const runtime of ["onnxruntime-node", "@tensorflow"]) link("packages/nn", runtime);
}

/** Every path that a package exports, as a user imports it. */
function entryPoints(name: string): string[] {
  const manifest = JSON.parse(readFileSync(join(project, "node_modules", "@mmub", name, "package.json"), "utf8"));
  return Object.keys(manifest.exports).map((path) => `@mmub/${name}${path.slice(1)}`);
}

/** A newer Node beside the one at work, from the package that holds its binary for this platform. */
async function node24(): Promise<string> {
  const folder = join(here, ".work", `node-${newerNode}`);
  const platform = `${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const installed = join(
    folder,
    "node_modules",
    `node-${platform}`,
    "bin",
    process.platform === "win32" ? "node.exe" : "node",
  );
  if (!existsSync(installed)) {
    rmSync(folder, { recursive: true, force: true });
    npm(join(here), ["install", "--prefix", folder, "--no-save", `node-${platform}@${newerNode}`]);
  }
  return installed;
}

function npm(cwd: string, args: string[]): void {
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts"];
  // npm says where it is itself; a shell is needed only where npm is a .cmd file.
  const cli = process.env.npm_execpath;
  const [command, first] = cli?.endsWith("npm-cli.js") ? [process.execPath, [cli]] : ["npm", []];
  const shell = process.platform === "win32" && command === "npm";
  check(`npm ${args[0]}`, spawnSync(command, [...first, ...args, ...quiet], { cwd, encoding: "utf8", shell }));
}

function step(title: string, command: string, args: readonly string[]): string {
  const started = performance.now();
  const result = check(title, spawnSync(command, args, { cwd: project, encoding: "utf8", timeout: 120_000 }));
  if (title !== "node") console.error(`${title}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}

function check(title: string, { status, stdout, stderr, error }: ReturnType<typeof spawnSync>): string {
  if (status !== 0) fail(title, error?.message ?? `${stdout}${stderr}`);
  return String(stdout);
}

function fail(title: string, message: string): never {
  throw new Error(`${title}: ${message}`);
}

function script(name: string, path: string): string {
  return join(root, "node_modules", name, path);
}
