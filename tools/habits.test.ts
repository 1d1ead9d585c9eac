import assert from "node:assert/strict";
import { test } from "node:test";
import { checkNames, checkPlaces, checkSignals, checkSizes, checkSync, checkTestsRun } from "./habits.ts";
import type { Problem, Tree } from "./tree.ts";

// Put together here, or this file would break the rules that it tests.
const ONLY = ["test", "only("].join(".");
const SKIP = ["skip", ' "later"'].join(":");
const MACHINE = ["", "root", "notes"].join("/");

const CASES: readonly [rule: string, check: (tree: Tree) => Problem[], refused: Tree, allowed: Tree][] = [
  ["a name in capitals", checkNames, { "src/base/eventBus.ts": "" }, { "src/base/event-bus.test.ts": "" }],
  ["a name that says nothing", checkNames, { "src/base/string-utils.ts": "" }, { "src/base/form-data.ts": "" }],
  ["a folder that says nothing", checkNames, { "test/helpers/loopback.ts": "" }, { "docs/helpers.md": "" }],
  [
    "a long file",
    checkSizes,
    { "src/a/b.ts": "x\n".repeat(401) },
    { "src/a/b.ts": "x\n".repeat(400), "src/a/b.test.ts": "x\n".repeat(999) },
  ],
  [
    "a synchronous call",
    checkSync,
    { "src/app/a.ts": "readFileSync(p)" },
    { "src/cli/a.ts": "readFileSync(p)", "src/app/a.test.ts": "statSync(p)" },
  ],
  [
    "a call that only sounds so",
    checkSync,
    { "src/a/b.ts": "execSync()" },
    { "src/a/b.ts": "brotliCompressSync(b); writeHeadSync()" },
  ],
  [
    "a signal of several",
    checkSignals,
    { "src/a/b.test.ts": "AbortSignal\n  .any([a, b])" },
    { "src/a/b.ts": "AbortSignal.timeout(1); MyAbortSignal.any()", "test/a.ts": "AbortSignal.any([])" },
  ],
  ["only", checkTestsRun, { "src/a/b.test.ts": ONLY }, { "src/a/b.test.ts": "test(); if (only) x()" }],
  [
    "a skipped test",
    checkTestsRun,
    { "test/a.ts": `{ ${SKIP} }` },
    { "test/a.ts": "{ skip: process.platform === name }" },
  ],
  [
    "a path of one machine",
    checkPlaces,
    { "README.md": `see ${MACHINE}` },
    { "README.md": `https://host${MACHINE} or a${MACHINE} or /rooted` },
  ],
  [
    "a registry",
    checkPlaces,
    { "package-lock.json": '"resolved": "x"' },
    { "package-lock.json": '"url": "https://github.com/sponsors"' },
  ],
];

for (const [rule, check, refused, allowed] of CASES) {
  test(`${rule} is refused, and no more than that`, () => {
    assert.equal(check(refused).length, 1);
    assert.deepEqual(check(allowed), []);
  });
}

test("a problem in a text names its line", () => {
  assert.equal(checkSync({ "src/a/b.ts": "\n\nstatSync(p)" })[0]?.line, 3);
});
