// docs/reference.md from the entry points of package.json: every name that can be imported, with the first sentence of its doc
// comment, the file that declares it, and a page or an example that shows it. A pure function of the tree; what it reads of
// TypeScript is what the rules of the house leave: named re-exports, and one declaration a name.
import { posix } from "node:path";
import type { Tree } from "./tree.ts";

/** A name that an entry point exports. */
export interface Exported {
  readonly name: string;
  readonly kind: "class" | "interface" | "type" | "function" | "const";
  /** The file that declares it. */
  readonly file: string;
  /** Its doc comment as running text; empty where there is none. */
  readonly comment: string;
  /** The names that its declaration says: of what it takes, has and gives. */
  readonly mentions: ReadonlySet<string>;
}

/** What can be imported, and from where. */
export interface Entry {
  /** As it is imported: `portico/message`. */
  readonly name: string;
  /** The file that lists its names. */
  readonly index: string;
  readonly exported: readonly Exported[];
}

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
}

/** The entry points in the order of package.json; what is no module, such as package.json itself, is left out. */
export function entriesOf(tree: Tree): Entry[] {
  const { name, exports } = JSON.parse(textOf(tree, "package.json")) as Manifest;
  return Object.entries(exports).flatMap(([path, target]) => {
    if (typeof target === "string") return [];
    const index = target.default.replace(/^\.\/dist\/(?:lib|src)\//, "src/").replace(/\.js$/, ".ts");
    const exported = listed(tree, index).sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
    return [{ name: posix.join(name, path), index, exported }];
  });
}

const RE_EXPORT = /^export (type )?\{([^}]*)\} from "([^"]+)";/gm;

/** The names that a file passes on, through as many lists as there are. */
function listed(tree: Tree, index: string): Exported[] {
  return Array.from(textOf(tree, index).matchAll(RE_EXPORT)).flatMap(([, allTypes, names = "", from = ""]) => {
    const file = posix.join(posix.dirname(index), from);
    const passed = file.endsWith("/index.ts") ? listed(tree, file) : undefined;
    return namesIn(names).map(({ name, type }) => {
      const found = passed === undefined ? declared(tree, file, name) : passed.find((inner) => inner.name === name);
      if (found === undefined) throw new Error(`${file} does not declare ${name}, which ${index} exports`);
      // The type of a class can be passed on without the class.
      return found.kind === "class" && (type || allTypes !== undefined) ? { ...found, kind: "type" } : found;
    });
  });
}

interface Named {
  readonly name: string;
  readonly type: boolean;
}

/** What stands between the braces of an import or an export. */
function namesIn(list: string): Named[] {
  return list
    .split(",")
    .map((each) => each.trim())
    .filter((each) => each !== "")
    .map((each) => ({ name: each.replace(/^type /, "").replace(/ as .*/, ""), type: each.startsWith("type ") }));
}

function declared(tree: Tree, file: string, name: string): Exported | undefined {
  const text = textOf(tree, file);
  const declaration = new RegExp(
    `^export (?:declare |abstract |async )*(class|interface|type|function|const|let)\\*? ${name}\\b`,
    "m",
  ).exec(text);
  if (declaration === null) return undefined;
  const kind = declaration[1] === "let" ? "const" : (declaration[1] as Exported["kind"]);
  const comment = commentBefore(text.slice(0, declaration.index));
  const mentions = new Set(headOf(kind, text.slice(declaration.index)).match(/\b[A-Z]\w+\b/g));
  return { name, kind, file, comment, mentions };
}

/** What a reader needs to know to use it: of a function its signature, of a constant its type, of all else everything. */
function headOf(kind: Exported["kind"], text: string): string {
  const end = {
    function: / \{\n(?! {4}| {2}\S+: )/,
    const: / =\s/,
    type: /;\n(?=\S|\n)/,
    class: /\n\}/,
    interface: /\n\}/,
  }[kind];
  return text.slice(0, end.exec(text)?.index);
}

/** The doc comment that a text ends with, behind nothing but instructions to the linter. */
function commentBefore(text: string): string {
  const lines = text.trimEnd().split("\n");
  while (lines.at(-1)?.startsWith("// biome-ignore") === true) lines.pop();
  const found = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/$/.exec(lines.join("\n"));
  return (found?.[1] ?? "")
    .replace(/^\s*\* ?/gm, "")
    .replace(/\s+/g, " ")
    .trim();
}

