import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { FakeClock } from "../base/clock.ts";
import { stack } from "../message/handler.ts";
import { derive } from "../message/request.ts";
import { timeout } from "../middleware/timeout.ts";
import { loopback } from "../testing/index.ts";
import { type App, portico } from "./app.ts";
import { type Workers, type WorkersOptions, workers } from "./workers.ts";

const MODULE = new URL("../../test/fixtures/workers/handlers.js", import.meta.url);

function pool(t: TestContext, name?: string, options: WorkersOptions = {}): Workers {
  const made = workers(MODULE, { threads: 1, ...(name !== undefined && { name }), ...options });
  t.after(() => made.close());
  return made;
}

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "portico-workers-"));
  t.after(() => rm(made, { recursive: true }));
  return made;
}

async function said(app: App, request: Parameters<App["inject"]>[0]): Promise<string> {
  const { status, body } = await app.inject(request);
  return `${status} ${await body.text()}`;
}

/** Resolves when something is so, which nobody tells. */
async function until(reached: () => boolean): Promise<void> {
  while (!reached()) await new Promise((resolve) => setImmediate(resolve));
}

test("an app answers in another thread as it does here: parameters, bodies, fields, HEAD, nothing, 404 and 405", async (t) => {
  const app = portico({ limits: { bodyBytes: 10_000_000 } });
  app.all("/{path...}", pool(t).handler);
  assert.equal(
    await said(app, { url: "/hello/you", peer: { address: "192.0.2.7", port: 1, secure: false } }),
    "200 Hello, you at 192.0.2.7",
  );
  const head = await app.inject({ method: "HEAD", url: "/hello/you" });
  assert.deepEqual([head.status, head.headers.get("content-length"), await head.body.text()], [200, "23", ""]);
  assert.equal(head.headers.all("date").length, 1);
  const large = "ab".repeat(2_000_000);
  assert.equal(await said(app, { method: "POST", url: "/echo", body: large }), `200 ${large}`);
  const pieces = async function* (): AsyncGenerator<string> {
    for (let i = 0; i < 100; i++) yield "x".repeat(10_000);
  };
  assert.equal(await said(app, { method: "POST", url: "/size", body: pieces() }), '200 {"octets":1000000}');
  assert.equal(await said(app, { method: "POST", url: "/ignore", body: large }), "200 no body, thanks");
  assert.equal(await said(app, { method: "DELETE", url: "/nothing" }), "204 ");
  assert.equal((await app.inject("/none")).status, 404);
  assert.equal((await app.inject({ method: "PUT", url: "/echo" })).headers.get("allow"), "OPTIONS, POST");
});

test("an app with the options of a preset answers in another thread as it does here", async (t) => {
  const { handler } = pool(t, "elnode");
  const app = portico().all("/{path...}", handler);
  const moved = await app.inject("/tea/");
  assert.deepEqual([moved.status, await moved.body.text()], [302, "<h1>redirecting you to /cup</h1>\r\n"]);
  assert.equal(await said(app, "/cup/"), "200 tea");
  assert.equal((await app.inject("/cup")).headers.get("location"), "/cup/");
  assert.equal(await said(app, "/none"), "404 <h1>Not Found</h1>\r\n");
});

test("what belongs to the connection does not go on, the rest does", async (t) => {
  await using bench = loopback(pool(t).handler);
  const { body } = await bench
    .connect()
    .exchange(
      "GET /fields HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nX-Way: 2\r\nTE: trailers\r\n\r\n",
    );
  assert.equal(body, "Host: a\nX-Way: 2");
  const old = await bench.connect().exchange("GET /hello/x HTTP/1.0\r\n\r\n");
  assert.equal(old.body, "Hello, x at ");
  const tunnel = await bench.connect().exchange("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
  assert.equal(tunnel.status, 501);
});

test("while a thread computes, this one answers [CH-56]", async (t) => {
  const file = join(await folder(t), "go");
  const app = portico();
  app.get("/burn", pool(t, "until").handler);
  app.get("/quick", () => "quick");
  const burning = said(app, `/burn?file=${encodeURIComponent(file)}`);
  for (let i = 0; i < 10; i++) assert.equal(await said(app, "/quick"), "200 quick");
  await writeFile(file, ""); // until then it has burned
  assert.equal(await burning, "200 there");
});

test("as many requests are computed at once as there are threads: each waits for the others to begin [CH-56]", async (t) => {
  const where = encodeURIComponent(await folder(t));
  const app = portico();
  const threads = pool(t, "together", { threads: 4 });
  app.get("/", threads.handler);
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => said(app, `/?threads=4&folder=${where}`)), // with fewer none would ever end
  );
  assert.deepEqual([new Set(answers).size, threads.size], [4, 4]);
});

