// The body that a peer sends, on its way in. Nothing is read until somebody asks: as bytes, text or json (bounded), or piece
// by piece (not bounded, unless limits.streamBytes is set). Asking is also what sends 100 Continue. Itself a Body, so that
// it can be sent on as it comes.
import { isUtf8 } from "node:buffer";
import { HttpError, LocalError } from "../base/errors.ts";
import type { Fields } from "./fields.ts";
import { Pipe } from "./pipe.ts";

/** A body that is received. */
export interface Inbound extends AsyncIterable<Uint8Array> {
  /** Octets, where the sender declared them. */
  readonly length: number | undefined;
  readonly state: "unread" | "reading" | "done" | "failed";
  /** Null until "done", and where there were none. */
  readonly trailers: Fields | null;
  /**
   * The whole body; yours to keep.
   *
   * @param limit octets; `limits.bodyBytes` where left out.
   * @throws HttpError 413 HTTP_BODY_TOO_LARGE beyond the limit, before anything is read where the length was declared.
   * @throws LocalError USE_BODY_USED the second time.
   * @throws RemoteError, TransportError where the body did not arrive whole.
   */
  bytes(limit?: number): Promise<Uint8Array>;
  /** As bytes(), decoded as UTF-8; a byte order mark is dropped. @throws HttpError 400 HTTP_BAD_TEXT where it is not UTF-8. */
  text(limit?: number): Promise<string>;
  /** As text(), parsed as JSON. @throws HttpError 400 HTTP_BAD_JSON where it is not JSON. */
  json<T = unknown>(limit?: number): Promise<T>;
  /** Nobody wants the rest: it is skipped, or the connection is closed where it is long. */
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
  /** Whether end() or fail() was called: the connection feeds no more. */
  #fed = false;
  #cancelled = false;

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

  cancel(reason?: Error): void {
    if (this.#cancelled || this.#state === "done" || this.#state === "failed") return;
    this.#cancelled = true;
    this.#state = "failed";
    this.#view = null;
    this.#source.unwanted();
    this.#pipe?.cancel(reason);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    this.#begin();
    const pipe = this.#piped();
    const chunks = pipe[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
    return {
      next: async () => {
        const result = await chunks.next();
        if (result.done === true) this.#settle();
        return result;
      },
      return: async () => {
        this.cancel();
        return { done: true, value: undefined };
      },
    };
  }

  /** The connection has the whole body in its read buffer. The view is valid until hold() or release(). */
  offer(view: Uint8Array): void {
    this.#view = view;
    this.#fed = true;
  }

  /** The read buffer will be used again: what is still wanted is copied. */
  hold(): void {
    if (this.#view !== null) this.#view = copyOf(this.#view);
  }

  /** A piece has arrived; it is copied. @returns false: no more until room(). */
  feed(view: Uint8Array): boolean {
    if (this.#cancelled) return true;
    return this.#piped().write(copyOf(view));
  }

  /** The body is complete. */
  end(trailers: Fields | null): void {
    this.#fed = true;
    this.#trailers = trailers;
    this.#pipe?.end();
  }

  /** The rest will not come. */
  fail(error: Error): void {
    if (this.#fed) return;
    this.#fed = true;
    if (this.#pipe === null && this.#state !== "reading") this.#piped();
    this.#pipe?.fail(error);
  }

  /** Whether somebody has begun to read. */
  get begun(): boolean {
    return this.#state !== "unread";
  }

  #begin(): void {
    if (this.#state !== "unread") throw new LocalError("USE_BODY_USED");
    this.#state = "reading";
    this.#source.wanted();
  }

  /** What reading can begin with at once: the view of a body that is here; null where it must be awaited. */
  #take(limit: number = this.#source.bodyBytes): Uint8Array | null {
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

  #collect(limit: number = this.#source.bodyBytes): Promise<Uint8Array> {
    const pipe = this.#piped();
    return new Promise((resolve, reject) => {
      const chunks: Uint8Array[] = [];
      let size = 0;
      pipe.attach({
        chunk: (bytes) => {
          size += bytes.length;
          if (size > limit) {
            this.cancel();
            reject(new HttpError(413, undefined, { code: "HTTP_BODY_TOO_LARGE" }));
          } else chunks.push(bytes);
          return true;
        },
        end: () => {
          this.#settle();
          resolve(chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, size));
        },
        fail: (error) => {
          this.#state = "failed";
          reject(error);
        },
      });
    });
  }

  #settle(): void {
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
      if (this.#fed) this.#pipe.end();
    }
    return this.#pipe;
  }
}

// Allocating 64 KiB takes ten times as long as copying it. Large pieces are cut from a slab, which halves the time of an
// upload; four of them to a slab, so that one piece that is kept keeps no more than three others alive.
const SLAB_BYTES = 262_144;
const LARGE_BYTES = 16_384;
let slab: Uint8Array = new Uint8Array(0);
let taken = 0;

/** A copy that may be kept. */
function copyOf(view: Uint8Array): Uint8Array {
  const { length } = view;
  if (length < LARGE_BYTES || length > SLAB_BYTES) {
    const copy = Buffer.allocUnsafe(length);
    copy.set(view);
    return copy;
  }
  if (taken + length > slab.length) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    taken = 0;
  }
  const copy = slab.subarray(taken, taken + length);
  taken += length;
  copy.set(view);
  return copy;
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
  cancel: () => {},
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
};
