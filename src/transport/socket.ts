// Any socket of node:net, and so of node:tls, as a Transport. It knows how Node reads, writes, ends and fails, and makes
// of it the six calls and four events of the interface. It refuses to know who connected to whom, and what the bytes mean.
//
// A connection costs one object and one property of the socket: the listeners are shared by all sockets.
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { LocalError, TransportError } from "../base/errors.ts";
import type { Peer, Transport, TransportEvents } from "../base/transport.ts";
import { type Linked, READER, readIntoStaticBuffer, remoteOf, replaceListener } from "./static-buffer.ts";
import { unsent } from "./write-queue.ts";

/** Up to here copying the pieces into one buffer is cheaper than a write of many. */
const COPY_LIMIT = 16384;

/** A unix socket tells nothing of who is at the other end. */
const NOBODY: Peer = { address: "", port: 0, secure: false };

interface Encrypted {
  readonly encrypted?: boolean;
  readonly alpnProtocol?: string | false | null;
}

type Served = Linked & { readonly [READER]: SocketTransport };

/** A socket as a Transport: takes the socket over. Its allowHalfOpen is set: a FIN of the peer ends reading, no more. */
export class SocketTransport implements Transport {
  readonly peer: Peer;
  readonly protocol: string | undefined;
  readonly #socket: Socket;
  #events: TransportEvents | undefined;
  #opened: 0 | 1 | 2 = 0;
  #reading: "stopped" | "flowing" = "stopped";
  #theirs: "open" | "held" | "ended" = "open"; // held: the FIN came while reading was stopped, or before held bytes went
  #life: "alive" | "ending" | "over" = "alive";
  #waits: "drain" | "nothing" = "nothing";
  #ended = false;
  #error: Error | undefined;
  #held: Buffer[] | undefined; // read, and not yet told
  #source: "buffer" | "events" = "events";

  /** @param socket connected, and not being read by anyone. */
  constructor(socket: Socket) {
    const { encrypted, alpnProtocol } = socket as Encrypted;
    this.peer = peerOf(socket, encrypted === true);
    this.protocol = alpnProtocol || undefined;
    this.#socket = socket;
    socket.allowHalfOpen = true;
    (socket as { [READER]?: SocketTransport })[READER] = this;
    if (socket.destroyed) this.#life = "over";
    socket.on("error", onError).on("close", onClose).on("drain", onDrain);
    if (encrypted === true || !replaceListener(socket, "end", onEnd)) socket.on("end", onEnd);
  }

  get pending(): number {
    return this.#life === "alive" ? unsent(this.#socket) : 0;
  }

