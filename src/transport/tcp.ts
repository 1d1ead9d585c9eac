// Listening and dialling over TCP and over unix sockets (named pipes on Windows): sockets of node:net, made Transports.
// Refuses to know TLS, but for one thing: the option `tls` sends whoever sets it there, and nobody else loads node:tls.
import { createServer, Socket } from "node:net";
import { handled } from "../base/handled.ts";
import { bind, HIGH_WATER, serverOptions } from "./bind.ts";
import { connected, targetOf } from "./connect.ts";
import type { Dial, Listen } from "./listen.ts";
import { SocketTransport } from "./socket.ts";

/**
 * Listens on a port, a path or an inherited descriptor. A unix socket that a dead process left behind is replaced.
 *
 * Rejects with NET_ADDRESS_IN_USE (another program lives there), NET_LISTEN, USE_BAD_OPTION, USE_UNSUPPORTED.
 *
 * @example
 * const listener = await listen({ host: "127.0.0.1", port: 0 }, (transport) => {
 *   transport.open({ data: (bytes, start, end) => transport.write([bytes.slice(start, end)]), end: () => transport.end(),
 *     drain() {}, close() {} });
 * });
 */
export const listen: Listen = async (address, accept, options = {}) => {
  if (options.tls !== undefined) return (await import("./tls.ts")).listenTls(address, accept, options);
  const server = createServer({ ...serverOptions(options), pauseOnConnect: true }, (socket) =>
    accept(new SocketTransport(socket)),
  );
  return bind(server, address, options);
};

/**
 * Connects to a port or a path; nothing is read before open().
 *
 * Rejects with NET_CONNECT, also when the signal aborts: its reason is the `cause`.
 */
export const dial: Dial = (address, signal) => handled(dialled(address, signal));

const dialled: Dial = async (address, signal) => {
  const target = targetOf(address);
  const socket = new Socket({ allowHalfOpen: true, highWaterMark: HIGH_WATER } as object);
  socket.pause(); // or bytes would be read before someone listens
  await connected(socket, address, signal, "connect", () => socket.connect({ noDelay: true, ...target }));
  return new SocketTransport(socket);
};
