// What a client's FIN does: the signal aborts, the reply is still sent where there is one, and where there is none the connection is
// closed. Time stands still until it is turned.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { HttpError, TransportError } from "../../src/base/errors.ts";
import type { Handler } from "../../src/message/handler.ts";
import { imperative } from "../../src/message/imperative.ts";
import { reply, text } from "../../src/message/reply.ts";
import type { Request } from "../../src/message/request.ts";
import { concurrency } from "../../src/middleware/concurrency.ts";
import { errorPages } from "../../src/middleware/error-pages.ts";
import type { ReplyInfo } from "../../src/server/site.ts";
import { type Loopback, loopback } from "../../src/testing/index.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const get = (path: string): string => GET.replace("/", path);

const never = (): Promise<never> => new Promise(() => {});

/** Turns the clock when nothing is under way, and lets come what comes of it. */
async function pass(bench: Loopback, milliseconds: number): Promise<void> {
  await bench.settled();
  bench.clock.tick(milliseconds);
  await bench.settled();
}

function codeOf(reason: unknown): string | undefined {
  assert.ok(reason === undefined || reason instanceof TransportError, String(reason));
  return reason?.code;
}

/** A handler that waits until it is let go. */
function waiting(): { readonly handler: Handler; release(answer?: string): void; readonly asked: Request[] } {
  const asked: Request[] = [];
  const waits: ((answer: string) => void)[] = [];
  return {
    asked,
    handler: async (request) => {
      asked.push(request);
      return text(await new Promise<string>((resolve) => waits.push(resolve)));
    },
    release: (answer = "late") => waits.shift()?.(answer),
  };
}

test("a FIN aborts the signal with a code of its own, also of a request that asks for it afterwards", async () => {
  const { handler, release, asked } = waiting();
  await using bench = loopback(handler);
  const early = bench.connect().send(GET);
  await bench.settled();
  const { signal } = asked[0] as Request;
  assert.equal(signal.aborted, false);
  early.end();
  await bench.settled();
  assert.equal(codeOf(signal.reason), "NET_HALF_CLOSED");
  const late = bench.connect().send(GET).end();
  await bench.settled();
  assert.equal(codeOf((asked[1] as Request).signal.reason), "NET_HALF_CLOSED");
  for (const client of [early, late]) {
    release();
    assert.equal((await client.answer()).body, "late");
    assert.equal(await client.closed, "fin");
  }
  assert.equal(bench.server.stats.open, 0);
});

test("what is pipelined before a FIN is answered in order, each with a signal that has aborted", async () => {
  const { handler, release, asked } = waiting();
  await using bench = loopback(handler);
  const client = bench
    .connect()
    .send(`${get("/1")}${get("/2")}${get("/3")}`)
    .end();
  for (const path of ["/1", "/2", "/3"]) {
    await bench.settled();
    assert.equal(codeOf((asked.at(-1) as Request).signal.reason), "NET_HALF_CLOSED");
    release(path);
    assert.equal((await client.answer()).body, path);
  }
  assert.equal(await client.closed, "fin");
  assert.deepEqual([bench.server.stats.open, asked.length], [0, 3]);
});

test("a handler that ignores its signal holds neither the connection nor its place longer than timeouts.drain", async () => {
  await using bench = loopback(never, { limits: { requests: 3 }, timeouts: { drain: 5_000 } });
  const clients = Array.from({ length: 3 }, () => bench.connect().send(GET).end());
  const next = bench.connect().send(GET);
  await pass(bench, 4_000);
  assert.deepEqual([bench.server.stats.open, bench.server.stats.waiting], [4, 1]);
  await pass(bench, 4_000);
  assert.deepEqual(
    clients.map(({ received, ending }) => [received, ending]),
    clients.map(() => ["", "fin"]),
  );
  assert.deepEqual([bench.server.stats.open, bench.server.stats.waiting], [1, 0]);
  next.end();
  await pass(bench, 8_000);
  assert.equal(bench.server.stats.open, 0);
});

test("with timeouts.drain of 0 a reply is waited for without an end", async () => {
  const { handler, release } = waiting();
  await using bench = loopback(handler, { timeouts: { drain: 0 } });
  const client = bench.connect().send(GET).end();
  await pass(bench, 1_000_000);
  release();
  assert.equal((await client.answer()).body, "late");
});

test("a reply that has begun in time may take as long as it likes", async () => {
  let step = (): void => {};
  async function* slow(): AsyncGenerator<string> {
    for (const piece of ["one", "two", "three"]) {
      yield piece;
      await new Promise<void>((resolve) => {
        step = resolve;
      });
    }
  }
  await using bench = loopback(() => reply(200, {}, slow()), { timeouts: { drain: 1_000 } });
  const client = bench.connect().send(GET).end();
  for (const piece of ["one", "two", "three"]) {
    await client.until(piece);
    await pass(bench, 60_000);
    step();
  }
  await client.until("0\r\n\r\n");
  assert.equal(await client.closed, "fin");
});

