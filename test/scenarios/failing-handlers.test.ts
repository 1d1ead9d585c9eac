// Scenario 15, the engine's part: handlers, hooks and pages that fail. Nothing of it reaches the peer but a status, nothing
// stops the server, and whoever listens is told of the very error.
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { test } from "node:test";
import { portico } from "../../src/app/app.ts";
import { HttpError, LocalError, TransportError } from "../../src/base/errors.ts";
import type { TraceName } from "../../src/base/trace.ts";
import type { Handler } from "../../src/message/handler.ts";
import { imperative } from "../../src/message/imperative.ts";
import { Pipe } from "../../src/message/pipe.ts";
import type { ErrorPage } from "../../src/message/refusal.ts";
import { empty, page, reply, text, tunnel, upgrade } from "../../src/message/reply.ts";
import type { Request } from "../../src/message/request.ts";
import { errorPages } from "../../src/middleware/error-pages.ts";
import type { Hooks } from "../../src/server/site.ts";
import { loopback } from "../../src/testing/index.ts";
import { strays, turns } from "./strays.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/** Things that people throw. */
const THROWN: readonly unknown[] = [
  new Error("secret /etc/passwd"),
  new TypeError("secret"),
  "secret text",
  42,
  null,
  undefined,
  { status: 200, message: "secret" },
  Symbol("secret"),
  Object.create(null),
  () => "secret",
  new LocalError("USE_ENDED", "secret"),
];

test("a request body that breaks while it is sent back is reported once", async () => {
  const errors: unknown[] = [];
  await using bench = loopback(({ body }) => reply(200, {}, body), {
    hooks: { error: (error) => void errors.push(error) },
  });
  const client = bench.connect().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345").end();
  await client.closed;
  assert.deepEqual(
    errors.map((error) => (error as { code: string }).code),
    ["WIRE_UNFINISHED"],
  );
});

test("whatever a handler throws or rejects with before output is 500 without a word of it, and the connection lives [EL-37] [GB-47] [HS-42]", async () => {
  const failing: [string, (thrown: unknown) => Handler][] = [
    [
      "throws",
      (thrown) => () => {
        throw thrown;
      },
    ],
    ["rejects", (thrown) => () => Promise.reject(thrown)],
    ["rejects later", (thrown) => () => turns(1).then(() => Promise.reject(thrown))],
    [
      "throws, imperative",
      (thrown) =>
        imperative(() => {
          throw thrown;
        }),
    ],
    ["rejects, imperative", (thrown) => imperative(() => turns(1).then(() => Promise.reject(thrown)))],
  ];
  for (const thrown of THROWN) {
    for (const [name, make] of failing) {
      const told: unknown[] = [];
      await using bench = loopback(make(thrown), { hooks: { error: (error) => told.push(error) } });
      const client = bench.connect();
      for (let i = 0; i < 2; i++) {
        const answer = await client.exchange(GET);
        assert.deepEqual([answer.status, answer.body], [500, "500 Internal Server Error\n"], name);
        assert.equal(answer.headers.get("connection"), undefined);
      }
      assert.deepEqual(told.length, 2, name);
      assert.equal(Object.is(told[0], thrown), true, "the hook gets the very object");
      bench.server.handler = () => text("goes on");
      assert.equal((await client.exchange(GET)).body, "goes on");
    }
  }
});

test("an HttpError is the refusal that it says, and only its message is told", async () => {
  const cause = new Error("secret");
  await using bench = loopback(() => {
    throw new HttpError(409, "Somebody was quicker.", { cause });
  });
  const answer = await bench.connect().exchange(GET);
  assert.deepEqual([answer.status, answer.body], [409, "409 Conflict\nSomebody was quicker.\n"]);
  assert.equal(bench.server.stats.failures, 0);
});

