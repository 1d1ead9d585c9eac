// One set of limits and one reader of JSON, whichever way a body is read and whichever way its request came: over a connection, by
// inject(), by fetch().
import assert from "node:assert/strict";
import { test } from "node:test";
import * as zlib from "node:zlib";
import { type App, portico } from "../../src/app/app.ts";
import { HttpError } from "../../src/base/errors.ts";
import { bodyBytes, decodeBody } from "../../src/content/octets.ts";
import { parameters } from "../../src/content/parameters.ts";
import { parse } from "../../src/content/parsers.ts";
import { t } from "../../src/handlers/readers-types.ts";
import { typed } from "../../src/handlers/typed.ts";
import type { Request } from "../../src/message/request.ts";
import { bodyLimit } from "../../src/middleware/body-limit.ts";
import type { Configuration } from "../../src/server/options.ts";
import { loopback } from "../../src/testing/index.ts";
import { wire } from "../fixtures/ask.ts";

/** Every way to collect a body, as its length in text. */
const WAYS: Readonly<Record<string, (request: Request) => unknown>> = {
  "body.text()": async ({ body }) => (await body.text()).length,
  "body.json()": async ({ body }) => ((await body.json()) as string).length + 2,
  "parse()": async (request) => ((await parse(request)) as string).length + 2,
  "parameters()": async (request) => {
    await parameters(request);
    return ((await parse(request)) as string).length + 2;
  },
  "bodyBytes()": async (request) => (await bodyBytes(request))?.length,
  "decodeBody().body.bytes()": async (request) => (await decodeBody(request).body.bytes()).length,
  "decodeBody().body.text()": async (request) => (await decodeBody(request).body.text()).length,
  "decodeBody().body.json()": async (request) => ((await decodeBody(request).body.json()) as string).length + 2,
  "t.body()": typed({ body: t.body(t.string) }, ({ body }) => String(body.length + 2)),
};

const CODINGS: Readonly<Record<string, (bytes: Buffer) => Uint8Array>> = {
  none: (bytes) => bytes,
  identity: (bytes) => bytes,
  gzip: zlib.gzipSync,
  "X-Gzip": zlib.gzipSync,
  br: zlib.brotliCompressSync,
  deflate: zlib.deflateSync,
};

const text = (length: number): Buffer => Buffer.from(`"${"x".repeat(length - 2)}"`);

type Sender = (app: App, body: Uint8Array, headers: Record<string, string>) => Promise<string>;

const SENDERS: Readonly<Record<string, Sender>> = {
  "a connection": async (app, body, headers) => {
    await using bench = loopback(app.handler);
    bench.server.configure({ limits: app.server.limits });
    const answer = await bench
      .connect()
      .send(wire({ headers, body, framing: "chunked" }))
      .answer("POST");
    return `${answer.status} ${answer.body.split("\n", 1)[0]}`;
  },
  "inject()": async (app, body, headers) => {
    const answer = await app.inject({ url: "/", method: "POST", headers, body });
    return `${answer.status} ${(await answer.body.text()).split("\n", 1)[0]}`;
  },
  "fetch()": async (app, body, headers) => {
    const init = { method: "POST", headers, body: body as Uint8Array<ArrayBuffer> };
    const answer = await app.fetch(new globalThis.Request("http://a/", init));
    return `${answer.status} ${(await answer.text()).split("\n", 1)[0]}`;
  },
};

test("the limit of bodies did not bind what they become: it does, however they are read and wherever they come from", async () => {
  for (const [way, read] of Object.entries(WAYS)) {
    const app = portico({ limits: { bodyBytes: 100 } }).post("/", async (request) => {
      const length = await read(request);
      return typeof length === "object" ? (length as never) : String(length);
    });
    for (const [coding, encode] of Object.entries(CODINGS)) {
      const headers = {
        "Content-Type": "application/json",
        ...(coding !== "none" && { "Content-Encoding": coding }),
      };
      for (const [sender, send] of Object.entries(SENDERS)) {
        const name = `${way}, ${coding}, by ${sender}`;
        assert.equal(await send(app, encode(text(100)), headers), "200 100", name);
        assert.match(await send(app, encode(text(101)), headers), /^413 /, name);
        assert.match(await send(app, encode(text(50_000)), headers), /^413 /, name);
      }
    }
  }
});

