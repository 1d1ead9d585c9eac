// What the transcripts of measured-elsewhere.txt cannot say: a client that never reads, and scenario 3 of the inventory as the
// handler sees it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeComponent, isRequest, reply, text } from "../../src/message/index.ts";
import type { Request } from "../../src/message/request.ts";
import { loopback } from "../../src/testing/index.ts";
import { serve } from "./site.ts";

test("a client that never reads does not let memory grow, and is cut off in the end [GB-36]", async () => {
  let made = 0;
  let stopped = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        made += 10_000;
        yield Buffer.alloc(10_000, "x");
      }
    } finally {
      stopped = true;
    }
  }
  let aborted = false;
  await using bench = loopback((request) => {
    request.signal.addEventListener("abort", () => (aborted = true));
    return reply(200, {}, endless());
  });
  const client = bench.connect().pause().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await bench.settled();
  const after = made;
  assert.ok(after < 500_000, `${after} octets were made for nobody`);
  bench.clock.tick(60_000);
  await bench.settled();
  assert.deepEqual([made, stopped, bench.server.stats.open], [after, false, 1]);
  bench.clock.tick(130_000);
  await bench.settled();
  assert.deepEqual([stopped, aborted, bench.server.stats.open], [true, true, 0]);
  assert.equal(await client.closed, "reset");
});

/** What a handler is given of a request. */
async function given<T>(octets: string, look: (request: Request) => T): Promise<T> {
  const seen: T[] = [];
  await using bench = loopback((request) => {
    seen.push(look(request));
    return text("");
  });
  await bench.connect().exchange(octets);
  assert.equal(seen.length, 1, "the handler is called once");
  return seen[0] as T;
}

const get = (target: string, fields = ""): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

test("paths of every kind reach the handler, with the target as it was sent beside them [EL-15]", async () => {
  for (const target of ["/a%20b", "/%C3%A4", "/~tilde", "/a:b", "/a,b;c", "/", "/index.html"]) {
    assert.deepEqual(await given(get(target), (request) => [request.path, request.target]), [target, target]);
  }
});

test("a query is there or not, and its names can be asked for [EL-16]", async () => {
  assert.equal(
    await given(get("/x?a=1&b=%20"), ({ query }) => `${query.get("a")},${query.get("b")},${query.get("c")}`),
    "1, ,null",
  );
  for (const target of ["/x", "/x?"]) assert.equal(await given(get(target), ({ query }) => query.size), 0);
});

test("a path decodes to its text, and a query to its names and values [CH-46]", async () => {
  const decoded = await given(get("/a%20b?x=1+2&y"), ({ path, query }) => [decodeComponent(path), [...query]]);
  assert.deepEqual(decoded, [
    "/a b",
    [
      ["x", "1 2"],
      ["y", ""],
    ],
  ]);
});

test("a request is known as one, and nothing else is [GB-17, CH-48]", async () => {
  assert.equal(await given(get("/"), isRequest), true);
  const shape = await given(get("/"), ({ method, target, headers, path }) => ({ method, target, headers, path }));
  for (const value of [shape, null, undefined, "", 0, {}, [], text("a"), () => {}, new Map()])
    assert.equal(isRequest(value), false);
});

test("header fields are seen as they were sent, and writing to them is nobody else's concern [ND-66]", async () => {
  const lines: unknown[] = [];
  await using bench = loopback(({ headers }) => {
    lines.push([...headers].flat());
    headers.set("X-A", "changed").add("More", "1");
    return text("");
  });
  const client = bench.connect();
  for (let i = 0; i < 3; i++) await client.exchange(get("/", "x-a: 1\r\nX-A: 2\r\n"));
  const sent = ["Host", "a", "x-a", "1", "X-A", "2"];
  assert.deepEqual(lines, [sent, sent, sent]);
});

const status = async (octets: string): Promise<number> => {
  await using bench = serve(["timeouts.head=1000"]);
  const client = bench.connect().send(octets);
  await bench.settled();
  if (client.received === "") bench.clock.tick(5000);
  return (await client.answer()).status;
};

test("400, 408, 501 and 505 are told on the wire, and an empty line ahead is skipped [GB-43]", async () => {
  const cases: [string, number][] = [
    ["NONSENSE\r\n\r\n", 400],
    ["GET / HT", 408],
    [get("/").replace("GET", "TRACE"), 501],
    [get("/").replace("1.1", "3.1"), 505],
    [`\r\n${get("/")}`, 200],
  ];
  for (const [octets, expected] of cases) assert.equal(await status(octets), expected, octets);
});

test("an end without a request is silent: nothing is sent, nothing reported [GB-43]", async () => {
  const errors: unknown[] = [];
  await using bench = loopback(() => text(""), { hooks: { error: (error) => errors.push(error) } });
  const client = bench.connect().end();
  await client.closed;
  assert.deepEqual([client.received, errors, bench.server.stats.refused], ["", [], 0]);
});

test("OPTIONS * needs no handler, OPTIONS of a path does [GB-44]", async () => {
  let called = 0;
  await using bench = loopback(() => {
    called++;
    return text("");
  });
  const star = await bench.connect().exchange(get("*").replace("GET", "OPTIONS"));
  assert.deepEqual([star.status, star.headers.get("content-length"), called], [200, "0", 0]);
  await bench.connect().exchange(get("/").replace("GET", "OPTIONS"));
  assert.equal(called, 1);
});

