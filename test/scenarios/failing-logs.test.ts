// Scenario 15, what is written down: named logs that handlers choose, the access log, what the error hook is told, and the trace;
// while handlers throw before and after output, reject, and give bodies of the wrong kind. Over real sockets, into real files.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { HttpError } from "../../src/base/errors.ts";
import { type Handler, stack } from "../../src/message/handler.ts";
import { imperative } from "../../src/message/imperative.ts";
import { reply, text } from "../../src/message/reply.ts";
import { accessLog, createLog, errorsTo, type Log, log as logged, requestId } from "../../src/middleware/index.ts";
import { mux } from "../../src/route/index.ts";
import { createServer, type Server, type ServerOptions } from "../../src/server/index.ts";
import { strays } from "./strays.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "portico-logs-"));
});
after(() => rm(folder, { recursive: true }));

/** A file for lines, and how to read them once all are written. */
function file(name: string): { readonly stream: WriteStream; readonly lines: () => Promise<string[]> } {
  const stream = createWriteStream(join(folder, name));
  const lines = async (): Promise<string[]> => {
    stream.end();
    await once(stream, "finish");
    return (await readFile(join(folder, name), "utf8")).split("\n").slice(0, -1);
  };
  return { stream, lines };
}

function portOf(server: Server, index = 0): number {
  const address = server.listeners[index]?.address;
  assert.ok(address !== undefined && "port" in address);
  return address.port;
}

/** All octets of one connection, until it is over. @param had is told of what has come so far. */
function exchange(
  port: number,
  octets: string,
  { host = "127.0.0.1", had = (_octets: string): void => {} } = {},
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, host).setEncoding("latin1");
    let received = "";
    socket.on("data", (piece: string) => {
      received += piece;
      had(received);
    });
    socket.on("error", () => {}).on("close", () => resolve(received)); // a connection that is cut is reset
    socket.write(octets);
  });
}

const request = (line: string, fields = ""): string =>
  `${line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\n`;

async function listening(handler: Handler, options: ServerOptions = {}): Promise<Server> {
  const server = createServer(handler, options);
  await server.listen({ host: "127.0.0.1", port: 0 });
  return server;
}

test("a handler writes to the log that it chooses, each has its own lines, and the access log has one a request [EL-31]", async () => {
  const [errors, orders, access] = [file("errors.log"), file("orders.log"), file("access.log")];
  const errorLog = createLog("errors", errors.stream);
  const orderLog = createLog("orders", orders.stream);
  const handler: Handler = ({ path, method }) => {
    if (path === "/order") orderLog.info("order %d by %s", 42, "ada\r\nforged");
    else errorLog.error("no %s of %j", path, { method });
    return text(path);
  };
  await using server = await listening(handler, {
    hooks: { reply: accessLog({ target: access.stream, format: "combined" }) },
  });
  const port = portOf(server);
  await exchange(port, request("GET /order?x=1"));
  await exchange(port, request("POST /tea", "Content-Length: 0\r\nUser-Agent: pot\r\n"));
  const time = /^\d{8}T\d{6}\.\d{3}Z /;
  const inErrors = await errors.lines();
  const inOrders = await orders.lines();
  for (const line of [...inErrors, ...inOrders]) assert.match(line, time);
  assert.deepEqual(
    inErrors.map((line) => line.replace(time, "")),
    ['error errors: no /tea of {"method":"POST"}'],
  );
  assert.deepEqual(
    inOrders.map((line) => line.replace(time, "")),
    ["info orders: order 42 by ada\\r\\nforged"],
  );
  const inAccess = await access.lines();
  const clf = /^127\.0\.0\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] /;
  assert.deepEqual(
    inAccess.map((line) => line.replace(clf, "")),
    ['"GET /order?x=1 HTTP/1.1" 200 6 "-" "-"', '"POST /tea HTTP/1.1" 200 4 "-" "pot"'],
  );
});

test("what the server reports of its own goes into the log that handlers write to, a line each [EL-31]", async () => {
  const errors = file("own.log");
  const log = createLog("web", errors.stream);
  const handler: Handler = imperative(
    ({ path }, response) => {
      if (path === "/fails") throw new Error("broken\nin two lines");
      if (path === "/refuses") throw new HttpError(404, "No such page.");
      log.warn("asked for %s", path);
      response.start(200).start(404).end("x");
    },
    { outOfTurn: "report" },
  );
  await using server = await listening(handler, { hooks: { error: errorsTo(log) } });
  const port = portOf(server);
  for (const path of ["/twice", "/fails", "/refuses"]) await exchange(port, request(`GET ${path}`));
  await exchange(port, "nonsense\r\n\r\n");
  const lines = (await errors.lines()).map((line) => line.replace(/^\d{8}T\d{6}\.\d{3}Z /, ""));
  assert.equal(lines.length, 5, lines.join("\n"));
  assert.equal(lines[0], "warn web: asked for /twice");
  assert.match(lines[1] ?? "", /^error web: GET \/twice: .*The response was started already/);
  assert.match(lines[2] ?? "", /^error web: GET \/fails: Error: broken\\nin two lines\\n {4}at /);
  assert.equal(lines[3], "info web: GET /refuses: 404 No such page.");
  assert.match(lines[4] ?? "", /^info web: 400 /);
});

