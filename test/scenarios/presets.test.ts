// Scenario: the ancestors, each by its preset: what it said on the wire, octet by octet, without its mistakes.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type App, portico } from "../../src/app/app.ts";
import type { AppOptions } from "../../src/app/app-options.ts";
import { presets } from "../../src/app/presets.ts";
import { FakeClock } from "../../src/base/clock.ts";
import { HttpError } from "../../src/base/errors.ts";
import { html } from "../../src/message/html.ts";
import { imperative } from "../../src/message/imperative.ts";
import { Pipe } from "../../src/message/pipe.ts";
import { redirect, reply, text } from "../../src/message/reply.ts";
import { cors } from "../../src/middleware/cors.ts";
import { type Loopback, parseTranscripts, play, WireClient } from "../../src/testing/index.ts";
import { memoryPair } from "../../src/transport/memory.ts";

/** An app over memory, with a clock that stands still. */
function bench(options: AppOptions, build: (app: App) => unknown): Loopback & { readonly app: App } {
  const clock = new FakeClock();
  const app = portico({ ...options, clock });
  build(app);
  const clients: WireClient[] = [];
  const activity = (): string => {
    const { open, requests, refused } = app.stats;
    return [open, requests, refused, ...clients.map(({ received, ending }) => `${received.length}${ending}`)].join();
  };
  return {
    app,
    server: app.server,
    clock,
    connect({ onFin = "end", ...memory } = {}) {
      const [near, far] = memoryPair(memory);
      const client = new WireClient(near, { onFin });
      clients.push(client);
      app.server.accept(far);
      return client;
    },
    async settled() {
      let before = "";
      for (let quiet = 0; quiet < 5; quiet++) {
        await new Promise((resolve) => setImmediate(resolve));
        const now = activity();
        if (now !== before) quiet = 0;
        before = now;
      }
    },
    async [Symbol.asyncDispose]() {
      await app.close({ mode: "abort" });
    },
  };
}

/** Each conversation is played whole, octet by octet, cut at random, and with another request behind it. */
function conversations(options: AppOptions, build: (app: App) => unknown, transcripts: string): void {
  for (const each of parseTranscripts(transcripts, "presets.test.ts")) {
    test(each.title, () => play(each, { serve: () => bench(options, build) }));
  }
}

/** All that one connection gets for what it sends. */
async function said(at: Loopback, octets: string): Promise<string> {
  const client = at.connect().send(octets);
  await at.settled();
  return client.received;
}

async function codes(at: Loopback, requests: readonly string[]): Promise<number[]> {
  const statuses: number[] = [];
  for (const request of requests) statuses.push(Number((await said(at, request)).slice(9, 12)));
  return statuses;
}

// ── Elnode ────────────────────────────────────────────────────────────────────────────────────────────────────────────

const hello = imperative((_request, response) => {
  response.start("200", { "Content-Type": "text/html", "X-Second": "2" });
  response.end("<html><b>HELLO!</b></html>");
});

