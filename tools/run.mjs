// What the npm scripts call. Plain Node without dependencies, for it runs before anything is installed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const packed = join(root, "integration", ".work", "packed");
const env = { ...process.env, TURBO_TELEMETRY_DISABLED: "1", TURBO_NO_UPDATE_NOTIFIER: "1", DO_NOT_TRACK: "1" };

class Failure extends Error {}

const commands = {
  start: {
    about: "builds the packages and runs examples/quickstart",
    run: (args) => buildAndRun("quickstart", args),
  },
  test: {
    about: "every test, or those in the files named: npm test -- packages/text",
    run(args) {
      build();
      const json = join(root, "node_modules", ".vitest-report.json");
      rmSync(json, { force: true });
      const status = run(bin("vitest"), [
        "run",
        ...args,
        "--reporter=default",
        "--reporter=json",
        `--outputFile.json=${json}`,
      ]);
      report("tests", countTests(json, status));
      return status;
    },
  },
  check: {
    about:
      "lint, types, docs, networks and reports in a browser, packages, integration and examples; some alone: npm run check -- lint types",
    run: runChecks,
  },
  bench: {
    about: "speed beside the Python peers: npm run bench -- <area> [--json] [--save]",
    run(args) {
      build();
      if (args.includes("core")) pack();
      return tsx("benchmarks/bench.ts", args);
    },
  },
  quality: {
    about:
      "quality on real data: npm run quality -- <set> [--data <folder>] [--seeds <n>] [--out <folder>] [--json] [--save]",
    run(args) {
      build();
      return tsx("benchmarks/quality.ts", absoluteData(args));
    },
  },
  reports: {
    about:
      "reports of four sets of real data, looked at in Chromium: npm run reports -- [--data <folder>] [--out <folder>] [--only <set>]",
    run(args) {
      build();
      return tsx("benchmarks/reports.ts", absoluteData(args));
    },
  },
  weights: {
    about: "fetches weights of pretrained models for the benchmarks: npm run weights -- <name> [--to <folder>]",
    run(args) {
      build();
      return tsx("benchmarks/weights.ts", absoluteData(args));
    },
  },
  example: {
    about: "one example: npm run example -- <name> [its options]",
    run([name, ...args]) {
      if (!name) throw new Failure(`which example? npm run example -- <name>, of: ${folders("examples").join(", ")}`);
      return buildAndRun(name, args);
    },
  },
  format: {
    about: "formats and mends what lint can mend",
    run: (args) => run(bin("@biomejs/biome", "biome"), ["check", "--write", ...(args.length ? args : ["."])]),
  },
};

main(process.argv.slice(2));

function main([name, ...args]) {
  const command = Object.hasOwn?.(commands, name ?? "") ? commands[name] : undefined;
  try {
    checkNode();
    if (!command) {
      const usage = Object.entries(commands).map(([key, { about }]) => `  ${key.padEnd(8)} ${about}`);
      throw new Failure(`usage: node tools/run.mjs <command>\n${usage.join("\n")}`);
    }
    install();
    process.exitCode = command.run(args);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    say(error.message);
    report(name, { passed: 0, failed: 1 });
    process.exitCode = 1;
  }
}

/** The same range as vite's, which the tests run on: the packages themselves take any Node from 20.19. */
function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)) return;
  throw new Failure(
    `This is Node ${process.versions.node}. Please use Node 20.19 or newer, or 22.12 or newer: https://nodejs.org`,
  );
}

/** Installs what the lockfile says, unless the last install here was of the same lockfile. */
function install() {
  const marker = join(root, "node_modules", ".installed");
  const manifests = ["packages", "examples"].flatMap((parent) => folders(parent).map((name) => join(parent, name)));
  const hash = createHash("sha256").update(`${process.platform} ${process.arch} ${process.versions.modules}`);
  for (const folder of ["", "benchmarks", "integration", ...manifests]) hash.update(read(join(folder, "package.json")));
  const state = hash.update(read("pnpm-lock.yaml")).update(read("pnpm-workspace.yaml")).digest("hex");
  if (existsSync(marker) && readFileSync(marker, "utf8") === state) return;
  quietly("Installing dependencies", () => pnpm(["install", "--frozen-lockfile"], "pipe"));
  writeFileSync(marker, state);
}

