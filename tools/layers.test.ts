import assert from "node:assert/strict";
import { test } from "node:test";
import { findCycles } from "./cycles.ts";
import { checkLayers, LAYERS } from "./layers.ts";
import type { Tree } from "./tree.ts";

/** A tree in which every file that is imported exists. */
function tree(files: Tree): Tree {
  const STANDING = [
    "base/errors",
    "message/fields",
    "wire/events",
    "server/server",
    "client/client",
    "testing/loopback",
  ];
  const standing = Object.fromEntries(STANDING.map((name) => [`src/${name}.ts`, "export const here = 1;"]));
  return {
    ...standing,
    "src/content/cookie.ts": "",
    "src/handlers/files.ts": "",
    "test/contract/store.ts": "",
    ...files,
  };
}

function rules(files: Tree): string[] {
  return checkLayers(tree(files)).map(({ path, line, rule }) => `${path}:${line ?? ""} ${rule}`);
}

const REFUSED: readonly [name: string, files: Tree, rule: RegExp][] = [
  ["base imports message", { "src/base/a.ts": 'import "../message/fields.ts";' }, /base may not import message/],
  ["message imports wire", { "src/message/a.ts": 'import "../wire/events.ts";' }, /message may not import wire/],
  [
    "a type counts",
    { "src/base/a.ts": 'import type { A } from "../message/fields.ts";' },
    /base may not import message/,
  ],
  [
    "a re-export counts",
    { "src/base/index.ts": 'export { a } from "../message/fields.ts";' },
    /base may not import message/,
  ],
  [
    "a dynamic import counts",
    { "src/base/a.ts": 'await import("../message/fields.ts");' },
    /base may not import message/,
  ],
  [
    "a template without holes counts",
    { "src/base/a.ts": "await import(`../message/fields.ts`);" },
    /base may not import/,
  ],
  [
    "an import type counts",
    { "src/base/a.ts": 'export type A = import("../message/fields.ts").A;' },
    /base may not import/,
  ],
  [
    "wire imports a module of Node",
    { "src/wire/a.ts": 'import { A } from "node:net";' },
    /wire may not import node:net/,
  ],
  ["a module of Node without its prefix", { "src/base/a.ts": 'import { A } from "net";' }, /`net` is a module of Node/],
  [
    "transport imports message",
    { "src/transport/a.ts": 'import "../message/fields.ts";' },
    /transport may not import message/,
  ],
  ["server imports client", { "src/server/a.ts": 'import "../client/client.ts";' }, /server may not import client/],
  ["client imports server", { "src/client/a.ts": 'import "../server/server.ts";' }, /client may not import server/],
  [
    "middleware imports handlers",
    { "src/middleware/a.ts": 'import "../handlers/files.ts";' },
    /middleware may not import handlers/,
  ],
  [
    "anything imports classic",
    { "src/app/a.ts": 'import "../classic/run.ts";', "src/classic/run.ts": "" },
    /app may not import classic/,
  ],
  [
    "the front door imports classic",
    { "src/index.ts": 'export { a } from "./classic/run.ts";', "src/classic/run.ts": "" },
    /index may not import/,
  ],
  [
    "the code imports testing",
    { "src/server/a.ts": 'import "../testing/loopback.ts";' },
    /server may not import testing/,
  ],
  [
    "a test of wire imports server",
    { "src/wire/a.test.ts": 'import "../server/server.ts";' },
    /wire may not import server/,
  ],
  ["a test is imported", { "src/base/a.ts": 'import "./b.test.ts";', "src/base/b.test.ts": "" }, /a test is imported/],
  [
    "the code imports a test's files",
    { "src/store/a.ts": 'import "../../test/contract/store.ts";' },
    /src may not import test/,
  ],
  [
    "a path with the wrong ending",
    { "src/base/a.ts": 'import "./errors.js";' },
    /`src\/base\/errors\.js` is not a file/,
  ],
  ["the engine imports a library", { "src/server/a.ts": 'import "ws";' }, /server belongs to the engine.*: ws/],
  ["the engine computes a name", { "src/server/a.ts": "await import(name);" }, /computed/],
  ["Portico by its name", { "src/app/a.ts": 'import "portico/server";' }, /by its package name/],
  [
    "a library in two files",
    { "src/content/a.ts": 'import "mime";', "src/store/b.ts": 'import "mime/lite";' },
    /mime is imported in src\/content\/a\.ts/,
  ],
  [
    "a library that is not declared",
    { "package.json": "{}", "src/content/a.ts": 'import "@a/b/c";' },
    /@a\/b is not among/,
  ],
  ["a folder without a row", { "src/extra/a.ts": "" }, /src\/extra is not in the table/],
  ["an export star", { "src/base/index.ts": 'export * from "./errors.ts";' }, /export \*/],
  ["a named export star", { "src/base/index.ts": 'export * as all from "./errors.ts";' }, /export \*/],
  ["a barrel elsewhere", { "src/base/all.ts": 'import { here } from "./errors.ts";\nexport { here };' }, /barrel/],
  [
    "an example that reaches in",
    { "examples/a.ts": 'import "../src/base/errors.ts";' },
    /an example may not import src/,
  ],
  ["an example with a library", { "examples/a.ts": 'import "mime";' }, /an example may not import mime/],
  ["a syntax error", { "src/base/a.ts": "const = 1;" }, /cannot be parsed/],
];

