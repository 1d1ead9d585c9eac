// Heads that programs write, in whatever pieces they come.
import assert from "node:assert/strict";
import { test } from "node:test";
import { documentReply, Malformed, type Pieces, readDocument } from "./cgi-document.ts";

async function* pieces(...all: readonly (Uint8Array | string)[]): AsyncGenerator<Uint8Array | string> {
  yield* all;
}

async function bodyOf(body: AsyncIterable<Uint8Array | string>): Promise<string> {
  let text = "";
  for await (const piece of body) text += Buffer.from(piece as Uint8Array).toString("latin1");
  return text;
}

const WHOLE = "Status: 202 Soon\r\nContent-Type: text/x\nX-A: 1\nX-A:2\r\n\r\nbody\n\nof it";

test("a head is read however it is cut, and nothing of the body is lost", async () => {
  const bytes = Buffer.from(WHOLE);
  const ways = [[bytes], [...bytes].map((octet) => Uint8Array.of(octet))];
  for (let at = 0; at <= bytes.length; at++) ways.push([bytes.subarray(0, at), bytes.subarray(at)]);
  for (const way of ways) {
    const { status, reason, fields, body } = await readDocument(pieces(...way), "refused");
    assert.deepEqual([status, reason, fields.all("x-a"), fields.size], [202, "Soon", ["1", "2"], 3]);
    assert.equal(await bodyOf(body), "body\n\nof it");
  }
});

test("a status line is read where it is allowed", async () => {
  const written = "HTTP/1.1 404 Not here\nX-A: b\nStatus: 200\n\n";
  const document = await readDocument(pieces(written), "allowed");
  const made = documentReply(document, 200);
  assert.deepEqual([made.status, made.extras?.reason, [...made.headers]], [404, "Not here", [["X-A", "b"]]]);
  await assert.rejects(readDocument(pieces(written), "refused"), Malformed);
});

test("a head may have so many octets and so many fields", async () => {
  const long = (length: number): string => `X: ${"y".repeat(length - 3)}\n\n`;
  assert.equal((await readDocument(pieces(long(65_536)), "refused")).fields.size, 1);
  await assert.rejects(readDocument(pieces(long(65_537)), "refused"), Malformed);
  const lines = (count: number): string => `${"X: y\n".repeat(count)}\n`;
  assert.equal((await readDocument(pieces(lines(200)), "refused")).fields.size, 200);
  await assert.rejects(readDocument(pieces(lines(201)), "refused"), Malformed);
  let asked = 0;
  const endless: Pieces = {
    next: async () => {
      asked++;
      return { done: false, value: "x".repeat(1000) };
    },
  };
  await assert.rejects(readDocument(endless, "refused"), Malformed);
  assert.equal(asked, 66);
});

test("who lets go of the body lets go of what it comes from", async () => {
  let released = 0;
  const source: Pieces = {
    next: async () => ({ done: false, value: "A: b\n\nrest" }),
    return: async () => {
      released++;
      return { done: true, value: undefined };
    },
  };
  const { body } = await readDocument(source, "refused");
  await body[Symbol.asyncIterator]().return?.();
  assert.equal(released, 1);
});
