import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import { parseSync } from "oxc-parser";
import { declarations } from "./declarations.ts";

function read(source: string): object {
  const { imports, exports, passed, changing } = declarations(source);
  return {
    imports: imports.map(({ specifier, names }) => [specifier, ...names.map(({ name, local }) => `${name}>${local}`)]),
    exports: Object.fromEntries(exports),
    passed: passed.map(({ specifier, name, as }) => `${specifier} ${name}>${as}`),
    changing: [...changing],
  };
}
const NONE = { imports: [], exports: {}, passed: [], changing: [] };

const CASES: readonly (readonly [source: string, says: object])[] = [
  ['import "a"', { imports: [["a"]] }],
  ["import a from 'a';", { imports: [["a", "default>a"]] }],
  ["import from from 'a'", { imports: [["a", "default>from"]] }],
  [
    'import a, { b as c, default as d, "e f" as g } from "x" with { type: "json" };',
    {
      imports: [["x", "default>a", "b>c", "default>d", "e f>g"]],
    },
  ],
  ['import * as all from "x"', { imports: [["x", "*>all"]] }],
  [
    "export const a = 1, b = { c: 2, d }, [e, { f: g = 4, ...h }] = i;",
    { exports: { a: "a", b: "b", e: "e", g: "g", h: "h" } },
  ],
  ["export let a = 1\nb, c", { exports: { a: "a" }, changing: ["a"] }],
  ["export let a = (1, 2), b\nc, d", { exports: { a: "a", b: "b" }, changing: ["a", "b"] }],
  ["export default function () {}", { exports: { default: "$_$" } }],
  ["export default async function* name() {}", { exports: { default: "name" } }],
  ["export default class extends A {}", { exports: { default: "$_$" } }],
  ["export default class B extends A {}", { exports: { default: "B" } }],
  ["export default async () => {}", { exports: { default: "$_$" } }],
  ["export default /* here */ { a: 1 }", { exports: { default: "$_$" } }],
  ["export async function f() {} export class C {}", { exports: { f: "f", C: "C" } }],
  [
    'function f() {} var v; export { f, f as "g h", v as default }',
    {
      exports: { f: "f", "g h": "f", default: "v" },
      changing: ["default"],
    },
  ],
  [
    'export * from "x"; export * as y from "x"; export { a, b as c, default } from "z"',
    {
      passed: ["x *>**", "x *>y", "z a>a", "z b>c", "z default>default"],
    },
  ],
  ['import { a as b } from "x"; export { b as c }', { imports: [["x", "a>b"]], passed: ["x a>c"] }],
  [`a.import('x'); a?.export; ({ import: 1, export: 2 }); \`\${\`export const a = 1\`}\`; /export/; // export`, {}],
  ["if (a) /export const b = 1/.test(c); d = e / export_ / 2", {}],
];

test("what a module imports and exports is read from its text", () => {
  for (const [source, says] of CASES) assert.deepEqual(read(source), { ...NONE, ...says }, source);
});

test("what only a module may have becomes a member of a parameter, and a method of that name stays one", () => {
  const { body } = declarations(
    'const a = await import("x"), b = import.meta.url; class C { import(d) { return d; } }',
  );
  assert.equal(
    body,
    'const a = await $portico.import("x"), b = $portico.meta.url; class C { import(d) { return d; } }',
  );
});

test("every octet of code stays on its line, and but for a word in its column", () => {
  const source = 'import {\n  a,\n} from "x";\nexport default\n  a + 1;\nexport { a };\r\nthrow a;';
  const { body } = declarations(source);
  assert.equal(body.length, source.length);
  assert.deepEqual(body.split("\n").at(-1), "throw a;");
  assert.equal(body.indexOf("a + 1"), source.indexOf("a + 1"));
});

/** Modules that others have written, and this package. */
function libraries(): string[] {
  const root = fileURLToPath(new URL("../../../../", import.meta.url));
  const folders = ["dist/src", "node_modules/mime/dist", "node_modules/zod/v4", "node_modules/valibot/dist"];
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.m?js$/.test(name))
      .map((name) => join(root, folder, name)),
  );
}

test("a parser finds the same in the modules of libraries, and what is left compiles as a function", () => {
  let compared = 0;
  for (const file of libraries()) {
    const source = readFileSync(file, "utf8");
    const { module, errors } = parseSync("a.mjs", source, { sourceType: "module" });
    if (errors.length > 0 || !module.hasModuleSyntax) continue;
    const { imports, exports, passed, body } = declarations(source);
    const theirs = module.staticImports.map(({ moduleRequest, entries }) => [
      moduleRequest.value,
      ...entries.map(({ importName, localName }) => {
        const name = { Name: importName.name, Default: "default", NamespaceObject: "*" }[importName.kind as "Name"];
        return `${name}>${localName.value}`;
      }),
    ]);
    const ours = imports.map(({ specifier, names }) => [
      specifier,
      ...names.map(({ name, local }) => `${name}>${local}`),
    ]);
    assert.deepEqual(ours, theirs, file);
    const exported = module.staticExports.flatMap(({ entries }) =>
      entries.map(
        ({ exportName }) => ({ None: "**", Default: "default", Name: exportName.name })[exportName.kind as "Name"],
      ),
    );
    assert.deepEqual(
      [...new Set([...exports.keys(), ...passed.map(({ as }) => as)])].sort(),
      [...new Set(exported)].sort(),
      file,
    );
    new Script(`(async function* ($portico) { "use strict"; ${body}\n})`, { filename: file });
    compared++;
  }
  assert.ok(compared > 400, String(compared));
});

test("no text makes it throw, or go on for ever", () => {
  const pieces = [
    "import",
    "export",
    "default",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "*",
    "as",
    "from",
    '"x"',
    ",",
    ";",
    "=",
    "\n",
    "const",
    "class",
    "`",
    "${",
    "/",
    "a",
    ":",
    "...",
    "'",
  ];
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    return (seed >> 8) % below;
  };
  for (let n = 0; n < 5000; n++) {
    const source = Array.from({ length: random(14) }, () => pieces[random(pieces.length)]).join(
      random(2) === 0 ? " " : "",
    );
    declarations(source);
  }
});
