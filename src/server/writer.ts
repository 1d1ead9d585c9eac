// A Reply on its way out: what a body of each kind becomes, and how each is slowed down and stopped. A body that is here is
// sent at once and synchronously; one that comes is a Stream, which the exchange tells when there is room and when the peer
// has left. Its head waits for the first piece (due-head.ts), so that a body which cannot be had is still answered.
import { Buffer } from "node:buffer"; // the global is a getter, which shows in a profile
import { open } from "node:fs/promises";
import { asError, LocalError, TransportError } from "../base/errors.ts";
import { promiseOf } from "../base/promise.ts";
import { type Body, FileSlice } from "../message/body.ts";
import { destroyStream, discardBody, piecesIn, release } from "../message/discard.ts";
import { CONTENT_LENGTH, Fields, kindsOf } from "../message/fields.ts";
import { Pipe } from "../message/pipe.ts";
import { type Reply, withFields } from "../message/reply.ts";
import { mayHaveBody } from "../message/status.ts";
import { DueHead, type HeadSink } from "./due-head.ts";

/** Where a reply is written to: the exchange. */
export interface ReplySink extends HeadSink {
  /** Whether this reply is sent without its body: HEAD, 204, 304. */
  bodiless(status: number): boolean;
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
  // To HEAD no body says nothing of what GET would have (RFC 9110 §8.6): only whoever declares a length knows it.
  if (bodiless && body === null) sink.head(withoutFalseLength(reply), declared);
  else if (declared !== undefined && declared !== length) {
    throw new LocalError("USE_BODY_LENGTH", `Content-Length is ${declared}, the body has ${length}.`);
  } else sink.head(bodiless ? withoutFalseLength(reply) : reply, length);
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
  const end = (trailers: unknown): void => sink.end((trailers ?? null) as Fields | null);
  try {
    const trailers = ask();
    if (trailers === null || trailers instanceof Fields) end(trailers);
    else promiseOf(trailers).then(end, (error) => sink.fail(error));
  } catch (error) {
    sink.fail(error);
  }
}

function declaredLength(reply: Reply): number | undefined {
  // Of a status without content it is not sent, and so cannot be wrong.
  if ((kindsOf(reply.headers) & CONTENT_LENGTH) === 0 || !mayHaveBody(reply.status)) return undefined;
  const values = reply.headers.all("content-length");
  const [text = ""] = values;
  if (values.length !== 1 || !/^\d{1,15}$/.test(text)) {
    throw new LocalError("USE_BODY_LENGTH", `Content-Length is ${JSON.stringify(values.join(", "))}.`);
  }
  return Number(text);
}

// RFC 9110 §8.6: 204 has no length, and that of a 304 would have to be that of a reply which nobody has made.
function withoutFalseLength(reply: Reply): Reply {
  if (mayHaveBody(reply.status) || !reply.headers.has("content-length")) return reply;
  return withFields(reply, (fields) => fields.delete("content-length"));
}

// RFC 9110 §15.3.6: 205 has no content, and says so by its length.
function checkContent(reply: Reply, length: number): void {
  if (reply.status === 205 && length > 0) throw new LocalError("USE_BODY_NOT_ALLOWED", "205 has no content.");
}