conversations(
  presets.elnode,
  (app) =>
    app
      .get("/", hello)
      .get("/text", () => "tea")
      .get("/nothing", () => reply(200))
      .get("/sized", () => reply(200, { "Content-Length": "3" }, "tea"))
      .get("/wiki/", () => "pages")
      .get("/gone", () => undefined)
      .get("/reset", () => reply(205))
      .get("/fails", () => Promise.reject(new Error("secret")))
      .get("/refuses", () => {
        throw new HttpError(400, "<b> is no name.");
      })
      .redirect("/old", "/new?a=<1>"),
  String.raw`
= elnode: a handler starts, sends and returns; the reply is in chunks, and the connection is over
> GET / HTTP/1.1\r\n\r\n
< HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Second: 2\r\n
< Transfer-Encoding: chunked\r\nConnection: close\r\nDate: *\r\n\r\n
< 1a\r\n<html><b>HELLO!</b></html>\r\n0\r\n\r\n
< FIN

= elnode: a reply that is whole is sent in chunks too
> GET /text HTTP/1.1\r\n\r\n
< HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n
< Transfer-Encoding: chunked\r\nConnection: close\r\nDate: *\r\n\r\n
< 3\r\ntea\r\n0\r\n\r\n
< FIN

= elnode: one without a body has no chunk but the last
> GET /nothing HTTP/1.1\r\n\r\n
< HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\nDate: *\r\n\r\n0\r\n\r\n
< FIN

= elnode: a status without a body has no framing
> GET /gone HTTP/1.1\r\n\r\n
< HTTP/1.1 204 No Content\r\nConnection: close\r\nDate: *\r\n\r\n
< FIN

= elnode: 205 says that it is empty
> GET /reset HTTP/1.1\r\n\r\n
< HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\nConnection: close\r\nDate: *\r\n\r\n
< FIN

= elnode: a length that is set by hand is kept
> GET /sized HTTP/1.1\r\n\r\n
< HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\nDate: *\r\n\r\ntea
< FIN

= elnode: HTTP/1.0 knows no chunks, and is sent none
> GET /text HTTP/1.0\r\n\r\n
< HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nDate: *\r\n\r\ntea
< FIN

= elnode: a redirect is 302 with a short page, in which the location is escaped
> GET /old HTTP/1.1\r\n\r\n
< HTTP/1.1 302 Found\r\nLocation: /new?a=<1>\r\nContent-Type: text/html; charset=utf-8\r\n
< Transfer-Encoding: chunked\r\nConnection: close\r\nDate: *\r\n\r\n
< 2e\r\n<h1>redirecting you to /new?a=&lt;1&gt;</h1>\r\n\r\n0\r\n\r\n
< FIN

= elnode: a path that is there with a slash alone is redirected to it
> GET /wiki?x=1 HTTP/1.1\r\n\r\n
< HTTP/1.1 307 Temporary Redirect\r\nLocation: /wiki/?x=1\r\nContent-Type: text/html; charset=utf-8\r\n
< Transfer-Encoding: chunked\r\nConnection: close\r\nDate: *\r\n\r\n
< 28\r\n<h1>redirecting you to /wiki/?x=1</h1>\r\n\r\n0\r\n\r\n
< FIN

= elnode: what is not there is a heading
> GET /nowhere HTTP/1.1\r\n\r\n
< HTTP/1.1 404 Not Found\r\nContent-Type: text/html; charset=utf-8\r\n
< Transfer-Encoding: chunked\r\nConnection: close\r\nDate: *\r\n\r\n
< 14\r\n<h1>Not Found</h1>\r\n\r\n0\r\n\r\n
< FIN

= elnode: what a handler says of its refusal stands below the heading, escaped
> GET /refuses HTTP/1.1\r\n\r\n
< HTTP/1.1 400 Bad Request\r\nContent-Type: text/html; charset=utf-8\r\n
< Transfer-Encoding: chunked\r\nConnection: close\r\nDate: *\r\n\r\n
< 34\r\n<h1>Bad Request</h1>\r\n<p>&lt;b&gt; is no name.</p>\r\n\r\n0\r\n\r\n
< FIN

= elnode: a handler that fails is 500, well-formed, and says nothing of why
> GET /fails HTTP/1.1\r\n\r\n
< HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/html; charset=utf-8\r\n
< Transfer-Encoding: chunked\r\nConnection: close\r\nDate: *\r\n\r\n
< 20\r\n<h1>Internal Server Error</h1>\r\n\r\n0\r\n\r\n
< FIN

= elnode: what is no request is answered, as everything else is
> tea\r\n\r\n
< HTTP/1.1 400 Bad Request\r\nContent-Type: text/html; charset=utf-8\r\n
< Transfer-Encoding: chunked\r\nConnection: close\r\nDate: *\r\n\r\n
< 16\r\n<h1>Bad Request</h1>\r\n\r\n0\r\n\r\n
< FIN
`,
);

test("elnode: a redirect is 302 where nothing else is said, to just where it was told, by 3xx alone and on one line [EL-22]", async () => {
  await using at = bench(presets.elnode, (app) => {
    app.redirect("/a", "/b?c=1#d").redirect("/e", "http://other.example/", 308);
    app.get("/g", ({ query }) => redirect(`/${query.get("to")}`, 302));
    assert.throws(() => app.redirect("/h", "/i", 404), { code: "USE_BAD_STATUS" });
    assert.throws(() => app.redirect("/h", "/i", 200), { code: "USE_BAD_STATUS" });
  });
  const answers = [];
  for (const path of ["/a", "/e", "/g?to=%0d%0aX: 1".replace(" ", "%20"), "/g?to=x"]) {
    const { status, headers } = await at.connect().exchange(`GET ${path} HTTP/1.1\r\n\r\n`);
    answers.push([status, headers.get("location"), headers.has("x")]);
  }
  assert.deepEqual(answers, [
    [302, "/b?c=1#d", false],
    [308, "http://other.example/", false],
    [500, undefined, false],
    [302, "/x", false],
  ]);
});

