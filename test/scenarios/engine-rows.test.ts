// What the engine promises and no other scenario looks at by itself: slow bodies as a whole, chunk lines, headers that are
// none, connections that are cut off, places that are given back, and what hooks are told of heads that nobody could read.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { FakeClock } from "../../src/base/clock.ts";
import { Fields } from "../../src/message/fields.ts";
import type { Handler } from "../../src/message/handler.ts";
import { empty, json, reply, text } from "../../src/message/reply.ts";
import { deadlines } from "../../src/message/request.ts";
import { mux } from "../../src/route/index.ts";
import { createServer, type ReplyInfo, type Server, type ServerOptions } from "../../src/server/index.ts";
import { type Loopback, loopback, WireClient } from "../../src/testing/index.ts";
import { memoryPair } from "../../src/transport/index.ts";
import "./strays.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const CHUNKED = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

type Options = Omit<ServerOptions, "clock">;

function post(length: number, line = ""): string {
  return `POST / HTTP/1.1\r\nHost: a\r\n${line}Content-Length: ${length}\r\n\r\n`;
}

/** Reads the body, and says how long it is. */
const counting: Handler = async (request) => text(String((await request.body.bytes()).length));

/** Lets everything settle, turns the clock, and lets come what comes of it. */
async function pass(bench: Loopback, milliseconds: number): Promise<void> {
  await bench.settled();
  bench.clock.tick(milliseconds);
  await bench.settled();
}

/** Sends so many octets every so often, until all are sent or the answer comes. @returns the seconds that went by. */
async function trickle(bench: Loopback, client: WireClient, piece: number, seconds: number, all: number) {
  let passed = 0;
  for (let sent = 0; sent < all && client.received === ""; sent += piece) {
    client.send("x".repeat(Math.min(piece, all - sent)));
    for (let i = 0; i < seconds; i++) await pass(bench, 1_000);
    passed += seconds;
  }
  return passed;
}

/** The status of the answer, alone on its connection. */
async function statusOf(octets: string, options: Options = {}, handler: Handler = counting): Promise<number> {
  await using bench = loopback(handler, options);
  return (await bench.connect().send(octets).answer("POST")).status;
}

test("205 with content is refused also where trailers follow it, and 205 without content is sent", async () => {
  const errors: unknown[] = [];
  const trailers = (): Fields => new Fields({ "X-After": "1" });
  const options = { hooks: { error: (error: unknown) => errors.push((error as { code: string }).code) } };
  assert.equal(await statusOf(GET, options, () => reply(205, {}, "content", { trailers })), 500);
  assert.equal(await statusOf(GET, options, () => reply(205, {}, Buffer.from("content"), { trailers })), 500);
  assert.deepEqual(errors, ["USE_BODY_NOT_ALLOWED", "USE_BODY_NOT_ALLOWED"]);
  assert.equal(await statusOf(GET, options, () => reply(205, {}, null, { trailers })), 205);
});

// ── slow bodies ───────────────────────────────────────────────────────────────────────────────────────────────────────

for (const [framing, head] of [
  ["by length", post(10_000)],
  ["in chunks", CHUNKED],
] as const) {
  test(`a body ${framing} that trickles is cut by 408 after the time of a request, whoever reads it [HS-41]`, async () => {
    for (const handler of [counting, () => new Promise<never>(() => {})]) {
      await using bench = loopback(handler);
      const client = bench.connect().send(head);
      let seconds = 0;
      for (; client.received === "" && seconds < 1_000; seconds += 5) {
        if (seconds % 30 === 0) client.send(framing === "by length" ? "x" : "1\r\nx\r\n");
        await pass(bench, 5_000);
      }
      assert.match(client.received, /^HTTP\/1\.1 408 /);
      assert.equal(seconds >= 300 && seconds <= 360, true, `${seconds} s`);
      assert.equal(await client.closed, "fin");
    }
  });
}

test("a body that takes longer than the time of a request, but comes at its rate, is not cut [HS-41]", async () => {
  await using bench = loopback(counting);
  const client = bench.connect().send(post(300_000));
  const seconds = await trickle(bench, client, 5_000, 20, 300_000); // 250 octets a second
  assert.equal((await client.answer("POST")).body, "300000");
  assert.equal(seconds, 1_200);
});