test("an error of an upstream that a handler lets pass is 502, 503 or 504, and says nothing", async () => {
  for (const [code, status] of [
    ["NET_RESET", 502],
    ["NET_SHUTDOWN", 503],
    ["NET_WRITE_TIMEOUT", 504],
  ] as const) {
    await using bench = loopback(() => Promise.reject(new TransportError(code, "10.0.0.1:5432")));
    const answer = await bench.connect().exchange(GET);
    assert.equal(answer.status, status);
    assert.doesNotMatch(answer.body, /10\.0/);
  }
});

test("what is no Reply is 500, whatever it looks like", async () => {
  const returned: unknown[] = [
    undefined,
    null,
    "text",
    42,
    {},
    { status: 200, headers: [], body: "x" },
    // biome-ignore lint/suspicious/noThenProperty: that is what is tested
    { then: "no function" },
    [text("x")],
    Symbol("s"),
    () => text("x"),
  ];
  for (const value of returned) {
    for (const make of [() => value, () => Promise.resolve(value)]) {
      const codes: unknown[] = [];
      await using bench = loopback(make as Handler, {
        hooks: { error: (error) => codes.push((error as { code: string }).code) },
      });
      const client = bench.connect();
      assert.equal((await client.exchange(GET)).status, 500);
      assert.equal((await client.exchange(GET)).status, 500);
      assert.deepEqual(codes, ["USE_NOT_A_REPLY", "USE_NOT_A_REPLY"]);
    }
  }
});

test("a thenable is as good as a promise, and one that misbehaves is a failure like any other", async () => {
  const thenables: [string, number, (resolve: (value: unknown) => void, reject: (error: unknown) => void) => void][] = [
    ["resolves", 200, (resolve) => resolve(text("x"))],
    ["rejects", 500, (_resolve, reject) => reject(new Error("no"))],
    [
      "throws",
      500,
      () => {
        throw new Error("no");
      },
    ],
    [
      "resolves twice",
      200,
      (resolve) => {
        resolve(text("x"));
        resolve(text("y"));
      },
    ],
  ];
  for (const [name, status, then] of thenables) {
    await using bench = loopback((() => ({ then })) as unknown as Handler);
    const client = bench.connect();
    assert.equal((await client.exchange(GET)).status, status, name);
    assert.equal((await client.exchange(GET)).status, status, name);
  }
});

test("a failure after output cuts the connection, its body unterminated [EL-37] [GB-47]", async () => {
  const thrown = new Error("half-way");
  async function* generator(): AsyncGenerator<string> {
    yield "part";
    await turns(1);
    throw thrown;
  }
  const failing: [string, Handler][] = [
    ["generator", () => reply(200, {}, generator())],
    [
      "pipe",
      () => {
        const pipe = new Pipe();
        pipe.write("part");
        setImmediate(() => pipe.fail(thrown));
        return reply(200, {}, pipe);
      },
    ],
    [
      "imperative",
      imperative(async (_request, response) => {
        response.start(200).write("part");
        await turns(1);
        throw thrown;
      }),
    ],
  ];
  for (const [name, handler] of failing) {
    const told: unknown[] = [];
    await using bench = loopback(handler, { hooks: { error: (error) => told.push(error) } });
    const client = bench.connect().send(GET);
    assert.equal(await client.closed, "reset", name);
    assert.match(client.received, /^HTTP\/1\.1 200 OK\r\n[\s\S]*4\r\npart\r\n$/);
    assert.deepEqual(told, [thrown], name);
    assert.equal(bench.server.stats.open, 0);
    bench.server.handler = () => text("goes on");
    assert.equal((await bench.connect().exchange(GET)).body, "goes on");
  }
});

