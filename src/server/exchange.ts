// One request and its reply: two halves, and it is over when both are. A reply may be finished before its request has arrived:
// what is left of that is then skipped, up to a limit. Stands between the handler above and the connection below, and knows
// neither bytes nor routes.
import { HttpError, LocalError, TransportError } from "../base/errors.ts";
import type { Peer } from "../base/transport.ts";
import { Takeover } from "../message/body.ts";
import { discardBody } from "../message/discard.ts";
import { Fields, type FieldsInit } from "../message/fields.ts";
import type { RequestHead } from "../message/head.ts";
import { type Inbound, type InboundSource, NO_BODY, ReceivedBody } from "../message/inbound.ts";
import { Reply } from "../message/reply.ts";
import { ReceivedRequest, type RequestHost } from "../message/request.ts";
import { mayHaveBody, reason } from "../message/status.ts";
import { Afterwards } from "./afterwards.ts";
import { overloaded } from "./gate.ts";
import type { Line } from "./line.ts";
import type { Pace } from "./pace.ts";
import { Place } from "./place.ts";
import { type ReplySink, type Stream, writeReply } from "./writer.ts";

/** Nobody wants to know how long it took: the clock is not read. */
const UNTIMED = -1;

export class Exchange implements RequestHost, InboundSource, ReplySink {
  readonly request: ReceivedRequest;
  reading: "body" | "discard" | "done";
  writing: "waiting" | "body" | "done" = "waiting";
  /** Of this exchange alone; null where those of the connection hold. */
  bodyTimeout: number | null = null;
  writeTimeout: number | null = null;
  leaveOnHalfClose: boolean;
  /** Octets of the body that have come. */
  fed = 0;
  /** How long the whole body may take; null until it is waited for. */
  pace: Pace | null = null;
  readonly #line: Line;
  readonly #head: RequestHead;
  readonly #length: number | undefined;
  readonly #started: number;
  #inbound: ReceivedBody | null = null;
  #stream: Stream | null = null;
  #controller: AbortController | null = null;
  #left: Error | null = null;
  /** Among the requests that are handled at once; null where their number has no limit. */
  #place: Place | null = null;
  /** What is called when the reply is over. */
  #afterwards: Afterwards | null = null;
  #handler: "idle" | "runs" = "idle";
  #refused = false;
  /** Why the body did not come: it was reported, and is not once more when the handler passes it on. */
  #told: Error | null = null;
  #discarded = 0;
  #status = 0;
  #bytes = 0;