/** Its first sentence: up to a full stop before a capital, a tag, or the end. */
export function firstSentence(comment: string): string {
  const body = comment.replace(/(?:^| )@[a-z]+ [\s\S]*$/, "");
  return /^[\s\S]*?[.:](?= [A-Z`"]|$)/.exec(body)?.[0].replace(/:$/, ".") ?? body;
}

const BLOCK = /^```ts run=\S+\n([\s\S]*?)^```$/gm;
const IMPORT = /^import (type )?\{([^}]*)\} from "([^"]+)";/gm;

/** Something to read with code that a test runs. */
export interface Shown {
  readonly path: string;
  /** What the code imports from the package, from whichever of its entry points. */
  readonly names: ReadonlySet<string>;
  /** Of these, what it imports not as a type alone. */
  readonly values: ReadonlySet<string>;
}

/** The pages of the manual, the README, and the examples. */
export function shownIn(tree: Tree): Shown[] {
  const { name } = JSON.parse(textOf(tree, "package.json")) as Manifest;
  return Object.keys(tree)
    .filter((path) => path === "README.md" || /^docs\/manual\/.*\.md$|^examples\/.*(?<!\.test)\.ts$/.test(path))
    .sort((a, b) => Number(a.startsWith("examples/")) - Number(b.startsWith("examples/")) || (a < b ? -1 : 1))
    .map((path) => {
      const text = textOf(tree, path);
      const code = path.endsWith(".ts") ? text : Array.from(text.matchAll(BLOCK), ([, block = ""]) => block).join("\n");
      const imported = importedFrom(name, code);
      return { path, names: namesOf(imported), values: namesOf(imported.filter(({ type }) => !type)) };
    });
}

function importedFrom(pack: string, code: string): Named[] {
  return Array.from(code.matchAll(IMPORT)).flatMap(([, allTypes, names = "", from = ""]) =>
    from === pack || from.startsWith(`${pack}/`)
      ? namesIn(names).map(({ name, type }) => ({ name, type: type || allTypes !== undefined }))
      : [],
  );
}

function namesOf(list: readonly Named[]): Set<string> {
  return new Set(list.map(({ name }) => name));
}

/**
 * What shows a name that no example imports: the name that an example does import, and whose declaration leads to it. Types are used
 * by who uses the values that take and give them.
 */
export function shownWith(exported: readonly Exported[], shown: ReadonlySet<string>): Map<string, string> {
  const byName = grouped(exported);
  const roots = new Map([...shown].map((name) => [name, name]));
  for (const [name, root] of roots) {
    for (const { mentions } of byName.get(name) ?? []) {
      for (const mentioned of mentions) if (byName.has(mentioned) && !roots.has(mentioned)) roots.set(mentioned, root);
    }
  }
  return roots;
}

function grouped(exported: readonly Exported[]): Map<string, Exported[]> {
  const groups = new Map<string, Exported[]>();
  for (const each of exported) groups.set(each.name, [...(groups.get(each.name) ?? []), each]);
  return groups;
}

/** @throws for a name that nothing declares. */
export function referencePage(tree: Tree): string {
  const pages = shownIn(tree);
  const entries = entriesOf(tree);
  const all = entries.flatMap(({ exported }) => exported);
  const roots = shownWith(all, new Set(pages.flatMap(({ names }) => [...names])));
  const lines = [
    "# Reference",
    "",
    "<!-- Printed from the doc comments by `npm run print`: change those, not this page. -->",
    "",
    "Every name that can be imported, by entry point, with the first sentence of its doc comment; an editor shows the rest. The",
    "name links to where it is declared, “Shown” to a page or a program that uses it and is run by a test; a type that nobody needs",
    "to write out is shown with what takes or gives it.",
  ];
  for (const { name: entry, index, exported } of entries) {
    lines.push("", `## ${entry}`, "");
    if (exported.length === 0) {
      lines.push(`Exports nothing: it is imported for what it does, see [${index}](../${index}).`);
      continue;
    }
    lines.push("| Name | | What it is | Shown |", "| --- | --- | --- | --- |");
    for (const { name, kind, file, comment } of exported) {
      // The page of its folder first: it is about the name, where others only use it.
      const own = `docs/manual/${file.split("/")[1]}.md`;
      const root = roots.get(name) ?? name;
      const showing = pages.filter(({ names }) => names.has(root));
      const page = showing.find(({ path }) => path === own) ?? showing[0];
      const link = page === undefined ? "" : `[${titleOf(page.path)}](${posix.relative("docs", page.path)})`;
      const shown = root === name ? link : `${link}, with \`${root}\``;
      const said = firstSentence(comment).replaceAll("|", "\\|");
      lines.push(`| [\`${name}\`](../${file}) | ${kind} | ${said} | ${shown} |`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** `message` for docs/manual/message.md, `tour` for examples/tour/tour.ts. */
function titleOf(path: string): string {
  return posix.basename(path, posix.extname(path));
}

function textOf(tree: Tree, path: string): string {
  const text = tree[path];
  if (text === undefined) throw new Error(`There is no ${path}`);
  return text;
}
