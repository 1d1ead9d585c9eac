// Middleware together, over real sockets: what stands outside sees what comes from inside, what is synchronous stays so, and hostile
// values get no further than the first that looks at them. With the cross-origin part of scenario 13.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { HttpError } from "../../src/base/errors.ts";
import { files } from "../../src/handlers/files.ts";
import { type Handler, type Middleware, stack } from "../../src/message/handler.ts";
import { Reply, text } from "../../src/message/reply.ts";
import {
  accessLog,
  allowPeers,
  basic,
  bearer,
  bodyLimit,
  clientOf,
  compress,
  concurrency,
  cors,
  errorPages,
  hostAllowList,
  log,
  principalOf,
  rateLimit,
  requestId,
  requestIdOf,
  sameOrigin,
  securityHeaders,
  signalOf,
  timeout,
  trustProxies,
} from "../../src/middleware/index.ts";
import { mux } from "../../src/route/index.ts";
import { createServer, type Server, type ServerOptions } from "../../src/server/index.ts";
import { loopback } from "../../src/testing/index.ts";
import "./strays.ts";

const HOUSE = "https://house.example";
const LONG = "The quick brown fox jumps over the lazy dog. ".repeat(100);

async function listening(handler: Handler, options: ServerOptions = {}): Promise<{ server: Server; url: string }> {
  const server = createServer(handler, options);
  const [listener] = await server.listen();
  assert.ok(listener !== undefined && "port" in listener.address);
  return { server, url: `http://127.0.0.1:${listener.address.port}` };
}

