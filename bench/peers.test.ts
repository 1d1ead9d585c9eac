import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "./machine.ts";
import { needsPackages, serverFile } from "./peers.ts";
import { SERVER_NAMES, type ServerName } from "./workload.ts";

const IMPORTED = /\b(?:from|import\()\s*"((?:@[^/"]+\/)?[^./"][^/"]*)(?:\/[^"]*)?"/g;

/** What a server imports beside Node and Portico. */
function packagesOf(file: string): string[] {
  const text = readFileSync(join(ROOT, "bench", "servers", file), "utf8");
  return [...text.matchAll(IMPORTED)]
    .map(([, name = ""]) => name)
    .filter((name) => !name.startsWith("node:") && name !== "portico");
}

test("the servers that need packages are those that import one, and the bench's own manifest has them all", () => {
  const files = readdirSync(join(ROOT, "bench", "servers"));
  const needed = new Set(files.flatMap(packagesOf));
  const read = (path: string): { readonly dependencies: object; readonly devDependencies?: object } =>
    JSON.parse(readFileSync(join(ROOT, path), "utf8"));
  assert.deepEqual(Object.keys(read("bench/package.json").dependencies).sort(), [...needed].sort());
  const own = read("package.json");
  for (const name of needed) assert.ok(!(name in { ...own.dependencies, ...own.devDependencies }), name);
  for (const name of SERVER_NAMES.filter((each) => files.includes(`${each}.ts`))) {
    assert.equal(needsPackages([name]), packagesOf(`${name}.ts`).length > 0, name);
  }
});

test("a run beside node:http needs nothing to be installed", () => {
  assert.equal(needsPackages(["portico", "node-http", "floor-data", "floor-static", "nginx"]), false);
  const inDist = (name: ServerName): boolean => serverFile(name).startsWith(join(ROOT, "dist"));
  assert.deepEqual((["portico", "node-http", "fastify"] as const).map(inDist), [true, true, false]);
});
