// The body that a peer sends, on its way in. Nothing is read until somebody asks: as bytes, text or json (bounded), or piece
// by piece (not bounded, unless limits.streamBytes is set). Asking is also what sends 100 Continue. Itself a Body, so that
// it can be sent on as it comes.
import { LocalError, TransportError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import { DecodedBody, decoderOf } from "./decoded.ts";
import type { Fields, ReadonlyFields } from "./fields.ts";
import { Pipe, type Sink } from "./pipe.ts";
import { Collected, checkLimit, decodeText, type Inbound, isPresent, parseJson, show, tooLarge } from "./reading.ts";

export type { Inbound } from "./reading.ts";

/** What a body asks of the connection that it arrives on. */
export interface InboundSource {
  /** limits.bodyBytes. */
  readonly bodyBytes: number;
  /** Of the message: their Content-Encoding says how the body is coded; left out, it is not. */
  readonly headers?: ReadonlyFields;
  /** Reading begins: an awaited 100 Continue goes out. */
  wanted(): void;
  /** There is room again, after feed() said false. */
  room(): void;
  /** Nobody will read the rest. */
  unwanted(): void;
}

/** The body as the connection feeds it. */
export class ReceivedBody implements Inbound {
  readonly #length: number | undefined;
  readonly #source: InboundSource;
  #state: Inbound["state"] = "unread";
  #trailers: Fields | null = null;
  #pipe: Pipe | null = null;
  /** The whole body as a view, valid while the handler is first called; see hold(). */
  #view: Uint8Array | null = null;
  /** Whether the connection still feeds, has fed all of it, or why not. */
  #ending: "open" | "complete" | Error = "open";
  #visitor: Sink | null = null;
  /** Whether a byte has come. */
  #hasSome = false;
  /** Who waits to know whether one will. */
  #awaited: { readonly promise: Promise<boolean>; readonly tell: (empty: boolean) => void } | null = null;

  constructor(length: number | undefined, source: InboundSource) {
    this.#length = length;
    this.#source = source;
  }

  get length(): number | undefined {
    return this.#length;
  }

  get limit(): number {
    return this.#source.bodyBytes;
  }

  get state(): Inbound["state"] {
    return this.#state;
  }

  get trailers(): Fields | null {
    return this.#state === "done" ? this.#trailers : null;
  }

  isEmpty(): Promise<boolean> {
    if (this.#length !== undefined) return Promise.resolve(this.#length === 0);
    // Why it did not come whole is for who reads it.
    if (this.#hasSome || this.#ending !== "open") {
      return Promise.resolve(!this.#hasSome && this.#ending === "complete");
    }
    if (this.#awaited === null) {
      let tell!: (empty: boolean) => void;
      const promise = new Promise<boolean>((resolve) => {
        tell = resolve;
      });
      this.#awaited = { promise, tell };
      this.#source.wanted();
    }
    return this.#awaited.promise;
  }

  bytes(limit?: number): Promise<Uint8Array> {
    return handled(this.#bytes(limit));
  }

  text(limit?: number): Promise<string> {
    return handled(this.#read(limit, decodeText, (body) => body.text()));
  }

  json<T = unknown>(limit?: number): Promise<T> {
    return handled(this.#read(limit, jsonOf, (body) => body.json()) as Promise<T>);
  }

  forEach(visit: (bytes: Uint8Array) => void): Promise<void> {
    return handled(this.#visited(visit));
  }

  cancel(reason?: Error): void {
    if (this.#state === "done" || this.#state === "failed") return;
    const why = reason ?? new TransportError("NET_CLOSED", "The rest of the body was not wanted.");
    this.#ending = why;
    this.#state = "failed";
    this.#view = null;
    this.#tell(false);
    this.#source.unwanted();
    this.#pipe?.cancel(why);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    this.#begin();
    const pipe = this.#piped();
    const chunks = pipe[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
    let left = false;
    const step = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
      try {
        const result = await chunks.next();
        if (result.done === true && !left) this.#settle();
        return result;
      } catch (error) {
        this.#state = "failed";
        throw error;
      }
    };
    return {
      next: () => handled(step()),
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
    this.#hasSome = view.length > 0;
    this.#ending = "complete";
  }

  /** The read buffer will be used again: what is still wanted is copied. */
  hold(): void {
    if (this.#view !== null) this.#view = copyOf(this.#view);
  }

  /** A piece has arrived; it is shown or copied. @returns false: no more until room(). */
  feed(view: Uint8Array): boolean {
    if (this.#ending !== "open") return true;
    if (!this.#hasSome && view.length > 0) {
      this.#hasSome = true;
      this.#tell(false);
    }
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
    this.#tell(!this.#hasSome);
    this.#pipe?.end();
  }

  /** The rest will not come. */
  fail(error: Error): void {
    if (this.#ending !== "open") return;
    this.#ending = error;
    this.#tell(false);
    this.#pipe?.fail(error);
  }

  /** Whether somebody has begun to read. */
  get begun(): boolean {
    return this.#state !== "unread";
  }

  #tell(empty: boolean): void {
    this.#awaited?.tell(empty);
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
    if (this.#length !== undefined && this.#length > limit) throw tooLarge();
    this.#begin();
    const view = this.#view;
    if (view !== null) {
      this.#view = null;
      this.#state = "done";
    }
    return view;
  }

  async #bytes(limit: number | undefined): Promise<Uint8Array> {
    const whole = this.#take(limit);
    return whole === null ? this.#collect(limit) : copyOf(whole);
  }

  /** What is made of all of it: by `read`, or by `readDecoded` where it has a coding. A view of what is here is read in place. */
  async #read<T>(
    limit: number | undefined,
    read: (bytes: Uint8Array) => T,
    readDecoded: (body: DecodedBody) => Promise<T>,
  ): Promise<T> {
    const { headers } = this.#source;
    // What is not there has no coding, whatever its message says.
    if (headers?.has("content-encoding") === true && (await isPresent(headers, this))) {
      const decoder = decoderOf(headers);
      if (decoder !== null) return readDecoded(new DecodedBody(this, decoder, limit));
    }
    const whole = this.#take(limit);
    return read(whole ?? (await this.#collect(limit)));
  }

  async #collect(limit: number = this.#source.bodyBytes): Promise<Uint8Array> {
    const collected = new Collected(this.#length, limit);
    await this.#push((bytes) => collected.add(bytes));
    return collected.bytes;
  }

  async #visited(visit: (bytes: Uint8Array) => void): Promise<void> {
    const whole = this.#take(Number.POSITIVE_INFINITY);
    if (whole === null) await this.#push((bytes) => show(bytes, visit));
    else if (whole.length > 0) show(whole, visit);
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

/** The value of JSON that is here; undefined where nothing is. */
function jsonOf(bytes: Uint8Array): unknown {
  return bytes.length === 0 ? undefined : parseJson(bytes);
}

class NoBody implements Inbound {
  get length(): number {
    return 0;
  }

  get limit(): number {
    return 0;
  }

  get state(): Inbound["state"] {
    return "done";
  }

  get trailers(): null {
    return null;
  }

  async isEmpty(): Promise<boolean> {
    return true;
  }

  async bytes(): Promise<Uint8Array> {
    return new Uint8Array(0);
  }

  async text(): Promise<string> {
    return "";
  }

  async json<T = unknown>(): Promise<T> {
    return undefined as T;
  }

  async forEach(): Promise<void> {}

  cancel(): void {}

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined> {
    return { next: async () => ({ done: true, value: undefined }) };
  }
}

/** The body of a message that has none. It can be asked again and again, and always says nothing. */
export const NO_BODY: Inbound = new NoBody();