// ── Chicken ───────────────────────────────────────────────────────────────────────────────────────────────────────────

conversations(
  presets.chicken,
  (app) => {
    const page = "<html>Hello, chicken</html>";
    app.get("/", () => html`<html>Hello, chicken</html>`).get("/index.html", () => reply(200, {}, page));
    app.post("/", async ({ body }) => new URLSearchParams(await body.text()).getAll("a").join());
    app.put("/kept", () => "put");
    app.all("/names", ({ headers }) => [...headers].map(([name]) => name).join());
  },
  String.raw`
= chicken: each reply says which server it is from, and the connection is kept
> GET / HTTP/1.1\r\n\r\n
< HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 27\r\nServer: chicken\r\nDate: *\r\n\r\n
< <html>Hello, chicken</html>
> GET /index.html HTTP/1.1\r\n\r\n
< HTTP/1.1 200 OK\r\nContent-Length: 27\r\nServer: chicken\r\nDate: *\r\n\r\n<html>Hello, chicken</html>

= chicken: a client of 1.0 is kept where it asks for that
> GET /index.html HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n
< HTTP/1.1 200 OK\r\nContent-Length: 27\r\nConnection: keep-alive\r\nServer: chicken\r\nDate: *\r\n\r\n
< <html>Hello, chicken</html>
> GET /index.html HTTP/1.0\r\n\r\n
< HTTP/1.1 200 OK\r\nContent-Length: 27\r\nConnection: close\r\nServer: chicken\r\nDate: *\r\n\r\n
< <html>Hello, chicken</html>
< FIN

= chicken: GET, HEAD and POST are there from the start, PUT where a route has it, and others are 501 [CH-28] [CH-29]
> HEAD /index.html HTTP/1.1\r\n\r\n
< HTTP/1.1 200 OK\r\nContent-Length: 27\r\nServer: chicken\r\nDate: *\r\n\r\n
> POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\na=1&a=2
< HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\nServer: chicken\r\nDate: *\r\n\r\n1,2
> PUT /kept HTTP/1.1\r\nContent-Length: 0\r\n\r\n
< HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 3\r\nServer: chicken\r\nDate: *\r\n\r\nput
> PATCH / HTTP/1.1\r\nContent-Length: 0\r\n\r\n
< HTTP/1.1 501 Not Implemented\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 20\r\nServer: chicken\r\nDate: *\r\n\r\n
< 501 Not Implemented\n
`,
);

test("chicken: a field line of 8,192 octets passes, one more is 431 [CH-50]", async () => {
  await using at = bench(presets.chicken, (app) => app.get("/", () => "read"));
  const line = (octets: number): string => `GET / HTTP/1.1\r\nX: ${"x".repeat(octets - 3)}\r\n\r\n`;
  assert.deepEqual(await codes(at, [line(8192), line(8193)]), [200, 431]);
});

// ── Gerbil ────────────────────────────────────────────────────────────────────────────────────────────────────────────

