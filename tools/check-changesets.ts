// A change under packages/ wants a changeset that names the package: `npm run check -- changesets`.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** The packages of the repository at `root` that changed since the last release and that no changeset names. */
export function withoutChangeset(root: string): string[] {
  const named = changesets(root).flatMap((text) =>
    [...frontMatter(text).matchAll(/@mmub\/([\w-]+)/g)].map((m) => m[1]),
  );
  return changed(root).filter((name) => !named.includes(name));
}

function changesets(root: string): string[] {
  const folder = join(root, ".changeset");
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => file.endsWith(".md") && file !== "README.md");
  return files.map((file) => readFileSync(join(folder, file), "utf8"));
}

function frontMatter(text: string): string {
  return /^---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1] ?? "";
}

function changed(root: string): string[] {
  const packages = readdirSync(join(root, "packages")).filter((name) =>
    existsSync(join(root, "packages", name, "package.json")),
  );
  const version = (name: string): string =>
    JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")).version;
  return packages.filter((name) => {
    const current = version(name);
    if (current === "0.0.0") return true; // never released
    // The commit that set the version is the release; unlike a tag, every clone has it.
    const manifest = `packages/${name}/package.json`;
    const release = git(root, "log", "-1", "--format=%H", `-S"version": "${current}"`, "--", manifest);
    return git(root, "diff", "--name-only", release, "--", `packages/${name}`) !== "";
  });
}

function git(root: string, ...args: string[]): string {
  return execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const missing = withoutChangeset(process.cwd());
  for (const name of missing)
    console.error(
      `packages/${name} changed since its last release: add .changeset/<what>.md that names "@mmub/${name}"`,
    );
  process.exitCode = missing.length === 0 ? 0 : 1;
}
