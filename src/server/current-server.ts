// The server without the request: for libraries that handlers call, and that nobody hands the request down to.
import { LocalError } from "../base/errors.ts";
import { ambient, Server } from "./server.ts";

/**
 * The server whose handler runs, after awaits too; undefined outside, and where the option `ambient` is off. Called with a server
 * and a function, it makes that the current server for what runs inside, and returns what the function does.
 *
 * @throws LocalError USE_BAD_OPTION for other arguments.
 *
 * @example
 * currentServer(server, () => library.start()); // as if a handler of the server had called it
 */
export function currentServer(): Server | undefined;
export function currentServer<T>(server: Server, inside: () => T): T;
export function currentServer(server?: Server, inside?: () => unknown): unknown {
  if (server === undefined) return ambient.getStore();
  if (server instanceof Server && typeof inside === "function") return ambient.run(server, inside);
  throw new LocalError("USE_BAD_OPTION", "currentServer() takes nothing, or a server and a function.");
}
