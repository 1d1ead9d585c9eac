// A promise of Portico's that a program lets go of: whatever it fails with ends nothing, and whoever awaits it gets the error. The
// test fails at its end (strays.ts) where one of them was an unhandled rejection.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { portico } from "../../src/app/app.ts";
import { workers } from "../../src/app/workers.ts";
import { HttpError, type LocalError } from "../../src/base/errors.ts";
import { parts } from "../../src/content/multipart.ts";
import { bodyBytes, decodeBody } from "../../src/content/octets.ts";
import { parameters, withParameters } from "../../src/content/parameters.ts";
import { form, parse } from "../../src/content/parsers.ts";
import type { Part } from "../../src/content/part.ts";
import { uploads } from "../../src/content/uploads.ts";
import { cgi } from "../../src/handlers/cgi.ts";
import { rawHandler } from "../../src/handlers/cgi-raw.ts";
import { file, sendFile } from "../../src/handlers/file.ts";
import { files } from "../../src/handlers/files.ts";
import { parkingLot } from "../../src/handlers/park.ts";
import { spawn } from "../../src/handlers/process.ts";
import { t } from "../../src/handlers/readers-types.ts";
import { typed } from "../../src/handlers/typed.ts";
import { underRoot, withTarget } from "../../src/handlers/under-root.ts";
import { answering } from "../../src/message/answer.ts";
import { type Handler, type Middleware, stack } from "../../src/message/handler.ts";
import { imperative } from "../../src/message/imperative.ts";
import { Pipe } from "../../src/message/pipe.ts";
import { reply, text } from "../../src/message/reply.ts";
import type { Request } from "../../src/message/request.ts";
import { bodyLimit } from "../../src/middleware/body-limit.ts";
import { timeout } from "../../src/middleware/timeout.ts";
import { Server } from "../../src/server/server.ts";
import { loopback } from "../../src/testing/index.ts";
import { memoryListener } from "../../src/transport/memory.ts";
import { dial } from "../../src/transport/tcp.ts";
import { dialTls } from "../../src/transport/tls.ts";
import { strays, turns } from "./strays.ts";

const JSON_TYPE = "Content-Type: application/json\r\n";
const MULTIPART = 'Content-Type: multipart/form-data; boundary="b"\r\n';
const PART = '--b\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nx';

interface Way {
  /** What a handler begins and lets go of. */
  readonly begin: (request: Request) => unknown;
  readonly head?: string;
  readonly sent?: string;
}

/** Takes the first step of an iteration, as somebody does who will see later whether it is wanted. */
const step = (pieces: AsyncIterable<unknown>): Promise<unknown> => pieces[Symbol.asyncIterator]().next();

/** Goes on by itself; what fails in it is its own. */
function aside(work: () => Promise<unknown>): void {
  work().catch(() => {});
}

async function firstOf(request: Request): Promise<Part> {
  const { value } = await parts(request).next();
  assert.ok(value !== undefined);
  return value;
}

/** Every way to read what a client sends, each of which fails where half of it comes. */
const WAYS: Readonly<Record<string, Way>> = {
  "body.bytes()": { begin: ({ body }) => body.bytes() },
  "body.text()": { begin: ({ body }) => body.text() },
  "body.json()": { begin: ({ body }) => body.json() },
  "body.json(), coded": { begin: ({ body }) => body.json(), head: "Content-Encoding: gzip\r\n" },
  "body.forEach()": { begin: ({ body }) => body.forEach(() => {}) },
  "body.isEmpty()": { begin: ({ body }) => body.isEmpty() },
  "a step of the body": {
    begin: ({ body }) => {
      const pieces = body[Symbol.asyncIterator]();
      return [pieces.next(), pieces.next(), pieces.next()];
    },
  },
  "bodyBytes()": { begin: (request) => bodyBytes(request) },
  "decodeBody().body": {
    begin: (request) => decodeBody(request).body.text(),
    head: "Content-Encoding: gzip\r\n",
  },
  "a step of a decoded body": {
    begin: (request) => step(decodeBody(request).body),
    head: "Content-Encoding: gzip\r\n",
  },
  "decodeBody().body.forEach()": {
    begin: (request) => decodeBody(request).body.forEach(() => {}),
    head: "Content-Encoding: br\r\n",
  },
  "parse()": { begin: (request) => parse(request), head: JSON_TYPE },
  "parse() twice": { begin: (request) => [parse(request), parse(request)], head: JSON_TYPE },
  "parameters()": { begin: (request) => parameters(request), head: JSON_TYPE },
  "form()": { begin: (request) => form(request), head: "Content-Type: application/x-www-form-urlencoded\r\n" },
  "form(), multipart": { begin: (request) => form(request), head: MULTIPART, sent: PART },
  "parts()": { begin: (request) => step(parts(request)), head: MULTIPART, sent: "--b\r\n" },
  "a part": {
    begin: (request) => aside(async () => void (await firstOf(request)).text()),
    head: MULTIPART,
    sent: PART,
  },
  "a step of a part": {
    begin: (request) => aside(async () => void step(await firstOf(request))),
    head: MULTIPART,
    sent: PART,
  },
  "a part that is saved": {
    begin: (request) => aside(async () => void (await firstOf(request)).save()),
    head: MULTIPART,
    sent: PART,
  },
  "a typed handler": { begin: typed({ body: t.body() }, () => "never"), head: JSON_TYPE },
  "a typed handler with a member": { begin: typed({ a: t.string }, () => "never"), head: JSON_TYPE },
  "a handler with parameters": { begin: withParameters(() => "never"), head: JSON_TYPE },
  "an async answer": { begin: answering(async ({ body }) => body.json()) },
  "a limited body": { begin: stack(async ({ body }) => text(await body.text()), bodyLimit(1000)) },
  "a CGI program's input": { begin: cgi("cat"), head: "Content-Type: text/plain\r\n" },
};

