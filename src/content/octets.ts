// The octets of a request's content: what is left when its Content-Encoding is undone, bounded there, so that a few octets do
// not become a gigabyte; and what text they are. Knows no parser.
import { isAscii } from "node:buffer";
import { pipeline } from "node:stream";
import { HttpError, LocalError, RemoteError, TransportError } from "../base/errors.ts";
import { Fields } from "../message/fields.ts";
import { checkLimit, decodeText, type Inbound, parseJson, show } from "../message/inbound.ts";
import { derive, Key, type Request } from "../message/request.ts";
import { type MediaType, readMediaType } from "./media-type.ts";
import { zstdFrames } from "./zstd-frames.ts";

/** What decoded content may have where nothing else is said: as much as the server collects of a plain one by default. */
export const DECODED_BYTES = 1_048_576;

// One chunk of the decoder at a time is made and handed on: the bound is kept to with this much to spare.
const CHUNK_BYTES = 16_384;

type Decoder = NodeJS.ReadWriteStream & AsyncIterable<Uint8Array>;
type Make = (options: { readonly chunkSize: number; readonly params?: Readonly<Record<number, number>> }) => Decoder;
type Encoded = AsyncIterable<Uint8Array>;
/** What pieces are when their coding is undone. */
type Decode = (encoded: Encoded) => AsyncIterable<Uint8Array>;

// The number of the parameter is zstd's own, ZSTD_d_windowLogMax: a frame of a few bytes could otherwise take 128 MB. The other codings
// cannot ask for more than 32 KiB (gzip, deflate) and 16 MB (br).
const ZSTD_WINDOW = { 100: 23 };

let known: ReadonlyMap<string, Decode> | null = null;

/** What can be undone here. Asked for at the first request that is encoded: most programs never need it. */
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

/** Whether a request has content that is read at all: of GET and HEAD it means nothing (RFC 9110 §9.3.1), TRACE has none. */
export function readsContent({ method }: Request): boolean {
  return method !== "GET" && method !== "HEAD" && method !== "TRACE" && method !== "CONNECT";
}

/**
 * The same request with its content as it was before it was encoded: gzip, br, deflate, and zstd where this Node has it (RFC 9110 §8.4). Nothing is read by
 * this. A request without a content coding is returned as it is.
 *
 * @param limit octets that the decoded content may have; 1 MiB. Infinity for none.
 * @throws HttpError 415 HTTP_UNSUPPORTED_TYPE with Accept-Encoding, for another coding or for more than one; while it is read:
 *   413 HTTP_BODY_TOO_LARGE beyond the limit, 400 HTTP_BAD_CODING where it is not what it says.
 *
 * @example
 * const text = await decodeBody(request).body.text();
 */
export function decodeBody(request: Request, limit: number = DECODED_BYTES): Request {
  checkLimit(limit);
  const codings = request.headers.list("content-encoding").map((coding) => coding.toLowerCase());
  const coding = codings.length === 1 ? (codings[0] as string).replace(/^x-(?=gzip$)/, "") : "";
  if (codings.length === 0 || coding === "identity") return request;
  const decode = decoders().get(coding);
  if (decode === undefined) {
    throw new HttpError(415, "This content coding is not known here.", {
      code: "HTTP_UNSUPPORTED_TYPE",
      fields: { "Accept-Encoding": [...decoders().keys()].join(", ") },
    });
  }
  const headers = new Fields(request.headers).delete("content-encoding").delete("content-length");
  return derive(request, { headers, body: decodedOf(request, decode, limit) });
}

// A derived request shares the keys of the one that it was made of, and may have another body: whatever is kept under a key
// belongs to a body.
const DECODED = new Key<{ readonly encoded: Inbound; readonly body: Inbound }>("decoded content");

/** One decoder for one body, whoever asks for it. */
function decodedOf(request: Request, decode: Decode, limit: number): Inbound {
  const { body: encoded } = request;
  const kept = request.get(DECODED);
  if (kept?.encoded === encoded) return kept.body;
  const body = new DecodedBody(encoded, decode, limit);
  request.set(DECODED, { encoded, body });
  return body;
}

interface Collected {
  readonly body: Inbound;
  readonly bytes: Promise<Uint8Array>;
}

const OCTETS = new Key<Collected>("octets of the content");

