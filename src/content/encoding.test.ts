import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { test } from "node:test";
import * as zlib from "node:zlib";
import { LocalError } from "../base/errors.ts";
import { type Body, fileSlice } from "../message/body.ts";
import { Pipe } from "../message/pipe.ts";
import { compressed, ENCODINGS, type Encoding, encoded, encoder, isCompressible } from "./encoding.ts";

const TEXT = "The quick brown fox jumps over the lazy dog. ".repeat(5000);

function decode(encoding: Encoding, bytes: Uint8Array): string {
  const { zstdDecompressSync } = zlib as unknown as { zstdDecompressSync: (bytes: Uint8Array) => Buffer };
  const decoders = {
    br: zlib.brotliDecompressSync,
    gzip: zlib.gunzipSync,
    deflate: zlib.inflateSync,
    zstd: (octets: Uint8Array) => zstdDecompressSync(octets),
  };
  return decoders[encoding](bytes).toString();
}

async function gathered(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of source) all.push(piece);
  return Buffer.concat(all);
}

async function* parts(...list: (string | Uint8Array)[]): AsyncGenerator<string | Uint8Array> {
  yield* list;
}

test("a body of every kind becomes one of each coding, and is the same when it is decoded", async () => {
  const folder = await mkdtemp(join(tmpdir(), "portico-encoding-"));
  const path = join(folder, "text");
  await writeFile(path, `--${TEXT}--`);
  const piped = (): Pipe => {
    const pipe = new Pipe();
    pipe.write(TEXT);
    pipe.end();
    return pipe;
  };
  const bodies: Record<string, () => Body> = {
    text: () => TEXT,
    bytes: () => Buffer.from(TEXT),
    generator: () => parts(TEXT.slice(0, 10), Buffer.from(TEXT.slice(10)), ""),
    pipe: piped,
    stream: () => Readable.from([Buffer.from(TEXT)]),
    file: () => fileSlice(path, 2, TEXT.length + 2),
  };
  for (const encoding of ENCODINGS) {
    for (const [kind, body] of Object.entries(bodies)) {
      const bytes = await gathered(compressed(body(), encoding));
      assert.equal(decode(encoding, bytes), TEXT, `${encoding} of ${kind}`);
      assert.ok(bytes.length < TEXT.length / 20, `${encoding} of ${kind} is ${bytes.length}`);
    }
    assert.equal(decode(encoding, await encoded(Buffer.from(TEXT), encoding)), TEXT);
    assert.equal(decode(encoding, await gathered(compressed("", encoding))), "");
  }
  await rm(folder, { recursive: true });
});

test("no coding asks for a window that clients need not have, at whatever level (RFC 9659 §3)", {
  skip: !ENCODINGS.includes("zstd") && "this Node has no zstd",
}, async () => {
  for (let level = 1; level <= 22; level++) {
    const bytes = await gathered(compressed(parts(TEXT, TEXT), "zstd", { level }));
    // Behind the magic number and the descriptor of the frame: 2 to the power of what stands in the upper five bits, and 10.
    const window = 10 + ((bytes[5] as number) >> 3);
    assert.equal((bytes[4] as number) & 0x20, 0, "the frame is no single segment");
    assert.ok(window <= 23, `level ${level}: ${window}`);
  }
});

test("flushed by chunk, each chunk can be decoded before the next one has come", async () => {
  for (const encoding of ENCODINGS) {
    const pipe = new Pipe();
    const iterator = compressed(pipe, encoding, { flush: "chunk" })[Symbol.asyncIterator]();
    const { createZstdDecompress } = zlib as unknown as { createZstdDecompress: () => zlib.Gunzip };
    const decoders = {
      br: zlib.createBrotliDecompress,
      gzip: zlib.createGunzip,
      deflate: zlib.createInflate,
      zstd: () => createZstdDecompress(),
    };
    const decoder = decoders[encoding]();
    let seen = "";
    decoder.on("data", (bytes: Buffer) => {
      seen += bytes.toString();
    });
    for (const message of ["data: one\n\n", "data: two\n\n"]) {
      pipe.write(message);
      const before = seen.length;
      while (seen.length < before + message.length) {
        const { value } = await iterator.next();
        await new Promise((resolve) => decoder.write(value, resolve));
      }
      assert.equal(seen.slice(before), message, encoding);
    }
    await iterator.return?.();
    decoder.destroy();
  }
});