function credentials(pair: string): string {
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

test("a whole stack: each reply, refusal and failure passes all that stands outside of it", async () => {
  const lines: string[] = [];
  const told: unknown[] = [];
  const failure = new Error("secret");
  const answer: Handler = (request) => {
    if (request.path === "/fails") throw failure;
    if (request.path === "/gone") return Promise.reject(new HttpError(410, "It is gone."));
    return text(`${principalOf(request)} ${requestIdOf(request)} ${clientOf(request).address} ${LONG}`);
  };
  const handler = stack(
    answer,
    await trustProxies(["loopback"]),
    requestId(),
    cors({ origins: [HOUSE], headers: ["Authorization"], credentials: true }),
    securityHeaders(),
    compress({ threshold: 100 }),
    errorPages(),
    hostAllowList(["127.0.0.1"]),
    sameOrigin({ allow: [HOUSE] }),
    rateLimit({ limit: 100, window: 60_000 }),
    basic({ users: { ada: "secret" } }),
    bodyLimit(100),
    concurrency(10),
    timeout(60_000),
  );
  const { server, url } = await listening(handler, {
    hooks: {
      reply: accessLog({ format: "json", target: (line) => lines.push(line) }),
      error: (error) => told.push(error),
    },
  });
  await using _server = server;
  const headers = {
    origin: HOUSE,
    authorization: credentials("ada:secret"),
    "x-request-id": "r-1",
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-proto": "https",
  };
  const fine = await fetch(url, { headers });
  assert.equal(await fine.text(), `ada r-1 203.0.113.9 ${LONG}`);
  assert.notEqual(fine.headers.get("content-encoding"), null);
  const statuses: [string, RequestInit, number][] = [
    ["/", { headers }, 200],
    ["/fails", { headers }, 500],
    ["/gone", { headers }, 410],
    ["/", { headers: { ...headers, authorization: credentials("ada:wrong") } }, 401],
    ["/", { headers: { ...headers, authorization: "Bearer x" } }, 401],
    ["/", { headers: { ...headers, origin: "https://evil.example" }, method: "POST" }, 403],
    ["/", { headers, method: "POST", body: "x".repeat(101) }, 413],
  ];
  for (const [path, init, status] of statuses) {
    const response = await fetch(`${url}${path}`, init);
    await response.text();
    assert.equal(response.status, status, path);
    assert.equal(response.headers.get("x-request-id"), "r-1");
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    assert.equal(response.headers.get("strict-transport-security"), "max-age=15552000", "the client came by TLS");
    const evil = (init.headers as { origin: string }).origin !== HOUSE;
    assert.equal(response.headers.get("access-control-allow-origin"), evil ? null : HOUSE);
  }
  assert.equal(told[0], failure);
  const entry = JSON.parse(lines[0] as string);
  assert.deepEqual([entry.peer, entry.user, entry.id, entry.status], ["203.0.113.9", "ada", "r-1", 200]);
  assert.equal(lines.length, 1 + statuses.length);
});

test("what is synchronous stays so through all of it", async () => {
  const reply = text("x");
  const users = { ada: "secret" };
  const each: Record<string, Middleware> = {
    trustProxies: await trustProxies(["loopback"]),
    log: log({ target: () => {} }),
    requestId: requestId(),
    cors: cors({ origins: "*" }),
    "cors always": cors("always"),
    securityHeaders: securityHeaders(),
    compress: compress(),
    errorPages: errorPages(),
    hostAllowList: hostAllowList(["a"]),
    sameOrigin: sameOrigin(),
    rateLimit: rateLimit({ limit: 100, window: 60_000 }),
    allowPeers: allowPeers(["unix"]),
    basic: basic({ users }),
    bodyLimit: bodyLimit(100),
    concurrency: concurrency(1),
    timeout: timeout(60_000),
  };
  const answers: [string, boolean][] = [];
  const watched =
    (name: string, handler: Handler): Handler =>
    (request) => {
      const answer = handler(request);
      answers.push([name, Reply.is(answer)]);
      return answer;
    };
  await using bench = loopback(() => reply);
  const get = `GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://b\r\nX-Forwarded-For: 1.2.3.4\r\nAuthorization: ${credentials("ada:secret")}\r\nContent-Length: 1\r\n\r\nx`;
  for (const [name, middleware] of Object.entries(each)) {
    bench.server.handler = watched(
      name,
      middleware(() => reply),
    );
    assert.equal((await bench.connect().exchange(get)).status, 200, name);
  }
  bench.server.handler = watched(
    "all",
    stack(() => reply, ...Object.values(each)),
  );
  assert.equal((await bench.connect().exchange(get)).status, 200);
  assert.deepEqual(
    answers.filter(([, synchronous]) => !synchronous),
    [],
  );
  assert.equal(answers.length, Object.keys(each).length + 1);
});

test("cross-origin by route: one for all, one for a few, one for nobody, each with its preflight [HS-38] [HS-39]", async () => {
  const routes = mux();
  const answer: Handler = () => text("x");
  routes.on("/public", stack(answer, cors("always")));
  routes.on("/partners", stack(answer, cors({ origins: [HOUSE], maxAge: 60 })));
  routes.on("GET /private", stack(answer, cors(false)));
  const { server, url } = await listening(routes.handler);
  await using _server = server;
  const preflight = { method: "OPTIONS", headers: { origin: HOUSE, "access-control-request-method": "PUT" } };
  const seen = async (path: string, init: RequestInit): Promise<unknown[]> => {
    const { status, headers } = await fetch(`${url}${path}`, init);
    return [status, headers.get("access-control-allow-origin"), headers.get("access-control-allow-headers")];
  };
  assert.deepEqual(await seen("/public", {}), [200, "*", "Content-Type"]);
  assert.deepEqual(await seen("/public", preflight), [204, "*", "Content-Type"]);
  assert.deepEqual(await seen("/partners", { headers: { origin: HOUSE } }), [200, HOUSE, null]);
  assert.deepEqual(await seen("/partners", { headers: { origin: "https://evil.example" } }), [200, null, null]);
  assert.deepEqual(await seen("/partners", preflight), [204, HOUSE, "Content-Type"]);
  assert.deepEqual(await seen("/private", { headers: { origin: HOUSE } }), [200, null, null]);
  assert.equal((await seen("/private", preflight))[1], null);
});

test("time that is up aborts what the handler waits for, elsewhere too", async () => {
  let left = (): void => {};
  const noticed = new Promise<void>((resolve) => {
    left = resolve;
  });
  const waiting: Handler = (request) =>
    new Promise((resolve) => {
      request.signal.addEventListener("abort", () => {
        left();
        resolve(text("nobody reads this"));
      });
    });
  const { server: slow, url: upstream } = await listening(waiting, { halfClose: "close" });
  await using _slow = slow;
  const handler = stack(
    async (request) => text(await (await fetch(upstream, { signal: signalOf(request) })).text()),
    timeout(50, { status: 504 }),
  );
  const { server, url } = await listening(handler);
  await using _server = server;
  assert.equal((await fetch(url)).status, 504);
  await noticed;
});

test("files behind compression: smaller, current the second time, and their parts as they are", async () => {
  const folder = await mkdtemp(join(tmpdir(), "portico-middleware-"));
  await writeFile(join(folder, "long.txt"), LONG);
  const { server, url } = await listening(stack(files(folder), compress({ encodings: ["gzip"] })));
  await using _server = server;
  const ask = async (headers: Record<string, string>): Promise<[number, string | null, string | null, string]> => {
    const response = await fetch(`${url}/long.txt`, { headers });
    const { status, headers: fields } = response;
    return [status, fields.get("content-encoding"), fields.get("vary"), await response.text()];
  };
  assert.deepEqual(await ask({}), [200, "gzip", "Accept-Encoding", LONG]);
  assert.deepEqual(await ask({ "accept-encoding": "identity" }), [200, null, "Accept-Encoding", LONG]);
  const etag = (await fetch(`${url}/long.txt`)).headers.get("etag") ?? "";
  assert.ok(etag.startsWith("W/"));
  assert.deepEqual(await ask({ "if-none-match": etag }), [304, null, "Accept-Encoding", ""]);
  const [status, encoding, , part] = await ask({ range: "bytes=4-8", "accept-encoding": "gzip" });
  assert.deepEqual([status, encoding, part], [206, null, "quick"]);
  await rm(folder, { recursive: true });
});

test("a client that floods is held off, others are not; who comes by a trusted proxy is counted by itself", async () => {
  const handler = stack(() => text("x"), await trustProxies(["loopback"]), rateLimit({ limit: 5, window: 600_000 }));
  const { server, url } = await listening(handler);
  await using _server = server;
  const from = async (address: string): Promise<number> =>
    (await fetch(url, { headers: { "x-forwarded-for": address } })).status;
  const statuses: number[] = [];
  for (let i = 0; i < 8; i++) statuses.push(await from("203.0.113.1"));
  assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429, 429, 429]);
  assert.equal(await from("203.0.113.2"), 200);
  assert.equal(await from("203.0.113.2, 203.0.113.1"), 429, "the last is what the proxy says");
});

