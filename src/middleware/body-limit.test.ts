import assert from "node:assert/strict";
import { test } from "node:test";
import { type Handler, stack } from "../message/handler.ts";
import { text } from "../message/reply.ts";
import { type Loopback, loopback } from "../testing/index.ts";
import { bodyLimit } from "./body-limit.ts";

const post = (body: string, fields = ""): string =>
  `POST / HTTP/1.1\r\nHost: a\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
const chunked = (body: string): string =>
  `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

const bench = (handler: Handler, limit = 10): Loopback =>
  loopback(stack(handler, bodyLimit(limit)), { limits: { bodyBytes: 5 } });

const readers: Record<string, Handler> = {
  bytes: async ({ body }) => text(`had ${(await body.bytes()).length}`),
  text: async ({ body }) => text(`had ${(await body.text()).length}`),
  json: async ({ body }) => text(`had ${String(await body.json()).length + 2}`),
  "a larger limit": async ({ body }) => text(`had ${(await body.bytes(1000)).length}`),
  pieces: async ({ body }) => {
    let had = 0;
    for await (const piece of body) had += piece.length;
    return text(`had ${had}`);
  },
  forEach: async ({ body }) => {
    let had = 0;
    await body.forEach((piece) => {
      had += piece.length;
    });
    return text(`had ${had}`);
  },
};

test("a body up to the limit is read, though the server's own is lower; one beyond is 413, however it is read and framed", async () => {
  for (const [name, reader] of Object.entries(readers)) {
    for (const frame of [post, chunked]) {
      await using loop = bench(reader);
      assert.equal((await loop.connect().exchange(frame('"12345678"'))).body, "had 10", name);
      assert.equal((await loop.connect().exchange(frame('"123456789"'))).status, 413, name);
    }
  }
});

test("what is declared too large is refused before it is asked for", async () => {
  let asked = 0;
  await using loop = bench(() => {
    asked++;
    return text("x");
  });
  const client = loop
    .connect()
    .send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n");
  const answer = await client.answer();
  assert.deepEqual([answer.status, answer.informational.length, asked], [413, 0, 0]);
});

test("the handler may ask for less, and a request without a body is let be", async () => {
  await using loop = bench(async ({ body, method }) => text(method === "GET" ? "none" : await body.text(3)));
  assert.equal((await loop.connect().exchange(post("123"))).body, "123");
  assert.equal((await loop.connect().exchange(post("1234"))).status, 413);
  assert.equal((await loop.connect().exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).body, "none");
});

test("the rest of the interface is the body's own", async () => {
  const seen: unknown[] = [];
  await using loop = bench(async ({ body }) => {
    seen.push(body.length, body.state, body.trailers);
    for await (const _piece of body) break;
    seen.push(body.state);
    body.cancel();
    await assert.rejects(body.text(), { code: "USE_BODY_USED" });
    await assert.rejects(body.bytes("x" as never), { code: "USE_BAD_OPTION" });
    return text("x");
  });
  assert.equal((await loop.connect().exchange(post("123"))).status, 200);
  assert.deepEqual(seen, [3, "unread", null, "failed"]);
});

test("a limit that is none is refused", () => {
  for (const wrong of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    assert.throws(() => bodyLimit(wrong), { code: "USE_BAD_OPTION" });
  }
});
