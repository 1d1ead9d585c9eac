// An answer as a value. A Reply is made by its makers only and carries a private brand; it is never written to by the engine
// or by middleware, so one made once can be answered a million times.
import { LocalError } from "../base/errors.ts";
import { type Body, isBody, type Take, type Takeover, takeover } from "./body.ts";
import { CONTENT_LENGTH, Fields, type FieldsInit, kindsOf, share, TRANSFER_ENCODING } from "./fields.ts";
import { jsonText } from "./json-text.ts";

/** What is rarely said of a reply. */
export interface ReplyExtras {
  /** The reason phrase, where it is not that of the registry. */
  readonly reason?: string;
  /** Asked for after the last octet of the body; sent where the framing has trailers (RFC 9110 §6.5). */
  readonly trailers?: () => Fields | null | Promise<Fields | null>;
}

let make: (status: number, headers: Fields, body: Body, extras: ReplyExtras | undefined) => Reply;

/** An answer: status, header fields and body. */
export class Reply<B extends Body = Body> {
  #made = true as const;
  readonly status: number;
  readonly headers: Fields;
  readonly body: B;
  readonly extras: ReplyExtras | undefined;

  private constructor(status: number, headers: Fields, body: B, extras: ReplyExtras | undefined) {
    this.status = status;
    this.headers = headers;
    this.body = body;
    this.extras = extras;
  }

  static {
    make = (status, headers, body, extras) => new Reply(status, headers, body, extras);
  }

  /** Whether a value is a Reply; an object of the same shape is none. */
  static is(value: unknown): value is Reply {
    return typeof value === "object" && value !== null && #made in value;
  }
}

/**
 * Makes a reply.
 *
 * @param status 200 to 999; 101 is upgrade()'s.
 * @param headers taken as they are; framing fields are the engine's, but Content-Length of a streamed body may be given,
 *   and the body is then held to it.
 * @param body null for none; a string is sent as UTF-8.
 * @throws LocalError USE_BAD_STATUS, USE_BAD_FIELD, USE_FRAMING_FIELD, USE_BAD_BODY.
 *
 * @example
 * reply(200, { "Content-Type": "text/plain" }, "Hello");
 */
export function reply<B extends Body = null>(
  status: number,
  headers?: FieldsInit | Fields,
  body?: B,
  extras?: ReplyExtras,
): Reply<B> {
  if (!Number.isInteger(status) || status < 200 || status > 999)
    throw new LocalError("USE_BAD_STATUS", `It is ${status}.`);
  const fields =
    headers === undefined ? new Fields() : headers instanceof Fields ? share(headers) : new Fields(headers);
  if ((kindsOf(fields) & TRANSFER_ENCODING) !== 0) throw new LocalError("USE_FRAMING_FIELD");
  if (body !== undefined && !isBody(body)) throw new LocalError("USE_BAD_BODY", `It is of type ${typeof body}.`);
  return make(status, fields, body ?? null, extras) as Reply<B>;
}

/** The same reply with other fields: `change` gets a copy. @throws as reply(). */
export function withFields<B extends Body>(original: Reply<B>, change: (copy: Fields) => void): Reply<B> {
  const copy = share(original.headers);
  change(copy);
  if ((kindsOf(copy) & TRANSFER_ENCODING) !== 0) throw new LocalError("USE_FRAMING_FIELD");
  return make(original.status, copy, original.body, original.extras) as Reply<B>;
}

const TEXT = new Fields({ "Content-Type": "text/plain; charset=utf-8" });
const HTML = new Fields({ "Content-Type": "text/html; charset=utf-8" });
const JSON_TYPE = new Fields({ "Content-Type": "application/json" });

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
  const fields = { Location: location.replace(NOT_URI, encoded) };
  return reply(status ?? 307, fields, null, status === undefined ? UNNAMED : undefined);
}

/** The same reply with another status, where it is a redirect whose status nobody has named. */
export function settledRedirect(given: Reply, status: number): Reply {
  return given.extras === UNNAMED ? make(status, given.headers, given.body, undefined) : given;
}

/**
 * Switches the connection to another protocol (RFC 9110 §7.8): 101, and then it is the taker's.
 *
 * @param protocol what Upgrade answers, e.g. "websocket".
 * @param take is called once 101 has been written, with the transport and the octets that had come behind the head.
 */
export function upgrade(protocol: string, take: Take, headers?: FieldsInit): Reply<Takeover> {
  const fields = new Fields(headers ?? []);
  fields.set("Connection", "Upgrade").set("Upgrade", protocol);
  return make(101, fields, takeover(take), undefined) as Reply<Takeover>;
}

/** Answers CONNECT with 200, and then the connection is the taker's (RFC 9110 §9.3.6). */
export function tunnel(take: Take, headers?: FieldsInit): Reply<Takeover> {
  const fields = new Fields(headers ?? []);
  if ((kindsOf(fields) & (CONTENT_LENGTH | TRANSFER_ENCODING)) !== 0) throw new LocalError("USE_FRAMING_FIELD");
  return make(200, fields, takeover(take), undefined) as Reply<Takeover>;
}
