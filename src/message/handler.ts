// The waist: a handler is a function from a request to a reply, middleware a function from a handler to a handler. And the
// mirror for the other side: a Send takes what is to be sent and gives the reply that came.
import { LocalError } from "../base/errors.ts";
import { handledIfLater } from "../base/handled.ts";
import type { Body } from "./body.ts";
import type { FieldsInit } from "./fields.ts";
import type { Inbound } from "./inbound.ts";
import type { Reply } from "./reply.ts";
import type { Request } from "./request.ts";

/** Answers a request. Returning a Reply that is no promise keeps the answer synchronous, and fastest. */
export type Handler = (request: Request) => Reply | Promise<Reply>;

/** Wraps a handler, once, when it is put together: there is no next() that could be called twice. */
export type Middleware = (next: Handler) => Handler;

/**
 * A handler inside middleware; the first is the outermost.
 *
 * @example
 * const handler = stack(answer, logged, limited); // logged(limited(answer))
 */
export function stack(handler: Handler, ...middleware: readonly Middleware[]): Handler {
  return middleware.reduceRight((next, wrap) => wrapped(next, wrap), handler);
}

function wrapped(next: Handler, wrap: Middleware): Handler {
  // What is inside may fail after the middleware has answered or thrown: that must not end the process.
  const handler: unknown = wrap((request) => handledIfLater(next(request)));
  if (typeof handler === "function") return handler as Handler;
  throw new LocalError(
    "USE_BAD_OPTION",
    "A middleware takes the next handler, and gives one: (next) => (request) => next(request).",
  );
}

/** A request to be sent. */
export interface Outgoing {
  readonly url: string | URL;
  /** GET where left out. */
  readonly method?: string;
  readonly headers?: FieldsInit;
  readonly body?: Body;
  readonly signal?: AbortSignal;
}

/** Sends a request and gives the reply: its body is an Inbound, which can be answered with as it comes. */
export type Send = (request: Outgoing) => Promise<Reply<Inbound & Body>>;
