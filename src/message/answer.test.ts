import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { HttpError } from "../base/errors.ts";
import { answering, toReply } from "./answer.ts";
import { fileSlice, takeover } from "./body.ts";
import { html } from "./html.ts";
import { Reply, text } from "./reply.ts";
import type { Request } from "./request.ts";

const typeOf = (reply: Reply): string | undefined => reply.headers.get("content-type");

test("what a handler returns becomes a reply: text, markup, octets, JSON, nothing", () => {
  const made = text("x");
  assert.equal(toReply(made), made);
  assert.deepEqual([toReply("é").body, typeOf(toReply("é"))], ["é", "text/plain; charset=utf-8"]);
  assert.deepEqual([toReply(html`<p>${"<"}`).body, typeOf(toReply(html``))], ["<p>&lt;", "text/html; charset=utf-8"]);
  assert.deepEqual([toReply(undefined).status, toReply(undefined).body], [204, null]);
  assert.deepEqual(
    [toReply(null).status, toReply(null).body, typeOf(toReply(null))],
    [200, "null", "application/json"],
  );
  for (const [value, body] of [
    [{ a: [1] }, '{"a":[1]}'],
    [[1, "2"], '[1,"2"]'],
    [0, "0"],
    [false, "false"],
    [Object.create(null), "{}"],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ] as const) {
    assert.deepEqual([toReply(value).body, typeOf(toReply(value))], [body, "application/json"]);
  }
  const bytes = new Uint8Array([1, 2]);
  assert.deepEqual([toReply(bytes).body, typeOf(toReply(bytes))], [bytes, "application/octet-stream"]);
  const slice = fileSlice("/a", 0, 1);
  assert.equal(toReply(slice).body, slice);
});

test("streams of every kind are bodies", async () => {
  async function* lines(): AsyncGenerator<string> {
    yield "a";
    yield "b";
  }
  for (const stream of [lines(), Readable.from(["a", "b"]), new Blob(["ab"]).stream()]) {
    let said = "";
    for await (const piece of toReply(stream).body as AsyncIterable<Uint8Array | string>) {
      said += typeof piece === "string" ? piece : Buffer.from(piece).toString();
    }
    assert.equal(said, "ab");
  }
});

test("a fetch Response is streamed with its status and its fields", async () => {
  const response = new globalThis.Response("ab", { status: 201, statusText: "Made", headers: { "X-A": "1" } });
  response.headers.append("Set-Cookie", "a=1");
  response.headers.append("Set-Cookie", "b=2");
  const reply = toReply(response);
  assert.deepEqual([reply.status, reply.extras?.reason, reply.headers.get("x-a")], [201, "Made", "1"]);
  assert.deepEqual(reply.headers.all("set-cookie"), ["a=1", "b=2"]);
  const pieces: Uint8Array[] = [];
  for await (const piece of reply.body as AsyncIterable<Uint8Array>) pieces.push(piece);
  assert.equal(Buffer.concat(pieces).toString(), "ab");
  assert.throws(() => toReply(response), { code: "USE_BAD_BODY" });
});

test("an object that a peer sent is JSON, whatever it imitates", () => {
  for (const imitated of [
    '{"status":200,"headers":{},"body":"x"}',
    '{"path":"/etc/passwd","start":0,"end":10}',
    '{"take":"now"}',
    '{"Symbol(Symbol.asyncIterator)":true,"markup":"<b>"}',
    '{"then":"x","toString":"y"}',
    '{"__proto__":{"body":"x"}}',
  ]) {
    const reply = toReply(JSON.parse(imitated));
    assert.deepEqual([reply.status, typeOf(reply), reply.body], [200, "application/json", imitated]);
  }
});

test("what cannot be sent is an error that says so; a returned error counts as thrown", () => {
  assert.throws(() => toReply(() => {}), { code: "USE_BAD_BODY" });
  for (const iterable of [new Map([["a", 1]]), new Set([1]), [1].values()]) {
    assert.throws(() => toReply(iterable), { code: "USE_BAD_BODY" });
  }
  assert.throws(() => toReply(Symbol("x")), { code: "USE_BAD_BODY" });
  assert.throws(() => toReply(takeover(() => {})), { code: "USE_BAD_BODY" });
  assert.throws(() => toReply(new HttpError(404)), { status: 404 });
  assert.throws(() => toReply(10n), TypeError);
});

test("a function that answers at once makes no promise", async () => {
  const request = {} as Request;
  assert.equal(Reply.is(answering(() => "x")(request)), true);
  assert.equal((await answering(async () => ({ a: 1 }))(request)).body, '{"a":1}');
});

test("a buffer and a blob are octets", async () => {
  const { body, headers } = toReply(new Uint8Array([1, 2]).buffer);
  assert.deepEqual([body, headers.get("content-type")], [new Uint8Array([1, 2]), "application/octet-stream"]);
  const blob = toReply(new Blob(["tea"], { type: "text/x-tea" }));
  assert.deepEqual([blob.headers.get("content-length"), typeOf(blob)], ["3", "text/x-tea"]);
  assert.equal(await new globalThis.Response(blob.body as ReadableStream).text(), "tea");
});

test("what fetch() got from a server goes on without what was said of that connection and that coding", async (t) => {
  const upstream = createServer((request, response) => {
    if (request.url === "/plain") return void response.end("plain");
    response.setHeader("Content-Encoding", "gzip").setHeader("X-Kept", "yes").write(gzipSync("packed"));
    response.end();
  }).listen(0, "127.0.0.1");
  t.after(() => upstream.close());
  await once(upstream, "listening");
  const { port } = upstream.address() as AddressInfo;
  const packed = toReply(await fetch(`http://127.0.0.1:${port}/`));
  assert.deepEqual(
    ["transfer-encoding", "connection", "content-encoding", "x-kept"].map((name) => packed.headers.get(name)),
    [undefined, undefined, undefined, "yes"],
  );
  assert.equal(await new globalThis.Response(packed.body as ReadableStream).text(), "packed");
  const plain = toReply(await fetch(`http://127.0.0.1:${port}/plain`));
  assert.equal(plain.headers.get("content-length"), "5");
  await (plain.body as ReadableStream).cancel();
  const own = toReply(new globalThis.Response("made here", { headers: { "Content-Encoding": "gzip" } }));
  assert.equal(own.headers.get("content-encoding"), "gzip");
});
