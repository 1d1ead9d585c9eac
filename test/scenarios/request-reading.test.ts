// Scenario 3, as a handler sees it: what was asked, by whom, and how it was written. Every request comes whole, octet by
// octet, and with another one behind it. What the wire refuses section by section is in test/conformance/.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDate } from "../../src/message/date.ts";
import { Fields, lowerCased, titleCased } from "../../src/message/fields.ts";
import { imperative, type Responder } from "../../src/message/imperative.ts";
import { Reply, text } from "../../src/message/reply.ts";
import { authority, isRequest, Key, queryText, type Request } from "../../src/message/request.ts";
import { canonicalPath, decodeComponent } from "../../src/message/target.ts";
import type { ServerOptions } from "../../src/server/options.ts";
import { loopback } from "../../src/testing/index.ts";
import "./strays.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/** What `look` sees of a request, however its octets come. */
async function seen<T>(octets: string, look: (request: Request) => T, options: ServerOptions = {}): Promise<T> {
  const found: T[] = [];
  await using bench = loopback(async (request) => {
    if (request.target !== "/behind") {
      found.push(look(request));
      await request.body.bytes();
    }
    return text("x");
  }, options);
  await bench.connect().send(octets).until("\r\n\r\nx");
  const bytewise = bench.connect();
  for (const octet of octets) {
    bytewise.send(octet);
    await new Promise((resolve) => process.nextTick(resolve));
  }
  await bytewise.until("\r\n\r\nx");
  const behind = bench.connect().send(octets + GET.replace("/", "/behind"));
  await behind.until("\r\n\r\nx");
  const [whole, slow, tailed] = found;
  assert.deepEqual(slow, whole);
  assert.deepEqual(tailed, whole);
  assert.equal(found.length, 3);
  return whole as T;
}

function asking(target: string): string {
  return GET.replace("/", target);
}

/** The status of the answer to these octets, whole and octet by octet. */
async function statusOf(octets: string, options: ServerOptions = {}): Promise<number> {
  await using bench = loopback(() => text("x"), options);
  const whole = (await bench.connect().send(octets).answer()).status;
  const bytewise = bench.connect({ onFin: "stay" });
  for (const octet of octets.slice(0, 2_000)) bytewise.send(octet);
  bytewise.send(octets.slice(2_000));
  assert.equal((await bytewise.answer()).status, whole);
  return whole;
}

test("any method reaches the handler as it was sent: known, unknown, in its case [EL-13] [GB-18]", async () => {
  for (const method of [
    "GET",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "PROPFIND",
    "BREW",
    "get",
    "M-SEARCH",
    "!#$%&'*+-.^_`|~",
  ]) {
    assert.equal(
      await seen(
        GET.replace("GET", () => method),
        (request) => request.method,
      ),
      method,
    );
  }
});

test("the version is 1.0 or 1.1, and others never reach a handler [EL-14] [GB-22]", async () => {
  assert.equal(await seen(GET, (request) => request.version), "1.1");
  assert.equal(await seen("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", (request) => request.version), "1.0");
  let reached = 0;
  await using bench = loopback(() => {
    reached++;
    return text("x");
  });
  for (const [version, status] of [
    ["HTTP/2.0", 505],
    ["HTTP/1.2", 505],
    ["HTTP/0.9", 505],
    ["HTTP/3", 400],
    ["http/1.1", 400],
    ["HTTP/1.10", 400],
  ] as const) {
    const answer = await bench.connect().send(GET.replace("HTTP/1.1", version)).answer();
    assert.equal(answer.status === status || answer.status === 505, true, `${version}: ${answer.status}`);
  }
  assert.equal(reached, 0);
});

test("the target is what was sent, octet by octet: percent forms, absolute form [GB-19]", async () => {
  for (const target of [
    "/",
    "/a%20b?x=%41&y",
    "/a//b/../c",
    "http://a/p?q",
    "HTTP://a:80/x",
    "/%zz",
    "/~a:b,c;d",
    "/?",
    "/a?b?c",
  ]) {
    assert.equal(await seen(asking(target), (request) => request.target), target);
  }
});

