// The entry point `portico/transport`: connections as bytes, over TCP, unix sockets, TLS and memory.
export type { Address, Peer, Transport, TransportEvents } from "../base/transport.ts";
export type { Dial, Handshakes, Listen, Listener, ListenOptions } from "./listen.ts";
export { type MemoryOptions, memoryListener, memoryPair } from "./memory.ts";
export { SocketTransport } from "./socket.ts";
export { type ReadMode, readMode } from "./static-buffer.ts";
export { dial, listen } from "./tcp.ts";
export { dialTls, listenTls, type TlsDialOptions } from "./tls.ts";
export { TlsContext, type TlsServerOptions } from "./tls-context.ts";
