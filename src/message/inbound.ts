// The body that a peer sends, on its way in. Nothing is read until somebody asks: as bytes, text or json (bounded), or piece
// by piece (not bounded, unless limits.streamBytes is set). Asking is also what sends 100 Continue. Itself a Body, so that
// it can be sent on as it comes.
import { isUtf8 } from "node:buffer";
import { HttpError, LocalError, TransportError } from "../base/errors.ts";
import type { Fields } from "./fields.ts";
import { Pipe, type Sink } from "./pipe.ts";

/** A body that is received. Iterated, its pieces are yours to keep; a small one lies in Node's pool, as small Buffers do. */
export interface Inbound extends AsyncIterable<Uint8Array> {
  /** Octets, where the sender declared them. */
  readonly length: number | undefined;
  readonly state: "unread" | "reading" | "done" | "failed";
  /** Null until "done", and where there were none. */
  readonly trailers: Fields | null;
  /**
   * The whole body; yours to keep.
   *
   * @param limit octets, Infinity for no limit; `limits.bodyBytes` where left out.
   * @throws HttpError 413 HTTP_BODY_TOO_LARGE beyond the limit, before anything is read where the length was declared.
   * @throws LocalError USE_BODY_USED the second time; USE_BAD_OPTION where the limit is no number from 0 on.
   * @throws RemoteError, TransportError where the body did not arrive whole.
   */
  bytes(limit?: number): Promise<Uint8Array>;
  /** As bytes(), decoded as UTF-8; a byte order mark is dropped. @throws HttpError 400 HTTP_BAD_TEXT where it is not UTF-8. */
  text(limit?: number): Promise<string>;
  /** As text(), parsed as JSON. @throws HttpError 400 HTTP_BAD_JSON where it is not JSON. */
  json<T = unknown>(limit?: number): Promise<T>;
  /**
   * Shows each piece to `visit` as it arrives, from the buffer that it was received into: to count, hash or parse a body of any
   * size without a copy of it. What `visit` throws cancels the rest and rejects. To await something between two pieces, iterate.
   *
   * @param visit gets octets that are valid during the call only.
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

/** What a body asks of the connection that it arrives on. */
export interface InboundSource {
  /** limits.bodyBytes. */
  readonly bodyBytes: number;
  /** Reading begins: an awaited 100 Continue goes out. */
  wanted(): void;
  /** There is room again, after feed() said false. */
  room(): void;
  /** Nobody will read the rest. */
  unwanted(): void;
}

/** The body as the connection feeds it. */
export class ReceivedBody implements Inbound {
  readonly length: number | undefined;
  readonly #source: InboundSource;
  #state: Inbound["state"] = "unread";
  #trailers: Fields | null = null;
  #pipe: Pipe | null = null;
  /** The whole body as a view, valid while the handler is first called; see hold(). */
  #view: Uint8Array | null = null;
  /** Whether the connection still feeds, has fed all of it, or why not. */
  #ending: "open" | "complete" | Error = "open";
  #visitor: Sink | null = null;

  constructor(length: number | undefined, source: InboundSource) {
    this.length = length;
    this.#source = source;
  }

  get state(): Inbound["state"] {
    return this.#state;
  }

  get trailers(): Fields | null {
    return this.#state === "done" ? this.#trailers : null;
  }

  async bytes(limit?: number): Promise<Uint8Array> {
    const whole = this.#take(limit);
    return whole === null ? this.#collect(limit) : copyOf(whole);
  }

