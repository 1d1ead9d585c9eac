// What becomes of failures where nobody listens for them: a bug goes to standard error, as an exception that nobody catches does.
// What a peer did wrong, and what a handler refused, is no bug.
import { inspect } from "node:util";
import { HttpError, RemoteError, TransportError } from "../base/errors.ts";
import { quotable } from "../base/printable.ts";
import type { Request } from "../message/request.ts";

/** The hook `error` of a server that has none. */
export function tellFailure(error: unknown, request: Request | undefined): void {
  if (error instanceof RemoteError || error instanceof TransportError) return;
  // One of the server's own making (501, 503) has no cause; that a program could not be started has.
  if (error instanceof HttpError && (error.status < 500 || error.cause === undefined)) return;
  tellBug(error, request);
}

/** Writes a failure to standard error. */
export function tellBug(error: unknown, request: Request | undefined): void {
  const where = request === undefined ? "" : `${quotable(`${request.method} ${request.path}`)}: `;
  process.stderr.write(`${where}${inspect(error)}\n`);
}
