// A name for each request, so that lines of several logs, and of several machines, can be put together.
import { randomUUID } from "node:crypto";
import { LocalError } from "../base/errors.ts";
import type { Middleware } from "../message/handler.ts";
import { Key, type Request } from "../message/request.ts";
import { isToken } from "../message/token.ts";
import { addVary, decorated } from "./outcome.ts";

const ID: Key<string> = new Key<string>("portico.request-id");

/** Where the id of a request comes from. */
export interface RequestIdOptions {
  /** The field that it is read from and sent in; "X-Request-Id". */
  readonly header?: string;
  /**
   * Whether the client's is taken, where it has a form that an id may have; true. Where clients are strangers who could make two
   * requests look like one, say false, or let a function decide, e.g. by the peer.
   */
  readonly accept?: boolean | ((request: Request) => boolean);
  /** Makes an id; a random UUID. */
  readonly make?: (request: Request) => string;
}

/** What all makers of ids use, and nothing that a line, a shell or a page would read as more than text. */
const FORM = /^[A-Za-z0-9._~:+/=@-]{1,128}$/;

/** The id that requestId() gave; undefined where it does not stand before the caller. */
export function requestIdOf(request: Request): string | undefined {
  return request.get(ID);
}

/**
 * Gives each request an id, which is that of the client where it sent a good one (1 to 128 letters, digits and `._~:+/=@-`), and
 * sends it back in the reply.
 *
 * @throws LocalError USE_BAD_OPTION for a header that is no field name.
 *
 * @example
 * const handler = stack(answer, requestId());
 */
export function requestId(options: RequestIdOptions = {}): Middleware {
  const { header = "X-Request-Id", accept = true, make = () => randomUUID() } = options;
  if (!isToken(header)) throw new LocalError("USE_BAD_OPTION", `${JSON.stringify(header)} is no field name.`);
  const accepted = (request: Request): boolean => (typeof accept === "function" ? accept(request) : accept);
  return (next) => (request) => {
    const lines = accept === false ? [] : request.headers.all(header);
    const [sent = ""] = lines;
    const id = lines.length === 1 && FORM.test(sent) && accepted(request) ? sent : make(request);
    request.set(ID, id);
    return decorated(next, request, (fields) => {
      fields.set(header, id);
      if (accept !== false) addVary(fields, [header]);
    });
  };
}
