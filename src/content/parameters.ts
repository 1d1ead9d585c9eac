// The parameters of a request as one list, wherever they stand: in the path, in the query, and in the body, whether it is a form
// or JSON. Each knows where it came from. The body is read only where it may have some, and the request may have one.
import { LocalError } from "../base/errors.ts";
import { handled, handledIfLater } from "../base/handled.ts";
import { type Answer, makerFor, replyWhenReady } from "../message/answer.ts";
import type { Handler } from "../message/handler.ts";
import { hasContent, Key, queryText, type Request } from "../message/request.ts";
import { parseForm } from "./form.ts";
import { type Param, Params } from "./params.ts";
import { type ContentParsers, type Parsed, type ParseOptions, parsed } from "./parsers.ts";

/** Where parameters are looked for. */
export type Place = "path" | "query" | "body";

/** Where parameters are looked for, and how bodies and queries are read. */
export interface ParametersOptions extends ParseOptions {
  /**
   * Where they are looked for, and what comes first where a name stands in several: path, query, body. What is left out is not
   * read: without "body", no body is.
   */
  readonly order?: readonly Place[];
  /** The parsers of bodies; those of contentParsers() where left out. */
  readonly parsers?: ContentParsers;
  /** What becomes of a pair of the query that cannot be decoded: "keep", as it stands, or "refuse" (400). "keep". */
  readonly malformed?: "keep" | "refuse";
}

const ORDER: readonly Place[] = ["path", "query", "body"];

/**
 * All parameters of a request: those of the path, of the query, of a form, or the members of a JSON object, in that order; a
 * name that stands in several has all their values. A body that has no names (text, octets, a list in JSON) adds none: parse()
 * has its value, and nothing is read twice.
 *
 * @throws HttpError as parse(), and 400 HTTP_BAD_PARAMETER for a query that cannot be decoded, where `malformed` is "refuse".
 * @throws LocalError USE_BAD_OPTION for an order that names something else.
 *
 * @example
 * const params = await parameters(request); // POST /?a=b, with the form a=c&x=y
 * params.value("a"); // ["b", "c"]
 * params.value("x"); // "y"
 * params.value("z", "none"); // "none"
 */
export function parameters(request: Request, options: ParametersOptions = {}): Promise<Params<unknown>> {
  return handled((async () => gather(request, options))());
}

/**
 * The parameters of path and query, which are there at once.
 *
 * @throws HttpError 400 HTTP_BAD_PARAMETER for a query that cannot be decoded, where `malformed` is "refuse".
 */
export function urlParameters(request: Request, options: Pick<ParametersOptions, "malformed"> = {}): Params {
  return new Params([...pathEntries(request), ...queryEntries(request, options.malformed)]);
}

/**
 * A handler that is given its parameters, as a list of pairs that can be asked by name. Where none can be in a body, what is
 * no promise stays none.
 *
 * @example
 * const handler = withParameters((_request, params) => [...params]); // /x?a=1&a=2 gives [["a", "1"], ["a", "2"]]
 */
export function withParameters(
  answer: (request: Request, params: Params<unknown>) => Answer | Promise<Answer>,
  options: ParametersOptions = {},
): Handler {
  checkOrder(options.order ?? ORDER);
  const respond = (request: Request, params: Params<unknown>): ReturnType<Handler> => {
    return replyWhenReady(answer(request, params), makerFor(request));
  };
  return (request) => {
    const params = gather(request, options);
    return params instanceof Promise ? handled(params.then((all) => respond(request, all))) : respond(request, params);
  };
}

/** The last list that was made, and what it was made of: a router may bind other captures to the same request. */
interface Gathered {
  readonly path: object;
  readonly target: string;
  readonly body: object;
  readonly order: string;
  readonly malformed: string;
  readonly params: Params<unknown> | Promise<Params<unknown>>;
}

const GATHERED = new Key<Gathered>("parameters");

function gather(request: Request, options: ParametersOptions): Params<unknown> | Promise<Params<unknown>> {
  const { malformed = "keep" } = options;
  const order = options.order ?? ORDER;
  const { params: path, target, body } = request;
  const asked = order.join();
  const known = request.get(GATHERED);
  if (
    known?.path === path &&
    known.target === target &&
    known.body === body &&
    known.order === asked &&
    known.malformed === malformed
  ) {
    return known.params;
  }
  checkOrder(order);
  const params = handledIfLater(collect(request, order, options));
  request.set(GATHERED, { path, target, body, order: asked, malformed, params });
  return params;
}

function collect(
  request: Request,
  order: readonly Place[],
  { parsers, malformed, limit }: ParametersOptions,
): Params<unknown> | Promise<Params<unknown>> {
  const path = order.includes("path") ? pathEntries(request) : [];
  const query = order.includes("query") ? queryEntries(request, malformed) : [];
  const merged = (body: readonly Param<unknown>[]): Params<unknown> => {
    const entries = { path, query, body };
    return new Params<unknown>(order.flatMap((place): readonly Param<unknown>[] => entries[place]));
  };
  if (!order.includes("body") || !hasContent(request)) return merged([]);
  return parsed(request, parsers, limit === undefined ? {} : { limit }).then((body) => merged(bodyEntries(body)));
}

function checkOrder(order: readonly Place[]): void {
  for (const place of order) {
    if (!ORDER.includes(place)) throw new LocalError("USE_BAD_OPTION", `There are no parameters in ${String(place)}.`);
  }
}

function pathEntries({ params }: Request): Param[] {
  return Object.entries(params).map(([name, value]) => ({ name, value, raw: undefined, source: "path" }));
}

// As many pairs as its length allows, which limits.targetBytes bounds.
function queryEntries(request: Request, malformed: "keep" | "refuse" = "keep"): readonly Param[] {
  const text = queryText(request);
  if (text === undefined || text === "") return [];
  return parseForm(text, { source: "query", pairs: Number.POSITIVE_INFINITY, malformed }).entries();
}

/** The named values of a body: of a form, or the members of an object. */
function bodyEntries({ type = "", value }: Parsed): readonly Param<unknown>[] {
  if (value instanceof Params) return value.entries();
  if (typeof value !== "object" || value === null) return [];
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return [];
  const source = type === "application/json" || type.endsWith("+json") ? "json" : "body";
  return Object.entries(value).map(([name, member]) => ({ name, value: member, raw: undefined, source }));
}