conversations(
  presets.gerbil,
  (app) => {
    app.post("/echo", async ({ headers, body }) => {
      return reply(200, { "Content-Type": headers.get("content-type") ?? "" }, await body.bytes());
    });
    app.all(
      "/begun",
      imperative((_request, response) => {
        response.start(200, { "Content-Type": "text/plain" });
        response.write("one");
        response.write("");
        response.write("two", 1, 3);
        response.end();
      }),
    );
    app.get("/fails", () => Promise.reject(new Error("secret")));
    app.get("/refuses", () => {
      throw new HttpError(404, "There is no such board.");
    });
    app.all("/ignores", () => "ignored");
  },
  String.raw`
= gerbil: without a handler it is 404 and no octet more, and the connection is kept [GB-15]
> GET / HTTP/1.1\r\n\r\n
< HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nDate: *\r\n\r\n

= gerbil: a whole response has its length, one that is begun has chunks, and an empty chunk is none
> POST /echo HTTP/1.1\r\nContent-Type: text/x-tea\r\nContent-Length: 3\r\n\r\ntea
< HTTP/1.1 200 OK\r\nContent-Type: text/x-tea\r\nContent-Length: 3\r\nDate: *\r\n\r\ntea
> GET /begun HTTP/1.1\r\n\r\n
< HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\nDate: *\r\n\r\n
< 3\r\none\r\n2\r\nwo\r\n0\r\n\r\n

= gerbil: OPTIONS * is 200 without a handler, TRACE is echoed [GB-44]
> OPTIONS * HTTP/1.1\r\n\r\n
< HTTP/1.1 200 OK\r\nContent-Length: 0\r\nDate: *\r\n\r\n
> TRACE /x?y HTTP/1.1\r\nX-A: 1\r\nCookie: secret\r\n\r\n
< HTTP/1.1 200 OK\r\nContent-Type: message/http\r\nContent-Length: 31\r\nDate: *\r\n\r\n
< TRACE /x?y HTTP/1.1\r\nX-A: 1\r\n\r\n
> OPTIONS /nowhere HTTP/1.1\r\n\r\n
< HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nDate: *\r\n\r\n

= gerbil: a method that it does not know is 501, PATCH too
> PATCH / HTTP/1.1\r\nContent-Length: 0\r\n\r\n
< HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nDate: *\r\n\r\n
> TEA / HTTP/1.1\r\n\r\n
< HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nDate: *\r\n\r\n

= gerbil: empty lines are skipped, a request that is none is 400 and over
> \r\n\r\nGET / HTTP/1.1\r\n\r\n
< HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nDate: *\r\n\r\n
> GET\r\n\r\n
< HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\nDate: *\r\n\r\n
< FIN

= gerbil: another version is 505
> GET / HTTP/2.0\r\n\r\n
< HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Length: 0\r\nConnection: close\r\nDate: *\r\n\r\n
< FIN

= gerbil: half a head is 408 after a minute
! no tail
> GET / HTTP/1.1\r\nX-A
~ 59000
~ 3000
< HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\nDate: *\r\n\r\n
< FIN

= gerbil: who says nothing for a minute is left without a word
! no tail
> GET / HTTP/1.1\r\n\r\n
< HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nDate: *\r\n\r\n
~ 62000
< FIN

= gerbil: a handler that fails is 500, and the connection is kept; one that refuses is read
> GET /fails HTTP/1.1\r\n\r\n
< HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nDate: *\r\n\r\n
> GET /refuses HTTP/1.1\r\n\r\n
< HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 38\r\nDate: *\r\n\r\n
< 404 Not Found\nThere is no such board.\n

= gerbil: 1.0 is kept by Keep-Alive in any letters and in a list; close is heard in one too
> GET / HTTP/1.0\r\nConnection: x, KEEP-alive\r\n\r\n
< HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: keep-alive\r\nDate: *\r\n\r\n
> GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n
< HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\nDate: *\r\n\r\n
< FIN
`,
);

test("gerbil: 256 field lines pass, 257 are 400 [GB-37]", async () => {
  await using at = bench(presets.gerbil, (app) => app.all("/", () => "read"));
  const lines = (count: number): string => `GET / HTTP/1.1\r\n${"X: 1\r\n".repeat(count)}\r\n`;
  assert.deepEqual(await codes(at, [lines(256), lines(257)]), [200, 400]);
});

test("gerbil: a target, a name or a value of 1,024 octets passes, one more is 400 [GB-38]", async () => {
  await using at = bench(presets.gerbil, (app) => app.all("/{rest...}", () => "read"));
  const target = (octets: number): string => `GET /${"x".repeat(octets - 1)} HTTP/1.1\r\n\r\n`;
  const field = (name: number, value: number): string =>
    `GET / HTTP/1.1\r\n${"n".repeat(name)}: ${"v".repeat(value)}\r\n\r\n`;
  assert.deepEqual(await codes(at, [target(1024), field(1024, 1024)]), [200, 200]);
  assert.deepEqual(
    await codes(at, [target(1025), field(1025, 1), field(1, 1025), field(1025, 1024), field(1024, 4096)]),
    [400, 400, 400, 400, 400],
  );
});