function build() {
  quietly("Building the packages", () => pnpm(["exec", "turbo", "run", "build", "--output-logs=errors-only"], "pipe"));
}

/** Packs every package as it would be published. */
function pack() {
  rmSync(packed, { recursive: true, force: true });
  mkdirSync(packed, { recursive: true });
  quietly("Packing the packages", () =>
    pnpm(["--recursive", "--filter", "./packages/*", "pack", "--pack-destination", packed], "pipe"),
  );
}

function buildAndRun(name, args) {
  if (!folders("examples").includes(name))
    throw new Failure(`there is no example "${name}"; there are: ${folders("examples").join(", ") || "none"}`);
  build();
  return runExample(name, absoluteData(args));
}

function runExample(name, args) {
  return pnpm(["--silent", "--dir", join(root, "examples", name), "run", "start", ...args]).status ?? 1;
}

function runChecks(names) {
  const checks = listChecks();
  const known = [...new Set(checks.map(({ name }) => name))];
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length) throw new Failure(`there is no check "${unknown[0]}"; there are: ${known.join(", ")}`);
  const chosen = checks.filter(({ name }) => names.length === 0 || names.includes(name));
  if (chosen.some(({ on }) => on !== "sources")) build();
  if (chosen.some(({ on }) => on === "packed")) pack();

  const results = chosen.map(({ name, of = "", check }) => {
    const title = `${name} ${of}`.trim();
    say(`── ${title}`);
    const started = performance.now();
    const ok = check() === 0;
    return { ok, line: `${ok ? "✓" : "✗"} ${title.padEnd(32)} ${seconds(started)}` };
  });
  const failed = results.filter(({ ok }) => !ok).length;
  say(`\n${results.map(({ line }) => line).join("\n")}\n`);
  report("checks", { passed: results.length - failed, failed });
  return failed === 0 ? 0 : 1;
}

/** Each with what it looks at: the sources, the build, or the packed packages. */
function listChecks() {
  const tarballs = () => readdirSync(packed).map((file) => join(packed, file));
  const tarball = (name) => tarballs().find((file) => basename(file).startsWith(`mmub-${name}-`)) ?? `mmub-${name}.tgz`;
  return [
    { name: "lint", on: "sources", check: () => run(bin("@biomejs/biome", "biome"), ["ci", "."]) },
    { name: "types", on: "sources", check: () => run(bin("typescript", "tsc"), ["-p", "."]) },
    { name: "imports", on: "sources", check: () => tsx("tools/check-imports.ts") },
    { name: "docs", on: "sources", check: () => run(bin("tsx"), ["--conditions=@mmub/source", "tools/check-docs.ts"]) },
    {
      name: "browser",
      of: "nn",
      on: "sources",
      check: () => run(bin("tsx"), ["--conditions=@mmub/source", "packages/nn/fixtures/browser.ts"]),
    },
    {
      name: "browser",
      of: "fusion",
      on: "sources",
      check: () => {
        const source = (file) => join(root, "packages", file);
        const exported = join(root, "node_modules", ".fusion-exports");
        rmSync(exported, { recursive: true, force: true });
        const args = ["--conditions=@mmub/source"];
        return (
          run(bin("tsx"), [...args, source("fusion/fixtures/write-exports.ts"), exported]) ||
          run(bin("tsx"), [...args, source("nn/fixtures/browser.ts"), exported])
        );
      },
    },
    {
      name: "report",
      on: "sources",
      check: () => run(bin("tsx"), ["--conditions=@mmub/source", "benchmarks/report-check.ts"]),
    },
    { name: "unused", on: "sources", check: () => run(bin("knip"), ["--no-config-hints"]) },
    { name: "changesets", on: "sources", check: () => tsx("tools/check-changesets.ts") },
    ...folders("packages").flatMap((of) => [
      { name: "publint", of, on: "packed", check: () => run(bin("publint"), ["run", "--strict", tarball(of)]) },
      {
        name: "attw",
        of,
        on: "packed",
        check: () => run(bin("@arethetypeswrong/cli", "attw"), ["--profile", "esm-only", tarball(of)]),
      },
    ]),
    { name: "integration", on: "packed", check: () => tsx("integration/run.ts", [packed]) },
    ...folders("examples").map((of) => ({ name: "examples", of, on: "build", check: () => runExample(of, []) })),
  ];
}

