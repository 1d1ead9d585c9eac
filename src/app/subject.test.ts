// A module's fetch handler is asked for what the guards before it have judged: the same host, path, method and client.
import assert from "node:assert/strict";
import { after, type TestContext, test } from "node:test";
import { problemPage } from "../content/problem.ts";
import { stack } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { authority, derive, type Request } from "../message/request.ts";
import { createServer } from "../server/server.ts";
import { type Loopback, loopback } from "../testing/index.ts";
import { portico } from "./app.ts";
import { presets } from "./presets.ts";
import { type Subject, subjectOf } from "./subject.ts";
import { workers } from "./workers.ts";

type Fetch = (request: InstanceType<typeof globalThis.Request>, info: unknown) => unknown;

const subject = (fetch: Fetch): Subject["handler"] => (subjectOf({ fetch }) as Subject).handler;

/** What the guards see, and what the handler behind them is asked for. */
interface Views {
  readonly guard: { readonly host: string; readonly path: string; readonly query: string; readonly method: string };
  readonly url: URL;
  readonly method: string;
  readonly hostField: string;
}

/** Sends one request line through a guard to a fetch handler that answers with what it was asked for. */
async function views(line: string, host: string, handler: Subject["handler"]): Promise<Views | number> {
  let guard: Views["guard"] | undefined;
  const guarded = stack(handler, (next) => (request) => {
    const { host: name, port } = authority(request);
    const where = port === undefined || port === 80 ? name : `${name}:${port}`;
    guard = { host: where.toLowerCase(), path: request.path, query: `${request.query}`, method: request.method };
    return next(request);
  });
  await using bench = loopback(guarded);
  const answer = await bench.connect().exchange(`${line} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  if (answer.status !== 200) return answer.status;
  const [url = "", method = "", hostField = ""] = answer.body.split("\n");
  return { guard: guard as Views["guard"], url: new URL(url), method, hostField };
}

const told: Fetch = (request) => new Response(`${request.url}\n${request.method}\n${request.headers.get("host")}`);

const TARGETS = [
  "//evil.example/admin",
  "///evil.example/admin",
  "/\\evil.example/admin",
  "\\\\evil.example",
  "/\\/evil.example",
  "/.//evil.example/",
  "/x/..//evil.example/",
  "/foo\\..\\admin",
  "/foo\\../admin",
  "/a/%2e%2e/admin",
  "/a/.%2E/%2e/admin/",
  "/%2f%2fevil.example/",
  "/%5C%5Cevil.example/",
  "/@evil.example/",
  "/;//evil.example",
  "/http://evil.example/",
  "//user@evil.example:81/?a=b//c",
  "/?//evil.example/admin",
  "/?a=../../b&c=\\d",
  "http://b/admin",
  "http://b:81//evil.example/../x?y",
  "HTTP://B",
  "http://b?//evil.example",
];

const threads = workers(new URL("../../test/fixtures/workers/handlers.js", import.meta.url), {
  name: "web",
  threads: 1,
});
after(() => threads.close());

for (const target of TARGETS) {
  test(`${target} is the same host and path for a guard, for fetch and for fetch in a thread`, async () => {
    for (const handler of [subject(told), threads.handler]) {
      const seen = await views(`GET ${target}`, "good.example:8080", handler);
      if (typeof seen === "number") {
        assert.deepEqual([seen, target], [400, "\\\\evil.example"]); // it is no target at all
        continue;
      }
      const { guard, url, hostField } = seen;
      assert.equal(url.host, guard.host);
      assert.equal(hostField, guard.host);
      assert.equal(decodeURI(url.pathname), decodeURI(guard.path));
      assert.equal(`${url.searchParams}`, guard.query);
      assert.match(guard.host, /^(?:good\.example:8080|b(?::81)?)$/);
    }
  });
}

test("a host that a URL would spell otherwise, or cannot have, is refused", async () => {
  for (const host of ["127.1", "0x7f.0.0.1", "ex%61mple.org", "a%2fb", "1.2.3.256", "2130706433"]) {
    assert.equal(await views("GET /", host, subject(told)), 400, host);
  }
  for (const host of ["EXAMPLE.org", "a_b", "example.org.", "[::1]:81", "[0:0:0:0:0:0:0:1]", "127.0.0.1:80"]) {
    assert.equal(typeof (await views("GET /", host, subject(told))), "object", host);
  }
});

test("a method that fetch would change, or cannot have, is refused, and is no bug of the server", async () => {
  const errors: unknown[] = [];
  await using bench = loopback(subject(told), { hooks: { error: (error) => void errors.push(error) } });
  for (const method of ["get", "Delete", "pOST", "TRACK", "track", "trace"]) {
    assert.equal((await bench.connect().exchange(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`)).status, 501, method);
  }
  const tunnel = await bench.connect().exchange("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
  assert.equal(tunnel.status, 501);
  assert.ok(errors.every((error) => (error as { status: number }).status === 501));
  for (const method of ["PATCH", "QUERY", "PROPFIND"]) {
    assert.equal(((await views(`${method} /`, "a", subject(told))) as Views).method, method);
  }
});

