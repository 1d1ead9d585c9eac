// The one bounded queue between a producer and a consumer of bytes: request bodies, imperative responses, channels, child
// processes. One high-water mark, one way to say "slow down", one way to say "the reader has gone".
//
// It is consumed either by async iteration or by one Sink that chunks are pushed to; the iterator is written by hand, because
// the return() of an async generator waits behind a pending next(), and a silent stream would never learn that its reader
// has left.
import { LocalError, TransportError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import type { Fields } from "./fields.ts";

/** Octets that may wait before write() says false. */
export const HIGH_WATER = 65_536;

// A queued chunk costs some 200 octets besides its own, so a peer that sends an octet at a time could make a queue hold many
// times its high-water mark. Pieces up to SMALL are gathered; what gathers them doubles from its first size to its last, so
// that a few octets between two large pieces do not cost a page.
const SMALL_BYTES = 1024;
const GATHER_FIRST_BYTES = 256;
const GATHER_BYTES = 4096;

/** The consumer that a pipe pushes to. */
export interface Sink {
  /** Takes a chunk; false asks the pipe to hold the next ones until resume(). */
  chunk(bytes: Uint8Array): boolean;
  end(trailers: Fields | null): void;
  fail(error: Error): void;
}

type Ending = { readonly trailers: Fields | null } | { readonly error: Error };
interface Waiting {
  readonly resolve: (result: IteratorResult<Uint8Array, undefined>) => void;
  readonly reject: (error: Error) => void;
}
interface Drain {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const DONE: IteratorResult<Uint8Array, undefined> = { done: true, value: undefined };

/**
 * A bounded queue of bytes.
 *
 * @example
 * const pipe = new Pipe();
 * setTimeout(() => pipe.end(), 10);
 * pipe.write("hello");
 * for await (const chunk of pipe) console.log(chunk.length); // 5
 */
export class Pipe implements AsyncIterable<Uint8Array> {
  readonly #highWater: number;
  #queue: Uint8Array[] = [];
  /** Gathers small pieces behind the queue; its first #gathered octets are taken. */
  #gather: Uint8Array | null = null;
  #gathered = 0;
  #size = 0;
  #ending: Ending | null = null;
  /** Why the consumer has left; null while it has not. */
  #left: Error | null = null;
  #sink: Sink | null = null;
  #attached = false;
  #held = false;
  #waiting: Waiting[] = [];
  #drains: Drain[] = [];
  #cancelled: AbortController | null = null;
  #onDrain: (() => void) | null = null;
  #onCancel: ((reason: Error) => void) | null = null;
  #onFlush: (() => void) | null = null;
  /** Asked for before there was a sink. */
  #flush: "no" | "due" = "no";

  /** @param highWater octets that may wait before write() says false. */
  constructor(highWater: number = HIGH_WATER) {
    this.#highWater = highWater;
  }

  /** Octets that wait. */
  get size(): number {
    return this.#size;
  }

  /** Whether as much waits as should: write() then says false. */
  get full(): boolean {
    return this.#size >= this.#highWater;
  }

  /** Whether end() or fail() was called. */
  get ended(): boolean {
    return this.#ending !== null;
  }

  /**
   * Queues a chunk, which stays one chunk, and takes ownership of it; text becomes UTF-8, empty chunks are ignored.
   *
   * @returns false: wait for drained(). To a consumer that has left it is always false, and nothing is kept.
   * @throws LocalError USE_ENDED after end().
   */
  write(chunk: Uint8Array | string): boolean {
    if (this.#left !== null) return false;
    if (this.#ending !== null) throw new LocalError("USE_ENDED");
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, "utf8") : chunk;
    if (!(bytes instanceof Uint8Array)) throw new LocalError("USE_BAD_BODY", "A chunk is a string or bytes.");
    if (bytes.length === 0) return !this.full;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) {
      waiting.resolve({ done: false, value: bytes });
      return true;
    }
    if (this.#sink !== null && !this.#held && this.#size === 0) {
      this.#held = !this.#sink.chunk(bytes);
      return !this.#held;
    }
    this.#seal();
    this.#queue.push(bytes);
    this.#size += bytes.length;
    return !this.full;
  }

  /**
   * Copies a small piece behind what waits, where the boundaries of pieces mean nothing: many become one chunk.
   *
   * @param view a piece that was received; it is not kept.
   * @returns false: it was not taken (it is large, nothing waits, or nothing can be written); write() a copy of it.
   */
  gather(view: Uint8Array): boolean {
    const { length } = view;
    if (length > SMALL_BYTES || this.#size === 0 || this.#ending !== null) return false;
    if (this.#gathered + length > GATHER_BYTES) this.#seal();
    const needed = this.#gathered + length;
    if (this.#gather === null || needed > this.#gather.length) {
      const wider = Buffer.allocUnsafeSlow(Math.min(GATHER_BYTES, Math.max(GATHER_FIRST_BYTES, 2 * needed)));
      if (this.#gather !== null) wider.set(this.#gather.subarray(0, this.#gathered));
      this.#gather = wider;
    }
    this.#gather.set(view, this.#gathered);
    this.#gathered = needed;
    this.#size += length;
    return true;
  }

  /** Resolves when there is room again; rejects with the reason when the consumer has left, so that it never hangs. */
  drained(): Promise<void> {
    if (this.#left !== null) return handled(Promise.reject(this.#left));
    if (!this.full && !this.#held) return Promise.resolve();
    return handled(new Promise((resolve, reject) => this.#drains.push({ resolve, reject })));
  }

  /** What has been written leaves now, and not only at the end of the turn; of a reply the head does, also where nothing was written. */
  flush(): void {
    if (this.#attached) this.#onFlush?.();
    else this.#flush = "due";
  }

  /** The last chunk was written. Harmless when it has ended or the consumer has left. */
  end(trailers?: Fields): void {
    this.#finish({ trailers: trailers ?? null });
  }

  /** The body cannot be completed: the consumer gets the error once it has read what is queued. */
  fail(error: Error): void {
    this.#finish({ error });
  }

  /**
   * The consumer leaves: what waits is dropped, the producer is told, and so is a sink, whoever made it leave.
   *
   * @param reason what drained() rejects with.
   */
  cancel(reason: Error = new TransportError("NET_CLOSED")): void {
    if (this.#left !== null) return;
    this.#left = reason;
    this.#queue = [];
    this.#gather = null;
    this.#gathered = 0;
    this.#size = 0;
    const sink = this.#sink;
    this.#sink = null;
    this.#cancelled?.abort(reason);
    this.#onCancel?.(reason);
    for (const { resolve } of this.#waiting.splice(0)) resolve(DONE);
    for (const { reject } of this.#drains.splice(0)) reject(reason);
    sink?.fail(reason);
  }

  /** Aborts when the consumer leaves: the producer's cue to stop. */
  get cancelled(): AbortSignal {
    if (this.#cancelled === null) {
      this.#cancelled = new AbortController();
      if (this.#left !== null) this.#cancelled.abort(this.#left);
    }
    return this.#cancelled.signal;
  }

  /**
   * Hands the pipe to a consumer that is pushed to. What waits is pushed at once; a pipe that was cancelled fails it at once.
   *
   * @throws LocalError USE_STATE the second time.
   */
  attach(sink: Sink, hooks?: { readonly flush?: () => void }): void {
    if (this.#attached) throw new LocalError("USE_STATE", "A pipe is read once, by one sink.");
    this.#attached = true;
    if (this.#left !== null) return sink.fail(this.#left);
    this.#sink = sink;
    this.#onFlush = hooks?.flush ?? null;
    this.resume();
    if (this.#flush === "due") this.flush();
  }

  /** The sink takes chunks again. */
  resume(): void {
    const sink = this.#sink;
    if (sink === null) return;
    this.#held = false;
    while (!this.#held) {
      const bytes = this.#shift();
      if (bytes === undefined) break;
      this.#held = !sink.chunk(bytes);
    }
    if (this.#size === 0) this.#conclude();
    this.#announceRoom();
  }

  /** What the producer's side is told without a promise: room again, or nobody reads any more. */
  watch(hooks: { readonly drain?: () => void; readonly cancel?: (reason: Error) => void }): void {
    this.#onDrain = hooks.drain ?? null;
    this.#onCancel = hooks.cancel ?? null;
    if (this.#left !== null) this.#onCancel?.(this.#left);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return {
      next: () => this.#next(),
      return: () => {
        this.cancel();
        return Promise.resolve(DONE);
      },
    };
  }

  #next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const bytes = this.#shift();
    if (bytes !== undefined) {
      this.#announceRoom();
      return Promise.resolve({ done: false, value: bytes });
    }
    if (this.#left !== null) return Promise.resolve(DONE);
    const ending = this.#ending;
    if (ending !== null) return "error" in ending ? handled(Promise.reject(ending.error)) : Promise.resolve(DONE);
    return handled(new Promise((resolve, reject) => this.#waiting.push({ resolve, reject })));
  }

  #finish(ending: Ending): void {
    if (this.#ending !== null || this.#left !== null) return;
    this.#ending = ending;
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if ("error" in ending) reject(ending.error);
      else resolve(DONE);
    }
    if (this.#size === 0) this.#conclude();
  }

  /** The next chunk that waits. */
  #shift(): Uint8Array | undefined {
    if (this.#queue.length === 0) this.#seal();
    const bytes = this.#queue.shift();
    if (bytes !== undefined) this.#size -= bytes.length;
    return bytes;
  }

  /** What was gathered becomes a chunk of the queue. */
  #seal(): void {
    if (this.#gather === null) return;
    this.#queue.push(this.#gather.subarray(0, this.#gathered));
    this.#gather = null;
    this.#gathered = 0;
  }

  #conclude(): void {
    const sink = this.#sink;
    const ending = this.#ending;
    if (sink === null || ending === null) return;
    this.#sink = null;
    if ("error" in ending) sink.fail(ending.error);
    else sink.end(ending.trailers);
  }

  #announceRoom(): void {
    if (this.full || this.#held) return;
    this.#onDrain?.();
    for (const { resolve } of this.#drains.splice(0)) resolve();
  }
}
