// The head of a reply waits for the first piece of its body: what fails before is answered with a status of its own, what comes
// slowly begins all the same, and after the head a failure is told of and cuts.
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { PassThrough, Readable } from "node:stream";
import { test } from "node:test";
import { portico } from "../../src/app/app.ts";
import { HttpError, TransportError } from "../../src/base/errors.ts";
import { compressed } from "../../src/content/encoding.ts";
import { cgi, spawn } from "../../src/handlers/index.ts";
import { answering } from "../../src/message/answer.ts";
import { fileSlice } from "../../src/message/body.ts";
import type { Handler } from "../../src/message/handler.ts";
import { imperative, type Responder } from "../../src/message/imperative.ts";
import { Pipe } from "../../src/message/pipe.ts";
import { reply, text, withFields } from "../../src/message/reply.ts";
import { inform } from "../../src/message/request.ts";
import { compress } from "../../src/middleware/compress.ts";
import type { ReplyInfo } from "../../src/server/site.ts";
import { type Loopback, loopback } from "../../src/testing/index.ts";
import { strays, turns } from "./strays.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HERE = import.meta.dirname;

async function* failing(error: unknown): AsyncGenerator<string> {
  await turns(2);
  yield* [];
  throw error;
}

function failedPipe(error: unknown): Pipe {
  const pipe = new Pipe();
  setImmediate(() => pipe.fail(error as Error));
  return pipe;
}

/** Bodies that fail before they give anything. */
const FAILING: readonly (readonly [name: string, make: (error: Error) => Handler])[] = [
  ["a generator", (error) => () => reply(200, { "X-Of": "body" }, failing(error))],
  [
    "a generator that does not wait",
    (error) => () =>
      reply(
        200,
        {},
        (async function* () {
          yield* [];
          throw error;
        })(),
      ),
  ],
  ["a generator that is answered", (error) => answering(() => failing(error))],
  ["a pipe", (error) => () => reply(200, {}, failedPipe(error))],
  [
    "an imperative handler that has started",
    (error) =>
      imperative(async (_request, response) => {
        response.start(200, { "X-Of": "body" });
        await turns(2);
        throw error;
      }),
  ],
  [
    "a stream of Node",
    (error) => () => {
      const stream = new PassThrough();
      setImmediate(() => stream.destroy(error));
      return reply(200, {}, stream);
    },
  ],
  ["a Readable", (error) => () => reply(200, {}, Readable.from(failing(error)))],
  [
    "a web stream",
    (error) => () => reply(200, {}, new ReadableStream({ pull: (to) => to.error(error) }) as AsyncIterable<Uint8Array>),
  ],
  [
    "the body of a Response",
    (error) => answering(() => new globalThis.Response(new ReadableStream({ pull: (to) => to.error(error) }))),
  ],
  [
    "a file that cannot be opened",
    (error) => () =>
      reply(
        200,
        {},
        fileSlice("nowhere", 0, 5, () => Promise.reject(error)),
      ),
  ],
  ["a body that is encoded", (error) => () => reply(200, {}, compressed(failing(error), "gzip"))],
  [
    "a body that middleware encodes",
    (error) => compress()(() => reply(200, { "Content-Type": "text/plain" }, failing(error))),
  ],
  [
    "a body with a length",
    (error) => () => reply(200, { "Content-Length": "5" }, failing(error), { trailers: () => null }),
  ],
];

const ERRORS: readonly (readonly [make: () => Error, status: number, failures: number])[] = [
  [() => new HttpError(404, "There is no such board."), 404, 0],
  [() => new HttpError(503, undefined, { fields: { "Retry-After": "7" } }), 503, 0],
  [() => new TransportError("NET_CONNECT"), 502, 1],
  [() => new Error("secret"), 500, 1],
];