test("the scheme is that of the connection, or what a trusted proxy says", async () => {
  const secure = stack(
    subject(told),
    (next) => (request) => next(derive(request, { peer: { ...request.peer, secure: true } })),
  );
  assert.equal(((await views("GET //evil.example/", "a:443", secure)) as Views).url.href, "https://a/evil.example/");
});

/** The address that a fetch handler is told, of a request that comes from another. */
async function addressTold(bench: Loopback): Promise<string> {
  const client = bench.connect({ peer: { address: "192.0.2.7", port: 4711, secure: false } });
  return (await client.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).body;
}

test("a fetch handler is told who a request is from, and an app inside of it knows", async () => {
  const inner = portico().get("/", ({ peer }: Request) => `${peer.address} ${peer.port}`);
  await using plain = loopback(subject((_, info) => JSON.stringify(info)));
  assert.equal(await addressTold(plain), '{"remoteAddr":{"transport":"tcp","hostname":"192.0.2.7","port":4711}}');
  await using wrapped = loopback(subject((request, info) => inner.fetch(request, info)));
  assert.equal(await addressTold(wrapped), "192.0.2.7 4711");
});

function invited(bench: Loopback, t: TestContext): Promise<string> {
  const client = bench.connect();
  t.after(() => client.reset());
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  return client.until("\r\n\r\n");
}

test("100 Continue goes out when a fetch handler begins to read, and not before", async (t) => {
  await using unread = loopback(subject(() => new Response("no", { status: 403 })));
  assert.match(await invited(unread, t), /^HTTP\/1\.1 403 /);
  await using read = loopback(subject(async (request) => new Response(await request.text())));
  assert.match(await invited(read, t), /^HTTP\/1\.1 100 /);
  await using relayed = loopback(subject(async (request) => new Response(request.body)));
  assert.match(await invited(relayed, t), /^HTTP\/1\.1 100 /);
});

test("a body that a fetch handler cancels is let go, and one that breaks off fails its reader", async () => {
  await using bench = loopback(
    subject(async (request) => {
      if (request.url.endsWith("/cancel")) await request.body?.cancel();
      else await request.text();
      return new Response("done");
    }),
  );
  const post = (path: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n${"x".repeat(50)}`;
  assert.equal((await bench.connect().exchange(post("/cancel"))).body, "done");
  const client = bench.connect().send(post("/text")).end();
  assert.match(await client.until("\r\n\r\n"), /^HTTP\/1\.1 (?:400|500) /);
});

test("of an app whoever serves it gets what its server was told, and nothing that a server does not know", () => {
  for (const options of Object.values(presets)) {
    const told = subjectOf(portico(options))?.options;
    assert.ok(told !== undefined);
    createServer(() => text(""), told);
    assert.deepEqual(told.limits, options.limits);
    assert.equal(told.errorPage, options.errorPage ?? problemPage);
  }
});

test("what cannot answer is no subject", () => {
  for (const other of [undefined, null, 1, "x", {}, [], { handler: 1 }, { fetch: 1 }]) {
    assert.equal(subjectOf(other), undefined);
  }
});
