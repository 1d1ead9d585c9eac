// A request without content, whatever its fields say: each way to read a body says that nothing is there, and none refuses it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { portico } from "../../src/app/app.ts";
import { parts } from "../../src/content/multipart.ts";
import { bodyBytes, decodeBody } from "../../src/content/octets.ts";
import { parameters, withParameters } from "../../src/content/parameters.ts";
import { contentParsers, form, parse } from "../../src/content/parsers.ts";
import { t } from "../../src/handlers/readers-types.ts";
import { typed } from "../../src/handlers/typed.ts";
import { answering } from "../../src/message/answer.ts";
import { derive, hasContent, type Request } from "../../src/message/request.ts";
import { bodyLimit } from "../../src/middleware/body-limit.ts";
import { loopback } from "../../src/testing/index.ts";

const FRAMINGS: Readonly<Record<string, string>> = {
  "no framing": "\r\n",
  "a length of 0": "Content-Length: 0\r\n\r\n",
  "an empty chunked body": "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "an empty chunked body with an extension and a trailer":
    "Transfer-Encoding: chunked\r\n\r\n0;a=b\r\nDigest: x\r\n\r\n",
};

const TYPES: readonly string[] = [
  "",
  "Content-Type: application/json\r\n",
  "Content-Type: application/vnd.api+json; charset=utf-8\r\n",
  "Content-Type: application/x-www-form-urlencoded\r\n",
  "Content-Type: multipart/form-data; boundary=b\r\n",
  "Content-Type: multipart/form-data\r\n",
  "Content-Type: text/plain; charset=utf-7\r\n",
  "Content-Type: image/png\r\n",
  "Content-Type: no type\r\n",
  "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
  "Content-Type: application/json\r\nContent-Encoding: no-such\r\n",
];

const parsers = contentParsers().set("*/*", () => assert.fail("a parser was asked"));

function fail(): void {
  assert.fail("a piece");
}

/** Every way to read, and what nothing is there. */
const WAYS: Readonly<Record<string, readonly [read: (request: Request) => unknown, nothing: unknown]>> = {
  "parse()": [async (request) => (await parse(request)) === undefined, true],
  "parse(), with parsers of one's own": [async (request) => (await parse(request, parsers)) === undefined, true],
  "parameters()": [async (request) => (await parameters(request)).size, 0],
  "withParameters()": [withParameters((_, params) => params.size), 0],
  "form()": [async (request) => (await form(request)).size, 0],
  "parts()": [async (request) => (await parts(request).next()).done, true],
  "bodyBytes()": [async (request) => (await bodyBytes(request))?.length, 0],
  "decodeBody().body.text()": [(request) => decoded(request).body.text().then(JSON.stringify), '""'],
  "decodeBody().body.json()": [async (request) => (await decoded(request).body.json()) === undefined, true],
  "body.bytes()": [async ({ body }) => (await body.bytes()).length, 0],
  "body.text()": [async ({ body }) => JSON.stringify(await body.text()), '""'],
  "body.json()": [async ({ body }) => (await body.json()) === undefined, true],
  "body.isEmpty()": [({ body }) => body.isEmpty(), true],
  "hasContent()": [(request) => hasContent(request), false],
  "body.forEach()": [({ body }) => body.forEach(fail).then(() => "none"), "none"],
  "a loop over the body": [
    async ({ body }) => {
      for await (const _ of body) assert.fail("a piece");
      return "none";
    },
    "none",
  ],
  "a typed handler": [typed({ a: t.string.optional() }, ({ a }) => a ?? "none"), "none"],
  "a typed handler of the whole body": [typed({ a: t.body().optional() }, ({ a }) => a ?? "none"), "none"],
  "a typed handler of JSON": [typed({ a: t.string.from("json").optional() }, ({ a }) => a ?? "none"), "none"],
  "a typed handler of a form": [typed({ a: t.string.from("form").optional() }, ({ a }) => a ?? "none"), "none"],
};

/** What is not known cannot be undone, and need not. */
function decoded(request: Request): Request {
  const unknown = request.headers.get("content-encoding") === "no-such";
  return unknown ? derive(request, { headers: {} }) : decodeBody(request);
}

/** Each framing with each type; the methods in turn. */
const HEADS: readonly string[] = Object.values(FRAMINGS).flatMap((end, at) =>
  TYPES.map((type, of) => `${["POST", "DELETE", "PUT"][(at + of) % 3]} / HTTP/1.1\r\nHost: a\r\n${type}${end}`),
);

test("no body but a Content-Type was a 400: what is not there is nothing, however it is read", async () => {
  for (const [name, [read, nothing]] of Object.entries(WAYS)) {
    const answer = answering(async (request) => JSON.stringify((await outcome(read, request)) ?? null));
    for (const handler of [answer, bodyLimit(100)(answer)]) {
      await using bench = loopback(handler);
      const client = bench.connect();
      for (const head of HEADS) {
        const { status, body } = await client.exchange(head);
        assert.deepEqual([status, body], [200, JSON.stringify(nothing)], `${name}: ${head}`);
      }
    }
  }
});

/** What it gives; of a reply its text. */
async function outcome(read: (request: Request) => unknown, request: Request): Promise<unknown> {
  const given = await read(request);
  if (typeof given !== "object" || given === null || !("body" in given)) return given;
  const text = String(given.body);
  return /^\d+$/.test(text) ? Number(text) : text;
}

test("what must be there and is not is missing, and not malformed", async () => {
  const handler = typed({ body: t.body(t.object({ a: t.string })) }, ({ body }) => body);
  await using bench = loopback(handler);
  for (const end of Object.values(FRAMINGS)) {
    const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${end}`;
    const { status, body } = await bench.connect().exchange(head);
    assert.deepEqual([status, body], [400, "400 Bad Request\nbody: it is missing\n"]);
  }
});

test("a chunked body is there with its first byte, and a type that nobody reads is refused only then", async () => {
  await using bench = loopback(answering(async (request) => String(await parse(request))));
  const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n";
  const client = bench.connect().send(head);
  await bench.settled();
  assert.equal(client.received, "");
  client.send("1\r\nx\r\n0\r\n\r\n");
  assert.equal((await client.answer("POST")).status, 415);
  const empty = bench.connect().send(head);
  await bench.settled();
  empty.send("0\r\n\r\n");
  assert.equal((await empty.answer("POST")).body, "undefined");
  // Who waits for 100 Continue has something to send: it is told at once, and does not send it.
  const waits = bench.connect().send(head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"));
  const answer = await waits.answer("POST");
  assert.deepEqual([answer.status, answer.informational.length], [415, 0]);
});

test("by fetch() a body is there or not as on a connection", async () => {
  const app = portico().post("/", async (request) => ({
    parsed: (await parse(request)) === undefined,
    json: (await request.body.json().catch(() => 1)) === undefined,
  }));
  const headers = { "Content-Type": "application/json" };
  for (const body of [undefined, "", new Blob([])]) {
    const init = { method: "POST", headers, ...(body !== undefined && { body }) };
    const answer = await app.fetch(new globalThis.Request("http://a/", init));
    assert.equal(((await answer.json()) as { parsed: boolean }).parsed, true, String(body));
  }
});
