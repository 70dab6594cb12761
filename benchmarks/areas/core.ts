// What installing and importing each package costs, beside the Python library that does the same.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Row } from "../race.js";
import { cache, here, peerEnv, peerPython, peers } from "../venv.js";

/** The peer of each package: the distribution that is installed, and the import that gives what the package gives. */
const peerOf: Readonly<Record<string, { readonly installs: string; readonly imports: string }>> = {
  audio: { installs: "librosa", imports: "from librosa.feature import mfcc" },
  behavior: { installs: "scikit-learn", imports: "from sklearn.compose import ColumnTransformer" },
  core: { installs: "scikit-learn", imports: "from sklearn.pipeline import Pipeline" },
  fusion: { installs: "scikit-learn", imports: "from sklearn.pipeline import FeatureUnion" },
  image: { installs: "scikit-image", imports: "from skimage.feature import hog" },
  metrics: { installs: "scikit-learn", imports: "from sklearn.metrics import accuracy_score" },
  models: { installs: "scikit-learn", imports: "from sklearn.linear_model import LogisticRegression" },
  text: { installs: "scikit-learn", imports: "from sklearn.feature_extraction.text import TfidfVectorizer" },
};

const packed = join(here, "..", "integration", ".work", "packed");
const rounds = 7;

export async function* measure(): AsyncGenerator<Row> {
  const tarballs = existsSync(packed) ? readdirSync(packed) : [];
  if (tarballs.length === 0) throw new Error("there are no packed packages; use: npm run bench -- core");
  const python = peerPython();
  for (const [name, { installs, imports }] of Object.entries(peerOf)) {
    const project = install(name, tarballs);
    yield row(`@mmub/${name}: installed size`, "MB", installs, "sum of all files, dependencies included", {
      ours: [sizeOf(join(project, "node_modules")) / 1e6],
      peer: [Number(output(python, [join(peers, "installed_size.py"), installs])) / 1e6],
    });

    // The script's own clock: how long Node and Python take to start is left out.
    const ourScript = `const t = performance.now(); await import("@mmub/${name}"); console.log(performance.now() - t)`;
    const peerScript = `import time; t = time.perf_counter(); ${imports}; print((time.perf_counter() - t) * 1e3)`;
    const times = { ours: [] as number[], peer: [] as number[] };
    for (let round = 0; round <= rounds; round++) {
      const ours = Number(output(process.execPath, ["--input-type=module", "--eval", ourScript], project));
      const peer = Number(output(python, ["-c", peerScript]));
      if (round === 0) continue; // reads the files into the system's cache, and Python writes its compiled ones
      times.ours.push(ours);
      times.peer.push(peer);
    }
    yield row(`@mmub/${name}: import`, "ms", imports, `least wall time of ${rounds} fresh processes`, times);
  }
}

function row(name: string, unit: string, peer: string, measure: string, runs: { ours: number[]; peer: number[] }): Row {
  const [ours, theirs] = [Math.min(...runs.ours), Math.min(...runs.peer)];
  return { name, ours, peer: theirs, unit, ratio: theirs / ours, threads: 1, details: { peer, measure, runs } };
}

/** A fresh project with one package and what it depends on, as in production. */
function install(name: string, tarballs: readonly string[]): string {
  const project = join(cache, "footprint", name);
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project, { recursive: true });
  const file = (of: string) => `file:${join(packed, tarballs.find((tarball) => tarball.startsWith(`mmub-${of}-`))!)}`;
  // What it needs of our other packages comes from the tarballs too: this version is in no registry yet.
  const ours = tarballs.map((tarball) => /^mmub-(\w+)-/.exec(tarball)![1]!);
  const overrides = Object.fromEntries(ours.map((of) => [`@mmub/${of}`, file(of)]));
  const dependencies = { [`@mmub/${name}`]: file(name) };
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, dependencies, overrides }));
  const options = ["install", "--omit=dev", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"];
  output("npm", options, project);
  return project;
}

function sizeOf(folder: string): number {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  );
}

function output(command: string, args: readonly string[], cwd = here): string {
  const { status, stdout } = spawnSync(command, args, {
    cwd,
    env: peerEnv(),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    shell: process.platform === "win32" && command === "npm",
  });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}`);
  return stdout.trim();
}
