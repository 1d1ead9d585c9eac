// Scenario 14: clients that are slow, big or hostile. Time stands still until it is turned; beside each of them a good client
// is served.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../../src/base/errors.ts";
import type { Address } from "../../src/base/transport.ts";
import type { Handler } from "../../src/message/handler.ts";
import { imperative, type Responder } from "../../src/message/imperative.ts";
import { Pipe } from "../../src/message/pipe.ts";
import { empty, reply, text } from "../../src/message/reply.ts";
import { deadlines, type Request } from "../../src/message/request.ts";
import type { Connection } from "../../src/server/index.ts";
import { type Loopback, loopback, WireClient } from "../../src/testing/index.ts";
import { memoryListener } from "../../src/transport/index.ts";
import { strays, turns } from "./strays.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const MEGABYTE = 1_048_576;

/** A POST of so many octets, of which none is sent yet. */
function post(length: number, path = "/"): string {
  return `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
}

const CHUNKED = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

function chunk(length: number): string {
  return `${length.toString(16)}\r\n${"x".repeat(length)}\r\n`;
}

/** Reads the body, and says how long it is. */
const counting: Handler = async (request) => text(String((await request.body.bytes()).length));

/** Turns the clock when nothing is under way, and lets come what comes of it. */
async function pass(bench: Loopback, milliseconds: number): Promise<void> {
  await bench.settled();
  bench.clock.tick(milliseconds);
  await bench.settled();
}

async function isServed(bench: Loopback): Promise<void> {
  const answer = await bench.connect().exchange(GET.replace("/", "/good"));
  assert.equal(answer.status < 500, true);
}

test("a head that stops half-way is answered 408 when its time is up, and the connection closes [GB-35] [HS-41]", async () => {
  await using bench = loopback(() => text("x"), { timeouts: { head: 10_000 } });
  const client = bench.connect().send("GET / HTTP/1.1\r\nHost:");
  await pass(bench, 9_000);
  assert.equal(client.received, "");
  await isServed(bench);
  await pass(bench, 4_000);
  assert.match(client.received, /^HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*\r\nConnection: close\r\n/);
  assert.equal(client.ending, "fin");
  assert.deepEqual(bench.server.stats.refused, 1);
});

test("a head that comes an octet a second has no more time than any other [HS-41]", async () => {
  await using bench = loopback(() => text("x"), { timeouts: { head: 10_000 } });
  const client = bench.connect();
  for (const octet of GET) {
    if (client.ending !== undefined) break;
    client.send(octet);
    await pass(bench, 1_000);
  }
  assert.match(client.received, /^HTTP\/1\.1 408 /);
});

test("who connects and says nothing is closed without a word, after the time of a head", async () => {
  await using bench = loopback(() => text("x"), { timeouts: { head: 10_000 } });
  const client = bench.connect();
  await pass(bench, 13_000);
  assert.deepEqual([client.received, client.ending], ["", "fin"]);
  assert.equal(bench.server.stats.refused, 0);
});

test("a connection that idles between requests is closed without a word [GB-35]", async () => {
  await using bench = loopback(() => text("x"), { timeouts: { idle: 20_000 } });
  const client = bench.connect();
  await client.exchange(GET);
  await pass(bench, 19_000);
  assert.equal(client.ending, undefined);
  await pass(bench, 4_000);
  assert.deepEqual([client.untaken, client.ending], ["", "fin"]);
});

test("empty lines do not keep a connection: neither a new one nor one that idles", async () => {
  await using bench = loopback(() => text("x"), { timeouts: { head: 10_000, idle: 20_000 } });
  const fresh = bench.connect();
  const used = bench.connect();
  await used.exchange(GET);
  for (let i = 0; i < 24; i++) {
    if (fresh.ending === undefined) fresh.send("\r\n");
    if (used.ending === undefined) used.send("\r\n");
    await pass(bench, 1_000);
  }
  assert.notEqual(fresh.ending, undefined);
  assert.notEqual(used.ending, undefined);
});

test("part of the next head behind an answer has the time of a head, then 408", async () => {
  await using bench = loopback(() => text("x"), { timeouts: { head: 10_000, idle: 75_000 } });
  const client = bench.connect();
  await client.exchange(GET);
  client.send("GE");
  await pass(bench, 13_000);
  assert.match(client.untaken, /^HTTP\/1\.1 408 /);
});

test("part of a next head that came with a request gets its time from the answer on, and 408 after it", async () => {
  let release = (): void => {};
  await using bench = loopback(
    async () => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return text("first");
    },
    { timeouts: { head: 10_000 } },
  );
  const client = bench.connect().send(`${GET}GET /next`);
  await pass(bench, 60_000);
  assert.equal(client.received, "");
  release();
  assert.equal((await client.answer()).body, "first");
  await pass(bench, 13_000);
  assert.match(client.untaken, /^HTTP\/1\.1 408 /);
});

for (const [name, head] of [
  ["by length", post(10)],
  ["in chunks", CHUNKED],
] as const) {
  test(`a body ${name} that stops is answered 408 while the handler reads it`, async () => {
    const errors: unknown[] = [];
    await using bench = loopback(counting, {
      timeouts: { body: 10_000 },
      hooks: { error: (error) => errors.push((error as { code: string }).code) },
    });
    const client = bench.connect().send(head);
    await bench.settled();
    await pass(bench, 9_000);
    assert.equal(client.received, "");
    await isServed(bench);
    await pass(bench, 4_000);
    assert.match(client.received, /^HTTP\/1\.1 408 Request Timeout\r\n[\s\S]*\r\nConnection: close\r\n/);
    assert.equal(client.ending, "fin");
    assert.equal(errors.includes("WIRE_TIMEOUT"), true);
  });
}

test("a body that stops aborts the signal of a handler that does not read it, with the reason", async () => {
  let reason: unknown;
  await using bench = loopback(
    (request) =>
      new Promise((_resolve, reject) => {
        request.signal.addEventListener("abort", () => {
          reason = request.signal.reason;
          reject(reason);
        });
      }),
    { timeouts: { body: 10_000 } },
  );
  const client = bench.connect().send(post(10));
  await bench.settled();
  await pass(bench, 13_000);
  assert.equal((reason as { code: string }).code, "WIRE_TIMEOUT");
  assert.match(client.received, /^HTTP\/1\.1 408 /);
});

test("a handler that never ends does not keep a client that has stopped sending: it is answered 408", async () => {
  await using bench = loopback(() => new Promise(() => {}), { timeouts: { body: 10_000 } });
  const client = bench.connect().send(post(10));
  await bench.settled();
  await pass(bench, 13_000);
  assert.match(client.received, /^HTTP\/1\.1 408 /);
});

test("a body that trickles is not cut: the time is that between two pieces", async () => {
  await using bench = loopback(counting, { timeouts: { body: 10_000 } });
  const client = bench.connect().send(post(6));
  for (let i = 0; i < 6; i++) {
    await pass(bench, 8_000);
    client.send("x");
    await bench.settled();
  }
  assert.equal((await client.answer("POST")).body, "6");
});

/** A handler that reads the body only once it is told to. */
function slowReader(): { readonly handler: Handler; read(): void } {
  let read = (): void => {};
  return {
    handler: async (request) => {
      await new Promise<void>((resolve) => {
        read = resolve;
      });
      return text(String((await request.body.bytes()).length));
    },
    read: () => read(),
  };
}

test("a handler that is slow to read does not count against the client, whose octets wait", async () => {
  const reader = slowReader();
  await using bench = loopback(reader.handler, { timeouts: { body: 10_000 } });
  const client = bench.connect().send(post(200_000));
  client.send("x".repeat(200_000));
  await bench.settled();
  assert.equal(client.pending > 0, true, "the transport is paused: not all of it was read");
  await pass(bench, 60_000);
  assert.equal(client.received, "");
  reader.read();
  assert.equal((await client.answer("POST")).body, "200000");
});

test("a client that stops again after the handler went on reading is cut all the same", async () => {
  const reader = slowReader();
  await using bench = loopback(reader.handler, { timeouts: { body: 10_000 } });
  const client = bench.connect().send(post(200_001));
  client.send("x".repeat(200_000));
  await bench.settled();
  await pass(bench, 60_000);
  reader.read();
  await bench.settled();
  await pass(bench, 13_000);
  assert.match(client.received, /^HTTP\/1\.1 408 /);
});

test("the rest of a body that nobody reads has its time too, and then the connection closes", async () => {
  await using bench = loopback(() => text("early"), { timeouts: { body: 10_000 } });
  const client = bench.connect().send(`${post(10)}abc`);
  assert.equal((await client.answer("POST")).body, "early");
  await pass(bench, 13_000);
  assert.deepEqual([client.untaken, client.ending], ["", "fin"]);
});

test("a client that does not read a large reply is cut after the time to write, and the handler sees it [GB-34] [GB-36]", async () => {
  let signal: AbortSignal | undefined;
  let pipe = new Pipe();
  await using bench = loopback(
    (request) => {
      signal = request.signal;
      pipe = new Pipe();
      void fill(pipe, 10 * MEGABYTE);
      return reply(200, {}, pipe);
    },
    { timeouts: { write: 10_000 } },
  );
  const client = bench.connect().pause().send(GET);
  await bench.settled();
  await pass(bench, 9_000);
  assert.equal(signal?.aborted, false);
  await pass(bench, 5_000);
  assert.equal(signal?.aborted, true);
  assert.equal((signal?.reason as { code: string } | undefined)?.code, "NET_WRITE_TIMEOUT");
  assert.equal(pipe.cancelled.aborted, true);
  assert.equal(bench.server.stats.open, 0);
  assert.equal(client.received.length, 0);
});

async function fill(pipe: Pipe, octets: number): Promise<void> {
  const piece = new Uint8Array(16_384);
  try {
    for (let sent = 0; sent < octets; sent += piece.length) if (!pipe.write(piece)) await pipe.drained();
    pipe.end();
  } catch {
    // The reader has gone.
  }
}

test("a client that reads slowly, but reads, is not cut", async () => {
  await using bench = loopback(() => text("x".repeat(MEGABYTE)), { timeouts: { write: 10_000 } });
  const client = bench.connect().pause().send(GET);
  for (let i = 0; i < 8; i++) {
    await pass(bench, 8_000);
    const before = client.received.length;
    client.resume();
    await client.until(() => {
      if (client.received.length > before) client.pause();
      return client.received.length > before;
    });
  }
  assert.equal(bench.server.stats.open, 1);
  client.resume();
  await client.until(() => client.received.length > MEGABYTE);
  assert.equal(bench.server.stats.open, 1);
});

test("a request may have deadlines of its own: for its body [GB-26]", async () => {
  await using bench = loopback(async (request) => {
    deadlines(request, { body: 100 });
    return counting(request);
  });
  const client = bench.connect().send(`${post(10)}abc`);
  await bench.settled();
  await pass(bench, 1_000);
  assert.match(client.received, /^HTTP\/1\.1 408 /);
});

test("a request may have deadlines of its own: no limit at all [GB-26]", async () => {
  await using bench = loopback(
    async (request) => {
      deadlines(request, { body: 0 });
      return counting(request);
    },
    { timeouts: { body: 1_000 } },
  );
  const client = bench.connect().send(post(1));
  await pass(bench, 1_000_000);
  assert.equal((await client.send("x").answer("POST")).body, "1");
});

for (const [name, make] of [
  ["a stream", () => reply(200, {}, many())],
  ["a whole body", () => text("x".repeat(10 * MEGABYTE))],
  ["a whole body that leaves with the turn", () => text("x".repeat(60_000))],
] as const) {
  test(`a request may have deadlines of its own: to write ${name} [GB-34]`, async () => {
    await using bench = loopback((request) => {
      deadlines(request, { write: 1_000 });
      return make();
    });
    const client = bench.connect({ highWater: 16_384 }).pause().send(GET);
    await bench.settled();
    await pass(bench, 5_000);
    assert.equal(bench.server.stats.open, 0);
    client.resume();
    assert.equal(await client.closed, "reset");
  });
}

async function* many(pieces = 640): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < pieces; i++) yield new Uint8Array(16_384);
}

test("a deadline that is lowered while the client does not read counts from then on [GB-34]", async () => {
  let asked: Request | undefined;
  await using bench = loopback((request) => {
    asked = request;
    return reply(200, {}, many());
  });
  bench.connect().pause().send(GET);
  await bench.settled();
  assert.ok(asked);
  deadlines(asked, { write: 1_000 });
  await pass(bench, 5_000);
  assert.equal(bench.server.stats.open, 0);
});

test("deadlines that are none are refused", async () => {
  const codes: string[] = [];
  await using bench = loopback((request) => {
    for (const body of [-1, Number.NaN, "1"]) {
      try {
        deadlines(request, { body: body as number });
      } catch (error) {
        codes.push((error as { code: string }).code);
      }
    }
    return empty();
  });
  await bench.connect().exchange(GET);
  assert.deepEqual(codes.slice(0, 2), ["USE_BAD_OPTION", "USE_BAD_OPTION"]);
});

test("a body of as many octets as the limit passes, one more is 413 and close, in both framings [GB-39] [HS-41]", async () => {
  await using bench = loopback(counting);
  for (const length of [MEGABYTE, MEGABYTE + 1]) {
    const whole = [post(length) + "x".repeat(length)];
    whole.push(`${CHUNKED}${chunk(600_000)}${chunk(length - 600_000)}0\r\n\r\n`);
    for (const octets of whole) {
      const client = bench.connect().send(octets);
      const answer = await client.answer("POST");
      if (length === MEGABYTE) {
        assert.deepEqual([answer.status, answer.body], [200, String(MEGABYTE)]);
        assert.equal(answer.headers.get("connection"), undefined);
      } else {
        assert.equal(answer.status, 413);
        assert.equal(answer.headers.get("connection"), "close");
        assert.equal(await client.closed, "fin");
      }
    }
  }
  await isServed(bench);
});

test("the limit of a body can be that of the route [GB-39]", async () => {
  await using bench = loopback(async (request) => text(String((await request.body.bytes(10)).length)));
  const right = await bench.connect().exchange(`${post(10)}${"x".repeat(10)}`);
  assert.deepEqual([right.status, right.body], [200, "10"]);
  const wrong = await bench.connect().exchange(`${post(11)}${"x".repeat(11)}`);
  assert.equal(wrong.status, 413);
});

test("a body that is too long is refused before 100 Continue, and nothing of it is asked for", async () => {
  await using bench = loopback(counting);
  const expecting = (length: number): string => post(length).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n");
  const client = bench.connect().send(expecting(3 * MEGABYTE));
  const refused = await client.answer("POST");
  assert.deepEqual([refused.status, refused.informational.length], [413, 0]);
  assert.equal(refused.headers.get("connection"), "close");
  assert.equal(await client.closed, "fin");
  const other = bench.connect().send(expecting(3));
  assert.equal(await other.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  assert.equal((await other.send("abc").answer("POST")).body, "3");
});

test("100 Continue is sent when the body is first read, once, and not before", async () => {
  let read = (): void => {};
  await using bench = loopback(async (request) => {
    await new Promise<void>((resolve) => {
      read = resolve;
    });
    return counting(request);
  });
  const client = bench.connect().send(post(3).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"));
  await bench.settled();
  assert.equal(client.received, "");
  read();
  await bench.settled();
  assert.equal(client.received, "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  const answer = await client.answer("POST");
  assert.deepEqual([answer.body, answer.informational.length], ["3", 1]);
});

test("a stream is not bound by the limit of what is collected, but by limits.streamBytes", async () => {
  const streaming: Handler = async (request) => {
    let length = 0;
    for await (const piece of request.body) length += piece.length;
    return text(String(length));
  };
  await using open = loopback(streaming);
  const long = open.connect().send(post(3 * MEGABYTE) + "x".repeat(3 * MEGABYTE));
  assert.equal((await long.answer("POST")).body, String(3 * MEGABYTE));
  await using bound = loopback(streaming, { limits: { streamBytes: 100 } });
  assert.equal((await bound.connect().exchange(`${post(100)}${"x".repeat(100)}`)).body, "100");
  assert.equal((await bound.connect().exchange(post(101))).status, 413);
  assert.equal((await bound.connect().exchange(`${CHUNKED}${chunk(60)}${chunk(41)}`)).status, 413);
});

test("a body of 100 KB that nobody reads does not keep the next request from being answered [GB-46]", async () => {
  await using bench = loopback(({ path }) => text(path));
  for (const octets of [`${post(100_000, "/a")}${"x".repeat(100_000)}`, `${CHUNKED}${chunk(100_000)}0\r\n\r\n`]) {
    const client = bench.connect().send(`${octets}${GET.replace("/", "/next")}`);
    assert.equal((await client.answer("POST")).status, 200);
    assert.equal((await client.answer()).body, "/next");
  }
});

test("of a body that nobody reads so much is skipped as limits.discardBytes says, then the connection closes", async () => {
  await using bench = loopback(() => text("early"), { limits: { discardBytes: 1000 } });
  const declared = bench.connect().send(post(1001));
  assert.equal((await declared.answer("POST")).headers.get("connection"), "close");
  assert.equal(await declared.closed, "fin");
  const short = bench.connect().send(post(1000));
  assert.equal((await short.answer("POST")).headers.get("connection"), undefined);
  assert.equal((await short.send(`${"x".repeat(1000)}${GET}`).answer()).body, "early");
  const chunks = bench.connect().send(CHUNKED);
  await chunks.answer("POST");
  chunks.send(chunk(1000));
  await bench.settled();
  assert.equal(chunks.ending, undefined);
  chunks.send(chunk(1));
  assert.equal(await chunks.closed, "fin");
});

test("requests beyond the limit wait in order, those beyond the queue are told 503 [CH-37]", async () => {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  await using bench = loopback(
    async ({ path }) => {
      begun.push(path);
      await new Promise<void>((resolve) => ends.set(path, resolve));
      return text(path);
    },
    { limits: { requests: 2, waiting: 2 } },
  );
  const clients = ["/1", "/2", "/3", "/4", "/5"].map((path) => bench.connect().send(GET.replace("/", path)));
  await bench.settled();
  assert.deepEqual(begun, ["/1", "/2"]);
  assert.equal(bench.server.stats.waiting, 2);
  assert.equal((await clients[4]?.answer())?.status, 503);
  ends.get("/2")?.();
  assert.equal((await clients[1]?.answer())?.body, "/2");
  assert.deepEqual(begun, ["/1", "/2", "/3"]);
  clients[3]?.reset();
  await bench.settled();
  assert.equal(bench.server.stats.waiting, 0);
  ends.get("/1")?.();
  ends.get("/3")?.();
  await bench.settled();
  assert.deepEqual(begun, ["/1", "/2", "/3"], "who has left is not handled");
  assert.equal(bench.server.stats.waiting, 0);
  const next = bench.connect().send(GET.replace("/", "/6"));
  await bench.settled();
  ends.get("/6")?.();
  assert.equal((await next.answer()).body, "/6");
});

test("a place is free again whatever becomes of the request: failed, reset, streamed", async () => {
  const handlers: Record<string, Handler> = {
    "/throws": () => {
      throw new Error("no");
    },
    "/rejects": () => Promise.reject(new Error("no")),
    "/stream": () => reply(200, {}, many(20)),
    "/waits": ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
    "/ok": () => text("ok"),
  };
  await using bench = loopback((request) => (handlers[request.path] as Handler)(request), {
    limits: { requests: 1, waiting: 1 },
  });
  for (const path of ["/throws", "/rejects"]) {
    assert.equal((await bench.connect().exchange(GET.replace("/", path))).status, 500);
  }
  for (const path of ["/stream", "/waits"]) {
    const client = bench.connect().pause().send(GET.replace("/", path));
    await bench.settled();
    client.reset();
    await bench.settled();
  }
  assert.equal((await bench.connect().exchange(GET.replace("/", "/stream"))).status, 200);
  for (let i = 0; i < 3; i++) assert.equal((await bench.connect().exchange(GET.replace("/", "/ok"))).body, "ok");
  assert.equal(bench.server.stats.waiting, 0);
});

test("a client that resets does not make room for the next while its handler still works", async () => {
  let running = 0;
  let most = 0;
  const finish: (() => void)[] = [];
  await using bench = loopback(
    async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => finish.push(resolve));
      running--;
      return text("done");
    },
    { limits: { requests: 1 } },
  );
  for (let i = 0; i < 15; i++) {
    const client = bench.connect().send(GET);
    await bench.settled();
    client.reset();
    await bench.settled();
  }
  assert.equal(most, 1);
  const last = bench.connect().exchange(GET);
  for (let i = 0; i < 3; i++) {
    await bench.settled();
    for (const each of finish.splice(0)) each();
  }
  assert.equal((await last).body, "done");
  assert.equal(most, 1);
});

test("a thousand requests that wait are let in one after the other, without going deeper with each", async () => {
  let release = (): void => {};
  const first = new Promise<void>((resolve) => {
    release = resolve;
  });
  await using bench = loopback(
    (request) => (request.path === "/first" ? first.then(() => text("first")) : text("next")),
    {
      limits: { requests: 1, waiting: 5000 },
    },
  );
  const clients = [bench.connect().send(GET.replace("/", "/first"))];
  await bench.settled();
  for (let i = 0; i < 3000; i++) clients.push(bench.connect().send(GET));
  await bench.settled();
  assert.equal(bench.server.stats.waiting, 3000);
  release();
  await bench.settled();
  assert.equal(bench.server.stats.waiting, 0);
  for (const client of clients) assert.match(client.received, /^HTTP\/1\.1 200 /);
});

test("every error that the server answers by itself has the page of errorPage [CH-27] [CH-35]", async () => {
  await using bench = loopback(
    async (request) => {
      if (request.path === "/missing") throw new HttpError(404, "There is no such page.");
      if (request.path === "/fails") throw new Error("secret");
      return counting(request);
    },
    {
      errorPage: (status, message) => reply(status, { "Content-Type": "text/x" }, `page of ${status}: ${message}`),
      timeouts: { head: 1_000 },
      limits: { requests: 1, waiting: 0 },
    },
  );
  const cases: [string, string][] = [
    ["nonsense\r\n\r\n", "page of 400: "],
    ["GET / HTTP/1.1\r\n\r\n", "page of 400: "],
    ["GET /missing HTTP/1.1\r\nHost: a\r\n\r\n", "page of 404: There is no such page."],
    [post(2 * MEGABYTE), "page of 413: "],
    [`GET /${"x".repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`, "page of 414: "],
    ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: tea\r\n\r\n", "page of 417: "],
    [`GET / HTTP/1.1\r\nHost: a\r\n${"A: b\r\n".repeat(256)}\r\n`, "page of 431: "],
    ["GET /fails HTTP/1.1\r\nHost: a\r\n\r\n", "page of 500: "],
    ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: tea\r\n\r\n", "page of 501: "],
    ["TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "page of 501: "],
    ["GET / HTTP/2.0\r\nHost: a\r\n\r\n", "page of 505: "],
  ];
  for (const [octets, page] of cases) {
    const answer = await bench.connect().send(octets).answer();
    assert.equal(answer.body, page);
    assert.equal(answer.headers.get("content-type"), "text/x");
  }
  const slow = bench.connect().send("GET");
  await bench.settled();
  bench.clock.tick(4_000);
  assert.equal((await slow.answer()).body, "page of 408: ");
  const parked = bench.connect().send(post(1));
  await bench.settled();
  assert.equal((await bench.connect().exchange(GET)).body, "page of 503: ");
  parked.reset();
});

test("a page that throws, or is none, gives way to a plain one", async () => {
  for (const errorPage of [
    () => {
      throw new Error("the page failed");
    },
    () => "no reply" as never,
    () => undefined as never,
  ]) {
    await using bench = loopback(() => text("x"), { errorPage });
    const answer = await bench.connect().send("nonsense\r\n\r\n").answer();
    assert.deepEqual([answer.status, answer.body], [400, "400 Bad Request\n"]);
  }
});

test("requests are counted one by one: on one connection, failed and answered [CH-36]", async () => {
  await using bench = loopback(({ path }) => {
    if (path === "/fails") throw new Error("no");
    if (path === "/missing") throw new HttpError(404);
    return text("x");
  });
  const client = bench.connect();
  const seen: number[] = [];
  for (const path of ["/", "/missing", "/fails", "/"]) {
    await client.exchange(GET.replace("/", path));
    seen.push(bench.server.stats.requests);
  }
  await bench.connect().send("nonsense\r\n\r\n").answer();
  assert.deepEqual(seen, [1, 2, 3, 4]);
  const { requests, refused, failures, connections } = bench.server.stats;
  assert.deepEqual(
    { requests, refused, failures, connections },
    { requests: 4, refused: 1, failures: 1, connections: 2 },
  );
});

test("a line one over the limit is 431, at the limit it passes [CH-50]", async () => {
  await using bench = loopback(() => text("x"), { limits: { fieldBytes: 100 } });
  const line = (length: number): string => `X: ${"y".repeat(length - 3)}`;
  for (const [length, status] of [
    [100, 200],
    [101, 431],
  ] as const) {
    const answer = await bench.connect().exchange(`GET / HTTP/1.1\r\nHost: a\r\n${line(length)}\r\n\r\n`);
    assert.equal(answer.status, status, String(length));
  }
});

test("a flood of header lines is refused while it comes, not when it ends", async () => {
  await using bench = loopback(() => text("x"));
  const client = bench.connect({ onFin: "stay" }).send("GET / HTTP/1.1\r\nHost: a\r\n");
  for (let i = 0; i < 40 && client.ending === undefined; i++) {
    client.send(`X-${i}: ${"y".repeat(10_000)}\r\n`);
    await turns(2);
  }
  assert.match(client.received, /^HTTP\/1\.1 431 [\s\S]*Connection: close/);
  await isServed(bench);
});

test("a line that never ends is refused as soon as it is too long", async () => {
  for (const [start, status] of [
    ["GET /", 414],
    ["G", 501],
    ["GET / HTTP/1.1\r\nHost: a\r\nX: ", 431],
    ["GET / HTTP/1.1\r\nHost: a\r\nX", 431],
  ] as const) {
    await using bench = loopback(() => text("x"));
    const client = bench.connect({ onFin: "stay" }).send(start);
    for (let i = 0; i < 100 && client.ending === undefined; i++) {
      client.send("y".repeat(1000));
      await turns(2);
    }
    assert.match(client.received, new RegExp(`^HTTP/1\\.1 ${status} `), start);
  }
});

test("pause between head and body, body in three pieces: the right answer [HS-40]", async () => {
  await using bench = loopback(async (request) => text(await request.body.text()));
  for (const pieces of [
    [post(6), "ab", "cd", "ef"],
    [CHUNKED, "2\r\nab", "\r\n4\r\ncd", "ef\r\n0\r\n\r\n"],
  ]) {
    const client = bench.connect();
    for (const piece of pieces) {
      client.send(piece);
      await bench.settled();
      await pass(bench, 1_000);
    }
    assert.equal((await client.answer("POST")).body, "abcdef");
  }
});

test("a client that ends its side while the handler works is answered, where the handler goes on", async () => {
  let signal: AbortSignal | undefined;
  let release = (): void => {};
  await using bench = loopback(async (request) => {
    signal = request.signal;
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return text("late");
  });
  const client = bench.connect().send(GET).end();
  await bench.settled();
  assert.equal((signal?.reason as { code?: string } | undefined)?.code, "NET_HALF_CLOSED");
  release();
  const answer = await client.answer();
  assert.equal(answer.body, "late");
  assert.equal(await client.closed, "fin");
});

test("a client that pipelines and then ends its side gets every answer", async () => {
  await using bench = loopback(async ({ path }) => {
    await turns(1);
    return text(path);
  });
  const client = bench
    .connect()
    .send(["/1", "/2", "/3"].map((path) => GET.replace("/", path)).join(""))
    .end();
  for (const path of ["/1", "/2", "/3"]) assert.equal((await client.answer()).body, path);
  assert.equal(await client.closed, "fin");
  assert.equal(client.untaken, "");
});

test('with halfClose "close", who ends its side is cut, and the handler is told', async () => {
  let signal: AbortSignal | undefined;
  await using bench = loopback(
    (request) => {
      signal = request.signal;
      return new Promise(() => {});
    },
    { halfClose: "close" },
  );
  const client = bench.connect().send(GET).end();
  await bench.settled();
  assert.equal(signal?.aborted, true);
  assert.equal(client.received, "");
  assert.equal(bench.server.stats.open, 0);
});

test('with halfClose "close", an answer that is there already still goes out', async () => {
  await using bench = loopback(() => text("x"), { halfClose: "close" });
  assert.equal((await bench.connect().send(GET).end().answer()).body, "x");
});

test("a client that ends its side in the middle of a message is told 400, or closed where it had said nothing", async () => {
  await using bench = loopback(counting);
  assert.equal((await bench.connect().send("GET / HT").end().answer()).status, 400);
  assert.equal(
    (
      await bench
        .connect()
        .send(`${post(10)}abc`)
        .end()
        .answer("POST")
    ).status,
    400,
  );
  assert.equal((await bench.connect().send(`${CHUNKED}3\r\nab`).end().answer("POST")).status, 400);
  const silent = bench.connect().end();
  assert.equal(await silent.closed, "fin");
  assert.equal(silent.received, "");
});

test("a reset while the handler works aborts its signal at once, and the error says so", async () => {
  let signal: AbortSignal | undefined;
  const events: string[] = [];
  await using bench = loopback((request) => {
    signal = request.signal;
    signal.addEventListener("abort", () => events.push("abort"));
    return new Promise(() => {});
  });
  const client = bench.connect().send(GET);
  await bench.settled();
  client.reset();
  await bench.settled();
  assert.deepEqual(events, ["abort"]);
  assert.equal((signal?.reason as { code: string } | undefined)?.code, "NET_RESET");
  await isServedByOther(bench);
});

async function isServedByOther(bench: Loopback): Promise<void> {
  bench.server.handler = () => text("other");
  assert.equal((await bench.connect().exchange(GET)).body, "other");
}

test("a signal that is asked for only after the client has gone has aborted already", async () => {
  let asked: Request | undefined;
  await using bench = loopback((request) => {
    asked = request;
    return new Promise(() => {});
  });
  const client = bench.connect().send(GET);
  await bench.settled();
  client.reset();
  await bench.settled();
  assert.equal(asked?.signal.aborted, true);
});

test("the signal of a request that was answered in order never aborts", async () => {
  let signal: AbortSignal | undefined;
  await using bench = loopback((request) => {
    signal = request.signal;
    return text("x");
  });
  const client = bench.connect();
  await client.exchange(GET);
  client.reset();
  await bench.settled();
  assert.equal(signal?.aborted, false);
});

test("to a client that has gone writing never hangs: drained() rejects, at once and later", async () => {
  let response: Responder | undefined;
  let before: Promise<void> | undefined;
  await using bench = loopback(
    imperative((_request, given) => {
      response = given.start(200);
      for (let i = 0; i < 100; i++) given.write("x".repeat(65_536));
      before = given.drained();
      before.catch(() => {});
    }),
  );
  const client = bench.connect().pause().send(GET);
  await bench.settled();
  client.reset();
  await assert.rejects(before ?? Promise.resolve(), { code: "NET_RESET" });
  assert.equal(response?.write("more"), false);
  await assert.rejects(response?.drained() ?? Promise.resolve(), { code: "NET_RESET" });
});

test("a generator's finally runs when its client has gone, between two pieces and in the middle of one", async () => {
  const ended: string[] = [];
  await using bench = loopback((request) => {
    async function* between(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(65_536);
      } finally {
        ended.push("between");
      }
    }
    async function* within(): AsyncGenerator<string> {
      try {
        yield "a";
        await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      } finally {
        ended.push("within");
      }
    }
    async function* throwing(): AsyncGenerator<string> {
      yield "a";
      await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      ended.push("throwing");
      throw new Error("after the client has gone");
    }
    const bodies: Record<string, () => AsyncIterable<Uint8Array | string>> = {
      "/between": between,
      "/within": within,
      "/throwing": throwing,
    };
    return reply(200, {}, bodies[request.path]?.() ?? null);
  });
  for (const name of ["between", "within", "throwing"]) {
    const client = bench.connect().send(GET.replace("/", `/${name}`));
    if (name === "between") client.pause();
    else await client.until("a\r\n");
    await bench.settled();
    client.reset();
    await bench.settled();
    assert.equal(ended.pop(), name);
  }
  assert.deepEqual(strays, []);
});

test("a body that is being read fails when its client has gone", async () => {
  const caught: unknown[] = [];
  await using bench = loopback(async (request) => {
    try {
      if (request.path === "/whole") await request.body.bytes();
      else for await (const piece of request.body) caught.push(piece.length);
    } catch (error) {
      caught.push((error as { code: string }).code);
      throw error;
    }
    return empty();
  });
  for (const path of ["/whole", "/pieces"]) {
    const client = bench.connect().send(`${post(10, path)}abc`);
    await bench.settled();
    client.reset();
    await bench.settled();
  }
  assert.deepEqual(caught, ["NET_RESET", 3, "NET_RESET"]);
});

test("a reset at every octet of a request leaves nothing behind, and a good client beside is served", async () => {
  await using bench = loopback(counting);
  const good = bench.connect();
  const octets = `${post(5)}abcde${CHUNKED}3\r\nabc\r\n0\r\n\r\n`;
  for (let length = 0; length <= octets.length; length++) {
    const bad = bench.connect().send(octets.slice(0, length));
    await turns(2);
    bad.reset();
    const answer = await good.exchange(`${post(2)}ok`);
    assert.deepEqual([answer.status, answer.body], [200, "2"]);
  }
  await bench.settled();
  assert.equal(bench.server.stats.open, 1);
  assert.deepEqual(strays, []);
});

test("a FIN at every octet of a request is answered or closed, and nothing is left", async () => {
  await using bench = loopback(counting);
  const octets = `${post(5)}abcde`;
  for (let length = 0; length <= octets.length; length++) {
    const client = bench.connect().send(octets.slice(0, length)).end();
    assert.equal(await client.closed, "fin");
    const status = /^HTTP\/1\.1 (\d+)/.exec(client.received)?.[1];
    assert.equal(status, length === 0 ? undefined : length === octets.length ? "200" : "400", String(length));
  }
  await bench.settled();
  assert.equal(bench.server.stats.open, 0);
});

test("a client that pipelines and never reads gets no more than it takes: its next requests wait", async () => {
  let handled = 0;
  await using bench = loopback(() => {
    handled++;
    return text("x".repeat(1_000_000));
  });
  const client = bench.connect().pause().send(GET.repeat(20));
  await bench.settled();
  assert.equal(handled, 1, "the others would wait in memory");
  client.resume();
  await client.until(() => client.received.length > 20_000_000);
  assert.equal(handled, 20);
  assert.equal(client.received.split("HTTP/1.1 200 OK").length, 21);
});

test("many small answers that nobody reads wait as requests too", async () => {
  let handled = 0;
  await using bench = loopback(
    () => {
      handled++;
      return text("x".repeat(1_000));
    },
    { timeouts: { write: 10_000 } },
  );
  const client = bench.connect().pause();
  for (let i = 0; i < 200; i++) {
    client.send(GET.repeat(100));
    await turns(1);
  }
  assert.equal(handled < 1_000, true, `${handled} were handled`);
  await pass(bench, 30_000);
  assert.equal(bench.server.stats.open, 0, "and who never reads is cut");
});

test("pipelined requests that wait for a handler are read only so far", async () => {
  await using bench = loopback(() => new Promise(() => {}));
  const client = bench.connect().send(GET);
  for (let i = 0; i < 100; i++) {
    client.send(GET.repeat(400));
    await turns(1);
  }
  const [connection] = bench.server.connections;
  assert.equal((connection?.received ?? 0) < 65_536 * 3, true);
  assert.equal(client.pending > 500_000, true);
});

test("a body that is awaited and never asked for ends the connection: nobody could tell what comes next", async () => {
  await using bench = loopback(() => text("without it"));
  const client = bench.connect().send(post(3).replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"));
  const answer = await client.answer("POST");
  assert.deepEqual([answer.status, answer.informational.length], [200, 0]);
  assert.equal(answer.headers.get("connection"), "close");
  assert.equal(await client.closed, "fin");
});

test("a request that waits for its turn and whose body stops is answered 408, and never handled", async () => {
  const begun: string[] = [];
  let release = (): void => {};
  await using bench = loopback(
    async ({ path }) => {
      begun.push(path);
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return text(path);
    },
    { limits: { requests: 1 }, timeouts: { body: 10_000 } },
  );
  const first = bench.connect().send(GET.replace("/", "/first"));
  await bench.settled();
  const second = bench.connect().send(`${post(10, "/second")}abc`);
  await pass(bench, 13_000);
  assert.match(second.received, /^HTTP\/1\.1 408 /);
  release();
  assert.equal((await first.answer()).body, "/first");
  await bench.settled();
  assert.deepEqual([begun, bench.server.stats.waiting], [["/first"], 0]);
});

test("a chunked body that turns out too long is refused and the connection closes, however little is left of it [GB-39]", async () => {
  await using bench = loopback(async (request) => text(await request.body.text(10)));
  const client = bench.connect({ onFin: "stay" }).send(CHUNKED + chunk(10));
  await bench.settled();
  const answer = await client.send(`${chunk(1)}0\r\n\r\n${GET}`).answer("POST");
  assert.deepEqual([answer.status, answer.headers.get("connection")], [413, "close"]);
  assert.equal(await client.closed, "fin");
  assert.equal(client.untaken, "");
});

test("a hook that cuts the connection of a request takes no place of those that are handled", async () => {
  let handled = 0;
  let cuts = true;
  await using bench = loopback(
    () => {
      handled++;
      return text("x");
    },
    {
      limits: { requests: 1, waiting: 0 },
      hooks: {
        request: () => {
          if (cuts) for (const connection of bench.server.connections) connection.destroy();
        },
      },
    },
  );
  assert.equal(await bench.connect().send(GET).closed, "reset");
  await bench.settled();
  cuts = false;
  assert.equal((await bench.connect().exchange(GET)).body, "x");
  assert.equal(handled, 1);
});

test("whoever cuts or finishes a connection from within a handler or a hook is obeyed, and nothing breaks", async () => {
  const all = (call: (connection: Connection) => void) => (): void => {
    for (const connection of bench.server.connections) call(connection);
  };
  let within = (): void => {};
  await using bench = loopback(
    () => {
      within();
      return text("x");
    },
    { hooks: { reply: () => within() } },
  );
  within = all((connection) => connection.destroy());
  assert.equal(await bench.connect().send(GET).closed, "reset");
  within = all((connection) => connection.finish());
  const finished = bench.connect().send(GET + GET);
  assert.equal((await finished.answer()).headers.get("connection"), "close");
  assert.equal(await finished.closed, "fin");
  assert.equal(finished.untaken, "");
  within = () => {};
  assert.equal((await bench.connect().exchange(GET)).body, "x");
  assert.deepEqual(strays, []);
});

test("a connection beyond limits.connections is closed as it comes, and there is room again when one has gone", async () => {
  const { listen, dial } = memoryListener();
  await using bench = loopback(() => text("x"), { limits: { connections: 2 } });
  const [listener] = await bench.server.listen({ path: "memory" }, { via: listen });
  const address = (listener as { address: Address }).address;
  const clients = [];
  for (let i = 0; i < 3; i++) clients.push(new WireClient(await dial(address)));
  await bench.settled();
  assert.deepEqual([bench.server.stats.open, bench.server.stats.refused], [2, 1]);
  await clients[2]?.closed;
  clients[0]?.reset();
  await bench.settled();
  assert.equal((await new WireClient(await dial(address)).exchange(GET)).status, 200);
});

test("empty lines and a FIN are no request: nothing is answered [GB-43]", async () => {
  await using bench = loopback(() => text("x"));
  for (const lines of ["\r\n", "\r\n\r\n", "\r"]) {
    const client = bench.connect().send(lines);
    await bench.settled();
    client.end();
    await client.closed;
    assert.equal(client.received, "");
  }
  assert.equal(bench.server.stats.refused, 0);
});
