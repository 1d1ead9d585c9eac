// A Reply on its way out: what a body of each kind becomes, and how each is slowed down and stopped. A body that is here is
// sent at once and synchronously; one that comes is a Stream, which the exchange tells when there is room and when the peer
// has left.
import { Buffer } from "node:buffer"; // the global is a getter, which shows in a profile
import { open } from "node:fs/promises";
import { LocalError, TransportError } from "../base/errors.ts";
import { type Body, doesHeadWait, FileSlice } from "../message/body.ts";
import { destroyStream, discardBody, piecesIn, release } from "../message/discard.ts";
import { CONTENT_LENGTH, type Fields, kindsOf } from "../message/fields.ts";
import { Pipe } from "../message/pipe.ts";
import type { Reply } from "../message/reply.ts";

/** Where a reply is written to: the exchange. */
export interface ReplySink {
  /** Whether this reply is sent without its body: HEAD, 204, 304. */
  bodiless(status: number): boolean;
  head(reply: Reply, length: number | undefined): void;
  /** A piece of the body; strings are ASCII. */
  data(bytes: Uint8Array | string): void;
  /** Whether more can be taken; else wait for Stream.drain(). */
  readonly writable: boolean;
  flush(): void;
  end(trailers: Fields | null): void;
  /** The body could not be had, before or after the head. */
  fail(error: unknown): void;
}

/** A body under way. */
export interface Stream {
  /** There is room again. */
  drain(): void;
  /** The peer has left: the producer is told, and nothing more is sent. */
  cancel(reason: Error): void;
}

/** Writes a reply. @returns the stream where the body is still to come; null where all of it has been sent. */
export function writeReply(reply: Reply, sink: ReplySink): Stream | null {
  const { body } = reply;
  if (typeof body === "string") return writeText(reply, body, sink);
  if (body === null) return writeWhole(reply, null, sink);
  if (body instanceof Uint8Array) return writeWhole(reply, body, sink);
  return startStream(reply, body, sink);
}

function writeText(reply: Reply, body: string, sink: ReplySink): Stream | null {
  const length = Buffer.byteLength(body);
  // As many octets as characters: ASCII, which is the same in Latin-1, so head and body leave as one string.
  if (length !== body.length) return writeWhole(reply, Buffer.from(body, "utf8"), sink);
  return writeWhole(reply, body, sink);
}

function writeWhole(reply: Reply, body: Uint8Array | string | null, sink: ReplySink): Stream | null {
  const bodiless = sink.bodiless(reply.status);
  const length = body === null ? 0 : body.length;
  checkContent(reply, length);
  if (reply.extras?.trailers !== undefined && !bodiless) return writeWithTrailers(reply, body, sink);
  const declared = declaredLength(reply);
  if (declared !== undefined && declared !== length && !(bodiless && body === null)) {
    throw new LocalError("USE_BODY_LENGTH", `Content-Length is ${declared}, the body has ${length}.`);
  }
  sink.head(reply, declared ?? length);
  if (length > 0 && !bodiless) sink.data(body as Uint8Array | string);
  sink.end(null);
  return null;
}

function writeWithTrailers(reply: Reply, body: Uint8Array | string | null, sink: ReplySink): Stream | null {
  sink.head(reply, declaredLength(reply));
  if (body !== null && body.length > 0) sink.data(body);
  finish(reply, sink);
  return null;
}

function finish(reply: Reply, sink: ReplySink): void {
  const ask = reply.extras?.trailers;
  if (ask === undefined) return sink.end(null);
  try {
    const trailers = ask();
    if (!(trailers instanceof Promise)) return sink.end(trailers);
    trailers.then(
      (fields) => sink.end(fields),
      (error) => sink.fail(error),
    );
  } catch (error) {
    sink.fail(error);
  }
}

function declaredLength(reply: Reply): number | undefined {
  if ((kindsOf(reply.headers) & CONTENT_LENGTH) === 0) return undefined;
  const values = reply.headers.all("content-length");
  const [text = ""] = values;
  if (values.length !== 1 || !/^\d{1,15}$/.test(text)) {
    throw new LocalError("USE_BODY_LENGTH", `Content-Length is ${JSON.stringify(values.join(", "))}.`);
  }
  return Number(text);
}

// RFC 9110 §15.3.6: 205 has no content, and says so by its length.
function checkContent(reply: Reply, length: number): void {
  if (reply.status === 205 && length > 0) throw new LocalError("USE_BODY_NOT_ALLOWED", "205 has no content.");
}

function startStream(reply: Reply, body: Exclude<Body, null | string | Uint8Array>, sink: ReplySink): Stream | null {
  if (sink.bodiless(reply.status)) {
    discardBody(body);
    const declared = declaredLength(reply);
    sink.head(reply, declared ?? (body instanceof FileSlice ? body.end - body.start : undefined));
    sink.end(null);
    return null;
  }
  if (reply.status === 205) throw new LocalError("USE_BODY_NOT_ALLOWED", "205 has no content.");
  if (body instanceof FileSlice) return new FileStream(reply, body, sink);
  if (body instanceof Pipe) return new PipeStream(reply, body, sink);
  if (!(Symbol.asyncIterator in body)) throw new LocalError("USE_BAD_BODY");
  return new IteratedStream(reply, body, sink);
}

/** A Pipe is read by being pushed from: no promise for each chunk. */
class PipeStream implements Stream {
  readonly #pipe: Pipe;

