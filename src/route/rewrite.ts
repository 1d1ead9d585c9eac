// Requests under another name: a slash added by redirect, a target rewritten before it is looked up, a request started again
// within. What is derived shares exchange and body with what came, and original() gives that back.
import { HttpError, LocalError } from "../base/errors.ts";
import type { Handler, Middleware } from "../message/handler.ts";
import { redirect } from "../message/reply.ts";
import { hostOf, Key, queryText, ReceivedRequest, type Request } from "../message/request.ts";

const ORIGINAL: Key<Request> = new Key<Request>("portico.original");

interface Restart {
  readonly handler: Handler;
  readonly left: number;
}

const RESTART: Key<Restart> = new Key<Restart>("portico.restart");

/**
 * Redirects a path whose last segment has neither a slash behind it nor a dot in it to the one with the slash, by 302 as elnode
 * does; the query is kept.
 *
 * @example
 * withTrailingSlash(routes.handler); // /a?x=1 → /a/?x=1
 */
export function withTrailingSlash(next: Handler, status: 301 | 302 | 307 | 308 = 302): Handler {
  return (request) => {
    const { path } = request;
    if (path === "" || path.endsWith("/") || path.slice(path.lastIndexOf("/")).includes(".")) return next(request);
    const query = queryText(request);
    return redirect(`${path}/${query === undefined ? "" : `?${query}`}`, status);
  };
}

/** What a derived request has of its own. A target is in origin-form: it begins with a slash. */
export interface RequestChanges {
  readonly target?: string;
  readonly method?: string;
}

function derive(request: Request, { target = request.target, method = request.method }: RequestChanges): Request {
  // A line end or a blank in a target could become one in a field that is made of it.
  if (target !== request.target && !/^\/[\x21-\x7e]*$/.test(target)) {
    throw new LocalError(
      "USE_BAD_OPTION",
      `A target begins with a slash and is ASCII without blanks, not ${JSON.stringify(target)}.`,
    );
  }
  const { version, headers } = request;
  const derived = new ReceivedRequest({ method, target, version, headers }, hostOf(request));
  derived.set(ORIGINAL, original(request));
  return derived;
}

/** The request as it came, whatever rewrote it or started it again. */
export function original(request: Request): Request {
  return request.get(ORIGINAL) ?? request;
}

/**
 * Looks each request up under another target; what comes out equal goes through untouched. What the function throws is a failure
 * of the handler: 500, or the status of an HttpError.
 *
 * @example
 * stack(routes.handler, rewrite((target) => target.replace(/^\/old\//, "/new/")));
 */
export function rewrite(change: (target: string, request: Request) => string): Middleware {
  return (next) => (request) => {
    const target = change(request.target, request);
    return next(target === request.target ? request : derive(request, { target }));
  };
}

/**
 * Lets what is inside start a request again, by restart().
 *
 * @param limit how often one request may be; 10.
 */
export function restartable(handler: Handler, limit = 10): Handler {
  const first: Restart = { handler, left: limit };
  return (request) => {
    request.set(RESTART, first);
    return handler(request);
  };
}

/**
 * Answers a request as if another had come: an internal redirect, which the client does not see. The body goes along unless it
 * has been read. What middleware outside restartable() left under its keys does not.
 *
 * @throws LocalError USE_STATE outside restartable(), USE_BAD_OPTION for a target that is none; HttpError 508 beyond the limit.
 *
 * @example
 * const index = (request: Request) => restart(request, { target: "/index.html" });
 */
export function restart(request: Request, changes: RequestChanges): ReturnType<Handler> {
  const state = request.get(RESTART);
  if (state === undefined) throw new LocalError("USE_STATE", "restart() is for handlers inside restartable().");
  if (state.left <= 0) throw new HttpError(508, "The request was started again too often.");
  const derived = derive(request, changes);
  derived.set(RESTART, { handler: state.handler, left: state.left - 1 });
  return state.handler(derived);
}
