// The build leaves alone what is up to date, and nothing else. What compiles and joins here is quick, and says when it is called.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, unlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { root } from "./tree.ts";

const COMPILER = `
  import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
  appendFileSync("calls", "x");
  mkdirSync("dist/src", { recursive: true });
  for (const name of readdirSync("src").filter((name) => name.endsWith(".ts"))) {
    const text = readFileSync("src/" + name, "utf8");
    if (text.includes("WRONG")) process.exit(2);
    writeFileSync("dist/src/" + name.replace(/ts$/, "js"), text);
  }
`;

const JOINER = `
  import { mkdirSync, writeFileSync } from "node:fs";
  export async function build({ entryPoints, outdir }) {
    mkdirSync(outdir, { recursive: true });
    for (const entry of entryPoints) {
      const made = entry.replace("./dist/src", outdir);
      writeFileSync(made, "joined");
      writeFileSync(made + ".map", "{}");
    }
  }
`;

class Repository {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(t: TestContext): Promise<Repository> {
    const repository = new Repository(await mkdtemp(join(tmpdir(), "portico-build-")));
    t.after(() => rm(repository.folder, { recursive: true }));
    const manifest = { type: "module", exports: { ".": { default: "./dist/lib/index.js" } }, bin: {} };
    for (const [path, text] of Object.entries({
      "package.json": JSON.stringify(manifest),
      "tsconfig.json": "{}",
      "tsconfig.build.json": "{}",
      "src/index.ts": "export const one = 1;",
      "src/other.ts": "export const two = 2;",
      "src/worker.ts": 'import "./other.js";',
      "src/page.html": "<p>page</p>",
      "node_modules/typescript/package.json": '{ "type": "module" }',
      "node_modules/typescript/bin/tsc": COMPILER,
      "node_modules/esbuild/package.json": '{ "type": "module", "exports": "./index.js" }',
      "node_modules/esbuild/index.js": JOINER,
      "node_modules/.package-lock.json": "{}",
    })) {
      await repository.write(path, text);
    }
    await mkdir(repository.path("tools"));
    await cp(join(root, "tools", "build.js"), repository.path("tools/build.js"));
    return repository;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async write(name: string, text: string): Promise<void> {
    await mkdir(dirname(this.path(name)), { recursive: true });
    await writeFile(this.path(name), text);
  }

  /** Builds, and says how often the compiler was called for it, how it ended, and what it said. */
  build(...flags: string[]): { calls: number; status: number | null; said: string } {
    const before = this.#calls();
    const argv = [this.path("tools/build.js"), ...flags];
    const { status, stderr } = spawnSync(process.execPath, argv, { cwd: this.folder, encoding: "utf8" });
    return { calls: this.#calls() - before, status, said: stderr };
  }

  #calls(): number {
    return existsSync(this.path("calls")) ? readFileSync(this.path("calls"), "utf8").length : 0;
  }
}

const BUILT = { calls: 1, status: 0, said: "" };
const LEFT_ALONE = { calls: 0, status: 0, said: "" };

test("a build that is up to date is left alone, and one that is not is made", async (t) => {
  const repository = await Repository.make(t);
  const changes: readonly (readonly [what: string, change: () => Promise<unknown>])[] = [
    ["nothing was there", async () => {}],
    ["a source", () => repository.write("src/index.ts", "export const one = 3;")],
    ["a source that is new", () => repository.write("src/new.ts", "")],
    ["a source that is gone", () => unlink(repository.path("src/new.ts"))],
    ["the build itself", () => writeFile(repository.path("tools/build.js"), "\n", { flag: "a" })],
    ["what is installed", () => repository.write("node_modules/.package-lock.json", "{ }")],
    ["a module that was deleted", () => unlink(repository.path("dist/src/other.js"))],
    ["a map that was deleted", () => unlink(repository.path("dist/lib/index.js.map"))],
    ["what was built was edited", () => utimes(repository.path("dist/src/index.js"), 1, 1)],
    ["all was deleted", () => rm(repository.path("dist"), { recursive: true })],
  ];
  for (const [what, change] of changes) {
    await change();
    assert.deepEqual(repository.build(), BUILT, what);
  }
  assert.deepEqual(repository.build(), LEFT_ALONE);
  assert.ok(!existsSync(repository.path("dist/src/new.js")));
  assert.deepEqual(repository.build("--clean"), BUILT);
});

test("what is not built from does not make it build, nor does what others put beside it", async (t) => {
  const repository = await Repository.make(t);
  assert.deepEqual(repository.build(), BUILT);
  const others = [
    "README.md",
    "docs/page.md",
    "bench/node_modules/p/index.js",
    "bench/dist/a.js",
    "dist/bench/other.js",
  ];
  for (const path of others) await repository.write(path, "text");
  assert.deepEqual(repository.build(), LEFT_ALONE);
});

test("a build that failed is not up to date", async (t) => {
  const repository = await Repository.make(t);
  assert.deepEqual(repository.build(), BUILT);
  await repository.write("src/index.ts", "WRONG");
  for (let time = 0; time < 2; time++) assert.deepEqual(repository.build(), { calls: 1, status: 2, said: "" });
  await repository.write("src/index.ts", "export const one = 1;");
  assert.deepEqual(repository.build(), BUILT);
});

test("without a compiler what is up to date is enough, and else the message says what to do where", async (t) => {
  const repository = await Repository.make(t);
  assert.deepEqual(repository.build(), BUILT);
  await rm(repository.path("node_modules"), { recursive: true });
  assert.deepEqual(repository.build(), LEFT_ALONE);
  await repository.write("src/index.ts", "export const one = 5;");
  const { status, said } = repository.build();
  assert.deepEqual(
    [status, said],
    [1, `TypeScript is not installed: run \`npm install\` in ${repository.folder} first.\n`],
  );
});
