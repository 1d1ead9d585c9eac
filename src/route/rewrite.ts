// Requests under another name: a slash added by redirect, a target rewritten before it is looked up, a request started again
// within. What is derived shares exchange and body with what came, and original() gives that back.
import { HttpError, LocalError } from "../base/errors.ts";
import type { Handler, Middleware } from "../message/handler.ts";
import { type Reply, redirect } from "../message/reply.ts";
import {
  bindConventions,
  conventionsOf,
  derive,
  Key,
  queryText,
  type Request,
  type RequestChanges,
} from "../message/request.ts";
import { mountOf, paramsIn } from "./params.ts";

const ORIGINAL: Key<Request> = new Key<Request>("portico.original");

interface Restart {
  readonly handler: Handler;
  readonly left: number;
  /** Those that restartable() saw: a restart is no deeper in the path than it is. */
  readonly params: Readonly<Record<string, string>>;
  /** Those that hold where it stands: a restart from below a mount is none of what is mounted there. */
  readonly conventions: ReturnType<typeof conventionsOf>;
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
  return (request) => (isBare(request.path) ? toSlash(request, status) : next(request));
}

/** Whether the last segment of a path has neither a slash behind it nor a dot in it. */
export function isBare(path: string): boolean {
  return path !== "" && !path.endsWith("/") && !path.slice(path.lastIndexOf("/")).includes(".");
}

/** To the same path with a slash behind it, and the same query. */
export function toSlash(request: Request, status: 301 | 302 | 307 | 308): Reply {
  const query = queryText(request);
  return redirect(`${request.path}/${query === undefined ? "" : `?${query}`}`, status);
}

/** A derived request: what is set under a key is shared by both, and the first of them is what came. */
function derivedOf(request: Request, changes: RequestChanges): Request {
  // A mux reads a part of the path, and so a target that is to be looked up begins with a slash.
  if (changes.target !== undefined && !changes.target.startsWith("/")) {
    throw new LocalError("USE_BAD_OPTION", `A target begins with a slash, not ${JSON.stringify(changes.target)}.`);
  }
  const derived = derive(request, changes);
  const mount = request.path.slice(0, mountOf(derived.params));
  if (derived.path !== mount && !derived.path.startsWith(`${mount}/`) && mount !== "") {
    throw new LocalError("USE_BAD_OPTION", "A target that is set inside a mount stays below it.");
  }
  if (request.get(ORIGINAL) === undefined) request.set(ORIGINAL, request);
  return derived;
}

/** The request as it came, whatever rewrote it or started it again. */
export function original(request: Request): Request {
  return request.get(ORIGINAL) ?? request;
}

/**
 * Looks each request up under another target; what comes out equal goes through untouched. What the function throws is a failure
 * of the handler: 500, or the status of an HttpError. original() gives the request as it came.
 *
 * @param change gets the whole target, with its query, and gives one that begins with a slash. Inside a mount it must leave the
 *   part of the path before the mount as it is.
 *
 * @example
 * stack(routes.handler, rewrite((target) => target.replace(/^\/old\//, "/new/")));
 */
export function rewrite(change: (target: string, request: Request) => string): Middleware {
  return (next) => (request) => {
    const target = change(request.target, request);
    if (target === request.target) return next(request);
    return next(derivedOf(request, { target }));
  };
}

/**
 * Lets what is inside start a request again, by restart().
 *
 * @param limit how often one request may be; 10.
 */
export function restartable(handler: Handler, limit = 10): Handler {
  return (request) => {
    request.set(RESTART, { handler, left: limit, params: request.params, conventions: conventionsOf(request) });
    return handler(request);
  };
}

/**
 * Answers a request as if another had come: an internal redirect, which the client does not see. What is set under keys, and
 * the body unless it has been read, go along; params do not.
 *
 * @param changes a target that is given begins with a slash.
 * @throws LocalError USE_STATE outside restartable(), USE_BAD_OPTION for a target that is none; HttpError 508 beyond the limit.
 *
 * @example
 * const index = (request: Request) => restart(request, { target: "/index.html" });
 */
export function restart(request: Request, changes: RequestChanges): ReturnType<Handler> {
  const state = request.get(RESTART);
  if (state === undefined) throw new LocalError("USE_STATE", "restart() is for handlers inside restartable().");
  if (state.left <= 0) throw new HttpError(508, "The request was started again too often.");
  const { handler, left, params, conventions } = state;
  const own = changes.params === undefined ? params : paramsIn(changes.params, mountOf(params));
  const derived = derivedOf(request, { ...changes, params: own });
  bindConventions(derived, conventions);
  request.set(RESTART, { ...state, left: left - 1 });
  return handler(derived);
}
