// What is handed over and what is not sent: a taker that comes late or fails, streams of Node that hold a file open, bodies that
// are asked for when it is too late.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { HttpError, reply, text, tunnel, upgrade } from "../../src/index.ts";
import type { Handler } from "../../src/message/handler.ts";
import type { Reply } from "../../src/message/reply.ts";
import { loopback } from "../../src/testing/index.ts";
import "./strays.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const UPGRADE = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tea\r\n\r\n";

function gathering(into: string[]): {
  data(bytes: Uint8Array, start: number, end: number): void;
  end(): void;
  drain(): void;
  close(): void;
} {
  return {
    data: (bytes, start, end) => void into.push(Buffer.from(bytes.subarray(start, end)).toString("latin1")),
    end: () => {},
    drain: () => {},
    close: () => {},
  };
}

test("what comes before a taker has opened the transport waits for it", async () => {
  const heard: string[] = [];
  let open = (): void => {};
  await using bench = loopback(() =>
    upgrade("tea", (transport, early) => {
      heard.push(Buffer.from(early).toString("latin1"));
      open = () => transport.open(gathering(heard));
    }),
  );
  const client = bench.connect().send(`${UPGRADE}one,`);
  await bench.settled();
  client.send("two,");
  await bench.settled();
  assert.equal(heard.join(""), "one,");
  open();
  client.send("three");
  await bench.settled();
  assert.equal(heard.join(""), "one,two,three");
});

test("a taker whose promise rejects is reported, and its connection closed", async () => {
  const failure = new Error("no pot");
  const seen: unknown[] = [];
  await using bench = loopback(() => upgrade("tea", () => Promise.reject(failure)), {
    hooks: { error: (error) => void seen.push(error) },
  });
  const client = bench.connect().send(UPGRADE);
  await client.closed;
  assert.deepEqual(seen, [failure]);
});

test("a tunnel is no answer to anything but CONNECT", async () => {
  await using bench = loopback(() => tunnel(() => assert.fail("it was handed over")));
  assert.equal((await bench.connect().exchange(GET)).status, 405);
});