test("a body below the rate is cut when what it has earned is used up, above it is not [HS-41]", async () => {
  const options = { timeouts: { request: 60_000, body: 60_000 }, limits: { bodyRate: 1_000 } };
  const run = async (piece: number): Promise<[number, string]> => {
    await using bench = loopback(counting, options);
    const client = bench.connect().send(post(200_000));
    const seconds = await trickle(bench, client, piece, 10, 200_000);
    return [seconds, client.received.slice(9, 12)];
  };
  const [slow, refused] = await run(5_000); // half of the rate: twice the time
  assert.equal(refused, "408");
  assert.equal(slow >= 110 && slow <= 140, true, `${slow} s`);
  assert.deepEqual(await run(10_000), [200, "200"]);
});

test("where octets earn nothing the time of a request is its age: a fast body that is not whole is cut too [HS-41]", async () => {
  const options = { timeouts: { request: 30_000 }, limits: { bodyRate: Number.POSITIVE_INFINITY } };
  await using bench = loopback(counting, options);
  const client = bench.connect().send(post(1_000_000));
  const seconds = await trickle(bench, client, 10_000, 1, 1_000_000);
  assert.match(client.received, /^HTTP\/1\.1 408 /);
  assert.equal(seconds >= 30 && seconds <= 33, true, `${seconds} s`);
});

test("the age of a request counts from the first octet of its head [HS-41]", async () => {
  const options = { timeouts: { head: 20_000, request: 30_000 }, limits: { bodyRate: Number.POSITIVE_INFINITY } };
  await using bench = loopback(counting, options);
  const client = bench.connect().send("POST / HTTP/1.1\r\n");
  for (let i = 0; i < 18; i++) await pass(bench, 1_000);
  client.send("Host: a\r\nContent-Length: 100\r\n\r\n");
  await bench.settled();
  const seconds = 18 + (await trickle(bench, client, 1, 1, 100));
  assert.match(client.received, /^HTTP\/1\.1 408 /);
  assert.equal(seconds >= 30 && seconds <= 33, true, `${seconds} s`);
});

test("the time for which the reader holds a body back is not the client's, nor that before 100 Continue", async () => {
  let read = (): void => {};
  const handler: Handler = async (request) => {
    await new Promise<void>((resolve) => {
      read = resolve;
    });
    return text(String((await request.body.bytes()).length));
  };
  const options = { timeouts: { request: 30_000 }, limits: { bodyRate: Number.POSITIVE_INFINITY } };
  {
    await using bench = loopback(handler, options);
    const client = bench.connect().send(post(200_001));
    client.send("x".repeat(200_000));
    await bench.settled();
    assert.equal(client.pending > 0, true);
    for (let i = 0; i < 60; i++) await pass(bench, 1_000);
    read();
    for (let i = 0; i < 25; i++) await pass(bench, 1_000);
    assert.equal(client.received, "");
    client.send("x");
    assert.equal((await client.answer("POST")).body, "200001");
  }
  await using bench = loopback(handler, options);
  const client = bench.connect().send(post(10, "Expect: 100-continue\r\n"));
  for (let i = 0; i < 60; i++) await pass(bench, 1_000);
  read();
  await bench.settled();
  client.send("0123456789");
  assert.equal((await client.answer("POST")).body, "10");
});

test("a request with deadlines of its own for its body has only those", async () => {
  await using bench = loopback(async (request) => {
    deadlines(request, { body: 60_000 });
    return counting(request);
  });
  const client = bench.connect().send(post(20));
  const seconds = await trickle(bench, client, 1, 50, 20);
  assert.equal((await client.answer("POST")).body, "20");
  assert.equal(seconds, 1_000);
});

test("timeouts.request of 0 leaves the time between two pieces alone", async () => {
  await using bench = loopback(counting, { timeouts: { request: 0 } });
  const client = bench.connect().send(post(20));
  await trickle(bench, client, 1, 50, 20);
  assert.equal((await client.answer("POST")).body, "20");
});

test("a body over its size is 413 before its time is up, in both framings [HS-41]", async () => {
  const limits = { bodyBytes: 50_000 };
  assert.equal(await statusOf(post(50_001), { limits }), 413);
  assert.equal(await statusOf(`${CHUNKED}c351\r\n${"x".repeat(50_001)}`, { limits }), 413);
  assert.equal(await statusOf(post(50_000) + "x".repeat(50_000), { limits }), 200);
});

