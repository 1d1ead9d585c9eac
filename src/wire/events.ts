// What is said on a connection, without the bytes it is said in. The interface of every wire machine: sans-I/O, so no
// socket, no timer, no promise; whoever holds it brings the bytes and takes the bytes.
import type { Fields } from "../message/fields.ts";
import type { RequestHead, ResponseHead } from "../message/head.ts";

/** The side of a connection: who asks, or who answers. */
export type Role = "client" | "server";

/** Where a side of an exchange stands; h1/state.ts has the tables. */
export type State =
  | "idle"
  | "send-response"
  | "send-body"
  | "done"
  | "must-close"
  | "closed"
  | "might-switch"
  | "switched"
  | "error";

/** One step of a conversation. `length` is undefined where it shows only at the end of the body. */
export type WireEvent =
  | { readonly type: "request"; readonly head: RequestHead; readonly length: number | undefined }
  | { readonly type: "informational"; readonly head: ResponseHead }
  | { readonly type: "response"; readonly head: ResponseHead; readonly length: number | undefined }
  /** Received bytes are a view, valid until the machine is called again. A string that is sent is Latin-1 text. */
  | { readonly type: "data"; readonly bytes: Uint8Array | string }
  | { readonly type: "end"; readonly trailers: Fields | null }
  | { readonly type: "closed" };

/** What a WireEvent tells of: its `type`. */
export type EventType = WireEvent["type"];

/**
 * Why there is no event. `need-data`: bring more bytes. `paused`: bytes wait behind a finished message, until recycle().
 * `switched`: the rest is another protocol's, see leftover(). A machine that has returned a signal has copied what it keeps.
 */
export type Signal = "need-data" | "paused" | "switched";

/** The end of a body without trailers: one object for all of them. */
export const END: WireEvent = Object.freeze({ type: "end", trailers: null });

/** One connection's protocol, from one side. */
export interface Machine {
  readonly role: Role;
  readonly ours: State;
  readonly theirs: State;
  /** Whether the peer waits for 100 Continue before it sends its body (RFC 9110 §10.1.1). */
  readonly awaitsContinue: boolean;
  /** Octets that were received and not yet parsed. */
  readonly buffered: number;
  /** Takes `bytes[start, end)`, or the peer's FIN as null; then call next() until it gives a Signal. */
  receive(bytes: Uint8Array | null, start?: number, end?: number): void;
  /** @throws RemoteError for what breaks the protocol; the peer's state is then "error" and nothing more is read. */
  next(): WireEvent | Signal;
  /** Puts an event into bytes. Strings given to `out` are Latin-1. @throws LocalError for what may not be sent now. */
  send(event: WireEvent, out: (bytes: Uint8Array | string) => void): void;
  /** Both sides are done: the next exchange may begin. */
  recycle(): void;
  /** What was received and not parsed: yours. For a takeover. */
  leftover(): Uint8Array;
}
