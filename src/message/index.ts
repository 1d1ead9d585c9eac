// The entry point `portico/message`: the vocabulary of HTTP as values.
export { type Answer, answering, toReply } from "./answer.ts";
export { type Body, FileSlice, fileSlice, isBody, type Opener, type Take, Takeover, takeover } from "./body.ts";
export { formatDate, parseDate } from "./date.ts";
export { Fields, type FieldsInit, lowerCased, type ReadonlyFields, titleCased } from "./fields.ts";
export { type Handler, type Middleware, type Outgoing, type Send, stack } from "./handler.ts";
export type { RequestHead, ResponseHead, Version } from "./head.ts";
export { escapeHtml, html, Markup, raw } from "./html.ts";
export { imperative, type Responder } from "./imperative.ts";
export { Pipe, type Sink } from "./pipe.ts";
export type { Inbound } from "./reading.ts";
export { type ErrorPage, plainPage } from "./refusal.ts";
export {
  empty,
  json,
  page,
  Reply,
  type ReplyExtras,
  redirect,
  reply,
  text,
  tunnel,
  upgrade,
  withFields,
} from "./reply.ts";
export {
  afterwards,
  authority,
  deadlines,
  derive,
  inform,
  isRequest,
  Key,
  leaveOnFin,
  queryText,
  type Request,
  type RequestChanges,
} from "./request.ts";
export { isRedirect, mayHaveBody, reason } from "./status.ts";
export { type Authority, canonicalPath, decodeComponent, parseAuthority, rawQuery } from "./target.ts";