test("an error before the first piece is answered with its own status, and the connection lives", async () => {
  for (const [name, make] of FAILING) {
    for (const [makeError, status, failures] of ERRORS) {
      const error = makeError();
      const told: unknown[] = [];
      const replied: number[] = [];
      await using bench = loopback(make(error), {
        hooks: { error: (each) => void told.push(each), reply: (_, info) => void replied.push(info.status) },
      });
      const armed = armings(bench);
      const client = bench.connect();
      for (let i = 0; i < 2; i++) {
        const answer = await client.exchange(GET.replace("Host", "Accept-Encoding: gzip\r\nHost"));
        assert.equal(answer.status, status, name);
        assert.doesNotMatch(answer.body, /secret/);
        assert.deepEqual([answer.headers.get("x-of"), answer.headers.get("connection")], [undefined, undefined], name);
        if (status === 503) assert.equal(answer.headers.get("retry-after"), "7", name);
        if (status === 404) assert.match(answer.body, /There is no such board/);
      }
      assert.deepEqual([told.length, told.every((each) => each === error)], [2, true], name);
      assert.deepEqual(replied, [status, status], `${name}: the log has the status that was sent`);
      assert.equal(bench.server.stats.failures, 2 * failures, name);
      assert.equal(armed.live, 0, name);
    }
  }
  await turns();
  assert.deepEqual(strays, []);
});

test("what cannot be opened or read is 500 without a word of it", async () => {
  const bodies: readonly (() => Handler)[] = [
    () => () => reply(200, {}, createReadStream("/nowhere/at/all")),
    () => answering(() => createReadStream("/nowhere/at/all")),
    () => () => reply(200, {}, fileSlice("/nowhere/at/all", 0, 5)),
    () => () => reply(200, {}, fileSlice(HERE, 0, 5)), // a folder can be opened, and not be read
    () => () => reply(200, {}, fileSlice(import.meta.filename, 10_000_000, 10_000_005)), // it is shorter than that
    () => () => reply(200, {}, compressed(fileSlice("/nowhere/at/all", 0, 5), "gzip")),
  ];
  for (const make of bodies) {
    await using bench = loopback(make(), { hooks: { error: () => {} } });
    const client = bench.connect();
    for (let i = 0; i < 2; i++) {
      const answer = await client.exchange(GET);
      assert.ok(answer.status === 500 || answer.status === 502, `${answer.status}`);
      assert.doesNotMatch(answer.body, /nowhere|ENOENT|EISDIR/);
    }
  }
});

test("a program that fails before it writes anything is answered with its own status", async () => {
  const handlers: readonly Handler[] = [
    (request) => spawn(request, process.execPath, ["-e", "process.exit(3)"], { failure: "cut", onExit: () => {} }),
    cgi(process.execPath, { args: ["-e", "process.exit(3)"], onExit: () => {} }),
  ];
  for (const handler of handlers) {
    await using bench = loopback(handler, { hooks: { error: () => {} } });
    assert.equal((await bench.connect().exchange(GET)).status, 502);
  }
});

test("a body that ends without a piece, and one whose first piece is empty, are whole", async () => {
  async function* pieces(...all: string[]): AsyncGenerator<string> {
    yield* all;
  }
  const ended = new Pipe();
  ended.end();
  const bodies = [
    pieces(),
    pieces(""),
    pieces("", "x"),
    ended,
    Readable.from([]),
    fileSlice(import.meta.filename, 5, 5),
  ];
  for (const body of bodies) {
    await using bench = loopback(() => reply(200, {}, body));
    const answer = await bench.connect().exchange(GET);
    assert.deepEqual([answer.status, answer.body.length <= 1], [200, true]);
  }
});

/** How often a timer was armed for 100 ms, and how many of them are. */
function armings(bench: Loopback): { count: number; live: number } {
  const { clock } = bench;
  const after = clock.after.bind(clock);
  const armed = { count: 0, live: 0 };
  clock.after = (milliseconds, call) => {
    if (milliseconds !== 100) return after(milliseconds, call);
    armed.count++;
    armed.live++;
    let is = true;
    const gone = (): void => {
      if (is) armed.live--;
      is = false;
    };
    const timer = after(milliseconds, () => {
      gone();
      call();
    });
    return {
      cancel() {
        gone();
        timer.cancel();
      },
    };
  };
  return armed;
}

test("no timer is armed where the first piece is there in the turn", async () => {
  async function* soon(): AsyncGenerator<string> {
    for (let i = 0; i < 20; i++) await null;
    yield "x";
  }
  const handlers: readonly Handler[] = [
    () => text("x"),
    () => reply(200, {}, soon()),
    () => reply(200, {}, Readable.from(["x"])),
    imperative((_request, response) => response.start(200).end("x")),
    imperative(async (_request, response) => {
      response.start(200);
      for (let i = 0; i < 20; i++) await null;
      response.end("x");
    }),
    () => reply(200, {}, new globalThis.Response("x").body as AsyncIterable<Uint8Array>),
  ];
  for (const handler of handlers) {
    await using bench = loopback(handler);
    const armed = armings(bench);
    for (let i = 0; i < 3; i++) assert.equal((await bench.connect().exchange(GET)).body, "x");
    assert.equal(armed.count, 0, String(handler));
  }
});