function startStream(reply: Reply, body: Exclude<Body, null | string | Uint8Array>, sink: ReplySink): Stream | null {
  if (sink.bodiless(reply.status)) {
    discardBody(body);
    const declared = declaredLength(reply);
    const length = declared ?? (body instanceof FileSlice ? body.end - body.start : undefined);
    sink.head(withoutFalseLength(reply), length);
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
  readonly #head: DueHead;
  readonly #sink: ReplySink;
  #state: "open" | "over" = "open";

  constructor(reply: Reply, pipe: Pipe, sink: ReplySink) {
    this.#pipe = pipe;
    this.#sink = sink;
    this.#head = new DueHead(reply, declaredLength(reply), sink, (error) => this.#fail(error));
    pipe.attach(
      {
        chunk: (bytes) => this.#chunk(bytes),
        end: (trailers) => this.#then("end", () => (trailers === null ? finish(reply, sink) : sink.end(trailers))),
        fail: (error) => this.#fail(error),
      },
      { flush: () => this.#then("nothing yet", () => sink.flush()) },
    );
    this.#head.wait();
  }

  drain(): void {
    this.#pipe.resume();
  }

  cancel(reason: Error): void {
    this.#state = "over";
    this.#head.drop();
    this.#pipe.cancel(reason);
  }

  #chunk(bytes: Uint8Array): boolean {
    try {
      this.#head.send("piece", bytes.length);
      this.#sink.data(bytes);
    } catch (error) {
      this.#fail(error);
    }
    return this.#sink.writable;
  }

  #then(behind: "end" | "nothing yet", step: () => void): void {
    try {
      this.#head.send(behind);
      step();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#state === "over") return;
    this.cancel(asError(error));
    this.#sink.fail(error);
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
  readonly #head: DueHead;
  readonly #iterator: AsyncIterator<Uint8Array | string>;
  #state: "pulling" | "holding" | "over" = "pulling";
  /** Octets since this last waited for anything. */
  #burst = 0;

  constructor(reply: Reply, body: AsyncIterable<Uint8Array | string>, sink: ReplySink) {
    this.#reply = reply;
    this.#sink = sink;
    this.#body = body;
    this.#head = new DueHead(reply, declaredLength(reply), sink, (error) => this.#spoilt(error));
    this.#iterator = piecesIn(body);
    // A body made from the request's body now begins to read that, and 100 Continue is still to be had.
    this.#await(this.#next());
    this.#head.wait();
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
    this.#head.drop();
    if (!destroyStream(this.#body)) release(() => this.#iterator);
  }

  #next(): Promise<unknown> {
    try {
      return promiseOf(this.#iterator.next());
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #await(result: Promise<unknown>): void {
    result.then(
      (step) => this.#take(step),
      (error) => this.#fail(error),
    );
  }

  #take(given: unknown): void {
    if (this.#state === "over") return;
    try {
      if (typeof given !== "object" || given === null) throw new LocalError("USE_BAD_BODY");
      const { done, value } = given as IteratorResult<Uint8Array | string>;
      const piece = done === true ? null : pieceOf(value);
      this.#head.send(piece === null ? "end" : "piece", piece?.length);
      if (piece === null) {
        this.#state = "over";
        return finish(this.#reply, this.#sink);
      }
      if (piece.length > 0) this.#sink.data(piece);
      this.#burst += Math.max(piece.length, PIECE_COST);
    } catch (error) {
      return this.#spoilt(error);
    }
    if (this.#sink.writable && this.#burst < BURST_BYTES) return this.#await(this.#next());
    this.#state = "holding";
    // A producer that never waits, to a peer that takes all: the others get their turn.
    if (this.#sink.writable) setImmediate(() => this.drain());
  }

  /** What the producer gave cannot be sent: it is stopped. */
  #spoilt(error: unknown): void {
    this.cancel();
    this.#sink.fail(error);
  }

  /** The producer has failed. */
  #fail(error: unknown): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#head.drop();
    this.#sink.fail(error);
  }
}

function pieceOf(value: unknown): Uint8Array {
  const piece = typeof value === "string" ? Buffer.from(value, "utf8") : value;
  if (!(piece instanceof Uint8Array)) throw new LocalError("USE_BAD_BODY", "A chunk is a string or bytes.");
  return piece;
}

const FILE_PIECE = 65_536;

/** Octets of a file: opened and read from before the head is sent, so that one that cannot be had is still answered. */
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
      const { start, end } = slice;
      if (start === end && !this.#left) this.#sink.head(reply, 0);
      for (let at = start; at < end && !this.#left; ) {
        const piece = Buffer.allocUnsafe(Math.min(FILE_PIECE, end - at));
        const { bytesRead } = await file.read(piece, 0, piece.length, at);
        if (this.#left) return;
        if (bytesRead === 0) throw new TransportError("NET_CLOSED", `${slice.path} is shorter than it was.`);
        if (at === start) this.#sink.head(reply, end - start);
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
