// What waits to be written at the end of the turn: the pieces of one reply, or of many that were pipelined, leave in one
// system call.
import type { Transport } from "../base/transport.ts";
import { COPIED_BYTES, OUTBOX_BYTES } from "./defaults.ts";

type Piece = Uint8Array | string;

/** For all that wait with nothing; never pushed to. */
const NONE: Piece[] = [];

export class Outbox {
  /** Octets written so far. */
  sent = 0;
  /** False: the transport has enough; wait for drained(). */
  writable = true;
  readonly #transport: Transport;
  #pieces: Piece[] = NONE;
  #size = 0;
  #open = true;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get empty(): boolean {
    return this.#size === 0;
  }

  /** Adds a piece; strings are Latin-1. */
  push(piece: Piece): void {
    this.#size += piece.length;
    if (this.#pieces === NONE) this.#pieces = [piece];
    else this.#append(piece);
  }

  /**
   * Writes where as much waits as should. Not while a machine still pushes: what a transport does in write() may send something
   * on another connection, and so ask for the one function that pushes.
   */
  flushLarge(): void {
    if (this.#size >= OUTBOX_BYTES) this.flush();
  }

  #append(piece: Piece): void {
    const pieces = this.#pieces;
    const at = pieces.length - 1;
    const last = pieces[at];
    if (typeof last === "string" && (typeof piece === "string" || fits(last, piece))) {
      pieces[at] = typeof piece === "string" ? last + piece : behind(last, piece);
    } else pieces.push(piece);
  }

  /** Writes what there is. */
  flush(): void {
    if (this.#size === 0) return;
    const pieces = this.#pieces;
    this.sent += this.#size;
    this.#pieces = NONE;
    this.#size = 0;
    if (this.#open && !this.#transport.write(pieces)) this.writable = false;
  }

  /** The transport has handed all of it on. */
  drained(): void {
    this.writable = true;
  }

  /** The transport is gone: what is still pushed is dropped. */
  close(): void {
    this.#open = false;
    this.#pieces = NONE;
    this.#size = 0;
    this.writable = true;
  }
}

// A machine gives its pieces to a function, at once: one for all connections, instead of a closure for each.
let target: Outbox;
const push = (piece: Piece): void => target.push(piece);

/** The function that puts what a machine sends into an outbox; it is to be used before the next one is asked for. */
export function pushTo(outbox: Outbox): (piece: Piece) => void {
  target = outbox;
  return push;
}

function fits(head: string, body: Uint8Array): boolean {
  return head.length <= COPIED_BYTES && body.length <= COPIED_BYTES;
}

// A small body goes behind its head into one buffer: two pieces would cost a second entry in the system call.
function behind(head: string, body: Uint8Array): Uint8Array {
  const both = Buffer.allocUnsafe(head.length + body.length);
  both.write(head, 0, "latin1");
  both.set(body, head.length);
  return both;
}
