// The content of a body whose Content-Encoding is undone (RFC 9110 §8.4): gzip, br, deflate, and zstd where this Node has it.
// Bounded here, so that a few bytes do not become a gigabyte. Knows nothing of who asks, and of no parser.
import { pipeline } from "node:stream";
import { HttpError, LocalError, RemoteError, TransportError } from "../base/errors.ts";
import { handled, handledSteps } from "../base/handled.ts";
import type { Fields, ReadonlyFields } from "./fields.ts";
import { Collected, checkLimit, decodeText, type Inbound, parseJson, show, tooLarge } from "./reading.ts";
import { zstdFrames } from "./zstd-frames.ts";

// One chunk of the decoder at a time is made and handed on: the bound is kept to with this much to spare.
const CHUNK_BYTES = 16_384;

type Decoder = NodeJS.ReadWriteStream & AsyncIterable<Uint8Array>;
type Make = (options: { readonly chunkSize: number; readonly params?: Readonly<Record<number, number>> }) => Decoder;
type Encoded = AsyncIterable<Uint8Array>;

/** What pieces are when their coding is undone. */
export type Decode = (encoded: Encoded) => AsyncIterable<Uint8Array>;

// The number of the parameter is zstd's own, ZSTD_d_windowLogMax: a frame of a few bytes could otherwise take 128 MB. The other codings
// cannot ask for more than 32 KiB (gzip, deflate) and 16 MB (br).
const ZSTD_WINDOW = { 100: 23 };

let known: ReadonlyMap<string, Decode> | null = null;

/** What can be undone here. Asked for at the first body that is coded: most programs never need it. */
function decoders(): ReadonlyMap<string, Decode> {
  if (known === null) {
    const zlib = process.getBuiltinModule("node:zlib");
    const { createZstdDecompress } = zlib as { readonly createZstdDecompress?: Make }; // not in Node 20
    const frames =
      createZstdDecompress && through((options) => createZstdDecompress({ ...options, params: ZSTD_WINDOW }));
    known = new Map<string, Decode>([
      ["gzip", through((options) => zlib.createGunzip(options))],
      ["br", through((options) => zlib.createBrotliDecompress(options))],
      ["deflate", through((options) => zlib.createInflate(options))],
      ...(frames === undefined ? [] : [["zstd", (encoded: Encoded) => frames(zstdFrames(encoded))] as const]),
    ]);
  }
  return known;
}

/** Through a stream of Node. A failure of the source destroys it, and so reaches who reads. */
function through(make: Make): Decode {
  return (encoded) => {
    const decoder = make({ chunkSize: CHUNK_BYTES });
    pipeline(encoded, decoder, () => {});
    return decoder;
  };
}

/**
 * What undoes the coding that the headers of a message name; null where they name none.
 *
 * @throws HttpError 415 HTTP_UNSUPPORTED_TYPE with Accept-Encoding, for another coding or for more than one.
 */
export function decoderOf(headers: ReadonlyFields): Decode | null {
  if (!headers.has("content-encoding")) return null;
  const codings = headers.list("content-encoding").map((coding) => coding.toLowerCase());
  const coding = codings.length === 1 ? (codings[0] as string).replace(/^x-(?=gzip$)/, "") : "";
  if (codings.length === 0 || coding === "identity") return null;
  const decode = decoders().get(coding);
  if (decode !== undefined) return decode;
  throw new HttpError(415, "This content coding is not known here.", {
    code: "HTTP_UNSUPPORTED_TYPE",
    fields: { "Accept-Encoding": [...decoders().keys()].join(", ") },
  });
}

/** Bytes that coded content of so many may have: what cannot be compressed becomes a little larger. */
export function mostEncoded(limit: number): number {
  return limit + limit / 1024 + 1024;
}

/** A body behind a decoder. */
export class DecodedBody implements Inbound {
  readonly #encoded: Inbound;
  readonly #decode: Decode;
  readonly #limit: number;
  #state: Inbound["state"] = "unread";

  /** @param limit bytes of what it becomes, where the call names no other; that of the coded body where left out. */
  constructor(encoded: Inbound, decode: Decode, limit: number = encoded.limit) {
    checkLimit(limit);
    this.#encoded = encoded;
    this.#decode = decode;
    this.#limit = limit;
  }

  get length(): undefined {
    return undefined;
  }

  get limit(): number {
    return this.#limit;
  }

  get state(): Inbound["state"] {
    return this.#state;
  }

  get trailers(): Fields | null {
    return this.#encoded.trailers;
  }

  isEmpty(): Promise<boolean> {
    return this.#encoded.isEmpty();
  }

  bytes(limit?: number): Promise<Uint8Array> {
    return handled(this.#collect(limit));
  }

  text(limit?: number): Promise<string> {
    return handled(this.#collect(limit).then(decodeText));
  }

  json<T = unknown>(limit?: number): Promise<T> {
    return handled(this.#json(limit) as Promise<T>);
  }

  forEach(visit: (bytes: Uint8Array) => void): Promise<void> {
    return handled(this.#visited(visit));
  }

  cancel(reason?: Error): void {
    if (this.#state !== "done") this.#state = "failed";
    this.#encoded.cancel(reason);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return this.#pieces(this.#limit);
  }

  async #json(limit: number | undefined): Promise<unknown> {
    const bytes = await this.#collect(limit);
    return bytes.length === 0 && (await this.isEmpty()) ? undefined : parseJson(bytes);
  }

  async #collect(limit: number = this.#limit): Promise<Uint8Array> {
    checkLimit(limit);
    const collected = new Collected(undefined, limit);
    for await (const piece of this.#pieces(limit)) collected.add(piece);
    return collected.bytes;
  }

  async #visited(visit: (bytes: Uint8Array) => void): Promise<void> {
    for await (const piece of this) show(piece, visit);
  }

  #pieces(limit: number): AsyncGenerator<Uint8Array, undefined, undefined> {
    if (this.#state !== "unread") throw new LocalError("USE_BODY_USED");
    if ((this.#encoded.length ?? 0) > mostEncoded(limit)) throw tooLarge(); // before any of it is asked for
    this.#state = "reading";
    return handledSteps(this.#decoded(limit));
  }

  async *#decoded(limit: number): AsyncGenerator<Uint8Array, undefined, undefined> {
    try {
      // Nothing at all is no content, and not content that is damaged.
      if (!(await this.#encoded.isEmpty())) yield* this.#undone(limit);
      this.#state = "done";
    } catch (error) {
      throw isOurs(error)
        ? error
        : new HttpError(400, "The content coding is damaged.", { code: "HTTP_BAD_CODING", cause: error });
    } finally {
      // Left early or failed: nobody wants the rest.
      if (this.#state !== "done") this.cancel();
    }
  }

  async *#undone(limit: number): AsyncGenerator<Uint8Array, undefined, undefined> {
    let size = 0;
    for await (const piece of this.#decode(counted(this.#encoded, mostEncoded(limit)))) {
      size += piece.length;
      if (size > limit) throw tooLarge();
      yield piece;
    }
  }
}

/** What is coded is bounded as well: a coding may have as many bytes that stand for nothing as it likes. */
async function* counted(body: Inbound, most: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > most) throw tooLarge();
    yield piece;
  }
}

function isOurs(error: unknown): boolean {
  return (
    error instanceof HttpError ||
    error instanceof RemoteError ||
    error instanceof TransportError ||
    error instanceof LocalError
  );
}