test("values made to break out of a field, a line or memory get nowhere", async () => {
  const lines: string[] = [];
  const handler = stack(
    () => text("x"),
    requestId(),
    cors({ origins: () => true, credentials: true, headers: "any" }),
    errorPages(),
    bearer({ tokens: { token: "ada" } }),
  );
  const { server, url } = await listening(handler, {
    hooks: { reply: accessLog({ target: (line) => lines.push(line) }) },
  });
  await using _server = server;
  const port = Number(new URL(url).port);
  const values = [
    "x\r\nX-Evil: 1",
    "x\nX-Evil: 1",
    "x\0",
    "\x1b]0;title\x07",
    "\x80\x85\x9b2J",
    '"; x=1',
    "x".repeat(15_000),
    ", ".repeat(5000),
    "=".repeat(10_000),
    "%0d%0aX-Evil:%201",
    "Bearer ".repeat(1000),
    `Basic ${"A".repeat(12_000)}`,
  ];
  const names = ["Origin", "X-Request-Id", "Authorization", "User-Agent", "Referer", "Access-Control-Request-Headers"];
  for (const value of values) {
    for (const name of names) {
      const socket = connect(port, "127.0.0.1").setEncoding("latin1");
      let octets = "";
      socket.on("data", (piece: string) => (octets += piece)).on("error", () => {});
      const fields = `Access-Control-Request-Method: PUT\r\n${name === "Origin" ? "" : `Origin: ${HOUSE}\r\n`}${name}: ${value}\r\n`;
      socket.write(Buffer.from(`OPTIONS / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${fields}\r\n`, "latin1"));
      await new Promise((resolve) => socket.on("close", resolve));
      assert.match(octets, /^HTTP\/1\.1 (204|400|401|431) /, `${name}: ${JSON.stringify(value.slice(0, 30))}`);
      assert.doesNotMatch(octets, /^X-Evil/im);
      const [head = ""] = octets.split("\r\n\r\n");
      assert.ok(head.length < 16_000 && !/[\0\x1b\x80-\x9f]/.test(head));
    }
  }
  assert.equal(lines.length, values.length * names.length);
  for (const line of lines) assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f]/);
});
