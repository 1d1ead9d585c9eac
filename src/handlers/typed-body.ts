// The body of a request as a place where parameters are found: whether it must be read, as what, and what it holds. Nothing is
// read before a reader needs it, and what no reader can take is refused before it is.
import { HttpError } from "../base/errors.ts";
import { Params } from "../content/params.ts";
import type { ContentParsers } from "../content/parsers.ts";
import { parseJsonText } from "../message/bounded-json.ts";
import type { Inbound } from "../message/reading.ts";
import { hasContent, Key, type Request } from "../message/request.ts";

/** What readers may ask of a body, apart from those that take a parameter from wherever it is. */
export type Wanted = "nothing" | "form" | "json";

/** A body that has been read: a form, or a value of JSON. */
export type Content = { readonly form: "text"; readonly params: Params<unknown> } | ValueContent;
interface ValueContent {
  readonly form: "json";
  readonly value: unknown;
}

export interface BodyOptions {
  readonly wanted: Wanted;
  readonly limit: number | undefined;
  readonly parsers: ContentParsers | undefined;
}

const JSON_TYPE = /^application\/(?:[!#$%&'*+.^_`|~0-9a-z-]+\+)?json[ \t]*(?:;|$)/i;
const FORM_TYPE = /^(?:application\/x-www-form-urlencoded|multipart\/form-data)[ \t]*(?:;|$)/i;

const ACCEPTS = {
  nothing: "application/json, application/x-www-form-urlencoded, multipart/form-data",
  form: "application/x-www-form-urlencoded, multipart/form-data",
  json: "application/json",
} as const;

/**
 * Reads the body where its type is one that is wanted, or has a parser of one's own.
 *
 * @param use is given what is in it, at once: a promise less than to wait for it. Null where a chunked body has nothing in it.
 * @returns null where there is nothing to be read.
 * @throws HttpError 415 HTTP_UNSUPPORTED_TYPE for another type, where some reader insists on one. The promise rejects as that of
 *   parsed() does.
 */
export function readBody<T>(
  request: Request,
  options: BodyOptions,
  use: (content: Content | null) => T | Promise<T>,
): Promise<T> | null {
  const present = hasContent(request);
  if (present === false) return null;
  if (present === true) return readPresent(request, options, use);
  return present.then((some) => (some ? (readPresent(request, options, use) ?? use(null)) : use(null)));
}

function readPresent<T>(
  request: Request,
  options: BodyOptions,
  use: (content: Content) => T | Promise<T>,
): Promise<T> | null {
  const { body, headers } = request;
  const { wanted, limit, parsers } = options;
  const kind = kindOf(headers.get("content-type") ?? "");
  if (kind !== "other" || parsers === undefined) {
    if (wanted !== "nothing" && kind !== wanted) throw unsupported(wanted);
    if (kind === "other") return null;
  }
  const kept = request.get(KEPT);
  if (kept?.body === body) return kept.text.then((text) => use(jsonContent(text)));
  // The common case, without the registry: JSON that nobody has begun to read.
  if (kind === "json" && parsers === undefined && body.state === "unread") {
    const text = body.text(limit);
    request.set(KEPT, { body, text });
    return text.then((all) => use(jsonContent(all)));
  }
  return parsedBody(request, options).then(use);
}

function kindOf(type: string): "json" | "form" | "other" {
  return JSON_TYPE.test(type) ? "json" : FORM_TYPE.test(type) ? "form" : "other";
}

interface Kept {
  /** A derived request has the keys of the first one, and may have another body. */
  readonly body: Inbound;
  readonly text: Promise<string>;
}

/** What was read without the registry, for another typed handler of the same request. */
const KEPT = new Key<Kept>("text of a typed handler");

function jsonContent(text: string): Content {
  return { form: "json", value: parseJsonText(text) };
}

// Loaded where it is needed: what it takes to read an upload would make every start slower.
async function parsedBody(request: Request, { wanted, limit, parsers }: BodyOptions): Promise<Content> {
  const { parsed } = await import("../content/parsers.ts");
  const { value } = await parsed(request, parsers, limit === undefined ? {} : { limit });
  if (value instanceof Params) {
    if (wanted === "json") throw unsupported(wanted);
    return { form: "text", params: value };
  }
  if (wanted === "form") throw unsupported(wanted);
  return { form: "json", value };
}

// RFC 9110 §15.5.16 has Accept say what could have been sent.
function unsupported(wanted: Wanted): HttpError {
  const fields = { Accept: ACCEPTS[wanted] };
  return new HttpError(415, "The body is not of a type that is read here.", { code: "HTTP_UNSUPPORTED_TYPE", fields });
}