/** Handlers that fail, by path; and what the client then sees. */
const thrown = new Error("secret\n/etc/passwd");
let breakOff = (): void => {};
async function* broken(): AsyncGenerator<string> {
  yield "half";
  await new Promise<void>((resolve) => {
    breakOff = resolve;
  });
  throw thrown;
}
const FAILING: Readonly<Record<string, Handler>> = {
  "/throws": () => {
    throw thrown;
  },
  "/rejects": () => Promise.reject(thrown),
  "/breaks": () => reply(200, {}, broken()),
  "/wrong": () => ({ status: 200, body: "no reply" }) as never,
  "/refuses": () => {
    throw new HttpError(409, "Somebody was quicker.");
  },
  "/fine": () => text("fine"),
};
const failing: Handler = (asked) => (FAILING[asked.path] ?? (() => text("other")))(asked);

test("before output 500 without a word, after it a body without its end; both are in the logs, and the server goes on [EL-37] [GB-47] [CH-39]", async () => {
  const [errors, access] = [file("failures.log"), file("statuses.log")];
  const told: unknown[] = [];
  const errorLog: Log = createLog("web", errors.stream);
  await using server = await listening(stack(failing, requestId()), {
    hooks: {
      error(error, asked) {
        told.push(error);
        errorLog.error("%s %s: %s", asked?.method, asked?.path, (error as Error).message);
      },
      reply: accessLog({
        target: access.stream,
        format: ({ request: { path }, status, bytes }) => `${path} ${status} ${bytes}`,
      }),
    },
  });
  const port = portOf(server);
  for (const path of ["/throws", "/rejects"]) {
    const octets = await exchange(port, request(`GET ${path}`));
    assert.match(octets, /^HTTP\/1\.1 500 Internal Server Error\r\n/);
    assert.doesNotMatch(octets, /secret|passwd|\.ts|\.js/);
  }
  const kept = await exchange(port, `GET /throws HTTP/1.1\r\nHost: a\r\n\r\n${request("GET /fine")}`);
  assert.match(kept, /^HTTP\/1\.1 500 [\s\S]*HTTP\/1\.1 200 OK\r\n[\s\S]*fine$/, "the connection was kept");
  const cut = await exchange(port, "GET /breaks HTTP/1.1\r\nHost: a\r\n\r\n", {
    had: (octets) => octets.includes("half") && breakOff(),
  });
  assert.match(cut, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n4\r\nhalf\r\n$/, "no last chunk");
  assert.match(await exchange(port, request("GET /wrong")), /^HTTP\/1\.1 500 /);
  assert.match(await exchange(port, request("GET /refuses")), /^HTTP\/1\.1 409 [\s\S]*Somebody was quicker\.\n$/);
  assert.match(await exchange(port, request("GET /fine")), /fine$/);
  assert.deepEqual(
    told.slice(0, 4).map((error) => error === thrown),
    [true, true, true, true],
    "the very object",
  );
  const lines = await errors.lines();
  assert.deepEqual(
    lines.map((line) => line.replace(/^\S+ /, "")),
    [
      "error web: GET /throws: secret\\n/etc/passwd",
      "error web: GET /rejects: secret\\n/etc/passwd",
      "error web: GET /throws: secret\\n/etc/passwd",
      "error web: GET /breaks: secret\\n/etc/passwd",
      lines[4]?.replace(/^\S+ /, ""),
      "error web: GET /refuses: Somebody was quicker.",
    ],
  );
  assert.match(lines[4] as string, /GET \/wrong: A handler of the engine returns a Reply/);
  assert.deepEqual(await access.lines(), [
    "/throws 500 26",
    "/rejects 500 26",
    "/throws 500 26",
    "/fine 200 4",
    "/breaks 200 4",
    "/wrong 500 26",
    "/refuses 409 35",
    "/fine 200 4",
  ]);
  assert.deepEqual(strays, []);
});

test("the log hook is called once a request, after the reply has ended, with the client's address, of IPv4 and IPv6 [CH-40]", async () => {
  const lines: string[] = [];
  const server = createServer(({ path }) => text(path), {
    hooks: {
      reply: accessLog({
        target: (line) => lines.push(line),
        format: ({ peer, request: { target } }) => `${peer} ${target}`,
      }),
    },
  });
  await using _server = server;
  const hosts = ["127.0.0.1"];
  await server.listen({ host: "127.0.0.1", port: 0 });
  try {
    await server.listen({ host: "::1", port: 0 });
    hosts.push("::1");
  } catch (error) {
    assert.match(String((error as Error).cause), /EADDRNOTAVAIL|EAFNOSUPPORT/); // a machine without IPv6
  }
  for (const [index, host] of hosts.entries()) {
    await exchange(portOf(server, index), `GET /one HTTP/1.1\r\nHost: a\r\n\r\n${request("GET /two")}`, { host });
  }
  assert.deepEqual(
    lines,
    hosts.flatMap((host) => [`${host} /one`, `${host} /two`]),
  );
});

