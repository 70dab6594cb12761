// Who may import whom: `npm run check -- imports`. The layers are those of docs/guide; a violation names file and line.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, relative, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";

export interface Violation {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** Each package imports only from layers above it in this list; those of one layer never import each other. */
const layers = [
  ["core"],
  ["kernels"],
  ["nn"],
  ["data", "text", "image", "audio", "behavior", "fusion", "models", "metrics"],
];

/** Loaded on first use only, inside a function: importing a package of ours loads no native and no heavy code. */
const lazy = /^(sharp|@resvg\/.+|onnxruntime-.+|vega|vega-.+|@duckdb\/.+|@node-rs\/.+|@tensorflow\/.+)$/;

interface Import {
  readonly specifier: string;
  readonly line: number;
  readonly typeOnly: boolean;
  /** Runs when the module is loaded, not when a function is called. */
  readonly atLoad: boolean;
}

interface Workspace {
  readonly folder: string;
  /** The package's short name; absent for examples, benchmarks and integration, which may import every package. */
  readonly name?: string;
  readonly layer: number;
  readonly dependencies: ReadonlySet<string>;
  readonly devDependencies: ReadonlySet<string>;
}

/** Every violation in the packages, examples, benchmarks and integration of the repository at `root`. */
export function checkImports(root: string): Violation[] {
  const rootDev = manifest(root).devDependencies;
  const violations: Violation[] = [];
  for (const folder of workspaces(root)) {
    const workspace = describe(root, folder);
    violations.push(...checkManifest(workspace));
    for (const file of sources(join(root, folder))) {
      const path = relative(root, file).split(sep).join("/");
      for (const found of importsOf(file)) {
        const message = check(found, path, resolve(file, ".."), resolve(root, folder), workspace, rootDev);
        if (message) violations.push({ file: path, line: found.line, message: `"${found.specifier}": ${message}` });
      }
    }
  }
  return violations;
}

function check(
  { specifier, typeOnly, atLoad }: Import,
  path: string,
  from: string,
  home: string,
  workspace: Workspace,
  rootDev: ReadonlySet<string>,
): string | undefined {
  const isTest = /\.test(-d)?\.ts$/.test(path);
  const isAside = !path.startsWith(`${workspace.folder}/src/`);
  if (specifier.startsWith(".")) {
    const target = resolve(from, specifier);
    const isBuild = path === `${workspace.folder}/tsup.config.ts` && specifier === "../../tools/tsup.base.ts";
    if (!isBuild && !target.startsWith(home + sep)) return "a relative import stays inside its own package";
    if (!isTest && /\.test(-d)?(\.js)?$/.test(specifier)) return "only a test imports a test";
    return undefined;
  }
  if (specifier.startsWith("node:")) return undefined;
  if (isBuiltin(specifier)) return `a built-in module is imported as "node:${specifier}"`;

  const name = packageName(specifier);
  if (specifier === "natural") return "its main entry reads .env and loads database clients; import a subpath of it";
  if (name.startsWith("@mmub/")) {
    const short = name.slice("@mmub/".length);
    if (short === workspace.name) return "a package imports its own files by relative paths";
    const broken = forbidden(workspace, short);
    if (broken) return broken;
    // A package's own kit, such as nn's checks of runtimes, is made of the same kind of checks.
    const isKit = path.startsWith(`${workspace.folder}/src/testing/`);
    if (specifier === "@mmub/core/testing" && workspace.name && !isTest && !isKit)
      return "the conformance kit is for tests";
  }
  if (workspace.name && !isTest && atLoad && !typeOnly && lazy.test(name))
    return "load it on first use: await import() inside a function, through library() of @mmub/core";
  const declared =
    workspace.dependencies.has(name) ||
    ((isTest || isAside || !workspace.name) && (workspace.devDependencies.has(name) || rootDev.has(name)));
  return declared ? undefined : `it is not among the dependencies of ${workspace.folder}/package.json`;
}

function checkManifest(workspace: Workspace): Violation[] {
  const file = `${workspace.folder}/package.json`;
  return [...workspace.dependencies, ...workspace.devDependencies].flatMap((name) => {
    if (!name.startsWith("@mmub/")) return [];
    const message = forbidden(workspace, name.slice("@mmub/".length));
    return message ? [{ file, line: 1, message: `"${name}": ${message}` }] : [];
  });
}

/** Why `workspace` may not use the package `short`, if so. */
function forbidden(workspace: Workspace, short: string): string | undefined {
  const layer = layerOf(short);
  if (layer === undefined) return `no such package; a new one is given its layer in tools/check-imports.ts`;
  if (layer < workspace.layer) return undefined;
  return layer === workspace.layer
    ? `${workspace.name} and ${short} are siblings, which never import each other; an example or an app joins them`
    : `${workspace.name} is below ${short} and never imports it`;
}

function describe(root: string, folder: string): Workspace {
  const { dependencies, devDependencies } = manifest(join(root, folder));
  if (!folder.startsWith("packages/")) return { folder, layer: layers.length, dependencies, devDependencies };
  const name = folder.slice("packages/".length);
  const layer = layerOf(name);
  if (layer === undefined) throw new Error(`${folder} has no layer: add it to the list in tools/check-imports.ts`);
  return { folder, name, layer, dependencies, devDependencies };
}

function layerOf(short: string): number | undefined {
  const layer = layers.findIndex((names) => names.includes(short));
  return layer < 0 ? undefined : layer;
}

function manifest(folder: string): { dependencies: Set<string>; devDependencies: Set<string> } {
  const json = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<string, object | undefined>;
  const names = (field: string) => Object.keys(json[field] ?? {});
  return {
    dependencies: new Set([...names("dependencies"), ...names("peerDependencies"), ...names("optionalDependencies")]),
    devDependencies: new Set(names("devDependencies")),
  };
}

function workspaces(root: string): string[] {
  const children = ["packages", "examples"].flatMap((parent) =>
    existsSync(join(root, parent)) ? readdirSync(join(root, parent)).map((name) => `${parent}/${name}`) : [],
  );
  return [...children, "benchmarks", "integration"].filter((folder) => existsSync(join(root, folder, "package.json")));
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return /^(node_modules|dist|\..*)$/.test(entry.name) ? [] : sources(path);
    return /\.[cm]?[jt]s$/.test(entry.name) ? [path] : [];
  });
}

function importsOf(file: string): Import[] {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ESNext, true);
  const found: Import[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean, atLoad: boolean) => {
    if (!specifier || !ts.isStringLiteralLike(specifier)) return;
    const line = source.getLineAndCharacterOfPosition(node.getStart()).line + 1;
    found.push({ specifier: specifier.text, line, typeOnly, atLoad });
  };
  const visit = (node: ts.Node, inFunction: boolean): void => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, node.importClause?.isTypeOnly === true, true);
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly, true);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node, node.argument.literal, true, true);
    else if (ts.isExternalModuleReference(node)) add(node, node.expression, false, true);
    else if (ts.isCallExpression(node) && isDynamicImport(node.expression))
      add(node, node.arguments[0], false, !inFunction);
    ts.forEachChild(node, (child) => visit(child, inFunction || ts.isFunctionLike(node)));
  };
  visit(source, false);
  return found;
}

function isDynamicImport(callee: ts.Expression): boolean {
  return callee.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(callee) && callee.text === "require");
}

function packageName(specifier: string): string {
  return specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const violations = checkImports(process.cwd());
  for (const { file, line, message } of violations) console.error(`${file}:${line} ${message}`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
