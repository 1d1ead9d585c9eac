// What becomes of failures where nobody listens for them: a bug goes to standard error, as an exception that nobody catches does.
// What a peer did wrong, and what a handler refused, is no bug.
import { inspect } from "node:util";
import { asError, type HttpError, RemoteError, TransportError } from "../base/errors.ts";
import { quotable } from "../base/printable.ts";
import { isFailure } from "../message/refusal.ts";
import type { Request } from "../message/request.ts";

/** The hook `error` of a server that has none. @param reply "cut", where it had begun: whatever it was, a client got only a part. */
export function tellFailure(error: unknown, request: Request | undefined, reply?: "cut"): void {
  if (isTold(error, reply)) tellBug(error, request, reply);
}

/** Writes a failure to standard error. */
export function tellBug(error: unknown, request: Request | undefined, reply?: "cut"): void {
  const where = request === undefined ? "" : `${quotable(`${request.method} ${request.path}`)}: `;
  const how = reply === "cut" ? "the reply was cut off: " : "";
  process.stderr.write(`${where}${how}${shown(error)}\n`);
}

function isTold(error: unknown, reply: "cut" | undefined): boolean {
  try {
    if (error instanceof RemoteError) return false;
    if (reply === "cut") return true;
    if (error instanceof TransportError) return false;
    // One of the server's own making (501, 503) has no cause; that a program could not be started has.
    return isFailure(error) || ((error as HttpError).status >= 500 && (error as HttpError).cause !== undefined);
  } catch {
    return true; // it does not even let itself be asked
  }
}

/** What was thrown, which may do anything when it is looked at. */
function shown(error: unknown): string {
  try {
    return inspect(error);
  } catch {
    return asError(error).message;
  }
}
