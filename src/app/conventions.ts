// What an app says once for all that it serves, on its way to the requests: handlers ask the request for it (makerFor()), so it
// reaches those too that the app does not know of.
import { HttpError, LocalError } from "../base/errors.ts";
import { conventionsFrom } from "../message/answer.ts";
import type { Conventions, Said } from "../message/conventions.ts";
import type { Middleware } from "../message/handler.ts";
import { settledRedirect } from "../message/reply.ts";
import { bindConventions, conventionsOf, type Request } from "../message/request.ts";
import { decodeStrictly } from "../message/target.ts";
import { outcome } from "../middleware/outcome.ts";

/** How an app puts requests under its conventions. */
export interface OwnConventions {
  /** Tells the request; null where the app says nothing. */
  readonly within: ((request: Request) => void) | null;
  /** What stands around the handlers for it. */
  readonly middleware: readonly Middleware[];
}

/** @throws LocalError USE_BAD_OPTION, USE_BAD_FIELD. */
export function ownConventions(options: Said): OwnConventions {
  const { textType, redirectStatus, outOfTurn, malformed, otherContent } = options;
  const said: Said = {
    ...(textType !== undefined && { textType }),
    ...(redirectStatus !== undefined && { redirectStatus }),
    ...(outOfTurn !== undefined && { outOfTurn }),
    ...(malformed !== undefined && { malformed }),
    ...(otherContent !== undefined && { otherContent }),
  };
  if (Object.keys(said).length === 0) return { within: null, middleware: [] };
  check(said);
  const own = conventionsFrom(said);
  // Of the app around this one, when there is one, always the same.
  let outside: Conventions | null = null;
  let both = own;
  const within = (request: Request): void => {
    const outer = conventionsOf(request);
    if (outer === null) return bindConventions(request, own);
    if (outer !== outside) {
      outside = outer;
      both = conventionsFrom({ ...outer.said, ...said });
    }
    bindConventions(request, both);
  };
  const middleware: Middleware[] = [];
  if (redirectStatus !== undefined) middleware.push(settling(redirectStatus));
  if (malformed === "refuse") middleware.push(wellFormed);
  return { within, middleware };
}

function check({ redirectStatus, outOfTurn, malformed, otherContent }: Said): void {
  const wrong = (name: string, what: string, value: unknown): LocalError =>
    new LocalError("USE_BAD_OPTION", `${name} is ${what}, not ${String(value)}.`);
  if (
    redirectStatus !== undefined &&
    !(Number.isInteger(redirectStatus) && redirectStatus >= 300 && redirectStatus <= 399)
  ) {
    throw wrong("redirectStatus", "a status of 3xx", redirectStatus);
  }
  if (outOfTurn !== undefined && outOfTurn !== "throw" && outOfTurn !== "report") {
    throw wrong("outOfTurn", "throw or report", outOfTurn);
  }
  if (malformed !== undefined && malformed !== "keep" && malformed !== "refuse") {
    throw wrong("malformed", "keep or refuse", malformed);
  }
  if (otherContent !== undefined && otherContent !== "refuse" && otherContent !== "text") {
    throw wrong("otherContent", "refuse or text", otherContent);
  }
}

/** For redirects of middleware: those of handlers have their status when they come here. */
function settling(status: number): Middleware {
  return (next) => (request) =>
    outcome(
      next,
      request,
      (reply) => settledRedirect(reply, status),
      (error) => error,
    );
}

/** Whatever reads a part of the target later has something that can be read. */
const wellFormed: Middleware = (next) => (request) => {
  if (decodeStrictly(request.target) === undefined) {
    throw new HttpError(400, "The target has a malformed percent sequence, or one that is not UTF-8.");
  }
  return next(request);
};
