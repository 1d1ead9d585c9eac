// How much of what was written to a socket waits still. Node counts a write as waiting until all of it is done; libuv knows
// better, and its figure falls while a slow peer reads. Knows two internal fields, and does without them where they are not.
import type { Socket } from "node:net";

interface Internals {
  /** `writelen`: the octets of the write in hand, as Node counts them. */
  readonly _writableState?: { readonly writelen?: unknown };
  readonly _handle?: Handle | null;
}

interface Handle {
  /** What libuv has not handed on. Of a TLS handle it is what was encrypted, and stays until the last octet has gone. */
  readonly writeQueueSize?: unknown;
  /** Of a TLS handle: the one below it. */
  readonly _parent?: Handle | null;
}

/** Octets that were written to the socket and that the system has not taken yet. */
export function unsent(socket: Socket): number {
  const waiting = socket.writableLength;
  if (waiting === 0) return 0;
  const { _writableState: state, _handle: handle } = socket as unknown as Internals;
  const inHand = state?.writelen;
  const left = (handle?._parent ?? handle)?.writeQueueSize;
  if (typeof inHand !== "number" || typeof left !== "number") return waiting;
  return waiting - inHand + Math.min(inHand, left); // encrypted, a write is longer than it was
}
