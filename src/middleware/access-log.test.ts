import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { stack } from "../message/handler.ts";
import { Pipe } from "../message/pipe.ts";
import { empty, reply, text } from "../message/reply.ts";
import { loopback } from "../testing/index.ts";
import { type AccessLogOptions, accessLog, log } from "./access-log.ts";
import { basic } from "./basic.ts";
import { requestId } from "./request-id.ts";

const PEER = { address: "192.0.2.7", port: 4711, secure: false };

interface Logged {
  readonly hooked: string[];
  readonly wrapped: string[];
}

/** The lines of a handler, as the hook and as the middleware write them. */
async function logged(handler: Handler, requests: readonly string[], options: AccessLogOptions = {}): Promise<Logged> {
  const hooked: string[] = [];
  const wrapped: string[] = [];
  const clock = { wall: () => Date.UTC(2009, 7, 1, 12), now: () => 0, after: never, every: never };
  const outer = stack(handler, log({ ...options, clock, target: (line) => wrapped.push(line) }));
  await using bench = loopback(outer, {
    hooks: { reply: accessLog({ ...options, clock, target: (line) => hooked.push(line) }) },
  });
  for (const request of requests) await bench.connect({ peer: PEER }).exchange(request);
  await bench.settled();
  return { hooked, wrapped };
}

function never(): never {
  throw new Error("no timer is needed");
}

