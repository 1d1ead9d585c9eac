// The front door: what most programs need, by name. It loads no library.
export { App, portico } from "./app/app.ts";
export type { AppOptions } from "./app/app-options.ts";
export type { Group, Mountable, RouteHandler } from "./app/group.ts";
export type { Injected } from "./app/inject.ts";
export { forget, keep } from "./app/keep.ts";
export type { RouteInfo, RouteParameter } from "./app/routes.ts";
export { HttpError, LocalError, RemoteError, TransportError } from "./base/errors.ts";
export type { Address, Peer, Transport } from "./base/transport.ts";
export {
  type Answer,
  answering,
  authority,
  deadlines,
  derive,
  empty,
  Fields,
  type FieldsInit,
  fileSlice,
  type Handler,
  html,
  type Inbound,
  imperative,
  inform,
  json,
  Key,
  type Middleware,
  Pipe,
  page,
  type ReadonlyFields,
  Reply,
  type Request,
  type Responder,
  raw,
  redirect,
  reply,
  stack,
  text,
  tunnel,
  upgrade,
  withFields,
} from "./message/index.ts";
export {
  type CloseOptions,
  type CloseReport,
  type Connection,
  createServer,
  currentServer,
  type Hooks,
  type Limits,
  type ReplyInfo,
  type ServeOptions,
  type Server,
  type ServerOptions,
  serverOf,
  type Timeouts,
} from "./server/index.ts";
