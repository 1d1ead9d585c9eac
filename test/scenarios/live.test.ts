// A program that is changed while it serves: what is edited goes live, what is open stays open, what is kept is kept.
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { Project } from "./cli-process.ts";

const ROOM = `
import { keep } from "portico";
import { words } from "./words.js";
import { visits } from "./visits.js";
const listeners = keep("listeners", () => new Set());
export default async (request) => {
  if (request.path === "/stream") return stream(request.signal);
  if (request.path === "/say") {
    for (const tell of listeners) tell(words + "\\n");
    return String(listeners.size);
  }
  return words + " " + visits() + " " + keep("count", () => ({ n: 0 })).n++;
};
async function* stream(signal) {
  const told = [];
  let wake = () => {};
  const tell = (text) => { told.push(text); wake(); };
  listeners.add(tell);
  signal.addEventListener("abort", () => { listeners.delete(tell); wake(); });
  yield "open\\n";
  while (!signal.aborted) {
    while (told.length > 0) yield told.shift();
    await new Promise((resolve) => { wake = resolve; });
  }
}
`;
const FILES = {
  "package.json": '{ "type": "module" }',
  "app.js": ROOM,
  "words.js": 'export const words = "one";',
  "visits.js": "let n = 0; export const visits = () => ++n;",
};

test("an edit in a module that the entry imports goes live; state of the others stays, and so does what is kept [EL-04]", async (t) => {
  const project = await Project.make(t, FILES);
  const cli = project.run("run", "app.js", "--port", "0");
  assert.equal(await cli.get(), "200 one 1 0");
  await project.write("words.js", 'export const words = "two";');
  await cli.printed(/^Reloaded .*words\.js.* in \d+ ms: version 2$/m);
  assert.doesNotMatch(cli.out, /visits\.js/);
  assert.equal(await cli.get(), "200 two 2 1");
});

test("a connection and the stream on it live on over a swap [EL-04]", async (t) => {
  const project = await Project.make(t, FILES);
  const cli = project.run("run", "app.js", "--port", "0");
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const stream = http.get(`${await cli.url()}stream`, { agent: false });
  const [answer] = (await once(stream, "response")) as [http.IncomingMessage];
  let heard = "";
  answer.setEncoding("utf8").on("data", (text: string) => (heard += text));
  while (!heard.includes("open")) await once(answer, "data");

  const kept = http.get(await cli.url(), { agent });
  const [first] = (await once(kept, "response")) as [http.IncomingMessage];
  const { localPort } = first.socket;
  first.resume();
  await once(first, "end");

  await project.write("words.js", 'export const words = "changed";');
  await cli.printed(/version 2$/m);
  assert.equal(await cli.get("say"), "200 1");
  while (!heard.includes("changed")) await once(answer, "data");

  const again = http.get(await cli.url(), { agent });
  const [second] = (await once(again, "response")) as [http.IncomingMessage];
  assert.equal(second.socket.localPort, localPort);
  second.resume();
  await once(second, "end");
  agent.destroy();
  stream.destroy();
});

test("a module that cannot be loaded is reported on one screen, and the one before serves", async (t) => {
  const project = await Project.make(t, FILES);
  const cli = project.run("run", "app.js", "--port", "0", "--quiet");
  await cli.url();
  const cases: readonly (readonly [text: string, says: RegExp])[] = [
    ["export const words = ;\n", /words\.js:1:22: SyntaxError: Unexpected token ';'\n> 1 \| export const words = ;\n/],
    ["export const words = 1;\n\nthrow new TypeError('no words');\n", /words\.js:3:7: TypeError: no words\n/],
    [
      "export const other = 1;\n",
      /app\.js:3:1: SyntaxError: The requested module '\.\/words\.js' does not provide an export named 'words'\n/,
    ],
    ["import './nowhere.js';\nexport const words = 'x';", /words\.js:1:1: Cannot find module '.*nowhere\.js'\n/],
  ];
  for (const [text, says] of cases) {
    cli.err = "";
    await project.write("words.js", text);
    await cli.printed(/^Version 1 keeps serving$/m, "err");
    assert.match(cli.err, says);
    assert.ok(cli.err.split("\n").length < 12, cli.err);
    assert.match(await cli.get(), /^200 one /);
  }
  // The file that was missing is waited for as well.
  await project.write("nowhere.js", "");
  await cli.printed(/version 2$/m);
  assert.match(await cli.get(), /^200 x /);
});

test("a version that was wrong is rolled back, until the next edit", async (t) => {
  const project = await Project.make(t, FILES);
  const cli = project.run("run", "app.js", "--port", "0");
  await cli.url();
  await project.write("words.js", 'export const words = "two";');
  await cli.printed(/version 2$/m);
  const attached = await project.run("attach").over(".rollback\n.versions\n.rollback\n");
  assert.match(attached.out, /^Version 1\n/);
  assert.match(attached.out, /^> {2}1 .*app\.js/m);
  assert.match(attached.out, /there is no version before this\n$/);
  assert.match(await cli.get(), /^200 one /);
  await project.write("words.js", 'export const words = "three";');
  await cli.printed(/version 3$/m);
  assert.match(await cli.get(), /^200 three /);
});

