// What an error becomes for a peer: a status and its reason phrase, and of an HttpError its message, its fields and which
// parameters were wrong. Nothing else of an error is told: no stack, no path, no name of ours.
import { HttpError, LocalError, RemoteError, TransportError } from "../base/errors.ts";
import { Reply, text, withFields } from "./reply.ts";
import type { Request } from "./request.ts";
import { reason } from "./status.ts";

/**
 * Makes the page of an error: its text is what the peer reads.
 *
 * @param message what the peer may read; empty where there is nothing to say beyond the status.
 * @param error the refusal, where a handler or the server meant one: `error.issues` has the parameters that were wrong. Its
 *   fields are put on the page afterwards.
 */
export type ErrorPage = (
  status: number,
  message: string,
  request: Request | undefined,
  error: HttpError | undefined,
) => Reply;

/** Plain text: the status, its phrase, and the message where there is one. */
export const plainPage: ErrorPage = (status, message) => {
  const title = `${status} ${reason(status)}`.trimEnd();
  return text(message === "" || message === reason(status) ? `${title}\n` : `${title}\n${message}\n`, status);
};

/** The status that an error stands for. */
export function statusOf(error: unknown): number {
  const known =
    error instanceof HttpError ||
    error instanceof RemoteError ||
    error instanceof LocalError ||
    error instanceof TransportError;
  return known ? error.status : 500;
}

/** The answer to an error, by a page; a page that fails itself gives way to the plain one. */
export function refusal(page: ErrorPage, error: unknown, request: Request | undefined): Reply {
  const status = statusOf(error);
  const meant = error instanceof HttpError ? error : undefined;
  return withFieldsOf(meant, pageOf(page, status, meant, request));
}

function pageOf(page: ErrorPage, status: number, meant: HttpError | undefined, request: Request | undefined): Reply {
  const message = meant?.message ?? "";
  try {
    const made: unknown = page(status, message, request, meant);
    if (Reply.is(made)) return made;
    if (made instanceof Promise) made.catch(() => {}); // a page is made at once: what comes later is nobody's
  } catch {
    // The plain page below says the same.
  }
  return plainPage(status, message, request, meant);
}

function withFieldsOf(meant: HttpError | undefined, page: Reply): Reply {
  if (meant?.fields === undefined) return page;
  const { fields } = meant;
  try {
    return withFields(page, (copy) => {
      for (const [name, value] of Object.entries(fields)) copy.set(name, value);
    });
  } catch {
    return page; // fields that cannot be sent are a bug of the handler, and no reason to answer nothing
  }
}
