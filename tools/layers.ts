// Fails on an import that the table below does not allow, and on any cycle. The table is the authority: down only,
// siblings never, `import type` counts, and no exceptions; a file that needs one is in the wrong folder.
// The core is `checkLayers`, a pure function of a tree.
import { isBuiltin } from "node:module";
import { posix } from "node:path";
import { findCycles } from "./cycles.ts";
import { type Import, type ModuleShape, readModule } from "./imports.ts";
import { isMain, type Problem, readTree, report, type Tree } from "./tree.ts";

interface Layer {
  /** The folders of src that it may import beside itself. */
  readonly below: readonly string[];
  /** The engine imports no npm package at all. */
  readonly packages: "none" | "one file each";
  /** `wire` runs where there is no Node. */
  readonly builtins: "none" | "any";
}

const ENGINE = { packages: "none", builtins: "any" } as const;
const ABOVE = { packages: "one file each", builtins: "any" } as const;

const MESSAGE = ["base", "message"];
const ENDS = ["base", "message", "wire", "transport"];
const KINDS = ["base", "message", "route", "content", "store"];
const ALL_TO_APP = [...ENDS, "server", "client", "route", "content", "store", "handlers", "middleware", "inspect"];
const FRONT = [...ALL_TO_APP, "app", "testing"];

/** Who may import whom, within src. `index`, `auto` and `worker` are the files (or the folder) of that name in src itself. */
export const LAYERS: Readonly<Record<string, Layer>> = {
  base: { ...ENGINE, below: [] },
  message: { ...ENGINE, below: ["base"] },
  wire: { ...ENGINE, below: MESSAGE, builtins: "none" },
  transport: { ...ENGINE, below: ["base"] },
  server: { ...ENGINE, below: ENDS },
  client: { ...ENGINE, below: [...ENDS, "content"] },
  route: { ...ENGINE, below: MESSAGE },
  content: { ...ABOVE, below: MESSAGE },
  store: { ...ABOVE, below: MESSAGE },
  handlers: { ...ABOVE, below: KINDS },
  middleware: { ...ABOVE, below: KINDS },
  inspect: { ...ABOVE, below: ["base", "message", "route", "handlers"] },
  app: { ...ABOVE, below: ALL_TO_APP },
  classic: { ...ABOVE, below: ["base", "message", "transport", "server", "client"] },
  testing: { ...ABOVE, below: [...ENDS, "server", "client"] },
  index: { ...ABOVE, below: FRONT },
  auto: { ...ABOVE, below: [...FRONT, "index"] },
  worker: { ...ABOVE, below: ["app"] },
  cli: { ...ABOVE, below: [...FRONT, "index", "auto", "classic"] },
};

/** What the tests beside the code may import on top of what the code may. */
const TESTS_ALSO = ["testing"];

/** All that breaks the table, in the order of the paths. */
export function checkLayers(tree: Tree): Problem[] {
  const problems: Problem[] = [];
  const edges = new Map<string, string[]>();
  const owners = new Map<string, string>();
  for (const path of Object.keys(tree).filter(isSource).sort()) {
    const shape = readModule(path, tree[path] ?? "");
    problems.push(...judgeShape(path, shape));
    const targets: string[] = [];
    for (const imported of shape.imports) {
      const target = resolve(path, imported.specifier);
      if (target !== undefined) targets.push(target);
      const found = target === undefined ? judgePackage(tree, path, imported, owners) : judgeFile(tree, path, target);
      if (found !== undefined) problems.push({ path, line: imported.line, ...found });
    }
    edges.set(path, targets);
  }
  for (const cycle of findCycles(edges)) {
    problems.push({
      path: cycle[0] ?? "",
      rule: `imports go round in a circle: ${[...cycle, cycle[0]].join(" → ")}`,
      instead: "If two files need each other they are one idea, or a third file is missing",
    });
  }
  return problems;
}

type Verdict = Pick<Problem, "rule" | "instead">;

const PARTS = ["src", "test", "tools", "examples", "bench"];

function isSource(path: string): boolean {
  return path.endsWith(".ts") && PARTS.includes(path.split("/")[0] ?? "");
}

function isTest(path: string): boolean {
  return path.endsWith(".test.ts");
}

/** The folder of src that a file belongs to; for a file in src itself, its own name: `index`, `auto`. */
function layerOf(path: string): string | undefined {
  const [top, second] = path.split("/");
  return top === "src" ? second?.replace(/(\.test)?\.ts$/, "") : undefined;
}

/** The path that a relative specifier means; `undefined` for a package, a built-in module or an expression. */
function resolve(from: string, specifier: string | undefined): string | undefined {
  return specifier?.startsWith(".") ? posix.join(posix.dirname(from), specifier) : undefined;
}

