// biome-ignore-all lint/suspicious/noThenProperty: that is what is tested
// What a handler throws or returns may be anything, and do anything when it is looked at: proxies whose traps throw, getters that
// throw, promises that are none, errors that were written to since they were made. It ends in an answer or in a cut, nothing of it
// escapes the engine, whoever listens is told of the very thing, and what goes on the wire is text that was checked.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { portico } from "../../src/app/app.ts";
import { HttpError, LocalError, RemoteError, TransportError } from "../../src/base/errors.ts";
import { Fields } from "../../src/message/fields.ts";
import type { Handler } from "../../src/message/handler.ts";
import { imperative } from "../../src/message/imperative.ts";
import { Pipe } from "../../src/message/pipe.ts";
import { Reply, reply, text, upgrade } from "../../src/message/reply.ts";
import { inform } from "../../src/message/request.ts";
import type { ServerOptions } from "../../src/server/options.ts";
import { loopback } from "../../src/testing/index.ts";
import { strays, turns } from "./strays.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const EVIL = "OK\r\nX-Evil: yes";

const no = (): never => {
  throw new Error("a trap");
};
/** Everything that can be done with it throws. */
const TRAPS: ProxyHandler<object> = Object.fromEntries(
  Object.getOwnPropertyNames(Reflect).map((name) => [name, no]),
) as ProxyHandler<object>;

function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function changed<T extends object>(value: T, change: Readonly<Record<string, unknown>>): T {
  for (const [name, to] of Object.entries(change)) Object.defineProperty(value, name, { value: to });
  return value;
}

function getter<T extends object>(value: T, ...names: readonly (string | symbol)[]): T {
  for (const name of names) Object.defineProperty(value, name, { get: no });
  return value;
}

/** Things that are thrown, and the status that each may be answered with. */
const THROWN: readonly (readonly [name: string, make: () => unknown, status: number])[] = [
  ["an HttpError of status 1000", () => changed(new HttpError(404), { status: 1000 }), 500],
  ["an HttpError of status 200", () => changed(new HttpError(404), { status: 200 }), 500],
  ["an HttpError of status -1", () => changed(new HttpError(404), { status: -1 }), 500],
  ["an HttpError of status 404.5", () => changed(new HttpError(404), { status: 404.5 }), 500],
  ["an HttpError of status NaN", () => changed(new HttpError(404), { status: Number.NaN }), 500],
  ["an HttpError of status undefined", () => changed(new HttpError(404), { status: undefined }), 500],
  ["an HttpError whose status is text", () => changed(new HttpError(404), { status: `404 ${EVIL}` }), 500],
  [
    "an HttpError whose status is an object",
    () => changed(new HttpError(404), { status: { valueOf: () => 404 } }),
    500,
  ],
  ["an HttpError of another status", () => changed(new HttpError(404), { status: 410 }), 410],
  ["an HttpError whose status throws", () => getter(new HttpError(404), "status"), 500],
  ["an HttpError whose message is an object", () => changed(new HttpError(404), { message: { toString: no } }), 404],
  ["an HttpError whose message throws", () => getter(new HttpError(404), "message"), 500],
  ["an HttpError whose code throws", () => getter(new HttpError(404), "code"), 500],
  ["an HttpError whose fields throw", () => getter(new HttpError(404), "fields"), 500],
  ["an HttpError whose fields are a proxy", () => changed(new HttpError(404), { fields: new Proxy({}, TRAPS) }), 404],
  ["an HttpError whose fields split", () => new HttpError(404, "x", { fields: { "X-A": EVIL, [EVIL]: "x" } }), 404],
  ["an HttpError whose fields are numbers", () => new HttpError(404, "x", { fields: { "X-A": 5 as never } }), 404],
  ["a RemoteError of status 1000", () => changed(new RemoteError("WIRE_BAD_CHUNK"), { status: 1000 }), 500],
  ["a LocalError of status 99", () => changed(new LocalError("USE_STATE"), { status: 99 }), 500],
  ["a TransportError without status", () => changed(new TransportError("NET_RESET"), { status: undefined }), 500],
  ["a proxy", () => new Proxy({}, TRAPS), 500],
  ["a proxy of a function", () => new Proxy(() => {}, TRAPS), 500],
  ["a proxy of an Error", () => new Proxy(new Error("x"), TRAPS), 500],
  ["a proxy of an HttpError", () => new Proxy(new HttpError(404), TRAPS), 500],
  ["a proxy that is an HttpError", () => new Proxy(new HttpError(404), {}), 404],
  ["a revoked proxy", () => revoked({}), 500],
  ["an Error that throws", () => getter(new Error("x"), inspect.custom, "stack", "cause", "name", "message"), 500],
  ["an Error with an inspector that throws", () => changed(new Error("x"), { [inspect.custom as never]: no }), 500],
  ["an object that is no text", () => ({ toString: no, valueOf: no, [Symbol.toPrimitive]: no }), 500],
  ["an object without a prototype", () => Object.create(null), 500],
  ["a symbol", () => Symbol("s"), 500],
  ["a thenable", () => ({ then: no }), 500],
];

