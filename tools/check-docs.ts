// Every `@example` of packages/*/src and every ```ts block of the guides is type-checked and run as a module of its own:
// `npm run check -- docs`. What a block uses of @mmub/* is imported for it, unless it has imports of its own.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";

interface Example {
  readonly file: string;
  /** The line of `file` that the code starts in, from 1. */
  readonly line: number;
  readonly code: string;
  /** The package that it documents, as `@mmub/text`; absent in the guides. */
  readonly from?: string;
}

/** What a module of ours exports: whether each name is a type only. */
type Exports = ReadonlyMap<string, ReadonlyMap<string, { readonly typeOnly: boolean }>>;

/** An example as a module, whose first line is the imports made for it. */
interface Module {
  readonly path: string;
  readonly example: Example;
}

async function checkDocs(root: string): Promise<string[]> {
  const options = compilerOptions(root);
  const found = examples(root);
  const entries = entryPoints(root);
  const program = ts.createProgram([...entries.values()], options);
  const exports = exportsOf(entries, program);

  // Beside the workspace that depends on every package, so that their names resolve as a user's would.
  const folder = join(root, "integration", ".work", "docs");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const modules = found.map((example, index): Module => {
    const path = join(folder, `${index}-${basename(example.file).replace(/\W+/g, "-")}.mts`);
    writeFileSync(path, `${header(example, exports)}export {};\n${example.code}\n`);
    return { path, example };
  });

  const typeErrors = typeCheck(modules, options, program);
  const failures = [...typeErrors.values()].flat();
  // An example may write a file.
  process.chdir(folder);
  for (const module of modules) if (!typeErrors.has(module)) failures.push(...(await runModule(module)));
  console.error(`${found.length} examples, ${failures.length} errors`);
  return failures;
}

function examples(root: string): Example[] {
  const packages = list(join(root, "packages")).flatMap((name) => {
    const folder = join(root, "packages", name);
    const sources = files(join(folder, "src")).filter((file) => /(?<!\.test|\.test-d|\.d)\.ts$/.test(file));
    const from = `@mmub/${name}`;
    return [
      ...sources.flatMap((file) => docExamples(file, readFileSync(file, "utf8"), from)),
      ...(existsSync(join(folder, "README.md")) ? markdownExamples(join(folder, "README.md"), from) : []),
    ];
  });
  const guides = [join(root, "README.md"), ...files(join(root, "docs")).filter((file) => file.endsWith(".md"))];
  const all = [...packages, ...guides.filter(existsSync).flatMap((file) => markdownExamples(file))];
  return all.map((example) => ({ ...example, file: relative(root, example.file).split(sep).join("/") }));
}