  constructor(reply: Reply, pipe: Pipe, sink: ReplySink) {
    this.#pipe = pipe;
    sink.head(reply, declaredLength(reply));
    pipe.attach(
      {
        chunk(bytes) {
          try {
            sink.data(bytes);
          } catch (error) {
            sink.fail(error);
          }
          return sink.writable;
        },
        end: (trailers) => (trailers === null ? finish(reply, sink) : sink.end(trailers)),
        fail: (error) => sink.fail(error),
      },
      { flush: () => sink.flush() },
    );
  }

  drain(): void {
    this.#pipe.resume();
  }

  cancel(reason: Error): void {
    this.#pipe.cancel(reason);
  }
}

/** Octets that one body may send before the other connections get their turn. */
const BURST_BYTES = 1_048_576;
/** A small piece takes as long as one of so many octets: a producer of single octets would let nobody else have a turn. */
const PIECE_COST = 1024;

class IteratedStream implements Stream {
  readonly #reply: Reply;
  readonly #sink: ReplySink;
  readonly #body: object;
  readonly #iterator: AsyncIterator<Uint8Array | string>;
  #state: "pulling" | "holding" | "over" = "pulling";
  /** "due": the first piece is waited for, which may yet say that there is none. */
  #head: "due" | "sent" = "sent";
  /** Octets since this last waited for anything. */
  #burst = 0;

  constructor(reply: Reply, body: AsyncIterable<Uint8Array | string>, sink: ReplySink) {
    this.#reply = reply;
    this.#sink = sink;
    this.#body = body;
    this.#iterator = piecesIn(body);
    // Asked for before the head is sent: a body made from the request's body then begins to read that, and 100 Continue is
    // still to be had.
    const first = this.#next();
    if (doesHeadWait(body)) {
      this.#head = "due";
    } else {
      try {
        sink.head(reply, declaredLength(reply));
      } catch (error) {
        first.catch(() => {}); // the head's failure is told; nobody waits for the body's
        throw error;
      }
    }
    this.#await(first);
  }

  drain(): void {
    if (this.#state !== "holding") return;
    this.#burst = 0;
    this.#state = "pulling";
    this.#await(this.#next());
  }

  // return() of an async generator waits for its pending await; request.signal is there to settle that.
  cancel(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    if (!destroyStream(this.#body)) release(() => this.#iterator);
  }

  #next(): Promise<IteratorResult<Uint8Array | string>> {
    try {
      return Promise.resolve(this.#iterator.next());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #await(result: Promise<IteratorResult<Uint8Array | string>>): void {
    result.then(
      (step) => this.#take(step),
      (error) => this.#fail(error),
    );
  }

  #take(step: IteratorResult<Uint8Array | string>): void {
    if (this.#state === "over") return;
    if (typeof step !== "object" || step === null) return this.#fail(new LocalError("USE_BAD_BODY"));
    try {
      this.#sendHead();
      if (step.done === true) {
        this.#state = "over";
        return finish(this.#reply, this.#sink);
      }
      const { value } = step;
      const bytes = typeof value === "string" ? Buffer.from(value, "utf8") : value;
      if (!(bytes instanceof Uint8Array)) throw new LocalError("USE_BAD_BODY", "A chunk is a string or bytes.");
      if (bytes.length > 0) this.#sink.data(bytes);
      this.#burst += Math.max(bytes.length, PIECE_COST);
    } catch (error) {
      this.cancel();
      return this.#sink.fail(error);
    }
    if (this.#sink.writable && this.#burst < BURST_BYTES) return this.#await(this.#next());
    this.#state = "holding";
    // A producer that never waits, to a peer that takes all: the others get their turn.
    if (this.#sink.writable) setImmediate(() => this.drain());
  }

  #sendHead(): void {
    if (this.#head === "sent") return;
    this.#head = "sent";
    this.#sink.head(this.#reply, declaredLength(this.#reply));
  }

  #fail(error: unknown): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#sink.fail(error);
  }
}

const FILE_PIECE = 65_536;

/** Octets of a file: opened before the head is sent, so that one that is missing can still be answered. */
class FileStream implements Stream {
  readonly #sink: ReplySink;
  #resume: (() => void) | null = null;
  #left = false;

  constructor(reply: Reply, slice: FileSlice, sink: ReplySink) {
    this.#sink = sink;
    this.#send(reply, slice).catch((error: unknown) => {
      if (!this.#left) sink.fail(error);
    });
  }

  drain(): void {
    this.#resume?.();
  }

  cancel(): void {
    this.#left = true;
    this.#resume?.();
  }

  async #send(reply: Reply, slice: FileSlice): Promise<void> {
    const file = await (slice.opener?.() ?? open(slice.path, "r"));
    try {
      if (this.#left) return;
      this.#sink.head(reply, slice.end - slice.start);
      let at = slice.start;
      while (at < slice.end && !this.#left) {
        const piece = Buffer.allocUnsafe(Math.min(FILE_PIECE, slice.end - at));
        const { bytesRead } = await file.read(piece, 0, piece.length, at);
        if (this.#left) return;
        if (bytesRead === 0) throw new TransportError("NET_CLOSED", `${slice.path} is shorter than it was.`);
        this.#sink.data(piece.subarray(0, bytesRead));
        at += bytesRead;
        if (!this.#sink.writable) await this.#room();
      }
    } finally {
      await file.close();
    }
    if (!this.#left) finish(reply, this.#sink);
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = () => {
        this.#resume = null;
        resolve();
      };
    });
  }
}
