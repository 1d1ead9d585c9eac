// What a handler may return besides a Reply, and the one place that makes a Reply of it: by brand and by prototype, never by
// shape, so that an object which a peer sent and a handler echoes is JSON whatever it imitates.
import { LocalError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import { FileSlice, Takeover } from "./body.ts";
import type { Conventions, Said } from "./conventions.ts";
import { Fields, seal } from "./fields.ts";
import type { Handler } from "./handler.ts";
import { Markup } from "./html.ts";
import { empty, json, Reply, reply, settledRedirect, text } from "./reply.ts";
import { conventionsOf, type Request } from "./request.ts";

/**
 * What a handler may return: a Reply; text; markup of html``; octets (a Uint8Array, an ArrayBuffer, a Blob), or an async iterable
 * of them (a generator, a Pipe, a stream of Node or of the web); a fetch Response; undefined for 204; anything else as JSON, null
 * too.
 */
export type Answer =
  | Reply
  | string
  | Uint8Array
  | AsyncIterable<Uint8Array | string>
  | object
  | number
  | boolean
  | null
  | undefined
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing has the type void
  | void;

const OCTETS = seal(new Fields({ "Content-Type": "application/octet-stream" }));

/**
 * Makes a Reply of what a handler returned.
 *
 * @throws what an Error that was returned says; LocalError USE_BAD_BODY for what cannot be sent: a function, a symbol, a
 *   Takeover alone, a Response whose body is used. TypeError where JSON cannot be written.
 */
export function toReply(answer: unknown): Reply {
  if (Reply.is(answer)) return answer;
  if (typeof answer === "string") return text(answer);
  if (answer === undefined) return empty();
  if (typeof answer !== "object" || answer === null) return json(answer);
  const prototype: unknown = Object.getPrototypeOf(answer);
  if (prototype === Object.prototype || prototype === Array.prototype || prototype === null) return json(answer);
  return fromInstance(answer);
}

/** Not a plain object: of a class, that no peer can send. */
function fromInstance(answer: object): Reply {
  if (answer instanceof Markup) return answer.reply();
  if (answer instanceof Uint8Array || answer instanceof FileSlice) return reply(200, OCTETS, answer);
  if (answer instanceof Error) throw answer;
  if (answer instanceof Takeover)
    throw new LocalError("USE_BAD_BODY", "A takeover is answered by upgrade() or tunnel().");
  if (isResponse(answer)) return fromResponse(answer);
  if (answer instanceof ArrayBuffer) return reply(200, OCTETS, new Uint8Array(answer));
  if (answer instanceof Blob) return fromBlob(answer);
  if (Symbol.asyncIterator in answer) return reply(200, OCTETS, answer as AsyncIterable<Uint8Array | string>);
  // A Map, a Set, a generator that is not async: as JSON each would be an empty object, and nobody means that.
  const listed = Symbol.iterator in answer && !Array.isArray(answer);
  if (listed && typeof (answer as { readonly toJSON?: unknown }).toJSON !== "function") {
    throw new LocalError(
      "USE_BAD_BODY",
      "What can only be iterated is answered as an array, or by an async generator.",
    );
  }
  return json(answer);
}

type FetchResponse = InstanceType<typeof globalThis.Response>;

// To name the global loads all of fetch, and that takes 20 ms: only what calls itself so is worth it.
function isResponse(answer: object): answer is FetchResponse {
  return Object.prototype.toString.call(answer) === "[object Response]" && answer instanceof globalThis.Response;
}

function fromBlob(blob: Blob): Reply {
  const fields = { "Content-Type": blob.type || "application/octet-stream", "Content-Length": String(blob.size) };
  return reply(200, fields, blob.stream() as AsyncIterable<Uint8Array>);
}

/** Fields between a server and its client (RFC 9110 §7.6.1): a reply is sent over another connection. */
export const OF_THE_CONNECTION: readonly string[] = [
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** Drops what was meant for the connection that a message came on: these fields, and those that its Connection names. */
export function dropConnectionFields(fields: Fields): void {
  const dropped = new Set([...OF_THE_CONNECTION, ...fields.list("connection").map((name) => name.toLowerCase())]);
  const present = new Set(Array.from(fields, ([name]) => name.toLowerCase()));
  for (const name of present) if (dropped.has(name)) fields.delete(name);
}

/** What fetch() undoes; one that it does not know it leaves, and all before it. */
const UNDONE = /^(?:(?:x-)?gzip|deflate|br)(?:[ \t]*,[ \t]*(?:(?:x-)?gzip|deflate|br))*$/i;

/** The fields that still say the truth of what fetch() got from a server: it has undone the coding of the body. */
function fieldsOf({ headers, url }: FetchResponse): Fields {
  const fields = new Fields(headers);
  dropConnectionFields(fields);
  if (url !== "" && UNDONE.test(fields.get("content-encoding") ?? "")) {
    fields.delete("content-encoding");
    fields.delete("content-length");
  }
  return fields;
}

/** A fetch Response as a Reply: its body is streamed. @throws LocalError USE_BAD_BODY, USE_BAD_STATUS. */
function fromResponse(response: FetchResponse): Reply {
  if (response.bodyUsed) throw new LocalError("USE_BAD_BODY", "The body of the Response has been read already.");
  if (response.status < 200) throw new LocalError("USE_BAD_STATUS", "Response.error() cannot be sent.");
  const reason = response.statusText;
  return reply(
    response.status,
    fieldsOf(response),
    response.body as AsyncIterable<Uint8Array> | null,
    reason === "" ? undefined : { reason },
  );
}

/**
 * A function that returns anything, as a Handler. What is no promise stays none.
 *
 * @example
 * const server = createServer(answering(() => ({ hello: "world" })));
 */
export function answering(answer: (request: Request) => Answer | Promise<Answer>): Handler {
  return (request) => replyWhenReady(answer(request), makerFor(request));
}

/** toReply(), under the conventions of the app that serves the request. */
export function makerFor(request: Request): (answer: unknown) => Reply {
  return conventionsOf(request)?.toReply ?? toReply;
}

/** @throws LocalError USE_BAD_FIELD for a type that cannot be sent. */
export function conventionsFrom(said: Said): Conventions {
  const { textType, redirectStatus } = said;
  const fields = textType === undefined ? null : new Fields({ "Content-Type": textType });
  const made = (answer: unknown): Reply => {
    if (fields !== null && typeof answer === "string") return reply(200, fields, answer);
    const given = toReply(answer);
    return redirectStatus === undefined ? given : settledRedirect(given, redirectStatus);
  };
  return { toReply: made, said };
}

/** The reply of an answer, or of a promise of one. */
export function replyWhenReady<T = Reply>(answer: unknown, made: (answer: unknown) => T): T | Promise<T> {
  const later = promised(answer);
  return later === undefined ? made(answer) : handled(later.then(made));
}

/** What a function of others returned, as a promise, where it is one of any library: those of databases are often their own. */
export function promised(value: unknown): Promise<unknown> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (value instanceof Promise) return value;
  return typeof (value as Partial<PromiseLike<unknown>>).then === "function" ? Promise.resolve(value) : undefined;
}