test("a log that is slow, full or broken neither holds up a request nor fails it", async () => {
  const told: unknown[] = [];
  const stuck = createLog("stuck", () => new Promise(() => {}), { waiting: 1000 });
  const brokenFile = createWriteStream(join(folder, "no", "such", "folder"));
  const closed = new Promise<void>((resolve) => brokenFile.on("close", () => resolve()));
  const broke = createLog("broken", brokenFile, { onError: (error) => told.push((error as { code: string }).code) });
  await using server = await listening(
    stack(
      () => {
        for (let i = 0; i < 1000; i++) stuck.info("%s", "x".repeat(100));
        broke.info("x");
        return text("answered");
      },
      logged({ target: brokenFile }),
    ),
    {
      hooks: {
        reply: accessLog({
          target: () => assert.fail("disk full"),
          onError: (error) => told.push((error as Error).message),
        }),
      },
    },
  );
  for (let i = 0; i < 3; i++) assert.match(await exchange(portOf(server), request("GET /")), /answered$/);
  await closed;
  assert.deepEqual(new Set(told), new Set(["disk full", "ENOENT"]));
  assert.equal(told.filter((each) => each === "disk full").length, 3);
});

const PHASES = ["connection 127", "request 127", "reply 127", "error GET /throws", "error RemoteError", "close 127"];

test("with the debug switch on a log each phase is a line of it, without it none is [CH-23] [HS-52]", async () => {
  const run = async (options: ServerOptions): Promise<void> => {
    await using server = await listening(failing, options);
    await exchange(portOf(server), request("GET /fine"));
    await exchange(portOf(server), request("GET /throws"));
    await exchange(portOf(server), "nonsense\x1b[2J\r\n\r\n");
  };
  const trace = file("trace.log");
  const debugLog = createLog("trace", trace.stream);
  await run({ debug: (line) => debugLog.debug("%s", line) });
  const lines = await trace.lines();
  for (const phase of PHASES) assert.match(lines.join("\n"), new RegExp(`Z ${phase}`));
  for (const line of lines) assert.doesNotMatch(line, /[\x00-\x1f]/);
  // On standard error, where it is only switched on; where it is not, what the handler failed with and nothing else.
  const written: string[] = [];
  const write = process.stderr.write;
  process.stderr.write = (chunk) => written.push(String(chunk)) > 0;
  try {
    await run({});
    assert.equal(written.length, 1);
    assert.match(written[0] as string, /^GET \/throws: Error: secret/);
    written.length = 0;
    await run({ hooks: { error: () => {} } });
    assert.deepEqual(written, []);
    await run({ debug: true });
  } finally {
    process.stderr.write = write;
  }
  for (const phase of PHASES) assert.match(written.join(""), new RegExp(`Z ${phase}`));
});

test("GET and POST look a resource up, HEAD is GET without its body; PUT works once it has a handler, and is 501 before [CH-28] [CH-29]", async () => {
  const routes = mux({ methods: ["GET", "HEAD", "POST"] });
  routes.on("GET /doc", () => text("got"));
  routes.on("POST /doc", async ({ body }) => text(`posted ${await body.text()}`));
  await using server = await listening(routes.handler);
  const port = portOf(server);
  const ask = (line: string, body = ""): Promise<string> =>
    exchange(port, `${request(line, `Content-Length: ${body.length}\r\n`)}${body}`);
  assert.match(await ask("GET /doc"), /^HTTP\/1\.1 200 [\s\S]*got$/);
  assert.match(await ask("POST /doc", "tea"), /^HTTP\/1\.1 200 [\s\S]*posted tea$/);
  const head = await ask("HEAD /doc");
  assert.match(head, /^HTTP\/1\.1 200 [\s\S]*Content-Length: 3\r\n[\s\S]*\r\n\r\n$/);
  assert.match(await ask("GET /none"), /^HTTP\/1\.1 404 /);
  for (const method of ["PUT", "BREW"]) {
    assert.match(await ask(`${method} /doc`, "tea"), /^HTTP\/1\.1 501 Not Implemented\r\n/, method);
  }
  routes.on("PUT /doc", async ({ body }) => text(`put ${await body.text()}`));
  routes.on("BREW /doc", () => text("brewed"));
  assert.match(await ask("PUT /doc", "tea"), /^HTTP\/1\.1 200 [\s\S]*put tea$/);
  assert.match(await ask("BREW /doc"), /brewed$/);
  routes.off("PUT /doc");
  assert.match(await ask("PUT /doc", "tea"), /^HTTP\/1\.1 (405|501) /);
});
