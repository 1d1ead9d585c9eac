// The entry point `portico/auto`: whoever imports it has a server. What it serves, and where, is said by `portico.config.json` and
// the environment; src/app/config.ts knows both.
import { autostart } from "./app/autostart.ts";
import type { Server } from "./server/server.ts";

export { defaultRoutes } from "./app/autostart.ts";

/** The default server; null where it could not start, or was not to. */
export const server: Server | null = await autostart();