test("limits that were configured on the server were not those of fetch()", async () => {
  const configured: Record<string, (app: App, change: Configuration) => void> = {
    "the app": (app, change) => app.configure(change),
    "its server": (app, change) => app.server.configure(change),
  };
  for (const [name, configure] of Object.entries(configured)) {
    const app = portico().post("/", async ({ body }) => String((await body.text()).length));
    for (const [sender, send] of Object.entries(SENDERS)) {
      configure(app, { limits: { bodyBytes: 1_048_576, streamBytes: Number.POSITIVE_INFINITY } });
      assert.equal(await send(app, text(1000), {}), "200 1000", `${name}, ${sender}`);
      configure(app, { limits: { bodyBytes: 999 } });
      assert.match(await send(app, text(1000), {}), /^413 /, `${name}, ${sender}`);
      configure(app, { limits: { bodyBytes: 1000 } });
      assert.equal(await send(app, text(1000), {}), "200 1000", `${name}, ${sender}`);
    }
    assert.equal(app.server.limits.bodyBytes, 1000);
  }
});

test("the limit of streams was not that of fetch()", async () => {
  const app = portico({ limits: { streamBytes: 1000 } }).post("/", async ({ body }) => {
    let size = 0;
    for await (const piece of body) size += piece.length;
    return String(size);
  });
  for (const [sender, send] of Object.entries(SENDERS)) {
    assert.equal(await send(app, text(1000), {}), "200 1000", sender);
    assert.match(await send(app, text(1001), {}), /^413 /, sender);
    assert.match(await send(app, text(100_000), {}), /^413 /, sender);
  }
});

test("the limit of a call and of a route binds what is decoded, above and below that of the server", async () => {
  const calls: Record<string, (request: Request, limit: number) => Promise<{ readonly length: number } | null>> = {
    "body.text()": ({ body }, limit) => body.text(limit),
    "body.json()": async ({ body }, limit) => `"${await body.json(limit)}"`,
    "parse()": async (request, limit) => `"${await parse(request, undefined, { limit })}"`,
    "bodyBytes()": (request, limit) => bodyBytes(request, limit),
    "decodeBody()": (request, limit) => decodeBody(request, limit).body.bytes(),
    "decodeBody(), and its body": (request, limit) => decodeBody(request).body.bytes(limit),
  };
  for (const [name, read] of Object.entries(calls)) {
    for (const [coding, encode] of Object.entries(CODINGS)) {
      if (name === "decodeBody()" && /none|identity/.test(coding)) continue; // nothing is decoded
      for (const limit of [50, 2000]) {
        await using bench = loopback(
          async (request) => {
            const length = (await read(request, limit))?.length;
            throw new HttpError(400, String(length));
          },
          { limits: { bodyBytes: 100 } },
        );
        const headers = { "Content-Type": "application/json", "Content-Encoding": coding.replace("none", "identity") };
        const send = async (length: number): Promise<string> =>
          (
            await bench
              .connect()
              .send(wire({ headers, body: encode(text(length)) }))
              .answer("POST")
          ).body;
        assert.equal(await send(limit), `400 Bad Request\n${limit}\n`, `${name}, ${coding}`);
        assert.match(await send(limit + 1), /^413 /, `${name}, ${coding}`);
      }
    }
  }
  // bodyLimit() is the limit of its route, for what is decoded too.
  for (const read of [async ({ body }: Request) => body.text(), bodyBytes, parse]) {
    const app = portico({ limits: { bodyBytes: 10 } }).post("/", async (request) =>
      String((await read(request))?.constructor.name),
    );
    app.use(bodyLimit(1000));
    const headers = { "Content-Type": "text/plain", "Content-Encoding": "gzip" };
    for (const send of Object.values(SENDERS)) {
      assert.match(await send(app, zlib.gzipSync(text(1000)), headers), /^200 /);
      assert.match(await send(app, zlib.gzipSync(text(1001)), headers), /^413 /);
    }
  }
});

test("a length that is too large for what it could become is refused before it is asked for", async () => {
  for (const read of [({ body }: Request) => body.json(), bodyBytes, parse]) {
    await using bench = loopback(async (request) => {
      await read(request);
      throw new HttpError(400);
    });
    const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n";
    const client = bench.connect().send(`${head}Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n`);
    const { status, informational } = await client.answer("POST");
    assert.deepEqual([status, informational.length], [413, 0]);
  }
});

