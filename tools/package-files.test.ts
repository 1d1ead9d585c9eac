import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { BOUNDS, checkBound, checkLinks } from "./package-files.ts";

function reader(files: Readonly<Record<string, string | Buffer>>): (path: string) => Buffer {
  return (path) => Buffer.from(files[path] ?? "");
}

test("a kind of file that is too large is told, and the others are not counted with it", () => {
  const files = {
    "dist/lib/index.js": randomBytes(300_000),
    "dist/src/index.d.ts": randomBytes(300_000),
    "dist/lib/index.js.map": "{}",
    "README.md": "# It",
  };
  const wrong = BOUNDS.map((bound) => checkBound(bound, Object.keys(files), reader(files)).length);
  assert.deepEqual(wrong, [1, 0, 0]);
});

test("a kind of file that is missing altogether is told", () => {
  for (const bound of BOUNDS) assert.equal(checkBound(bound, [], reader({})).length, 1);
});

test("each file is of one kind", () => {
  for (const path of [
    "dist/lib/a.js",
    "dist/lib/a.js.map",
    "dist/src/a.d.ts",
    "docs/a.md",
    "examples/tour/site/a.js",
  ]) {
    assert.equal(BOUNDS.filter(({ holds }) => holds(path)).length, 1, path);
  }
});

test("a link that leads out of the package is told, with its page", () => {
  const files = {
    "README.md": "[a](docs/a.md) [b](docs/b.md#part) [c](#part) [d](https://example.com/x) [e](examples) [f](docs/)",
    "docs/a.md": "[up](../README.md) [gone](gone.md) [code](../src/a.ts)",
    "CHANGELOG.md": "[gone](gone.md)",
    "examples/one.ts": "",
  };
  assert.deepEqual(checkLinks(Object.keys(files), reader(files)), [
    "README.md: docs/b.md#part leads to nothing in the package.",
    "docs/a.md: gone.md leads to nothing in the package.",
  ]);
});