test("the source is asked for no more than the reader takes", async () => {
  let asked = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      asked += 65_536;
      yield Buffer.alloc(65_536, asked);
    }
  }
  // Level 0 does not make it smaller: what is asked for is what waits.
  const iterator = compressed(endless(), "gzip", { level: 0 })[Symbol.asyncIterator]();
  assert.equal(asked, 0);
  for (let i = 0; i < 10; i++) await iterator.next();
  // The threads take their work in turn: what was under way before a piece of ours is done when ours is.
  let before = -1;
  for (let quiet = 0; quiet < 10 && asked < 2 ** 22; quiet = asked === before ? quiet + 1 : 0) {
    before = asked;
    await encoded(Buffer.from("a"), "gzip");
  }
  await iterator.return?.();
  assert.ok(asked > 0 && asked <= 2 ** 20, `${asked} octets`);
});

test("the source is let go when the reader leaves, begun or not", async () => {
  for (const reads of [0, 1]) {
    let ended = false;
    const stream = new Readable({
      read() {
        this.push(Buffer.alloc(200_000, 7));
      },
      destroy(error, done) {
        ended = true;
        done(error);
      },
    });
    const iterator = compressed(stream, "gzip", { level: 0 })[Symbol.asyncIterator]();
    for (let i = 0; i < reads; i++) await iterator.next();
    await iterator.return?.();
    assert.equal(ended, true, `after ${reads} reads`);
    assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  }
});

test("a reader that leaves a silent source does not wait for it", async () => {
  const pipe = new Pipe();
  const iterator = compressed(pipe, "br")[Symbol.asyncIterator]();
  const waiting = iterator.next();
  await iterator.return?.();
  assert.equal((await waiting).done, true);
  assert.equal(pipe.cancelled.aborted, true);
});

test("what the source fails with, the reader gets", async () => {
  const failure = new Error("no more");
  async function* failing(): AsyncGenerator<string> {
    yield "some";
    throw failure;
  }
  await assert.rejects(gathered(compressed(failing(), "gzip")), failure);
  await assert.rejects(gathered(compressed(fileSlice("/nothing/here", 0, 1), "gzip")), { code: "ENOENT" });
  await assert.rejects(
    gathered(compressed([1, 2] as unknown as Uint8Array, "gzip")),
    (error) => error instanceof Error,
  );
  const wrong = (async function* () {
    yield 5 as unknown as string;
  })();
  await assert.rejects(gathered(compressed(wrong, "gzip")), { code: "USE_BAD_BODY" });
});

test("a file that becomes shorter is a failure, not a shorter body", async () => {
  const folder = await mkdtemp(join(tmpdir(), "portico-encoding-"));
  const path = join(folder, "text");
  await writeFile(path, "short");
  await assert.rejects(gathered(compressed(fileSlice(path, 0, 100), "gzip")), { code: "NET_CLOSED" });
  await rm(folder, { recursive: true });
});

test("a coding or a level that there is not is refused at once", () => {
  const refused = (code: string) => (error: unknown) => error instanceof LocalError && error.code === code;
  assert.throws(() => compressed("a", "compress" as Encoding), refused("USE_UNSUPPORTED"));
  assert.throws(() => encoder("gzip", { level: 10 }), refused("USE_BAD_OPTION"));
  assert.throws(() => compressed("a", "br", { level: 1.5 }), refused("USE_BAD_OPTION"));
  assert.throws(() => compressed(null, "gzip"), refused("USE_BAD_BODY"));
});

test("an encoder is a stream of Node", async () => {
  const stream = encoder("gzip", { level: 9 });
  stream.end("hello");
  assert.equal(decode("gzip", await gathered(stream)), "hello");
});

test("text becomes smaller, and what is compressed already does not", () => {
  const smaller = [
    "text/html; charset=utf-8",
    "TEXT/CSS",
    "application/json",
    "application/problem+json",
    "application/javascript",
    "image/svg+xml",
    "application/wasm",
    "font/ttf",
    "text/event-stream",
    "application/xhtml+xml;charset=utf-8",
  ];
  const not = [
    "image/png",
    "video/mp4",
    "application/zip",
    "application/gzip",
    "font/woff2",
    "application/octet-stream",
    "",
    "text",
  ];
  for (const type of smaller) assert.equal(isCompressible(type), true, type);
  for (const type of not) assert.equal(isCompressible(type), false, type);
});
