// A server of node:net (or node:tls, which is one) put on an address: checks, the errors of binding, stale socket files,
// and the Listener that comes of it. Knows nothing of what is done with the connections.
import { Buffer } from "node:buffer";
import { chmod, lstat, unlink } from "node:fs/promises";
import { connect, type ListenOptions as NetListenOptions, type Server, type ServerOpts } from "node:net";
import { LocalError, TransportError } from "../base/errors.ts";
import { checkSignal } from "../base/signal.ts";
import type { Address } from "../base/transport.ts";
import type { Listener, ListenOptions } from "./listen.ts";

/** What may wait in a socket before write() says false, in octets; Node's own figure differs between versions. */
export const HIGH_WATER = 65536;

/** The longest path of a unix socket, in octets: Linux has room for 107, the BSDs and macOS for 103. */
const PATH_LIMIT = process.platform === "linux" ? 107 : 103;

/**
 * Listens, and resolves when it does. Errors after that go to `options.onError`, and listening goes on.
 *
 * @param closing is called once when the listener closes, for what else must be let go.
 */
export async function bind(
  server: Server,
  address: Address,
  options: ListenOptions,
  closing: () => void = nothing,
): Promise<Listener> {
  const { signal } = options;
  try {
    const request = requestOf(address, options);
    checkSignal(signal);
    throwIfAborted(signal);
    await settle(server, request).catch(async (error: unknown) => {
      if (!("path" in address) || codeOf(error) !== "EADDRINUSE" || !(await removeStale(address.path))) throw error;
      await settle(server, request);
    });
    // The file is new in any case: that of a process that died was replaced, and its permissions with it.
    if ("path" in address && options.mode !== undefined) await chmod(address.path, options.mode);
    throwIfAborted(signal);
  } catch (cause) {
    server.close();
    closing();
    if (cause instanceof LocalError) throw cause;
    const code = codeOf(cause);
    const taken = code === "EADDRINUSE";
    const detail = taken || code === undefined ? nameOf(address) : `${nameOf(address)}: ${code}`;
    throw new TransportError(taken ? "NET_ADDRESS_IN_USE" : "NET_LISTEN", `(${detail})`, { cause });
  }
  server.on("error", (cause) => report(options, new TransportError("NET_LISTEN", cause.message, { cause })));
  return new BoundListener(server, address, signal, closing);
}

/** The options of node:net that every listener has. */
export function serverOptions(options: ListenOptions): ServerOpts {
  const { noDelay = true, keepAlive = false } = options;
  return {
    allowHalfOpen: true, // the FIN of a peer that has asked ends reading, and it is still answered
    highWaterMark: HIGH_WATER,
    noDelay,
    keepAlive: keepAlive !== false,
    keepAliveInitialDelay: typeof keepAlive === "number" ? keepAlive : 0,
  };
}

/** Tells of an error that does not end listening; where nobody listens for them, the process warns of it. */
export function report(options: ListenOptions, error: TransportError): void {
  if (options.onError !== undefined) options.onError(error);
  else if (error.code !== "NET_TLS") process.emitWarning(error); // a bad handshake is the peer's affair, and daily bread
}

/** Throws USE_BAD_OPTION for an address that cannot be one. */
export function checkAddress(address: Address): void {
  if ("path" in address) {
    const length = Buffer.byteLength(address.path);
    const limit = process.platform === "win32" ? Number.POSITIVE_INFINITY : PATH_LIMIT;
    if (length === 0 || length > limit) {
      throw new LocalError("USE_BAD_OPTION", `A socket path has 1 to ${limit} octets, not ${length}.`);
    }
  } else if ("fd" in address) {
    checkInteger("fd", address.fd, 0, 0x7fffffff);
  } else {
    checkPlace(address);
  }
}

function checkPlace(address: Extract<Address, { host: string }>): void {
  const wrong = Object.keys(address).find((name) => name !== "host" && name !== "port");
  if (wrong !== undefined) throw new LocalError("USE_BAD_OPTION", `There is no ${wrong} in an address.`);
  checkInteger("port", address.port, 0, 65535);
  if (typeof address.host !== "string" || address.host === "") {
    throw new LocalError("USE_BAD_OPTION", "A host is a name or an address; for any, say 0.0.0.0 or ::.");
  }
}