test("a body that is slow to begin has its head after 100 ms, by one timer, which goes with whatever comes first", async () => {
  for (const end of ["time", "piece", "end", "failure", "reset", "flush"] as const) {
    let response: Responder | undefined;
    let settle: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;
    const handler = imperative((_request, given) => {
      response = given.start(200);
      return new Promise<void>((resolve, reject) => (settle = { resolve, reject }));
    });
    await using bench = loopback(handler, { hooks: { error: () => {} } });
    const armed = armings(bench);
    const client = bench.connect().send(GET);
    await bench.settled();
    assert.deepEqual([client.received, armed], ["", { count: 1, live: 1 }], end);
    bench.clock.tick(99);
    await bench.settled();
    assert.equal(client.received, "");
    if (end === "time") bench.clock.tick(1);
    if (end === "piece") response?.write("x");
    if (end === "end") response?.end();
    if (end === "failure") settle?.reject(new HttpError(409));
    if (end === "reset") client.reset();
    if (end === "flush") response?.flush();
    await bench.settled();
    assert.match(
      client.received,
      end === "reset" ? /^$/ : end === "failure" ? /^HTTP\/1\.1 409 / : /^HTTP\/1\.1 200 /,
      end,
    );
    bench.clock.tick(1); // no second head
    await bench.settled();
    assert.deepEqual(armed, { count: 1, live: 0 }, end);
    assert.equal(client.received.split("HTTP/1.1 ").length, end === "reset" ? 1 : 2);
    settle?.resolve();
  }
  await turns();
  assert.deepEqual(strays, []);
});

test("flush() sends the head at once, also where it is called before the reply is given", async () => {
  const handlers: readonly Handler[] = [
    imperative((_request, response) => response.start(200).flush()),
    imperative(async (_request, response) => {
      await turns(1);
      response.start(200).flush();
    }),
    imperative((_request, response) => {
      response.start(200);
      setImmediate(() => response.flush());
    }),
    () => {
      const pipe = new Pipe();
      pipe.flush();
      return reply(200, {}, pipe);
    },
  ];
  for (const handler of handlers) {
    await using bench = loopback(handler);
    const client = bench.connect().send(GET);
    await client.until("\r\n\r\n");
    assert.match(client.received, /^HTTP\/1\.1 200 [\s\S]*\r\n\r\n$/);
  }
});

test("a reply of events sends its head at once, whatever its body is", async () => {
  const silent = (): AsyncIterable<string> => ({
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
  });
  for (const type of ["text/event-stream", "Text/Event-Stream; charset=utf-8", "text/event-stream ;x"]) {
    for (const body of [silent, () => new Pipe(), () => new ReadableStream() as AsyncIterable<Uint8Array>]) {
      await using bench = loopback(() => reply(200, { "Content-Type": type }, body()));
      const armed = armings(bench);
      const client = bench.connect().send(GET);
      await client.until("\r\n\r\n");
      assert.equal(armed.count, 0);
    }
  }
  for (const type of ["text/event-streams", "text/plain", ""]) {
    await using bench = loopback(() => reply(200, { "Content-Type": type }, silent()));
    const client = bench.connect().send(GET);
    await bench.settled();
    assert.equal(client.received, "", type);
  }
});

test("events whose first piece fails are cut, and told of", async () => {
  const told: unknown[] = [];
  const error = new HttpError(404);
  await using bench = loopback(() => reply(200, { "Content-Type": "text/event-stream" }, failing(error)), {
    hooks: { error: (each) => void told.push(each) },
  });
  const client = bench.connect().send(GET);
  assert.equal(await client.closed, "reset");
  assert.match(client.received, /^HTTP\/1\.1 200 /);
  assert.deepEqual([told, bench.server.stats.failures], [[error], 1]);
});

test("a refusal after the head is told of like any failure, with the status that was sent", async () => {
  for (const error of [new HttpError(404), new TransportError("NET_RESET"), new Error("x")]) {
    const told: unknown[] = [];
    const replied: ReplyInfo[] = [];
    async function* late(): AsyncGenerator<string> {
      yield "part";
      await turns(2);
      throw error;
    }
    await using bench = loopback(() => reply(200, {}, late()), {
      hooks: { error: (each) => void told.push(each), reply: (_, info) => void replied.push(info) },
    });
    assert.equal(await bench.connect().send(GET).closed, "reset");
    assert.deepEqual([told, replied.map(({ status }) => status), bench.server.stats.failures], [[error], [200], 1]);
  }
});