test("TypeScript, JSON, CommonJS and import() go live as well", async (t) => {
  const project = await Project.make(t, {
    "package.json": '{ "type": "module" }',
    "app.ts": `
      import { portico } from "portico";
      import type { Word } from "./types.js";
      import data from "./data.json" with { type: "json" };
      import old from "./old.cjs";
      import { shout } from "./shout.js";
      const app = portico();
      app.get("/", async () => {
        const later = (await import("./later.ts")).later as Word;
        return [data.word, old.word, shout(later)].join(" ");
      });
      export const other = () => "other";
      export default app;
    `,
    "types.ts": "export type Word = string;",
    "data.json": '{ "word": "a" }',
    "old.cjs": 'exports.word = require("./older.cjs");',
    "older.cjs": 'module.exports = "b";',
    "later.ts": 'export const later: string = "c";',
    "shout.ts": "export const shout = (word: string): string => word.toUpperCase();",
  });
  const cli = project.run("run", "app.ts", "--port", "0");
  assert.equal(await cli.get(), "200 a b C");
  let version = 1;
  for (const [file, text, then] of [
    ["data.json", '{ "word": "A" }', "200 A b C"],
    ["older.cjs", 'module.exports = "B";', "200 A B C"],
    ["later.ts", 'export const later: string = "d";', "200 A B D"],
    ["shout.ts", 'export const shout = (word: string): string => word + "!";', "200 A B d!"],
  ] as const) {
    await project.write(file, text);
    await cli.printed(new RegExp(`version ${++version}$`, "m"));
    assert.equal(await cli.get(), then, file);
  }
  const named = project.run("run", "app.ts#other", "--port", "0", "--no-watch");
  assert.equal(await named.get(), "200 other");
});

test("what has fetch() is served, and what serves nothing is told of", async (t) => {
  const project = await Project.make(t, {
    "web.mjs": `export default {
      async fetch(request) {
        return new Response(request.method + " " + new URL(request.url).pathname + " " + (await request.text()), { status: 201 });
      },
    };`,
    "none.mjs": "export const app = 1;",
    "number.mjs": "export default 7;",
  });
  const cli = project.run("run", "web.mjs", "--port", "0");
  assert.equal(await cli.get("a/b?c", { method: "POST", body: "hello" }), "201 POST /a/b hello");
  assert.equal(await cli.get("x"), "201 GET /x ");
  for (const [file, says] of [
    ["none.mjs", /^portico: none\.mjs:1:1: It has no default export; it exports app\./],
    ["number.mjs", /has nothing that answers requests as its default export/],
    ["nowhere.mjs", /^portico: nowhere\.mjs: there is no such file\n$/],
  ] as const) {
    const { code, out, err } = await project.run("run", file, "--port", "0").over();
    assert.deepEqual([code, out], [1, ""], file);
    assert.match(err, says);
  }
});

test("the settings of an app change with it", async (t) => {
  const app = (limit: number): string => `
    import { portico } from "portico";
    const app = portico({ limits: { bodyBytes: ${limit} }, fields: { "X-Limit": "${limit}" } });
    app.post("/", async (request) => String((await request.body.bytes()).length));
    export default app;
  `;
  const project = await Project.make(t, { "app.mjs": app(4) });
  const cli = project.run("run", "app.mjs", "--port", "0");
  assert.match(await cli.get("", { method: "POST", body: "12345" }), /^413 /);
  await project.write("app.mjs", app(8));
  await cli.printed(/version 2$/m);
  const answer = await fetch(await cli.url(), { method: "POST", body: "12345", headers: { Connection: "close" } });
  assert.deepEqual([answer.status, answer.headers.get("x-limit"), await answer.text()], [200, "8", "5"]);
});

test("a server in a worker leaves the main thread free, whatever its handlers do, and takes routes while it runs [HS-02]", async (t) => {
  // [0] lets the handler go on, [1] says that it has begun.
  const flags = new Int32Array(new SharedArrayBuffer(8));
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    import(workerData.index).then(async ({ portico }) => {
      const app = portico();
      app.get("/blocks", () => {
        Atomics.store(workerData.flags, 1, 1);
        Atomics.wait(workerData.flags, 0, 0);
        return "blocked until the main thread said so";
      });
      parentPort.on("message", (word) => {
        app.get("/" + word, () => word);
        parentPort.postMessage("added");
      });
      await app.listen(0);
      parentPort.postMessage(app.url);
    });
  `;
  const index = new URL("../../src/index.js", import.meta.url).href;
  const worker = new Worker(code, { eval: true, workerData: { index, flags } });
  t.after(() => worker.terminate());
  const [url] = (await once(worker, "message")) as [string];
  const answer = fetch(`${url}blocks`);
  while (Atomics.load(flags, 1) === 0) await new Promise(setImmediate);
  Atomics.store(flags, 0, 1);
  Atomics.notify(flags, 0);
  assert.equal(await (await answer).text(), "blocked until the main thread said so");
  const added = once(worker, "message");
  worker.postMessage("later");
  await added;
  assert.equal(await (await fetch(`${url}later`)).text(), "later");
});