test("half a body, and a handler that threw before it awaited: the rejection ended the process", async () => {
  for (const [name, { begin, head = "", sent = '{"a":' }] of Object.entries(WAYS)) {
    for (const framing of ["Content-Length: 1000", "Transfer-Encoding: chunked"]) {
      for (const when of ["before it leaves", "after it has left"] as const) {
        await using bench = loopback(async (request) => {
          begin(request);
          if (when === "before it leaves") throw new HttpError(401);
          await new Promise<void>((resolve) => request.signal.addEventListener("abort", () => resolve()));
          return text("too late");
        });
        const body = framing.startsWith("T") ? `${sent.length.toString(16)}\r\n${sent}\r\n` : sent;
        const client = bench.connect().send(`POST / HTTP/1.1\r\nHost: a\r\n${head}${framing}\r\n\r\n${body}`);
        await bench.settled();
        client.reset();
        await bench.settled();
        await turns();
        assert.deepEqual(strays, [], `${name}, ${framing}, ${when}`);
      }
    }
  }
});

test("whoever awaits what others let go of gets the error", async () => {
  for (const read of ["bytes", "text", "json"] as const) {
    const codes: unknown[] = [];
    await using bench = loopback(async ({ body, signal }) => {
      const promise = body[read]();
      await new Promise((resolve) => signal.addEventListener("abort", resolve)); // it has failed by now
      await turns(1);
      codes.push(await promise.catch((error) => (error as { code: string }).code));
      return text("x");
    });
    const client = bench.connect().send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{");
    await bench.settled();
    client.reset();
    await bench.settled();
    await turns(5);
    assert.deepEqual(codes, ["NET_RESET"], read);
  }
});

const failing: Handler = async () => Promise.reject(new HttpError(403));
const late: Handler = async () => {
  await turns(1);
  throw new HttpError(403);
};

test("middleware that let go of what it had called ended the process", async () => {
  const letsGo: Middleware = (next) => (request) => {
    void next(request);
    return text("without it");
  };
  const apps: Handler[] = [failing, late, answering(failing), stack(late, timeout(1000)), imperative(() => turns(1))];
  apps.push(
    portico().get("/", late).handler,
    typed({ a: t.string.where(async () => false, "no") }, () => ""),
  );
  for (const handler of apps) {
    await using bench = loopback(stack(handler, letsGo, letsGo), { hooks: { error: () => {} } });
    assert.equal((await bench.connect().exchange("GET /?a=1 HTTP/1.1\r\nHost: a\r\n\r\n")).body, "without it");
    await bench.settled();
    assert.deepEqual(strays, []);
  }
});

test("a handler that let go of another one ended the process", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "portico-let-go-"));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "worker.mjs"), "export default async () => { throw new Error('x'); };");
  await using pool = workers(pathToFileURL(join(folder, "worker.mjs")), { threads: 1 });
  const lot = parkingLot({ limit: 1 });
  const handlers: Record<string, (request: Request) => unknown> = {
    "files()": files(folder),
    "file()": file(join(folder, "none")),
    "sendFile()": (request) => sendFile(request, join(folder, "none")),
    "withTarget()": withTarget(folder, () => ""),
    "underRoot()": () => underRoot(`${folder}\0`, "/a"),
    "cgi()": cgi(join(folder, "none")),
    "spawn()": (request) => spawn(request, join(folder, "none")),
    "spawn(), twice": (request) => [spawn(request, "cat"), spawn(request, "cat")],
    "rawHandler()": rawHandler((_, out) => void out.write("no head\n\n")),
    "park()": (request) => lot.park(request, () => ""),
    "turn(), twice": (request) => [lot.turn(request), lot.turn(request)],
    "deferUntil()": (request) => lot.deferUntil(request, () => undefined, String),
    "workers()": pool.handler,
    "imperative()": imperative((_, response) => {
      response.start(200).write("x".repeat(100_000));
      void response.drained();
    }),
    "uploads()": (request) => uploads(request).save({ name: "a", filename: "a", type: "a" }, broken(), folder),
    "a file that was deleted": async (request) => {
      const held = uploads(request).hold({ name: "a", filename: "a", type: "a" }, Buffer.from("a"));
      await held.delete();
      void held.bytes();
      void held.text();
      void held.keep();
      void step(held);
    },
    "a pipe": () => {
      const pipe = new Pipe();
      void step(pipe);
      void step(pipe);
      pipe.fail(new Error("x"));
      void step(pipe);
      const full = new Pipe(1);
      full.write("xx");
      void full.drained();
      full.cancel(new Error("x"));
      void full.drained();
    },
  };
  for (const [name, handler] of Object.entries(handlers)) {
    await using bench = loopback((request) => {
      void handler(request);
      return request.path === "/wait" ? new Promise(() => {}) : text("without it");
    });
    for (const target of ["/none", "/wait"]) {
      const client = bench.connect().send(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
      await bench.settled();
      client.reset();
      await bench.settled();
      for (let i = 0; i < 5; i++) await stat(folder); // behind what it asked of the disk
    }
    assert.deepEqual(strays, [], name);
  }
});