const get = (path: string, fields = ""): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`;

test("the common format has address, user, time, request line, status and octets [EL-31] [CH-40]", async () => {
  const { hooked, wrapped } = await logged(
    ({ path }) => (path === "/none" ? empty() : text("héllo")),
    [get("/a?b=c"), get("/none"), get("/").replace("GET", "HEAD")],
    { format: "common" },
  );
  const wanted = [
    '192.0.2.7 - - [01/Aug/2009:12:00:00 +0000] "GET /a?b=c HTTP/1.1" 200 6',
    '192.0.2.7 - - [01/Aug/2009:12:00:00 +0000] "GET /none HTTP/1.1" 204 0',
    '192.0.2.7 - - [01/Aug/2009:12:00:00 +0000] "HEAD / HTTP/1.1" 200 0',
  ];
  assert.deepEqual(hooked, wanted);
  assert.deepEqual(wrapped, wanted);
});

test("the combined format has referrer and browser besides, and is the one where none is named", async () => {
  const { hooked, wrapped } = await logged(
    () => text("x"),
    [get("/", 'Referer: http://b/\r\nUser-Agent: wget "1.0"\\\r\n'), get("/")],
  );
  const wanted = [
    '192.0.2.7 - - [01/Aug/2009:12:00:00 +0000] "GET / HTTP/1.1" 200 1 "http://b/" "wget \\"1.0\\"\\\\"',
    '192.0.2.7 - - [01/Aug/2009:12:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"',
  ];
  assert.deepEqual([hooked, wrapped], [wanted, wanted]);
});

test("JSON has one object a line, with the user and the id where they are known", async () => {
  const guarded = stack(() => text("x"), requestId(), basic({ users: { ada: "secret" } }));
  const authorization = `Basic ${Buffer.from("ada:secret").toString("base64")}`;
  const request = get("/", `X-Request-Id: r-1\r\nAuthorization: ${authorization}\r\n`);
  const { hooked } = await logged(guarded, [request], { format: "json" });
  assert.deepEqual(JSON.parse(hooked[0] as string), {
    time: "2009-08-01T12:00:00.000Z",
    peer: "192.0.2.7",
    user: "ada",
    id: "r-1",
    method: "GET",
    target: "/",
    host: "a",
    status: 200,
    bytes: 1,
    elapsed: 0,
  });
});

test("the hook knows the octets of a stream and the time until its end; the middleware its answer", async () => {
  let pipe = new Pipe();
  const hooked: string[] = [];
  const wrapped: string[] = [];
  const format = ({ status, bytes, elapsed }: { status: number; bytes: number | undefined; elapsed: number }): string =>
    `${status} ${bytes ?? "?"} ${elapsed}`;
  await using bench = loopback(
    stack(() => reply(200, {}, pipe), log({ format, target: (line) => wrapped.push(line) })),
    {
      hooks: { reply: accessLog({ format, target: (line) => hooked.push(line) }) },
    },
  );
  pipe = new Pipe();
  const client = bench.connect().send(get("/"));
  pipe.write("1234");
  await client.until("1234");
  bench.clock.tick(30);
  assert.equal(wrapped.length, 1);
  assert.match(wrapped[0] as string, /^200 \? \d/);
  assert.deepEqual(hooked, [], "not before its end");
  pipe.end("" as never);
  await bench.settled();
  assert.deepEqual(hooked, ["200 4 30"]);
});

test("errors and refusals have their status, thrown or rejected, and go on to the engine", async () => {
  const { hooked, wrapped } = await logged(
    ({ path }) => {
      if (path === "/throw") throw new HttpError(404);
      return Promise.reject(new Error("secret"));
    },
    [get("/throw"), get("/reject")],
    { format: ({ status }) => String(status) },
  );
  assert.deepEqual(hooked, ["404", "500"]);
  assert.deepEqual(wrapped, ["404", "500"]);
});

test("nothing that a peer sends makes a second line, leaves its quotation marks or is longer than a line can bear", async () => {
  const nasty = `x\t\x80\x85\x9b31m" 200 1 "\xa0${"A".repeat(10_000)}`;
  for (const format of ["combined", "json"] as const) {
    const { hooked } = await logged(() => text("x"), [get("/", `User-Agent: ${nasty}\r\nReferer: ${nasty}\r\n`)], {
      format,
    });
    assert.equal(hooked.length, 1);
    const [line = ""] = hooked;
    assert.match(line, / 200 1 |"status":200/);
    assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f]/);
    assert.ok(line.length < 5000, String(line.length));
    if (format === "combined") assert.equal(line.match(/(?<!\\)"/g)?.length, 6);
    else assert.equal(JSON.parse(line).agent.startsWith("x\t\x80\x85\x9b31m"), true);
  }
});

test("a request that was not understood is in the log of the hook, without a request line", async () => {
  const hooked: string[] = [];
  await using bench = loopback(() => text("x"), {
    hooks: { reply: accessLog({ format: "common", target: (line) => hooked.push(line) }) },
  });
  await bench.connect({ peer: PEER }).send("nonsense\x1b\r\n\r\n").closed;
  await bench.settled();
  assert.match(hooked.join("\n"), /^192\.0\.2\.7 - - \[.*\] "-" 400 \d+$/);
});

test("a log that fails, or a format that throws, never breaks a request", async () => {
  const told: unknown[] = [];
  const onError = (error: unknown): void => void told.push((error as Error).message);
  const fails = (message: string) => (): never => {
    throw new Error(message);
  };
  const handler = stack(
    () => text("fine"),
    log({ target: fails("target"), onError }),
    log({ target: () => {}, format: fails("format"), onError }),
    log({ target: () => Promise.reject(new Error("promise")), onError }),
    log({ target: fails("nobody is told") }),
  );
  await using bench = loopback(handler);
  assert.equal((await bench.connect().exchange(get("/"))).body, "fine");
  await bench.settled();
  assert.deepEqual(told.sort(), ["format", "promise", "target"]);
});

test("what is synchronous stays so, and a format that is none is refused", () => {
  const answer = text("x");
  const wrapped = log({ target: () => {} })(() => answer);
  const request = { method: "GET", target: "/", version: "1.1", headers: new Map(), peer: PEER, get: () => undefined };
  assert.equal(wrapped(request as never), answer);
  assert.throws(() => log({ format: "apache" as never }), { code: "USE_BAD_OPTION" });
});
