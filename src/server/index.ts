// The entry point `portico/server`: handlers over connections.
export type { ListenAddress } from "./addresses.ts";
export { currentServer } from "./current-server.ts";
export { LIMITS, type Limits, TIMEOUTS, type Timeouts } from "./defaults.ts";
export type { Configuration } from "./options.ts";
export {
  createServer,
  type Hooks,
  type ServeOptions,
  Server,
  type ServerOptions,
  serverOf,
} from "./server.ts";
export type { CloseOptions, CloseReport } from "./shutdown.ts";
export type { Connection, ReplyInfo, Stats } from "./site.ts";
