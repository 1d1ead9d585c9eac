import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { after, test } from "node:test";
import { LocalError, TransportError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { custom, exact, hosts, type Mux, mux, prefix, regex } from "../route/index.ts";
import { createServer } from "../server/server.ts";
import { portico } from "./app.ts";
import { autostart } from "./autostart.ts";
import { forget, keep } from "./keep.ts";
import { presets } from "./presets.ts";
import { servers, start, stop } from "./started.ts";

/** By a connection of its own. */
async function get(port: number, path = "/"): Promise<string> {
  const [answer] = (await once(http.get({ port, path, host: "127.0.0.1", agent: false }), "response")) as [
    http.IncomingMessage,
  ];
  let text = "";
  for await (const piece of answer.setEncoding("utf8")) text += piece;
  return text;
}
after(async () => {
  for (const port of servers().keys()) await stop(port);
});

test("servers on two ports answer with their own handler, and each is stopped by its port [EL-05] [EL-07]", async () => {
  const one = await start(() => "one", { port: 0 });
  const two = await start({ handler: () => "two" as never }, { port: 0 });
  assert.deepEqual([one.already, two.already], [false, false]);
  assert.equal(await get(one.port), "one");
  assert.equal(await get(two.port), "two");
  assert.deepEqual(new Set(servers().keys()), new Set([one.port, two.port]));
  assert.equal(await stop(one.port), true);
  await assert.rejects(once(net.connect(one.port, "127.0.0.1"), "connect"), { code: "ECONNREFUSED" });
  assert.equal(await get(two.port), "two");
  assert.equal(await stop(one.port), false);
  assert.equal(await stop(two.port), true);
});

test("a second start on a port leaves the first handler in place, and says so [EL-05]", async () => {
  const first = await start(() => "first", { port: 0 });
  const again = await start(() => "second", { port: first.port, host: "*", ifRunning: "keep" });
  assert.deepEqual(again, { server: first.server, port: first.port, already: true });
  assert.equal(await get(first.port), "first");
  await assert.rejects(
    start(() => "third", { port: first.port }),
    (error: unknown) => error instanceof TransportError && error.code === "NET_ADDRESS_IN_USE",
  );
  await first.server.close();
  assert.equal(servers().has(first.port), false);
  const anew = await start(() => "anew", { port: first.port, ifRunning: "keep" });
  assert.deepEqual([anew.already, await get(anew.port)], [false, "anew"]);
  await stop(anew.port);
});

test("a port is an integer, and port 0 is a free one [HS-01]", async () => {
  for (const port of [1.5, -1, 65_536, "8000", Number.NaN]) {
    await assert.rejects(
      start(() => "", { port: port as number }),
      { code: "USE_BAD_OPTION" },
      String(port),
    );
  }
  const { port, server } = await start(() => "here", { port: 0, host: "localhost" });
  assert.ok(port > 0);
  assert.deepEqual(server.listeners[0]?.address, { host: "127.0.0.1", port });
  await stop(port);
  await assert.rejects(
    start(() => "", { ifRunning: "maybe" as "keep" }),
    { code: "USE_BAD_OPTION" },
  );
});

test("an interrupt closes what start() has opened, where it is told so [HS-01]", async () => {
  const { port, server } = await start(() => "here", { port: 0, signals: ["SIGINT"] });
  assert.equal(await get(port), "here");
  process.emit("SIGINT");
  while (server.listeners.length > 0) await new Promise((resolve) => setImmediate(resolve));
  await server.close();
  await assert.rejects(once(net.connect(port, "127.0.0.1"), "connect"), { code: "ECONNREFUSED" });
  assert.deepEqual([servers().has(port), await stop(port), process.listenerCount("SIGINT")], [false, false, 0]);
});

test("an app is started as it is: its limits, leniency, headers, error page and hooks hold [HS-01]", async () => {
  const failed: unknown[] = [];
  const app = portico({
    limits: { bodyBytes: 10, fields: 20 },
    leniency: { requireHost: false },
    fields: { Server: "tea" },
    keepAlive: false,
    errorPage: (status) => text(`page of ${status}`, status),
    hooks: { error: (error) => void failed.push(error) },
    textType: "text/html",
  });
  app.post("/", ({ body }) => body.text());
  app.get("/fails", () => {
    throw new Error("x");
  });
  const { port, server } = await start(app, { port: 0 });
  assert.equal(server, app.server);
  const ask = async (head: string, body = ""): Promise<string> => {
    const socket = net.connect(port, "127.0.0.1").setEncoding("latin1");
    socket.end(`${head} HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    let said = "";
    for await (const piece of socket) said += piece;
    return said;
  };
  const echoed = await ask("POST /", "0123456789");
  assert.match(echoed, /^HTTP\/1\.1 200 OK\r\n[\s\S]*Server: tea\r\n[\s\S]*0123456789$/);
  assert.match(echoed, /Content-Type: text\/html\r\n/);
  assert.match(await ask("POST /", "01234567890"), /^HTTP\/1\.1 413 [\s\S]*page of 413$/);
  assert.match(await ask("GET /fails"), /page of 500$/);
  assert.deepEqual(failed.map(String), ["HttpError", "Error: x"]);
  assert.equal(app.stats.requests, 3);
  assert.equal(await stop(port), true);
  assert.deepEqual(app.listeners, []);
});

test("what configure() has changed before start() holds too, and what start() is told is the app's from then on", async () => {
  const app = portico().post("/", ({ body }) => body.text());
  app.configure({ limits: { bodyBytes: 5 } });
  const { port } = await start(app, { port: 0, fields: { Server: "told" } });
  const post = (body: string): Promise<Response> => fetch(`http://127.0.0.1:${port}/`, { method: "POST", body });
  assert.equal((await post("123456")).status, 413);
  assert.equal((await post("12345")).headers.get("server"), "told");
  await assert.rejects(start(app, { port: 0, hooks: {} }), { code: "USE_BAD_OPTION", message: /hooks/ });
  await assert.rejects(start(app, { port: 0, limit: 1 } as never), { code: "USE_BAD_OPTION", message: /limit/ });
  await stop(port);
});

test("one app on two ports is stopped port by port; a server and an object with fetch() can be started too", async () => {
  const app = portico(presets.house).get("/", () => "here");
  const [one, two] = [await start(app, { port: 0 }), await start(app, { port: 0 })];
  assert.deepEqual(servers().get(one.port), servers().get(two.port));
  assert.match(await get(one.port, "/"), /here/);
  assert.equal(await stop(one.port), true);
  await assert.rejects(once(net.connect(one.port, "127.0.0.1"), "connect"), { code: "ECONNREFUSED" });
  assert.match(await get(two.port, "/"), /here/);
  assert.deepEqual([servers().has(one.port), await stop(one.port), await stop(two.port)], [false, false, true]);
  assert.deepEqual(app.listeners, []);

  const made = createServer(() => text("made"), { fields: { Server: "own" } });
  const started = await start(made, { port: 0 });
  assert.equal((await fetch(`http://127.0.0.1:${started.port}/`)).headers.get("server"), "own");
  const { port } = await start({ fetch: () => new Response("fetched") }, { port: 0, fields: { Server: "given" } });
  const fetched = await fetch(`http://127.0.0.1:${port}/`);
  assert.deepEqual([await fetched.text(), fetched.headers.get("server")], ["fetched", "given"]);
  await Promise.all([stop(port), stop(started.port)]);
});

test("what cannot answer is refused, before anything listens", async () => {
  const before = servers().size;
  for (const wrong of [undefined, null, {}, "x", 1, [], { handler: 1 }, { fetch: "x" }, new Map()]) {
    await assert.rejects(
      start(wrong as never, { port: 0 }),
      (error: unknown) =>
        error instanceof LocalError && error.code === "USE_BAD_OPTION" && /takes an app/.test(error.message),
      String(wrong),
    );
  }
  assert.equal(servers().size, before);
});

test("two that are started on one port at once: one listens, and where it may be kept both get it", async () => {
  const { port: free } = await start(() => "", { port: 0 });
  await stop(free);
  const both = await Promise.all(["a", "b"].map((each) => start(() => each, { port: free, ifRunning: "keep" })));
  assert.equal(both[0]?.server, both[1]?.server);
  assert.deepEqual(both.map(({ already }) => already).sort(), [false, true]);
  await stop(free);
});

test("the default server is started once, and again when it has ended", async () => {
  const lines: string[] = [];
  const sources = { env: {}, file: "/nowhere/portico.config.json", report: (line: string) => void lines.push(line) };
  const [first, same] = await Promise.all([autostart({ port: 0 }, sources), autostart({ port: 0 }, sources)]);
  assert.ok(first !== null && first === same);
  await first.close();
  const second = await autostart({ port: 0, table: { "GET /own": () => "own" as never } }, sources);
  assert.ok(second !== null && second !== first);
  assert.equal(await get(Number(new URL(second.url as string).port), "/own"), "own");
  await second.close();
  assert.deepEqual(lines, []);
});

test("a table of any family that autostart() is given takes entries while the server runs; the rest are files [EL-26]", async () => {
  const sources = { env: {}, file: "/nowhere/portico.config.json", report: (line: string) => assert.fail(line) };
  const known = new Map<string, Handler>();
  const own = custom({
    get: (_, path) => known.get(path) ?? false,
    put: (_, path, handler) => known.set(path, handler as Handler),
  });
  const tables: readonly (readonly [table: Mux, pattern: string])[] = [
    [mux(), "GET /tea"],
    [exact(), "/tea"],
    [prefix(), "/tea"],
    [hosts(), "^127.0.0.1/tea"],
    [regex(), "tea$"],
    [own, "/tea"],
  ];
  for (const [table, pattern] of tables) {
    const server = await autostart({ port: 0, table, root: "/nowhere" }, sources);
    const port = Number(new URL(server?.url as string).port);
    assert.doesNotMatch(await get(port, "/tea"), /^tea$/);
    table.on(pattern, () => text("tea"));
    assert.equal(await get(port, "/tea"), "tea");
    assert.match(await get(port, "/"), /It serves/);
    await server?.close();
  }
});

test("what is kept is made once, until it is let go", () => {
  let made = 0;
  const make = (): number => ++made;
  assert.deepEqual([keep("n", make), keep("n", make), keep("other", make)], [1, 1, 2]);
  assert.deepEqual([forget("n"), forget("n"), keep("n", make)], [true, false, 3]);
  assert.throws(() => keep("bad", () => assert.fail("no")));
  assert.equal(
    keep("bad", () => "made"),
    "made",
  );
});
