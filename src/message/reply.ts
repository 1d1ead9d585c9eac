// An answer as a value. A Reply is made by its makers only and carries a private brand. Nobody can write to it, so one made once
// can be answered a million times, and what middleware puts on it for one client is never seen by another.
import { LocalError } from "../base/errors.ts";
import { type Body, isBody, type Take, type Takeover, takeover } from "./body.ts";
import {
  CONTENT_LENGTH,
  Fields,
  type FieldsInit,
  kindsOf,
  type ReadonlyFields,
  seal,
  sealed,
  share,
  TRANSFER_ENCODING,
} from "./fields.ts";
import { jsonText } from "./json-text.ts";
import { isFieldValue } from "./token.ts";

/** What is rarely said of a reply. */
export interface ReplyExtras {
  /** The reason phrase, where it is not that of the registry. */
  readonly reason?: string;
  /** Asked for after the last octet of the body; sent where the framing has trailers (RFC 9110 §6.5). */
  readonly trailers?: () => Fields | null | Promise<Fields | null>;
}

/** Seals the headers that it is given. */
let make: (status: number, headers: ReadonlyFields, body: Body, extras: ReplyExtras | undefined) => Reply;

/**
 * An answer: status, header fields and body. It is never written to, because the same one may answer many requests: a write to its
 * headers is LocalError USE_READ_ONLY, and withFields() makes another reply.
 */
export class Reply<B extends Body = Body> {
  // Behind accessors, which cost nothing where Object.freeze() would take 45 ns.
  readonly #status: number;
  readonly #headers: ReadonlyFields;
  readonly #body: B;
  readonly #extras: ReplyExtras | undefined;

  private constructor(status: number, headers: ReadonlyFields, body: B, extras: ReplyExtras | undefined) {
    this.#status = status;
    this.#headers = seal(headers as Fields);
    this.#body = body;
    this.#extras = extras;
  }

  get status(): number {
    return this.#status;
  }

  get headers(): ReadonlyFields {
    return this.#headers;
  }

  get body(): B {
    return this.#body;
  }

  get extras(): ReplyExtras | undefined {
    return this.#extras;
  }

  static {
    make = (status, headers, body, extras) => new Reply(status, headers, body, extras);
  }

  /** Whether a value is a Reply; an object of the same shape is none. Never throws. */
  static is(value: unknown): value is Reply {
    return typeof value === "object" && value !== null && #status in value;
  }
}

/**
 * Makes a reply.
 *
 * @param status 200 to 999; 101 is upgrade()'s.
 * @param headers taken as they are; framing fields are the engine's, but Content-Length of a streamed body may be given,
 *   and the body is then held to it.
 * @param body null for none; a string is sent as UTF-8. The head of one that is iterated waits for its first piece, for 100 ms at most,
 *   so that what fails before has a status of its own.
 * @throws LocalError USE_BAD_STATUS, USE_BAD_FIELD, USE_FRAMING_FIELD, USE_BAD_BODY.
 *
 * @example
 * reply(200, { "Content-Type": "text/plain" }, "Hello");
 */
export function reply<B extends Body = null>(
  status: number,
  headers?: FieldsInit | ReadonlyFields,
  body?: B,
  extras?: ReplyExtras,
): Reply<B> {
  if (!Number.isInteger(status) || status < 200 || status > 999)
    throw new LocalError("USE_BAD_STATUS", `It is ${String(status)}.`);
  const fields =
    headers === undefined ? NO_FIELDS : headers instanceof Fields ? sealed(headers) : new Fields(headers as FieldsInit);
  if ((kindsOf(fields) & TRANSFER_ENCODING) !== 0) throw new LocalError("USE_FRAMING_FIELD");
  if (body !== undefined && !isBody(body)) throw new LocalError("USE_BAD_BODY", `It is of type ${typeof body}.`);
  return make(status, fields, body ?? null, extras === undefined ? undefined : checked(extras)) as Reply<B>;
}

const NO_FIELDS = seal(new Fields());

/** A copy, so that what was checked is what is sent. */
function checked({ reason, trailers }: ReplyExtras): ReplyExtras {
  if (reason !== undefined && !isFieldValue(reason)) {
    throw new LocalError(
      "USE_BAD_FIELD",
      `The reason is ${typeof reason === "string" ? JSON.stringify(reason) : typeof reason}.`,
    );
  }
  if (trailers !== undefined && typeof trailers !== "function") {
    throw new LocalError("USE_BAD_OPTION", `trailers is a function that gives Fields, not ${typeof trailers}.`);
  }
  return Object.freeze({ ...(reason !== undefined && { reason }), ...(trailers !== undefined && { trailers }) });
}

/**
 * The same reply with other fields: `change` gets a copy of them, which can be written to until it returns.
 *
 * @throws as reply().
 *
 * @example
 * const visited: Middleware = (next) => async (request) =>
 *   withFields(await next(request), (headers) => headers.add("Set-Cookie", "visited=1"));
 */
