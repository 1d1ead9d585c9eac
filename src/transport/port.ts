// A MessagePort as a Transport: bytes from thread to thread, in order, with backpressure, half-close and reset. The other end
// tells what it has taken, so that what waits between two threads is bounded as it is between two machines.
import { Buffer } from "node:buffer";
import type { MessagePort } from "node:worker_threads";
import { LocalError, TransportError } from "../base/errors.ts";
import type { Peer, Transport, TransportEvents } from "../base/transport.ts";

/** What goes through the port: octets, how many were taken, a FIN, or the reason of a reset. */
type Note = Uint8Array | { readonly took: number } | "end" | Reset;

interface Reset {
  readonly reset: unknown;
  /** What a copy of an error does not have of it: its name, where that is of its own, and its code. */
  readonly own?: Readonly<Record<string, unknown>>;
}

const NOBODY: Peer = { address: "", port: 0, secure: false };
const HIGH_WATER = 65_536;
/** Pieces are no larger, so that a large write is seen to go. */
const PIECE = 65_536;

/**
 * One end of a MessageChannel, which it takes over; the other end is to be one too. Where that goes without a word, because its thread
 * has ended, the cause of NET_RESET is a TransportError NET_CLOSED; what it is reset with arrives as a plain Error.
 */
export class PortTransport implements Transport {
  readonly peer: Peer;
  readonly protocol: undefined;
  readonly #port: MessagePort;
  readonly #inbox: Uint8Array[] = [];
  #events: TransportEvents | undefined;
  #opened: 0 | 1 | 2 = 0;
  #reading: "stopped" | "flowing" = "stopped";
  #ours: "open" | "ended" = "open";
  #theirs: "open" | "ended" | "told" = "open";
  #life: "alive" | "ending" | "over" = "alive";
  #waits: "drain" | "nothing" = "nothing";
  #turn: "idle" | "due" = "idle";
  #unsent = 0;
  /** The other end has reset, and what it sent before is being told. */
  #reset: TransportError | undefined;
  #error: Error | undefined;

