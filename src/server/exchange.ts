// One request and its reply: two halves, and it is over when both are. A reply may be finished before its request has arrived:
// what is left of that is then skipped, up to a limit. Stands between the handler above and the connection below, and knows
// neither bytes nor routes.
import type { Clock } from "../base/clock.ts";
import { asError, HttpError, isAbort, LocalError, TransportError } from "../base/errors.ts";
import { promiseOf } from "../base/promise.ts";
import type { Peer } from "../base/transport.ts";
import { Takeover } from "../message/body.ts";
import { discardBody } from "../message/discard.ts";
import { Fields, type FieldsInit } from "../message/fields.ts";
import type { RequestHead } from "../message/head.ts";
import { type Inbound, NO_BODY } from "../message/inbound.ts";
import { isTooLarge } from "../message/refusal.ts";
import { Reply } from "../message/reply.ts";
import { ReceivedRequest, type Request, type RequestHost } from "../message/request.ts";
import { mayHaveBody, reason } from "../message/status.ts";
import { switchRefused } from "../message/switching.ts";
import { Afterwards } from "./afterwards.ts";
import { isEventStream } from "./due-head.ts";
import { overloaded } from "./gate.ts";
import { GivingUp } from "./giving-up.ts";
import type { Line } from "./line.ts";
import { checkDeadlines } from "./pace.ts";
import { Place } from "./place.ts";
import { type OtherHalf, Reading } from "./reading.ts";
import { type ReplySink, type Stream, writeReply } from "./writer.ts";

/** Nobody wants to know how long it took: the clock is not read. */
const UNTIMED = -1;

export class Exchange implements RequestHost, OtherHalf, ReplySink {
  readonly request: ReceivedRequest;
  /** The half that comes in; null where the request has no body. */
  readonly incoming: Reading | null;
  writing: "waiting" | "body" | "done" = "waiting";
  /** The time to write, of this exchange alone; null where that of the connection holds. */
  writeTimeout: number | null = null;
  readonly #line: Line;
  readonly #head: RequestHead;
  readonly #started: number;
  #stream: Stream | null = null;
  #controller: AbortController | null = null;
  #left: Error | null = null;
  /** Among the requests that are handled at once; null where their number has no limit. */
  #place: Place | null = null;
  /** What is called when the reply is over. */
  #afterwards: Afterwards | null = null;
  /** Who is told if the handler does not settle behind that. */
  #givingUp: GivingUp | null = null;
  #handler: "idle" | "runs" = "idle";
  #refused = false;
  /** Whether the client's FIN ends this exchange, whatever there is to be said yet. */
  #closesOnFin: boolean;
  /** Why the body did not come: it was reported, and is not once more when the handler passes it on. */
  #told: Error | null = null;
  #status = 0;
  #bytes = 0;

  constructor(line: Line, head: RequestHead, length: number | undefined) {
    this.#line = line;
    this.#head = head;
    this.incoming = length === 0 ? null : new Reading(line, this, length);
    this.#closesOnFin = line.settings.halfClose === "close";
    this.#started = line.site.timed ? line.site.clock.now() : UNTIMED;
    this.request = new ReceivedRequest(head, this);
  }

  // ── for the handler ─────────────────────────────────────────────────────────────────────────────────────────────────

  get peer(): Peer {
    return this.#line.peer;
  }

  get server(): unknown {
    return this.#line.site.server;
  }

  get body(): Inbound {
    return this.incoming === null ? NO_BODY : this.incoming.body;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      const why = this.#left ?? this.#told;
      if (why !== null) this.#controller.abort(why);
      else if (this.writing !== "done" && this.#line.disconnected)
        this.#controller.abort(new TransportError("NET_HALF_CLOSED"));
    }
    return this.#controller.signal;
  }

