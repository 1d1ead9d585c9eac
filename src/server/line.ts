// What an exchange asks of the connection that it is on: the one seam between the two.
import type { Peer } from "../base/transport.ts";
import type { Takeover } from "../message/body.ts";
import type { Fields } from "../message/fields.ts";
import type { ResponseHead } from "../message/head.ts";
import type { Settings, Site } from "./site.ts";

/** What an exchange asks of the connection that it is on. */
export interface Line {
  readonly peer: Peer;
  readonly site: Site;
  readonly settings: Settings;
  /** Whether the peer waits for 100 Continue. */
  readonly awaitsContinue: boolean;
  /** Whether the peer's FIN has come. */
  readonly halfClosed: boolean;
  /** Whether it has, and is taken for a client that disconnects: `halfClose` is "abort". */
  readonly disconnected: boolean;
  /** Whether more can be written now. */
  readonly writable: boolean;
  /** Whether the connection closes after this exchange. */
  readonly closing: boolean;
  respond(head: ResponseHead, length: number | undefined): void;
  sendData(bytes: Uint8Array | string): void;
  sendEnd(trailers: Fields | null): void;
  inform(head: ResponseHead): void;
  flush(): void;
  /** After this exchange the connection closes. */
  closeAfter(): void;
  /** The body's reader is full, or has room again. */
  hold(why: "body"): void;
  resumeBody(): void;
  /** The deadlines of the exchange have changed, and count from now. */
  rearm(): void;
  /** Both halves are done. */
  over(): void;
  /** The connection is to be cut off: a reply that has begun cannot be completed. */
  destroy(error: Error): void;
  /** The client has disconnected and is sent nothing more: what was answered before leaves, then a FIN. */
  hangUp(): void;
  /** The reply was 101, or 2xx to CONNECT. */
  handOver(takeover: Takeover): void;
}
