// Whatever can be imported is documented where it is declared, and each value is imported by code that is run: a block of the
// README or of the manual (examples/readme.test.ts), or a program in examples/ (examples/examples.test.ts).
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Exported, entriesOf, shownIn, shownWith } from "./reference.ts";
import { readTree } from "./tree.ts";

const tree = readTree();
const entries = entriesOf(tree);
const exported = [
  ...new Map(entries.flatMap((entry) => entry.exported).map((each) => [`${each.file} ${each.name}`, each])).values(),
];

const named = (list: readonly Exported[]): string[] => list.map(({ name, file }) => `${file}: ${name}`);

test("every exported name has a comment where it is declared [HS-47]", () => {
  assert.ok(exported.length > 200);
  assert.deepEqual(named(exported.filter(({ comment }) => comment === "")), []);
});

test("every exported value is used in an example that is run [HS-47]", () => {
  const used = new Set(shownIn(tree).flatMap((shown) => [...shown.values]));
  const values = exported.filter(({ kind }) => kind !== "type" && kind !== "interface");
  assert.ok(values.length > 100);
  assert.deepEqual(named(values.filter(({ name }) => !used.has(name))), []);
});

test("every exported type is that of something which an example that is run uses [HS-47]", () => {
  const shown = new Set(shownIn(tree).flatMap(({ names }) => [...names]));
  const roots = shownWith(exported, shown);
  assert.deepEqual(named(exported.filter(({ name }) => !roots.has(name))), []);
});