/**
 * The content of a request, decoded and whole. It is read when it is first asked for, and kept: who asks again, or asks for
 * what it was parsed to, gets the same object.
 *
 * @param limit octets; `limits.bodyBytes` of the server where left out, and 1 MiB for content that is encoded.
 * @returns null for GET, HEAD, TRACE and CONNECT, whose content means nothing; it is not read.
 * @throws HttpError 413 HTTP_BODY_TOO_LARGE; as decodeBody(); as `request.body.bytes()`.
 *
 * @example
 * const octets = await bodyBytes(request);
 */
export async function bodyBytes(request: Request, limit?: number): Promise<Uint8Array | null> {
  if (!readsContent(request)) return null;
  const { body } = decodeBody(request, limit);
  const kept = request.get(OCTETS);
  if (kept?.body === body) return kept.bytes;
  checkDeclared(request, limit);
  const bytes = body.bytes(limit);
  request.set(OCTETS, { body, bytes });
  return bytes;
}

/** Refuses a length that is too large before anything is read, and so before any 100 Continue. */
export function checkDeclared({ headers, body }: Request, limit: number | undefined): void {
  if (limit === undefined || body.length === undefined) return;
  if (body.length > (headers.has("content-encoding") ? mostEncoded(limit) : limit)) throw tooLarge();
}

/** What cannot be compressed becomes a little larger. */
function mostEncoded(limit: number): number {
  return limit + limit / 1024 + 1024;
}

export function tooLarge(message = "The body is too large."): HttpError {
  return new HttpError(413, message, { code: "HTTP_BODY_TOO_LARGE" });
}

/**
 * Octets as text, in a charset of Content-Type: utf-8 where none is named, us-ascii or iso-8859-1.
 *
 * @throws HttpError 415 HTTP_UNSUPPORTED_TYPE for another charset; 400 HTTP_BAD_TEXT where the octets are no such text.
 */
export function decodeCharset(octets: Uint8Array, charset = "utf-8"): string {
  switch (charset.toLowerCase()) {
    case "utf-8":
    case "utf8":
      return decodeText(octets);
    case "us-ascii":
    case "ascii":
      if (!isAscii(octets)) throw new HttpError(400, "The body is not valid US-ASCII.", { code: "HTTP_BAD_TEXT" });
      return latin1(octets);
    case "iso-8859-1":
    case "latin1":
      return latin1(octets);
    default:
      throw new HttpError(415, "This charset is not known here.", { code: "HTTP_UNSUPPORTED_TYPE" });
  }
}

/** A media type with its parameters; undefined where the text is none. */
export function mediaType(value: string | undefined): MediaType | undefined {
  return value === undefined ? undefined : readMediaType(value);
}

function latin1(octets: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(octets, 0, octets.length);
}

/** A received body behind a decoder. */
class DecodedBody implements Inbound {
  readonly length = undefined;
  readonly #encoded: Inbound;
  readonly #decode: Decode;
  readonly #limit: number;
  #state: Inbound["state"] = "unread";

  constructor(encoded: Inbound, decode: Decode, limit: number) {
    this.#encoded = encoded;
    this.#decode = decode;
    this.#limit = limit;
  }

  get state(): Inbound["state"] {
    return this.#state;
  }

  get trailers(): Fields | null {
    return this.#encoded.trailers;
  }

  async bytes(limit: number = this.#limit): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let size = 0;
    checkLimit(limit);
    for await (const piece of this) {
      size += piece.length;
      if (size > limit) throw tooLarge();
      pieces.push(piece);
    }
    return Buffer.concat(pieces, size);
  }

  async text(limit?: number): Promise<string> {
    return decodeText(await this.bytes(limit));
  }

  async json<T = unknown>(limit?: number): Promise<T> {
    return parseJson(await this.bytes(limit)) as T;
  }

  async forEach(visit: (bytes: Uint8Array) => void): Promise<void> {
    for await (const piece of this) show(piece, visit);
  }

  cancel(reason?: Error): void {
    if (this.#state !== "done") this.#state = "failed";
    this.#encoded.cancel(reason);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    if (this.#state !== "unread") throw new LocalError("USE_BODY_USED");
    this.#state = "reading";
    return this.#decoded();
  }

  async *#decoded(): AsyncGenerator<Uint8Array, undefined> {
    let size = 0;
    try {
      for await (const piece of this.#decode(counted(this.#encoded, this.#limit))) {
        size += piece.length;
        if (size > this.#limit) throw tooLarge();
        yield piece;
      }
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
}

/** What is encoded is bounded as well: a coding may have as many octets that stand for nothing as it likes. */
async function* counted(body: Inbound, limit: number): AsyncGenerator<Uint8Array> {
  const most = mostEncoded(limit);
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
