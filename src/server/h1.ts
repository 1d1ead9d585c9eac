// One HTTP/1 connection: the only hub between bytes and exchanges. Bytes go into the machine, its events go to the exchange;
// the exchange's events go into the machine, its bytes gather in the outbox and leave once a turn. Pipelining is that the
// loop goes on with the bytes that are already here.
import { RemoteError, TransportError } from "../base/errors.ts";
import type { Peer, Transport, TransportEvents } from "../base/transport.ts";
import type { Takeover } from "../message/body.ts";
import { Fields } from "../message/fields.ts";
import type { RequestHead, ResponseHead } from "../message/head.ts";
import type { Request } from "../message/request.ts";
import type { Signal, WireEvent } from "../wire/events.ts";
import { H1Machine } from "../wire/h1/machine.ts";
import { NEVER, type Watched } from "./deadlines.ts";
import { AHEAD_BYTES } from "./defaults.ts";
import { Exchange } from "./exchange.ts";
import type { Line } from "./line.ts";
import { Outbox, pushTo } from "./outbox.ts";
import { ownAnswer } from "./own-answers.ts";
import { bodyDue, startedBefore } from "./pace.ts";
import type { Connection, Protocol, Settings, Site } from "./site.ts";
import { giveAway } from "./wrapped.ts";

type Reason = "head" | "body" | "idle" | "write" | "drain" | "none";

/** HTTP/1.0 and HTTP/1.1. */
export const h1: Protocol = (transport, site) => new H1Connection(transport, site);

class H1Connection implements Connection, Line, TransportEvents, Watched {
  readonly site: Site;
  readonly settings: Settings;
  phase: Connection["phase"] = "idle";
  received = 0;
  halfClosed = false;
  deadline = NEVER;
  /** Since the server was made: milliseconds since 1970 are no small integer, and that costs 16 octets. */
  readonly #since: number;
  readonly #transport: Transport;
  readonly #machine: H1Machine;
  readonly #outbox: Outbox;
  #exchange: Exchange | null = null;
  #reason: Reason = "none";
  /** Whether the loop runs: it is not entered from within, and what is sent meanwhile leaves when it ends. */
  #loop: "out" | "in" = "out";
  #flush: "none" | "due" = "none";
  /** Why the transport is not read: the body's reader is full, or enough pipelined requests wait. */
  #held: "no" | "body" | "ahead" = "no";
  /** What has ended: nothing; our side, by a FIN; or HTTP, by a takeover. */
  #ended: "no" | "ours" | "taken" = "no";
  /** Whether the next request is read, or waits until the peer has taken enough of the last answer. */
  #next: "ready" | "waits" = "ready";
  /** What the transport had not handed on when the write deadline was set. */
  #pending = 0;
  /** How much of the body had come when the body deadline was set. */
  #fed = 0;
  /** The time to write of the exchange that is over, whose answer may still be on its way. */
  #patience: number | null = null;

  constructor(transport: Transport, site: Site) {
    this.site = site;
    this.settings = site.settings;
    this.#since = site.clock.wall() - site.started;
    this.#transport = transport;
    this.#outbox = new Outbox(transport);
    this.#machine = new H1Machine("server", site.settings.wire);
    transport.open(this);
    site.deadlines.add(this);
    // Who connects and says nothing is idle, but has no more time than a slow head.
    this.#arm("idle", this.settings.timeouts.head);
  }

  get since(): number {
    return this.site.started + this.#since;
  }

  get peer(): Peer {
    return this.#transport.peer;
  }

  get request(): Request | undefined {
    return this.#exchange?.request;
  }

  get sent(): number {
    return this.#outbox.sent;
  }

