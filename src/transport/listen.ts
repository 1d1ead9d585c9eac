// The two ways into a network, as types: Listen waits for connections, Dial makes one. Whoever supplies a function of
// either type supplies a transport (vsock, a serial line, memory); the server and the client ask for no more. What stands
// here says nothing about sockets, and nothing about HTTP.
import type { Address, Transport } from "../base/transport.ts";
import type { TlsContext, TlsServerOptions } from "./tls-context.ts";

/** Told of connections from the moment that they are accepted, before their TLS handshake is done. */
export interface Handshakes {
  /** A connection has come. False: it is closed before its handshake. */
  begin(): boolean;
  /** Of one that was let in: its handshake is done, and accept() is called next, or it has failed. */
  end(): void;
}

/** How to listen. Every option is obeyed or refused, never ignored in silence. */
export interface ListenOptions {
  /** How many connections the system lets wait until they are accepted; a hint. Default: that of Node, 511. */
  readonly backlog?: number;
  /** Several processes on one port, the system spreads connections. USE_UNSUPPORTED before Node 22.12 (23.1). */
  readonly reusePort?: boolean;
  /** In a worker of node:cluster: do not share the port with the other workers. */
  readonly exclusive?: boolean;
  /** With host "::": refuse IPv4. */
  readonly ipv6Only?: boolean;
  /**
   * Of a unix socket, `{ path }`: who may connect, as the permissions of its file, e.g. 0o660 for a proxy of the same group. Left out,
   * the umask of the process says it. USE_BAD_OPTION for other addresses; USE_UNSUPPORTED on Windows.
   */
  readonly mode?: number;
  /** Send small writes at once (TCP_NODELAY). Default true: what is written here is whole already. */
  readonly noDelay?: boolean;
  /** Probe silent peers (SO_KEEPALIVE); a number is the milliseconds of silence before the first probe. Default false. */
  readonly keepAlive?: boolean | number;
  /** Encrypts: options of node:tls, or a context whose certificate can be replaced while it is in use. */
  readonly tls?: TlsServerOptions | TlsContext;
  /** Counts the handshakes of TLS that are under way; without TLS there are none. */
  readonly handshakes?: Handshakes;
  /** Closes the listener when it aborts. */
  readonly signal?: AbortSignal;
  /**
   * Hears what failed without ending the listener: accepting (NET_LISTEN), a TLS handshake (NET_TLS). Without it the first
   * becomes a warning of the process. On Linux libuv drops in silence whom it has no descriptor for (EMFILE).
   */
  readonly onError?: (error: Error) => void;
}

/** Something that accepts connections. */
export interface Listener {
  /** Where it really listens: the port that the system chose for port 0. */
  readonly address: Address;
  /** Keeps the process alive, as it does from the start. */
  ref(): this;
  /** Lets the process end although this listens. */
  unref(): this;
  /**
   * Stops accepting, and settles when the address is free again. Accepted transports live on; a TLS handshake that is not done ends.
   * May be called again.
   */
  close(): Promise<void>;
}

/**
 * Listens on an address and hands over each connection as it is accepted; the receiver must open() it to read.
 *
 * Rejects with NET_ADDRESS_IN_USE, NET_LISTEN, USE_BAD_OPTION or USE_UNSUPPORTED.
 */
export type Listen = (
  address: Address,
  accept: (transport: Transport) => void,
  options?: ListenOptions,
) => Promise<Listener>;

/** Connects to an address. Rejects with NET_CONNECT, also when the signal aborts; its reason is the `cause`. */
export type Dial = (address: Address, signal?: AbortSignal) => Promise<Transport>;