test("a 426 names Upgrade in Connection, and a field that says keep-alive is not said twice", async () => {
  await using bench = loopback((request) =>
    request.path === "/old" ? reply(426, { Upgrade: "tea" }) : reply(200, { Connection: "keep-alive" }),
  );
  const old = await bench.connect().exchange(GET.replace("/", "/old"));
  assert.equal(old.headers.get("connection"), "Upgrade");
  const kept = await bench.connect().exchange("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  assert.deepEqual(kept.headers.all("connection"), ["keep-alive"]);
});

test("a Readable that is not sent is destroyed: HEAD, 304, a wrong length, a client that has left", async () => {
  const made: Readable[] = [];
  const stream = (): Readable => {
    const each = new Readable({ read() {} });
    made.push(each);
    return each;
  };
  let answer = (_: Reply): void => {};
  const handlers: Record<string, Handler> = {
    "/": () => reply(200, {}, stream()),
    "/304": () => reply(304, {}, stream()),
    "/bad": () => reply(200, { "Content-Length": "x" }, stream()),
    "/late": () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  };
  await using bench = loopback((request) => (handlers[request.path] as Handler)(request));
  await bench.connect().exchange(GET.replace("GET", "HEAD"));
  await bench.connect().exchange(GET.replace("/", "/304"));
  await bench.connect().exchange(GET.replace("/", "/bad"));
  const leaver = bench.connect().send(GET.replace("/", "/late"));
  await bench.settled();
  leaver.reset();
  await bench.settled();
  answer(reply(200, {}, stream()));
  const silent = bench.connect().send(GET);
  await bench.settled();
  silent.reset();
  await bench.settled();
  assert.deepEqual(
    made.map((each) => each.destroyed),
    [true, true, true, true, true],
  );
});

test("a Readable that fails while it is not sent ends nothing", async () => {
  await using bench = loopback(() => {
    const broken = new Readable({ read() {} });
    process.nextTick(() => broken.destroy(new Error("no such file")));
    return reply(200, {}, broken);
  });
  assert.equal((await bench.connect().exchange(GET.replace("GET", "HEAD"))).status, 200);
  await bench.settled();
});

test("a body that is asked for after its client has left fails, and does not hang", async () => {
  const outcome: unknown[] = [];
  let go = (): void => {};
  const gone = new Promise<void>((resolve) => {
    go = resolve;
  });
  await using bench = loopback(async (request) => {
    await gone;
    await request.body.text().catch((error: Error) => outcome.push((error as Error & { code?: string }).code));
    return text("x");
  });
  const client = bench.connect().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
  await bench.settled();
  client.reset();
  await bench.settled();
  go();
  await bench.settled();
  assert.deepEqual(outcome, ["NET_RESET"]);
});

test("an empty chunked body that has ended before it is asked for is empty", async () => {
  await using bench = loopback(async (request) => {
    await bench.settled();
    return text(`<${await request.body.text()}>`);
  });
  const answer = bench.connect().exchange("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  assert.equal((await answer).body, "<>");
});

test("a request's body as the body of an answer that has none asks for nothing", async () => {
  await using bench = loopback((request) => reply(204, {}, request.body));
  const client = bench
    .connect()
    .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  await client.closed;
  assert.match(client.received, /^HTTP\/1\.1 204 /);
});

test("a hook that fails later is reported, like one that fails at once", async () => {
  const failure = new Error("hook");
  const seen: unknown[] = [];
  await using bench = loopback(() => text("x"), {
    hooks: {
      request: (async () => {
        throw failure;
      }) as () => void,
      error: (error) => void seen.push(error),
    },
  });
  assert.equal((await bench.connect().exchange(GET)).status, 200);
  await bench.settled();
  assert.deepEqual(seen, [failure]);
});

test("close() for the listener alone is raised by a close() that drains", async () => {
  await using bench = loopback(() => text("x"));
  const client = bench.connect();
  await client.exchange(GET);
  const weak = bench.server.close({ mode: "listener-only" });
  const strong = bench.server.close();
  assert.deepEqual({ ...(await strong), elapsed: 0 }, { idle: 1, finished: 0, cut: 0, elapsed: 0 });
  await weak;
  await client.closed;
});

test("a mode or a deadline that cannot be is refused", async () => {
  await using bench = loopback(() => text("x"));
  await assert.rejects(bench.server.close({ mode: "softly" as "drain" }), { code: "USE_BAD_OPTION" });
  await assert.rejects(bench.server.close({ deadline: Number.NaN }), { code: "USE_BAD_OPTION" });
});

test("an option that does not exist is refused, in every group", () => {
  const make =
    (options: object): (() => unknown) =>
    () =>
      loopback(() => text("x"), options);
  for (const options of [
    { limit: {} },
    { limits: { constructor: 5 } },
    { leniency: { bogus: true } },
    { leniency: { obsFold: "yes" } },
    { keepAlive: "yes" },
    { timeouts: { head: Number.NaN } },
  ]) {
    assert.throws(make(options), { code: "USE_BAD_OPTION" }, JSON.stringify(options));
  }
});

test("a generator that never waits lets the other connections have their turn", async () => {
  const order: string[] = [];
  await using bench = loopback((request) => {
    if (request.path === "/small") {
      order.push("small");
      return text("small");
    }
    return reply(
      200,
      {},
      (async function* () {
        const piece = new Uint8Array(65_536);
        for (let i = 0; i < 50; i++) yield piece;
        order.push("endless is over");
      })(),
    );
  });
  const taker = bench.connect({ highWater: 1e9 }).send(GET);
  const other = bench.connect();
  setImmediate(() => other.send(GET.replace("/", "/small")));
  await taker.until(/0\r\n\r\n$/);
  await other.until(/small$/);
  assert.deepEqual(order, ["small", "endless is over"]);
});

test("a refusal of a handler is no failure, and tells its message", async () => {
  await using bench = loopback(() => {
    throw new HttpError(409, "Taken.");
  });
  assert.match((await bench.connect().exchange(GET)).body, /Taken\./);
  assert.equal(bench.server.stats.failures, 0);
});