/** What JSON can be, and what the one reader makes of it. */
const JSONS: Readonly<Record<string, string | Uint8Array>> = {
  "a prototype": '{"__proto__":{"a":1},"b":2}',
  "an escaped prototype": '[{"\\u005f_proto__":{"a":1}}]',
  "a constructor": '{"constructor":{"prototype":{"a":1}},"b":{"constructor":1}}',
  "a hundred deep": "[".repeat(100) + "]".repeat(100),
  deeper: "[".repeat(101) + "]".repeat(101),
  "much deeper": "[".repeat(100_000),
  "brackets in text": JSON.stringify(["[".repeat(500), '\\"{'.repeat(500)]),
  "a mark": '\u{feff}{"a":1}',
  "no JSON": "{",
  "no UTF-8": Buffer.from([0x22, 0xff, 0x22]),
  "a number": "1e3",
  blanks: " \n ",
};

test("body.json() and parse() differed on __proto__, on depth and on codings: there is one reader of JSON", async () => {
  const readers: readonly ((request: Request) => unknown)[] = [
    ({ body }) => body.json(),
    (request) => parse(request),
    (request) => decodeBody(request).body.json(),
    typed({ body: t.body() }, ({ body }) => body as object),
    (request) => bodyLimit(1_000_000)((limited) => limited.body.json() as never)(request),
  ];
  for (const [what, body] of Object.entries(JSONS)) {
    const answers = new Set<string>();
    for (const read of readers) {
      const app = portico().post("/", async (request) => (await read(request)) as object);
      for (const coding of ["identity", "gzip", "br"] as const) {
        const headers = { "Content-Type": "application/json", "Content-Encoding": coding };
        const sent = (CODINGS[coding] as (bytes: Buffer) => Uint8Array)(Buffer.from(body));
        for (const send of Object.values(SENDERS)) answers.add(await send(app, sent, headers));
      }
    }
    assert.equal(answers.size, 1, `${what}: ${[...answers].join(" | ").slice(0, 500)}`);
    assert.match([...answers][0] ?? "", /deeper|no |blanks/.test(what) ? /^400 / : /^200 /, what);
  }
});

test("a coded body that was asked for as JSON was not valid UTF-8: it is decoded, or 415 that says what can be", async () => {
  const app = portico().post("/", async ({ body }) => (await body.json()) as object);
  for (const [sender, send] of Object.entries(SENDERS)) {
    const coded = (coding: string, bytes: Uint8Array): Promise<string> =>
      send(app, bytes, { "Content-Encoding": coding });
    assert.equal(await coded("gzip", zlib.gzipSync('{"a":1}')), '200 {"a":1}', sender);
    assert.equal(
      await coded("gzip, gzip", zlib.gzipSync(zlib.gzipSync("1"))),
      "415 415 Unsupported Media Type",
      sender,
    );
    assert.equal(await coded("zip", Buffer.from("1")), "415 415 Unsupported Media Type", sender);
    assert.match(await coded("gzip", Buffer.from("1")), /^400 /, sender);
    assert.match(await coded("gzip", zlib.gzipSync("1").subarray(0, -3)), /^400 /, sender);
  }
  await using bench = loopback(app.handler);
  const sent = wire({ headers: { "Content-Encoding": "zip" }, body: "1" });
  const { headers } = await bench.connect().send(sent).answer("POST");
  assert.match(headers.get("accept-encoding") ?? "", /^gzip, br, deflate/);
});

test("what is sent on or hashed stays as it was sent", async () => {
  const body = zlib.gzipSync("x".repeat(1000));
  const app = portico()
    .post("/bytes", ({ body }) => body.bytes())
    .post("/pieces", ({ body }) => body)
    .post("/shown", async ({ body }) => {
      const pieces: Buffer[] = [];
      await body.forEach((piece) => {
        pieces.push(Buffer.from(piece));
      });
      return Buffer.concat(pieces);
    });
  for (const url of ["/bytes", "/pieces", "/shown"]) {
    const answer = await app.inject({ url, method: "POST", headers: { "Content-Encoding": "gzip" }, body });
    assert.deepEqual(Buffer.from(await answer.body.bytes()), body, url);
  }
});

test("a reply that was injected is read as it was before it was coded", async () => {
  const app = portico().get("/", () => {
    const headers = { "Content-Type": "application/json", "Content-Encoding": "gzip" };
    return new globalThis.Response(zlib.gzipSync('{"a":1}') as Uint8Array<ArrayBuffer>, { headers });
  });
  assert.deepEqual(await (await app.inject("/")).body.json(), { a: 1 });
});
