// Content codings (RFC 9110 §8.4.1): gzip, br, deflate, and zstd where this Node has it. A body of any kind becomes one that is
// encoded while it is read: the source is asked for no more than the reader takes, and let go when the reader leaves.
import { Buffer } from "node:buffer";
import { type FileHandle, open } from "node:fs/promises";
import * as zlib from "node:zlib";
import { LocalError, TransportError } from "../base/errors.ts";
import { type Body, FileSlice, Takeover } from "../message/body.ts";
import { piecesIn } from "../message/discard.ts";
import { ReceivedBody } from "../message/inbound.ts";
import { Pipe } from "../message/pipe.ts";

/** A content coding that Portico can apply. */
export type Encoding = "br" | "zstd" | "gzip" | "deflate";

/** How a body is compressed. */
export interface EncodingOptions {
  /**
   * How hard to try: 0 to 9 for gzip and deflate, 0 to 11 for br, 1 to 22 for zstd. What suits an answer that is made while
   * somebody waits, where left out: 6, 4, 3.
   */
  readonly level?: number;
  /** "chunk": each chunk of the body can be decoded as soon as it has been sent, as an event stream needs; "end". */
  readonly flush?: "chunk" | "end";
  /** Octets that the body says it has: one that has others fails (LocalError USE_BODY_LENGTH), as it would without a coding. */
  readonly length?: number;
}

// Not in the types of Node 20, where it is not.
interface Zstd {
  readonly createZstdCompress?: (options: { params: Record<number, number> }) => zlib.Gzip;
  readonly zstdCompress?: (
    bytes: Uint8Array,
    options: { params: Record<number, number> },
    done: (error: Error | null, result: Buffer) => void,
  ) => void;
}
const { createZstdCompress, zstdCompress } = zlib as unknown as Zstd;
// The numbers are zstd's own: ZSTD_c_compressionLevel, ZSTD_c_windowLog, ZSTD_e_flush.
const ZSTD_LEVEL = 100;
const ZSTD_WINDOW_LOG = 101;
const ZSTD_FLUSH = 1;

interface Coding {
  readonly levels: readonly [least: number, most: number];
  readonly level: number;
  readonly flush: number;
  readonly stream: (level: number) => zlib.Gzip;
  readonly whole: (bytes: Uint8Array, level: number, done: (error: Error | null, result: Buffer) => void) => void;
}

// Level 4 of br is about as fast as level 6 of gzip, and smaller; its own default, 11, takes a hundred times as long.
const brotli = (level: number, size?: number): zlib.BrotliOptions => ({
  params: {
    [zlib.constants.BROTLI_PARAM_QUALITY]: level,
    ...(size !== undefined && { [zlib.constants.BROTLI_PARAM_SIZE_HINT]: size }),
  },
});
// Above level 19 zstd takes windows that clients of HTTP need not have (RFC 9659 §3: 8 MB at most).
const zstd = (level: number): { params: Record<number, number> } => ({
  params: { [ZSTD_LEVEL]: level, ...(level > 19 && { [ZSTD_WINDOW_LOG]: 23 }) },
});

const CODINGS: Readonly<Record<Encoding, Coding>> = {
  br: {
    levels: [0, 11],
    level: 4,
    flush: zlib.constants.BROTLI_OPERATION_FLUSH,
    stream: (level) => zlib.createBrotliCompress(brotli(level)) as unknown as zlib.Gzip,
    whole: (bytes, level, done) => zlib.brotliCompress(bytes, brotli(level, bytes.length), done),
  },
  zstd: {
    levels: [1, 22],
    level: 3,
    flush: ZSTD_FLUSH,
    stream: (level) => (createZstdCompress as NonNullable<Zstd["createZstdCompress"]>)(zstd(level)),
    whole: (bytes, level, done) => (zstdCompress as NonNullable<Zstd["zstdCompress"]>)(bytes, zstd(level), done),
  },
  gzip: {
    levels: [0, 9],
    level: 6,
    flush: zlib.constants.Z_SYNC_FLUSH,
    stream: (level) => zlib.createGzip({ level }),
    whole: (bytes, level, done) => zlib.gzip(bytes, { level }, done),
  },
  deflate: {
    levels: [0, 9],
    level: 6,
    flush: zlib.constants.Z_SYNC_FLUSH,
    stream: (level) => zlib.createDeflate({ level }) as unknown as zlib.Gzip,
    whole: (bytes, level, done) => zlib.deflate(bytes, { level }, done),
  },
};

