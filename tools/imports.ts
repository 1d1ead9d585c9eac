// Reads what one TypeScript file imports: static imports, `import type`, re-exports, `import("…")` as an expression and
// as a type. Uses oxc-parser, because TypeScript 7 has no parser interface. Knows no rule; layers.ts judges.
import { parseSync, Visitor } from "oxc-parser";
import { lineAt } from "./tree.ts";

/** One import or re-export. */
export interface Import {
  /** What is written between the quotes; `undefined` for `import(expression)`. */
  readonly specifier: string | undefined;
  readonly line: number;
}

/** What the rules need to know of a file. */
export interface ModuleShape {
  readonly imports: readonly Import[];
  /** The lines of `export *`, with and without a name. */
  readonly exportStars: readonly number[];
  /** Whether the file does nothing but pass on what other files export. */
  readonly onlyReExports: boolean;
  /** The first syntax error. */
  readonly error: { readonly message: string; readonly line: number } | undefined;
}

/** @param path decides the dialect (.ts, .d.ts). */
export function readModule(path: string, source: string): ModuleShape {
  const { program, errors } = parseSync(path, source);
  const imports: Import[] = [];
  const exportStars: number[] = [];
  const add = (node: { start: number }, specifier: string | undefined): void => {
    imports.push({ specifier, line: lineAt(source, node.start) });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source, node.source.value),
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) add(node.source, node.source.value);
    },
    ExportAllDeclaration: (node) => {
      add(node.source, node.source.value);
      exportStars.push(lineAt(source, node.start));
    },
    ImportExpression: (node) => add(node, literal(node.source)),
    TSImportType: (node) => add(node, node.source.value),
  }).visit(program);

  let passedOn = 0;
  let own = 0;
  for (const statement of program.body) {
    if (statement.type === "ExportAllDeclaration") passedOn++;
    else if (statement.type === "ExportNamedDeclaration" && statement.declaration === null) passedOn++;
    else if (statement.type !== "ImportDeclaration") own++;
  }
  const first = errors[0];
  return {
    imports,
    exportStars,
    onlyReExports: own === 0 && passedOn > 0,
    error: first && { message: first.message, line: lineAt(source, first.labels[0]?.start ?? 0) },
  };
}

function literal(node: {
  type: string;
  value?: unknown;
  quasis?: readonly { value: { cooked: string | null } }[];
}): string | undefined {
  if (node.type === "Literal" && typeof node.value === "string") return node.value;
  if (node.type === "TemplateLiteral" && node.quasis?.length === 1) return node.quasis[0]?.value.cooked ?? undefined;
  return undefined;
}
