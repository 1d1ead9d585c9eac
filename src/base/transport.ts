// Bytes both ways: what a connection stands on. Nothing about HTTP, and nothing about sockets: transport/ implements it,
// server/ and client/ use it, and a takeover hands one to a handler, which is why it lives below them all.

/** Where something listens, or is to be reached. */
export type Address =
  | { readonly host: string; readonly port: number }
  | { readonly path: string }
  | { readonly fd: number };

/** Who is at the other end. A unix socket or a memory pair has an empty address and port 0. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  /** Whether the bytes are encrypted on the way. */
  readonly secure: boolean;
}

/** What a transport tells its one listener. Nothing is told after `close`. */
export interface TransportEvents {
  /** `bytes[start, end)` are valid during the call only: the buffer is shared by all connections. Copy what you keep. */
  data(bytes: Uint8Array, start: number, end: number): void;
  /** The peer has ended its side (FIN): nothing more will be read, writing may go on. */
  end(): void;
  /** Everything that was written has been handed on: after a write() that said false, go on. */
  drain(): void;
  /** It is over; with an error if it did not end in order. Once, and last. */
  close(error?: Error): void;
}

/** A connection as bytes. */
export interface Transport {
  readonly peer: Peer;
  /** What ALPN agreed on, e.g. "http/1.1". */
  readonly protocol: string | undefined;
  /** Octets that were written and have not yet been handed to the system: falls while a slow peer reads. */
  readonly pending: number;
  /** Begins reading. A takeover may open again: from then on data() gets bytes that may be kept. */
  open(events: TransportEvents): void;
  /** Writes the list in one go, taking ownership of it; strings are Latin-1, always. False: wait for drain(). */
  write(list: readonly (Uint8Array | string)[]): boolean;
  /** Stops reading: no data() and no end() until resume(). */
  pause(): void;
  resume(): void;
  /** Sends what was written, then a FIN; reading goes on. */
  end(): void;
  /** Ends both directions at once and drops what was not sent; close(error) follows. */
  destroy(error?: Error): void;
  /** Keeps the process alive, as it does from the start. Left out where it never does. */
  ref?(): void;
  /** Lets the process end although this is open. */
  unref?(): void;
}