/** The codings that this Node has, in the order that suits an answer: made to be given to encodingFor(). */
export const ENCODINGS: readonly Encoding[] =
  createZstdCompress === undefined ? ["br", "gzip", "deflate"] : ["br", "zstd", "gzip", "deflate"];

/** @throws LocalError USE_UNSUPPORTED for a coding that this Node has not, USE_BAD_OPTION for a level it has not. */
function codingOf(encoding: Encoding, level: number | undefined): Coding & { readonly level: number } {
  if (!ENCODINGS.includes(encoding)) {
    throw new LocalError("USE_UNSUPPORTED", `The content coding ${JSON.stringify(encoding)} is not in this Node.`);
  }
  const coding = CODINGS[encoding];
  if (level === undefined) return coding;
  const [least, most] = coding.levels;
  if (!Number.isInteger(level) || level < least || level > most) {
    throw new LocalError("USE_BAD_OPTION", `The level of ${encoding} is from ${least} to ${most}, not ${level}.`);
  }
  return { ...coding, level };
}

/**
 * A stream of Node that encodes what is written to it. Whoever makes one destroys it.
 *
 * @throws LocalError USE_UNSUPPORTED, USE_BAD_OPTION.
 */
export function encoder(encoding: Encoding, options: Pick<EncodingOptions, "level"> = {}): zlib.Gzip {
  const coding = codingOf(encoding, options.level);
  return coding.stream(coding.level);
}

/**
 * Octets that are here, encoded at once, in a thread.
 *
 * @throws LocalError USE_UNSUPPORTED, USE_BAD_OPTION.
 *
 * @example
 * const small = await encoded(Buffer.from("a".repeat(1000)), "gzip", { level: 9 });
 */
export function encoded(
  bytes: Uint8Array,
  encoding: Encoding,
  options: Pick<EncodingOptions, "level"> = {},
): Promise<Uint8Array> {
  const coding = codingOf(encoding, options.level);
  return new Promise((resolve, reject) => {
    coding.whole(bytes, coding.level, (error, result) => (error === null ? resolve(result) : reject(error)));
  });
}

/**
 * A body, encoded while it is read. The source is not touched before the first piece is asked for, and is let go, with the
 * encoder, when the reader leaves. What it fails with, the reader gets.
 *
 * @throws LocalError USE_UNSUPPORTED, USE_BAD_OPTION; USE_BAD_BODY for null and a takeover, which have nothing to encode.
 *
 * @example
 * reply(200, { "Content-Type": "text/plain", "Content-Encoding": "gzip" }, compressed(source, "gzip"));
 */
export function compressed(body: Body, encoding: Encoding, options: EncodingOptions = {}): AsyncIterable<Uint8Array> {
  const coding = codingOf(encoding, options.level);
  if (body === null || body instanceof Takeover) throw new LocalError("USE_BAD_BODY", "There is nothing to encode.");
  const { flush = "end", length } = options;
  return { [Symbol.asyncIterator]: () => new Compression(body, coding, flush, length) };
}

type Source = Exclude<Body, null | Takeover>;

/** One reading of an encoded body. By hand, because return() of a generator waits for a source that may be silent for ever. */
class Compression implements AsyncIterator<Uint8Array, undefined> {
  readonly #body: Source;
  readonly #coding: Coding;
  readonly #flush: "chunk" | "end";
  readonly #length: number | undefined;
  readonly #out = new Pipe();
  readonly #reader: AsyncIterator<Uint8Array, undefined> = this.#out[Symbol.asyncIterator]();
  #stream: zlib.Gzip | null = null;
  #source: AsyncIterator<Uint8Array | string> | null = null;

  constructor(body: Source, coding: Coding, flush: "chunk" | "end", length: number | undefined) {
    this.#body = body;
    this.#coding = coding;
    this.#flush = flush;
    this.#length = length;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#stream === null) this.#start();
    return this.#reader.next();
  }