test("the path is without query, scheme and host, and one whatever way it was written [GB-20] [EL-15]", async () => {
  const table: [string, string][] = [
    ["/", "/"],
    ["/x?u=http://h/", "/x"],
    ["http://h/p?q", "/p"],
    ["http://h", "/"],
    ["http://h?q", "/"],
    ["/a:b", "/a:b"],
    ["/a?b:c", "/a"],
    ["/~user/a,b;c", "/~user/a,b;c"],
    ["/caf%C3%A9", "/caf%C3%A9"],
    ["/caf%c3%a9", "/caf%C3%A9"],
    ["/%7Euser", "/~user"],
    ["/a%2Fb", "/a%2Fb"],
    ["/a/./b/../c", "/a/c"],
    ["/../../etc/passwd", "/etc/passwd"],
    ["//a///b", "/a/b"],
    ["/a%00b", "/a%00b"],
    ["/a\\b", "/a%5Cb"],
    ["/a%", "/a%25"],
  ];
  for (const [target, path] of table) {
    assert.equal(await seen(asking(target), (request) => request.path), path, target);
    assert.equal(await seen(asking(target), (request) => request.target), target);
  }
});

test("the value of Host never changes the path", async () => {
  for (const host of ["a", "a:80", "[::1]:80", "b.example"]) {
    assert.equal(await seen(GET.replace("Host: a", `Host: ${host}`).replace("/", "/p?q"), ({ path }) => path), "/p");
  }
});

test("the query is raw text or absent, and its parameters are decoded [EL-16] [GB-21] [HS-12]", async () => {
  const table: [string, string | undefined, [string, string][]][] = [
    ["/x", undefined, []],
    ["/x?", "", []],
    ["/x?a=1", "a=1", [["a", "1"]]],
    ["/x?json", "json", [["json", ""]]],
    [
      "/x?a=%20b+c&a=2",
      "a=%20b+c&a=2",
      [
        ["a", " b c"],
        ["a", "2"],
      ],
    ],
    ["http://h/p?q=1", "q=1", [["q", "1"]]],
    ["/x?a=b=c?d", "a=b=c?d", [["a", "b=c?d"]]],
    ["/x?%zz=%", "%zz=%", [["%zz", "%"]]],
  ];
  for (const [target, raw, parameters] of table) {
    assert.equal(await seen(asking(target), queryText), raw, target);
    assert.deepEqual(await seen(asking(target), (request) => [...request.query]), parameters, target);
  }
});

test("a header is found by its name in any case; without blank it is read, missing it is undefined [EL-12]", async () => {
  const octets = "GET / HTTP/1.1\r\nHOST:a\r\nX-Tight:v\r\nX-Wide: \t v \t\r\nX-Empty:\r\n\r\n";
  const values = await seen(octets, ({ headers }) =>
    ["Host", "host", "HOST", "x-tight", "X-WIDE", "x-empty", "x-none"].map((name) => headers.get(name)),
  );
  assert.deepEqual(values, ["a", "a", "a", "v", "v", "", undefined]);
});

test("a date in a header is read in its three forms, and is undefined where it is none [EL-12]", async () => {
  const time = Date.UTC(1994, 10, 6, 8, 49, 37);
  for (const form of ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]) {
    const octets = GET.replace("\r\n\r\n", `\r\nIf-Modified-Since: ${form}\r\n\r\n`);
    assert.equal(await seen(octets, ({ headers }) => parseDate(headers.get("if-modified-since") ?? "")), time);
  }
  for (const none of ["", "yesterday", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "0"]) {
    assert.equal(parseDate(none), undefined, none);
  }
});

test("order, case and duplicates of headers are kept; titled and lower views leave them as they are [GB-24] [CH-51]", async () => {
  const octets = "GET / HTTP/1.1\r\nx-foo-bar: 1\r\nHost: a\r\nX-FOO-BAR: 2\r\ncontent-TYPE: t\r\n\r\n";
  const raw = [
    ["x-foo-bar", "1"],
    ["Host", "a"],
    ["X-FOO-BAR", "2"],
    ["content-TYPE", "t"],
  ];
  const views = await seen(octets, ({ headers }) => {
    const titled = [...titleCased(headers)].map(([name]) => name);
    const lower = [...lowerCased(headers)].map(([name]) => name);
    return { titled, lower, raw: [...headers], all: headers.all("X-Foo-Bar") };
  });
  assert.deepEqual(views, {
    titled: ["X-Foo-Bar", "Host", "X-Foo-Bar", "Content-Type"],
    lower: ["x-foo-bar", "host", "x-foo-bar", "content-type"],
    raw,
    all: ["1", "2"],
  });
});

test("the body is unread when the handler is called, and behind the blank line [CH-51]", async () => {
  const octets = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nA: b\n";
  assert.deepEqual(
    await seen(octets, ({ headers, body }) => [headers.size, headers.has("A"), body.state, body.length]),
    [2, false, "unread", 5],
  );
});

