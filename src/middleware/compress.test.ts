import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { brotliDecompressSync, createGunzip, gunzipSync } from "node:zlib";
import { fileSlice } from "../message/body.ts";
import { Fields, type FieldsInit } from "../message/fields.ts";
import { type Handler, stack } from "../message/handler.ts";
import { Pipe } from "../message/pipe.ts";
import { empty, reply, text, upgrade } from "../message/reply.ts";
import { type Answer, loopback } from "../testing/index.ts";
import { type CompressOptions, compress } from "./compress.ts";

const LONG = "The quick brown fox jumps over the lazy dog. ".repeat(200);
const HTML = { "Content-Type": "text/html; charset=utf-8" };

interface Asked {
  readonly accept?: string;
  readonly method?: string;
  readonly fields?: string;
  readonly options?: CompressOptions;
}

async function ask(
  handler: Handler,
  { accept = "gzip", method = "GET", fields = "", options = {} }: Asked = {},
): Promise<Answer> {
  await using loop = loopback(stack(handler, compress(options)));
  const accepting = accept === "" ? "" : `Accept-Encoding: ${accept}\r\n`;
  return await loop.connect().exchange(`${method} / HTTP/1.1\r\nHost: a\r\n${accepting}${fields}\r\n`);
}

function decoded({ body, headers }: Answer): string {
  const octets = Buffer.from(body, "latin1");
  const encoding = headers.get("content-encoding");
  if (encoding === "gzip") return gunzipSync(octets).toString();
  return encoding === "br" ? brotliDecompressSync(octets).toString() : octets.toString();
}

const said = ({ headers }: Answer, ...names: string[]): (string | undefined)[] =>
  names.map((name) => headers.get(name));

test("a body of any kind is compressed for who accepts it, and its fields say so", async () => {
  const folder = await mkdtemp(join(tmpdir(), "portico-compress-"));
  await writeFile(join(folder, "long"), LONG);
  async function* generated(): AsyncGenerator<string> {
    yield LONG.slice(0, 100);
    yield LONG.slice(100);
  }
  const fields = { ...HTML, ETag: '"abc"', "Accept-Ranges": "bytes", Vary: "Cookie" };
  const bodies = [
    () => LONG,
    () => Buffer.from(LONG),
    () => generated(),
    () => fileSlice(join(folder, "long"), 0, LONG.length),
  ];
  for (const body of bodies) {
    for (const [accept, encoding] of [
      ["gzip", "gzip"],
      ["gzip, br", "br"],
      ["br;q=0.5, gzip", "gzip"],
    ] as const) {
      const answer = await ask(() => reply(200, fields, body()), { accept });
      assert.deepEqual(said(answer, "content-encoding", "vary", "etag", "accept-ranges"), [
        encoding,
        "Cookie, Accept-Encoding",
        'W/"abc"',
        undefined,
      ]);
      assert.equal(decoded(answer), LONG);
      assert.ok(answer.body.length < LONG.length / 5);
    }
  }
  await rm(folder, { recursive: true });
});

test("who accepts none of it gets it plain, and caches are told that it depends", async () => {
  for (const accept of ["", "identity", "gzip;q=0", "snappy", "identity;q=0", "*;q=0"]) {
    const answer = await ask(() => reply(200, { ...HTML, ETag: '"abc"' }, LONG), { accept });
    assert.deepEqual(said(answer, "content-encoding", "vary", "etag"), [undefined, "Accept-Encoding", '"abc"'], accept);
    assert.equal(answer.body, LONG);
  }
});