  return(): Promise<IteratorResult<Uint8Array, undefined>> {
    // A source that nobody has begun to read holds what it holds all the same.
    if (this.#source === null) this.#source = sourceOf(this.#body);
    this.#stop();
    this.#out.cancel(new TransportError("NET_CLOSED"));
    return Promise.resolve({ done: true, value: undefined });
  }

  #start(): void {
    const stream = this.#coding.stream(this.#coding.level);
    this.#stream = stream;
    if (this.#source === null) this.#source = sourceOf(this.#body);
    const out = this.#out;
    stream.on("data", (bytes: Uint8Array) => {
      if (!out.write(bytes)) stream.pause();
    });
    stream.on("end", () => out.end());
    stream.on("error", (error) => out.fail(error));
    out.watch({ drain: () => stream.resume() });
    this.#feed(stream, this.#source).catch((error: Error) => {
      out.fail(error);
      this.#stop();
    });
  }

  async #feed(stream: zlib.Gzip, source: AsyncIterator<Uint8Array | string>): Promise<void> {
    let size = 0;
    for (;;) {
      const step = await source.next();
      if (stream.destroyed) return;
      if (step.done === true) break;
      const chunk = chunkOf(step.value);
      size += chunk.length;
      this.#checkLength(size, "so far");
      await settled(stream, (done) => stream.write(chunk, done));
      if (this.#flush === "chunk") await settled(stream, (done) => stream.flush(this.#coding.flush, done));
      if (stream.destroyed) return;
    }
    this.#checkLength(size, "whole");
    stream.end();
  }

  #checkLength(size: number, what: "so far" | "whole"): void {
    const length = this.#length ?? size;
    if (size > length || (what === "whole" && size < length)) throw new LocalError("USE_BODY_LENGTH");
  }

  /** Ends the encoder and the source; what they fail with meanwhile concerns nobody. */
  #stop(): void {
    this.#stream?.destroy();
    const body = this.#body as {
      readonly destroy?: () => unknown;
      readonly on?: (name: string, f: () => void) => void;
    };
    try {
      if (this.#body instanceof Pipe || this.#body instanceof ReceivedBody) this.#body.cancel();
      else if (typeof body === "object" && typeof body.destroy === "function") {
        body.on?.("error", () => {});
        body.destroy();
      } else this.#source?.return?.()?.then(undefined, () => {});
    } catch {
      // The same, thrown at once.
    }
  }
}

function chunkOf(value: unknown): Uint8Array {
  if (typeof value === "string") return Buffer.from(value);
  if (value instanceof Uint8Array) return value;
  throw new LocalError("USE_BAD_BODY", "A chunk is a string or bytes.");
}

/** Resolves when the encoder has taken a step, or will take none any more. */
function settled(stream: zlib.Gzip, step: (done: () => void) => void): Promise<void> {
  if (stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off("close", done);
      resolve();
    };
    stream.on("close", done);
    step(done);
  });
}

function sourceOf(body: Source): AsyncIterator<Uint8Array | string> {
  if (body instanceof FileSlice) return pieces(body);
  if (typeof body === "string" || body instanceof Uint8Array) return once(body);
  return piecesIn(body);
}

async function* once(body: string | Uint8Array): AsyncGenerator<Uint8Array | string, undefined> {
  yield body;
}

const PIECE = 65_536;

async function* pieces({ path, start, end, opener }: FileSlice): AsyncGenerator<Uint8Array, undefined> {
  const file: FileHandle = await (opener?.() ?? open(path, "r"));
  try {
    for (let at = start; at < end; ) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE, end - at));
      const { bytesRead } = await file.read(piece, 0, piece.length, at);
      if (bytesRead === 0) throw new TransportError("NET_CLOSED", `${path} is shorter than it was.`);
      at += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

const COMPRESSIBLE =
  /^(?:text\/.+|application\/(?:.+\+(?:json|xml)|json|javascript|ecmascript|xml|wasm|x-ndjson|x-sh|yaml|toml|sql|rtf|postscript|vnd\.ms-fontobject|x-font-ttf)|image\/(?:.+\+xml|bmp|x-icon|vnd\.microsoft\.icon)|font\/(?:ttf|otf|collection)|model\/.+\+(?:json|xml))$/;

/**
 * Whether octets of a type become smaller: text does, in whatever clothes, and what is compressed already does not.
 *
 * @param type the value of Content-Type, with or without parameters.
 */
export function isCompressible(type: string): boolean {
  const semicolon = type.indexOf(";");
  return COMPRESSIBLE.test((semicolon < 0 ? type : type.slice(0, semicolon)).trim().toLowerCase());
}
