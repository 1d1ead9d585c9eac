// One HTTP/1 connection from one side, without I/O: bytes in, events out; events in, bytes out. Which reader or writer works
// is chosen by the state (state.ts), how long a body is by framing.ts; nothing here looks at a field by itself.
import { LocalError, RemoteError } from "../../base/errors.ts";
import type { Fields } from "../../message/fields.ts";
import type { RequestHead, ResponseHead, Version } from "../../message/head.ts";
import { mayHaveBody } from "../../message/status.ts";
import { targetForm } from "../../message/target.ts";
import { END, type Machine, type Role, type Signal, type State, type WireEvent } from "../events.ts";
import type { ReceiveBuffer } from "./buffer.ts";
import { type BodyReader, bodyReader } from "./decode.ts";
import {
  type BodyWriter,
  bodyWriter,
  type DefaultLine,
  framingLines,
  informationalHead,
  type Out,
  requestHead,
  responseHead,
  saysClose,
} from "./encode.ts";
import { fieldsOf } from "./facts.ts";
import { checkHost, expectsContinue, type Framing, persists, requestFraming, responseFraming } from "./framing.ts";
import { HeadMemory } from "./head-memory.ts";
import { type Leniency, STRICT, WIRE_LIMITS, type WireLimits } from "./limits.ts";
import { HeadParser } from "./parse.ts";
import { ReceivedHead } from "./received-head.ts";
import { checkInformational, checkRequest, checkResponse } from "./sendable.ts";
import { borrowBuffer, borrowParser, NO_BYTES, returnBuffer, returnParser } from "./spares.ts";
import { CLOSED, Cycle, DATA, ENDED, INFORMATIONAL, REQUEST, RESPONSE } from "./state.ts";

/** How much of a message an H1Machine reads, how strictly, and what it adds to responses. */
export interface MachineOptions {
  readonly limits?: WireLimits;
  readonly leniency?: Leniency;
  /** The Date line with its CR LF; empty for none. */
  readonly date?: () => string;
  /** Lines for every response that does not have them. */
  readonly defaults?: readonly DefaultLine[];
}

const NO_DEFAULTS: readonly DefaultLine[] = [];
const noDate = (): string => "";

/** One object for all connections of a server that says everything. 24 octets a connection. */
function optionsOf(options: MachineOptions): Required<MachineOptions> {
  const { limits = WIRE_LIMITS, leniency = STRICT, date = noDate, defaults = NO_DEFAULTS } = options;
  const complete = options.limits === limits && options.leniency === leniency && options.date === date;
  if (complete && options.defaults === defaults) return options as Required<MachineOptions>;
  return { limits, leniency, date, defaults };
}

/** The HTTP/1.1 machine, for either role. */
export class H1Machine implements Machine {
  readonly role: Role;
  readonly #options: Required<MachineOptions>;
  readonly #cycle = new Cycle();
  #buffer: ReceiveBuffer = NO_BYTES;
  /** A head that has begun; null between heads. */
  #parser: HeadParser | null = null;
  #memory: HeadMemory | null = null;
  /** Whether a head was read already: the first one is not remembered, since many connections bring no second. */
  #heads: "none" | "some" = "none";
  #reader: BodyReader | null = null;
  #writer: BodyWriter | null = null;
  #eof = false;
  // Of the exchange in hand.
  #method = "";
  #version: Version = "1.1";
  #awaits = false;

  constructor(role: Role, options: MachineOptions = {}) {
    this.role = role;
    this.#options = optionsOf(options);
  }

  get ours(): State {
    return this.role === "server" ? this.#cycle.server : this.#cycle.client;
  }

  get theirs(): State {
    return this.role === "server" ? this.#cycle.client : this.#cycle.server;
  }

  get awaitsContinue(): boolean {
    return this.#awaits;
  }

  get buffered(): number {
    return this.#buffer.length;
  }

  /** Whether a head has begun to arrive: what tells a slow head from an idle connection. */
  get inHead(): boolean {
    return this.#parser?.begun === true;
  }

  /** The method of the request in hand, or of the one that could not be read, as far as it was; else empty. */
  get method(): string {
    return this.#method;
  }

  /** Whether both sides are done, and recycle() may be called. */
  get complete(): boolean {
    return this.#cycle.complete;
  }

  /** Whether the connection may carry another exchange. */
  get keepAlive(): boolean {
    return this.#cycle.keepAlive;
  }

  /** After this exchange the connection is to be closed; the response says so if it has not begun. */
  close(): void {
    this.#cycle.keepAlive = false;
  }

  /** What the peer sends from here on is not read: the answer to what it has sent still goes out. */
  failTheirs(): void {
    this.#cycle.fail(this.role === "server" ? "client" : "server");
    this.#buffer.clear();
  }

  /** The connection idles: what was kept to make the next exchange faster is let go. */
  rest(): void {
    this.#memory = null;
    this.#heads = "none";
  }

