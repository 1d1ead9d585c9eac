// The half of an exchange that comes in: the body of a request, on its way to whoever reads it. It is held back where that reader
// is slow, skipped where nobody reads, and failed where the rest does not come. A request without a body has none of this.
import { TransportError } from "../base/errors.ts";
import type { Fields } from "../message/fields.ts";
import { type InboundSource, ReceivedBody } from "../message/inbound.ts";
import type { Line } from "./line.ts";
import type { Pace, Paced } from "./pace.ts";

/** What the half that comes in asks of the exchange that it is a half of. */
export interface OtherHalf {
  readonly writing: "waiting" | "body" | "done";
  /** Why nothing can be read or sent any more; null while it can. */
  readonly left: Error | null;
  /** Of the request. */
  readonly headers: Fields;
  /** Asks for the body that the client announced: 100 Continue. */
  invite(): void;
  /** The body is complete, failed or skipped. */
  read(): void;
}

export class Reading implements InboundSource, Paced {
  state: "body" | "discard" | "done" = "body";
  fed = 0;
  bodyTimeout: number | null = null;
  pace: Pace | null = null;
  /** Octets, where the client declared them. */
  readonly length: number | undefined;
  readonly #line: Line;
  readonly #exchange: OtherHalf;
  #body: ReceivedBody | null = null;
  #discarded = 0;

  constructor(line: Line, exchange: OtherHalf, length: number | undefined) {
    this.#line = line;
    this.#exchange = exchange;
    this.length = length;
  }

  /** The body as its reader sees it. */
  get body(): ReceivedBody {
    if (this.#body === null) {
      this.#body = new ReceivedBody(this.length, this);
      // Asked for too late: what was not kept cannot be had, and nothing will come.
      const { left } = this.#exchange;
      if (left !== null) this.#body.fail(left);
      else if (this.state !== "body") this.#body.fail(new TransportError("NET_CLOSED", "The body was skipped."));
    }
    return this.#body;
  }

  /** Whether somebody has begun to read it. */
  get begun(): boolean {
    return this.#body?.begun === true;
  }

  // ── for the body ────────────────────────────────────────────────────────────────────────────────────────────────────

  get bodyBytes(): number {
    return this.#line.settings.limits.bodyBytes;
  }

  get headers(): Fields {
    return this.#exchange.headers;
  }

  wanted(): void {
    const { writing, left } = this.#exchange;
    if (this.#line.awaitsContinue && writing === "waiting" && left === null) this.#exchange.invite();
  }

  room(): void {
    this.#line.resumeBody();
  }

  unwanted(): void {
    if (this.state === "body") this.skip();
  }

  // ── for the connection and the exchange ─────────────────────────────────────────────────────────────────────────────

  /** The whole body lies in the read buffer, as a view that is valid until settle(). */
  offer(view: Uint8Array): void {
    this.body.offer(view);
    this.state = "done";
  }

  /** The read buffer will be used again: a body that is still wanted is copied. */
  settle(): void {
    this.#body?.hold();
  }

  /** A piece of the body, as a view. */
  feed(view: Uint8Array): void {
    this.fed += view.length;
    if (this.state === "discard") return this.#discard(view.length);
    if (!this.body.feed(view)) this.#line.hold("body");
  }

  /** The body is complete. */
  end(trailers: Fields | null): void {
    // It may have ended before anybody asked for it.
    if (this.state === "body") this.body.end(trailers);
    this.#done();
  }

  /** The rest of the body will not come. */
  fail(error: Error): void {
    const { body } = this;
    this.state = "done";
    body.fail(error);
  }

  /** The connection is over. */
  abort(error: Error): void {
    this.state = "done";
    this.#body?.fail(error);
  }

  /** Nobody reads the rest of the body: it is skipped. */
  skip(): void {
    if (this.state === "done") return;
    // Where no request comes after it, it is dropped behind our FIN, as far as the peer still sends it (RFC 9112 §9.6).
    this.state = this.#exchange.writing === "done" && this.#line.closing ? "done" : "discard";
    this.#body?.cancel(new TransportError("NET_CLOSED", "The reply was finished before the body was read."));
    if (this.state === "discard") this.#line.resumeBody();
  }

  #discard(length: number): void {
    this.#discarded += length;
    if (this.#discarded <= this.#line.settings.limits.discardBytes) return;
    this.#line.closeAfter();
    this.#done();
  }

  #done(): void {
    this.state = "done";
    this.#exchange.read();
  }
}