  /** @param peer who the other end is. */
  constructor(port: MessagePort, peer: Peer = NOBODY) {
    this.peer = peer;
    this.#port = port;
    port.on("message", (note: Note) => this.#noted(note));
    port.on("messageerror", (cause: Error) => {
      this.#post({ reset: new Error(textOf(cause)) });
      this.#lost(cause);
    });
    port.on("close", () => this.#closed());
  }

  get pending(): number {
    return this.#life === "alive" ? this.#unsent : 0;
  }

  /** What it was cut with, here or at the other end; undefined while it was not. */
  get error(): Error | undefined {
    return this.#error;
  }

  open(events: TransportEvents): void {
    if (this.#opened === 2) throw new LocalError("USE_OPENED");
    this.#events = events;
    if (this.#opened++ === 1 && this.#theirs === "told") this.#theirs = "ended"; // who takes over has yet to hear of it
    this.#reading = "flowing";
    if (this.#life === "over") process.nextTick(() => events.close(this.#error));
    else this.#schedule();
  }

  write(list: readonly (Uint8Array | string)[]): boolean {
    if (this.#life !== "alive") return false;
    if (this.#ours === "ended") throw new LocalError("USE_ENDED");
    const pieces = list.map((piece) => (typeof piece === "string" ? Buffer.from(piece, "latin1") : piece));
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    for (const piece of length > PIECE ? pieces : [Buffer.concat(pieces, length)]) this.#send(piece);
    if (this.#unsent < HIGH_WATER) return true;
    this.#waits = "drain";
    return false;
  }

  pause(): void {
    this.#reading = "stopped";
    if (this.#reset !== undefined) this.#schedule();
  }

  resume(): void {
    if (this.#opened === 0) return;
    this.#reading = "flowing";
    this.#schedule();
  }

  end(): void {
    if (this.#life !== "alive" || this.#ours === "ended") return;
    this.#ours = "ended";
    this.#post("end");
    this.#schedule();
  }

  /** The other end is reset. The cause of its NET_RESET is the error, as far as it can be copied to another thread. */
  destroy(error?: Error): void {
    if (this.#life !== "alive") return;
    const own = plainOf(error);
    try {
      this.#post({ reset: error, own });
    } catch {
      this.#post({ reset: new Error(textOf(error)), own }); // something in it cannot be copied
    }
    this.#cut(error);
  }

  ref(): void {
    this.#port.ref();
  }

  unref(): void {
    this.#port.unref();
  }

  /** Copies, given away: what is written belongs to this thread, and may lie in a buffer with other things. */
  #send(bytes: Uint8Array): void {
    this.#unsent += bytes.length;
    for (let at = 0; at < bytes.length; at += PIECE) {
      const own = Uint8Array.from(bytes.subarray(at, at + PIECE));
      this.#port.postMessage(own, [own.buffer]);
    }
  }

  #post(note: Note): void {
    this.#port.postMessage(note);
  }

  #noted(note: Note): void {
    if (this.#life !== "alive") return;
    if (note === "end") this.#theirs = "ended";
    else if (note instanceof Uint8Array) this.#inbox.push(note);
    else if ("took" in note) return this.#taken(note.took);
    else return this.#lost(restored(note) ?? new Error("The other end was destroyed."));
    this.#schedule();
  }

  #taken(length: number): void {
    this.#unsent -= length;
    if (this.#unsent > 0) return;
    if (this.#waits === "drain") {
      this.#waits = "nothing";
      this.#events?.drain();
    }
    this.#schedule();
  }

  /** In order where both sides have ended and all was taken: what is left is to be told here. Else the other thread has ended. */
  #closed(): void {
    if (this.#theirs === "open" || this.#ours === "open" || this.#unsent > 0) {
      this.#lost(new TransportError("NET_CLOSED", "The other thread has ended."));
    }
  }

  /** What came before is told first, unless nobody reads. */
  #lost(cause: unknown): void {
    this.#reset ??= new TransportError("NET_RESET", undefined, { cause });
    if (!this.#telling() || this.#inbox.length === 0) this.#cut(this.#reset);
  }

  #cut(error: Error | undefined): void {
    if (this.#life !== "alive") return;
    this.#life = "ending";
    this.#error = error;
    process.nextTick(() => this.#finish());
  }

  #finish(): void {
    this.#life = "over";
    this.#inbox.length = 0;
    this.#port.close();
    this.#events?.close(this.#error);
  }

  /** Looks in a later turn whether there is something to tell; what comes without end lets everybody else have a turn. */
  #schedule(): void {
    if (this.#turn === "due" || this.#life !== "alive") return;
    this.#turn = "due";
    setImmediate(() => {
      this.#turn = "idle";
      this.#step();
    });
  }

  /** One thing at a time: a piece, then the FIN, then the close. */
  #step(): void {
    this.#tellNext();
    if (this.#reset !== undefined && !(this.#telling() && this.#inbox.length > 0)) return this.#cut(this.#reset);
    const done = this.#ours === "ended" && this.#theirs === "told" && this.#unsent === 0;
    if (this.#life === "alive" && done) this.#finish();
    else if (this.#telling() && (this.#inbox.length > 0 || this.#theirs === "ended")) this.#schedule();
  }

  #tellNext(): void {
    if (!this.#telling()) return;
    const next = this.#inbox.shift();
    if (next !== undefined) {
      this.#tell(next);
    } else if (this.#theirs === "ended") {
      this.#theirs = "told";
      this.#events?.end();
    }
  }

  #telling(): boolean {
    return this.#opened > 0 && this.#reading === "flowing" && this.#life === "alive";
  }

  #tell(bytes: Uint8Array): void {
    this.#post({ took: bytes.length });
    this.#events?.data(bytes, 0, bytes.length);
  }
}

/** The properties of an error that are text, numbers and the like: who handles it asks for its code and its status. */
function plainOf(error: Error | undefined): Record<string, unknown> {
  if (error === undefined) return {};
  try {
    const own = Object.entries({ ...error, name: error.name });
    return Object.fromEntries(own.filter(([, value]) => ["string", "number", "boolean"].includes(typeof value)));
  } catch {
    return {}; // a property that throws when it is read
  }
}

function textOf(error: unknown): string {
  try {
    return String(error);
  } catch {
    return "An error that cannot be made text.";
  }
}

function restored({ reset, own = {} }: Reset): unknown {
  if (!(reset instanceof Error)) return reset;
  for (const [key, value] of Object.entries(own)) {
    if (key !== "name")
      Object.defineProperty(reset, key, { value, enumerable: true, configurable: true, writable: true });
    else if (value !== reset.name) Object.defineProperty(reset, key, { value, configurable: true, writable: true });
  }
  return reset;
}
