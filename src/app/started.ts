// Servers by their port: started, found and stopped by number, as many as there are ports.
import { LocalError, TransportError } from "../base/errors.ts";
import type { Answer } from "../message/answer.ts";
import type { Handler } from "../message/handler.ts";
import type { Request } from "../message/request.ts";
import { addressOf } from "../server/addresses.ts";
import { CONFIGURATION } from "../server/options.ts";
import { Server, type ServerOptions } from "../server/server.ts";
import type { Listener } from "../transport/listen.ts";
import { subjectOf } from "./subject.ts";

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

/** What can be started: a function of the request that returns anything; what has one as its handler, or as fetch(): an app, a mux. */
export type Startable =
  | ((request: Request) => Answer | Promise<Answer>)
  | { readonly handler: Handler }
  | { readonly fetch: (request: never) => unknown };

/** A server on one port; it may listen on others too. */
interface Running {
  readonly server: Server;
  readonly listener: Listener;
  /** Closes this listener alone. */
  readonly leave: AbortController;
}

const running = new Map<number, Running>();

function onPort(port: number): Running | undefined {
  const found = running.get(port);
  if (found === undefined || found.server.listeners.includes(found.listener)) return found;
  running.delete(port);
  return undefined;
}

/** The servers that start() has started and that run, by port. */
export function servers(): ReadonlyMap<number, Server> {
  const found = new Map<number, Server>();
  for (const port of [...running.keys()]) {
    const there = onPort(port);
    if (there !== undefined) found.set(port, there.server);
  }
  return found;
}

/**
 * Starts a server on a port. An app, or a server, is started as it is: with its limits, hooks and all that it was made with. What
 * has none gets a server with the options that are given here.
 *
 * @param options for an app or a server those of configure() alone, which then are those of the app. What it is told when it is made
 *   (hooks, the error page) is refused here.
 * @throws TransportError NET_ADDRESS_IN_USE, NET_LISTEN; LocalError USE_BAD_OPTION, also for what cannot answer.
 *
 * @example
 * const { port } = await start(() => "Hello", { port: 0 });
 * await stop(port);
 */
export async function start(what: Startable, options: StartOptions = {}): Promise<Started> {
  const { port = 8000, host = "localhost", ifRunning = "fail", ...rest } = options;
  if (ifRunning !== "fail" && ifRunning !== "keep") {
    throw new LocalError("USE_BAD_OPTION", `ifRunning is fail or keep, not ${String(ifRunning)}.`);
  }
  const handler = handlerOf(what);
  const kept = (): Started | undefined => {
    const before = ifRunning === "keep" ? onPort(port) : undefined;
    return before && { server: before.server, port, already: true };
  };
  const before = kept();
  if (before !== undefined) return before;
  if (onPort(port) !== undefined) throw new TransportError("NET_ADDRESS_IN_USE", `(${port}, by this program)`);
  const server = ownServer(what, rest) ?? new Server(handler, rest);
  const leave = new AbortController();
  try {
    const [listener] = await server.listen({ host: addressOf(host), port }, { signal: leave.signal });
    const there = listener as Listener;
    const address = there.address as { readonly port: number };
    running.set(address.port, { server, listener: there, leave });
    return { server, port: address.port, already: false };
  } catch (error) {
    const quicker = kept(); // two that were started at once
    if (quicker !== undefined) return quicker;
    throw error;
  }
}

function handlerOf(what: Startable): Handler {
  const handler = subjectOf(what)?.handler;
  if (handler !== undefined) return handler;
  const shown = typeof what === "string" ? JSON.stringify(what) : what === null ? "null" : typeof what;
  throw new LocalError(
    "USE_BAD_OPTION",
    `start() takes an app, a mux, a function of the request, or an object with fetch(), not ${shown}.`,
  );
}

/** The server that something has already; with the options that can be changed while it runs. */
function ownServer(what: unknown, options: ServerOptions): Server | undefined {
  const server = what instanceof Server ? what : (what as { readonly server?: unknown }).server;
  if (!(server instanceof Server)) return undefined;
  const late = Object.keys(options).find((name) => !CONFIGURATION.includes(name));
  if (late !== undefined) {
    throw new LocalError("USE_BAD_OPTION", `${late} is told to an app or a server when it is made, not to start().`);
  }
  server.configure(options);
  return server;
}

/**
 * Stops the server on a port: it finishes what is in hand. Where it listens elsewhere too it goes on there, and this port is closed.
 *
 * @returns false where there is none.
 */
export async function stop(port: number): Promise<boolean> {
  const there = onPort(port);
  if (there === undefined) return false;
  const { server, listener, leave } = there;
  running.delete(port);
  if (server.listeners.length > 1) {
    leave.abort();
    await listener.close();
  } else await server.close();
  return true;
}
