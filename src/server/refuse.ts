// What an error becomes on the wire: a status and its reason phrase, and of an HttpError its message. Nothing else of an error
// is told to a peer: no stack, no path, no name of ours.
import { HttpError, LocalError, RemoteError, TransportError } from "../base/errors.ts";
import { Reply, text } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { reason } from "../message/status.ts";

/** Makes the page of an error: its text is what the peer reads. */
export type ErrorPage = (status: number, message: string, request: Request | undefined) => Reply;

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
  const message = error instanceof HttpError ? error.message : "";
  try {
    const made = page(status, message, request);
    if (Reply.is(made)) return made;
  } catch {
    // The plain page below says the same.
  }
  return plainPage(status, message, request);
}
