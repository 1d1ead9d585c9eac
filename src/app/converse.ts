// One exchange over a connection of its own, seen from the client: a request goes in, its reply comes out with a body that is read
// as it is asked for. For servers that are reached without a network: in this thread, or in another.
import { asError, LocalError, RemoteError, TransportError } from "../base/errors.ts";
import type { Transport } from "../base/transport.ts";
import { type Body, FileSlice, Takeover } from "../message/body.ts";
import { destroyStream, piecesIn, release } from "../message/discard.ts";
import { Fields } from "../message/fields.ts";
import type { RequestHead, ResponseHead } from "../message/head.ts";
import { type Inbound, ReceivedBody } from "../message/inbound.ts";
import { type Reply, reply } from "../message/reply.ts";
import type { WireEvent } from "../wire/events.ts";
import { H1Machine } from "../wire/h1/machine.ts";
import { piecesOf } from "./slice.ts";

/** A request as it is sent here. */
export interface Said {
  readonly head: RequestHead;
  readonly body: Body;
  readonly signal: AbortSignal | undefined;
}

/** What happens beside. */
export interface Aside {
  /** This end listens: the far end is given to who serves it. */
  begun(): void;
  /** The whole reply has come. */
  answered?(): void;
  /** What the reply, or its body, fails with where the connection ended with an error; a promise, where that is known later. */
  failed?(error: Error): Error | Promise<Error>;
}

/**
 * Sends a request over the near end of a connection, which it takes over. Where the head has Expect, the body is begun when the far
 * end asks for it.
 *
 * @throws what the connection ends with before there is a reply; the reason of the signal.
 */
export async function converse(near: Transport, said: Said, aside: Aside): Promise<Reply<Inbound & Body>> {
  const { head, body, signal } = said;
  if (body instanceof Takeover) throw new LocalError("USE_BAD_BODY", "A request cannot be a takeover.");
  signal?.throwIfAborted();
  const conversation = new Conversation(near, aside);
  const abort = (): void => near.destroy(signal?.reason as Error);
  signal?.addEventListener("abort", abort, { once: true });
  near.open(conversation);
  try {
    aside.begun();
    conversation.send({ type: "request", head, length: lengthOf(body) });
    const sent = conversation.sendBody(body);
    // Also where the reply has begun: neither side would ever hear of an end.
    sent.catch((error: unknown) => near.destroy(asError(error)));
    return await Promise.race([conversation.reply, sent.then(() => conversation.reply)]);
  } catch (error) {
    near.destroy();
    throw signal?.aborted === true ? signal.reason : error;
  } finally {
    void conversation.over.then(() => signal?.removeEventListener("abort", abort));
  }
}

function lengthOf(body: Body | Inbound): number | undefined {
  if (body === null) return 0;
  if (typeof body === "string") return Buffer.byteLength(body);
  if (body instanceof FileSlice) return body.end - body.start;
  const { length } = body as { readonly length?: unknown }; // of bytes, and of a body that was received with one
  return typeof length === "number" ? length : undefined;
}

// In memory nothing is ever waited for: two that always have something to do would let no timer and no socket have a turn.
const BREATH = 64;

/** One exchange, seen from the client. */
class Conversation {
  readonly reply: Promise<Reply<Inbound & Body>>;
  /** Settles when the connection is over; never rejects. */
  readonly over: Promise<void>;
  readonly #transport: Transport;
  readonly #machine = new H1Machine("client");
  readonly #aside: Aside;
  readonly #out: (bytes: Uint8Array | string) => void;
  #ended!: () => void;
  #answered!: { readonly resolve: (reply: Reply<Inbound & Body>) => void; readonly reject: (error: unknown) => void };
  #body: ReceivedBody | null = null;
  #drained: (() => void) | null = null;
  /** The body, while it is sent. */
  #source: { readonly body: object; readonly pieces: AsyncIterator<Uint8Array | string> } | null = null;
  #invited: (() => void) | null = null;
  /** Whether the transport takes more. */
  #room = true;
  /** "full": nobody has read what came. "breath": everybody else has a turn. */
  #held: "no" | "full" | "breath" = "no";
  #pieces = 0;
  /** "over": it is sent, or nobody takes the rest. */
  #sending: "open" | "over" = "open";

