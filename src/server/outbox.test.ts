import assert from "node:assert/strict";
import { test } from "node:test";
import type { Transport } from "../base/transport.ts";
import { COPIED_BYTES, OUTBOX_BYTES } from "./defaults.ts";
import { Outbox } from "./outbox.ts";

/** What is written to it, one entry a write; and what it answers. */
function recording(accepts = true): {
  outbox: Outbox;
  writes: (Uint8Array | string)[][];
  say: (more: boolean) => void;
} {
  const writes: (Uint8Array | string)[][] = [];
  let more = accepts;
  const transport = {
    write(list: readonly (Uint8Array | string)[]) {
      writes.push([...list]);
      return more;
    },
  } as unknown as Transport;
  return { outbox: new Outbox(transport), writes, say: (next) => (more = next) };
}

function octets(list: readonly (Uint8Array | string)[]): string {
  return list.map((piece) => Buffer.from(piece as string, "latin1").toString("latin1")).join("");
}

test("nothing is written before flush, then all in one write and in order", () => {
  const { outbox, writes } = recording();
  outbox.push("head\r\n\r\n");
  outbox.push(Uint8Array.of(0x62, 0xff));
  outbox.push("tail\xe9");
  outbox.push(Uint8Array.of(0));
  outbox.push("x");
  outbox.push("y");
  assert.deepEqual([writes.length, outbox.empty], [0, false]);
  outbox.flush();
  assert.equal(writes.length, 1);
  assert.equal(octets(writes[0] ?? []), "head\r\n\r\nb\xfftail\xe9\x00xy");
  assert.deepEqual([outbox.sent, outbox.empty], [18, true]);
  outbox.flush();
  assert.equal(writes.length, 1, "nothing is no write");
});

test("a small body goes behind its head into one buffer, a large one stays as it is", () => {
  const { outbox, writes } = recording();
  outbox.push("head");
  outbox.push(new Uint8Array(COPIED_BYTES));
  outbox.flush();
  const large = new Uint8Array(COPIED_BYTES + 1);
  outbox.push("head");
  outbox.push(large);
  outbox.flush();
  assert.deepEqual(
    writes.map((list) => list.length),
    [1, 2],
  );
  assert.equal(writes[1]?.[1], large);
});

test("many pieces leave early when there are enough octets, not before, and never in the midst of a push", () => {
  const { outbox, writes } = recording();
  outbox.push("x".repeat(OUTBOX_BYTES - 1));
  outbox.flushLarge();
  assert.equal(writes.length, 0);
  outbox.push("x");
  assert.equal(writes.length, 0);
  outbox.flushLarge();
  assert.equal(writes.length, 1);
  assert.equal(outbox.empty, true);
});

test("when the transport has enough it is told so, until it has handed on", () => {
  const { outbox, say } = recording();
  assert.equal(outbox.writable, true);
  say(false);
  outbox.push("x");
  assert.equal(outbox.writable, true, "nothing was written yet");
  outbox.flush();
  assert.equal(outbox.writable, false);
  outbox.drained();
  assert.equal(outbox.writable, true);
});

test("once it is closed nothing is written, and nothing is kept", () => {
  const { outbox, writes } = recording();
  outbox.push("lost");
  outbox.close();
  outbox.push("x".repeat(OUTBOX_BYTES));
  outbox.flush();
  assert.deepEqual([writes.length, outbox.empty, outbox.writable], [0, true, true]);
});