test("a folded line is refused, and joined where the server was told so [CH-51]", async () => {
  const octets = GET.replace("\r\n\r\n", "\r\nX: a\r\n  b\r\n\r\n");
  assert.equal(await statusOf(octets), 400);
  const joined = await seen(octets, ({ headers }) => headers.get("x"), { leniency: { obsFold: true } });
  assert.match(joined ?? "", /^a +b$/);
});

test("host and port are readable, of Host and of an absolute target [HS-11]", async () => {
  assert.deepEqual(await seen(GET.replace("Host: a", "Host: a.b:81"), authority), { host: "a.b", port: 81 });
  assert.deepEqual(await seen(asking("http://c:82/p"), authority), { host: "c", port: 82 });
  assert.deepEqual(await seen("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", authority), {
    host: "",
    port: undefined,
  });
});

test("what middleware leaves under a key is there for who holds it, and only for that request", async () => {
  const key = new Key<number>("number");
  const other = new Key<number>("number");
  const values: unknown[] = [];
  await using bench = loopback((request) => {
    values.push(request.get(key));
    request.set(key, 7);
    values.push(request.get(key), request.get(other));
    return text("x");
  });
  const client = bench.connect();
  await client.exchange(GET);
  await client.exchange(GET);
  assert.deepEqual(values, [undefined, 7, undefined, undefined, 7, undefined]);
});

test("isRequest is true of what the server made, and of nothing else; nor is a reply or a responder one [GB-17] [GB-27]", async () => {
  let request: Request | undefined;
  let response: Responder | undefined;
  await using bench = loopback(
    imperative((asked, given) => {
      request = asked;
      response = given;
      given.send(200, {}, "x");
    }),
  );
  await bench.connect().exchange(GET);
  assert.equal(isRequest(request), true);
  const others: unknown[] = [
    undefined,
    null,
    "GET / HTTP/1.1",
    42,
    {},
    [],
    { ...request },
    { method: "GET", target: "/", version: "1.1", headers: new Fields() },
    text("x"),
    response,
    new Fields(),
    () => request,
  ];
  for (const value of others) assert.equal(isRequest(value), false);
  assert.equal(Reply.is(request), false);
});

test("as many header lines as the limit pass, one more is 431 [GB-37]", async () => {
  const lines = (count: number): string => `GET / HTTP/1.1\r\nHost: a\r\n${"A: b\r\n".repeat(count - 1)}\r\n`;
  assert.equal(await statusOf(lines(256)), 200);
  assert.equal(await statusOf(lines(257)), 431);
  assert.equal(await statusOf(lines(10), { limits: { fields: 10 } }), 200);
  assert.equal(await statusOf(lines(11), { limits: { fields: 10 } }), 431);
});

test("a target or a line of 1,024 octets passes where that is the limit, one more is 414 or 431 [GB-38] [CH-50]", async () => {
  const limits = { targetBytes: 1_024, fieldBytes: 1_024 };
  assert.equal(await statusOf(asking(`/${"x".repeat(1_023)}`), { limits }), 200);
  assert.equal(await statusOf(asking(`/${"x".repeat(1_024)}`), { limits }), 414);
  const line = (length: number): string => GET.replace("\r\n\r\n", `\r\nX: ${"y".repeat(length - 3)}\r\n\r\n`);
  assert.equal(await statusOf(line(1_024), { limits }), 200);
  assert.equal(await statusOf(line(1_025), { limits }), 431);
  const name = (length: number): string => GET.replace("\r\n\r\n", `\r\n${"N".repeat(length - 1)}:\r\n\r\n`);
  assert.equal(await statusOf(name(1_024), { limits }), 200);
  assert.equal(await statusOf(name(1_025), { limits }), 431);
});

test("the default limits are those that are documented", async () => {
  assert.equal(await statusOf(asking(`/${"x".repeat(8_191)}`)), 200);
  assert.equal(await statusOf(asking(`/${"x".repeat(8_192)}`)), 414);
  const line = (length: number): string => GET.replace("\r\n\r\n", `\r\nX: ${"y".repeat(length - 3)}\r\n\r\n`);
  assert.equal(await statusOf(line(16_384)), 200);
  assert.equal(await statusOf(line(16_385)), 431);
  const many = (count: number): string =>
    GET.replace("\r\n\r\n", `\r\n${`X: ${"y".repeat(9_995)}\r\n`.repeat(count)}\r\n`);
  assert.equal(await statusOf(many(6)), 200);
  assert.equal(await statusOf(many(7)), 431);
});

