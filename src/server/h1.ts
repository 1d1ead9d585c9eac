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
import { NEVER } from "./deadlines.ts";
import { AHEAD_BYTES } from "./defaults.ts";
import { Exchange } from "./exchange.ts";
import type { Line } from "./line.ts";
import { Outbox, pushTo } from "./outbox.ts";
import { ownAnswer } from "./own-answers.ts";
import { startedBefore } from "./pace.ts";
import type { Reading } from "./reading.ts";
import type { Connection, Protocol, Settings, Site } from "./site.ts";
import { isTaking, type Reason, setDeadline, type Waiting, wait } from "./waiting.ts";
import { giveAway } from "./wrapped.ts";

/** HTTP/1.0 and HTTP/1.1. */
export const h1: Protocol = (transport, site) => new H1Connection(transport, site);

class H1Connection implements Connection, Line, TransportEvents, Waiting {
  readonly site: Site;
  readonly settings: Settings;
  phase: Connection["phase"] = "idle";
  received = 0;
  halfClosed = false;
  exchange: Exchange | null = null;
  held: Waiting["held"] = "no";
  ended: Waiting["ended"] = "no";
  deadline = NEVER;
  reason: Reason = "none";
  fed = 0;
  taken = 0;
  /** Since the server was made: milliseconds since 1970 are no small integer, and that costs 16 octets. */
  readonly #since: number;
  readonly #transport: Transport;
  readonly #machine: H1Machine;
  readonly #outbox: Outbox;
  /** Whether the loop runs: it is not entered from within, and what is sent meanwhile leaves when it ends. */
  #loop: "out" | "in" = "out";
  #flush: "none" | "due" = "none";
  /** Whether the next request is read, or waits until the peer has taken enough of the last answer. */
  #next: "ready" | "waits" = "ready";
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
    wait(this, "idle", this.settings.timeouts.head);
  }

  get since(): number {
    return this.site.started + this.#since;
  }

  get peer(): Peer {
    return this.#transport.peer;
  }

  get request(): Request | undefined {
    return this.exchange?.request;
  }

  get sent(): number {
    return this.#outbox.sent;
  }

  finish(): void {
    if (this.phase === "draining" || this.phase === "closed" || this.ended === "taken") return;
    if (this.exchange === null && !this.#machine.inHead && this.#machine.buffered === 0) {
      // Nothing is owed and nothing waits: no reason to sit until the peer has closed too.
      return this.#transport.pending === 0 ? this.#transport.destroy() : this.#shut();
    }
    this.phase = "draining";
    this.#machine.close();
  }

  destroy(error?: Error): void {
    const why = error ?? new TransportError("NET_CLOSED");
    // Without an error the end may be a FIN, and half a reply would pass for the whole.
    const isCut = error !== undefined || this.exchange?.writing === "body";
    this.exchange?.abort(why);
    if (this.ended === "no") this.ended = "ours"; // nothing more is read, also where the hard close is gentle
    this.#transport.destroy(isCut ? why : undefined);
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
    if (this.ended !== "no") return;
    this.#machine.receive(bytes, start, end);
    this.#run();
  }

  end(): void {
    if (this.ended !== "no") return;
    this.halfClosed = true;
    this.#machine.receive(null);
    this.#run();
    this.exchange?.fin();
  }

  drain(): void {
    this.#outbox.drained();
    this.exchange?.drain();
    if (this.#next === "waits") this.#goOn();
    this.rearm(); // something has gone: the peer has its time anew
  }

  close(error?: Error): void {
    if (this.phase === "closed") return;
    this.phase = "closed";
    this.deadline = NEVER;
    this.site.deadlines.delete(this);
    this.#outbox.close();
    const exchange = this.exchange;
    this.exchange = null;
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
    setDeadline(this);
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
        this.exchange?.incoming?.feed(event.bytes as Uint8Array);
        return true;
      case "end":
        this.exchange?.incoming?.end(event.trailers);
        return true;
      default:
        if (this.exchange === null) this.#shut();
        return false;
    }
  }

  #begin(head: RequestHead, length: number | undefined): void {
    const { site } = this;
    site.stats.requests++;
    if (this.phase === "idle") this.phase = "active";
    if (!this.settings.keepAlive) this.#machine.close();
    const exchange = new Exchange(this, head, length);
    this.exchange = exchange;
    const { incoming } = exchange;
    if (this.reason === "head" && incoming !== null)
      startedBefore(incoming, this.deadline, this.settings, site.deadlines);
    this.reason = "none"; // the next head has its own time
    if (incoming === null) this.#machine.next();
    else if (length !== undefined && this.#machine.buffered >= length) this.#offerWhole(incoming);
    site.requested(exchange.request, this);
    exchange.begin(ownAnswer(exchange.request, this.settings, site));
    incoming?.settle();
    if (this.halfClosed) exchange.fin(); // it was pipelined, and the FIN has long come
  }

  /** The body is in the read buffer as a whole: its reader may have it without waiting. */
  #offerWhole(incoming: Reading): void {
    const data = this.#machine.next() as { readonly bytes: Uint8Array };
    incoming.offer(data.bytes);
    this.#machine.next();
  }

  /** What came cannot be understood, or came too late. */
  #broken(error: RemoteError): void {
    this.site.stats.refused++;
    this.site.report(error, this.request);
    if (this.exchange !== null) return this.exchange.bodyFail(error);
    if (this.phase === "idle") this.phase = "active";
    const head: RequestHead = { method: this.#machine.method, target: "", version: "1.1", headers: new Fields() };
    this.exchange = new Exchange(this, head, 0);
    this.exchange.refuse(error);
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
    if (!this.#outbox.writable) setDeadline(this);
  }

  get disconnected(): boolean {
    return this.halfClosed && this.settings.halfClose === "abort";
  }

  get inHead(): boolean {
    return this.#machine.inHead;
  }

  get gone(): number {
    return this.#outbox.sent - this.#transport.pending;
  }

  get writeTimeout(): number {
    const own = this.exchange === null ? this.#patience : this.exchange.writeTimeout;
    return own ?? this.settings.timeouts.write;
  }

  get closing(): boolean {
    return !this.#machine.keepAlive;
  }

  closeAfter(): void {
    this.#machine.close();
  }

  hold(why: "body" | "ahead"): void {
    if (this.held !== "no") return;
    this.held = why;
    this.#transport.pause();
  }

  resumeBody(): void {
    if (this.held !== "body") return;
    this.#release();
    setDeadline(this);
  }

  rearm(): void {
    this.reason = "none";
    setDeadline(this);
  }

  over(): void {
    this.#patience = this.exchange?.writeTimeout ?? null;
    this.exchange = null;
    // Who asks and does not read the answers is not answered further: its requests wait, and memory does not grow.
    if (this.#outbox.writable || !this.#machine.complete) this.#goOn();
    else this.#next = "waits";
  }

  #goOn(): void {
    this.#next = "ready";
    if (!this.#machine.complete || !this.#machine.keepAlive) return this.#shut();
    this.#machine.recycle();
    this.phase = "idle";
    if (this.held !== "no") this.#release();
    if (this.#loop === "out") this.#run();
  }

  handOver(takeover: Takeover): void {
    this.exchange = null;
    this.ended = "taken";
    this.deadline = NEVER;
    this.site.deadlines.delete(this);
    this.#outbox.flush();
    giveAway(this.#transport, takeover, this.#machine.leftover(), {
      closed: (error) => this.close(error),
      failed: (error) => this.site.report(error, undefined),
    });
  }

  // ── ending, holding, waiting ────────────────────────────────────────────────────────────────────────────────────────

  hangUp(): void {
    this.exchange = null;
    this.#shut();
  }

  /** Nothing more is to be said: a FIN, and then the peer has `timeouts.drain` to close too. */
  #shut(): void {
    if (this.ended !== "no" || this.phase === "closed") return;
    this.ended = "ours";
    this.phase = "draining";
    this.#outbox.flush();
    if (this.held !== "no") this.#release();
    this.#transport.end();
    setDeadline(this);
  }

  #release(): void {
    this.held = "no";
    this.#transport.resume();
  }

  /** Who idles through a sweep keeps nothing that only makes the next request faster: 1 KB a connection. */
  rest(): void {
    if (this.reason === "idle") this.#machine.rest();
  }

  expire(): void {
    switch (this.reason) {
      case "head":
      case "body":
        this.#machine.failTheirs();
        this.#broken(new RemoteError("WIRE_TIMEOUT"));
        return this.#run();
      case "write":
        if (!isTaking(this)) this.destroy(new TransportError("NET_WRITE_TIMEOUT"));
        return;
      case "reply":
        if (this.exchange?.abandoned === true) return this.exchange.giveUp();
        return this.rearm();
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