test("a thread is started when it is needed, and used again", async (t) => {
  const app = portico();
  const threads = pool(t, "thread", { threads: 8 });
  app.get("/", threads.handler);
  assert.equal(threads.size, 0);
  const answers = new Set<string>();
  for (let i = 0; i < 5; i++) answers.add(await said(app, "/"));
  assert.deepEqual([answers.size, threads.size], [1, 1]);
});

test("what the handler throws is thrown here: reported, and answered by the page of this server", async (t) => {
  const errors: unknown[] = [];
  const app = portico({ hooks: { error: (error) => void errors.push(error) } });
  app.get("/{path...}", pool(t, "fails").handler);
  const failed = await app.inject("/failed");
  assert.equal(failed.status, 500);
  assert.doesNotMatch(await failed.body.text(), /computed|workers/);
  const [error] = errors as [Error];
  assert.match(`${error.message}\n${error.stack}`, /computed wrongly/);
  const refused = await app.inject("/refused");
  assert.deepEqual([refused.status, refused.headers.get("x-why")], [418, "tea"]);
  assert.equal((await app.inject("/exit")).status, 500);
  assert.match((errors.at(-1) as Error).message, /thread has ended/);
  assert.equal((await app.inject("/refused")).status, 418, "another thread has taken its place");
});

test("a body that fails half-way is cut here too, with the reason", async (t) => {
  const errors: unknown[] = [];
  await using bench = loopback(pool(t, "breaks").handler, { hooks: { error: (error) => void errors.push(error) } });
  const client = bench.connect().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(await client.closed, "reset", "a part does not pass for the whole");
  assert.match(String((errors.at(-1) as Error).cause ?? errors.at(-1)), /half-way/);
});

test("a module that cannot be loaded, or exports nothing that answers, is an error that says so", async (t) => {
  const errors: Error[] = [];
  const app = portico({ hooks: { error: (error) => void errors.push(error as Error) } });
  app.get("/none", workers(new URL("none.js", MODULE)).handler);
  app.get("/wrong", pool(t, "notOne").handler);
  app.get("/missing", pool(t, "misspelt").handler);
  for (const path of ["/none", "/wrong", "/missing"]) assert.equal((await app.inject(path)).status, 500);
  assert.match(errors[0]?.message ?? "", /cannot be used: .*none\.js/);
  assert.match(errors[1]?.message ?? "", /has nothing that answers requests as its export named notOne/);
  assert.match(errors[2]?.message ?? "", /has no export named misspelt; it exports .*until/);
  for (const wrong of [{ threads: 0 }, { each: 0 }, { queue: -1 }, { idle: Number.NaN }, { grace: -1 }]) {
    assert.throws(() => workers(MODULE, wrong), { code: "USE_BAD_OPTION" });
  }
  assert.throws(() => workers("./fractal.js"), {
    code: "USE_BAD_OPTION",
    message: /new URL\(".\/fractal.js", import.meta.url\)/,
  });
});

test("a client that leaves aborts the signal in the thread, whose place is free again", async (t) => {
  const threads = pool(t, "left", { clock: new FakeClock() });
  await using bench = loopback(threads.handler);
  const client = bench.connect().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  while (bench.server.stats.requests === 0) await new Promise((resolve) => setImmediate(resolve));
  client.reset();
  // It waits for its turn behind the first.
  assert.equal((await bench.connect().exchange("GET /count HTTP/1.1\r\nHost: a\r\n\r\n")).body, "1");
  assert.equal(threads.size, 1);
});

test("a thread that computes for nobody is ended after the grace, and another takes its place", async (t) => {
  const clock = new FakeClock();
  const app = portico();
  const spinning = pool(t, "stuck", { clock });
  app.get("/{path...}", stack(spinning.handler, timeout(5000, { clock })));
  for (let i = 0; i < 2; i++) {
    assert.equal(await said(app, "/well"), "200 well");
    await until(() => spinning.running === 0);
    const late = app.inject("/stuck");
    await until(() => spinning.running === 1);
    clock.tick(5000);
    assert.equal((await late).status, 503);
    clock.tick(999);
    assert.deepEqual([spinning.size, spinning.running], [1, 1]);
    clock.tick(1);
    assert.deepEqual([spinning.size, spinning.running], [0, 0]);
  }
});