test("a source that obeys its signal ends the streamed reply behind a FIN", async () => {
  async function* ticks(signal: AbortSignal): AsyncGenerator<string> {
    yield "begun";
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    yield "ended";
  }
  await using bench = loopback((request) => reply(200, {}, ticks(request.signal)));
  const client = bench.connect().send(GET);
  await client.until("begun");
  client.end();
  assert.match(await client.until("0\r\n\r\n"), /ended/);
  assert.equal(bench.server.stats.failures, 0);
});

test("an event stream ends at the FIN, before its head or behind it", async () => {
  const types = ["text/event-stream", "text/event-stream; charset=utf-8", "Text/Event-Stream"];
  const ended: string[] = [];
  async function* events(type: string): AsyncGenerator<string> {
    try {
      for (;;) {
        yield "data: tick\n\n";
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      ended.push(type);
    }
  }
  for (const type of types) {
    await using bench = loopback(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return reply(200, { "Content-Type": type }, events(type));
    });
    const [before, behind] = [bench.connect().send(GET).end(), bench.connect().send(GET)];
    await behind.until("tick");
    behind.end();
    assert.deepEqual([await before.closed, await behind.closed], ["reset", "reset"]);
    await bench.settled();
    assert.deepEqual([bench.server.stats.open, bench.server.stats.failures], [0, 0]);
  }
  assert.deepEqual(
    ended,
    types.flatMap((type) => [type, type]),
  );
  // Of another type it is a reply like any other.
  async function* two(): AsyncGenerator<string> {
    yield "one";
    yield "two";
  }
  await using bench = loopback(() => reply(200, { "Content-Type": "text/event-streams" }, two()));
  await bench.connect().send(GET).end().until("two\r\n0\r\n\r\n");
});

for (const [how, wait] of [
  [
    "with its reason",
    (signal: AbortSignal) =>
      new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  ],
  ["with an AbortError", (signal: AbortSignal) => sleep(1_000_000, undefined, { signal }) as Promise<never>],
] as const) {
  test(`a handler that obeys its signal ${how} has not failed: 499, and nobody is told`, async () => {
    const told: unknown[] = [];
    const replies: ReplyInfo[] = [];
    const hooks = {
      error: (error: unknown) => told.push(error),
      reply: (_: Request, info: ReplyInfo) => replies.push(info),
    };
    await using bench = loopback(async ({ signal }) => wait(signal), { hooks });
    const client = bench.connect().send(GET);
    await bench.settled();
    client.end();
    assert.equal((await client.answer()).status, 499);
    assert.equal(await client.closed, "fin");
    assert.deepEqual([told, bench.server.stats.failures, replies.map(({ status }) => status)], [[], 0, [499]]);
  });
}

test("what a handler throws of its own behind a FIN is reported and answered as ever, by the pages of errorPages() too", async () => {
  const told: unknown[] = [];
  const failing: Handler = async ({ path }) => {
    await new Promise((resolve) => setImmediate(resolve));
    throw path === "/bug" ? new Error("a bug") : new HttpError(404);
  };
  const page = errorPages((status) => text(`page ${status}`, status));
  for (const handler of [failing, page(failing)]) {
    await using bench = loopback(handler, { hooks: { error: (error) => told.push(error) } });
    for (const [path, status] of [
      ["/bug", 500],
      ["/none", 404],
    ] as const) {
      const answer = await bench.connect().send(get(path)).end().answer();
      assert.equal(answer.status, status);
      if (handler !== failing) assert.equal(answer.body, `page ${status}`);
    }
    assert.equal(bench.server.stats.failures, 1);
  }
  assert.equal(told.length, 4);
});

test('with halfClose "ignore" the signal stays quiet, and nothing hurries the handler', async () => {
  const { handler, release, asked } = waiting();
  await using bench = loopback(handler, { halfClose: "ignore", timeouts: { drain: 1_000 } });
  const client = bench.connect().send(GET).end();
  await pass(bench, 1_000_000);
  assert.equal((asked[0] as Request).signal.aborted, false);
  release();
  assert.equal((await client.answer()).body, "late");
});