test("a body of the wrong pieces cuts the connection, and its producer is stopped", async () => {
  for (const piece of [42, null, {}, [1]]) {
    let state = "fresh";
    async function* wrong(): AsyncGenerator<string> {
      try {
        yield "part";
        yield piece as never;
        state = "went on";
      } finally {
        state = "stopped";
      }
    }
    const codes: unknown[] = [];
    await using bench = loopback(() => reply(200, {}, wrong()), {
      hooks: { error: (error) => codes.push((error as { code: string }).code) },
    });
    assert.equal(await bench.connect().send(GET).closed, "reset");
    await bench.settled();
    assert.equal(state, "stopped");
    assert.deepEqual(codes, ["USE_BAD_BODY"]);
  }
});

test("an iterable that cannot even be iterated is 500, or cuts: the server goes on", async () => {
  const broken: (() => AsyncIterator<string>)[] = [
    () => {
      throw new Error("no iterator");
    },
    () => ({
      next: () => {
        throw new Error("no next");
      },
    }),
    () => undefined as never,
    () => ({ next: () => "no promise" }) as never,
    () => ({ next: () => Promise.resolve(undefined) }) as never,
  ];
  for (const make of broken) {
    await using bench = loopback((request) =>
      request.path === "/ok" ? text("ok") : reply(200, {}, { [Symbol.asyncIterator]: make }),
    );
    const client = bench.connect().send(GET);
    await bench.settled();
    assert.equal(client.ending === "reset" || client.received.startsWith("HTTP/1.1 500"), true, String(make));
    assert.equal((await bench.connect().exchange(GET.replace("/", "/ok"))).body, "ok");
    assert.deepEqual(strays, []);
  }
});

test("a takeover that throws closes the connection and is told of", async () => {
  const told: unknown[] = [];
  const thrown = new Error("no takeover");
  await using bench = loopback(
    () =>
      upgrade("x", () => {
        throw thrown;
      }),
    { hooks: { error: (error) => told.push(error) } },
  );
  const client = bench.connect().send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
  await client.closed;
  assert.deepEqual(told, [thrown]);
  assert.equal(bench.server.stats.open, 0);
});

