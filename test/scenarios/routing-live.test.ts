// Scenario 6, the other half: tables that change while a server answers from them, over real sockets.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { LocalError } from "../../src/base/errors.ts";
import { files } from "../../src/handlers/files.ts";
import type { Handler } from "../../src/message/handler.ts";
import { text } from "../../src/message/reply.ts";
import { exact, frozen, hosts, type Mux, mux, prefix, regex } from "../../src/route/index.ts";
import { createServer, type Server } from "../../src/server/index.ts";
import { turns } from "./strays.ts";

const said =
  (word: string): Handler =>
  () =>
    text(word);

function portOf(server: Server): number {
  const [listener] = server.listeners;
  assert.ok(listener !== undefined);
  return (listener.address as { port: number }).port;
}

/** Node's own client: status and body of one request. */
function ask(port: number, path: string, agent: Agent, host = "a.org"): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ host: "127.0.0.1", port, path, agent, headers: { Host: host } }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => (body += piece));
      response.on("end", () => resolve(response.statusCode === 200 ? body : String(response.statusCode)));
    });
    request.on("error", reject);
  });
}

interface Bench extends AsyncDisposable {
  readonly server: Server;
  readonly ask: (path: string, host?: string) => Promise<string>;
}

/** A server on a free port, and connections to it that are kept. */
async function listening(handler: Handler): Promise<Bench> {
  const server = createServer(handler);
  await server.listen(0);
  const agent = new Agent({ keepAlive: true });
  return {
    server,
    ask: (path, host) => ask(portOf(server), path, agent, host),
    async [Symbol.asyncDispose]() {
      agent.destroy();
      await server.close({ mode: "abort" });
    },
  };
}

/** A handler that answers when it is told to, with how many wait for it. */
function held(word: string): { handler: Handler; arrived: (count: number) => Promise<void>; release: () => void } {
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  let count = 0;
  return {
    handler: async () => {
      count++;
      await gate;
      return text(word);
    },
    arrived: async (wanted) => {
      while (count < wanted) await turns(1);
    },
    release,
  };
}

test("routes are added, found, replaced and taken away while requests are answered by them, in every family [GB-08] [CH-32] [CH-33]", async () => {
  for (const [name, routes] of Object.entries({ mux: mux(), exact: exact(), prefix: prefix() }) as [string, Mux][]) {
    await using bench = await listening(routes.handler);
    const old = held("old");
    const answers: string[] = [];
    assert.equal(await bench.ask("/a"), "404");
    routes.on("/a", old.handler);
    assert.equal(routes.find("GET", "a.org", "/a"), old.handler);
    assert.equal(routes.find("GET", "a.org", "/b"), undefined);
    const inFlight = Array.from({ length: 10 }, async () => void answers.push(await bench.ask("/a")));
    await old.arrived(10);
    routes.replace("/a", said("new"));
    assert.deepEqual([await bench.ask("/a"), answers], ["new", []], name);
    assert.deepEqual([routes.off("/a"), routes.off("/a"), await bench.ask("/a")], [true, false, "404"]);
    old.release();
    await Promise.all(inFlight);
    assert.deepEqual(answers, Array(10).fill("old"), name);
    assert.throws(() => routes.on(1 as never, said("x")), LocalError);
    assert.throws(() => routes.on("/x", "page" as never), LocalError);
  }
  assert.throws(() => frozen({}).on("/x", said("x")), { code: "USE_FROZEN" });
});

test("a route with a host is served by the next request for that host alone [GB-08] [HS-44]", async () => {
  const routes = mux().on("/p", ({ headers }) => text(`any ${headers.get("host")}`));
  await using bench = await listening(routes.handler);
  const asked = (): Promise<string[]> => Promise.all(["a.org", "b.org:80"].map((host) => bench.ask("/p", host)));
  assert.deepEqual(await asked(), ["any a.org", "any b.org:80"]);
  routes.on("B.org/p", said("b"));
  assert.deepEqual(await asked(), ["any a.org", "b"]);
  assert.equal(routes.off("b.org/p"), true);
  assert.deepEqual(await asked(), ["any a.org", "any b.org:80"]);
});

