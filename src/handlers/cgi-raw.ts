// A handler that writes its answer as text: header lines, an empty line, a body; with a status line before them or without. For
// functions that were written for servers where a handler owns the output.
import { asError, HttpError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import type { Handler } from "../message/handler.ts";
import { Pipe } from "../message/pipe.ts";
import type { Reply } from "../message/reply.ts";
import { hostOf, type Request } from "../message/request.ts";
import { documentReply, Malformed, measured, readDocument } from "./cgi-document.ts";

/**
 * A handler from a function that writes the whole answer, head and body, to an output. Where it begins with header lines, 200 (or
 * the field `Status`) is added; where it begins with a status line, that is sent as it is. The body is framed by the engine.
 *
 * The output ends when the function returns, or when its promise resolves; where it throws, what was not yet sent is 500, or the
 * status of the HttpError.
 *
 * @example
 * rawHandler((request, out) => {
 *   out.write("Content-Type: text/plain\r\n\r\nHello");
 * });
 */
export function rawHandler(write: (request: Request, out: Pipe) => unknown): Handler {
  return (request) => handled(written(write, request));
}

async function written(write: (request: Request, out: Pipe) => unknown, request: Request): Promise<Reply> {
  const out = new Pipe();
  void run(write, request, out);
  const pieces = out[Symbol.asyncIterator]();
  try {
    const document = await readDocument(pieces, "allowed");
    if (request.method === "HEAD") return documentReply(document, 200);
    return documentReply(await measured(document, (flaw) => hostOf(request).report(flawed(flaw))), 200);
  } catch (error) {
    out.cancel(asError(error));
    if (!(error instanceof Malformed)) throw error;
    throw flawed(error);
  }
}

function flawed(cause: Malformed): HttpError {
  return new HttpError(500, undefined, { cause });
}

async function run(write: (request: Request, out: Pipe) => unknown, request: Request, out: Pipe): Promise<void> {
  try {
    await write(request, out);
    out.end();
  } catch (error) {
    if (out.ended) hostOf(request).report(error);
    else out.fail(asError(error));
  }
}
