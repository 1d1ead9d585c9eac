import assert from "node:assert/strict";
import { test } from "node:test";
import { seeded } from "../testing/index.ts";
import { zstdFrames } from "./zstd-frames.ts";

const bytes = (...parts: readonly (string | Uint8Array)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part.replaceAll(" ", ""), "hex") : part)));

const MAGIC = "28b52ffd";
/** A block: its header says its type, its length, and whether it is the last. */
const block = (type: number, content: string, size: number, last: boolean): Buffer => {
  const header = Buffer.alloc(3);
  header.writeUIntLE((size << 3) | (type << 1) | (last ? 1 : 0), 0, 3);
  return bytes(header, content);
};
const LAST = block(0, "", 0, true);

/** By what they show: whole contents of one frame each. */
const FRAMES: Readonly<Record<string, Buffer>> = {
  "a window": bytes(MAGIC, "00 00", LAST),
  "a window of 8 MB": bytes(MAGIC, "00 68", LAST),
  "a single segment": bytes(MAGIC, "20 00", LAST),
  "a size of two octets, and raw blocks": bytes(
    MAGIC,
    "60 0000",
    block(0, "616263", 3, false),
    block(0, "64", 1, true),
  ),
  "a size of four octets, of 8 MB": bytes(MAGIC, "a0 00008000", LAST),
  "a size of eight octets, with a window": bytes(MAGIC, "c0 00 ffffffffffffffff", LAST),
  "a repeated octet": bytes(MAGIC, "00 00", block(1, "61", 2_000_000, true)),
  "a compressed block": bytes(MAGIC, "00 00", block(2, "00".repeat(500), 500, true)),
  "a checksum": bytes(MAGIC, "04 00", LAST, "28b52ffd"),
  "a dictionary of four octets, and a size of eight": bytes(MAGIC, "c3 00 28b52ffd 0000000000000000", LAST),
  "something to skip": bytes("502a4d18 05000000", "28b52ffd00"),
  "nothing to skip": bytes("5f2a4d18 00000000"),
};

async function cut(...pieces: readonly Uint8Array[]): Promise<Buffer[]> {
  async function* source(): AsyncGenerator<Uint8Array> {
    yield* pieces;
  }
  const found: Buffer[] = [];
  for await (const piece of zstdFrames(source())) found.push(Buffer.from(piece));
  return found;
}

test("pieces are cut where a frame ends, and nowhere else", async () => {
  for (const [what, frame] of Object.entries(FRAMES)) {
    assert.deepEqual(await cut(frame), [frame], what);
    for (const [other, next] of Object.entries(FRAMES)) {
      assert.deepEqual(await cut(Buffer.concat([frame, next, frame])), [frame, next, frame], `${what}, ${other}`);
    }
  }
});

test("it is the same however the pieces come, and none is empty", async () => {
  const frames = Object.values(FRAMES);
  const whole = Buffer.concat(frames);
  const ends = frames.map((_, i) => frames.slice(0, i + 1).reduce((sum, { length }) => sum + length, 0));
  const single = await cut(...Array.from(whole, (byte) => Uint8Array.of(byte)));
  assert.deepEqual(Buffer.concat(single), whole);
  const chance = seeded(5);
  for (let round = 0; round < 200; round++) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < whole.length; ) {
      const size = chance(round % 40);
      pieces.push(whole.subarray(at, at + size));
      at += size;
      if (size === 0) pieces.push(whole.subarray(at, ++at));
    }
    const found = await cut(...pieces);
    assert.deepEqual(Buffer.concat(found), whole);
    let at = 0;
    for (const { length } of found) {
      assert.ok(length > 0);
      const inside = ends.find((end) => end > at && end < at + length);
      assert.equal(inside, undefined, `a piece from ${at} on goes beyond ${inside}`);
      at += length;
    }
  }
});

test("a frame that is cut off is seen, wherever that is", async () => {
  for (const [what, frame] of Object.entries(FRAMES)) {
    for (let length = 1; length < frame.length; length++) {
      await assert.rejects(cut(frame.subarray(0, length)), /cut off/, `${what}, ${length}`);
      await assert.rejects(cut(frame, frame.subarray(0, length)), /cut off/, `${what}, ${length}`);
    }
  }
  assert.deepEqual(await cut(), []);
});

test("what is no frame, or needs too much memory, is refused before it is decoded", async () => {
  const cases: Record<string, [Buffer, RegExp]> = {
    "another magic number": [bytes("28b52ffe", "00 00"), /no frame/],
    gzip: [bytes("1f8b0800 00000000"), /no frame/],
    "something behind a frame": [bytes(MAGIC, "00 00", LAST, "00000000"), /no frame/],
    "a type of block that there is not": [bytes(MAGIC, "00 00", block(3, "", 0, true)), /no type/],
    "a window of 9 MB": [bytes(MAGIC, "00 69", LAST), /window/],
    "a window of 128 MB": [bytes(MAGIC, "00 88", LAST), /window/],
    "a window of 3.75 TB": [bytes(MAGIC, "00 ff", LAST), /window/],
    "a single segment of more than 8 MB": [bytes(MAGIC, "a0 01008000", LAST), /window/],
    "one of four octets, at its most": [bytes(MAGIC, "a0 ffffffff", LAST), /window/],
    "one of eight octets": [bytes(MAGIC, "e0 00000000 00000080", LAST), /window/],
    "one behind the number of a dictionary": [bytes(MAGIC, "a3 00000000 ffffffff", LAST), /window/],
    "frames that hold nothing, without end": [Buffer.concat(Array(1001).fill(FRAMES["a window"])), /1000 frames/],
  };
  for (const [what, [content, message]] of Object.entries(cases)) await assert.rejects(cut(content), message, what);
});