for (const [name, files, rule] of REFUSED) {
  test(`refused: ${name}`, () => {
    const found = rules(files);
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0] ?? "", rule);
  });
}

const ALLOWED: readonly [name: string, files: Tree][] = [
  [
    "down, and within a folder",
    { "src/server/a.ts": 'import "../wire/events.ts"; import "./server.ts"; import "node:net";' },
  ],
  ["the client imports content", { "src/client/a.ts": 'import "../content/cookie.ts";' }],
  ["the front door lists names", { "src/index.ts": 'export { here } from "./server/server.ts";' }],
  [
    "a test imports testing, test/, Node and libraries",
    {
      "src/wire/a.test.ts":
        'import "../testing/loopback.ts"; import "../../test/contract/store.ts"; import "node:test"; import "fast-check";',
    },
  ],
  ["a library in one file, twice", { "src/content/a.ts": 'import type { A } from "mime"; await import("mime/lite");' }],
  [
    "a declared library",
    { "package.json": '{"peerDependencies":{"ioredis":"5"}}', "src/store/a.ts": 'import "ioredis";' },
  ],
  [
    "an example as a user writes it",
    {
      "examples/a.ts": 'import "portico"; import "portico/server"; import "node:fs"; import "./b.ts";',
      "examples/b.ts": "",
    },
  ],
  [
    "cli imports everything",
    {
      "src/cli/main.ts": 'import "../classic/run.ts"; import "../index.ts";',
      "src/classic/run.ts": "",
      "src/index.ts": "",
    },
  ],
  [
    "an import in a comment or a string",
    { "src/base/a.ts": '// import "../server/server.ts"\nexport const text = \'import "ws"\';' },
  ],
];

for (const [name, files] of ALLOWED) {
  test(`allowed: ${name}`, () => assert.deepEqual(rules(files), []));
}

test("a problem names the line of the import", () => {
  assert.match(rules({ "src/base/a.ts": '\n\nimport {\n  a,\n} from "ws";' })[0] ?? "", /^src\/base\/a\.ts:5 /);
});

test("a cycle is reported once, by its shortest way, and types count", () => {
  const found = rules({
    "src/base/a.ts": 'import "./b.ts"; import "./c.ts";',
    "src/base/b.ts": 'import type {} from "./c.ts";',
    "src/base/c.ts": 'import type { A } from "./a.ts";',
  });
  assert.deepEqual(found, [
    "src/base/a.ts: imports go round in a circle: src/base/a.ts → src/base/c.ts → src/base/a.ts",
  ]);
});

test("two cycles that do not touch are two", () => {
  const graph = new Map([
    ["a", ["b"]],
    ["b", ["a"]],
    ["c", ["c", "a"]],
    ["d", ["c"]],
  ]);
  assert.deepEqual(findCycles(graph), [["a", "b"], ["c"]]);
});

test("the table itself has no cycle and names only its own rows", () => {
  assert.deepEqual(findCycles(new Map(Object.entries(LAYERS).map(([name, { below }]) => [name, below]))), []);
  for (const { below } of Object.values(LAYERS)) for (const name of below) assert.ok(name in LAYERS, name);
});