  inform(status: 102 | 103, fields: FieldsInit | undefined): boolean {
    if (this.#isReplied || this.#left !== null || this.#head.version === "1.0") return false;
    this.#inform(status, new Fields(fields));
    return true;
  }

  leaveOnFin(): void {
    this.#closesOnFin = true;
    if (this.#line.halfClosed) this.fin();
  }

  afterwards(run: () => unknown): void {
    this.#afterwards ??= new Afterwards((error) => this.#line.site.report(error, this.request));
    this.#afterwards.add(run);
    if (this.writing === "done") this.#afterwards.run();
  }

  whenGivenUp(run: () => void): () => void {
    const { site, settings } = this.#line;
    this.#givingUp ??= new GivingUp(site.deadlines, settings.timeouts.drain);
    const settled = this.#givingUp.add(run);
    if (this.writing === "done") this.#givingUp.over();
    return settled;
  }

  report(error: unknown): void {
    if (this.#left === null) this.#line.site.report(error, this.request);
  }

  refusal(error: unknown, request: Request): Reply {
    return this.#line.site.refuse(error, request);
  }

  deadlines(limits: { readonly body?: number; readonly write?: number }): void {
    checkDeadlines(limits);
    if (limits.body !== undefined && this.incoming !== null) this.incoming.bodyTimeout = limits.body;
    if (limits.write !== undefined) this.writeTimeout = limits.write;
    if (this.reading !== "done" || this.writing !== "done") this.#line.rearm();
  }

  // ── for the half that comes in ──────────────────────────────────────────────────────────────────────────────────────

  get left(): Error | null {
    return this.#left;
  }

  get headers(): Fields {
    return this.#head.headers;
  }

  invite(): void {
    this.#inform(100, new Fields());
    this.#line.flush();
  }

  read(): void {
    this.#check();
  }

  // ── for the connection ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Calls the handler, now or when the gate lets it; unless there is an answer without it. */
  begin(own: Reply | null): void {
    if (this.#left !== null) return; // a hook has cut the connection
    if (own !== null) return this.#write(own);
    const { site, settings } = this.#line;
    if (settings.limits.requests === Number.POSITIVE_INFINITY) return this.#handle();
    this.#place = new Place(site.gate, () => this.#handle());
    if (this.#place.enter() === "full") this.refuse(overloaded());
  }

  get reading(): Reading["state"] {
    return this.incoming === null ? "done" : this.incoming.state;
  }

  /** The rest of the body will not come, or not in time. */
  bodyFail(error: Error): void {
    const { incoming } = this;
    if (incoming === null || incoming.state === "done") return;
    this.#told = error;
    incoming.fail(error);
    if (!this.#isReplied) {
      this.#controller?.abort(error);
      // Who reads the body is told, and answers as it likes. Where nobody does, nobody might ever answer.
      if (!incoming.begun) {
        this.#place?.giveUp();
        this.refuse(error);
      }
    }
    this.#check();
  }

  /** The client has ended its side. */
  fin(): void {
    if (this.writing === "done") return;
    if (this.#closesOnFin) this.#hangUp();
    else if (this.#line.disconnected) this.#controller?.abort(new TransportError("NET_HALF_CLOSED"));
  }

  /** Whether nobody may be waiting for the reply any more, of which nothing has been sent. */
  get abandoned(): boolean {
    return this.writing === "waiting" && (this.#told !== null || this.#line.disconnected);
  }

  /** No reply has begun in time, and the signal has said that it is not waited for: the handler is given up. */
  giveUp(): void {
    this.#handler = "idle";
    this.#hangUp();
    this.#givingUp?.expire();
  }

  /** There is room again. */
  drain(): void {
    this.#stream?.drain();
  }

  /** The peer has left, or is made to: nothing more can be read or sent. */
  abort(error: Error): void {
    if (this.#left !== null) return;
    this.#left = error;
    const finished = this.writing === "done";
    this.writing = "done";
    this.incoming?.abort(error);
    if (!finished) this.#controller?.abort(error);
    this.#stream?.cancel(error);
    this.#stream = null;
    this.#place?.giveUp();
    if (!finished) this.#conclude();
  }

  /** Answers with what an error stands for; where the reply has begun, it is cut off. */
  refuse(error: unknown): void {
    if (this.writing === "done") return;
    // Where the reply has begun it can only be cut off; so it is where the refusal itself cannot be sent.
    if (this.writing === "body" || this.#refused) {
      this.#line.flush(); // a client that has seen nothing of a reply may ask again
      return this.#line.destroy(asError(error));
    }
    this.#refused = true;
    this.#stream?.cancel(asError(error));
    this.#stream = null;
    if (isTooLarge(error)) this.#line.closeAfter(); // it is not waited for
    this.#write(this.#line.site.refuse(error, this.request));
  }

  /** A reply whose head waits for the first piece of its body is one. */
  get #isReplied(): boolean {
    return this.writing !== "waiting" || this.#stream !== null;
  }

  #handle(): void {
    let answer: Reply | Promise<Reply>;
    try {
      answer = this.#line.site.call(this.request);
    } catch (error) {
      return this.fail(error);
    }
    if (Reply.is(answer)) return this.#write(answer);
    this.#handler = "runs";
    promiseOf(answer).then(
      (reply) => {
        this.#handler = "idle";
        if (Reply.is(reply)) this.#write(reply);
        else this.fail(new LocalError("USE_NOT_A_REPLY", `It gave ${typeof reply}.`));
        this.#leave();
      },
      (error) => {
        this.#handler = "idle";
        this.fail(error);
        this.#leave();
      },
    );
  }

  #hangUp(): void {
    const error = new TransportError("NET_CLOSED");
    // What was cut must not pass for whole: a reply that has begun ends with a reset.
    if (this.writing === "body") return this.#line.destroy(error);
    this.abort(error);
    this.#line.hangUp();
  }

  #write(reply: Reply): void {
    if (this.#left !== null || this.writing !== "waiting") return discardBody(reply.body);
    this.#status = reply.status;
    try {
      if (reply.body instanceof Takeover) return this.#switch(reply, reply.body);
      if (this.#head.method === "CONNECT" && reply.status < 300) throw new HttpError(501);
      const stream = writeReply(reply, this);
      if (stream === null) return;
      if (this.#left !== null) return stream.cancel(this.#left);
      if ((this.writing as string) === "done") return;
      this.#stream ??= stream; // it may have failed already, and the refusal be a stream
      // Endless, and of no use to a client that has ended its side.
      if (this.#line.settings.halfClose === "abort" && isEventStream(reply)) this.leaveOnFin();
    } catch (error) {
      discardBody(reply.body);
      this.fail(error);
    }
  }

  #switch(reply: Reply, body: Takeover): void {
    const refused = switchRefused(this.request, reply);
    if (refused !== null) throw refused;
    this.#sendHead(reply, undefined);
    this.writing = "done";
    this.#conclude();
    this.#line.handOver(body);
  }

  // ── for the writer ──────────────────────────────────────────────────────────────────────────────────────────────────

  get writable(): boolean {
    return this.#line.writable;
  }

  get clock(): Clock {
    return this.#line.site.clock;
  }

  bodiless(status: number): boolean {
    return this.#head.method === "HEAD" || !mayHaveBody(status);
  }

  head(reply: Reply, length: number | undefined): void {
    if (this.#left !== null) return;
    // A body that was never asked for: skipping it must not cost more than a new connection, and a peer that waits for 100
    // Continue may or may not send it, so that nobody could tell where the next request begins (RFC 9110 §10.1.1).
    const { incoming } = this;
    if (incoming !== null && incoming.state !== "done" && !incoming.begun) {
      if ((incoming.length ?? 0) > this.#line.settings.limits.discardBytes) this.#line.closeAfter();
    }
    if (this.#line.awaitsContinue) this.#line.closeAfter();
    this.#sendHead(reply, length);
    this.writing = "body";
  }

  data(bytes: Uint8Array | string): void {
    if (this.#left !== null) return;
    this.#line.sendData(bytes);
    this.#bytes += bytes.length;
  }

  flush(): void {
    this.#line.flush();
  }

  end(trailers: Fields | null): void {
    if (this.#left !== null || this.writing === "done") return;
    try {
      this.#line.sendEnd(trailers);
    } catch (error) {
      return this.fail(error);
    }
    this.#stream = null;
    this.writing = "done";
    this.#conclude();
    this.incoming?.skip();
    this.#check();
  }

  /** The handler has failed, or its reply cannot be sent, or not to its end. */
  fail(error: unknown): void {
    if (this.#left !== null) return; // nobody is there to be told, and the signal has told the handler
    // What only passes on what the handler was told is no failure of its own.
    const told: unknown = this.#controller?.signal.aborted === true ? this.#controller.signal.reason : this.#told;
    if (told !== null && isAbort(error)) return this.refuse(told);
    const how = this.writing === "body" ? "cut" : undefined;
    if (error === null || (error !== told && error !== this.#told)) this.#line.site.report(error, this.request, how);
    this.refuse(error);
  }

  #sendHead(reply: Reply, length: number | undefined): void {
    const { status, headers, extras } = reply;
    this.#line.respond({ status, reason: extras?.reason ?? reason(status), version: "1.1", headers }, length);
  }

  #inform(status: number, headers: Fields): void {
    this.#line.inform({ status, reason: reason(status), version: "1.1", headers });
  }

  #check(): void {
    if (this.reading === "done" && this.writing === "done" && this.#left === null) this.#line.over();
  }

  /** The reply has left, or never will. */
  #conclude(): void {
    const { site } = this.#line;
    this.#leave();
    this.#givingUp?.over();
    this.#afterwards?.run();
    if (this.#started !== UNTIMED) {
      const elapsed = site.clock.now() - this.#started;
      const info = { status: this.#status, bytes: this.#bytes, elapsed };
      site.replied(this.request, this.#head.target === "" ? { ...info, unread: true } : info);
    }
  }

  #leave(): void {
    if (this.writing === "done") this.#place?.leave(this.#handler, this);
  }
}