// ── heads and lines ───────────────────────────────────────────────────────────────────────────────────────────────────

test("a chunk line of the limit of a line passes, one more octet is 400; so is a size of fourteen digits [GB-38]", async () => {
  const line = (octets: number): string => `5;${"e".repeat(octets - 2)}\r\nhello\r\n0\r\n\r\n`;
  for (const [limits, longest] of [
    [{ fieldBytes: 1_024 }, 1_024],
    [{}, 4_096],
  ] as const) {
    assert.equal(await statusOf(CHUNKED + line(longest), { limits }), 200);
    assert.equal(await statusOf(CHUNKED + line(longest + 1), { limits }), 400);
  }
  assert.equal(await statusOf(`${CHUNKED}${"5".padStart(13, "0")}\r\nhello\r\n0\r\n\r\n`), 200);
  assert.equal(await statusOf(`${CHUNKED}${"5".padStart(14, "0")}\r\nhello\r\n0\r\n\r\n`), 400);
});

test("a method, a version, a field name and a field value have the limit of their line [GB-38]", async () => {
  const limits = { targetBytes: 1_024, fieldBytes: 1_024 };
  const asked = (line: string): string => `${line}\r\nHost: a\r\nConnection: close\r\n\r\n`;
  const handler: Handler = ({ method }) => text(method);
  assert.equal(await statusOf(asked(`${"M".repeat(1_024)} / HTTP/1.1`), { limits }, handler), 200);
  assert.equal(await statusOf(asked(`${"M".repeat(1_025)} / HTTP/1.1`), { limits }, handler), 501);
  assert.equal(await statusOf(asked(`GET / HTTP/1.${"1".repeat(1_025)}`), { limits }, handler), 400);
  const field = (line: string): string => GET.replace("\r\n\r\n", `\r\n${line}\r\n\r\n`);
  for (const [name, value] of [
    [1_022, 1],
    [1, 1_022],
  ] as const) {
    const of = (more: number): string => field(`${"n".repeat(name)}:${"v".repeat(value + more)}`);
    assert.equal(await statusOf(of(0), { limits }, handler), 200);
    assert.equal(await statusOf(of(1), { limits }, handler), 431);
  }
});

