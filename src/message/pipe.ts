// The one bounded queue between a producer and a consumer of bytes: request bodies, imperative responses, channels, child
// processes. One high-water mark, one way to say "slow down", one way to say "the reader has gone".
//
// It is consumed either by async iteration or by one Sink that chunks are pushed to; the iterator is written by hand, because
// the return() of an async generator waits behind a pending next(), and a silent stream would never learn that its reader
// has left.
import { LocalError, TransportError } from "../base/errors.ts";
import type { Fields } from "./fields.ts";

/** Octets that may wait before write() says false. */
export const HIGH_WATER = 65_536;

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
  #size = 0;
  #ending: Ending | null = null;
  /** Why the consumer has left; null while it has not. */
  #left: Error | null = null;
  #sink: Sink | null = null;
  #held = false;
  #waiting: Waiting | null = null;
  #drains: Drain[] = [];
  #cancelled: AbortController | null = null;
  #onDrain: (() => void) | null = null;
  #onCancel: ((reason: Error) => void) | null = null;
  #onFlush: (() => void) | null = null;

  /** @param highWater octets that may wait before write() says false. */
  constructor(highWater: number = HIGH_WATER) {
    this.#highWater = highWater;
  }

  /** Octets that wait. */
  get size(): number {
    return this.#size;
  }

  /** Whether end() or fail() was called. */
  get ended(): boolean {
    return this.#ending !== null;
  }

  /**
   * Queues a chunk and takes ownership of it; text becomes UTF-8, empty chunks are ignored.
   *
   * @returns false: wait for drained(). To a consumer that has left it is always false, and nothing is kept.
   * @throws LocalError USE_ENDED after end().
   */
  write(chunk: Uint8Array | string): boolean {
    if (this.#left !== null) return false;
    if (this.#ending !== null) throw new LocalError("USE_ENDED");
    const bytes = typeof chunk === "string" ? Buffer.from(chunk, "utf8") : chunk;
    if (!(bytes instanceof Uint8Array)) throw new LocalError("USE_BAD_BODY", "A chunk is a string or bytes.");
    if (bytes.length === 0) return this.#size < this.#highWater;
    if (this.#waiting !== null) {
      const { resolve } = this.#waiting;
      this.#waiting = null;
      resolve({ done: false, value: bytes });
      return true;
    }
    if (this.#sink !== null && !this.#held && this.#queue.length === 0) {
      this.#held = !this.#sink.chunk(bytes);
      return !this.#held;
    }
    this.#queue.push(bytes);
    this.#size += bytes.length;
    return this.#size < this.#highWater;
  }

  /** Resolves when there is room again; rejects with the reason when the consumer has left, so that it never hangs. */
  drained(): Promise<void> {
    if (this.#left !== null) return Promise.reject(this.#left);
    if (this.#size < this.#highWater && !this.#held) return Promise.resolve();
    return new Promise((resolve, reject) => this.#drains.push({ resolve, reject }));
  }

  /** What has been written leaves now, and not only at the end of the turn. */
  flush(): void {
    this.#onFlush?.();
  }

  /** The last chunk was written. Harmless when it has ended or the consumer has left. */
  end(trailers?: Fields): void {
    this.#finish({ trailers: trailers ?? null });
  }

  /** The body cannot be completed: the consumer gets the error once it has read what is queued. */
  fail(error: Error): void {
    this.#finish({ error });
  }

  /** The consumer leaves: what waits is dropped, the producer is told. @param reason what drained() rejects with. */
  cancel(reason: Error = new TransportError("NET_CLOSED")): void {
    if (this.#left !== null) return;
    this.#left = reason;
    this.#queue = [];
    this.#size = 0;
    this.#cancelled?.abort(reason);
    this.#onCancel?.(reason);
    this.#waiting?.resolve(DONE);
    this.#waiting = null;
    for (const { reject } of this.#drains.splice(0)) reject(reason);
  }

  /** Aborts when the consumer leaves: the producer's cue to stop. */
  get cancelled(): AbortSignal {
    if (this.#cancelled === null) {
      this.#cancelled = new AbortController();
      if (this.#left !== null) this.#cancelled.abort(this.#left);
    }
    return this.#cancelled.signal;
  }

  /** Hands the pipe to a consumer that is pushed to. What waits is pushed at once. */
  attach(sink: Sink, hooks?: { readonly flush?: () => void }): void {
    this.#sink = sink;
    this.#onFlush = hooks?.flush ?? null;
    this.resume();
  }

  /** The sink takes chunks again. */
  resume(): void {
    const sink = this.#sink;
    if (sink === null) return;
    this.#held = false;
    while (this.#queue.length > 0 && !this.#held) {
      const bytes = this.#queue.shift() as Uint8Array;
      this.#size -= bytes.length;
      this.#held = !sink.chunk(bytes);
    }
    if (this.#queue.length === 0) this.#conclude(sink);
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
    const bytes = this.#queue.shift();
    if (bytes !== undefined) {
      this.#size -= bytes.length;
      this.#announceRoom();
      return Promise.resolve({ done: false, value: bytes });
    }
    if (this.#left !== null) return Promise.resolve(DONE);
    const ending = this.#ending;
    if (ending !== null) return "error" in ending ? Promise.reject(ending.error) : Promise.resolve(DONE);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #finish(ending: Ending): void {
    if (this.#ending !== null || this.#left !== null) return;
    this.#ending = ending;
    if (this.#waiting !== null) {
      if ("error" in ending) this.#waiting.reject(ending.error);
      else this.#waiting.resolve(DONE);
      this.#waiting = null;
    } else if (this.#sink !== null && this.#queue.length === 0) {
      this.#conclude(this.#sink);
    }
  }

  #conclude(sink: Sink): void {
    const ending = this.#ending;
    if (ending === null) return;
    this.#sink = null;
    if ("error" in ending) sink.fail(ending.error);
    else sink.end(ending.trailers);
  }

  #announceRoom(): void {
    if (this.#size >= this.#highWater || this.#held) return;
    this.#onDrain?.();
    for (const { resolve } of this.#drains.splice(0)) resolve();
  }
}