test("a refusal that is a stream is sent where a stream has failed, and cuts where it fails as well", async () => {
  async function* page(): AsyncGenerator<string> {
    await turns(1);
    yield "a page";
  }
  for (const body of [() => failing(new HttpError(404)), () => failedPipe(new HttpError(404)), brokenAtOnce]) {
    for (const [makePage, wanted] of [
      [page, "404 a page"],
      [() => failing(new Error("the page, too")), "reset"],
    ] as const) {
      await using bench = loopback(() => reply(200, {}, body()), {
        errorPage: (status) => reply(status, {}, makePage()),
        hooks: { error: () => {} },
      });
      const client = bench.connect().send(GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
      const ending = await client.closed;
      const said = /^HTTP\/1\.1 (\d+) [\s\S]*\r\n\r\n6\r\n(a page)\r\n0\r\n\r\n$/.exec(client.received);
      assert.equal(said === null ? ending : `${said[1]} ${said[2]}`, wanted);
    }
  }
});

function brokenAtOnce(): Pipe {
  const pipe = new Pipe();
  pipe.fail(new HttpError(404));
  return pipe;
}

test("a request whose body breaks while the head of its reply waits gets that reply, and no second one", async () => {
  const pipe = new Pipe();
  const errors: unknown[] = [];
  await using bench = loopback(() => reply(200, {}, pipe), { hooks: { error: (error) => void errors.push(error) } });
  const client = bench.connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n");
  await bench.settled();
  assert.equal(client.received, "");
  pipe.write("x");
  pipe.end();
  await client.closed;
  assert.match(client.received, /^HTTP\/1\.1 200 OK\r\n[\s\S]*1\r\nx\r\n0\r\n\r\n$/);
  assert.equal(errors.length, 1);
});

test("a body that is passed on and breaks before its first piece is refused as what it is", async () => {
  await using bench = loopback(({ body }) => reply(200, {}, body), { hooks: { error: () => {} } });
  const client = bench.connect();
  const answer = await client.exchange("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n");
  assert.equal(answer.status, 400);
});

test("a reply made of the request's body invites that, before its head", async () => {
  await using bench = loopback(({ body }) => reply(200, {}, body));
  const client = bench.connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  await client.until("HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  await client.until("0\r\n\r\n");
  assert.match(client.received, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n(?!Connection)[\s\S]*hello/);
});

test("once a reply is given there is nothing to inform of, although its head waits", async () => {
  const said: boolean[] = [];
  const handler = imperative((request, response) => {
    said.push(inform(request, 103));
    response.start(200);
    setImmediate(() => {
      said.push(inform(request, 103));
      response.end("x");
    });
  });
  await using bench = loopback(handler);
  const client = bench.connect();
  await client.exchange(GET);
  assert.deepEqual(said, [true, false]);
});

test("replies keep their order, and each its own status, where pipelined ones fail", async () => {
  await using bench = loopback(
    ({ path }) => (path === "/fails" ? reply(200, {}, failing(new HttpError(404))) : text(path)),
    { hooks: { error: () => {} } },
  );
  const client = bench.connect();
  client.send(["/1", "/fails", "/2", "/fails"].map((path) => GET.replace("/", path)).join(""));
  const answers = [await client.answer(), await client.answer(), await client.answer(), await client.answer()];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 404, 200, 404],
  );
});

test("a request without a socket sees what one over it sees: inject(), fetch()", async () => {
  const app = portico({ hooks: { error: () => {} } });
  app.get("/fails", () => failing(new HttpError(404, "There is no such board.")));
  app.get("/whole", async function* () {
    yield "wh";
    yield "ole";
  });
  app.use((next) => async (request) => withFields(await next(request), (fields) => fields.set("X-Around", "1")));
  assert.equal((await app.inject("/fails")).status, 404);
  const failed = await app.fetch(new globalThis.Request("http://a/fails"));
  assert.equal(failed.status, 404);
  assert.match(await failed.text(), /There is no such board/);
  const whole = await app.fetch(new globalThis.Request("http://a/whole"));
  assert.deepEqual([whole.status, await whole.text(), whole.headers.get("x-around")], [200, "whole", "1"]);
});