test("gerbil: a body of 1 MiB passes, an octet more is 413 and close, in both framings", async () => {
  await using at = bench(presets.gerbil, (app) =>
    app.post("/", async ({ body }) => String((await body.bytes()).length)),
  );
  const MIB = 1_048_576;
  const sized = (octets: number): string => `POST / HTTP/1.1\r\nContent-Length: ${octets}\r\n\r\n${"x".repeat(octets)}`;
  const chunked = (octets: number): string => {
    const half = "x".repeat(MIB / 2);
    const rest = "x".repeat(octets - MIB / 2);
    const chunk = (data: string): string => `${data.length.toString(16)}\r\n${data}\r\n`;
    return `POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n${chunk(half)}${chunk(rest)}0\r\n\r\n`;
  };
  for (const framed of [sized, chunked]) {
    const kept = await at.connect().exchange(framed(MIB));
    assert.deepEqual([kept.status, kept.body, kept.headers.get("connection")], [200, String(MIB), undefined]);
    const client = at.connect().send(framed(MIB + 1));
    const refused = await client.answer("POST");
    assert.deepEqual([refused.status, refused.body, refused.headers.get("connection")], [413, "", "close"]);
    await client.closed;
  }
});

test("gerbil: who takes nothing of 10 MB for two minutes is cut, and the handler sees it [GB-36]", async () => {
  let signal: AbortSignal | undefined;
  await using at = bench(presets.gerbil, (app) =>
    app.get("/", (request) => {
      signal = request.signal;
      const pipe = new Pipe();
      void fill(pipe, 10_485_760);
      return reply(200, {}, pipe);
    }),
  );
  const client = at.connect().pause().send("GET / HTTP/1.1\r\n\r\n");
  await at.settled();
  at.clock.tick(118_000);
  await at.settled();
  assert.equal(signal?.aborted, false);
  at.clock.tick(4_000);
  await at.settled();
  assert.equal((signal?.reason as { code?: string } | undefined)?.code, "NET_WRITE_TIMEOUT");
  assert.equal(at.server.stats.open, 0);
  assert.equal(client.received, "");
});

async function fill(pipe: Pipe, octets: number): Promise<void> {
  const piece = new Uint8Array(65_536);
  try {
    for (let sent = 0; sent < octets; sent += piece.length) if (!pipe.write(piece)) await pipe.drained();
    pipe.end();
  } catch {
    // The reader has gone.
  }
}

test("gerbil: a body of 100 KB that nobody reads is skipped, and the next pipelined request is answered", async () => {
  await using at = bench(presets.gerbil, (app) => app.all("/", () => "ignored"));
  const client = at.connect().send(`POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n${"x".repeat(100_000)}`);
  client.send("GET /next HTTP/1.1\r\n\r\n");
  assert.deepEqual([(await client.answer("POST")).body, (await client.answer()).status], ["ignored", 404]);
});

// ── House ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

const house = (app: App): App =>
  app
    .all("/hello-world", () => "Hello, <b>world</b>")
    .all("/hello-you/{name}", ({ params }) => text(`Hello, ${params.name}`))
    .get("/only-get", () => ({ got: true }))
    .post("/post", async ({ body }) => text(`${(await body.bytes()).length}`))
    .get("/fails", () => {
      throw "tea";
    })
    .get("/refuses", () => {
      throw new HttpError(405, "Not today.");
    })
    .redirect("/moved", "/hello-world")
    .redirect("/moved-for-good", "/hello-world", 301);

/** What every reply of House has, before what the engine adds. */
const OPEN = String.raw`Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: Content-Type\r\n`;
const LAST = String.raw`Connection: close\r\nCache-Control: no-cache, no-store, must-revalidate\r\nDate: *\r\n\r\n`;
const PLAIN = String.raw`Content-Type: text/plain; charset=utf-8\r\n`;

