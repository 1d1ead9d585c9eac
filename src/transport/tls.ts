// Listening and dialling through node:tls: the same as tcp.ts, encrypted. Knows certificates, ALPN and handshakes, and what
// becomes of those that fail or never end. What is spoken inside is for ALPN to say and for others to know.
import { createServer as createNetServer, type Socket } from "node:net";
import { type ConnectionOptions, connect, createSecureContext, createServer, type TLSSocket } from "node:tls";
import { asError, LocalError, TransportError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import type { Address, Transport } from "../base/transport.ts";
import { bind, HIGH_WATER, report, serverOptions } from "./bind.ts";
import { connected, targetOf } from "./connect.ts";
import type { Listen } from "./listen.ts";
import { SocketTransport } from "./socket.ts";
import { TlsContext, type TlsServerOptions } from "./tls-context.ts";

/** Milliseconds for a handshake; two round trips take less than one second nearly anywhere. Node would wait for 120. */
const HANDSHAKE_TIMEOUT = 10_000;

const DEFAULTS: TlsServerOptions = { ALPNProtocols: ["http/1.1"], handshakeTimeout: HANDSHAKE_TIMEOUT };

/** The options of node:tls for a client: ca, servername, rejectUnauthorized, key and cert …, and the handshake's limit. */
export interface TlsDialOptions extends ConnectionOptions {
  /** Milliseconds from the connection to the end of the handshake. Default 10,000. */
  readonly handshakeTimeout?: number;
}

/**
 * Listens, and hands over a connection once its handshake is done. One that fails or takes longer than
 * `tls.handshakeTimeout` is told to `onError` as NET_TLS, and listening goes on.
 *
 * Rejects as listen() of tcp.ts does; USE_BAD_OPTION also for a certificate or key that cannot be used.
 *
 * @example
 * await listenTls({ host: "::", port: 443 }, accept, { tls: { key, cert } });
 */
export const listenTls: Listen = async (address, accept, options = {}) => {
  const context = contextOf(options.tls);
  const server = createTlsServer(context.options);
  /** The connections below those whose handshake is under way. */
  const shaking = new Set<Socket>();
  const over = (socket: Socket): void => {
    if (shaking.delete(socket)) options.handshakes?.end();
  };
  const closed = function (this: Socket): void {
    over(this);
  };
  let state: "accepting" | "closed" = "accepting";
  // A server of node:tls takes connections that another has accepted: this one sees them before their handshake. Half-open they
  // are from the SocketTransport on: who ends in the middle of a handshake has disconnected.
  const listener = createNetServer({ ...serverOptions(options), allowHalfOpen: false }, (socket) => {
    if (options.handshakes?.begin() === false) return void socket.destroy();
    shaking.add(socket.on("close", closed));
    server.emit("connection", socket);
  });
  server.on("secureConnection", (socket) => {
    const below = belowOf(socket)?.off("close", closed);
    if (below !== undefined) over(below);
    if (state === "accepting") accept(new SocketTransport(socket));
    else socket.destroy(); // its handshake was done as the listener closed
  });
  server.on("tlsClientError", (cause: Error, socket) => {
    socket.destroy();
    if (state === "accepting") report(options, new TransportError("NET_TLS", cause.message, { cause }));
  });
  const detach = context.attach((next) => {
    createSecureContext(next); // throws before the server is touched
    server.setSecureContext(next);
  });
  return bind(listener, address, options, () => {
    state = "closed";
    detach();
    for (const socket of shaking) socket.destroy();
  });
};

/** The connection that is encrypted. Node does not document where a socket has it; without it a handshake counts until its end. */
function belowOf(socket: TLSSocket): Socket | undefined {
  return (socket as { readonly _parent?: Socket | null })._parent ?? undefined;
}

/**
 * Connects, and resolves when the handshake is done and the certificate found good. The name asked for (SNI) is the host
 * unless `servername` says otherwise.
 *
 * Rejects with NET_CONNECT, or with NET_TLS if it was reached but cannot be trusted or does not answer in time.
 */
export function dialTls(address: Address, signal?: AbortSignal, options: TlsDialOptions = {}): Promise<Transport> {
  return handled(dialled(address, signal, options));
}

async function dialled(address: Address, signal: AbortSignal | undefined, options: TlsDialOptions): Promise<Transport> {
  const target = targetOf(address);
  const { handshakeTimeout = HANDSHAKE_TIMEOUT, ...rest } = options;
  const fixed = { ...target, noDelay: true, allowHalfOpen: true, highWaterMark: HIGH_WATER };
  const socket: TLSSocket = connect({ ALPNProtocols: ["http/1.1"], ...rest, ...fixed });
  const late = (): void => void socket.destroy(new Error(`No handshake within ${handshakeTimeout} ms.`));
  let timer: NodeJS.Timeout | undefined;
  socket.once("connect", () => (timer = setTimeout(late, handshakeTimeout)));
  try {
    await connected(socket, address, signal, "secureConnect", nothing);
  } finally {
    clearTimeout(timer);
  }
  return new SocketTransport(socket);
}

function nothing(): void {}

function contextOf(given: TlsServerOptions | TlsContext | undefined): TlsContext {
  if (given === undefined) throw new LocalError("USE_BAD_OPTION", "listenTls() needs `tls`, with a key and a cert.");
  return given instanceof TlsContext ? given : new TlsContext(given);
}

function createTlsServer(options: TlsServerOptions): ReturnType<typeof createServer> {
  const { key, cert, pfx, SNICallback, pskCallback } = options;
  if ((key === undefined || cert === undefined) && !(pfx ?? SNICallback ?? pskCallback)) {
    throw new LocalError("USE_BAD_OPTION", "`tls` has a key and a cert, or pfx, or an SNICallback.");
  }
  try {
    return createServer({ ...DEFAULTS, ...options });
  } catch (cause) {
    throw new LocalError("USE_BAD_OPTION", `The TLS options cannot be used: ${asError(cause).message}.`, { cause });
  }
}