test("header lines are read up to the blank line: folded, repeated, and none that is bad; the body stays unread [CH-51]", async () => {
  const seen: unknown[] = [];
  const look: Handler = async ({ headers, body }) => {
    const lower = [...headers].map(([name, value]) => [name.toLowerCase(), value]);
    seen.push({ lower, folded: headers.get("FOLDED"), twice: headers.all("twice"), state: body.state });
    return text(await body.text());
  };
  const head = "POST / HTTP/1.1\r\nHost: a\r\nTwice: 1\r\nFolded: x\r\n  y\r\nTWICE: 2\r\nContent-Length: 8\r\n\r\n";
  await using bench = loopback(look, { leniency: { obsFold: true } });
  assert.equal((await bench.connect().send(`${head}No: head`).answer("POST")).body, "No: head");
  const [{ lower, folded, twice, state }] = seen as [
    { lower: string[][]; folded: string; twice: string[]; state: string },
  ];
  assert.deepEqual(
    lower.map(([name]) => name),
    ["host", "twice", "folded", "twice", "content-length"],
  );
  assert.match(folded, /^x +y$/);
  assert.deepEqual([twice, state], [["1", "2"], "unread"]);

  // A line that is no header, wherever it stands: the whole head is refused, and no handler sees a part of it.
  for (const bad of ["nonsense", "a b: c", ": v", "a : v", "a: v\0", "a: \x7f", "(a): v", " folded: first"]) {
    for (const lines of [`${bad}\r\nHost: a\r\n`, `Host: a\r\n${bad}\r\n`]) {
      assert.equal(await statusOf(`GET / HTTP/1.1\r\n${lines}\r\n`, {}, () => text("seen")), 400, bad);
    }
  }
  // The end of input in the middle of the lines: refused, and not handled.
  let handled = 0;
  await using cut = loopback(() => {
    handled++;
    return text("x");
  });
  for (const part of ["GET / HTTP/1.1\r\nHost: a\r\nX: 1", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n"]) {
    const client = cut.connect().send(part).end();
    assert.equal((await client.answer()).status, 400);
  }
  assert.equal(handled, 0);
});

test("a target is decoded and made canonical on its way to a route: path, captured name and query [CH-46]", async () => {
  const routes = mux().on("/{dish}", ({ path, params, query }) =>
    json({ path, dish: params["dish"], query: [...query] }),
  );
  await using bench = loopback(routes.handler);
  const asked = async (target: string): Promise<unknown> =>
    JSON.parse(Buffer.from((await bench.connect().exchange(GET.replace("/", target))).body, "latin1").toString());
  const decoded = {
    path: "/a%20b",
    dish: "a b",
    query: [
      ["x", "1 2"],
      ["y", ""],
    ],
  };
  for (const target of [
    "/a%20b?x=1+2&y",
    "/%61%20%62?x=1+2&y",
    "/./a%20b?x=1%202&y=",
    "/z/../a%20b?x=1+2&y",
    "http://other/a%20b?x=1+2&y",
  ]) {
    assert.deepEqual(await asked(target), decoded, target);
  }
  assert.deepEqual(await asked("/caf%C3%A9?%C3%A9=%26%3D&x=1&x=2"), {
    path: "/caf%C3%A9",
    dish: "café",
    query: [
      ["é", "&="],
      ["x", "1"],
      ["x", "2"],
    ],
  });
});

// ── cutting off ───────────────────────────────────────────────────────────────────────────────────────────────────────

interface Hard {
  readonly client: WireClient;
  readonly clock: FakeClock;
  readonly server: Server;
  /** What hardClose was called with. */
  readonly cut: (string | undefined)[];
}

/** One connection whose hard close is watched, and done as by default where it is asked to. */
function hard(handler: Handler, options: ServerOptions = {}, onFin: "end" | "stay" = "end"): Hard {
  const clock = new FakeClock();
  const server = createServer(handler, { ...options, clock });
  const [near, far] = memoryPair();
  const cut: (string | undefined)[] = [];
  server.accept(far, {
    hardClose: (transport, error) => {
      cut.push((error as { code?: string } | undefined)?.code ?? error?.message);
      transport.destroy(error);
    },
  });
  return { client: new WireClient(near, { onFin }), clock, server, cut };
}

async function turn(): Promise<void> {
  for (let i = 0; i < 8; i++) await new Promise((resolve) => setImmediate(resolve));
}

test("the hard close is called for a violation that can no longer be answered, with what it was [CH-45]", async () => {
  const { client, cut, server } = hard(({ body }) => reply(200, {}, body));
  client.send(`${CHUNKED}5\r\nhello\r\n`);
  await client.until("hello");
  client.send("not a size\r\n");
  assert.equal(await client.closed, "reset");
  assert.deepEqual(cut, ["WIRE_BAD_CHUNK"]);
  assert.equal(server.stats.open, 0);
});

test("a violation that can be answered is, and the hard close comes for who then does not go [CH-45]", async () => {
  const { client, cut, clock } = hard(() => text("x"), {}, "stay");
  client.send("no HTTP at all\r\n\r\n");
  assert.equal((await client.answer()).status, 400);
  assert.equal(await client.closed, "fin");
  for (let i = 0; i < 9; i++) clock.tick(1_000);
  await turn();
  assert.deepEqual(cut, []);
  client.send("and more of it");
  for (let i = 0; i < 4; i++) {
    clock.tick(1_000);
    await turn();
  }
  assert.deepEqual(cut, [undefined]);
});

test("the hard close is called for who takes nothing, for connection.destroy() and for close(abort) [CH-45]", async () => {
  const slow = hard(() => text("x".repeat(1_000_000)), { timeouts: { write: 10_000 } });
  slow.client.pause().send(GET);
  await turn();
  for (let i = 0; i < 14; i++) slow.clock.tick(1_000);
  assert.deepEqual(slow.cut, ["NET_WRITE_TIMEOUT"]);

  const told = hard(() => new Promise<never>(() => {}));
  told.client.send(GET);
  await turn();
  for (const connection of told.server.connections) connection.destroy(new Error("enough"));
  assert.deepEqual(told.cut, ["enough"]);
  assert.equal(await told.client.closed, "reset");

  const aborted = hard(() => new Promise<never>(() => {}));
  aborted.client.send(GET);
  await turn();
  await aborted.server.close({ mode: "abort" });
  assert.equal(aborted.cut.length, 1);
  assert.equal(await aborted.client.closed, "reset");
});

test("a hard close that is gentle has the time of a drain until it is called again, and nothing more is read [CH-45]", async () => {
  const clock = new FakeClock();
  const server = createServer(({ body }) => reply(200, {}, body), { clock });
  const [near, far] = memoryPair();
  const cut: (string | undefined)[] = [];
  server.accept(far, {
    hardClose: (transport, error) => {
      cut.push((error as { code?: string } | undefined)?.code);
      if (cut.length === 1) transport.end();
      else transport.destroy(error);
    },
  });
  const client = new WireClient(near, { onFin: "stay" }).send(`${CHUNKED}1\r\na\r\n`);
  await client.until("1\r\na");
  client.send("no size\r\n");
  assert.equal(await client.closed, "fin");
  client.send(GET);
  for (let i = 0; i < 9; i++) {
    clock.tick(1_000);
    await turn();
  }
  assert.deepEqual([cut, server.stats.requests], [["WIRE_BAD_CHUNK"], 1]);
  for (let i = 0; i < 4; i++) {
    clock.tick(1_000);
    await turn();
  }
  assert.deepEqual([cut, server.stats.open], [["WIRE_BAD_CHUNK", undefined], 0]);
});

// ── places, hooks, trailers ───────────────────────────────────────────────────────────────────────────────────────────

test("a handler that never settles gives its place back a while after its client has left", async () => {
  let handled = 0;
  await using bench = loopback(
    ({ path }) => {
      handled++;
      return path === "/hangs" ? new Promise<never>(() => {}) : text("served");
    },
    { limits: { requests: 2 }, timeouts: { drain: 10_000 } },
  );
  const stuck = [1, 2].map(() => bench.connect().send(GET.replace("/", "/hangs")));
  await bench.settled();
  const waiting = bench.connect().send(GET);
  for (let i = 0; i < 60; i++) await pass(bench, 1_000);
  assert.deepEqual([handled, waiting.received], [2, ""], "while their clients wait they keep their places");
  for (const client of stuck) client.reset();
  for (let i = 0; i < 9; i++) await pass(bench, 1_000);
  assert.deepEqual([handled, waiting.received], [2, ""], "nor is room made at once by leaving");
  for (let i = 0; i < 4; i++) await pass(bench, 1_000);
  assert.equal((await waiting.answer()).body, "served");
  assert.equal(bench.server.stats.waiting, 0);
  // The places are two again, not more: each was given back once.
  for (let i = 0; i < 2; i++) bench.connect().send(GET.replace("/", "/hangs"));
  await bench.settled();
  const next = bench.connect().send(GET);
  await bench.settled();
  assert.deepEqual([bench.server.stats.waiting, next.received], [1, ""]);
});

test("a handler that settles late gives its place back once, whether before or after its time", async () => {
  for (const seconds of [5, 30]) {
    const finish: (() => void)[] = [];
    await using bench = loopback(
      async () => {
        await new Promise<void>((resolve) => finish.push(resolve));
        return text("done");
      },
      { limits: { requests: 1, waiting: 10 }, timeouts: { drain: 10_000 } },
    );
    const first = bench.connect().send(GET);
    await bench.settled();
    first.reset();
    for (let i = 0; i < seconds; i++) await pass(bench, 1_000);
    finish[0]?.();
    await bench.settled();
    for (let i = 0; i < 3; i++) bench.connect().send(GET);
    await pass(bench, 20_000);
    assert.deepEqual([finish.length, bench.server.stats.waiting], [2, 2], `after ${seconds} s`);
  }
});

test("the reply hook says that a head could not be read, and only then", async () => {
  const told: [string, string, true | undefined, number][] = [];
  const requested: string[] = [];
  const hooks = {
    request: ({ target }: { target: string }) => requested.push(target),
    reply: ({ method, target }: { method: string; target: string }, { unread, status }: ReplyInfo) =>
      void told.push([method, target, unread, status]),
  };
  await using bench = loopback(() => text("x"), { hooks, timeouts: { head: 10_000 } });
  await bench.connect().exchange(GET);
  await bench.connect().send("PUT / HTTP/1.1\r\nbad\r\n\r\n").answer();
  await bench.connect().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc").end().answer("POST");
  const slow = bench.connect().send("GET /slow");
  await pass(bench, 13_000);
  assert.match(slow.received, /^HTTP\/1\.1 408 /);
  assert.deepEqual(told, [
    ["GET", "/", undefined, 200],
    ["PUT", "", true, 400],
    ["POST", "/", undefined, 200],
    ["", "", true, 408],
  ]);
  assert.deepEqual(requested, ["/", "/"]);
});

test("the startup hook has the server, with its type", async () => {
  const urls: (string | undefined)[] = [];
  const server = createServer(() => empty(), { hooks: { startup: (started) => void urls.push(started.url) } });
  await server.listen();
  assert.deepEqual(urls, [server.url]);
  await server.close();
});

test("trailers are sent whether TE names them or not, never to 1.0, and the handler can look", async () => {
  const trailers = (): Fields => new Fields({ "X-After": "1" });
  await using bench = loopback(({ headers }) =>
    reply(200, {}, "a", headers.all("x-careful").length > 0 && !headers.has("te") ? {} : { trailers }),
  );
  const after = async (lines: string, version = "1.1"): Promise<string | undefined> => {
    const octets = `GET / HTTP/${version}\r\nHost: a\r\n${lines}\r\n`;
    const { body, trailers } = await bench.connect().send(octets).answer();
    assert.equal(body, "a");
    return trailers?.get("x-after");
  };
  assert.equal(await after("TE: trailers\r\nConnection: TE\r\n"), "1");
  assert.equal(await after(""), "1");
  assert.equal(await after("X-Careful: 1\r\n"), undefined);
  assert.equal(await after("", "1.0"), undefined);
});

// ── one address, several processes ────────────────────────────────────────────────────────────────────────────────────

const ENTRY = new URL("../../src/index.js", import.meta.url).href;

/** Two workers of a cluster listen on one port, one after the other; each says how that went, and with which pid it answers. */
const CLUSTER = `
import cluster from "node:cluster";
import { createServer as reserve } from "node:net";
if (cluster.isPrimary) {
  const exclusive = process.argv[2] === "exclusive";
  const say = (worker) => new Promise((resolve) => worker.once("message", resolve));
  // A port of 0 would be another one for each: workers share what they name alike.
  const port = await new Promise((resolve) => {
    const reserved = reserve().listen(0, "127.0.0.1", () => {
      const { port } = reserved.address();
      reserved.close(() => resolve(port));
    });
  });
  const first = cluster.fork({ PORT: String(port), EXCLUSIVE: String(exclusive) });
  await say(first);
  const second = cluster.fork({ PORT: String(port), EXCLUSIVE: String(exclusive) });
  const two = await say(second);
  const pids = new Set();
  for (let i = 0; i < 20; i++) {
    const answer = await fetch("http://127.0.0.1:" + port + "/", { headers: { Connection: "close" } });
    pids.add(await answer.text());
  }
  process.send({ second: two.code ?? "listens", answered: pids.size });
  first.kill();
  second.kill();
} else {
  const { createServer, text } = await import(${JSON.stringify(ENTRY)});
  const server = createServer(() => text(String(process.pid)));
  const options = process.env.EXCLUSIVE === "true" ? { exclusive: true } : {};
  const address = { host: "127.0.0.1", port: Number(process.env.PORT) };
  const told = await server.listen(address, options).then(() => ({}), ({ code }) => ({ code }));
  process.send(told);
}
`;

test("workers of a cluster share a port, unless they listen exclusively: then the second is refused [GB-06]", async () => {
  const folder = await mkdtemp(join(tmpdir(), "portico-cluster-"));
  try {
    const file = join(folder, "main.mjs");
    await writeFile(file, CLUSTER);
    const run = async (mode: string): Promise<unknown> => {
      const child: ChildProcess = fork(file, [mode], { execArgv: [], stdio: ["ignore", "ignore", "inherit", "ipc"] });
      const [told] = (await once(child, "message")) as [unknown];
      await once(child, "exit");
      return told;
    };
    assert.deepEqual(await run("shared"), { second: "listens", answered: 2 });
    assert.deepEqual(await run("exclusive"), { second: "NET_ADDRESS_IN_USE", answered: 1 });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