async function* failing(thrown: unknown, ...before: readonly string[]): AsyncGenerator<string> {
  yield* before;
  throw thrown;
}

function brokenPipe(thrown: unknown): Pipe {
  const pipe = new Pipe();
  pipe.fail(thrown as Error);
  return pipe;
}

/** Where it is thrown before anything was sent: with its own status. */
const BEFORE: readonly (readonly [name: string, make: (thrown: unknown) => Handler])[] = [
  [
    "by the handler",
    (thrown) => () => {
      throw thrown;
    },
  ],
  ["by its promise", (thrown) => () => Promise.reject(thrown)],
  ["by its promise, later", (thrown) => () => turns(1).then(() => Promise.reject(thrown))],
  [
    "by an imperative handler",
    (thrown) =>
      imperative(() => {
        throw thrown;
      }),
  ],
  ["by the promise of an imperative handler", (thrown) => imperative(() => Promise.reject(thrown))],
  [
    "by an imperative handler that has started",
    (thrown) =>
      imperative((_, response) => {
        response.start(200);
        throw thrown;
      }),
  ],
  [
    "by a route of an app",
    (thrown) =>
      portico().get("/", () => {
        throw thrown;
      }).handler,
  ],
  ["by a body", (thrown) => () => reply(200, {}, failing(thrown))],
  ["by a pipe", (thrown) => () => reply(200, {}, brokenPipe(thrown))],
];

/** A head, or several: nothing in them but lines that were meant. */
function assertClean(received: string, name: string): void {
  assert.match(received, /^(?:HTTP\/1\.1 [2-5]\d\d [\w -]*\r\n(?:[\w-]+: [^\r\n]*\r\n)+\r\n[\s\S]*)?$/, name);
  assert.doesNotMatch(received, /x-evil/i, name);
}

for (const [what, make, status] of THROWN) {
  test(`${what}, thrown, is answered, and the server goes on`, async () => {
    for (const [where, failingWith] of BEFORE) {
      const thrown = make();
      const told: unknown[] = [];
      await using bench = loopback(failingWith(thrown), { hooks: { error: (error) => void told.push(error) } });
      const client = bench.connect();
      assert.equal((await client.exchange(GET)).status, status, where);
      assertClean(client.received, where);
      assert.equal(told.length, 1, where);
      assert.equal(Object.is(told[0], thrown), true, `${where}: the hook gets the very thing`);
      bench.server.handler = () => text("goes on");
      assert.equal((await client.exchange(GET)).body, "goes on", where);
    }
    await turns();
    assert.deepEqual(strays, []);
  });

  test(`${what}, thrown after the head, cuts the reply, and the server goes on`, async () => {
    for (const body of [(thrown: unknown) => failing(thrown, "part"), brokenLater]) {
      const thrown = make();
      const told: unknown[] = [];
      await using bench = loopback(() => reply(200, {}, body(thrown)), {
        hooks: { error: (error) => void told.push(error) },
      });
      const client = bench.connect().send(GET);
      assert.equal(await client.closed, "reset");
      assertClean(client.received, what);
      assert.equal(told.length === 1 && Object.is(told[0], thrown), true);
      assert.equal(bench.server.stats.failures, 1);
      bench.server.handler = () => text("goes on");
      assert.equal((await bench.connect().exchange(GET)).body, "goes on");
    }
    await turns();
    assert.deepEqual(strays, []);
  });
}

