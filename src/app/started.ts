// Servers by their port: started, found and stopped by number, as many as there are ports.
import { LocalError, TransportError } from "../base/errors.ts";
import { type Answer, answering } from "../message/answer.ts";
import type { Handler } from "../message/handler.ts";
import type { Request } from "../message/request.ts";
import type { ServerOptions } from "../server/server.ts";
import { Server } from "../server/server.ts";

/** Where start() listens; the rest are options of the server. */
export interface StartOptions extends ServerOptions {
  /** 8000 where left out; 0 is any free one. */
  readonly port?: number;
  /** An address; "localhost" (where left out) is this machine alone, "*" every address of IPv4. */
  readonly host?: string;
  /** What happens where a server of this process has the port: "fail" throws, "keep" leaves it as it is. "fail". */
  readonly ifRunning?: "fail" | "keep";
}

/** What start() has started. */
export interface Started {
  readonly server: Server;
  readonly port: number;
  /** Whether it ran before, with the handler that it had: see `ifRunning`. */
  readonly already: boolean;
}

/** What can be started: a function of the request that returns anything, or what has one as its handler: an app, a mux. */
export type Startable = ((request: Request) => Answer | Promise<Answer>) | { readonly handler: Handler };

const running = new Map<number, Server>();

/** The servers that start() has started and that run, by port. */
export function servers(): ReadonlyMap<number, Server> {
  for (const [port, server] of running) if (server.listeners.length === 0) running.delete(port);
  return new Map(running);
}

/**
 * Starts a server on a port.
 *
 * @throws TransportError NET_ADDRESS_IN_USE, NET_LISTEN; LocalError USE_BAD_OPTION.
 *
 * @example
 * const { port } = await start(() => "Hello", { port: 0 });
 * await stop(port);
 */
export async function start(what: Startable, options: StartOptions = {}): Promise<Started> {
  const { port = 8000, host = "localhost", ifRunning = "fail", ...server } = options;
  if (ifRunning !== "fail" && ifRunning !== "keep") {
    throw new LocalError("USE_BAD_OPTION", `ifRunning is fail or keep, not ${String(ifRunning)}.`);
  }
  const before = servers().get(port);
  if (before !== undefined && ifRunning === "keep") return { server: before, port, already: true };
  if (before !== undefined) throw new TransportError("NET_ADDRESS_IN_USE", `(${port}, by this program)`);
  const handler = typeof what === "function" ? answering(what) : answering((request) => what.handler(request));
  const made = new Server(handler, server);
  const [listener] = await made.listen({ host: addressOf(host), port });
  const address = listener?.address as { readonly port: number };
  running.set(address.port, made);
  return { server: made, port: address.port, already: false };
}

/** Stops the server on a port: it finishes what is in hand. @returns false where there is none. */
export async function stop(port: number): Promise<boolean> {
  const server = servers().get(port);
  if (server === undefined) return false;
  running.delete(port);
  await server.close();
  return true;
}

/** A host as people say it, as an address: "localhost" is 127.0.0.1, "*" is 0.0.0.0, an empty one localhost. */
export function addressOf(host: string): string {
  if (host === "" || host === "localhost") return "127.0.0.1";
  return host === "*" ? "0.0.0.0" : host;
}