function judgeShape(path: string, shape: ModuleShape): Problem[] {
  const problems: Problem[] = [];
  const layer = layerOf(path);
  if (shape.error !== undefined) {
    problems.push({
      path,
      line: shape.error.line,
      rule: `cannot be parsed: ${shape.error.message}`,
      instead: "Fix the syntax",
    });
  }
  if (layer !== undefined && LAYERS[layer] === undefined) {
    problems.push({
      path,
      rule: `src/${layer} is not in the table of layers`,
      instead:
        "Put the file into a folder that is, or add a row to tools/layers.ts and say why in docs/architecture.md",
    });
  }
  for (const line of shape.exportStars) {
    problems.push({ path, line, rule: "`export *` hides what is exported", instead: "List the names one by one" });
  }
  if (path.startsWith("src/") && shape.onlyReExports && posix.basename(path) !== "index.ts") {
    problems.push({
      path,
      rule: "a file that only re-exports is a barrel, and only an index.ts may be one",
      instead: "Import from the file that has the thing, or list it in the index.ts of the entry point",
    });
  }
  return problems;
}

/** Judges an import of another file of the repository. */
function judgeFile(tree: Tree, path: string, target: string): Verdict | undefined {
  if (path.startsWith("examples/")) return judgeExample(path, target);
  if (!path.startsWith("src/")) return undefined;
  if (tree[target] === undefined) {
    return {
      rule: `\`${target}\` is not a file of the repository`,
      instead: "Write the path of the .ts file, with its ending",
    };
  }
  if (isTest(target)) return { rule: "a test is imported", instead: "Move what is shared to src/testing or test/" };
  if (!target.startsWith("src/")) {
    if (isTest(path) && target.startsWith("test/")) return undefined;
    return {
      rule: `src may not import ${target}`,
      instead: "Only tests may import from test/, and nothing from elsewhere",
    };
  }
  const from = layerOf(path) ?? "";
  const to = layerOf(target) ?? "";
  const layer = LAYERS[from];
  if (layer === undefined || from === to || layer.below.includes(to)) return undefined;
  if (isTest(path) && (TESTS_ALSO.includes(to) || from === "index")) return undefined;
  const below = layer.below.length === 0 ? "no other folder" : `only ${layer.below.join(", ")}`;
  return {
    rule: `${from} may not import ${to}: ${target}`,
    instead: `${from} imports ${below}. Move what both need down, hand it in as an argument, or move this file up`,
  };
}

function judgeExample(path: string, target: string): Verdict | undefined {
  if (target.startsWith("examples/") || (isTest(path) && target.startsWith("test/"))) return undefined;
  return {
    rule: `an example may not import ${target}`,
    instead: 'Import "portico" or "portico/…" by name, as users do',
  };
}

/** Judges an import of an npm package or of a module of Node. `owners` keeps the one file of each package. */
function judgePackage(
  tree: Tree,
  path: string,
  { specifier }: Import,
  owners: Map<string, string>,
): Verdict | undefined {
  const layer = LAYERS[layerOf(path) ?? ""];
  if (specifier === undefined) {
    if (layer?.packages !== "none" || isTest(path)) return undefined;
    return {
      rule: "the engine imports by a name that is computed",
      instead: "Write the name out, so that it can be checked",
    };
  }
  if (isBuiltin(specifier)) return isTest(path) ? undefined : judgeBuiltin(path, specifier, layer);
  const name = packageOf(specifier);
  if (path.startsWith("examples/")) {
    if (name === "portico" || isTest(path)) return undefined;
    return {
      rule: `an example may not import ${specifier}`,
      instead: 'Use "portico", "portico/…" and node: modules alone',
    };
  }
  if (layer === undefined) return undefined;
  if (name === "portico") {
    return { rule: "src imports Portico by its package name", instead: "Import the file by its path" };
  }
  return isTest(path) ? undefined : judgeLibrary(tree, path, name, owners);
}

function judgeBuiltin(path: string, specifier: string, layer: Layer | undefined): Verdict | undefined {
  if (layer?.builtins === "none") {
    return {
      rule: `${layerOf(path)} may not import ${specifier}: it is HTTP without I/O`,
      instead: "Take the value as an argument; the global Buffer is allowed",
    };
  }
  if (specifier.startsWith("node:")) return undefined;
  return { rule: `\`${specifier}\` is a module of Node`, instead: `Write \`node:${specifier}\`` };
}

function judgeLibrary(tree: Tree, path: string, name: string, owners: Map<string, string>): Verdict | undefined {
  const folder = layerOf(path) ?? "";
  if (LAYERS[folder]?.packages === "none") {
    return {
      rule: `${folder} belongs to the engine, which imports no npm package: ${name}`,
      instead: "Write it here, or move what needs the library up to content, store, handlers or middleware",
    };
  }
  const owner = owners.get(name) ?? path;
  owners.set(name, owner);
  if (owner !== path) {
    return {
      rule: `${name} is imported in ${owner} already`,
      instead: "One library, one file: export what you need from there",
    };
  }
  if (declaredPackages(tree)?.has(name) === false) {
    return {
      rule: `${name} is not among the dependencies of package.json`,
      instead: "Add it to dependencies, or to peerDependencies where it is optional",
    };
  }
  return undefined;
}

/** What a user's install brings or may bring; `undefined` for a tree without a package.json. */
function declaredPackages(tree: Tree): Set<string> | undefined {
  if (tree["package.json"] === undefined) return undefined;
  const { dependencies = {}, peerDependencies = {}, optionalDependencies = {} } = JSON.parse(tree["package.json"]);
  return new Set(Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies }));
}

/** `@scope/name/deep` → `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

if (isMain(import.meta.url)) report(checkLayers(readTree()));