export function withFields<B extends Body>(original: Reply<B>, change: (copy: Fields) => void): Reply<B> {
  const copy = share(original.headers);
  const returned = change(copy) as unknown;
  if (returned instanceof Promise) {
    returned.catch(() => {}); // it is refused, whatever becomes of it
    throw new LocalError(
      "USE_BAD_OPTION",
      "withFields() waits for no promise: await it first, and change the headers then.",
    );
  }
  if ((kindsOf(copy) & TRANSFER_ENCODING) !== 0) throw new LocalError("USE_FRAMING_FIELD");
  return make(original.status, copy, original.body, original.extras) as Reply<B>;
}

// Sealed, so that replies of a type have these very Fields.
const TEXT = seal(new Fields({ "Content-Type": "text/plain; charset=utf-8" }));
const HTML = seal(new Fields({ "Content-Type": "text/html; charset=utf-8" }));
const JSON_TYPE = seal(new Fields({ "Content-Type": "application/json" }));

function typed(type: Fields, status: number, headers: FieldsInit | undefined, body: string): Reply<string> {
  if (headers === undefined) return reply(status, type, body);
  const fields = new Fields(headers);
  if (!fields.has("content-type")) fields.set("Content-Type", type.get("content-type") as string);
  return reply(status, fields, body);
}

/** Plain text in UTF-8. */
export function text(body: string, status = 200, headers?: FieldsInit): Reply<string> {
  return typed(TEXT, status, headers, body);
}

/**
 * A value as JSON.
 *
 * @throws TypeError where it cannot be written (a cycle, a BigInt); LocalError USE_BAD_BODY for undefined, and where JSON would keep
 *   nothing of what is in it: a promise, a Map, a Set, an Error, a typed array.
 */
export function json(value: unknown, status = 200, headers?: FieldsInit): Reply<string> {
  return typed(JSON_TYPE, status, headers, jsonText(value));
}

/** A page that is written already; `html` (html.ts) is the tag that escapes. */
export function page(markup: string, status = 200, headers?: FieldsInit): Reply<string> {
  return typed(HTML, status, headers, markup);
}

/** Nothing but a status: 204 No Content. */
export function empty(status = 204, headers?: FieldsInit): Reply<null> {
  return reply(status, headers, null);
}

// What is no control, and cannot stand in a URI: a field would carry some of it as ISO 8859-1, and a client read it as who knows what.
const NOT_URI = /[ \u0080-\uffff]+/g;
const encoded = (text: string): string => encodeURIComponent(text.replace(/\p{Surrogate}/gu, "\ufffd"));

/** Of a redirect whose status nobody has named. Told by identity: a copy of such a reply has them too. */
const UNNAMED: ReplyExtras = Object.freeze({});

/**
 * Sends the client elsewhere.
 *
 * @param location a URI reference; blanks and what is not ASCII are percent-encoded, and characters that a field cannot carry are
 *   refused, so nothing can be smuggled in.
 * @param status a redirection. Where left out it is that of the app's option `redirectStatus`, else 307: the client repeats the
 *   same method there.
 */
export function redirect(location: string, status?: number): Reply<null> {
  if (status !== undefined && (status < 300 || status > 399)) {
    throw new LocalError("USE_BAD_STATUS", `A redirect is 3xx, not ${status}.`);
  }
  const fields = new Fields({ Location: location.replace(NOT_URI, encoded) });
  return status === undefined ? (make(307, fields, null, UNNAMED) as Reply<null>) : reply(status, fields, null);
}

/** The same reply with another status, where it is a redirect whose status nobody has named. */
export function settledRedirect(given: Reply, status: number): Reply {
  return given.extras === UNNAMED ? make(status, given.headers, given.body, undefined) : given;
}

/**
 * Switches the connection to another protocol (RFC 9110 §7.8): 101, and then it is the taker's. A request that did not ask for the
 * protocol is answered 426 (§15.5.22), whose Upgrade names it.
 *
 * @param protocol what Upgrade answers, e.g. "websocket".
 * @param take is called once 101 has been written, with the transport and the octets that had come behind the head.
 */
export function upgrade(protocol: string, take: Take, headers?: FieldsInit): Reply<Takeover> {
  const fields = new Fields(headers ?? []);
  checkUnframed(fields);
  fields.set("Connection", "Upgrade").set("Upgrade", protocol);
  return make(101, fields, takeover(take), undefined) as Reply<Takeover>;
}

/** Answers CONNECT with 200, and then the connection is the taker's (RFC 9110 §9.3.6). Any other method is answered 405. */
export function tunnel(take: Take, headers?: FieldsInit): Reply<Takeover> {
  const fields = new Fields(headers ?? []);
  checkUnframed(fields);
  return make(200, fields, takeover(take), undefined) as Reply<Takeover>;
}

function checkUnframed(fields: Fields): void {
  if ((kindsOf(fields) & (CONTENT_LENGTH | TRANSFER_ENCODING)) !== 0) throw new LocalError("USE_FRAMING_FIELD");
}