test("left alone: encoded already, not to be transformed, small, of no use, of no type, without a body, switched", async () => {
  const cases: [string, Handler, FieldsInit?][] = [
    ["encoded", () => reply(200, { ...HTML, "Content-Encoding": "br" }, LONG)],
    ["no-transform", () => reply(200, { ...HTML, "Cache-Control": "public, No-Transform" }, LONG)],
    ["digest", () => reply(200, { ...HTML, "Content-Digest": "sha-256=:x:" }, LONG)],
    ["small", () => text("x".repeat(1023))],
    [
      "small and streamed",
      () =>
        reply(
          200,
          { ...HTML, "Content-Length": "1" },
          (async function* () {
            yield "x";
          })(),
        ),
    ],
    ["image", () => reply(200, { "Content-Type": "image/png" }, LONG)],
    ["no type", () => reply(200, {}, LONG)],
    ["no body", () => empty(200, HTML)],
    ["204", () => empty(204)],
    ["101", () => upgrade("x", (transport) => transport.end())],
  ];
  for (const [name, handler] of cases) {
    const answer = await ask(handler, { fields: "Connection: upgrade\r\nUpgrade: x\r\n" });
    assert.notEqual(answer.headers.get("content-encoding"), "gzip", name);
    assert.equal(answer.headers.get("vary"), undefined, name);
  }
});

test("what does not become smaller is sent as it is", async () => {
  const noise = Array.from({ length: 2000 }, (_, i) =>
    String.fromCharCode(33 + ((i * i * 7919 + i * 104_729) % 94)),
  ).join("");
  const options = { threshold: 0 };
  const tiny = await ask(() => text("x"), { options });
  assert.deepEqual([tiny.body, ...said(tiny, "content-encoding", "vary")], ["x", undefined, "Accept-Encoding"]);
  assert.equal(decoded(await ask(() => text(noise), { options })), noise);
});

test("HEAD has the fields of GET and asks nothing of the body", async () => {
  let read = 0;
  async function* body(): AsyncGenerator<string> {
    read++;
    yield LONG;
  }
  for (const make of [() => LONG, body]) {
    const answer = await ask(() => reply(200, { ...HTML, ETag: '"a"' }, make()), { method: "HEAD" });
    assert.deepEqual(said(answer, "content-encoding", "vary", "etag", "content-length"), [
      "gzip",
      "Accept-Encoding",
      'W/"a"',
      undefined,
    ]);
  }
  assert.equal(read, 0);
});

test("304 says on what it depends, and has the tag that the client has", async () => {
  const handler: Handler = () => reply(304, { ETag: '"abc"' });
  const weak = await ask(handler, { fields: 'If-None-Match: W/"abc"\r\n' });
  assert.deepEqual(said(weak, "etag", "vary"), ['W/"abc"', "Accept-Encoding"]);
  assert.deepEqual(said(await ask(handler, { fields: 'If-None-Match: "abc"\r\n' }), "etag"), ['"abc"']);
});

test("an event can be read when it has been sent, not at the end of the stream", async () => {
  const pipe = new Pipe();
  await using loop = loopback(stack(() => reply(200, { "Content-Type": "text/event-stream" }, pipe), compress()));
  const client = loop.connect().send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
  await client.until("\r\n\r\n");
  const gunzip = createGunzip().setEncoding("utf8");
  let had = "";
  let wire = "";
  gunzip.on("data", (piece: string) => (had += piece));
  for (const event of ["data: one\n\n", "data: two\n\n"]) {
    pipe.write(event);
    while (!had.endsWith(event)) {
      const whole = /^([0-9a-f]+)\r\n/.exec(wire);
      const start = whole?.[0].length ?? 0;
      const end = start + Number.parseInt(whole?.[1] ?? "0", 16);
      if (whole === null || wire.length < end + 2) {
        wire += await client.until((untaken) => untaken.length > 0);
        continue;
      }
      await new Promise((resolve) => gunzip.write(Buffer.from(wire.slice(start, end), "latin1"), resolve));
      wire = wire.slice(end + 2);
    }
  }
  gunzip.destroy();
  client.reset();
  await loop.settled();
  assert.equal(pipe.cancelled.aborted, true, "the source is told that its reader has left");
});

test("trailers and the reason stay with the reply, and a later reply is compressed as one at once", async () => {
  const trailers = (): Fields => new Fields({ "X-Sum": "1" });
  async function* body(): AsyncGenerator<string> {
    yield LONG;
  }
  const answer = await ask(async () => reply(200, HTML, body(), { trailers, reason: "Fine" }));
  assert.deepEqual([answer.reason, answer.trailers?.get("x-sum"), decoded(answer)], ["Fine", "1", LONG]);
});

