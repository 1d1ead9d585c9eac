// A line for each request. Octets and time are known exactly only when the last octet has left, and that is told by a hook of the
// server: accessLog() makes one. log() is middleware, for where there is no server at hand: it knows a reply before it is sent.
import { type Clock, systemClock } from "../base/clock.ts";
import { LocalError } from "../base/errors.ts";
import { FileSlice } from "../message/body.ts";
import type { Middleware } from "../message/handler.ts";
import { statusOf } from "../message/refusal.ts";
import { Reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { type AccessFormat, entryOf, formatter } from "./access-format.ts";
import { type LineOptions, type LineTarget, queueTo } from "./line-queue.ts";

/** The form of the lines, and where they go. */
export interface AccessLogOptions extends LineOptions {
  /** "common", "combined", "json", or a function that makes the line; "combined". */
  readonly format?: AccessFormat;
  /** A stream, or a function that takes a line; standard output. */
  readonly target?: LineTarget;
  readonly clock?: Clock;
}

/** What a server tells of a reply that has left: its hook `reply` is such a function. */
export type ReplyHook = (
  request: Request,
  info: { readonly status: number; readonly bytes: number; readonly elapsed: number },
) => void;

type Write = (request: Request, status: number, bytes: number | undefined, elapsed: number) => void;

function writer(options: AccessLogOptions, clock: Clock): Write {
  const { format = "combined", target = process.stdout, waiting, onError } = options;
  if (typeof format !== "function" && !["common", "combined", "json"].includes(format)) {
    throw new LocalError("USE_BAD_OPTION", `There is no format ${JSON.stringify(format)}.`);
  }
  const { line, dropped } = formatter(format);
  const owner = { dropped, failed: (error: unknown) => onError?.(error) };
  const queue = queueTo(target, owner, waiting);
  return (request, status, bytes, elapsed) => {
    try {
      queue.write(line(entryOf(request, status, bytes, elapsed, clock.wall())), owner);
    } catch (error) {
      onError?.(error); // a format of the user's that throws
    }
  };
}

/**
 * Makes a hook that writes a line for each request once its reply has left, with the octets of the body as they were sent and the
 * time until then. Requests that were not understood are there too, and replies that were cut short.
 *
 * @throws LocalError USE_BAD_OPTION for a format that is none.
 *
 * @example
 * const server = createServer(handler, { hooks: { reply: accessLog({ format: "json" }) } });
 */
export function accessLog(options: AccessLogOptions = {}): ReplyHook {
  const write = writer(options, options.clock ?? systemClock);
  return (request, { status, bytes, elapsed }) => write(request, status, bytes, elapsed);
}

/**
 * Writes a line for each request once it has been answered: before the reply is sent. `bytes` are those of a body whose length is
 * known then, `elapsed` is the time until the answer. Where there is a server, accessLog() knows both exactly.
 *
 * @throws LocalError USE_BAD_OPTION for a format that is none.
 *
 * @example
 * const handler = stack(answer, log({ format: "common" }));
 */
export function log(options: AccessLogOptions = {}): Middleware {
  const clock = options.clock ?? systemClock;
  const write = writer(options, clock);
  const later = (answer: Promise<Reply>, request: Request, started: number): Promise<Reply> =>
    Promise.resolve(answer).then(
      (reply) => {
        if (Reply.is(reply)) write(request, reply.status, lengthOf(request, reply), clock.now() - started);
        return reply;
      },
      (error: unknown) => {
        write(request, statusOf(error), undefined, clock.now() - started);
        throw error;
      },
    );
  return (next) => (request) => {
    const started = clock.now();
    let answer: Reply | Promise<Reply>;
    try {
      answer = next(request);
    } catch (error) {
      write(request, statusOf(error), undefined, clock.now() - started);
      throw error;
    }
    if (!(answer instanceof Reply)) return later(answer, request, started);
    write(request, answer.status, lengthOf(request, answer), clock.now() - started);
    return answer;
  };
}

/** Octets that will be sent, where that can be known. */
function lengthOf({ method }: Request, { body, headers }: Reply): number | undefined {
  if (body === null || method === "HEAD") return 0;
  if (typeof body === "string") return Buffer.byteLength(body);
  if (body instanceof Uint8Array) return body.length;
  if (body instanceof FileSlice) return body.end - body.start;
  const declared = headers.get("content-length");
  return declared === undefined ? undefined : Number(declared);
}
