// What an error becomes for a peer: a status and its reason phrase, and of an HttpError its message, its fields and which
// parameters were wrong. Nothing else of an error is told: no stack, no path, no name of ours.
import { HttpError, LocalError, RemoteError, TransportError } from "../base/errors.ts";
import { promised } from "./answer.ts";
import { Reply, text, withFields } from "./reply.ts";
import type { Request } from "./request.ts";
import { reason } from "./status.ts";
import { splitList } from "./token.ts";
import { addVary } from "./vary.ts";

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

/** What a peer may be told of an error. */
interface Told {
  readonly status: number;
  /** The error, where it is a refusal that somebody meant. */
  readonly meant: HttpError | undefined;
  readonly code: string | undefined;
  readonly message: string;
  readonly fields: HttpError["fields"];
}

const NOTHING: Told = { status: 500, meant: undefined, code: undefined, message: "", fields: undefined };

/** What is thrown may be anything, and do anything when it is looked at: one that cannot be read says nothing but 500. */
function read(error: unknown): Told {
  try {
    const meant = error instanceof HttpError;
    if (!meant && !(error instanceof RemoteError || error instanceof LocalError || error instanceof TransportError)) {
      return NOTHING;
    }
    const { status } = error;
    // It was right when it was made, and may have been written to since.
    if (!Number.isInteger(status) || status < 400 || status > 599) return NOTHING;
    if (!meant) return { ...NOTHING, status };
    const { code, message, fields } = error;
    return { status, meant: error, code, message: typeof message === "string" ? message : "", fields };
  } catch {
    return NOTHING;
  }
}

/** The status that an error stands for: 400 to 599. Never throws. */
export function statusOf(error: unknown): number {
  return read(error).status;
}

/** Whether an error says that a body is larger than it may be. Never throws. */
export function isTooLarge(error: unknown): boolean {
  return read(error).code === "HTTP_BODY_TOO_LARGE";
}

/** Whether an error is nobody's refusal and no fault of the peer: a handler has failed. Never throws. */
export function isFailure(error: unknown): boolean {
  try {
    if (error instanceof RemoteError) return false;
  } catch {
    return true;
  }
  return read(error).meant === undefined;
}

/**
 * The answer to an error, by a page; a page that fails itself gives way to the plain one. Never throws.
 *
 * @param report is told of a page that throws, or gives what is no Reply: also of what a promise of one fails with later.
 */
export function refusal(
  page: ErrorPage,
  error: unknown,
  request: Request | undefined,
  report: (failure: unknown) => void = () => {},
): Reply {
  const told = read(error);
  const { status, message, meant } = told;
  const made = pageOf(() => page(status, message, request, meant), report);
  return withFieldsOf(told, made ?? plainPage(status, message, request, meant));
}

function pageOf(make: () => unknown, report: (failure: unknown) => void): Reply | undefined {
  try {
    const made = make();
    if (Reply.is(made)) return made;
    const later = promised(made);
    later?.catch(report);
    const what = later === undefined ? `gave ${typeof made}` : "gave a promise: a page is made at once";
    report(new LocalError("USE_NOT_A_REPLY", `The function errorPage ${what}.`));
  } catch (failure) {
    report(failure);
  }
  return undefined;
}

function withFieldsOf({ fields }: Told, page: Reply): Reply {
  if (fields === undefined) return page;
  try {
    return withFields(page, (copy) => {
      for (const [name, value] of Object.entries(fields)) {
        if (name.toLowerCase() === "vary")
          addVary(copy, splitList(value)); // the page may depend on the request too
        else copy.set(name, value);
      }
    });
  } catch {
    return page; // fields that cannot be sent are a bug of the handler, and no reason to answer nothing
  }
}