test("codings, threshold, types and levels can be set; what cannot be is refused when it is made", async () => {
  const options: CompressOptions = {
    encodings: ["gzip"],
    threshold: 10,
    compressible: (type) => type === "x/y",
    levels: { gzip: 9 },
  };
  const answer = await ask(() => reply(200, { "Content-Type": "x/y" }, "a".repeat(100)), {
    accept: "br, gzip",
    options,
  });
  assert.deepEqual([answer.headers.get("content-encoding"), decoded(answer)], ["gzip", "a".repeat(100)]);
  assert.throws(() => compress({ encodings: ["lzma" as never] }), { code: "USE_UNSUPPORTED" });
  assert.throws(() => compress({ levels: { gzip: 99 } }), { code: "USE_BAD_OPTION" });
  assert.throws(() => compress({ threshold: -1 }), { code: "USE_BAD_OPTION" });
});

test("a part says what it is chosen by, as the whole does", async () => {
  const part =
    (fields: FieldsInit): Handler =>
    () =>
      reply(206, { "Content-Range": "bytes 0-9/9000", ...(fields as Record<string, string>) }, LONG.slice(0, 10));
  const answer = await ask(part(HTML));
  assert.deepEqual(
    [answer.status, answer.body, ...said(answer, "vary", "content-encoding")],
    [206, LONG.slice(0, 10), "Accept-Encoding", undefined],
  );
  assert.deepEqual(said(await ask(part({ "Content-Type": "image/png" })), "vary"), [undefined]);
});

test("a streamed body is held to the length that it declares, as without a coding", async () => {
  for (const [declared, sent] of [
    [5000, 2000],
    [2000, 5000],
  ] as const) {
    const errors: unknown[] = [];
    const handler = stack(
      () => reply(200, { ...HTML, "Content-Length": String(declared) }, once("x".repeat(sent))),
      compress(),
    );
    await using loop = loopback(handler, { hooks: { error: (error) => void errors.push(error) } });
    const client = loop
      .connect()
      .send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
    // What is too long is seen before anything of it has left.
    assert.equal(await client.closed, sent < declared ? "reset" : "fin");
    assert.match(client.received, sent < declared ? /^HTTP\/1.1 200 / : /^HTTP\/1.1 500 /);
    assert.deepEqual(
      errors.map((error) => (error as { code: string }).code),
      ["USE_BODY_LENGTH"],
    );
  }
});

async function* once(piece: string): AsyncGenerator<string> {
  yield piece;
}

test("a file that is not there is answered, and no head is sent that promises it", async () => {
  const answer = await ask(() => reply(200, HTML, fileSlice("/nonexistent/portico", 0, 5000)));
  assert.equal(answer.status, 500);
});

test("a web stream that is silent is let go of when its client leaves", async () => {
  for (const accept of ["", "Accept-Encoding: gzip\r\n"]) {
    const { promise: left, resolve: cancelled } = withResolvers();
    const source = (): ReadableStream<Uint8Array> =>
      new ReadableStream({ start: (to) => to.enqueue(Buffer.from("x".repeat(2000))), cancel: cancelled });
    await using loop = loopback(stack(() => reply(200, HTML, source()), compress()));
    const client = loop.connect().send(`GET / HTTP/1.1\r\nHost: a\r\n${accept}\r\n`);
    await client.until("\r\n\r\n");
    client.reset();
    await left;
  }
});

function withResolvers(): { readonly promise: Promise<unknown>; readonly resolve: (value: unknown) => void } {
  let resolve = (_: unknown): void => {};
  const promise = new Promise<unknown>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve: (value) => resolve(value) };
}

test("what has a digest of its representation is left alone", async () => {
  for (const name of ["Repr-Digest", "Content-Digest"]) {
    const answer = await ask(() => reply(200, { ...HTML, [name]: "sha-256=:AAAA:" }, LONG));
    assert.deepEqual([answer.body, ...said(answer, "content-encoding")], [LONG, undefined], name);
  }
});