/** The code from each `@example` of a doc comment to its next tag or its end. */
function docExamples(file: string, text: string, from: string): Example[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true);
  const comments = new Map<number, number>();
  const visit = (node: ts.Node): void => {
    for (const doc of (node as { jsDoc?: ts.JSDoc[] }).jsDoc ?? []) comments.set(doc.pos, doc.end);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return [...comments].flatMap(([start, end]) => {
    const first = source.getLineAndCharacterOfPosition(start).line + 1;
    const lines = text.slice(start, end).replace(/\*\/$/, "").split("\n");
    const code = lines.map((line) => line.replace(/^\s*(\/\*\*|\*)? ?/, "").replace(/\r$/, ""));
    return code.flatMap((line, at) => {
      if (!/^@example\s*$/.test(line)) return [];
      const length = code.slice(at + 1).findIndex((next) => /^@[a-z]+\b/.test(next));
      const body = code.slice(at + 1, length < 0 ? undefined : at + 1 + length);
      // A fence is for editors that want one; an empty line keeps the numbering.
      return { file, from, line: first + at + 1, code: body.map((l) => l.replace(/^```\w*$/, "")).join("\n") };
    });
  });
}

function markdownExamples(file: string, from?: string): Example[] {
  const lines = readFileSync(file, "utf8").split(/\r?\n/);
  const found: Example[] = [];
  for (let at = 0; at < lines.length; at++) {
    const fence = /^(\s*)(`{3,})(.*)$/.exec(lines[at]!);
    if (!fence) continue;
    const [, indent = "", ticks = "", language = ""] = fence;
    const length = lines.slice(at + 1).findIndex((line) => line.trim() === ticks);
    const end = length < 0 ? lines.length : at + 1 + length;
    const code = lines.slice(at + 1, end).map((line) => line.slice(indent.length));
    if (/^(ts|typescript)\b/.test(language))
      found.push({ file, line: at + 2, code: code.join("\n"), ...(from && { from }) });
    at = end;
  }
  return found;
}

/** The source of each entry point of each package, by the name that a user imports. */
function entryPoints(root: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (const name of list(join(root, "packages"))) {
    const folder = join(root, "packages", name);
    const { exports = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
      exports?: Record<string, { "@mmub/source"?: string }>;
    };
    for (const [path, conditions] of Object.entries(exports)) {
      const source = conditions["@mmub/source"];
      if (source) entries.set(`@mmub/${name}${path.slice(1)}`, join(folder, source));
    }
  }
  return entries;
}

function exportsOf(entries: Map<string, string>, program: ts.Program): Exports {
  const checker = program.getTypeChecker();
  return new Map(
    [...entries].map(([name, file]) => {
      const source = program.getSourceFile(file);
      const module = source && checker.getSymbolAtLocation(source);
      const names = new Map<string, { readonly typeOnly: boolean }>();
      for (const symbol of module ? checker.getExportsOfModule(module) : []) {
        const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
        // What a package passes on from another is imported from where it is made.
        const home = target.declarations?.[0]?.getSourceFile().fileName ?? "";
        if (!home.startsWith(packageFolder(file))) continue;
        names.set(symbol.name, { typeOnly: (target.flags & ts.SymbolFlags.Value) === 0 });
      }
      return [name, names];
    }),
  );
}

/** `…/packages/text/` of a file of that package, in TypeScript's form. */
function packageFolder(file: string): string {
  return /^.*\/packages\/[^/]+\//.exec(file.split(sep).join("/"))?.[0] ?? file;
}

/** The imports of what `example` uses without declaring it: its own package first, then core, then the others. */
function header(example: Example, exports: Exports): string {
  const source = ts.createSourceFile("example.ts", example.code, ts.ScriptTarget.ESNext, true);
  if (source.statements.some(ts.isImportDeclaration)) return "";
  const used = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) used.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  for (const name of declared(source)) used.delete(name);

  const rank = (module: string) => [module !== example.from, module !== "@mmub/core", module].join();
  const modules = [...exports.keys()].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  const imports = new Map<string, string[]>();
  for (const name of used) {
    const module = modules.find((candidate) => exports.get(candidate)?.has(name));
    if (!module) continue;
    const { typeOnly } = exports.get(module)!.get(name)!;
    imports.set(module, [...(imports.get(module) ?? []), typeOnly ? `type ${name}` : name]);
  }
  return [...imports].map(([module, names]) => `import { ${names.join(", ")} } from "${module}"; `).join("");
}

/** The names declared at the top of a module. */
function declared(source: ts.SourceFile): string[] {
  const names: string[] = [];
  const bind = (name: ts.BindingName): void => {
    if (ts.isIdentifier(name)) names.push(name.text);
    else for (const element of name.elements) if (ts.isBindingElement(element)) bind(element.name);
  };
  for (const statement of source.statements) {
    if (ts.isVariableStatement(statement)) for (const { name } of statement.declarationList.declarations) bind(name);
    else if (hasName(statement)) names.push(statement.name.text);
  }
  return names;
}

function hasName(statement: ts.Statement): statement is ts.Statement & { name: ts.Identifier } {
  const { name } = statement as { name?: ts.Node };
  return name !== undefined && ts.isIdentifier(name);
}

function typeCheck(modules: Module[], options: ts.CompilerOptions, old: ts.Program): Map<Module, string[]> {
  const paths = modules.map(({ path }) => path);
  const program = ts.createProgram(paths, options, undefined, old);
  const errors = new Map<Module, string[]>();
  for (const module of modules) {
    const source = program.getSourceFile(module.path)!;
    const diagnostics = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    const messages = diagnostics.map(({ start = 0, code, messageText }) => {
      const { line } = source.getLineAndCharacterOfPosition(start);
      return `${place(module, line + 1)} TS${code}: ${ts.flattenDiagnosticMessageText(messageText, "\n  ")}`;
    });
    if (messages.length) errors.set(module, messages);
  }
  return errors;
}

/** Imports the module; its errors, thrown or of a promise that nobody awaits. */
async function runModule(module: Module): Promise<string[]> {
  const errors: string[] = [];
  const fail = (error: unknown) => {
    const { stack = String(error) } = error instanceof Error ? error : {};
    const line = new RegExp(`${basename(module.path).replace(".", "\\.")}:(\\d+)`).exec(stack)?.[1];
    errors.push(
      `${place(module, Number(line ?? 2))} ${error instanceof Error ? `${error.name}: ${error.message}` : stack}`,
    );
  };
  const quiet = silence();
  process.on("unhandledRejection", fail);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("still running after 30 s")), 30_000);
  });
  try {
    await Promise.race([import(pathToFileURL(module.path).href), late]);
    await new Promise((done) => setImmediate(done));
  } catch (error) {
    fail(error);
  } finally {
    clearTimeout(timer);
    process.off("unhandledRejection", fail);
    quiet();
  }
  return errors;
}

/** Turns the console off, for an example may print, and gives back what turns it on. */
function silence(): () => void {
  const { log, info, table, warn, error } = console;
  const nothing = () => {};
  Object.assign(console, { log: nothing, info: nothing, table: nothing, warn: nothing, error: nothing });
  return () => Object.assign(console, { log, info, table, warn, error });
}

/** Where line `line` of the module is in the file that documents: one line above it holds the imports. */
function place({ example }: Module, line: number): string {
  return `${example.file}:${example.line + Math.max(line - 2, 0)}`;
}

function compilerOptions(root: string): ts.CompilerOptions {
  const file = join(root, "tools", "tsconfig.base.json");
  const { config } = ts.readConfigFile(file, ts.sys.readFile);
  // The base says `types: ["node"]`, which is looked up from here.
  return {
    ...ts.parseJsonConfigFileContent(config, ts.sys, root).options,
    configFilePath: join(root, "tsconfig.json"),
  };
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function files(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

const failures = await checkDocs(resolve(process.argv[2] ?? "."));
for (const failure of failures) console.error(failure);
// An example may leave a timer or a thread behind.
process.exit(failures.length === 0 ? 0 : 1);
