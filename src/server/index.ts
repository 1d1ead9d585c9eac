// The entry point `portico/server`: handlers over connections.
export { LIMITS, type Limits, TIMEOUTS, type Timeouts } from "./defaults.ts";
export type { Configuration, ServerOptions } from "./options.ts";
export { type ErrorPage, plainPage } from "./refuse.ts";
export {
  createServer,
  currentServer,
  type ServeOptions,
  Server,
  serverOf,
} from "./server.ts";
export type { CloseOptions, CloseReport } from "./shutdown.ts";
export type { Connection, Hooks, Protocol, ReplyInfo, Settings, Stats } from "./site.ts";