  finish(): void {
    if (this.phase === "draining" || this.phase === "closed" || this.#ended === "taken") return;
    if (this.#exchange === null && !this.#machine.inHead && this.#machine.buffered === 0) {
      // Nothing is owed and nothing waits: no reason to sit until the peer has closed too.
      return this.#transport.pending === 0 ? this.#transport.destroy() : this.#shut();
    }
    this.phase = "draining";
    this.#machine.close();
  }

  destroy(error?: Error): void {
    this.#exchange?.abort(error ?? new TransportError("NET_CLOSED"));
    if (this.#ended === "no") this.#ended = "ours"; // nothing more is read, also where the hard close is gentle
    this.#transport.destroy(error);
    this.rearm();
  }

  ref(): void {
    this.#transport.ref?.();
  }

  unref(): void {
    this.#transport.unref?.();
  }

  // ── from the transport ──────────────────────────────────────────────────────────────────────────────────────────────

  data(bytes: Uint8Array, start: number, end: number): void {
    this.received += end - start;
    // Behind our FIN it is read and dropped: unread, it would make the system reset the connection (RFC 9112 §9.6).
    if (this.#ended !== "no") return;
    this.#machine.receive(bytes, start, end);
    this.#run();
  }

  end(): void {
    if (this.#ended !== "no") return;
    this.halfClosed = true;
    this.#machine.receive(null);
    this.#run();
    if (this.#exchange?.leaveOnHalfClose === true && this.#exchange.writing !== "done") this.destroy();
  }

  drain(): void {
    this.#outbox.drained();
    this.#exchange?.drain();
    if (this.#next === "waits") this.#goOn();
    this.rearm(); // something has gone: the peer has its time anew
  }

  close(error?: Error): void {
    if (this.phase === "closed") return;
    this.phase = "closed";
    this.deadline = NEVER;
    this.site.deadlines.delete(this);
    this.#outbox.close();
    const exchange = this.#exchange;
    this.#exchange = null;
    exchange?.abort(error ?? new TransportError("NET_CLOSED"));
    this.site.closed(this, error);
  }

  // ── the loop ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #run(): void {
    if (this.#loop === "in") return;
    this.#loop = "in";
    try {
      while (this.#step());
    } finally {
      this.#loop = "out";
    }
    this.#outbox.flush();
    this.#rearm();
  }

  #step(): boolean {
    let event: WireEvent | Signal;
    try {
      event = this.#machine.next();
    } catch (error) {
      this.#broken(error as RemoteError);
      return false;
    }
    if (typeof event === "string") {
      if (event === "paused" && this.#machine.buffered >= AHEAD_BYTES) this.hold("ahead");
      return false;
    }
    switch (event.type) {
      case "request":
        this.#begin(event.head, event.length);
        return true;
      case "data":
        this.#exchange?.feed(event.bytes as Uint8Array);
        return true;
      case "end":
        this.#exchange?.bodyEnd(event.trailers);
        return true;
      default:
        if (this.#exchange === null) this.#shut();
        return false;
    }
  }

  #begin(head: RequestHead, length: number | undefined): void {
    const { site } = this;
    site.stats.requests++;
    if (this.phase === "idle") this.phase = "active";
    if (!this.settings.keepAlive) this.#machine.close();
    const exchange = new Exchange(this, head, length);
    this.#exchange = exchange;
    if (this.#reason === "head" && length !== 0) startedBefore(exchange, this.deadline, this.settings, site.deadlines);
    this.#reason = "none"; // the next head has its own time
    if (length === 0) this.#machine.next();
    else if (length !== undefined && this.#machine.buffered >= length) this.#offerWhole(exchange);
    site.requested(exchange.request, this);
    exchange.begin(ownAnswer(exchange.request, this.settings, site));
    exchange.settle();
  }

  /** The body is in the read buffer as a whole: its reader may have it without waiting. */
  #offerWhole(exchange: Exchange): void {
    const data = this.#machine.next() as { readonly bytes: Uint8Array };
    exchange.offer(data.bytes);
    this.#machine.next();
  }

  /** What came cannot be understood, or came too late. */
  #broken(error: RemoteError): void {
    this.site.stats.refused++;
    this.site.report(error, this.request);
    if (this.#exchange !== null) return this.#exchange.bodyFail(error);
    if (this.phase === "idle") this.phase = "active";
    const head: RequestHead = { method: this.#machine.method, target: "", version: "1.1", headers: new Fields() };
    this.#exchange = new Exchange(this, head, 0);
    this.#exchange.refuse(error);
  }

  // ── from the exchange ───────────────────────────────────────────────────────────────────────────────────────────────

  get writable(): boolean {
    return this.#outbox.writable;
  }

  get awaitsContinue(): boolean {
    return this.#machine.awaitsContinue;
  }

  respond(head: ResponseHead, length: number | undefined): void {
    this.#machine.respond(head, length, pushTo(this.#outbox));
    this.#sending();
  }

  sendData(bytes: Uint8Array | string): void {
    this.#machine.data(bytes, pushTo(this.#outbox));
    this.#sending();
  }

  sendEnd(trailers: Fields | null): void {
    this.#machine.end(trailers, pushTo(this.#outbox));
    this.#sending();
  }

  inform(head: ResponseHead): void {
    this.#machine.send({ type: "informational", head }, pushTo(this.#outbox));
    this.#sending();
  }

  /** What is sent in the loop leaves when it ends; sent from a promise of a handler, it leaves with what follows in the turn. */
  #sending(): void {
    this.#outbox.flushLarge();
    if (this.#loop === "in" || this.#flush === "due") return;
    this.#flush = "due";
    process.nextTick(flushDue, this);
  }

  flush(): void {
    this.#flush = "none";
    this.#outbox.flush();
    if (!this.#outbox.writable) this.#rearm();
  }

  get closing(): boolean {
    return !this.#machine.keepAlive;
  }

  closeAfter(): void {
    this.#machine.close();
  }

  hold(why: "body" | "ahead"): void {
    if (this.#held !== "no") return;
    this.#held = why;
    this.#transport.pause();
  }

  resumeBody(): void {
    if (this.#held !== "body") return;
    this.#release();
    this.#rearm();
  }

  rearm(): void {
    this.#reason = "none";
    this.#rearm();
  }

  over(): void {
    this.#patience = this.#exchange?.writeTimeout ?? null;
    this.#exchange = null;
    // Who asks and does not read the answers is not answered further: its requests wait, and memory does not grow.
    if (this.#outbox.writable || !this.#machine.complete) this.#goOn();
    else this.#next = "waits";
  }

  #goOn(): void {
    this.#next = "ready";
    if (!this.#machine.complete || !this.#machine.keepAlive) return this.#shut();
    this.#machine.recycle();
    this.phase = "idle";
    if (this.#held !== "no") this.#release();
    if (this.#loop === "out") this.#run();
  }

  handOver(takeover: Takeover): void {
    this.#exchange = null;
    this.#ended = "taken";
    this.deadline = NEVER;
    this.site.deadlines.delete(this);
    this.#outbox.flush();
    giveAway(this.#transport, takeover, this.#machine.leftover(), {
      closed: (error) => this.close(error),
      failed: (error) => this.site.report(error, undefined),
    });
  }

  // ── ending, holding, waiting ────────────────────────────────────────────────────────────────────────────────────────

  /** Nothing more is to be said: a FIN, and then the peer has `timeouts.drain` to close too. */
  #shut(): void {
    if (this.#ended !== "no" || this.phase === "closed") return;
    this.#ended = "ours";
    this.phase = "draining";
    this.#outbox.flush();
    if (this.#held !== "no") this.#release();
    this.#transport.end();
    this.#rearm();
  }

  #release(): void {
    this.#held = "no";
    this.#transport.resume();
  }

  /** The one deadline follows from where the connection stands. */
  #rearm(): void {
    if (this.phase === "closed" || this.#ended === "taken") return;
    const { timeouts } = this.settings;
    const exchange = this.#exchange;
    if (!this.#outbox.writable) {
      if (this.#reason !== "write") this.#armWrite();
    } else if (this.#ended === "ours") {
      if (this.#reason !== "drain") this.#arm("drain", timeouts.drain);
    } else if (exchange !== null) {
      // A body that is held back waits for its reader, and 100 Continue for us: neither is the peer's time.
      if (exchange.reading === "done" || this.#held === "body" || this.#machine.awaitsContinue) {
        exchange.pace?.hold();
        this.#arm("none", 0);
      } else if (this.#reason !== "body" || exchange.fed !== this.#fed) {
        this.#reason = "body";
        this.#fed = exchange.fed; // the octets of chunk lines and extensions are no progress
        this.deadline = bodyDue(exchange, this.settings, this.site.deadlines);
      }
    } else if (this.#machine.inHead) {
      if (this.#reason !== "head") this.#arm("head", timeouts.head);
    } else this.#arm("idle", timeouts.idle);
  }

  #arm(reason: Reason, milliseconds: number): void {
    this.#reason = reason;
    this.deadline = this.site.deadlines.in(milliseconds);
  }

  #armWrite(): void {
    this.#pending = this.#transport.pending;
    const own = this.#exchange === null ? this.#patience : this.#exchange.writeTimeout;
    this.#arm("write", own ?? this.settings.timeouts.write);
  }

  /** Who idles through a sweep keeps nothing that only makes the next request faster: 1 KB a connection. */
  rest(): void {
    if (this.#reason === "idle") this.#machine.rest();
  }

  expire(): void {
    switch (this.#reason) {
      case "head":
      case "body":
        this.#machine.failTheirs();
        this.#broken(new RemoteError("WIRE_TIMEOUT"));
        return this.#run();
      case "write":
        if (this.#transport.pending < this.#pending) return this.#armWrite();
        return this.destroy(new TransportError("NET_WRITE_TIMEOUT"));
      case "idle":
        return this.#shut();
      default:
        return this.destroy();
    }
  }
}

function flushDue(connection: H1Connection): void {
  connection.flush();
}
