// What the presets put around the routes because it is no option of the server or of the mux: how a reply is framed, which
// refusal a wrong method gets, how much of a request counts. Each is middleware like any other, and leaves sync what is sync.
import { HttpError, LocalError } from "../base/errors.ts";
import { FileSlice, Takeover } from "../message/body.ts";
import { Fields } from "../message/fields.ts";
import { type Handler, type Middleware, stack } from "../message/handler.ts";
import { type Reply, reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { bodyLimit } from "../middleware/body-limit.ts";
import { outcome } from "../middleware/outcome.ts";

const same = (error: unknown): unknown => error;

/** Something that is done to every reply; refusals that are thrown go past it. */
function replying(change: (reply: Reply) => Reply): Middleware {
  return (next) => (request) => outcome(next, request, change, same);
}

const none = (): null => null;

/**
 * The same reply in chunks, its length unsaid, as Elnode sends all of them. A length that the handler set holds; so does that of
 * files, whether they are sent from the disk or from memory: whoever can have a part of something may know how long it is.
 *
 * A reply that may have trailers is sent in chunks, whatever its body is; it has none in the end. So it stays in one piece, and
 * synchronous, where an iterable would cost promises.
 */
export function inChunks(given: Reply): Reply {
  const { status, headers, body, extras } = given;
  if (body instanceof Takeover || body instanceof FileSlice || status === 205) return given; // 205 says that it is empty
  if (extras?.trailers !== undefined || headers.has("content-length") || headers.has("accept-ranges")) return given;
  return reply(status, headers, body, { ...extras, trailers: none });
}

/** inChunks() for every reply. */
export const chunked: Middleware = replying(inChunks);

/** Text for whoever does not follow a redirect by itself (RFC 9110 §15.4), where the handler gave none. */
export function noted(type: string, note: (location: string) => string): Middleware {
  return replying((given) => {
    const { status, headers, body, extras } = given;
    const location = headers.get("location");
    if (body !== null || location === undefined || status < 300 || status > 399 || status === 304) return given;
    return reply(status, new Fields(headers).set("Content-Type", type), note(location), extras);
  });
}

/**
 * 404 in place of 405 and 501, where the table of routes gave them: for House a path without a handler of the method is none. A
 * handler that refuses with a message means what it says.
 */
export const wrongMethodIsMissing: Middleware = (next) => (request) =>
  outcome(next, request, (given) => given, missing);

function missing(error: unknown): unknown {
  const wrong = error instanceof HttpError && error.message === "" && (error.status === 405 || error.status === 501);
  return wrong ? new HttpError(404, undefined, { cause: error }) : error;
}

/** HTTP/1.0 is refused, by 400: House left such a client without an answer. */
export const onlyHttp11: Middleware = (next) => (request) => {
  if (request.version === "1.0") throw new HttpError(400, "This server speaks HTTP/1.1.");
  return next(request);
};

/** 400 where the name or the value of a field is longer, each by itself. */
export function fieldTokens(octets: number): Middleware {
  return (next) => (request) => {
    for (const [name, value] of request.headers) {
      if (name.length > octets || value.length > octets) throw new HttpError(400);
    }
    return next(request);
  };
}

/**
 * 413 where head and body of a request together are larger; chunk lines are not counted.
 *
 * @throws LocalError USE_BAD_OPTION.
 */
export function requestBytes(octets: number): Middleware {
  if (!Number.isSafeInteger(octets) || octets <= 0) {
    throw new LocalError("USE_BAD_OPTION", `requestBytes is a number of octets, not ${octets}.`);
  }
  return (next: Handler) => (request) => {
    const left = octets - headBytes(request);
    if (left < 0) throw new HttpError(413, undefined, { code: "HTTP_BODY_TOO_LARGE" });
    return request.body.length === 0 ? next(request) : stack(next, bodyLimit(left))(request);
  };
}

/** As it came, but for blanks around values: request line, field lines, and the empty line. */
function headBytes({ method, target, headers }: Request): number {
  let octets = method.length + target.length + " ".length + " HTTP/1.1\r\n".length + "\r\n".length;
  for (const [name, value] of headers) octets += name.length + value.length + ": \r\n".length;
  return octets;
}
