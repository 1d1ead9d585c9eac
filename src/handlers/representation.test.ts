import assert from "node:assert/strict";
import { test } from "node:test";
import { Fields } from "../message/fields.ts";
import { loopback } from "../testing/loopback.ts";
import { Representation } from "./representation.ts";

test("several parts of octets that are held are sent without a copy of them", async () => {
  const bytes = Buffer.alloc(1_000_000, "abcdefghij");
  const held = new Representation(
    { bytes },
    { type: "text/plain", validators: { etag: '"a"' }, varies: false, cacheControl: "", headers: new Fields() },
  );
  const pieces: unknown[] = [];
  await using bench = loopback(async (request) => {
    const made = held.answer(request);
    for await (const piece of held.answer(request).body as AsyncIterable<Uint8Array>) {
      if (piece.length > 1000) pieces.push(piece.buffer === bytes.buffer);
    }
    return made;
  });
  const { status, headers, body } = await bench
    .connect()
    .exchange("GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=10-400019,500000-999999\r\n\r\n");
  assert.deepEqual([status, pieces], [206, [true, true]]);
  assert.equal(headers.get("content-length"), String(body.length));
  assert.ok(body.includes(`\r\n\r\n${bytes.toString("latin1", 10, 400_020)}\r\n--`));
  assert.ok(body.includes(`\r\n\r\n${bytes.toString("latin1", 500_000)}\r\n--`));
});
