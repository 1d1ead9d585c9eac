// Transports without a network: two ends in one process, and a listener where they meet. For tests, and for embedding a
// server whose client is the same program. They behave as sockets do where that matters: asynchronous, in order, with
// backpressure, half-close and reset; only time and the size of packets are not left to chance.
import { Buffer } from "node:buffer";
import { LocalError, TransportError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import { checkSignal } from "../base/signal.ts";
import type { Address, Peer, Transport, TransportEvents } from "../base/transport.ts";
import { checkAddress, nameOf } from "./bind.ts";
import type { Dial, Listen, Listener } from "./listen.ts";

/** How a pair behaves. */
export interface MemoryOptions {
  /** Octets that may wait for the other end until write() says false. Default 65,536. */
  readonly highWater?: number;
  /** Who the first end is in the eyes of the second, which is the accepted one. Default: nobody, not secure. */
  readonly peer?: Peer;
  /** What both report as ALPN's result. Default: none. */
  readonly protocol?: string;
}

const NOBODY: Peer = { address: "", port: 0, secure: false };
const HIGH_WATER = 65536;
const BREATH = 64;
const OFFSET = 16; // bytes begin here in the shared buffer, so that who ignores `start` shows

// As a socket's, it is shared by all; and overwritten after each call, so that who keeps a view of it shows.
const scratch = Buffer.alloc(OFFSET + 65536, 0xdd);

/**
 * Two transports, each the other end of the other. Bytes arrive in a later turn, at most 64 KB at a time.
 *
 * @example
 * const [client, server] = memoryPair();
 */
export function memoryPair(options: MemoryOptions = {}): [Transport, Transport] {
  const { highWater = HIGH_WATER, peer = NOBODY, protocol } = options;
  if (!(highWater >= 0)) throw new LocalError("USE_BAD_OPTION", `highWater is 0 or more, not ${highWater}.`);
  const first = new MemoryTransport(NOBODY, protocol, highWater);
  const second = new MemoryTransport(peer, protocol, highWater);
  first.join(second);
  second.join(first);
  return [first, second];
}

/**
 * A network of its own: addresses exist for its own `listen` and `dial` only. Port 0 is given a number. The options
 * `tls`, `reusePort` and `mode` are refused (USE_UNSUPPORTED); a descriptor is no address here.
 */
export function memoryListener(options: MemoryOptions = {}): { readonly listen: Listen; readonly dial: Dial } {
  const accepting = new Map<string, (transport: Transport) => void>();
  let free = 49152; // the first port that nobody owns (RFC 6335 §6)

  const listen: Listen = async (asked, accept, { tls, reusePort, mode, signal } = {}) => {
    checkAddress(asked);
    checkSignal(signal);
    if (tls !== undefined || reusePort === true || mode !== undefined || "fd" in asked) {
      throw new LocalError("USE_UNSUPPORTED", "Memory has neither tls, nor reusePort, nor mode, nor descriptors.");
    }
    if (signal?.aborted === true)
      throw new TransportError("NET_LISTEN", `(${nameOf(asked)})`, { cause: signal.reason });
    const address: Address = "port" in asked && asked.port === 0 ? { host: asked.host, port: free++ } : asked;
    const name = nameOf(address);
    if (accepting.has(name)) throw new TransportError("NET_ADDRESS_IN_USE", `(${name})`);
    accepting.set(name, accept);
    const listener: Listener = {
      address,
      ref: () => listener,
      unref: () => listener,
      close: async () => {
        signal?.removeEventListener("abort", listener.close);
        if (accepting.get(name) === accept) accepting.delete(name);
      },
    };
    signal?.addEventListener("abort", listener.close, { once: true });
    return listener;
  };

  const reach: Dial = async (address, signal) => {
    const accept = accepting.get(nameOf(address));
    if (signal?.aborted === true || accept === undefined) {
      throw new TransportError("NET_CONNECT", `(${nameOf(address)})`, { cause: signal?.reason ?? "nobody listens" });
    }
    const [near, far] = memoryPair(options);
    process.nextTick(accept, far);
    return near;
  };

  return { listen, dial: (address, signal) => handled(reach(address, signal)) };
}

class MemoryTransport implements Transport {
  readonly peer: Peer;
  readonly protocol: string | undefined;
  readonly #highWater: number;
  readonly #inbox: Buffer[] = []; // written by the other end, not yet told here
  #inboxLength = 0;
  #far: MemoryTransport | undefined; // undefined once it is over
  #events: TransportEvents | undefined;
  #opened: 0 | 1 | 2 = 0;
  #reading: "stopped" | "flowing" = "stopped";
  #ours: "open" | "ended" = "open";
  #theirs: "open" | "ended" | "told" = "open";
  #life: "alive" | "ending" | "over" = "alive";
  #waits: "drain" | "nothing" = "nothing";
  #turn: "idle" | "due" = "idle";
  #turns = 0;
  #error: Error | undefined;

  constructor(peer: Peer, protocol: string | undefined, highWater: number) {
    this.peer = peer;
    this.protocol = protocol;
    this.#highWater = highWater;
  }

  join(far: MemoryTransport): void {
    this.#far = far;
  }

  get pending(): number {
    return this.#life === "alive" ? (this.#far?.waiting ?? 0) : 0;
  }

  /** For the other end: what it wrote, and was not yet told here. */
  get waiting(): number {
    return this.#inboxLength;
  }

  open(events: TransportEvents): void {
    if (this.#opened === 2) throw new LocalError("USE_OPENED");
    this.#events = events;
    if (this.#opened++ === 1 && this.#theirs === "told") this.#theirs = "ended"; // who takes over has yet to hear of it
    this.#reading = "flowing";
    if (this.#life === "over") process.nextTick(() => events.close(this.#error));
    else this.schedule();
  }

  write(list: readonly (Uint8Array | string)[]): boolean {
    const far = this.#far;
    if (this.#life !== "alive" || far === undefined) return false;
    if (this.#ours === "ended") throw new LocalError("USE_ENDED");
    for (const piece of list) far.#accept(typeof piece === "string" ? Buffer.from(piece, "latin1") : asBuffer(piece));
    if (far.#inboxLength < this.#highWater || far.#inboxLength === 0) return true;
    this.#waits = "drain";
    return false;
  }

  pause(): void {
    this.#reading = "stopped";
  }

  resume(): void {
    if (this.#opened === 0) return;
    this.#reading = "flowing";
    this.schedule();
  }

  end(): void {
    if (this.#life !== "alive" || this.#ours === "ended") return;
    this.#ours = "ended";
    const far = this.#far;
    if (far === undefined) return;
    far.#theirs = "ended";
    far.schedule();
    this.schedule();
  }

  /** The other end is reset: what it was not told it never will be, and its close() gets NET_RESET. */
  destroy(error?: Error): void {
    if (this.#life !== "alive") return;
    const far = this.#far;
    this.cut(error);
    far?.cut(new TransportError("NET_RESET", undefined, { cause: new Error("The other end was destroyed.") }));
  }

  /** Ends this end, without a word to the other. */
  cut(error: Error | undefined): void {
    if (this.#life !== "alive") return;
    this.#life = "ending";
    this.#error = error;
    this.#clear();
    process.nextTick(() => this.#finish());
  }

  #clear(): void {
    this.#inbox.length = 0;
    this.#inboxLength = 0;
    this.#far = undefined;
  }

  #finish(): void {
    this.#life = "over";
    this.#clear();
    this.#events?.close(this.#error);
  }

  #accept(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#inbox.push(bytes);
    this.#inboxLength += bytes.length;
    this.schedule();
  }

  /** Looks in a later turn whether there is something to tell. */
  schedule(): void {
    if (this.#turn === "due" || this.#life !== "alive") return;
    this.#turn = "due";
    const look = (): void => {
      this.#turn = "idle";
      this.#step();
    };
    // Two ends that always have something to tell would let no timer and no socket have a turn.
    if (++this.#turns % BREATH === 0) setImmediate(look);
    else process.nextTick(look);
  }

  /** One thing at a time, each in a turn of its own: bytes, then the FIN, then the close. */
  #step(): void {
    if (this.#life !== "alive") return;
    if (this.#opened > 0 && this.#reading === "flowing") {
      if (this.#inboxLength > 0) return this.#deliver();
      if (this.#theirs === "ended") {
        this.#theirs = "told";
        this.schedule();
        this.#far?.schedule();
        return this.#events?.end();
      }
    }
    if (this.#ours === "ended" && this.#theirs === "told" && this.pending === 0) this.#finish();
  }

  #deliver(): void {
    const length = this.#fill();
    const end = OFFSET + length;
    this.schedule();
    process.nextTick(() => this.#far?.taken());
    if (this.#opened === 2) {
      this.#events?.data(Buffer.from(scratch.subarray(OFFSET, end)), 0, length);
    } else {
      try {
        this.#events?.data(scratch, OFFSET, end);
      } finally {
        scratch.fill(0xdd, OFFSET, end);
      }
    }
  }

  /** Moves what is there, and fits, to the shared buffer; says how much. */
  #fill(): number {
    let at = OFFSET;
    while (at < scratch.length) {
      const next = this.#inbox[0];
      if (next === undefined) break;
      const taken = next.copy(scratch, at);
      at += taken;
      if (taken === next.length) this.#inbox.shift();
      else this.#inbox[0] = next.subarray(taken);
    }
    this.#inboxLength -= at - OFFSET;
    return at - OFFSET;
  }

  /** The other end took what it was told. */
  taken(): void {
    if (this.#life !== "alive" || this.pending > 0) return;
    if (this.#waits === "drain" && this.#ours === "open") {
      this.#waits = "nothing";
      this.#events?.drain();
    }
    this.schedule();
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