async function* broken(): AsyncGenerator<Uint8Array> {
  yield Buffer.from("a");
  await turns(5); // what came before has left
  throw new Error("x");
}

test("what a program asks of a server and of other servers is let go of in the same way", async () => {
  const app = portico().get("/", () => reply(200, {}, broken()));
  void app.inject({ url: "/", body: 5 as never });
  void app.inject({ url: "/", signal: AbortSignal.abort(new Error("x")) });
  const { body } = await app.inject("/");
  void body.text();
  void app.fetch(new globalThis.Request("http://a/", { signal: AbortSignal.abort(new Error("x")) }));
  void dial({ host: "127.0.0.1", port: 1 });
  void dial({ host: "127.0.0.1", port: 1 }, AbortSignal.abort(new Error("x")));
  void dialTls({ host: "127.0.0.1", port: 1 });
  void memoryListener().dial({ host: "a", port: 1 });
  void t.string.where(async () => false, "no").read("a");
  void form(await received(gzipSync("x")), undefined, { limit: 1 });
  await turns(20);
  assert.deepEqual(strays, []);
  await assert.rejects(dial({ host: "127.0.0.1", port: 1 }), { code: "NET_CONNECT" });
});

/** A request whose body is here. */
async function received(bytes: Uint8Array): Promise<Request> {
  let found: Request | undefined;
  const bench = loopback((request) => {
    found = request;
    return new Promise(() => {});
  });
  const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Encoding: gzip\r\nContent-Length: ${bytes.length}\r\n\r\n`;
  bench.connect().send(head).send(Buffer.from(bytes));
  await bench.settled();
  assert.ok(found !== undefined);
  return found;
}

test("a listen() that nobody awaited ended a server that ran: the error hook is told, and the exit code says so", async () => {
  const told: unknown[] = [];
  const server = new Server(() => text("lives"), { hooks: { error: (error) => void told.push(error) } });
  const [listener] = await server.listen(0);
  assert.ok(listener !== undefined);
  const before = process.exitCode;
  void server.listen(listener.address);
  while (told.length < 1) await turns(1);
  assert.equal((told[0] as LocalError).code, "NET_ADDRESS_IN_USE");
  assert.equal(process.exitCode, 1);
  process.exitCode = before;
  // Whoever looks is told in the usual way, and nobody else is.
  await assert.rejects(server.listen(listener.address), { code: "NET_ADDRESS_IN_USE" });
  await assert.rejects(Promise.all([server.listen(listener.address)]), { code: "NET_ADDRESS_IN_USE" });
  const failed = await server.listen(listener.address).catch((error: unknown) => error);
  assert.equal((failed as LocalError).code, "NET_ADDRESS_IN_USE");
  await turns();
  assert.deepEqual([told.length, process.exitCode], [1, before]);
  void server.close({ mode: "no such mode" as never });
  await turns();
  assert.equal((told[1] as LocalError).code, "USE_BAD_OPTION");
  await server.close();
});

test("a program that does not listen and does nothing else ends as one that has failed, and says why", async () => {
  const front = fileURLToPath(new URL("../../src/index.js", import.meta.url));
  const program = `
    import { createServer, text } from ${JSON.stringify(pathToFileURL(front).href)};
    const first = createServer(() => text("x"));
    const [{ address }] = await first.listen(0);
    createServer(() => text("x")).listen(address).finally;
    setImmediate(() => setTimeout(() => first.close(), 50));
  `;
  const ended = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]).catch(
    (error: unknown) => error as { readonly code: number; readonly stderr: string },
  );
  assert.ok("code" in ended);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /NET_ADDRESS_IN_USE/);
});
