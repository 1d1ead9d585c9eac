// What a table answers in place of a route: OPTIONS, and the redirect to the other slash. Middleware around the route's handler
// is to see it, or CORS of a route could not grant its own preflight; but middleware belongs to who registers the handler, and a
// table knows handlers alone. So whoever wraps one says here how to answer inside of what is around it.
import type { Handler } from "../message/handler.ts";
import type { Request } from "../message/request.ts";

/** Answers a request by `answer`, inside of what stands around another handler. */
export type InPlace = (request: Request, answer: Handler) => ReturnType<Handler>;

const known = new WeakMap<Handler, InPlace>();

/** Says how something else answers in place of a handler that is registered. */
export function setInPlace(handler: Handler, inPlace: InPlace): void {
  known.set(handler, inPlace);
}

/** Undefined where nothing stands around the handler. */
export function inPlaceOf(handler: Handler): InPlace | undefined {
  return known.get(handler);
}