test("those beyond the queue are refused, those whose client leaves make room", async (t) => {
  const file = join(await folder(t), "go");
  const handlers = pool(t, "until", { queue: 1 });
  await using bench = loopback(handlers.handler);
  const ask = `GET /?file=${encodeURIComponent(file)} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const [first, second] = [bench.connect().send(ask), bench.connect().send(ask)];
  const refused = bench.connect();
  const third = await refused.exchange(ask);
  refused.reset();
  assert.deepEqual([third.status, third.headers.get("retry-after")], [503, "1"]);
  second.reset();
  while (bench.server.stats.open > 1) await new Promise((resolve) => setImmediate(resolve));
  const fourth = bench.connect().send(ask);
  await writeFile(file, "");
  for (const client of [first, fourth]) assert.equal((await client.answer()).body, "there");
});

test("a thread without work is kept for a while, and close() ends those that are left", async (t) => {
  const clock = new FakeClock();
  const threads = pool(t, "thread", { clock, idle: 60_000 });
  const app = portico();
  app.get("/", threads.handler);
  await said(app, "/");
  await until(() => threads.running === 0);
  clock.tick(59_999);
  assert.equal(threads.size, 1);
  clock.tick(1);
  assert.equal(threads.size, 0);
  await said(app, "/");
  const closed = threads.close();
  assert.equal((await app.inject("/")).status, 503);
  await closed;
  assert.equal(threads.size, 0);
});

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

test("what a module says to its parent is not for the pool, and ends nobody", async (t) => {
  const threads = pool(t, "talks");
  await using bench = loopback(threads.handler);
  const client = bench.connect();
  for (const path of ["/", "/close", "/"]) {
    const { status, body } = await client.exchange(GET.replace("/", path));
    assert.deepEqual([status, body], [200, "module,name,server"], "it finds no port of the pool either");
    await until(() => threads.running === 0);
  }
  assert.equal(threads.size, 1);
});

const FAILURES: readonly (readonly [path: string, error: Readonly<Record<string, unknown>>])[] = [
  ["/odd", { name: "Odd", message: "odd", code: "E_ODD", status: 599 }],
  ["/range", { name: "RangeError", message: "out of range" }],
  ["/system", { name: "Error", message: "no such file", code: "ENOENT", errno: -2, syscall: "open" }],
  ["/text", { message: "only text" }],
  ["/stream", { name: "Error", message: "unreadable" }],
  ["/wrong", { name: "LocalError", code: "USE_BAD_BODY" }],
];

test("a stream that fails in the thread reaches the error hook once, as what it was", async (t) => {
  const errors: Error[] = [];
  const threads = pool(t, "streams");
  await using bench = loopback(threads.handler, { hooks: { error: (error) => void errors.push(error as Error) } });
  for (const [path, expected] of FAILURES) {
    const client = bench.connect().send(GET.replace("/", path));
    assert.equal(await client.closed, "reset", path);
    await until(() => threads.running === 0);
    const [error, ...more] = errors.splice(0) as unknown as Record<string, unknown>[];
    assert.deepEqual(more, [], path);
    for (const [key, value] of Object.entries(expected)) assert.equal(error?.[key], value, `${path}: ${key}`);
    assert.match(String(error?.["stack"]), /handlers|only text|writer/);
  }
  assert.equal(threads.size, 1);
});

test("100 Continue goes out when the thread reads, and not for a body that it refuses", async (t) => {
  const post = (path: string, framing: string) =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\n${framing}\r\nExpect: 100-continue\r\n\r\n`;
  const small = { server: { limits: { bodyBytes: 10 } } } as const;
  const threads = pool(t, "reads", small);
  await using bench = loopback(threads.handler);
  for (const [path, status] of [
    ["/all", 413],
    ["/ignore", 200],
    ["/refuse", 403],
  ] as const) {
    const client = bench.connect();
    const answer = await client.exchange(post(path, "Content-Length: 11"));
    assert.deepEqual([answer.status, answer.informational, answer.headers.get("connection")], [status, [], "close"]);
    assert.equal(await client.closed, "fin");
    await until(() => threads.running === 0);
  }
  for (const [framing, body] of [
    ["Content-Length: 3", "tea"],
    ["Transfer-Encoding: chunked", "3\r\ntea\r\n0\r\n\r\n"],
  ] as const) {
    const client = bench.connect().send(post("/all", framing));
    assert.equal(await client.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    assert.equal((await client.send(body).answer()).body, "tea");
  }
  const old = await bench.connect().exchange("POST /all HTTP/1.0\r\nContent-Length: 3\r\nExpect: x\r\n\r\ntea");
  assert.equal(old.body, "tea");
  const early = bench.connect().send(`${post("/all", "Content-Length: 3")}tea`);
  assert.equal((await early.answer()).body, "tea", "a client need not wait for it");
  assert.equal(threads.size, 1);
});

const CRASHES: readonly (readonly [path: string, message: RegExp])[] = [
  ["/exit", /thread has ended/],
  ["/throws", /nobody catches this/],
  ["/throws-nothing", /null/],
  ["/rejects", /nobody awaits this/],
  ["/uncopyable", /^out$/],
];

for (const [path, message] of CRASHES) {
  test(`a thread that ends (${path}) fails what it worked on with its reason, and another takes its place`, async (t) => {
    const errors: Error[] = [];
    const threads = pool(t, "crashes", { each: 2 });
    await using bench = loopback(threads.handler, { hooks: { error: (error) => void errors.push(error as Error) } });
    const beside = bench.connect().send(GET.replace("/", "/waits"));
    await until(() => threads.running === 1);
    assert.equal((await bench.connect().exchange(GET.replace("/", path))).status, 500);
    assert.equal((await beside.answer()).status, 500);
    await until(() => threads.running === 0);
    assert.deepEqual([threads.size, errors.length], [0, 2]);
    for (const error of errors) assert.match(error.message, message);
    assert.equal((await bench.connect().exchange(GET.replace("/", "/well"))).body, "well");
  });
}

test("what ends a thread that has nothing to do is told on standard error, and hurts nobody", async (t) => {
  const written: string[] = [];
  const { mock } = t.mock.method(process.stderr, "write", (text: string) => written.push(text) > 0);
  const threads = pool(t, "crashes");
  const app = portico();
  app.get("/{path...}", threads.handler);
  assert.equal(await said(app, "/later"), "200 well");
  await until(() => threads.size === 0);
  assert.equal(await said(app, "/well"), "200 well");
  mock.restore();
  assert.match(written.join(""), /RangeError.*: nobody catches this/);
});

for (const [how, leave] of [
  ["a reset", "reset"],
  ["a FIN", "end"],
] as const) {
  test(`clients that disconnect by ${how}, at whatever stage, free their threads, and nothing is reported`, async (t) => {
    const streaming = pool(t, "endless", { threads: 2, queue: 100 });
    const reading = pool(t, "reads", { threads: 2, queue: 100 });
    const waiting = pool(t, "left", { threads: 2, queue: 100 });
    const pools: Record<string, Workers> = { "/": streaming, "/silent": streaming, "/all": reading, "/waits": waiting };
    const errors: unknown[] = [];
    await using bench = loopback((request) => (pools[request.path] as Workers).handler(request), {
      hooks: { error: (error) => void errors.push(error) },
    });
    const half = "POST /all HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf";
    const stages: readonly (readonly [path: string, request: string, begun: string])[] = [
      ["/", GET, "begun"],
      ["/silent", GET.replace("/", "/silent"), "begun"],
      ["/waits", GET.replace("/", "/waits"), ""],
      ["/all", half, ""],
    ];
    for (const [path, request, begun] of stages) {
      const threads = pools[path] as Workers;
      const clients = Array.from({ length: 20 }, () => bench.connect().send(request));
      await until(() => threads.running === 2 && threads.waiting === 18);
      await until(() => clients.slice(0, 2).every(({ received }) => received.includes(begun)));
      clients[5]?.[leave](); // while it waits
      await until(() => threads.waiting === 17);
      for (const client of clients) client[leave]();
      await until(() => threads.running === 0 && bench.server.stats.open === 0);
      assert.deepEqual([threads.running, threads.waiting], [0, 0]);
    }
    assert.ok(errors.every((error) => (error as { code?: string }).code === "WIRE_UNFINISHED"));
    assert.equal((await bench.connect().exchange(half.replace("100", "4"))).body, "half");
  });
}

test("clients on real sockets that disconnect, by FIN and by RST, leave no thread behind", async (t) => {
  const threads = pool(t, "endless", { threads: 2, queue: 100 });
  const app = portico().all("/{path...}", threads.handler);
  t.after(() => app.close({ mode: "abort" }));
  await app.listen(0);
  const port = Number(new URL(app.url as string).port);
  for (const leave of ["end", "resetAndDestroy", "destroy"] as const) {
    const sockets = Array.from({ length: 40 }, (_, i) => {
      const socket = connect(port, "127.0.0.1").on("error", () => {});
      socket.write(GET.replace("/", i % 2 === 0 ? "/" : "/silent"));
      return socket;
    });
    await until(() => threads.running === 2 && threads.waiting === 38);
    for (const socket of sockets) socket[leave]();
    await until(() => threads.running === 0 && app.stats.open === 0);
    assert.deepEqual([threads.running, threads.waiting], [0, 0]);
    for (const socket of sockets) socket.destroy();
  }
});

test("a client that stops reading in the midst of a stream, and disconnects, frees its thread", async (t) => {
  const threads = pool(t, "endless");
  await using bench = loopback(threads.handler);
  const client = bench.connect().send(GET);
  await client.until("begun");
  client.pause();
  await bench.settled();
  client.reset();
  await until(() => threads.running === 0);
  assert.equal(threads.size, 1, "it was not ended for that");
});

test("a thread that loops for ever is ended when its clients have disconnected, and the next is served", async (t) => {
  const clock = new FakeClock();
  const file = join(await folder(t), "go");
  const threads = pool(t, "until", { clock, each: 2 });
  await using bench = loopback(threads.handler);
  const ask = GET.replace("/", `/?file=${encodeURIComponent(file)}`);
  await writeFile(file, "");
  assert.equal((await bench.connect().exchange(ask)).body, "there"); // so it has loaded its module
  await until(() => threads.running === 0);
  await rm(file);
  const clients = [bench.connect().send(ask), bench.connect().send(ask)];
  await until(() => threads.running === 2);
  for (const client of clients) client.reset();
  await until(() => bench.server.stats.open === 1); // the first
  clock.tick(1000);
  assert.deepEqual([threads.running, threads.size], [0, 0]);
  await writeFile(file, "");
  assert.equal((await bench.connect().exchange(ask)).body, "there");
});

test("a thread that computes on behind its answers is ended in the end, and frees its place", async (t) => {
  const clock = new FakeClock();
  const threads = pool(t, "after", { clock });
  await using bench = loopback(threads.handler);
  const client = bench.connect();
  assert.equal((await client.exchange(GET.replace("/", "/loops"))).body, "answered");
  const next = bench.connect().send(GET);
  await until(() => threads.waiting === 1);
  clock.tick(29_999);
  await bench.settled();
  assert.deepEqual([threads.running, threads.waiting], [1, 1]);
  clock.tick(1);
  assert.equal((await next.answer()).body, "answered");
  await until(() => threads.running === 0);
  assert.equal(threads.size, 1);
});

test("a thread that is still being started is not ended for clients that did not wait for it", async (t) => {
  const clock = new FakeClock();
  const threads = pool(t, "thread", { clock });
  await using bench = loopback(threads.handler);
  const client = bench.connect().send(GET);
  await until(() => threads.running === 1);
  client.reset();
  await until(() => bench.server.stats.open === 0);
  clock.tick(1000);
  assert.equal(threads.size, 1);
  await until(() => threads.running === 0);
  const first = (await bench.connect().exchange(GET)).body;
  assert.equal((await bench.connect().exchange(GET)).body, first);
  assert.equal(threads.size, 1);
});

test("a module that is never loaded frees its threads in the end", async (t) => {
  const clock = new FakeClock();
  const threads = workers(new URL("never.js", MODULE), { threads: 1, clock });
  t.after(() => threads.close());
  await using bench = loopback(threads.handler);
  const client = bench.connect().send(GET);
  await until(() => threads.running === 1);
  client.reset();
  await until(() => bench.server.stats.open === 0);
  clock.tick(30_000);
  await until(() => threads.running === 0);
  assert.equal(threads.size, 0);
});

test("a request that cannot be handed to a thread takes no place", async (t) => {
  const threads = pool(t, "thread");
  const strange = { address: "a", port: (() => {}) as unknown as number, secure: false };
  await using bench = loopback(
    stack(
      threads.handler,
      (next) => (request) => next(request.path === "/" ? request : derive(request, { peer: strange })),
    ),
  );
  for (let i = 0; i < 3; i++) {
    assert.equal((await bench.connect().exchange(GET.replace("/", "/strange"))).status, 500);
    assert.equal(threads.running, 0);
  }
  assert.equal((await bench.connect().exchange(GET)).status, 200);
});
