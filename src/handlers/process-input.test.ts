// What a program is given to read: where it cannot be read, nothing is started; and whoever makes it is told when nobody reads it.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { onWindows } from "../../test/fixtures/conditions.ts";
import { children, until } from "../../test/fixtures/programs.ts";
import "../../test/scenarios/strays.ts";
import { HttpError, LocalError } from "../base/errors.ts";
import type { Reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { type Loopback, loopback } from "../testing/index.ts";
import { type CgiOptions, cgi } from "./cgi.ts";
import { type ProcessPool, processes, type SpawnOptions } from "./process.ts";

const POSIX = { skip: onWindows("has neither sh nor process groups") };
const POST = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntea";
const CHUNKED = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntea\r\n0\r\n\r\n";

/** Asks more often than the pool has places, and looks each time that nothing was started and no place was taken. */
async function startsNothing(bench: Loopback, pool: ProcessPool, errors: unknown[], request: string): Promise<unknown> {
  for (let i = 0; i < 3; i++) {
    assert.equal((await bench.connect().exchange(request)).status, 500);
    assert.deepEqual([children(), pool.running, pool.waiting], [0, 0, 0]);
  }
  await bench.server.close();
  assert.equal(children(), 0);
  assert.equal(errors.length, 3);
  return errors[0];
}

const throwing = (): never => {
  throw new TypeError("not to be opened");
};

function locked(): ReadableStream {
  const stream = new ReadableStream();
  stream.getReader();
  return stream;
}

const WRONG: readonly (readonly [what: string, options: (request: Request) => object])[] = [
  ["an input that is a number", () => ({ stdin: 42 })],
  ["an input that is null", () => ({ stdin: null })],
  ["an input that is a plain object", () => ({ stdin: { text: "tea" } })],
  ["an input that cannot be opened", () => ({ stdin: { [Symbol.asyncIterator]: throwing } })],
  ["an input that somebody else reads", () => ({ stdin: locked() })],
  ["a signal that is none", () => ({ signal: { aborted: false } })],
  ["a signal that is a controller", () => ({ signal: new AbortController() })],
  ["a time that no clock takes", () => ({ time: 5n })],
  ["a grace that is text", () => ({ grace: "2000" })],
  ["a limit of its output that is no number", () => ({ outputBytes: Number.NaN })],
  ["a listener that is no function", () => ({ onExit: "log" })],
  ["a listener of its errors that is no function", () => ({ onStderr: {} })],
  ["a status that is none", () => ({ status: 1000 })],
  ["a field that cannot be sent", () => ({ headers: { "X-Tea": "a\r\nb" } })],
  ["a list of variables that is none", () => ({ inherit: 5 })],
  ["a working directory on another machine", () => ({ cwd: new URL("http://a/b") })],
];

for (const [what, options] of WRONG) {
  test(`${what} is refused before the program is started, and takes no place`, POSIX, async () => {
    const errors: unknown[] = [];
    const pool = processes({ limit: 2, queue: 0 });
    const ask = (request: Request): Promise<Reply> =>
      pool.spawn(request, "sleep", ["100"], request.path === "/" ? (options(request) as SpawnOptions) : { time: 1 });
    await using bench = loopback(ask, { hooks: { error: (error) => void errors.push(error) } });
    const error = await startsNothing(bench, pool, errors, POST);
    if (error instanceof HttpError) assert.ok(error.cause instanceof Error);
    else assert.ok(error instanceof Error);
  });
}

const READ: readonly (readonly [how: string, read: (request: Request) => Promise<unknown>])[] = [
  ["as text", (request) => request.body.text()],
  ["and is being read", async (request) => void request.body[Symbol.asyncIterator]().next()],
  ["and nobody waits for it", async (request) => void request.body.bytes()],
  ["by forEach()", (request) => request.body.forEach(() => {})],
];

for (const [how, read] of READ) {
  for (const request of [POST, CHUNKED]) {
    const framing = request === POST ? "of known length" : "of unknown length";
    test(`a body ${framing} that was read ${how} starts neither a program nor a script`, POSIX, async () => {
      for (const kind of ["spawn", "cgi"]) {
        const errors: unknown[] = [];
        const pool = processes({ limit: 2, queue: 0 });
        const script = cgi("sleep", { args: ["100"], pool });
        await using bench = loopback(
          async (received) => {
            await read(received);
            return kind === "cgi" ? script(received) : pool.spawn(received, "sleep", ["100"], { stdin: received.body });
          },
          { hooks: { error: (error) => void errors.push(error) } },
        );
        const error = await startsNothing(bench, pool, errors, request);
        assert.ok(error instanceof LocalError && error.code === "USE_BODY_USED", String(error));
      }
    });
  }
}

test("a script whose options are wrong is refused where it is made", () => {
  for (const wrong of [{ signal: {} }, { time: "5" }, { grace: -1 }, { onExit: 1 }]) {
    assert.throws(() => cgi("x", wrong as CgiOptions), { code: "USE_BAD_OPTION" });
  }
});

/** Never has a piece, and does something when it is let go. */
function silent(onReturn: () => unknown): AsyncIterable<string> {
  const iterator = { next: () => new Promise<never>(() => {}), return: onReturn };
  return { [Symbol.asyncIterator]: () => iterator as AsyncIterator<string> };
}

const RETURNS: readonly (readonly [what: string, input: () => AsyncIterable<string>])[] = [
  ["return() throws", () => silent(throwing)],
  ["return() rejects", () => silent(() => Promise.reject(new Error("not let go")))],
  ["return() gives no promise", () => silent(() => 42)],
  ["there is no return()", () => silent(undefined as never)],
  [
    "return is not to be had",
    () => {
      const iterator = {
        next: () => new Promise(() => {}),
        get return() {
          return throwing();
        },
      };
      return { [Symbol.asyncIterator]: () => iterator as AsyncIterator<string> };
    },
  ],
];

for (const [what, input] of RETURNS) {
  test(`a program that ends before its input is answered, where ${what}`, POSIX, async () => {
    const errors: unknown[] = [];
    const pool = processes({ limit: 1 });
    await using bench = loopback((request) => pool.spawn(request, "echo", ["done"], { stdin: input() }), {
      hooks: { error: (error) => void errors.push(error) },
    });
    const client = bench.connect();
    assert.equal((await client.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).body, "done\n");
    assert.equal((await client.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).body, "done\n");
    await until(() => children() === 0);
    assert.deepEqual([pool.running, errors], [0, []]);
  });
}

test("a stream of Node that waits for more is destroyed when the program that reads it has ended", POSIX, async () => {
  const input = new Readable({ read() {} });
  const pool = processes();
  await using bench = loopback((request) => pool.spawn(request, "true", [], { stdin: input }));
  assert.equal((await bench.connect().exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).status, 200);
  await until(() => input.destroyed);
});

test("an input is let go where the program that was to read it is not there", POSIX, async () => {
  for (const program of ["/opt/none/such-program", "a\0b"]) {
    let released = 0;
    const pool = processes();
    await using bench = loopback((request) => pool.spawn(request, program, [], { stdin: silent(() => released++) }));
    assert.equal((await bench.connect().exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).status, 500);
    assert.deepEqual([released, pool.running], [1, 0]);
  }
});

test("an input that fails, or is none, ends the program, and its place is free again", POSIX, async () => {
  const pool = processes({ limit: 1 });
  const inputs: Record<string, () => AsyncIterable<string>> = {
    "/fails": async function* () {
      yield "one";
      throw new Error("no more");
    },
    "/numbers": async function* () {
      yield 5 as unknown as string;
    },
    "/nothing": async function* () {
      yield null as unknown as string;
    },
    "/never": () => ({ [Symbol.asyncIterator]: () => ({ next: throwing }) }),
  };
  const errors: unknown[] = [];
  await using bench = loopback(
    (request) => pool.spawn(request, "cat", [], { stdin: inputs[request.path]?.() as never }),
    {
      hooks: { error: (error) => void errors.push(error) },
    },
  );
  for (const path of Object.keys(inputs)) {
    const client = bench.connect().send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await until(() => children() === 0 && pool.running === 0);
    await bench.settled();
    assert.ok(client.ending === "reset" || /^HTTP\/1\.1 500 /.test(client.received), "as it was cut, or not begun");
  }
  assert.equal(errors.length, 4);
});