  constructor(transport: Transport, aside: Aside) {
    this.#transport = transport;
    this.#aside = aside;
    this.#out = (bytes) => {
      this.#room = transport.write([bytes]);
    };
    this.reply = new Promise((resolve, reject) => {
      this.#answered = { resolve, reject };
    });
    this.reply.catch(() => {}); // whoever awaits it hears of it; nobody else does
    this.over = new Promise((resolve) => {
      this.#ended = resolve;
    });
  }

  send(event: WireEvent): void {
    this.#machine.send(event, this.#out);
  }

  async sendBody(body: Body): Promise<void> {
    if (this.#machine.awaitsContinue) await new Promise<void>((resolve) => (this.#invited = resolve));
    if (body instanceof FileSlice) await this.#stream(piecesOf(body));
    else if (typeof body === "string" || body instanceof Uint8Array) this.#piece(body);
    else if (body !== null) await this.#stream(body as AsyncIterable<Uint8Array | string>);
    this.#sendEnd();
  }

  /** A server that has answered and gone does not want the rest. */
  async #stream(body: AsyncIterable<Uint8Array | string>): Promise<void> {
    if (this.#sending === "over") return;
    const pieces = piecesIn(body);
    this.#source = { body, pieces };
    while (this.#sending === "open") {
      const piece = await this.#next(pieces);
      if (piece === null) return;
      this.#piece(piece);
      if (!this.#room) await new Promise<void>((resolve) => (this.#drained = resolve));
      if (++this.#pieces % BREATH === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #invite(): void {
    const invited = this.#invited;
    this.#invited = null;
    invited?.();
  }

  /** The next piece; null behind the last, and where nobody takes it any more. */
  async #next(pieces: AsyncIterator<Uint8Array | string>): Promise<Uint8Array | string | null> {
    try {
      const { done, value } = await pieces.next();
      if (done !== true) return this.#sending === "over" ? null : value;
      this.#source = null;
    } catch (error) {
      if (this.#sending === "open") throw error;
    }
    return null;
  }

  /** The rest of the body is for nobody: who makes it is told, also while its next piece is awaited. */
  #stopSending(): void {
    this.#sending = "over";
    this.#invite();
    this.drain();
    const source = this.#source;
    this.#source = null;
    if (source !== null && !destroyStream(source.body)) release(() => source.pieces);
  }

  #piece(piece: Uint8Array | string): void {
    const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
    if (bytes.length > 0 && this.#sending === "open") this.send({ type: "data", bytes });
  }

  #sendEnd(): void {
    if (this.#sending === "over") return;
    this.#sending = "over";
    this.send({ type: "end", trailers: null });
  }

  data(bytes: Uint8Array, start: number, end: number): void {
    this.#read(bytes, start, end);
  }

  end(): void {
    this.#read(null, 0, 0);
    this.#transport.end();
  }

  drain(): void {
    const drained = this.#drained;
    this.#drained = null;
    drained?.();
  }

  close(error: Error = new TransportError("NET_CLOSED")): void {
    const why = this.#aside.failed?.(error) ?? error;
    if (why instanceof Promise) void why.then((known) => this.#fail(known));
    else this.#fail(why);
    this.#stopSending();
    this.#ended();
  }

  #fail(error: Error): void {
    this.#answered.reject(error);
    this.#body?.fail(error);
  }

  #read(bytes: Uint8Array | null, start: number, end: number): void {
    try {
      this.#machine.receive(bytes, start, end);
      for (let event = this.#machine.next(); typeof event !== "string"; event = this.#machine.next()) this.#take(event);
      if (this.#machine.theirs === "switched") this.#transport.destroy(new LocalError("USE_UNSUPPORTED", "101 came."));
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      this.#transport.destroy(error);
    }
  }

  #take(event: WireEvent): void {
    if (event.type === "informational" && event.head.status === 100) this.#invite();
    else if (event.type === "response") this.#answer(event.head, event.length);
    else if (event.type === "data") this.#feed(event.bytes as Uint8Array);
    else if (event.type === "end") this.#finish(event.trailers);
  }

  #answer({ status, reason, headers }: ResponseHead, length: number | undefined): void {
    if (status === 101) return;
    if (this.#invited !== null) this.#stopSending(); // it answers without the body
    const body = new ReceivedBody(length, {
      bodyBytes: Number.POSITIVE_INFINITY,
      headers,
      wanted: () => {},
      room: () => this.#roomAgain(),
      unwanted: () => this.#transport.destroy(),
    });
    this.#body = body;
    // The framing has done its work; a reply that is answered with gets its own.
    const fields = new Fields([...headers].filter(([name]) => name.toLowerCase() !== "transfer-encoding"));
    this.#answered.resolve(reply(status, fields, body as Inbound & Body, { reason }));
  }

  #feed(bytes: Uint8Array): void {
    const room = this.#body?.feed(bytes) !== false;
    if (room && ++this.#pieces % BREATH !== 0) return;
    this.#transport.pause();
    this.#held = room ? "breath" : "full";
    if (room) setImmediate(() => this.#breathed());
  }

  #roomAgain(): void {
    if (this.#held !== "full") return;
    this.#held = "no";
    this.#transport.resume();
  }

  #breathed(): void {
    this.#held = "no";
    this.#transport.resume();
  }

  #finish(trailers: Fields | null): void {
    this.#stopSending();
    this.#aside.answered?.();
    this.#body?.end(trailers);
    this.#transport.end();
  }
}