function countTests(json, status) {
  if (!existsSync(json)) return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(json, "utf8"),
  );
  // A file that cannot be loaded fails without a test of its own.
  const broken = testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0).length;
  const failed = numFailedTests + broken;
  return {
    passed: numPassedTests,
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: numPendingTests + numTodoTests,
  };
}

/** Adds a line of counts to the file MMUB_REPORT, which CI adds up. */
function report(step, counts) {
  if (env.MMUB_REPORT) appendFileSync(env.MMUB_REPORT, `${JSON.stringify({ step, ...counts })}\n`);
}

/** `--data`, `--out` and `--to` are meant from where the command was typed, not from the folder it runs in. */
function absoluteData(args) {
  const from = env.INIT_CWD ?? process.cwd();
  const options = ["--data", "--out", "--to"];
  return args.map((arg, i) => {
    if (options.includes(args[i - 1])) return resolve(from, arg);
    const option = options.find((name) => arg.startsWith(`${name}=`));
    return option ? `${option}=${resolve(from, arg.slice(option.length + 1))}` : arg;
  });
}

/** pnpm in the version of package.json, fetched once by npx. CI: it never asks a question. */
function pnpm(args, output = "inherit") {
  const version = JSON.parse(read("package.json")).packageManager;
  const options = { cwd: root, env: { ...env, CI: "true" }, stdio: ["ignore", output, output], encoding: "utf8" };
  const npx = ["--yes", "--loglevel=error", version, ...args];
  // npm says where it is itself; a shell is needed only where npx is a .cmd file, and npx was called without npm.
  const npxCli = env.npm_execpath && join(dirname(env.npm_execpath), "npx-cli.js");
  return npxCli && existsSync(npxCli)
    ? spawnSync(process.execPath, [npxCli, ...npx], options)
    : spawnSync("npx", npx, { ...options, shell: process.platform === "win32" });
}

function tsx(file, args = []) {
  return run(bin("tsx"), [join(root, file), ...args]);
}

function run(script, args) {
  const { status, error } = spawnSync(process.execPath, [script, ...args], { cwd: root, env, stdio: "inherit" });
  if (error) throw error;
  return status ?? 1;
}

/** The script behind a command of an installed package: no shell, no `.cmd`, whatever the path. */
function bin(name, command = name) {
  const folder = join(root, "node_modules", name);
  const { bin: bins } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return join(folder, typeof bins === "string" ? bins : bins[command]);
}

/** Runs a step whose output is of interest only when it fails. */
function quietly(title, step) {
  const started = performance.now();
  const { status, stdout, stderr, error } = step();
  if (status === 0) return say(`${title}: ${seconds(started)}`);
  throw new Failure(
    `${stdout ?? ""}${stderr ?? ""}${error ? `${error.message}\n` : ""}${title}: failed after ${seconds(started)}`,
  );
}

/** The workspaces of a folder. Git keeps no empty folder, so it may not be there. */
function folders(parent) {
  if (!existsSync(join(root, parent))) return [];
  return readdirSync(join(root, parent)).filter((name) => existsSync(join(root, parent, name, "package.json")));
}

function read(path) {
  return readFileSync(join(root, path));
}

function seconds(started) {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`;
}

function say(line) {
  process.stderr.write(`${line}\n`);
}
