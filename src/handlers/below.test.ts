import assert from "node:assert/strict";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve, sep } from "node:path";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { canonicalPath } from "../message/target.ts";
import { componentsBelow, findBelow, namesIn } from "./below.ts";

let top = "";
let root = "";

before(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), "portico-below-")));
  root = join(top, "www");
  for (const folder of ["www/sub", "www/.git", "www-old", "outside"])
    await mkdir(join(top, folder), { recursive: true });
  for (const name of ["www/a", "www/sub/b", "www/.env", "www-old/c", "outside/d", "e"])
    await writeFile(join(top, name), "x");
  const links = { "www/out": "../outside", "www/up": "..", "www/in": "sub", "www/file": "../e", "www/near": "a" };
  for (const [name, target] of Object.entries(links)) await symlink(target, join(top, name));
});
after(() => rm(top, { recursive: true }));

// What paths are made of when somebody means harm, and harmless pieces between.
const PIECES = [
  "..",
  ".",
  "/",
  "//",
  "\\",
  "%2e",
  "%2E",
  "%2f",
  "%2F",
  "%5c",
  "%5C",
  "%00",
  "%c0%ae",
  "%c0%af",
  "%252e",
  "%252f",
  "%",
  "%zz",
  "a",
  "sub",
  "b",
  "out",
  "up",
  "in",
  "file",
  ".env",
  ".git",
  "www-old",
  "outside",
  "d",
  "e",
  "C:",
  "::$DATA",
  "~",
  ";",
  "?",
  "%u002e",
  "\u2025",
  "%ef%bc%8f",
  " ",
  "*",
  "|",
  "etc",
  "passwd",
  ".".repeat(5),
  "%20",
];
const hostile = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => `/${pieces.join("")}`);
const slashed = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => `/${pieces.join("/")}`);

test("the names in a canonical path never lead out of a root, whatever the path", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        hostile,
        slashed,
        fc.string().map((text) => `/${text}`),
      ),
      fc.constantFrom("hide", "serve"),
      (path, dots) => {
        const names = namesIn(canonicalPath("GET", path), dots as "hide" | "serve");
        if (names === null) return;
        const inner = componentsBelow("/srv/www", resolve("/srv/www", ...names));
        assert.notEqual(inner, null);
        for (const name of names) assert.ok(name !== ".." && !/[/\\\0]/.test(name));
        if (dots === "hide") assert.ok(names.every((name) => !name.startsWith(".")));
      },
    ),
    { numRuns: 2000 },
  );
});

test("what is found lies below the root on the disk, whatever the path", async () => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(hostile, slashed), async (path) => {
      const names = namesIn(canonicalPath("GET", path), "serve");
      const found = names === null ? null : await findBelow(root, names, { dotFiles: "serve", symlinks: "inside" });
      if (found !== null) assert.ok(found.path === root || found.path.startsWith(root + sep), found.path);
    }),
    { numRuns: 500 },
  );
});

test("links are followed as far as they may be", async () => {
  const at = async (symlinks: "inside" | "follow" | "deny", ...names: string[]): Promise<string | null> => {
    const found = await findBelow(root, names, { dotFiles: "hide", symlinks });
    return found === null ? null : found.path.slice(top.length);
  };
  assert.equal(await at("inside", "near"), "/www/a");
  assert.equal(await at("inside", "in", "b"), "/www/sub/b");
  assert.equal(await at("inside", "file"), null);
  assert.equal(await at("inside", "out", "d"), null);
  assert.equal(await at("follow", "file"), "/e");
  assert.equal(await at("follow", "out", "d"), "/outside/d");
  assert.equal(await at("deny", "near"), null);
  assert.equal(await at("deny", "in", "b"), null);
  assert.equal(await at("deny", "sub", "b"), "/www/sub/b");
  assert.equal(await at("deny", "sub", ""), "/www/sub");
});

test("a folder is below another by whole components", () => {
  assert.deepEqual(componentsBelow("/srv/www", "/srv/www"), []);
  assert.deepEqual(componentsBelow("/srv/www", "/srv/www/a/b"), ["a", "b"]);
  assert.equal(componentsBelow("/srv/www", "/srv/www-old/a"), null);
  assert.equal(componentsBelow("/srv/www", "/srv"), null);
  assert.deepEqual(componentsBelow("/", "/a"), ["a"]);
});