  constructor(line: Line, head: RequestHead, length: number | undefined) {
    this.#line = line;
    this.#head = head;
    this.#length = length;
    this.reading = length === 0 ? "done" : "body";
    this.leaveOnHalfClose = line.settings.halfClose === "leave";
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
    return this.#length === 0 ? NO_BODY : this.#received();
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#left !== null) this.#controller.abort(this.#left);
    }
    return this.#controller.signal;
  }

  inform(status: 102 | 103, fields: FieldsInit | undefined): boolean {
    if (this.writing !== "waiting" || this.#left !== null || this.#head.version === "1.0") return false;
    this.#inform(status, new Fields(fields));
    return true;
  }

  leaveOnFin(): void {
    this.leaveOnHalfClose = true;
    if (this.#line.halfClosed && this.writing !== "done") this.#line.destroy(new TransportError("NET_CLOSED"));
  }

  afterwards(run: () => unknown): void {
    if (this.#afterwards === null)
      this.#afterwards = new Afterwards((error) => this.#line.site.report(error, this.request));
    this.#afterwards.add(run);
    if (this.writing === "done") this.#afterwards.run();
  }

  report(error: unknown): void {
    if (this.#left === null) this.#line.site.report(error, this.request);
  }

  deadlines(limits: { readonly body?: number; readonly write?: number }): void {
    const wrong = [limits.body, limits.write].find((value) => value !== undefined && !(value >= 0));
    if (wrong !== undefined) throw new LocalError("USE_BAD_OPTION", `A deadline cannot be ${wrong}.`);
    if (limits.body !== undefined) this.bodyTimeout = limits.body;
    if (limits.write !== undefined) this.writeTimeout = limits.write;
    if (this.reading !== "done" || this.writing !== "done") this.#line.rearm();
  }

  // ── for the body that is received ───────────────────────────────────────────────────────────────────────────────────

  get bodyBytes(): number {
    return this.#line.settings.limits.bodyBytes;
  }

  wanted(): void {
    if (this.#line.awaitsContinue && this.writing === "waiting" && this.#left === null) {
      this.#inform(100, new Fields());
      this.#line.flush();
    }
  }

  room(): void {
    this.#line.resumeBody();
  }

  unwanted(): void {
    if (this.reading === "body") this.#skip();
  }

  // ── for the connection ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Calls the handler, now or when the gate lets it; unless there is an answer without it. */
  begin(own: Reply | null): void {
    if (this.#left !== null) return; // a hook has cut the connection
    if (own !== null) return this.#write(own);
    const { site, settings } = this.#line;
    if (settings.limits.requests === Number.POSITIVE_INFINITY) return this.#handle();
    this.#place = new Place(site.gate, site.deadlines, settings.timeouts.drain, () => this.#handle());
    if (this.#place.enter() === "full") this.refuse(overloaded());
  }

  /** The whole body lies in the read buffer, as a view that is valid until settle(). */
  offer(view: Uint8Array): void {
    this.#received().offer(view);
    this.reading = "done";
  }

  /** begin() has returned: a body that is still wanted is copied. */
  settle(): void {
    this.#inbound?.hold();
  }

  /** A piece of the body, as a view. */
  feed(view: Uint8Array): void {
    this.fed += view.length;
    if (this.reading === "discard") return this.#discard(view.length);
    if (!this.#received().feed(view)) this.#line.hold("body");
  }

  /** The body is complete. */
  bodyEnd(trailers: Fields | null): void {
    // It may have ended before anybody asked for it.
    if (this.reading === "body") this.#received().end(trailers);
    this.reading = "done";
    this.#check();
  }

  /** The rest of the body will not come, or not in time. */
  bodyFail(error: Error): void {
    if (this.reading === "done") return;
    this.#told = error;
    const inbound = this.#received();
    this.reading = "done";
    inbound.fail(error);
    if (this.writing === "waiting") {
      this.#controller?.abort(error);
      // Who reads the body is told, and answers as it likes. Where nobody does, nobody might ever answer.
      if (!inbound.begun) {
        this.#place?.giveUp();
        this.refuse(error);
      }
    }
    this.#check();
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
    this.reading = "done";
    this.writing = "done";
    this.#inbound?.fail(error);
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
      return this.#line.destroy(error instanceof Error ? error : new Error("It is no Error.", { cause: error }));
    }
    this.#refused = true;
    // A body that is too large is not waited for.
    if (error instanceof HttpError && error.code === "HTTP_BODY_TOO_LARGE") this.#line.closeAfter();
    this.#write(this.#line.site.refuse(error, this.request));
  }

  #handle(): void {
    const { site } = this.#line;
    let answer: Reply | Promise<Reply>;
    try {
      answer = site.call(this.request);
    } catch (error) {
      return this.#failed(error);
    }
    if (answer instanceof Reply) return this.#write(answer);
    // A promise of Node's is taken as it is; anything else that is no Reply, whatever it does, ends as a rejection.
    this.#handler = "runs";
    Promise.resolve(answer).then(
      (reply) => {
        this.#handler = "idle";
        if (Reply.is(reply)) this.#write(reply);
        else this.#failed(new LocalError("USE_NOT_A_REPLY", `It gave ${typeof reply}.`));
        this.#leave();
      },
      (error) => {
        this.#handler = "idle";
        this.#failed(error);
        this.#leave();
      },
    );
  }

  #failed(error: unknown): void {
    if (this.#left !== null) return; // nobody is there to be told, and the signal has told the handler
    if (this.#told === null || error !== this.#told) this.#line.site.report(error, this.request);
    this.refuse(error);
  }

  #write(reply: Reply): void {
    if (this.#left !== null || this.writing !== "waiting") return discardBody(reply.body);
    if (reply.body instanceof Takeover) return this.#switch(reply, reply.body);
    if (this.#head.method === "CONNECT" && reply.status < 300) {
      discardBody(reply.body);
      return this.#failed(new HttpError(501));
    }
    this.#status = reply.status;
    try {
      const stream = writeReply(reply, this);
      if (stream === null) return;
      if (this.#left !== null) return stream.cancel(this.#left);
      if ((this.writing as string) !== "done") this.#stream = stream;
    } catch (error) {
      discardBody(reply.body);
      this.fail(error);
    }
  }

  #switch(reply: Reply, body: Takeover): void {
    try {
      if (reply.status !== 101 && this.#head.method !== "CONNECT")
        throw new LocalError("USE_STATE", "A tunnel answers CONNECT.");
      this.#sendHead(reply, undefined);
    } catch (error) {
      return this.#failed(error);
    }
    this.#status = reply.status;
    this.writing = "done";
    this.#conclude();
    this.#line.handOver(body);
  }

  // ── for the writer ──────────────────────────────────────────────────────────────────────────────────────────────────

  get writable(): boolean {
    return this.#line.writable;
  }

  bodiless(status: number): boolean {
    return this.#head.method === "HEAD" || !mayHaveBody(status);
  }

  head(reply: Reply, length: number | undefined): void {
    if (this.#left !== null) return;
    // A body that was never asked for: skipping it must not cost more than a new connection, and a peer that waits for 100
    // Continue may or may not send it, so that nobody could tell where the next request begins (RFC 9110 §10.1.1).
    const { limits } = this.#line.settings;
    if (this.reading !== "done" && this.#inbound?.begun !== true && (this.#length ?? 0) > limits.discardBytes)
      this.#line.closeAfter();
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
    this.#skip();
    this.#check();
  }

  fail(error: unknown): void {
    if (this.#left !== null) return;
    if (this.#told === null || error !== this.#told) this.#line.site.report(error, this.request);
    this.refuse(error);
  }

  #sendHead(reply: Reply, length: number | undefined): void {
    const { status, headers, extras } = reply;
    this.#line.respond({ status, reason: extras?.reason ?? reason(status), version: "1.1", headers }, length);
  }

  #inform(status: number, headers: Fields): void {
    this.#line.inform({ status, reason: reason(status), version: "1.1", headers });
  }

  #received(): ReceivedBody {
    if (this.#inbound === null) {
      this.#inbound = new ReceivedBody(this.#length, this);
      // Asked for too late: what was not kept cannot be had, and nothing will come.
      if (this.#left !== null) this.#inbound.fail(this.#left);
      else if (this.reading !== "body") this.#inbound.fail(new TransportError("NET_CLOSED", "The body was skipped."));
    }
    return this.#inbound;
  }

  /** Nobody reads the rest of the body: it is skipped. */
  #skip(): void {
    if (this.reading === "done") return;
    // Where no request comes after it, it is dropped behind our FIN, as far as the peer still sends it (RFC 9112 §9.6).
    this.reading = this.writing === "done" && this.#line.closing ? "done" : "discard";
    this.#inbound?.cancel(new TransportError("NET_CLOSED", "The reply was finished before the body was read."));
    if (this.reading === "discard") this.#line.resumeBody();
  }

  #discard(length: number): void {
    this.#discarded += length;
    if (this.#discarded <= this.#line.settings.limits.discardBytes) return;
    this.#line.closeAfter();
    this.reading = "done";
    this.#check();
  }

  #check(): void {
    if (this.reading === "done" && this.writing === "done" && this.#left === null) this.#line.over();
  }

  /** The reply has left, or never will. */
  #conclude(): void {
    const { site } = this.#line;
    this.#leave();
    this.#afterwards?.run();
    if (this.#started !== UNTIMED) {
      const elapsed = site.clock.now() - this.#started;
      const info = { status: this.#status, bytes: this.#bytes, elapsed };
      site.replied(this.request, this.#head.target === "" ? { ...info, unread: true } : info);
    }
  }

  #leave(): void {
    if (this.writing === "done") this.#place?.leave(this.#handler);
  }
}
