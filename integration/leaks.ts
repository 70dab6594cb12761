import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";

/** What an installed package holds that it should not, or lacks: a user gets ES modules with types, and nothing of ours. */
export function leaks(folder: string): string[] {
  const manifest = readFileSync(join(folder, "package.json"), "utf8");
  const { type, exports = {} } = JSON.parse(manifest) as {
    type?: string;
    exports?: Record<string, Record<string, string>>;
  };
  const found: string[] = [];
  if (type !== "module") found.push('package.json lacks "type": "module"');
  if (manifest.includes("workspace:")) found.push('package.json still says "workspace:"');
  for (const targets of Object.values(exports))
    for (const target of Object.values(targets))
      if (!existsSync(join(folder, target))) found.push(`${target} is exported and not there`);
  for (const file of ["README.md", "LICENSE"]) if (!existsSync(join(folder, file))) found.push(`${file} is not there`);

  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !relative(folder, entry.parentPath).split(sep).includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name));
  for (const file of files) {
    const path = relative(folder, file).split(sep).join("/");
    if (/\.(cjs|cts|mts|tgz|tsbuildinfo)$|\.test(-d)?\.|^fixtures\//.test(path)) found.push(`${path} is shipped`);
    if (!path.startsWith("dist/") || !/\.(js|d\.ts)$/.test(path)) continue;
    // What esbuild leaves where it had to bend CommonJS into a module.
    if (/\b__(commonJS|require|toCommonJS)\b|^module\.exports/m.test(code(file))) found.push(`${path} is CommonJS`);
    for (const [, specifier] of code(file).matchAll(/(?:\bfrom|\bimport\(?)\s*["'](\.[^"']*)["']/g)) {
      const target = resolve(dirname(file), specifier!);
      if (!specifier!.endsWith(".js")) found.push(`${path} imports "${specifier}"`);
      else if (!existsSync(path.endsWith(".d.ts") ? target.replace(/\.js$/, ".d.ts") : target))
        found.push(`${path} imports "${specifier}", which is not there`);
    }
  }
  return found;
}

function code(file: string): string {
  return readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}