function brokenLater(thrown: unknown): Pipe {
  const pipe = new Pipe();
  pipe.write("part");
  setImmediate(() => pipe.fail(thrown as Error));
  return pipe;
}

test("where nobody listens for it, whatever was thrown is told of on standard error, and the server goes on", async () => {
  for (const [what, make, status] of THROWN) {
    for (const [name, handler] of [
      ["before the head", (thrown: unknown) => Promise.reject(thrown)],
      ["after it", (thrown: unknown) => reply(200, {}, failing(thrown, "part"))],
    ] as const) {
      for (const options of [{}, { debug: () => {} }] as readonly ServerOptions[]) {
        await using bench = loopback(() => handler(make()), options);
        const { text: said } = await stderr(async () => {
          const client = bench.connect().send(GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
          await client.closed;
        });
        const isTold =
          options.debug === undefined &&
          (name === "after it"
            ? !isOf(make(), RemoteError)
            : status === 500 && !isOf(make(), RemoteError, TransportError));
        assert.equal(said !== "", isTold, `${what}, ${name}: ${said}`);
        if (name === "after it" && isTold)
          assert.match(said, /^"GET \/": the reply was cut off: |^GET \/: the reply was cut off: /);
        bench.server.handler = () => text("goes on");
        assert.equal((await bench.connect().exchange(GET)).body, "goes on");
      }
    }
  }
});

/** The peer's fault, or the network's, is no bug; nobody is told of it. */
function isOf(thrown: unknown, ...classes: readonly (typeof RemoteError | typeof TransportError)[]): boolean {
  try {
    return classes.some((each) => thrown instanceof each);
  } catch {
    return false;
  }
}

/** What is written to standard error meanwhile. */
async function stderr(run: () => Promise<void>): Promise<{ readonly text: string }> {
  const write = process.stderr.write;
  let said = "";
  process.stderr.write = ((piece: string) => {
    said += piece;
    return true;
  }) as typeof process.stderr.write;
  try {
    await run();
  } finally {
    process.stderr.write = write;
  }
  return { text: said };
}

/** A promise of Node's with a then() of its own. */
function promiseWith(then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => unknown): object {
  return Object.defineProperty(Promise.resolve(), "then", { value: then });
}

/** A reply that was made past the makers, as a program in JavaScript can. */
const made = (...given: readonly unknown[]): Reply =>
  new (Reply as unknown as new (...given: readonly unknown[]) => Reply)(...given);

/** Things that are returned, and whether they are answered as they are. */
const RETURNED: readonly (readonly [name: string, make: () => unknown, status: number])[] = [
  ["a proxy", () => new Proxy({}, TRAPS), 500],
  ["a proxy of a function", () => new Proxy(() => {}, TRAPS), 500],
  ["a proxy of a Reply", () => new Proxy(text("x"), {}), 500],
  ["a proxy of a Reply that throws", () => new Proxy(text("x"), TRAPS), 500],
  ["a proxy of a promise", () => new Proxy(Promise.resolve(text("x")), TRAPS), 500],
  ["a revoked proxy", () => revoked({}), 500],
  ["an object whose getters throw", () => getter({}, "then", "constructor", "status", "headers", "body"), 500],
  ["an heir of Reply", () => Object.create(Reply.prototype), 500],
  ["a thenable that throws", () => ({ then: no }), 500],
  ["a thenable whose then cannot be read", () => getter({}, "then"), 500],
  [
    "a thenable of thenables",
    () => ({ then: (to: (v: unknown) => void) => to({ then: (t: (v: unknown) => void) => t(text("x")) }) }),
    200,
  ],
  [
    "a thenable that calls back, and throws",
    () => ({
      then: (to: (v: unknown) => void) => {
        to(text("x"));
        no();
      },
    }),
    200,
  ],
  ["a promise whose then throws", () => promiseWith(no), 500],
  ["a promise whose then cannot be read", () => getter(Promise.resolve(text("x")), "then"), 500],
  ["a promise whose constructor cannot be read", () => getter(Promise.resolve(text("x")), "constructor"), 500],
  ["a promise whose then calls back twice", () => promiseWith((to) => [to(text("x")), to(text("y"))]), 200],
  ["a promise whose then calls both back", () => promiseWith((to, or) => [to(text("x")), or(new Error("no"))]), 200],
  ["a promise of a proxy", () => Promise.resolve(new Proxy({}, { ...TRAPS, get: () => undefined })), 500],
  ["a Reply of status 1000", () => made(1000, new Fields(), null), 500],
  ["a Reply whose status is text", () => made(`200 ${EVIL}`, new Fields(), null), 500],
  [
    "a Reply whose status is an object",
    () => made({ valueOf: () => 200, toString: () => EVIL }, new Fields(), null),
    500,
  ],
  ["a Reply whose reason splits", () => made(200, new Fields(), null, { reason: EVIL }), 500],
  ["a Reply whose reason is an object", () => made(200, new Fields(), null, { reason: { toString: () => EVIL } }), 500],
  ["a Reply whose extras throw", () => made(200, new Fields(), null, new Proxy({}, TRAPS)), 500],
  ["a Reply whose body is a number", () => made(200, new Fields(), 5), 500],
  ["a Reply whose body is a proxy", () => made(200, new Fields(), new Proxy({}, TRAPS)), 500],
  ["a Reply without headers", () => made(200, undefined, null), 500],
  ["a Reply whose headers are a record", () => made(200, { "X-Evil": "yes" }, null), 500],
];

for (const [what, make, status] of RETURNED) {
  test(`${what}, returned, is answered, and the server goes on`, async () => {
    const ways: readonly ((value: () => unknown) => unknown)[] = [
      (value) => value(),
      // What is returned by an async function is awaited there, by Node.
      async (value) => value(),
      (value) => turns(1).then(value),
    ];
    for (const way of ways) {
      await using bench = loopback((() => way(make)) as Handler, { hooks: { error: () => {} } });
      const client = bench.connect();
      assert.equal((await client.exchange(GET)).status, status, String(way));
      assertClean(client.received, what);
      bench.server.handler = () => text("goes on");
      assert.equal((await client.exchange(GET)).body, "goes on");
    }
    await turns();
    assert.deepEqual(strays, []);
  });
}

type Next = () => unknown;
const iterable = (next: Next, more: object = {}): AsyncIterable<string> =>
  ({ [Symbol.asyncIterator]: () => ({ next, ...more }), ...more }) as never;

/** Answers looks until the maker has let it pass, and throws from then on. */
function laterEvil<T extends object>(target: T, looks: number): T {
  let left = looks;
  return new Proxy(
    target,
    Object.fromEntries(
      Object.getOwnPropertyNames(Reflect).map((name) => [
        name,
        (...given: unknown[]) => {
          if (left-- <= 0) no();
          return (Reflect as unknown as Record<string, (...given: unknown[]) => unknown>)[name]?.(...given);
        },
      ]),
    ) as ProxyHandler<T>,
  );
}

const BODIES: readonly (readonly [name: string, make: () => unknown])[] = [
  ["a next() that throws", () => iterable(no)],
  ["a next() that gives nothing", () => iterable(() => undefined)],
  ["a next() that gives a number", () => iterable(() => Promise.resolve(5))],
  [
    "a next() that gives a proxy",
    () =>
      iterable(() =>
        Promise.resolve(new Proxy({}, { ...TRAPS, get: (_, name) => (name === "then" ? undefined : no()) })),
      ),
  ],
  ["a next() that gives a thenable that throws", () => iterable(() => ({ then: no }))],
  ["a next() that gives a promise whose then throws", () => iterable(() => promiseWith(no))],
  [
    "a next() that gives a promise whose constructor throws",
    () => iterable(() => getter(Promise.resolve(), "constructor")),
  ],
  ["a done that throws", () => iterable(() => Promise.resolve(getter({ value: "x" }, "done")))],
  ["a value that throws", () => iterable(() => Promise.resolve(getter({ done: false }, "value")))],
  ["a piece that is a proxy", () => iterable(() => Promise.resolve({ done: false, value: new Proxy({}, TRAPS) }))],
  [
    "a piece that is a proxy of bytes",
    () => iterable(() => Promise.resolve({ done: false, value: new Proxy(Buffer.from("x"), {}) })),
  ],
  ["a return() that throws", () => iterable(() => Promise.resolve({ done: false, value: 5 }), { return: no })],
  [
    "a return() that rejects",
    () => iterable(() => Promise.resolve({ done: false, value: 5 }), { return: () => Promise.reject(new Error("no")) }),
  ],
  [
    "a return() of a thenable that throws",
    () => iterable(() => Promise.resolve({ done: false, value: 5 }), { return: () => ({ then: no }) }),
  ],
  ["a destroy() that throws", () => iterable(() => Promise.resolve({ done: false, value: 5 }), { destroy: no })],
  [
    "a destroy() that rejects",
    () =>
      iterable(() => Promise.resolve({ done: false, value: 5 }), { destroy: () => Promise.reject(new Error("no")) }),
  ],
  ["a getReader that throws", () => iterable(() => Promise.resolve({ done: true }), { getReader: no })],
  ["an iterator that throws", () => ({ [Symbol.asyncIterator]: no })],
  [
    "a proxy that turns evil at once",
    () =>
      laterEvil(
        iterable(() => Promise.resolve({ done: false, value: "x" })),
        4,
      ),
  ],
  [
    "a proxy that turns evil soon",
    () =>
      laterEvil(
        iterable(() => Promise.resolve({ done: false, value: "x" })),
        6,
      ),
  ],
  [
    "a proxy that turns evil late",
    () =>
      laterEvil(
        iterable(() => Promise.resolve({ done: false, value: "x" })),
        9,
      ),
  ],
  ["a proxy of bytes", () => new Proxy(Buffer.from("x"), {})],
  ["a proxy of bytes that turns evil", () => laterEvil(Buffer.from("x"), 2)],
];

test("a body that does what it likes ends in an answer or a cut: to GET, to HEAD, with a status without a body", async () => {
  for (const [name, make] of BODIES) {
    for (const method of ["GET", "HEAD"]) {
      for (const status of [200, 204, 205]) {
        await using bench = loopback(() => reply(status, {}, make() as never), { hooks: { error: () => {} } });
        const client = bench.connect().send(`${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
        await client.closed;
        assertClean(client.received, name);
        assert.equal(bench.server.stats.open, 0, name);
        bench.server.handler = () => text("goes on");
        assert.equal((await bench.connect().exchange(GET)).body, "goes on", name);
      }
    }
  }
  await turns();
  assert.deepEqual(strays, []);
});

test("trailers that are none cut the reply instead of completing it, and a thenable of Fields is awaited", async () => {
  const given: readonly (readonly [trailers: () => unknown, isWhole: boolean])[] = [
    [() => undefined, true],
    [() => null, true],
    [() => new Fields({ A: "b" }), true],
    [() => Promise.resolve(undefined), true],
    [() => ({ then: (to: (value: unknown) => void) => to(new Fields({ A: "b" })) }), true],
    [() => ({ A: "b" }), false],
    [() => "A: b", false],
    [() => new Proxy({}, TRAPS), false],
    [() => ({ then: no }), false],
    [() => promiseWith(no), false],
    [no, false],
  ];
  for (const [trailers, isWhole] of given) {
    for (const body of ["x", failingNever(), new Pipe()] as const) {
      if (body instanceof Pipe) setImmediate(() => body.end());
      await using bench = loopback(() => reply(200, {}, body as never, { trailers: trailers as never }), {
        hooks: { error: () => {} },
      });
      const client = bench.connect().send(GET);
      await bench.settled();
      assert.equal(client.received.includes("\r\n0\r\n"), isWhole, String(trailers));
      assert.equal(client.ending, isWhole ? undefined : "reset");
      client.end();
    }
  }
  await turns();
  assert.deepEqual(strays, []);
});

async function* failingNever(): AsyncGenerator<string> {
  yield "x";
}

test("what is no text is refused where a reply is made, and never becomes text on the wire", async () => {
  const evil = { toString: () => EVIL, [Symbol.toPrimitive]: () => EVIL, valueOf: () => EVIL };
  const code = (wanted: string) => (error: unknown) => error instanceof LocalError && error.code === wanted;
  for (const reason of [evil, EVIL, 5, Symbol("x"), ["OK"], new String("OK"), () => "OK", null]) {
    assert.throws(() => reply(200, {}, "x", { reason: reason as never }), code("USE_BAD_FIELD"));
  }
  for (const value of [evil, EVIL, 5, Symbol("x"), new String("x"), () => "x", null, undefined, 1n]) {
    assert.throws(() => reply(200, { A: value as never }), code("USE_BAD_FIELD"));
    assert.throws(() => reply(200, { A: ["x", value as never] }), code("USE_BAD_FIELD"));
    assert.throws(() => new Fields().set("A", value as never), code("USE_BAD_FIELD"));
    assert.throws(() => new Fields().add(value as never, "x"), code("USE_BAD_FIELD"));
    assert.throws(() => new Fields([[value as never, "x"]]), code("USE_BAD_FIELD"));
  }
  for (const headers of [null, "A: b", 5, ["A: b"], ["A", "b"], [null], [["A"]], new Set(["A"])]) {
    assert.throws(() => reply(200, headers as never), code("USE_BAD_FIELD"), String(headers));
  }
  for (const status of [evil, EVIL, "200", null, 200.5, [200], Symbol("x"), new Number(200), 1n]) {
    assert.throws(() => reply(status as never), code("USE_BAD_STATUS"));
  }
  for (const trailers of [evil, new Fields(), "A: b"]) {
    assert.throws(() => reply(200, {}, "x", { trailers: trailers as never }), code("USE_BAD_OPTION"));
  }
  for (const take of [evil, null, undefined, "x"]) {
    assert.throws(() => upgrade("tea", take as never), code("USE_BAD_BODY"));
  }
  assert.throws(() => upgrade(evil as never, () => {}), code("USE_BAD_FIELD"));
  const statuses = [evil, EVIL, "103", 103.5, 101, 200, Number.NaN];
  const caught: unknown[] = [];
  await using bench = loopback((request) => {
    for (const status of statuses) {
      try {
        inform(request, status as never, { A: "b" });
      } catch (error) {
        caught.push((error as { code: string }).code);
      }
    }
    return text("x");
  });
  const client = bench.connect();
  assert.equal((await client.exchange(GET)).body, "x");
  assertClean(client.received, "informational");
  assert.deepEqual(caught, Array(statuses.length).fill("USE_BAD_STATUS"));
});

test("what was checked is what is sent, whatever the object says later", async () => {
  let looks = 0;
  const extras = {
    get reason() {
      return looks++ === 0 ? "Fine" : EVIL;
    },
  };
  await using bench = loopback(() => reply(200, {}, "x", extras));
  const client = bench.connect();
  assert.equal((await client.exchange(GET)).reason, "Fine");
  assertClean(client.received, "a reason");
});

test("app.fetch() gives a Response for whatever is thrown", async () => {
  for (const [what, make, status] of THROWN) {
    const app = portico({ hooks: { error: () => {} } }).get("/", () => {
      throw make();
    });
    assert.equal((await app.fetch(new globalThis.Request("http://a/"))).status, status, what);
  }
});