  receive(bytes: Uint8Array | null, start = 0, end: number = bytes?.length ?? 0): void {
    if (bytes === null) this.#eof = true;
    else if (this.theirs !== "error") {
      if (this.#buffer === NO_BYTES) this.#buffer = borrowBuffer();
      this.#buffer.add(bytes, start, end);
    }
  }

  next(): WireEvent | Signal {
    try {
      const event = this.#advance();
      if (typeof event === "string") this.#keep();
      return event;
    } catch (error) {
      // A refused HEAD is answered without a body, like any other.
      const start = this.#parser?.start;
      if (this.theirs === "idle" && start?.named === true) this.#method = start.method;
      this.failTheirs();
      throw error;
    }
  }

  #keep(): void {
    if (this.#buffer === NO_BYTES) return;
    this.#buffer.keep();
    if (this.#buffer.length > 0) return;
    returnBuffer(this.#buffer);
    this.#buffer = NO_BYTES;
  }

  #advance(): WireEvent | Signal {
    switch (this.theirs) {
      case "idle":
        return this.role === "server" ? this.#readRequest() : this.#unexpected();
      case "send-response":
        return this.#readResponse();
      case "send-body":
        return this.#readBody();
      case "done":
      case "might-switch":
        if (this.#buffer.length > 0) return "paused";
        return this.#eof ? this.#readClosed() : "need-data";
      case "switched":
        return "switched";
      case "must-close":
        this.#buffer.clear();
        return this.#eof ? this.#readClosed() : "need-data";
      default:
        this.#buffer.clear();
        return "need-data";
    }
  }

  #readRequest(): WireEvent | Signal {
    if (this.#buffer.length === 0) return this.#wantHead();
    const parser = this.#parser ?? borrowParser(this.#options.limits, this.#options.leniency);
    this.#parser = parser;
    if (this.#memory === null && this.#heads === "some") this.#memory = new HeadMemory();
    if (!parser.parse(this.#buffer, this.#memory)) return this.#wantHead();
    const { method, target, version } = parser.start;
    const { block } = parser;
    this.#parser = null;
    this.#heads = "some";
    returnParser(parser);
    const { facts } = block;
    // The answer to a refused request still depends on these.
    this.#method = method;
    this.#version = version;
    const form = target.charCodeAt(0) === 0x2f && method !== "CONNECT" ? "origin" : targetForm(method, target);
    checkHost(facts, version, this.#options.leniency.requireHost);
    const framing = requestFraming(facts, version);
    const expects = expectsContinue(facts, version);
    if (typeof framing === "number" && framing > this.#options.limits.streamBytes)
      throw new RemoteError("WIRE_BODY_TOO_LARGE");
    if (!persists(facts, version)) this.#cycle.keepAlive = false;
    this.#awaits = expects && framing !== 0;
    this.#cycle.stepClient(REQUEST);
    this.#cycle.proposed = form === "authority" || (facts.upgrade && version === "1.1");
    this.#reader = framing === 0 ? null : bodyReader(framing, this.#options.limits, this.#options.leniency);
    const head = new ReceivedHead(method, target, version, block);
    return { type: "request", head, length: typeof framing === "number" ? framing : undefined };
  }

  #readResponse(): WireEvent | Signal {
    if (this.#parser === null) this.#parser = new HeadParser("response", this.#options.limits, this.#options.leniency);
    const { start } = this.#parser;
    if (!this.#parser.parse(this.#buffer)) return this.#wantHead();
    const { status, version, reason } = start;
    const { block } = this.#parser;
    const head: ResponseHead = { status, reason, version, headers: fieldsOf(block) };
    if (status < 200 && status !== 101) {
      this.#awaits = false;
      this.#cycle.stepServer(INFORMATIONAL);
      return { type: "informational", head };
    }
    const framing = responseFraming(this.#method, status, block.facts, version);
    const switches = status === 101 || (this.#method === "CONNECT" && status < 300);
    if (switches && !this.#cycle.proposed) throw new RemoteError("WIRE_BAD_UPGRADE", "Nothing was proposed.");
    if (!persists(block.facts, version) || framing === "close") this.#cycle.keepAlive = false;
    this.#cycle.stepServer(RESPONSE);
    if (switches) this.#cycle.accept();
    else {
      this.#cycle.decline();
      this.#reader = bodyReader(framing, this.#options.limits, this.#options.leniency);
    }
    return { type: "response", head, length: typeof framing === "number" ? framing : undefined };
  }

  #readBody(): WireEvent | Signal {
    const event = this.#reader === null ? END : this.#reader.read(this.#buffer);
    if (event !== null) {
      if (event.type === "data") this.#awaits = false;
      else this.#stepTheirs(ENDED);
      return event;
    }
    if (!this.#eof) return "need-data";
    const ending = this.#reader?.atEnd ?? null;
    if (ending === null) throw new RemoteError("WIRE_UNFINISHED");
    this.#stepTheirs(ENDED);
    return ending;
  }

  #readClosed(): WireEvent {
    this.#stepTheirs(CLOSED);
    return { type: "closed" };
  }

  #wantHead(): WireEvent | Signal {
    if (!this.#eof) return "need-data";
    const begun = this.#buffer.length > 0 && this.#parser?.start.blank !== true;
    if (begun || this.theirs === "send-response") throw new RemoteError("WIRE_UNFINISHED");
    return this.#readClosed();
  }

  /** A server that speaks before it is asked. */
  #unexpected(): WireEvent | Signal {
    if (this.#buffer.length > 0) throw new RemoteError("WIRE_BAD_STATUS_LINE", "It came before any request.");
    return this.#eof ? this.#readClosed() : "need-data";
  }

  send(event: WireEvent, out: Out): void {
    switch (event.type) {
      case "response":
        return this.respond(event.head, event.length, out);
      case "data":
        return this.data(event.bytes, out);
      case "end":
        return this.end(event.trailers, out);
      case "informational":
        return this.#sendInformational(event.head, out);
      case "request":
        return this.#sendRequest(event.head, event.length, out);
      case "closed":
        return this.#step(CLOSED, "closed");
    }
  }

  /** send() of "data", without the event. */
  data(bytes: Uint8Array | string, out: Out): void {
    this.#step(DATA, "data");
    (this.#writer as BodyWriter).data(bytes, out);
  }

  /** send() of "end", without the event. */
  end(trailers: Fields | null, out: Out): void {
    if (this.ours !== "send-body") throw this.#notNow("end");
    (this.#writer as BodyWriter).end(trailers, out);
    this.#step(ENDED, "end");
  }

  /** send() of "response", without the event: the three of them are a tenth of a small reply. */
  respond(head: ResponseHead, length: number | undefined, out: Out): void {
    const { status } = head;
    const switches = status === 101 || (this.#method === "CONNECT" && status >= 200 && status < 300);
    const withBody = mayHaveBody(status) && !switches;
    const full = withBody ? (length ?? (this.#version === "1.0" ? "close" : "chunked")) : "none";
    // HEAD has the length that GET would have, and no body (RFC 9110 §9.3.2).
    const framing = this.#method === "HEAD" ? "none" : full;
    checkResponse(head, framing, switches);
    if (switches) this.#checkSwitch();
    if (this.ours === "idle") this.#cycle.keepAlive = false; // an answer to what could not be read
    this.#step(RESPONSE, "response");
    this.#awaits = false;
    if (!switches) this.#cycle.decline();
    if (framing === "close" || (this.#cycle.keepAlive && saysClose(head.headers))) this.#cycle.keepAlive = false;
    this.#writer = bodyWriter(framing);
    const lines = framingLines(
      head.headers,
      typeof full === "number" ? full : framing,
      switches ? null : this.#connection(),
    );
    out(responseHead(head, lines, this.#options.defaults, this.#options.date()));
    if (switches) this.#cycle.accept();
  }

  // RFC 9110 §7.8: what is left of the request is not yet the other protocol's.
  #checkSwitch(): void {
    if (!this.#cycle.proposed) throw new LocalError("USE_STATE", "The request proposed nothing to switch to.");
    if (this.theirs !== "might-switch")
      throw new LocalError("USE_STATE", "The body of the request comes first: read it.");
  }

  #connection(): "close" | "keep-alive" | null {
    if (!this.#cycle.keepAlive) return "close";
    return this.#version === "1.0" ? "keep-alive" : null;
  }

  #sendInformational(head: ResponseHead, out: Out): void {
    checkInformational(head);
    if (this.#version === "1.0") throw new LocalError("USE_STATE", "A peer of HTTP/1.0 is sent no 1xx.");
    this.#step(INFORMATIONAL, "informational");
    if (head.status === 100) this.#awaits = false;
    out(informationalHead(head));
  }

  #sendRequest(head: RequestHead, length: number | undefined, out: Out): void {
    checkRequest(head, length ?? "chunked");
    this.#step(REQUEST, "request");
    this.#method = head.method;
    this.#version = head.version;
    if (saysClose(head.headers)) this.#cycle.keepAlive = false;
    this.#cycle.proposed = head.method === "CONNECT" || head.headers.has("upgrade");
    const framing: Framing = length ?? "chunked";
    this.#awaits = head.headers.has("expect") && framing !== 0;
    this.#writer = bodyWriter(framing);
    out(requestHead(head, framing));
  }

  #stepTheirs(event: number): void {
    if (this.role === "server") this.#cycle.stepClient(event);
    else this.#cycle.stepServer(event);
  }

  #step(event: number, name: string): void {
    const allowed = this.role === "server" ? this.#cycle.stepServer(event) : this.#cycle.stepClient(event);
    if (!allowed) throw this.#notNow(name);
  }

  #notNow(event: string): LocalError {
    return new LocalError("USE_STATE", `"${event}" cannot be sent in state "${this.ours}".`);
  }

  recycle(): void {
    if (!this.#cycle.complete) {
      throw new LocalError("USE_STATE", `The sides are ${this.#cycle.client} and ${this.#cycle.server}, not done.`);
    }
    this.#cycle.recycle();
    this.#reader = null;
    this.#writer = null;
    this.#method = "";
  }

  leftover(): Uint8Array {
    return this.#buffer.drain();
  }
}