test("each error of the protocol has its status, and the end of input none [GB-43]", async () => {
  const table: [string, number][] = [
    ["nonsense\r\n\r\n", 400],
    ["GET /\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400],
    ["GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400],
    ["GET / HTTP/1.1\nHost: a\n\n", 400],
    ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400],
    ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400],
    ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501],
    ["TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501],
    ["GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505],
  ];
  for (const [octets, status] of table) assert.equal(await statusOf(octets), status, octets);
  const told: unknown[] = [];
  await using bench = loopback(() => text("x"), { hooks: { error: (error) => told.push(error) } });
  const silent = bench.connect().end();
  assert.equal(await silent.closed, "fin");
  assert.deepEqual([silent.received, told], ["", []]);
});

test("empty lines before a request are stepped over [GB-43]", async () => {
  assert.equal(await seen(`\r\n\r\n${GET}`, ({ method }) => method), "GET");
});

test("OPTIONS * is answered without the handler; OPTIONS of a path is the handler's [GB-44]", async () => {
  const reached: string[] = [];
  await using bench = loopback((request) => {
    reached.push(request.target);
    return text("handled");
  });
  const client = bench.connect();
  const star = await client.exchange("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.deepEqual([star.status, star.headers.get("content-length"), star.body], [200, "0", ""]);
  assert.equal((await client.exchange("OPTIONS /p HTTP/1.1\r\nHost: a\r\n\r\n")).body, "handled");
  assert.deepEqual(reached, ["/p"]);
});

test("TRACE is off; switched on it echoes the head, without what might be secret, and not the handler [GB-45]", async () => {
  let reached = 0;
  const handler = (): Reply<string> => {
    reached++;
    return text("x");
  };
  const head =
    "TRACE /p?q HTTP/1.1\r\nHost: a\r\nX-Kept: \xe9\r\nAUTHORIZATION: secret\r\nCookie: secret\r\n" +
    "Proxy-Authorization: secret\r\nx-kept: 2\r\n\r\n";
  await using off = loopback(handler);
  assert.equal((await off.connect().exchange(head)).status, 501);
  await using on = loopback(handler, { trace: "echo" });
  const client = on.connect();
  const answer = await client.exchange(head);
  assert.deepEqual([answer.status, answer.headers.get("content-type")], [200, "message/http"]);
  assert.equal(answer.body, "TRACE /p?q HTTP/1.1\r\nHost: a\r\nX-Kept: \xe9\r\nx-kept: 2\r\n\r\n");
  assert.equal((await client.exchange(GET)).body, "x");
  assert.equal(reached, 1);
});

test("without Host HTTP/1.1 is refused, unless the server was told otherwise; a bad one always", async () => {
  const bare = "GET / HTTP/1.1\r\n\r\n";
  assert.equal(await statusOf(bare), 400);
  assert.equal(await statusOf(bare, { leniency: { requireHost: false } }), 200);
  for (const version of ["1.0", "1.1"]) {
    for (const lines of ["Host: a b\r\n", "Host: a\r\nHost: a\r\n"]) {
      const octets = `GET / HTTP/${version}\r\n${lines}\r\n`;
      assert.equal(await statusOf(octets, { leniency: { requireHost: false } }), 400, octets);
    }
  }
});

test("a URL is decoded into its path and its parameters [CH-46]", async () => {
  const both = await seen(asking("/a%20b?x=1+2&y"), (request) => ({
    path: decodeComponent(request.path),
    parameters: [...request.query],
  }));
  assert.deepEqual(both, {
    path: "/a b",
    parameters: [
      ["x", "1 2"],
      ["y", ""],
    ],
  });
  assert.equal(canonicalPath("GET", "/a/../b"), "/b");
});

test("escapes are decoded, a plus too where it means a blank, and what is no escape stays [CH-52]", () => {
  const table: [string, string, string][] = [
    ["", "", ""],
    ["plain", "plain", "plain"],
    ["a%20b", "a b", "a b"],
    ["a+b", "a+b", "a b"],
    ["%2B+%2b", "+++", "+ +"],
    ["caf%C3%A9", "café", "café"],
    ["%E2%98%95", "☕", "☕"],
    ["100%", "100%", "100%"],
    ["%", "%", "%"],
    ["%4", "%4", "%4"],
    ["%zz", "%zz", "%zz"],
    ["%%41", "%A", "%A"],
    ["%41%zz%42", "A%zzB", "A%zzB"],
    ["%FF", "\ufffd", "\ufffd"],
    ["%C3", "\ufffd", "\ufffd"],
    ["%0D%0A%09%00", "\r\n\t\0", "\r\n\t\0"],
    ["é%41", "éA", "éA"],
  ];
  for (const [encoded, plain, spaced] of table) {
    assert.equal(decodeComponent(encoded), plain, encoded);
    assert.equal(decodeComponent(encoded, "space"), spaced, encoded);
  }
});
