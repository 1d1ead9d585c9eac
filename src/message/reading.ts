// What a received body is to who reads it, and what it takes to read one of any kind: the one place where pieces become a whole,
// with the one limit that holds there, decoded or not; and what the bytes mean as text and as JSON. Knows nothing of where they
// come from.
import { isUtf8 } from "node:buffer";
import { HttpError, LocalError } from "../base/errors.ts";
import { parseJsonText } from "./bounded-json.ts";
import type { Fields, ReadonlyFields } from "./fields.ts";

/** A body that is received. Iterated, its pieces are yours to keep; a small one lies in Node's pool, as small Buffers do. */
export interface Inbound extends AsyncIterable<Uint8Array> {
  /** Bytes, where the sender declared them. */
  readonly length: number | undefined;
  /** Bytes that bytes(), text() and json() take where the call names no other limit: `limits.bodyBytes`. */
  readonly limit: number;
  readonly state: "unread" | "reading" | "done" | "failed";
  /** Null until "done", and where there were none. */
  readonly trailers: Fields | null;
  /**
   * Whether there is no content: its length is 0, or it ends without a byte (RFC 9112 §6.3). Resolves as soon as that is known,
   * and reads nothing; of a chunked body it asks for the first byte, as reading does.
   */
  isEmpty(): Promise<boolean>;
  /**
   * The whole body as it was sent, coded where it has a Content-Encoding; yours to keep.
   *
   * Its promise, and every other one of a body, may be let go of: what it fails with then ends nothing.
   *
   * @param limit bytes, Infinity for no limit; `limits.bodyBytes` where left out.
   * @throws HttpError 413 HTTP_BODY_TOO_LARGE beyond the limit, before anything is read where the length was declared.
   * @throws LocalError USE_BODY_USED the second time; USE_BAD_OPTION where the limit is no number from 0 on.
   * @throws RemoteError, TransportError where the body did not arrive whole.
   */
  bytes(limit?: number): Promise<Uint8Array>;
  /**
   * The whole body as UTF-8, its Content-Encoding undone; a byte order mark is dropped.
   *
   * @param limit as of bytes(): it holds for what was sent and for what that becomes.
   * @throws HttpError 400 HTTP_BAD_TEXT where it is not UTF-8, HTTP_BAD_CODING where it is not what its coding says; 415
   *   HTTP_UNSUPPORTED_TYPE with Accept-Encoding for a coding that is not known; as bytes().
   */
  text(limit?: number): Promise<string>;
  /**
   * As text(), parsed as JSON: at most 100 deep, without `__proto__`. What it is of the type is unchecked.
   *
   * @returns undefined where there is no content.
   * @throws HttpError 400 HTTP_BAD_JSON where it is not JSON, or nested deeper; as text().
   */
  json<T = unknown>(limit?: number): Promise<T>;
  /**
   * Shows each piece to `visit` as it arrives, from the buffer that it was received into: to count, hash or parse a body of any
   * size without a copy of it. What `visit` throws cancels the rest and rejects. To await something between two pieces, iterate.
   *
   * @param visit gets bytes that are valid during the call only.
   * @throws LocalError USE_BODY_USED the second time; USE_BAD_OPTION where `visit` gives a promise.
   * @throws RemoteError, TransportError where the body did not arrive whole.
   */
  forEach(visit: (bytes: Uint8Array) => void): Promise<void>;
  /**
   * Nobody wants the rest: it is skipped, or the connection is closed where it is long. Who still reads it gets the reason,
   * so that a part never passes for the whole.
   */
  cancel(reason?: Error): void;
}

/**
 * Whether there is content: the framing of a message says so (RFC 9112 §6.3), never its Content-Type. A promise only of a chunked
 * body, which may be empty. Who waits for 100 Continue has some (RFC 9110 §10.1.1), and nothing is asked of it to find out.
 */
export function isPresent(headers: ReadonlyFields, body: Inbound): boolean | Promise<boolean> {
  if (body.length !== undefined) return body.length > 0;
  return headers.has("expect") || body.isEmpty().then((empty) => !empty);
}

/** The refusal of what is larger than its limit. @param message what the peer may read of it. */
export function tooLarge(message?: string): HttpError {
  return new HttpError(413, message, { code: "HTTP_BODY_TOO_LARGE" });
}

/** @throws LocalError USE_BAD_OPTION: one that is no number would bound nothing. */
export function checkLimit(limit: number): void {
  if (typeof limit === "number" && limit >= 0) return;
  throw new LocalError("USE_BAD_OPTION", "The limit of a body is a number of bytes, 0 or more.");
}

const NOTHING = new Uint8Array(0);
const FIRST_BYTES = 4096;
const FIRST_MOST_BYTES = 16_384;

/** Pieces become one buffer, which doubles: its size follows what has arrived, not what was announced. */
export class Collected {
  readonly #most: number;
  readonly #first: number;
  readonly #message: string | undefined;
  #buffer: Uint8Array = NOTHING;
  #size = 0;

  /**
   * @param length bytes that were announced; undefined where none were.
   * @param limit bytes, checked before.
   * @param message what the peer may read of it where there are more.
   */
  constructor(length: number | undefined, limit: number, message?: string) {
    this.#most = Math.min(length ?? limit, limit);
    this.#first = Math.min(length ?? FIRST_BYTES, FIRST_MOST_BYTES);
    this.#message = message;
  }

  /** What has come so far, as a view. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#size);
  }

  /** Takes a copy. @throws HttpError 413 HTTP_BODY_TOO_LARGE. */
  add(piece: Uint8Array): void {
    const size = this.#size + piece.length;
    if (size > this.#most) throw tooLarge(this.#message);
    if (size > this.#buffer.length) {
      const wider = Buffer.allocUnsafe(Math.min(Math.max(this.#first, 2 * this.#buffer.length, size), this.#most));
      wider.set(this.bytes);
      this.#buffer = wider;
    }
    this.#buffer.set(piece, this.#size);
    this.#size = size;
  }
}

/** @throws LocalError USE_BAD_OPTION. */
export function show(bytes: Uint8Array, visit: (bytes: Uint8Array) => unknown): void {
  const returned = visit(bytes) as unknown;
  if (returned instanceof Promise) {
    returned.catch(() => {}); // it is refused, whatever becomes of it
    throw new LocalError(
      "USE_BAD_OPTION",
      "forEach() waits for no promise: to await between two pieces, use for await.",
    );
  }
}

/** UTF-8 as text, without a byte order mark. @throws HttpError 400 HTTP_BAD_TEXT. */
export function decodeText(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new HttpError(400, "The body is not valid UTF-8.", { code: "HTTP_BAD_TEXT" });
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  return Buffer.prototype.utf8Slice.call(bytes, start, bytes.length);
}

/** UTF-8 as JSON (RFC 8259 §8.1), as parseJsonText() reads it. @throws HttpError 400 HTTP_BAD_JSON, HTTP_BAD_TEXT. */
export function parseJson(bytes: Uint8Array, depth?: number): unknown {
  return parseJsonText(decodeText(bytes), depth);
}