conversations(
  presets.house,
  house,
  String.raw`
= house: text is a page, every origin may read it, no cache may keep it, and the connection is over [HS-38]
> GET /hello-world HTTP/1.1\r\n\r\n
< HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n${OPEN}Content-Length: 19\r\n${LAST}
< Hello, <b>world</b>
< FIN

= house: capitals and repeated slashes count for nothing in a path, but values keep theirs
> GET //Hello-YOU//James/ HTTP/1.1\r\n\r\n
< HTTP/1.1 200 OK\r\n${PLAIN}${OPEN}Content-Length: 12\r\n${LAST}
< Hello, James
< FIN

= house: a method that the handler is not for is 404, and there is no word of others
> POST /only-get HTTP/1.1\r\nContent-Length: 0\r\n\r\n
< HTTP/1.1 404 Not Found\r\n${PLAIN}${OPEN}Content-Length: 14\r\n${LAST}
< 404 Not Found\n
< FIN

= house: a method that nobody knows is 404 too
> TEA /nowhere HTTP/1.1\r\n\r\n
< HTTP/1.1 404 Not Found\r\n${PLAIN}${OPEN}Content-Length: 14\r\n${LAST}
< 404 Not Found\n
< FIN

= house: a handler that refuses a method itself is taken at its word
> GET /refuses HTTP/1.1\r\n\r\n
< HTTP/1.1 405 Method Not Allowed\r\n${PLAIN}${OPEN}Content-Length: 34\r\n${LAST}
< 405 Method Not Allowed\nNot today.\n
< FIN

= house: HTTP/1.0 is refused
> GET /hello-world HTTP/1.0\r\n\r\n
< HTTP/1.1 400 Bad Request\r\n${PLAIN}${OPEN}Content-Length: 45\r\n${LAST}
< 400 Bad Request\nThis server speaks HTTP/1.1.\n
< FIN

= house: what is no request is 400
> tea\r\n\r\n
< HTTP/1.1 400 Bad Request\r\n${PLAIN}Content-Length: 16\r\n${LAST}
< 400 Bad Request\n
< FIN

= house: a handler that throws anything is 500
> GET /fails HTTP/1.1\r\n\r\n
< HTTP/1.1 500 Internal Server Error\r\n${PLAIN}Content-Length: 26\r\n${LAST}
< 500 Internal Server Error\n
< FIN

= house: a request that is slow is 400 after half a minute
! no tail
> GET /hello-world HTTP/1.1\r\nX: 1
~ 29000
~ 3000
< HTTP/1.1 400 Bad Request\r\n${PLAIN}Content-Length: 16\r\n${LAST}
< 400 Bad Request\n
< FIN

= house: a redirect is 307 or, for good, 301, with a note
> GET /moved HTTP/1.1\r\n\r\n
< HTTP/1.1 307 Temporary Redirect\r\nLocation: /hello-world\r\n${PLAIN}${OPEN}Content-Length: 22\r\n${LAST}
< Moved to /hello-world\n
< FIN

= house: a redirect for good
> GET /moved-for-good HTTP/1.1\r\n\r\n
< HTTP/1.1 301 Moved Permanently\r\nLocation: /hello-world\r\n${PLAIN}${OPEN}Content-Length: 22\r\n${LAST}
< Moved to /hello-world\n
< FIN
`,
);

/** A request whose head and body have so many octets together. */
function sized(octets: number, body: number, framing: "length" | "chunked" = "length"): string {
  const line = framing === "length" ? `Content-Length: ${body}` : "Transfer-Encoding: chunked";
  const head = `POST /post HTTP/1.1\r\n${line}\r\nX: `;
  const content = "x".repeat(body);
  const framed = framing === "length" ? content : `${body.toString(16)}\r\n${content}\r\n0\r\n\r\n`;
  return `${head}${"v".repeat(octets - body - head.length - 4)}\r\n\r\n${framed}`;
}

test("house: a request of 50,000 octets passes, one more is 413, wherever they are; a slow one is cut [HS-41]", async () => {
  await using at = bench(presets.house, house);
  const fits = [sized(50_000, 1), sized(50_000, 30_000), sized(50_000, 30_000, "chunked"), sized(50_000, 49_000)];
  assert.deepEqual(await codes(at, fits), [200, 200, 200, 200]);
  const larger = [
    sized(50_001, 1),
    sized(50_001, 30_000),
    sized(50_001, 30_000, "chunked"),
    sized(50_001, 0),
    sized(60_000, 51_000, "chunked"),
    `GET /${"x".repeat(50_001)} HTTP/1.1\r\n\r\n`,
  ];
  assert.deepEqual(await codes(at, larger), [413, 413, 413, 413, 413, 413]);

  const client = at.connect();
  for (const octet of "GET /hello-world HTTP/1.1\r\nX: yyyyyy") {
    client.send(octet);
    await at.settled();
    at.clock.tick(1000);
    await at.settled();
  }
  assert.match(client.received, /^HTTP\/1\.1 400 /);
  assert.equal(await client.closed, "fin");
});

