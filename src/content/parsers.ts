// What a body means, by its media type: a registry of parsers, and the one function that asks it. Nothing is read before that,
// and what cannot be parsed is refused before it is read, so that a client which waits for 100 Continue never sends it.
import { isUtf8 } from "node:buffer";
import { HttpError, LocalError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import { JSON_DEPTH } from "../message/bounded-json.ts";
import { type Inbound, parseJson } from "../message/reading.ts";
import { conventionsOf, hasContent, Key, type Request } from "../message/request.ts";
import { parseForm } from "./form.ts";
import { type FormDataOptions, type FormValue, readFormData } from "./form-data.ts";
import { bodyBytes, checkDeclared, decodeBody, decodeCharset, mediaType } from "./octets.ts";
import { Params } from "./params.ts";

/** What a parser is told besides the request. */
export interface ParserContext {
  /** The media type without its parameters, in lower case. */
  readonly type: string;
  /** Its parameters, such as charset; names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Octets, where the client declared them and the content is not encoded. */
  readonly length: number | undefined;
  /** Octets that may be read; undefined: what `limits.bodyBytes` of the server says. */
  readonly limit: number | undefined;
}

/**
 * Makes a value of the content of a request, whose content coding is undone already. `bodyBytes(request, limit)` reads it whole,
 * `request.body` piece by piece.
 */
export type ContentParser<T = unknown> = (request: Request, context: ParserContext) => T | Promise<T>;

/** The limits of the parsers that contentParsers() begins with. */
export interface ParsersOptions {
  /** How deep JSON may be nested; 100. */
  readonly depth?: number;
  /** Most pairs of an urlencoded form; 1,000. */
  readonly pairs?: number;
  /** What becomes of a form's pair that cannot be decoded: "keep", as it stands, or "refuse" (400). As the app says, or "keep". */
  readonly malformed?: "keep" | "refuse";
  /**
   * What becomes of a type that has no parser: "refuse" (415); or "text", it is read as such, as is content without a type and
   * `application/octet-stream`. Without a charset that is UTF-8, or where it is not, a character a byte. "refuse".
   */
  readonly otherContent?: "refuse" | "text";
  /** Limits of multipart forms, and where their files go. */
  readonly multipart?: FormDataOptions;
}

/** Parsers by media type. Made by contentParsers(). */
export class ContentParsers {
  readonly #parsers = new Map<string, ContentParser>();

  /**
   * Sets the parser of a media type, `text/x-tea`; of all with a suffix, `+json`; of a family, `text/` and an asterisk; or of all
   * that have none, two asterisks with a slash between them.
   *
   * @throws LocalError USE_BAD_OPTION for what is none of these.
   */
  set(type: string, parser: ContentParser): this {
    if (!RANGE.test(type)) throw new LocalError("USE_BAD_OPTION", `${JSON.stringify(type)} is no media type.`);
    this.#parsers.set(type.toLowerCase(), parser);
    return this;
  }

  /** The parser that was set for exactly that. */
  get(type: string): ContentParser | undefined {
    return this.#parsers.get(type.toLowerCase());
  }

  /** Takes a parser away. @returns false where there was none. */
  delete(type: string): boolean {
    return this.#parsers.delete(type.toLowerCase());
  }

  /** The parser of a media type without parameters: its own, else that of its suffix, of its family, of all. */
  find(type: string): ContentParser | undefined {
    const slash = type.indexOf("/");
    const plus = type.lastIndexOf("+");
    return (
      this.#parsers.get(type) ??
      (plus > slash ? this.#parsers.get(type.slice(plus)) : undefined) ??
      this.#parsers.get(`${type.slice(0, slash)}/*`) ??
      this.#parsers.get("*/*")
    );
  }

  /** The types that are known, as the value of Accept. */
  get accept(): string {
    return [...this.#parsers.keys()].filter((type) => !type.startsWith("+")).join(", ");
  }
}

const RANGE = /^(?:\*\/\*|\+[\w.-]+|[\w!#$&^.+-]+\/(?:\*|[\w!#$&^.+-]+))$/;

/**
 * A registry with parsers for text of all kinds, JSON (and all of suffix `+json`), urlencoded and multipart forms, and octets
 * (`application/octet-stream`). `set()` adds one's own, or replaces one.
 *
 * @example
 * const parsers = contentParsers({ depth: 20 });
 * parsers.set("text/csv", async (request, { limit }) => {
 *   const octets = await bodyBytes(request, limit);
 *   return String(octets).trim().split("\n").map((line) => line.split(","));
 * });
 */
export function contentParsers(options: ParsersOptions = {}): ContentParsers {
  const { depth = JSON_DEPTH, pairs, malformed, otherContent = "refuse", multipart = {} } = options;
  // UTF-8 whatever a charset says: JSON has no such parameter (RFC 8259 §11), and body.json() does not look at it.
  const asJson: ContentParser = async (request, { limit }) => parseJson(await octetsOf(request, limit), depth);
  const parsers = new ContentParsers()
    .set("application/x-www-form-urlencoded", async (request, context) => {
      const strictness = malformed ?? conventionsOf(request)?.said.malformed ?? "keep";
      return parseForm(await textOf(request, context), {
        malformed: strictness,
        ...(pairs !== undefined && { pairs }),
      });
    })
    .set("multipart/form-data", (request, { limit }) => {
      return readFormData(request, limit === undefined ? multipart : { ...multipart, totalBytes: limit });
    })
    .set("application/json", asJson)
    .set("+json", asJson)
    .set("text/*", textOf);
  if (otherContent === "text") return parsers.set("*/*", anyText);
  return parsers.set(OCTETS, (request, { limit }) => bodyBytes(request, limit));
}

const OCTETS = "application/octet-stream";

async function textOf(request: Request, { parameters, limit }: ParserContext): Promise<string> {
  const charset = parameters.get("charset");
  // Refused before it is read.
  if (charset !== undefined) decodeCharset(new Uint8Array(0), charset);
  return decodeCharset(await octetsOf(request, limit), charset);
}

async function octetsOf(request: Request, limit: number | undefined): Promise<Uint8Array> {
  return (await bodyBytes(request, limit)) ?? new Uint8Array(0);
}

/** Whatever it is, as text: of what is not UTF-8 nothing is lost, since each byte is a character. */
async function anyText(request: Request, context: ParserContext): Promise<string> {
  if (context.parameters.has("charset")) return textOf(request, context);
  const bytes = await octetsOf(request, context.limit);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(isUtf8(bytes) ? "utf8" : "latin1");
}

/** How much of a body is parsed. */
export interface ParseOptions {
  /**
   * Bytes, as they were sent and after the content coding is undone; `limits.bodyBytes` of the server where left out, but for a
   * multipart form, which is not collected and has limits of its own.
   */
  readonly limit?: number;
}

/** What a body was parsed to, and as what. */
export interface Parsed {
  /** The media type, without parameters; undefined where there was no content. */
  readonly type: string | undefined;
  readonly value: unknown;
}

/** Of that body: a derived request has the keys of the first one, and may have another. */
interface Kept {
  readonly body: Inbound;
  readonly parsed: Promise<Parsed>;
}

const PARSED = new Key<Kept>("parsed content");
/** By what the app says of other content; made when they are first asked for. */
const usual = new Map<"refuse" | "text", ContentParsers>();

function usualParsers(request: Request): ContentParsers {
  const otherContent = conventionsOf(request)?.said.otherContent ?? "refuse";
  const known = usual.get(otherContent) ?? contentParsers({ otherContent });
  usual.set(otherContent, known);
  return known;
}

/**
 * What the content of a request means, by its media type. It is read and parsed when it is first asked for, and kept: later
 * calls get the same value, whatever they ask with. `bodyBytes(request)` has the octets besides, but of a multipart form.
 *
 * @returns undefined where there is no content, whatever Content-Type says, and for GET, HEAD, TRACE and CONNECT, whose content
 *   means nothing; else what the parser made: text, JSON, Params, bytes. Content without a Content-Type is bytes.
 * @throws HttpError 415 HTTP_UNSUPPORTED_TYPE with Accept where the type has no parser, or with Accept-Encoding where the
 *   coding is not known; 413 HTTP_BODY_TOO_LARGE; 400 with the code of what is malformed.
 *
 * @example
 * const value = await parse(request);
 */
export function parse(request: Request, registry?: ContentParsers, options?: ParseOptions): Promise<unknown> {
  return handled(parsed(request, registry, options).then(({ value }) => value));
}

/** As parse(), with the media type. */
export function parsed(request: Request, registry?: ContentParsers, options: ParseOptions = {}): Promise<Parsed> {
  const { body } = request;
  let kept = request.get(PARSED);
  if (kept?.body !== body) {
    kept = { body, parsed: handled(read(request, registry ?? usualParsers(request), options.limit)) };
    request.set(PARSED, kept);
  }
  return kept.parsed;
}

async function read(request: Request, registry: ContentParsers, limit: number | undefined): Promise<Parsed> {
  const present = hasContent(request);
  if (present === false || !(present === true || (await present))) return { type: undefined, value: undefined };
  const media = mediaType(request.headers.get("content-type") ?? OCTETS);
  const parser = media === undefined ? undefined : registry.find(media.essence);
  if (media === undefined || parser === undefined) {
    throw new HttpError(415, "A body of this type is not read here.", {
      code: "HTTP_UNSUPPORTED_TYPE",
      fields: { Accept: registry.accept },
    });
  }
  const { essence: type } = media;
  // A form without a limit of its own is bound by its parser.
  const decoded = type === "multipart/form-data" && limit === undefined ? request : decodeBody(request, limit);
  checkDeclared(request, limit);
  const { length } = decoded.body;
  const parameters = new Map([...media.params].map(([name, value]) => [name.toLowerCase(), value]));
  return { type, value: await parser(decoded, { type, parameters, length, limit }) };
}

/**
 * The fields and files of a form, urlencoded or multipart: the short case. It is parsed as parse() does, and kept.
 *
 * Files are in memory while they are small, else temporary files, and belong to the request: see uploads().
 *
 * @returns an empty list where there is no content, as a form has none in which nothing is filled in.
 * @throws HttpError 415 HTTP_UNSUPPORTED_TYPE where the content is no form; as parse().
 *
 * @example
 * const sent = await form(request);
 * const title = sent.require("title");
 */
export function form(request: Request, registry?: ContentParsers, options?: ParseOptions): Promise<Params<FormValue>> {
  return handled(readForm(request, registry, options));
}

async function readForm(
  request: Request,
  registry: ContentParsers | undefined,
  options: ParseOptions | undefined,
): Promise<Params<FormValue>> {
  const type = mediaType(request.headers.get("content-type") ?? OCTETS)?.essence;
  const isForm = type !== undefined && FORMS.includes(type);
  if (isForm || !(await hasContent(request))) {
    const value = await parse(request, registry, options);
    if (value instanceof Params) return value;
    if (value === undefined) return new Params();
  }
  throw new HttpError(415, "A form is wanted here.", {
    code: "HTTP_UNSUPPORTED_TYPE",
    fields: { Accept: FORMS.join(", ") },
  });
}

const FORMS = ["application/x-www-form-urlencoded", "multipart/form-data"];