  open(events: TransportEvents): void {
    if (this.#opened === 2) throw new LocalError("USE_OPENED");
    this.#events = events;
    if (this.#opened++ === 0) this.#begin();
    else if (this.#theirs === "ended") this.#theirs = "held"; // who takes over has yet to hear of it
    this.#reading = "flowing";
    if (this.#life === "over") process.nextTick(tellClose, events, this.#error);
    else this.#continue();
  }

  write(list: readonly (Uint8Array | string)[]): boolean {
    const socket = this.#socket;
    if (this.#life !== "alive") return false; // close() follows, or was told
    if (this.#ended) throw new LocalError("USE_ENDED");
    const only = list.length === 1 ? list[0] : joined(list);
    if (only === undefined) {
      if (!socket.destroyed) writeAll(socket, list);
    } else if (only.length > 0 && socket.write(only as string, "latin1")) return true;
    // Node says false already if the write was large, although the system may have taken all of it at once.
    if (socket.writableLength < socket.writableHighWaterMark) return true;
    this.#waits = "drain";
    return false;
  }

  pause(): void {
    if (this.#opened === 0) return;
    this.#reading = "stopped";
    this.#socket.pause();
  }

  resume(): void {
    if (this.#opened === 0 || this.#reading === "flowing" || this.#life !== "alive") return;
    this.#reading = "flowing";
    this.#continue();
  }

  end(): void {
    if (this.#life !== "alive") return;
    this.#ended = true;
    this.#socket.end(() => this.drained()); // Node tells no drain once it was ended
  }

  /**
   * With an error, TCP is reset: the peer must not take for complete what was cut. Without one the socket is closed and
   * the system says what it finds right: RST if bytes of the peer were unread, else FIN. TLS is closed without a close_notify
   * (RFC 8446 §6.1); a unix socket has nothing to say it with. Nor has libuv once our FIN is under way, and then all was sent.
   * `close()` is told the error that was given, as it is.
   */
  destroy(error?: Error): void {
    if (this.#life !== "alive") return;
    this.#life = "ending";
    this.#error ??= error;
    const socket = this.#socket;
    const isFinishing = socket.writableEnded && socket.writableLength === 0;
    const canReset = !this.peer.secure && this.peer.address !== "" && !isFinishing;
    // Two turns later: libuv before 1.52, which Node 20 and 22 have, takes a reset that comes together with octets for a FIN.
    if (error !== undefined && canReset) setImmediate(() => setImmediate(reset, socket));
    else socket.destroy();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  /** For the listeners below. Bytes that come although reading was stopped (TLS decrypts ahead) are kept in order. */
  receive(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#life !== "alive") return false;
    if (this.#reading === "stopped" || this.#held !== undefined) {
      (this.#held ??= []).push(Buffer.from(bytes.subarray(start, end)));
      return false;
    }
    if (this.#opened === 2 && this.#source === "buffer") {
      const kept = Buffer.from(bytes.subarray(start, end));
      this.#events?.data(kept, 0, kept.length);
    } else {
      this.#events?.data(bytes, start, end);
    }
    return true;
  }

  /** For the listeners below: tells what was held back, as far as reading is not stopped again meanwhile. */
  flush(): void {
    while (this.#held !== undefined && this.#isTelling()) {
      const bytes = this.#held.shift();
      if (this.#held.length === 0) this.#held = undefined;
      if (bytes !== undefined) this.#events?.data(bytes, 0, bytes.length);
    }
    if (!this.#isTelling()) return;
    if (this.#theirs === "held") {
      this.#theirs = "ended";
      this.#events?.end();
    } else {
      this.#socket.resume();
    }
  }

  /** For the listeners below. */
  ended(): void {
    if (this.#isTelling() && this.#held === undefined) {
      this.#theirs = "ended";
      this.#events?.end();
    } else {
      this.#theirs = "held";
    }
  }

  /** For the listeners below. */
  drained(): void {
    if (this.#waits === "nothing" || this.#life !== "alive") return;
    this.#waits = "nothing";
    this.#events?.drain();
  }

  /** For the listeners below: the one place where the errors of a socket are translated. */
  failed(cause: Error): void {
    if (this.#life !== "alive") return;
    this.#error ??= new TransportError("NET_RESET", cause.message, { cause });
  }

  /** For the listeners below. */
  closed(): void {
    if (this.#life === "over") return;
    const inOrder = this.#life === "alive" && this.#error === undefined;
    this.#life = "over";
    this.#held = undefined;
    if (inOrder && this.#theirs === "held") this.#events?.end();
    this.#events?.close(this.#error);
  }

  #begin(): void {
    const socket = this.#socket as Linked;
    while (socket.readableLength > 0) {
      const early: Buffer | null = socket.read(); // decrypted before we were here; Node 26 gives one piece at a time
      if (early === null) break;
      (this.#held ??= []).push(early);
    }
    if (readIntoStaticBuffer(socket)) this.#source = "buffer";
    else socket.on("data", onData);
  }

  #continue(): void {
    if (this.#held !== undefined || this.#theirs === "held") process.nextTick(flush, this);
    else this.#socket.resume();
  }

  #isTelling(): boolean {
    return this.#reading === "flowing" && this.#life === "alive";
  }
}

function onData(this: Served, bytes: Buffer): void {
  this[READER].receive(bytes, 0, bytes.length);
}

function onEnd(this: Served): void {
  this[READER].ended();
}

function onDrain(this: Served): void {
  this[READER].drained();
}

function onError(this: Served, error: Error): void {
  this[READER].failed(error);
}

function onClose(this: Served): void {
  this[READER].closed();
}

function flush(transport: SocketTransport): void {
  transport.flush();
}

function reset(socket: Socket): void {
  if (!socket.destroyed) socket.resetAndDestroy();
}

function tellClose(events: TransportEvents, error: Error | undefined): void {
  events.close(error);
}

/** Most peers of a server behind a proxy, or of one machine, have one address: kept once. 32 octets a connection. */
let lastAddress = "";

function peerOf(socket: Socket, secure: boolean): Peer {
  const { remoteAddress, remotePort } = remoteOf(socket);
  if (remoteAddress === undefined) return secure ? { ...NOBODY, secure } : NOBODY;
  // An IPv4 peer of a socket that listens on "::" shows as "::ffff:192.0.2.1" (RFC 4291 §2.5.5.2).
  const address = /^::ffff:\d+\./i.test(remoteAddress) ? remoteAddress.slice(7) : remoteAddress;
  if (address !== lastAddress) lastAddress = address;
  return { address: lastAddress, port: remotePort ?? 0, secure };
}

/** The list as one piece, if that is cheaper than a write of several; "" for nothing. */
function joined(list: readonly (Uint8Array | string)[]): Uint8Array | string | undefined {
  let length = 0;
  let strings = 0;
  for (const piece of list) {
    length += piece.length;
    if (typeof piece === "string") strings += 1;
  }
  if (strings === list.length) return list.join("");
  if (length > COPY_LIMIT) return undefined;
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  for (const piece of list) {
    if (typeof piece === "string") bytes.write(piece, at, "latin1");
    else bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** Corked, so that Node hands the pieces to the system in one call. */
function writeAll(socket: Socket, list: readonly (Uint8Array | string)[]): void {
  socket.cork();
  for (const piece of list) if (piece.length > 0) socket.write(piece as string, "latin1");
  socket.uncork();
}
