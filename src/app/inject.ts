// A request to a server in the same process, without a socket: a connection in memory, with the wire on both sides, so that what
// comes back is what a peer on the network would get.
import { asError, LocalError, RemoteError, TransportError } from "../base/errors.ts";
import type { Peer, Transport } from "../base/transport.ts";
import { type Body, FileSlice, Takeover } from "../message/body.ts";
import { Fields } from "../message/fields.ts";
import type { Outgoing } from "../message/handler.ts";
import type { ResponseHead } from "../message/head.ts";
import { type Inbound, ReceivedBody } from "../message/inbound.ts";
import { type Reply, reply } from "../message/reply.ts";
import type { Server } from "../server/server.ts";
import { memoryPair } from "../transport/memory.ts";
import type { WireEvent } from "../wire/events.ts";
import { H1Machine } from "../wire/h1/machine.ts";
import { piecesOf } from "./slice.ts";

/** What is sent without a socket. The URL may be a path, and then the host is localhost. */
export interface Injected extends Outgoing {
  /** Who it is from; 127.0.0.1 where left out. */
  readonly peer?: Peer;
}

const LOCAL: Peer = { address: "127.0.0.1", port: 0, secure: false };

/** Sends one request over a connection of its own. @throws as App.inject() says. */
export async function inject(server: Server, request: Injected): Promise<Reply<Inbound & Body>> {
  const { body = null, signal, peer = LOCAL } = request;
  const head = headOf(request);
  if (body instanceof Takeover) throw new LocalError("USE_BAD_BODY", "A request cannot be a takeover.");
  signal?.throwIfAborted();
  const [near, far] = memoryPair({ peer });
  const conversation = new Conversation(near);
  const abort = (): void => near.destroy(signal?.reason as Error);
  signal?.addEventListener("abort", abort, { once: true });
  near.open(conversation);
  server.accept(far);
  try {
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

function headOf({ url, method = "GET", headers }: Injected): Extract<WireEvent, { type: "request" }>["head"] {
  const { host, target } = placeOf(url);
  const fields = headers instanceof Fields ? headers : new Fields(headers ?? []);
  const withHost = fields.has("host") ? fields : new Fields([["Host", host], ...fields]);
  return { method, target, version: "1.1", headers: withHost };
}

/** What a path is sent as: itself, as it would be on a network. A URL would resolve its dots, and take `//a` for a host. */
function placeOf(url: string | URL): { readonly host: string; readonly target: string } {
  if (url === "*" || (typeof url === "string" && url.startsWith("/"))) {
    const [path = ""] = url.split("#", 1);
    const encoded = (part: string): string => encodeURIComponent(part.replace(/\p{Surrogate}/gu, "\ufffd"));
    return { host: "localhost", target: path.replace(/[^\x21-\x7e]+/g, encoded) };
  }
  const { host, pathname, search } = new URL(url, "http://localhost");
  return { host, target: `${pathname}${search}` };
}

function lengthOf(body: Body): number | undefined {
  if (body === null) return 0;
  if (typeof body === "string") return Buffer.byteLength(body);
  if (body instanceof Uint8Array) return body.length;
  return body instanceof FileSlice ? body.end - body.start : undefined;
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
  readonly #out: (bytes: Uint8Array | string) => void;
  #ended!: () => void;
  #answered!: { readonly resolve: (reply: Reply<Inbound & Body>) => void; readonly reject: (error: unknown) => void };
  #body: ReceivedBody | null = null;
  #drained: (() => void) | null = null;
  /** Whether the transport takes more. */
  #room = true;
  /** "full": nobody has read what came. "breath": everybody else has a turn. */
  #held: "no" | "full" | "breath" = "no";
  #pieces = 0;
  #closed = false;

  constructor(transport: Transport) {
    this.#transport = transport;
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
    if (typeof body === "string") this.#piece(body);
    else if (body instanceof Uint8Array) this.#piece(body);
    else if (body !== null)
      await this.#stream(body instanceof FileSlice ? piecesOf(body) : (body as AsyncIterable<string>));
    if (!this.#closed) this.send({ type: "end", trailers: null });
  }

  /** A server that has answered and gone does not want the rest. */
  async #stream(pieces: AsyncIterable<Uint8Array | string>): Promise<void> {
    for await (const piece of pieces) {
      if (this.#closed) return;
      this.#piece(piece);
      if (!this.#room) await new Promise<void>((resolve) => (this.#drained = resolve));
      if (++this.#pieces % BREATH === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #piece(piece: Uint8Array | string): void {
    const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
    if (bytes.length > 0) this.send({ type: "data", bytes });
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

  close(error?: Error): void {
    this.#closed = true;
    this.#fail(error ?? new TransportError("NET_CLOSED"));
    this.drain();
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
    if (event.type === "response") this.#answer(event.head, event.length);
    else if (event.type === "data") this.#feed(event.bytes as Uint8Array);
    else if (event.type === "end") this.#finish(event.trailers);
  }

  #answer({ status, reason, headers }: ResponseHead, length: number | undefined): void {
    if (status === 101) return;
    const body = new ReceivedBody(length, {
      bodyBytes: Number.POSITIVE_INFINITY,
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
    this.#body?.end(trailers);
    this.#transport.end();
  }
}