test('with halfClose "close" a streamed reply is cut by a reset, so that no part passes for the whole', async () => {
  let signal: AbortSignal | undefined;
  async function* endless(): AsyncGenerator<string> {
    for (;;) {
      yield "tick";
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const handler: Handler = (request) => {
    signal = request.signal;
    return reply(200, {}, endless());
  };
  await using bench = loopback(handler, { halfClose: "close" });
  const client = bench.connect().send("GET / HTTP/1.0\r\n\r\n");
  await client.until("tick");
  client.end();
  assert.equal(await client.closed, "reset");
  assert.equal(codeOf(signal?.reason), "NET_CLOSED");
});

test("what was answered before a request that a FIN ends is not lost with it", async () => {
  const large = "x".repeat(300_000);
  await using bench = loopback(({ path }) => (path === "/large" ? text(large) : never()), { halfClose: "close" });
  const client = bench
    .connect()
    .pause()
    .send(`${get("/large")}${get("/waits")}`)
    .end();
  await bench.settled();
  client.resume();
  assert.equal((await client.answer()).body.length, large.length);
  assert.equal(await client.closed, "fin");
});

test("a response that is written later is still written behind a FIN, and one that never is holds nothing", async () => {
  let write = (): void => {};
  const later = imperative(({ path }, response) => {
    if (path === "/later") write = () => response.send(200, {}, "written");
  });
  await using bench = loopback(later, { timeouts: { drain: 1_000 } });
  const [client, other] = [bench.connect().send(get("/later")).end(), bench.connect().send(get("/never")).end()];
  await bench.settled();
  write();
  assert.equal((await client.answer()).body, "written");
  await pass(bench, 1_600);
  assert.deepEqual([other.received, other.ending, bench.server.stats.open], ["", "fin", 0]);
});

test("a body that fails aborts the signal, also of who asks for it later; who reads on for ever is given up", async () => {
  const asked: Request[] = [];
  const handler: Handler = async (request) => {
    asked.push(request);
    await request.body.bytes().catch(() => {});
    return never();
  };
  await using bench = loopback(handler, { timeouts: { body: 1_000, drain: 10_000 } });
  const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc";
  const clients = [bench.connect().send(head).end(), bench.connect().send(head)];
  await pass(bench, 3_000);
  assert.deepEqual(
    asked.map(({ signal }) => (signal.reason as { code: string }).code),
    ["WIRE_UNFINISHED", "WIRE_TIMEOUT"],
  );
  await pass(bench, 11_000);
  assert.deepEqual([clients.map(({ ending }) => ending), bench.server.stats.open], [["fin", "fin"], 0]);
});

test("who waits for a place of concurrency() and disconnects by a FIN waits no longer, and is not handled", async () => {
  const { handler, release, asked } = waiting();
  await using bench = loopback(concurrency(1, { queue: 10 })(handler));
  const first = bench.connect().send(get("/first"));
  await bench.settled();
  const gone = Array.from({ length: 5 }, () => bench.connect().send(get("/gone")).end());
  const last = bench.connect().send(get("/last"));
  await bench.settled();
  assert.equal(bench.server.stats.open, 2);
  assert.deepEqual(new Set(gone.map(({ ending }) => ending)), new Set(["fin"]));
  release();
  await first.answer();
  await bench.settled();
  release();
  await last.answer();
  assert.deepEqual(
    asked.map(({ path }) => path),
    ["/first", "/last"],
  );
});

test("a handler that ignores its signal does not keep its place of concurrency() for ever, after a FIN or a reset", async () => {
  let handled = 0;
  const handler: Handler = () => {
    handled++;
    return never();
  };
  await using bench = loopback(concurrency(4, { queue: 4 })(handler), { timeouts: { drain: 5_000 } });
  const clients = Array.from({ length: 8 }, () => bench.connect().send(GET));
  await bench.settled();
  for (const [at, client] of clients.slice(0, 4).entries()) {
    if (at < 2) client.end();
    else client.reset();
  }
  await pass(bench, 4_000);
  assert.equal(handled, 4, "a client that disconnects makes no room for the next one while its handler may work");
  await pass(bench, 4_000);
  assert.equal(handled, 8);
});

test("a signal that is asked for when the reply has left is quiet, whatever the client does", async () => {
  const asked: Request[] = [];
  await using bench = loopback((request) => {
    asked.push(request);
    return text("x");
  });
  const client = bench.connect().send(GET);
  await client.answer();
  client.end();
  assert.equal((asked[0] as Request).signal.aborted, false);
});

test("a FIN behind a request that is answered in its turn makes no signal and sets no time", async () => {
  let made = 0;
  const { AbortController: Original } = globalThis;
  globalThis.AbortController = class extends Original {
    constructor() {
      super();
      made++;
    }
  };
  try {
    await using bench = loopback(() => text("x"));
    const client = bench.connect().send(GET).end();
    assert.equal((await client.answer()).body, "x");
    assert.equal(await client.closed, "fin");
  } finally {
    globalThis.AbortController = Original;
  }
  assert.equal(made, 0);
});