test("house: after garbage, a failure and a miss the next request is served [HS-42]", async () => {
  await using at = bench(presets.house, house);
  const hello = "GET /hello-world HTTP/1.1\r\n\r\n";
  const odd = ["\0\0\r\n\r\n", "GET /fails HTTP/1.1\r\n\r\n", "GET /nowhere HTTP/1.1\r\n\r\n", sized(50_001, 10)];
  assert.deepEqual(
    await codes(
      at,
      odd.flatMap((each) => [each, hello]),
    ),
    [400, 200, 500, 200, 404, 200, 413, 200],
  );
  assert.doesNotMatch(await said(at, "GET /fails HTTP/1.1\r\n\r\n"), /tea/);
});

test("house: CORS can be turned off, narrowed, set for a route, and answers preflights [HS-39]", async () => {
  const ask = (path: string): string => `GET ${path} HTTP/1.1\r\nOrigin: https://a.example\r\n\r\n`;
  const preflight =
    "OPTIONS /hello-world HTTP/1.1\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n\r\n";
  const granted = async (options: AppOptions, request: string): Promise<unknown> => {
    await using at = bench(options, (app) =>
      house(app).get("/own", () => "own", cors({ origins: ["https://a.example"], credentials: true })),
    );
    const { status, headers } = await at.connect().exchange(request);
    return [status, ...["origin", "headers", "methods"].map((each) => headers.get(`access-control-allow-${each}`))];
  };
  const { house: always } = presets;
  const off = { ...always, middleware: { ...always.middleware, cors: false as const } };
  const some = { ...always, middleware: { ...always.middleware, cors: cors({ origins: ["https://b.example"] }) } };
  const none = [undefined, undefined, undefined];
  assert.deepEqual(await granted(always, preflight), [204, "*", "Content-Type", "PUT"]);
  assert.deepEqual(await granted(off, ask("/hello-world")), [200, ...none]);
  assert.deepEqual(await granted(some, ask("/hello-world")), [200, ...none]);
  assert.deepEqual(await granted(some, ask("/hello-world").replace("//a", "//b")), [
    200,
    "https://b.example",
    ...none.slice(1),
  ]);
  assert.deepEqual(await granted(off, ask("/own")), [200, "https://a.example", ...none.slice(1)]);
});

test("house: Cache-Control is there unless a reply has its own, and what only a reply knows is no default [HS-53]", async () => {
  await using at = bench(presets.house, (app) =>
    house(app).get("/kept", () => text("kept", 200, { "Cache-Control": "max-age=60" })),
  );
  const caching = async (path: string): Promise<unknown> =>
    (await at.connect().exchange(`GET ${path} HTTP/1.1\r\n\r\n`)).headers.all("cache-control");
  assert.deepEqual(await caching("/hello-world"), ["no-cache, no-store, must-revalidate"]);
  assert.deepEqual(await caching("/kept"), ["max-age=60"]);
  for (const name of ["Content-Type", "Set-Cookie", "Location", "Connection", "Expires", "Content-Length"]) {
    const fields = { ...presets.house.fields, [name]: "x" };
    assert.throws(() => portico({ ...presets.house, fields }), { code: "USE_BAD_OPTION" });
  }
});

test("house: a redirect by 307 keeps the method and the body [HS-21]", async () => {
  await using app = portico(presets.house);
  app.all("/new", async ({ method, body }) => `${method} ${await body.text()}`);
  app.redirect("/old", "/new").redirect("/gone", "/new", 301);
  await app.listen();
  const sent = await fetch(`${app.url}old`, { method: "POST", body: "tea" });
  assert.deepEqual([sent.status, sent.url, await sent.text()], [200, `${app.url}new`, "POST tea"]);
  const moved = await fetch(`${app.url}gone`, { redirect: "manual" });
  assert.deepEqual([moved.status, moved.headers.get("location")], [301, "/new"]);
  assert.equal(moved.headers.get("content-type"), "text/plain; charset=utf-8");
  await moved.text();
});
