// What a handler throws, as a reply. The engine does that too, at its end of things; done here, what stands outside sees a reply
// like any other: it gets fields, is compressed, is logged.
import { HttpError, isAbort, isHalfClosed, RemoteError } from "../base/errors.ts";
import type { Handler, Middleware } from "../message/handler.ts";
import { type ErrorPage, refusal } from "../message/refusal.ts";
import { Reply } from "../message/reply.ts";
import { hostOf, type Request } from "../message/request.ts";

/**
 * Makes replies of errors: of an HttpError its refusal, of anything else 500 without a word of it. The server's error hook is told
 * of the very error, as if it had not been caught. Stands inside of what shall see the replies: cors(), securityHeaders(),
 * requestId(), compress().
 *
 * @param page makes the page, in place of the server's own `errorPage`. One that fails is told to the error hook, and gives way.
 *
 * @example
 * const handler = stack(answer, cors({ origins: "*" }), errorPages());
 */
export function errorPages(page?: ErrorPage): Middleware {
  return (next) => (request) => {
    let answer: ReturnType<Handler>;
    try {
      answer = next(request);
    } catch (error) {
      return caught(page, error, request);
    }
    return answer instanceof Reply ? answer : later(answer, page, request);
  };
}

function later(answer: Promise<Reply>, page: ErrorPage | undefined, request: Request): Promise<Reply> {
  return Promise.resolve(answer).catch((error: unknown) => caught(page, error, request));
}

function caught(page: ErrorPage | undefined, error: unknown, request: Request): Reply {
  // A client that disconnected is told nothing; a body that is too large also ends the connection, and the engine sees to both.
  const { aborted, reason } = request.signal;
  if (aborted && (!isHalfClosed(reason) || error === reason || isAbort(error))) throw error;
  if (error instanceof HttpError && error.code === "HTTP_BODY_TOO_LARGE") throw error;
  // The engine has told of a body that did not come.
  const host = hostOf(request);
  if (!(error instanceof RemoteError)) host.report(error);
  if (page === undefined) return host.refusal(error, request);
  return refusal(page, error, request, (failure) => host.report(failure));
}