class BoundListener implements Listener {
  readonly address: Address;
  readonly #server: Server;
  readonly #signal: AbortSignal | undefined;
  readonly #closing: () => void;
  readonly #abort = (): void => void this.close();

  constructor(server: Server, address: Address, signal: AbortSignal | undefined, closing: () => void) {
    this.address = actual(server, address);
    this.#server = server;
    this.#signal = signal;
    this.#closing = closing;
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  ref(): this {
    this.#server.ref();
    return this;
  }

  unref(): this {
    this.#server.unref();
    return this;
  }

  // The callback and the 'close' event of Server.close() wait for every connection. The address is free before that:
  // libuv closes the descriptor, and removes the file of a unix socket, within the call.
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#server.close();
    this.#closing();
  }
}

function nothing(): void {}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw signal.reason;
}

function requestOf(address: Address, options: ListenOptions): NetListenOptions & { fd?: number; reusePort?: boolean } {
  checkAddress(address);
  if (options.mode !== undefined) checkMode(options.mode, address);
  if (options.backlog !== undefined) checkInteger("backlog", options.backlog, 1, 0x7fffffff);
  if (options.reusePort === true && !hasReusePort()) {
    throw new LocalError("USE_UNSUPPORTED", `reusePort needs Node 22.12 or 23.1; this is ${process.versions.node}.`);
  }
  const { backlog, reusePort, exclusive, ipv6Only } = options;
  return {
    ...address,
    ...(backlog === undefined ? {} : { backlog }),
    ...(reusePort === true ? { reusePort } : {}),
    ...(exclusive === undefined ? {} : { exclusive }),
    ...(ipv6Only === undefined ? {} : { ipv6Only }),
  };
}

function checkMode(mode: number, address: Address): void {
  if (!("path" in address) || address.path.startsWith("\0")) {
    const where = JSON.stringify(nameOf(address));
    throw new LocalError("USE_BAD_OPTION", `mode is for a unix socket, in a call of its own: ${where} has no file.`);
  }
  if (process.platform === "win32") throw new LocalError("USE_UNSUPPORTED", "A pipe of Windows has no mode.");
  if (Number.isInteger(mode) && mode >= 0 && mode <= 0o777) return;
  throw new LocalError("USE_BAD_OPTION", `mode is 0 to 0o777, e.g. 0o660 (in octal), not ${JSON.stringify(mode)}.`);
}

function hasReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
}

function checkInteger(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new LocalError("USE_BAD_OPTION", `${name} is an integer from ${least} to ${most}, not ${String(value)}.`);
}

function settle(server: Server, request: NetListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error): void => {
      server.off("listening", done).off("error", done);
      if (error === undefined) resolve();
      else reject(error);
    };
    server.once("listening", done).once("error", done).listen(request);
  });
}

/** Removes a socket file that nobody listens on, and says whether it did (or found it gone); never any other file. */
async function removeStale(path: string): Promise<boolean> {
  const before = await lstat(path).catch(() => undefined);
  if (before === undefined) return true;
  if (!before.isSocket() || (await isAlive(path))) return false;
  const now = await lstat(path).catch(() => undefined);
  if (now !== undefined && now.ino !== before.ino) return false; // another was quicker, and lives
  await unlink(path).catch(nothing);
  return true;
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => resolve(codeOf(error) !== "ECONNREFUSED" && codeOf(error) !== "ENOENT"));
  });
}

function actual(server: Server, asked: Address): Address {
  const bound = server.address();
  if (bound === null) return asked;
  return typeof bound === "string" ? { path: bound } : { host: bound.address, port: bound.port };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** An address as people read it. */
export function nameOf(address: Address): string {
  if ("path" in address) return address.path;
  if ("fd" in address) return `fd ${address.fd}`;
  return address.host.includes(":") ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