  async text(limit?: number): Promise<string> {
    const whole = this.#take(limit);
    return decodeText(whole ?? (await this.#collect(limit)));
  }

  async json<T = unknown>(limit?: number): Promise<T> {
    const whole = this.#take(limit);
    return parseJson(whole ?? (await this.#collect(limit))) as T;
  }

  async forEach(visit: (bytes: Uint8Array) => void): Promise<void> {
    const whole = this.#take(Number.POSITIVE_INFINITY);
    if (whole === null) await this.#push((bytes) => show(bytes, visit));
    else if (whole.length > 0) show(whole, visit);
  }

  cancel(reason?: Error): void {
    if (this.#state === "done" || this.#state === "failed") return;
    const why = reason ?? new TransportError("NET_CLOSED", "The rest of the body was not wanted.");
    this.#ending = why;
    this.#state = "failed";
    this.#view = null;
    this.#source.unwanted();
    this.#pipe?.cancel(why);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    this.#begin();
    const pipe = this.#piped();
    const chunks = pipe[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
    let left = false;
    return {
      next: async () => {
        try {
          const result = await chunks.next();
          if (result.done === true && !left) this.#settle();
          return result;
        } catch (error) {
          this.#state = "failed";
          throw error;
        }
      },
      return: async () => {
        left = true;
        this.cancel();
        return { done: true, value: undefined };
      },
    };
  }

  /** The connection has the whole body in its read buffer. The view is valid until hold() or release(). */
  offer(view: Uint8Array): void {
    this.#view = view;
    this.#ending = "complete";
  }

  /** The read buffer will be used again: what is still wanted is copied. */
  hold(): void {
    if (this.#view !== null) this.#view = copyOf(this.#view);
  }

  /** A piece has arrived; it is shown or copied. @returns false: no more until room(). */
  feed(view: Uint8Array): boolean {
    if (this.#ending !== "open") return true;
    if (this.#visitor !== null) return this.#visitor.chunk(view);
    const pipe = this.#piped();
    if (!pipe.gather(view)) pipe.write(copyOf(view));
    return !pipe.full;
  }

  /** The body is complete. */
  end(trailers: Fields | null): void {
    if (this.#ending !== "open") return;
    this.#ending = "complete";
    this.#trailers = trailers;
    this.#pipe?.end();
  }

  /** The rest will not come. */
  fail(error: Error): void {
    if (this.#ending !== "open") return;
    this.#ending = error;
    this.#pipe?.fail(error);
  }

  /** Whether somebody has begun to read. */
  get begun(): boolean {
    return this.#state !== "unread";
  }

  #begin(): void {
    if (this.#state !== "unread") throw new LocalError("USE_BODY_USED");
    this.#state = "reading";
    if (!(this.#ending instanceof Error)) this.#source.wanted();
  }

  /** What reading can begin with at once: the view of a body that is here; null where it must be awaited. */
  #take(limit: number = this.#source.bodyBytes): Uint8Array | null {
    checkLimit(limit);
    if (this.#state !== "unread") throw new LocalError("USE_BODY_USED");
    if (this.length !== undefined && this.length > limit) {
      throw new HttpError(413, undefined, { code: "HTTP_BODY_TOO_LARGE" });
    }
    this.#begin();
    const view = this.#view;
    if (view !== null) {
      this.#view = null;
      this.#state = "done";
    }
    return view;
  }

  async #collect(limit: number = this.#source.bodyBytes): Promise<Uint8Array> {
    const collected = new Collected(this.length, limit);
    await this.#push((bytes) => {
      if (!collected.add(bytes)) throw new HttpError(413, undefined, { code: "HTTP_BODY_TOO_LARGE" });
    });
    return collected.bytes;
  }

  /** All that comes is shown to `visit`, until it throws. */
  #push(visit: (bytes: Uint8Array) => void): Promise<void> {
    const pipe = this.#piped();
    return new Promise((resolve, reject) => {
      const visitor: Sink = {
        chunk: (bytes) => {
          try {
            visit(bytes);
          } catch (error) {
            reject(error);
            this.cancel(error instanceof Error ? error : undefined);
          }
          return true;
        },
        end: () => {
          this.#visitor = null;
          this.#settle();
          resolve();
        },
        fail: (error) => {
          this.#visitor = null;
          this.#state = "failed";
          reject(error);
        },
      };
      // From here on feed() shows its views to the visitor, without a copy of each for the pipe: nothing waits in there.
      this.#visitor = visitor;
      pipe.attach(visitor);
    });
  }

  /** The reader has read to the end. @throws the reason where that was not the end of the body. */
  #settle(): void {
    if (this.#ending instanceof Error) throw this.#ending;
    if (this.#state === "reading") this.#state = "done";
  }

  #piped(): Pipe {
    if (this.#pipe === null) {
      this.#pipe = new Pipe();
      this.#pipe.watch({ drain: () => this.#source.room() });
      if (this.#view !== null) {
        if (this.#view.length > 0) this.#pipe.write(copyOf(this.#view));
        this.#view = null;
      }
      if (this.#ending === "complete") this.#pipe.end();
      else if (this.#ending !== "open") this.#pipe.fail(this.#ending);
    }
    return this.#pipe;
  }
}

/** A copy that may be kept. */
function copyOf(view: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafe(view.length);
  copy.set(view);
  return copy;
}

const NOTHING = new Uint8Array(0);
const FIRST_BYTES = 4096;
const FIRST_MOST_BYTES = 16_384;

/** Pieces become one buffer, which doubles: its size follows what has arrived, not what was announced. */
class Collected {
  readonly #most: number;
  readonly #first: number;
  #buffer: Uint8Array = NOTHING;
  #size = 0;

  constructor(length: number | undefined, limit: number) {
    this.#most = Math.min(length ?? limit, limit);
    this.#first = Math.min(length ?? FIRST_BYTES, FIRST_MOST_BYTES);
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#size);
  }

  /** @returns false: it would be more than the limit. */
  add(piece: Uint8Array): boolean {
    const size = this.#size + piece.length;
    if (size > this.#most) return false;
    if (size > this.#buffer.length) {
      const wider = Buffer.allocUnsafe(Math.min(Math.max(this.#first, 2 * this.#buffer.length, size), this.#most));
      wider.set(this.bytes);
      this.#buffer = wider;
    }
    this.#buffer.set(piece, this.#size);
    this.#size = size;
    return true;
  }
}

/** @throws LocalError USE_BAD_OPTION: one that is no number would bound nothing. */
export function checkLimit(limit: number): void {
  if (typeof limit === "number" && limit >= 0) return;
  throw new LocalError("USE_BAD_OPTION", "The limit of a body is a number of octets, 0 or more.");
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

/** UTF-8 as JSON. @throws HttpError 400 HTTP_BAD_JSON, HTTP_BAD_TEXT. */
export function parseJson(bytes: Uint8Array): unknown {
  const text = decodeText(bytes);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HttpError(400, "The body is not valid JSON.", { code: "HTTP_BAD_JSON", cause });
  }
}

/** The body of a message that has none. It can be asked again and again, and always says nothing. */
export const NO_BODY: Inbound = {
  length: 0,
  state: "done",
  trailers: null,
  bytes: async () => new Uint8Array(0),
  text: async () => "",
  json: async () => parseJson(new Uint8Array(0)) as never,
  forEach: async () => {},
  cancel: () => {},
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
};