test("TRACE is off, and echoes the head without secrets where it is on [GB-45]", async () => {
  const trace = get("/a", "Cookie: a=b\r\nX: y\r\n").replace("GET", "TRACE");
  await using off = serve([]);
  assert.equal((await off.connect().exchange(trace)).status, 501);
  await using on = serve(["trace=echo"]);
  const { headers, body } = await on.connect().exchange(trace);
  assert.deepEqual([headers.get("content-type"), body], ["message/http", trace.replace("Cookie: a=b\r\n", "")]);
});

test("a handler that ignores a body of 100 KB still lets the next pipelined request be read [GB-46]", async () => {
  await using bench = serve([]);
  const body = "x".repeat(100_000);
  const client = bench
    .connect()
    .send(`POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n${body}${get("/")}`);
  assert.deepEqual([(await client.answer()).body, (await client.answer()).body], ["unread", "hello"]);
});

test("a body that nobody reads and that is longer than what is skipped closes the connection", async () => {
  await using bench = serve(["limits.discardBytes=1000"]);
  const client = bench
    .connect()
    .send(`POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n${"x".repeat(100_001)}${get("/")}`);
  const { headers } = await client.answer();
  await bench.settled();
  assert.deepEqual([headers.get("connection"), client.ending, client.untaken], ["close", "fin", ""]);
});

test("the body limit holds in both framings, to the octet [GB-39]", async () => {
  for (const [size, expected] of [
    [1_048_576, 200],
    [1_048_577, 413],
  ] as const) {
    const body = "x".repeat(size);
    for (const request of [
      `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: ${size}\r\n\r\n${body}`,
      `POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${size.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    ]) {
      await using bench = serve([]);
      const { status, headers } = await bench.connect().exchange(request);
      assert.deepEqual(
        [status, headers.get("connection")],
        [expected, expected === 413 ? "close" : undefined],
        `${size}`,
      );
    }
  }
});

test("a handler that is slow to read is not blamed on the client: no deadline runs while nothing more is taken", async () => {
  await using bench = loopback(async (request) => {
    let size = 0;
    for await (const piece of request.body) {
      if (size === 0) await new Promise<void>((resolve) => bench.clock.after(200_000, resolve));
      size += piece.length;
    }
    return text(`${size}`);
  });
  const client = bench
    .connect()
    .send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n${"x".repeat(500_000)}`);
  await bench.settled();
  bench.clock.tick(199_000);
  await bench.settled();
  bench.clock.tick(2_000);
  assert.equal((await client.answer()).body, "500000");
});

test("a Date is an IMF-fixdate, and a status nobody knows is valid [GB-48]", async () => {
  await using bench = serve([]);
  const odd = await bench.connect().exchange(get("/odd"));
  assert.deepEqual([odd.status, odd.reason, odd.headers.get("date")], [299, "", "Sat, 01 Aug 2009 00:00:00 GMT"]);
});

test("requests that are pipelined behind a slow one are read ahead only so far", async () => {
  await using bench = loopback(() => new Promise(() => {}));
  const client = bench.connect();
  for (let i = 0; i < 1000; i++) client.send(get("/", `X: ${"x".repeat(10_000)}\r\n`));
  await bench.settled();
  assert.ok(client.pending > 9_500_000, `${client.pending} octets are left with the client`);
  client.reset();
});

test("a thousand pipelined requests are answered, each in its turn", async () => {
  await using bench = loopback(async ({ path }) => text(path));
  const client = bench.connect().send(Array.from({ length: 1000 }, (_, i) => get(`/${i}`)).join(""));
  for (let i = 0; i < 1000; i++) assert.equal((await client.answer()).body, `/${i}`);
});

test("what came behind the head of an upgrade or a CONNECT belongs to the taker", async () => {
  await using bench = serve([]);
  const upgrade = bench.connect().send(`${get("/switch", "Upgrade: tea\r\nConnection: upgrade\r\n")}hello`);
  await upgrade.until("early 5");
  const connect = bench.connect().send("CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\nhi");
  await connect.until("early 2");
});

test("a reset at any octet of a request leaves nothing behind, and a client beside it is served", async () => {
  await using bench = serve([]);
  const beside = bench.connect();
  const request = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (let at = 0; at <= request.length; at++) {
    const client = bench.connect().send(request.slice(0, at));
    await bench.settled();
    client.reset();
    await bench.settled();
    assert.equal(bench.server.stats.open, 1, `after ${at} octets`);
  }
  assert.equal((await beside.exchange(get("/"))).body, "hello");
});

test("a body that turns out malformed behind the answer ends the connection, without a second answer", async () => {
  await using bench = serve([]);
  const client = bench
    .connect()
    .send("POST /unread HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n");
  assert.equal((await client.answer()).body, "unread");
  assert.equal(await client.closed, "fin");
  assert.equal(client.untaken, "");
});

test("a silent client beside a busy one is cut, and the busy one is not", async () => {
  await using bench = serve(["timeouts.head=1000", "timeouts.idle=1000"]);
  const silent = bench.connect().send("GET / HT");
  const busy = bench.connect();
  for (let i = 0; i < 10; i++) {
    bench.clock.tick(500);
    assert.equal((await busy.exchange(get("/"))).status, 200);
  }
  assert.match(silent.received, /^HTTP\/1\.1 408 /);
});