test("a takeover that nobody asked for is refused, no failure, and the connection lives", async () => {
  await using bench = loopback(({ path }) => (path === "/" ? upgrade("x", () => {}) : tunnel(() => {})));
  const client = bench.connect();
  for (const method of ["GET", "POST", "DELETE", "HEAD"]) {
    const answer = await client.exchange(GET.replace("GET", method));
    assert.deepEqual([answer.status, answer.headers.get("upgrade")], [426, "x"]);
    assert.deepEqual(answer.headers.list("connection"), ["Upgrade"]);
    const other = await client.exchange(`${method} /tunnel HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.deepEqual([other.status, other.headers.get("allow")], [405, "CONNECT"]);
  }
  assert.equal(bench.server.stats.failures, 0);
});

test("CONNECT that a handler accepts without a tunnel is 501", async () => {
  await using bench = loopback(() => text("no tunnel"));
  const answer = await bench.connect().exchange("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
  assert.equal(answer.status, 501);
});

test("a refusal that itself fails cuts the connection instead of running in circles [GB-47]", async () => {
  for (const errorPage of [() => reply(200, { "Content-Length": "nonsense" }, "x"), () => upgrade("x", () => {})]) {
    const told: unknown[] = [];
    await using bench = loopback(
      () => {
        throw new Error("first");
      },
      { errorPage, hooks: { error: (error) => told.push(error) } },
    );
    const client = bench.connect().send(GET);
    assert.equal(await client.closed, "reset");
    assert.equal(told.length, 2);
    const broken = bench.connect().send("nonsense\r\n\r\n");
    assert.equal(await broken.closed, "reset");
  }
});

test("hooks that throw change nothing, and are told of like any error [CH-39]", async () => {
  const told: unknown[] = [];
  const fail = (name: string) => (): never => {
    throw new Error(name);
  };
  await using bench = loopback(() => text("x"), {
    hooks: {
      connection: fail("connection"),
      request: fail("request"),
      reply: fail("reply"),
      close: fail("close"),
      error: (error) => {
        told.push((error as Error).message);
        throw new Error("the error hook itself");
      },
    },
  });
  const client = bench.connect();
  assert.equal((await client.exchange(GET)).body, "x");
  client.end();
  await client.closed;
  await bench.settled();
  assert.deepEqual(told, ["connection", "request", "reply", "close"]);
});

test("the hook of replies is called once a request, after its end, with status and octets [CH-40]", async () => {
  const told: unknown[] = [];
  let release = (): void => {};
  await using bench = loopback(
    ({ path }) => {
      if (path === "/fails") throw new Error("no");
      if (path === "/stream") {
        const pipe = new Pipe();
        pipe.write("ab");
        release = () => pipe.end();
        return reply(200, {}, pipe);
      }
      return path === "/none" ? empty() : text("é");
    },
    {
      hooks: {
        reply: (request, { status, bytes, elapsed }) =>
          told.push([request.path, request.peer.address, status, bytes, elapsed]),
      },
    },
  );
  const peer = { address: "192.0.2.7", port: 4711, secure: false };
  const client = bench.connect({ peer });
  await client.exchange(GET.replace("/", "/text"));
  await client.exchange(GET.replace("GET /", "HEAD /head"));
  await client.exchange(GET.replace("/", "/none"));
  await client.exchange(GET.replace("/", "/fails"));
  assert.deepEqual(told.splice(0), [
    ["/text", "192.0.2.7", 200, 2, 0],
    ["/head", "192.0.2.7", 200, 0, 0],
    ["/none", "192.0.2.7", 204, 0, 0],
    ["/fails", "192.0.2.7", 500, 26, 0],
  ]);
  client.send(GET.replace("/", "/stream"));
  await client.until("ab\r\n");
  assert.deepEqual(told, [], "not before its end");
  bench.clock.tick(250);
  release();
  await client.until("0\r\n\r\n");
  assert.deepEqual(told.splice(0), [["/stream", "192.0.2.7", 200, 2, 250]]);
});

test("a reply that is cut off, and a request whose client leaves, are told of once too [CH-40]", async () => {
  const told: string[] = [];
  const log: Hooks = {
    reply: (request, { status }) => told.push(`${request.path} ${status}`),
    error: (error) => told.push(`error ${(error as Error).message}`),
  };
  async function* failing(): AsyncGenerator<string> {
    yield "a";
    throw new Error("no");
  }
  await using bench = loopback(({ path }) => (path === "/cut" ? reply(200, {}, failing()) : new Promise(() => {})), {
    hooks: log,
  });
  await bench.connect().send(GET.replace("/", "/cut")).closed;
  await bench.settled();
  assert.deepEqual(told.splice(0), ["error no", "/cut 200"]);
  const leaving = bench.connect().send(GET.replace("/", "/left"));
  await bench.settled();
  leaving.reset();
  await bench.settled();
  assert.deepEqual(told, ["/left 0"]);
});

test("a body that did not come is told of once, not again when the handler passes the error on", async () => {
  const told: string[] = [];
  await using bench = loopback(async (request) => text(await request.body.text()), {
    hooks: { error: (error) => told.push((error as { code: string }).code) },
  });
  const answer = await bench.connect().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").end().answer();
  assert.equal(answer.status, 400);
  assert.deepEqual(told, ["WIRE_UNFINISHED"]);
  const { failures, refused } = bench.server.stats;
  assert.deepEqual({ failures, refused }, { failures: 0, refused: 1 });
});

test("a failure of an imperative handler after its end changes nothing of the answer", async () => {
  const thrown = new Error("after the end");
  for (const answer of [
    imperative((_request, response) => {
      response.start(200).end("x");
      throw thrown;
    }),
    imperative(async (_request, response) => {
      response.send(200, {}, "x");
      await turns(1);
      throw thrown;
    }),
  ]) {
    await using bench = loopback(answer);
    const client = bench.connect();
    assert.equal((await client.exchange(GET)).body, "x");
    await bench.settled();
    assert.equal((await client.exchange(GET)).body, "x");
  }
  assert.deepEqual(strays, []);
});

test("with subscribers every point of the trace is passed, without any none is, and it costs nothing [HS-52]", async () => {
  const seen: string[] = [];
  const names: TraceName[] = ["listening", "connection", "request", "reply", "error", "close"];
  const listeners = names.map((name) => {
    const listener = (message: unknown): void => {
      const { status, error } = message as { status?: number; error?: Error };
      seen.push([name, status, error?.message].filter((each) => each !== undefined).join(" "));
    };
    return [`portico.${name}`, listener] as const;
  });
  const run = async (): Promise<void> => {
    await using bench = loopback((request) => {
      if (request.path === "/fails") throw new Error("no");
      return text("x");
    });
    const client = bench.connect();
    await client.exchange(GET);
    await client.exchange(GET.replace("/", "/fails"));
    client.end();
    await client.closed;
    await bench.settled();
  };
  await run();
  assert.deepEqual(seen, []);
  for (const [name, listener] of listeners) subscribe(name, listener);
  try {
    await run();
  } finally {
    for (const [name, listener] of listeners) unsubscribe(name, listener);
  }
  assert.deepEqual(seen, ["connection", "request", "reply 200", "request", "error no", "reply 500", "close"]);
  seen.length = 0;
  await run();
  assert.deepEqual(seen, []);
});

test("the error hook is told which request it was, and undefined where there was none [CH-39]", async () => {
  const told: (Request | undefined)[] = [];
  await using bench = loopback(
    () => {
      throw new Error("no");
    },
    { hooks: { error: (_error, request) => told.push(request) } },
  );
  await bench.connect().exchange(GET.replace("/", "/here"));
  await bench.connect().send("nonsense\r\n\r\n").answer();
  assert.equal(told[0]?.path, "/here");
  assert.equal(told[1], undefined);
});

test("whatever a body throws after output cuts the connection, and the hook gets the very object [CH-39]", async () => {
  for (const thrown of THROWN) {
    async function* failing(): AsyncGenerator<string> {
      yield "part";
      throw thrown;
    }
    const told: unknown[] = [];
    await using bench = loopback(() => reply(200, {}, failing()), { hooks: { error: (error) => told.push(error) } });
    assert.equal(await bench.connect().send(GET).closed, "reset", typeof thrown);
    await bench.settled();
    assert.equal(told.length, 1);
    assert.equal(Object.is(told[0], thrown), true);
    assert.equal(bench.server.stats.open, 0);
  }
  assert.deepEqual(strays, []);
});

test("errorPages() of an app makes the app's pages, and a bug in one is told, by its server and by fetch", async () => {
  const refusal = new HttpError(409, "Somebody was quicker.");
  const own: ErrorPage = (status, message) => page(`<p>${message}</p>`, status);
  const bug = new Error("a bug of the page");
  const problem = '{"type":"about:blank","title":"Conflict","status":409,"detail":"Somebody was quicker."}';
  const buggy: ErrorPage = () => {
    throw bug;
  };
  for (const [options, body, failures] of [
    [{ errorPage: own }, "<p>Somebody was quicker.</p>", []],
    [{}, problem, []],
    [{ errorPage: buggy }, "409 Conflict\nSomebody was quicker.\n", [bug]],
  ] as const) {
    for (const middleware of [[errorPages()], []]) {
      const told: unknown[] = [];
      const app = portico({ ...options, middleware, hooks: { error: (error) => void told.push(error) } });
      app.get("/", () => {
        throw refusal;
      });
      const accept = { headers: { Accept: "application/json" } };
      const injected = await app.inject({ url: "/", ...accept });
      assert.equal(await injected.body.text(), body);
      assert.equal(await (await app.fetch(new globalThis.Request("http://a/", accept))).text(), body);
      assert.deepEqual(told, [refusal, ...failures, refusal, ...failures]);
    }
  }
});
