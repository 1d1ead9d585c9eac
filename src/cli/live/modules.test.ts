import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Modules, type Program } from "./modules.ts";
import { LoadError } from "./source.ts";

class Folder {
  readonly #path: string;
  readonly modules: Modules;

  constructor(path: string, patience: number) {
    this.#path = path;
    this.modules = new Modules(join(path, "app.mjs"), patience);
  }

  static async make(t: TestContext, files: Readonly<Record<string, string>>, patience = 10_000): Promise<Folder> {
    const path = await mkdtemp(join(tmpdir(), "portico-modules-"));
    t.after(() => rm(path, { recursive: true }));
    const folder = new Folder(path, patience);
    for (const [name, text] of Object.entries(files)) await folder.write(name, text);
    return folder;
  }

  async write(name: string, text: string): Promise<void> {
    const file = join(this.#path, name);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }

  /** Loads, goes on from there, and says what the entry exports; and which files were loaded. */
  async load(): Promise<{ values: Record<string, unknown>; loaded: string[] } | null> {
    const program: Program | null = await this.modules.load();
    if (program === null) return null;
    this.modules.use(program);
    return {
      values: { ...program.namespace },
      loaded: program.loaded.map((file) => file.slice(this.#path.length + 1)).sort(),
    };
  }

  watched(): string[] {
    return [...this.modules.files].map((file) => file.slice(this.#path.length + 1));
  }

  async value(): Promise<unknown> {
    return (await this.load())?.values["default"];
  }
}

test("names are passed on as modules have it: lists, stars, objects, live variables and circles", async (t) => {
  const folder = await Folder.make(t, {
    "app.mjs": `
      import first, { count, bump, renamed as other } from "./passing.mjs";
      import * as all from "./passing.mjs";
      import { even } from "./even.mjs";
      bump();
      export default [first, count, all.count, other, Object.keys(all).join(), even(10), Object.prototype.toString.call(all)].join(" ");
      export { count };
    `,
    "passing.mjs":
      'export * from "./deep.mjs"; export { default } from "./deep.mjs"; export { name as renamed } from "./deep.mjs";',
    "deep.mjs":
      'export let count = 0; export function bump() { count++; } export const name = "deep"; export default class { static toString() { return "class"; } }',
    "even.mjs": 'import { odd } from "./odd.mjs"; export function even(n) { return n === 0 || odd(n - 1); }',
    "odd.mjs": 'import { even } from "./even.mjs"; export const odd = (n) => n !== 0 && even(n - 1);',
  });
  const loaded = await folder.load();
  assert.equal(loaded?.values["default"], "class 1 1 deep bump,count,default,name,renamed true [object Module]");
  assert.equal(loaded?.values["count"], 1);
});

test("an imported variable cannot be assigned to, and this is undefined", async (t) => {
  const folder = await Folder.make(t, {
    "app.mjs": `
      import { n } from "./n.mjs";
      let threw = "nothing";
      try { n = 5; } catch (error) { threw = error.constructor.name; }
      export default [threw, typeof this, import.meta.main, import.meta.filename.endsWith("app.mjs")].join(" ");
    `,
    "n.mjs": "export let n = 1;",
  });
  assert.equal(await folder.value(), "TypeError undefined false true");
});

test("only what has changed and what imports it is loaded anew", async (t) => {
  const folder = await Folder.make(t, {
    "app.mjs": 'import { a } from "./a.mjs"; import { b } from "./b.mjs"; export default a + b;',
    "a.mjs": 'import { deep } from "./deep.mjs"; export const a = deep;',
    "b.mjs": "export const b = Math.random();",
    "deep.mjs": 'export const deep = "x";',
  });
  const before = await folder.value();
  assert.equal(await folder.load(), null);
  await folder.write("deep.mjs", 'export const deep = "y";');
  const { values, loaded } = (await folder.load()) as NonNullable<Awaited<ReturnType<Folder["load"]>>>;
  assert.deepEqual(loaded, ["a.mjs", "app.mjs", "deep.mjs"]);
  assert.equal(values["default"], String(before).replace("x", "y"));
  await folder.write("app.mjs", "export default 1;");
  assert.equal(await folder.value(), 1);
  await folder.write("deep.mjs", 'export const deep = "z";');
  assert.equal(await folder.load(), null, "What nothing imports any more is of no interest");
});

test("a load that fails changes nothing, and is not tried again before something has changed", async (t) => {
  const folder = await Folder.make(t, {
    "app.mjs": 'import { n } from "./n.mjs"; export default () => n;',
    "n.mjs": "export const n = 1;",
  });
  const one = (await folder.value()) as () => number;
  await folder.write(
    "n.mjs",
    "globalThis.loads = (globalThis.loads ?? 0) + 1; export const n = 0; throw new Error('in vain');",
  );
  await assert.rejects(folder.load(), /in vain/);
  assert.equal(await folder.load(), null);
  assert.equal((globalThis as { loads?: number }).loads, 1);
  await folder.write("n.mjs", "export const n = 1;");
  assert.equal(await folder.load(), null, "It is what is in use");
  await folder.write("n.mjs", "export const n = 2;");
  assert.equal(((await folder.value()) as () => number)(), 2);
  assert.equal(one(), 1);
});

test("a file that was mended while a load was about to fail was never loaded", async (t) => {
  const folder = await Folder.make(t, {
    "app.mjs": 'import { n } from "./n.mjs"; import "./fails.mjs"; export default n;',
    "n.mjs": "export const n = 1;",
    "fails.mjs": "",
  });
  await folder.value();
  const held = globalThis as { hold?: () => Promise<void> };
  t.after(() => delete held.hold);
  // Before it throws, all files have been read; what is written then is none of what failed.
  for (const [name, text] of [
    ["fails.mjs", ""],
    ["n.mjs", "export const n = 3;"],
    ["app.mjs", "export default 4;"],
  ] as const) {
    held.hold = () => folder.write(name, text);
    await folder.write("n.mjs", "export const n = 2;");
    await folder.write("fails.mjs", `await globalThis.hold(); throw new Error("before ${name}");`);
    await assert.rejects(folder.load(), new RegExp(`before ${name}`));
    delete held.hold;
    if (name === "n.mjs") await folder.write("fails.mjs", "");
    assert.equal(await folder.value(), { "fails.mjs": 2, "n.mjs": 3, "app.mjs": 4 }[name]);
  }
});

test("a load that failed was tried again because of a file that it never came to", async (t) => {
  const folder = await Folder.make(t, {
    "app.mjs": 'import "./a.mjs"; import { b } from "./b.mjs"; export default b;',
    "a.mjs": "",
    "b.mjs": "export const b = 1;",
  });
  await folder.value();
  await folder.write("a.mjs", "export const = ;");
  await folder.write("b.mjs", "export const b = 2;");
  await assert.rejects(folder.load(), /SyntaxError/);
  assert.equal(await folder.load(), null);
  await folder.write("a.mjs", "");
  assert.equal(await folder.value(), 2);
});

test("CommonJS below what failed was not watched, and came out of the cache of Node when it was mended", async (t) => {
  const folder = await Folder.make(t, { "app.mjs": "export default 0;" });
  await folder.value();
  const entry = 'import top from "./top.cjs"; export default top;';
  for (const [wrong, mended] of [
    // A file that fails, below one that does not.
    [{ "deep.cjs": "throw new Error('wrong')" }, { "deep.cjs": "module.exports = 'thrown'" }],
    [{ "deep.cjs": "module.exports = ;" }, { "deep.cjs": "module.exports = 'bad'" }],
    [{ "deep.cjs": "module.exports = require('./far')" }, { "far.js": "module.exports = 'missing'" }],
    // One that has loaded, and whose value another does not like.
    [
      {
        "deep.cjs": "module.exports = require('./value.cjs'); module.exports.trim();",
        "value.cjs": "module.exports = 5",
      },
      { "value.cjs": "module.exports = 'liked'" },
    ],
    // One that has loaded, in a program that fails elsewhere.
    [
      { "deep.cjs": "module.exports = 'elsewhere'", "app.mjs": `${entry} throw new Error("wrong");` },
      { "deep.cjs": "module.exports = 'not there'", "app.mjs": entry },
    ],
  ] as const) {
    const files = { "top.cjs": "module.exports = require('./deep.cjs')", "app.mjs": entry, ...wrong };
    for (const [name, text] of Object.entries(files)) await folder.write(name, text);
    await assert.rejects(folder.load(), JSON.stringify(wrong));
    assert.equal(await folder.load(), null);
    const watched = folder.watched();
    for (const [name, text] of Object.entries(mended)) {
      assert.ok(watched.includes(name), `${name} is not among ${watched}`);
      await folder.write(name, text);
    }
    assert.equal(await folder.value(), Object.values(mended)[0]?.slice("module.exports = '".length, -1));
  }
});

test("a module that does not come to an end is given up, in a loop and in an await", async (t) => {
  for (const text of ["for (;;);", "await new Promise(() => {});"]) {
    const folder = await Folder.make(t, { "app.mjs": 'import "./slow.mjs";', "slow.mjs": text }, 100);
    await assert.rejects(folder.load(), (error: unknown) => {
      assert.ok(error instanceof LoadError);
      assert.equal(error.message, "It has not finished loading after 0.1 s");
      assert.match(String(error.place?.file), /slow\.mjs$/);
      return true;
    });
  }
});

test("packages are found as Node finds them, and loaded once", async (t) => {
  const conditions = '{ "./feature/*": { "import": "./lib/*.mjs", "default": "./none.js" }, ".": ["./main.mjs"] }';
  const folder = await Folder.make(t, {
    "package.json":
      '{ "name": "self", "exports": { "./own": "./own.mjs" }, "imports": { "#in": "./own.mjs", "#out": "old" } }',
    "app.mjs": `
      import main from "@scope/new";
      import { feature } from "@scope/new/feature/x";
      import old from "old";
      import deep from "old/deep.js";
      import { own } from "self/own";
      import { own as same } from "#in";
      import out from "#out";
      import fs from "node:fs";
      export default [main, feature, old.name, deep, own === same, out === old, typeof fs.readFile].join(" ");
    `,
    "own.mjs": "export const own = {};",
    "node_modules/@scope/new/package.json": `{ "name": "@scope/new", "exports": ${conditions} }`,
    "node_modules/@scope/new/main.mjs": 'export default "main";',
    "node_modules/@scope/new/lib/x.mjs": 'export const feature = "feature";',
    "node_modules/old/package.json": '{ "name": "old", "main": "index" }',
    "node_modules/old/index.js": 'exports.name = "old";',
    "node_modules/old/deep.js": 'module.exports = "deep";',
  });
  assert.equal(await folder.value(), "main feature old deep true true function");
  for (const [specifier, says] of [
    ["nowhere", /^Cannot find package 'nowhere' imported from .*app\.mjs$/],
    ["@scope/new/secret", /^Package '@scope\/new' does not export '\.\/secret'$/],
    ["#nothing", /^Cannot find package '#nothing'/],
  ] as const) {
    await folder.write("app.mjs", `import "${specifier}";`);
    await assert.rejects(folder.load(), (error: unknown) => {
      assert.ok(error instanceof LoadError);
      assert.match(error.message, says);
      assert.deepEqual([error.place?.line, error.place?.column], [1, 1]);
      return true;
    });
  }
});

test("import() finds what is there already, and its failures leave nothing behind", async (t) => {
  const folder = await Folder.make(t, {
    "app.mjs": 'import { state } from "./state.mjs"; export default (name) => import(name); export { state };',
    "state.mjs": "export const state = {};",
    "bad.mjs": "export const a = ;",
  });
  const { values } = (await folder.load()) as NonNullable<Awaited<ReturnType<Folder["load"]>>>;
  const bring = values["default"] as (name: string) => Promise<Record<string, unknown>>;
  const [one, two] = await Promise.all([bring("./state.mjs"), bring("./state.mjs")]);
  assert.equal(one, two);
  assert.equal(one["state"], values["state"]);
  await assert.rejects(bring("./bad.mjs"), /SyntaxError/);
  await folder.write("bad.mjs", "export const a = 1;");
  assert.equal((await bring("./bad.mjs"))["a"], 1);
});

test("modules that have been replaced are let go of", async (t) => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const folder = await Folder.make(t, {
    "app.mjs": 'import { n } from "./n.mjs"; export default () => n;',
    "n.mjs": "",
  });
  const versions: WeakRef<() => number>[] = [];
  for (let n = 0; n < 300; n++) {
    await folder.write("n.mjs", `export const n = ${n};`);
    const value = (await folder.value()) as () => number;
    assert.equal(value(), n);
    versions.push(new WeakRef(value));
  }
  await new Promise(setImmediate);
  collect();
  collect();
  const alive = versions.filter((version) => version.deref() !== undefined).length;
  assert.ok(alive >= 1 && alive <= 5, `${alive} of 300 are still there`);
});