test("swap() exchanges whole tables between two requests: none sees a part of each, and those in flight finish on the old one", async () => {
  const old = held("held");
  const first = mux().on("/which", said("first")).on("/only-first", said("first")).on("/held", old.handler);
  const second = mux().on("/which", said("second")).on("/only-second", said("second")).on("/held", said("second"));
  await using bench = await listening(first.handler);
  const inFlight = Array.from({ length: 20 }, () => bench.ask("/held"));
  await old.arrived(20);
  let done = false;
  // Each answer of the traffic is that of one whole table; swaps stand between some request and the one before.
  const traffic = Promise.all(
    ["/which", "/only-first", "/only-second", "/which"].map(async (path) => {
      while (!done) {
        const answer = await bench.ask(path);
        const wanted = path === "/which" ? ["first", "second"] : [path.slice("/only-".length), "404"];
        assert.ok(wanted.includes(answer), `${path} ${answer}`);
      }
    }),
  );
  for (let i = 0; i < 51; i++) {
    first.swap(second);
    const now = i % 2 === 0 ? ["second", "404", "second"] : ["first", "first", "404"];
    const paths = ["/which", "/only-first", "/only-second"];
    assert.deepEqual(await Promise.all(paths.map((path) => bench.ask(path))), now);
  }
  assert.equal(await bench.ask("/held"), "second");
  done = true;
  await traffic;
  old.release();
  assert.deepEqual(await Promise.all(inFlight), Array(20).fill("held"));
});

test("a fallback is changed while the server runs, and gets the request as it came [CH-34]", async () => {
  const routes = mux().on("/a", said("a"));
  await using bench = await listening(routes.handler);
  assert.equal(await bench.ask("/x?y"), "404");
  routes.fallback = (request) => text(`nothing at ${request.target}`);
  assert.deepEqual([await bench.ask("/x?y"), await bench.ask("/a")], ["nothing at /x?y", "a"]);
});

test("a row that is put before all others takes effect on a running server; what it does not match is still a file [EL-26]", async () => {
  const folder = await mkdtemp(join(tmpdir(), "portico-routing-"));
  try {
    await writeFile(join(folder, "page.txt"), "a file");
    const table = hosts([["", files(folder)]]);
    await using bench = await listening(table.handler);
    const asked = (): Promise<string[]> =>
      Promise.all([
        bench.ask("/page.txt"),
        bench.ask("/tea/"),
        bench.ask("/page.txt", "b.org"),
        bench.ask("/tea/", "b.org"),
      ]);
    assert.deepEqual(await asked(), ["a file", "404", "a file", "404"]);
    table.prepend("[^/]*//tea/", said("tea"));
    assert.deepEqual(await asked(), ["a file", "tea", "a file", "tea"]);
    table.prepend("b\\.org//", said("all of b"));
    assert.deepEqual(await asked(), ["a file", "tea", "all of b", "all of b"]);
    table.off(["b\\.org//", "[^/]*//tea/"]);
    assert.deepEqual(await asked(), ["a file", "404", "a file", "404"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("rows of expressions are added while requests run through them, and a request in flight keeps its row [EL-24]", async () => {
  const old = held("old");
  const routes = regex([["a$", old.handler]]);
  await using bench = await listening(routes.handler);
  const slow = bench.ask("/a");
  await old.arrived(1);
  routes.prepend("(?<name>[a-z])$", ({ params }) => text(`new ${params["name"]}`)).off("a$");
  assert.deepEqual([await bench.ask("/a"), await bench.ask("/b")], ["new a", "new b"]);
  old.release();
  assert.equal(await slow, "old");
});

test("a server in a worker leaves this thread to itself, whatever its handlers do; its routes can be added afterwards [HS-02]", async () => {
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const [route, server, reply] = ["route", "server", "message"].map((part) =>
    JSON.stringify(new URL(`../../src/${part}/index.js`, import.meta.url).href),
  );
  // The handler holds its thread until this one says so: were they one, neither would go on.
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    (async () => {
      const { mux } = await import(${route});
      const { createServer } = await import(${server});
      const { text } = await import(${reply});
      const routes = mux();
      const server = createServer(routes.handler);
      await server.listen(0);
      parentPort.on("message", () => {
        routes.on("/busy", () => {
          Atomics.store(workerData, 0, 1);
          Atomics.notify(workerData, 0);
          Atomics.wait(workerData, 1, 0);
          return text("done");
        });
        parentPort.postMessage("added");
      });
      parentPort.postMessage(server.listeners[0].address.port);
    })();`;
  const worker = new Worker(code, { eval: true, workerData: shared });
  const agent = new Agent();
  try {
    const said = (): Promise<unknown> =>
      new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
    const port = (await said()) as number;
    assert.equal(await ask(port, "/busy", agent), "404");
    const added = said();
    worker.postMessage("add");
    await added;
    const busy = ask(port, "/busy", agent);
    while (Atomics.load(shared, 0) === 0) await turns(1);
    let here = 0;
    for (let i = 0; i < 100; i++) {
      await turns(1);
      here++;
    }
    assert.deepEqual([here, Atomics.load(shared, 0)], [100, 1]);
    Atomics.store(shared, 1, 1);
    Atomics.notify(shared, 1);
    assert.equal(await busy, "done");
  } finally {
    agent.destroy();
    await worker.terminate();
  }
});
