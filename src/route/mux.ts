// The mux: a table of routes as a handler. Routes come, go and are replaced while it runs, and the next request sees it; what is
// being answered stays with the handler that it was given to. Mounting never rewrites a path: under "/x/{rest...}" a mux reads
// the path from where the rest begins, which a Key says (MOUNTED), and request.path stays what it was.
import { HttpError, LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { empty, type Reply, redirect, text } from "../message/reply.ts";
import { authority, bindParams, Key, queryText, type Request } from "../message/request.ts";
import { canonicalPath, parseAuthority } from "../message/target.ts";
import type { Route } from "./leaf.ts";
import { bindRoute } from "./params.ts";
import type { PathParams, UniqueNames } from "./pattern-types.ts";
import { SEGMENT_TYPES, type SegmentTest } from "./segment-type.ts";
import { Table } from "./table.ts";
import type { Captures } from "./tree.ts";

/** A table of routes, of any family. Each can be mounted in another: its handler is a handler. */
export interface Mux {
  /** Adds a route. @throws LocalError USE_BAD_PATTERN, USE_PATTERN_CONFLICT, USE_FROZEN, USE_BAD_OPTION. */
  on(pattern: string, handler: Handler): this;
  /** Puts a handler where one may be already. @throws as on(), but for the same pattern. */
  replace(pattern: string, handler: Handler): this;
  /** Takes a route away. @returns whether there was one. */
  off(pattern: string): boolean;
  /** The handler that was registered; undefined where no route matches. */
  find(method: string, host: string, path: string): Handler | undefined;
  readonly handler: Handler;
  readonly patterns: readonly string[];
}

export interface MuxOptions {
  /** Whether capitals in literals count; true. Values keep theirs. */
  readonly caseSensitive?: boolean;
  /**
   * A slash at the end of a path: "strict", it counts; "ignore", it does not; "redirect", it counts, and a path that only
   * the other form has a route for is answered by 307 to it, with its query. "strict".
   */
  readonly slash?: "strict" | "ignore" | "redirect";
  /** Methods that are 405 rather than 501 where no route names them; those of RFC 9110, and PATCH. */
  readonly methods?: readonly string[];
  /** Answers what no route matches; 404. May be set later. */
  readonly fallback?: Handler;
  /** Types of segments beside string, integer, number and boolean. */
  readonly types?: Readonly<Record<string, SegmentTest>>;
}

/** Where the part of a request's path begins that a mux reads: its slash. Set for a route that ends in `{name...}`. */
export const MOUNTED: Key<number> = new Key<number>("portico.mounted");

/** The path that a mux reads; the root where the request names the mount itself, without a slash. */
export function pathFrom(request: Request, mounted: number): string {
  return request.path.slice(mounted) || (mounted === 0 ? "" : "/");
}

const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

const nothing: Handler = () => {
  throw new HttpError(404);
};

/** Refuses what is no function, when it is registered rather than when it is asked for. @throws LocalError USE_BAD_OPTION. */
export function checkHandler(handler: unknown): asserts handler is Handler {
  if (typeof handler !== "function")
    throw new LocalError("USE_BAD_OPTION", `A handler is a function, not ${typeof handler}.`);
}

export class TreeMux implements Mux {
  #table: Table;
  #slash: "strict" | "ignore" | "redirect";
  #methods: ReadonlySet<string>;
  readonly #captures: Captures = { values: [], rest: -1 };
  /** Answers what no route matches. */
  fallback: Handler;
  readonly handler: Handler;

  /** @throws LocalError USE_BAD_OPTION. */
  constructor({
    caseSensitive = true,
    slash = "strict",
    methods = METHODS,
    fallback = nothing,
    types = {},
  }: MuxOptions = {}) {
    checkHandler(fallback);
    if (!["strict", "ignore", "redirect"].includes(slash)) throw new LocalError("USE_BAD_OPTION", `slash is ${slash}.`);
    const known = new Map([...SEGMENT_TYPES, ...Object.entries(types)]);
    this.#table = new Table({ caseSensitive, slash: slash === "ignore" ? "ignore" : "strict", types: known });
    this.#slash = slash;
    this.#methods = new Set(methods);
    this.fallback = fallback;
    this.handler = (request) => this.#answer(request);
  }

  get patterns(): readonly string[] {
    return this.#table.patterns;
  }

  /** Nodes of the tree that the last look-up passed; 0 for a path without a variable. */
  get steps(): number {
    return this.#table.steps;
  }

  on<P extends string>(
    pattern: P & UniqueNames<P>,
    handler: (request: Request<PathParams<P>>) => ReturnType<Handler>,
  ): this {
    checkHandler(handler);
    this.#table.add(pattern, handler as unknown as Handler);
    return this;
  }

  // biome-ignore format: as on()
  replace<P extends string>(pattern: P & UniqueNames<P>, handler: (request: Request<PathParams<P>>) => ReturnType<Handler>): this {
    checkHandler(handler);
    this.#table.replace(pattern, handler as unknown as Handler);
    return this;
  }

  off(pattern: string): boolean {
    return this.#table.remove(pattern);
  }

  find(method: string, host: string, path: string): Handler | undefined {
    return this.#table.find(method, hostName(host), canonicalPath("GET", path), this.#captures)?.handler;
  }

  /** Exchanges all routes, and the options that they were made under, with another mux: in one step, and swap() again undoes it. */
  swap(other: TreeMux): this {
    [this.#table, other.#table] = [other.#table, this.#table];
    [this.#slash, other.#slash] = [other.#slash, this.#slash];
    [this.#methods, other.#methods] = [other.#methods, this.#methods];
    return this;
  }

  #answer(request: Request): ReturnType<Handler> {
    const mounted = request.get(MOUNTED) ?? 0;
    const path = mounted === 0 ? request.path : pathFrom(request, mounted);
    const table = this.#table;
    const host = table.hasHosts ? hostName(authority(request).host) : "";
    const captures = this.#captures;
    const route = table.find(request.method, host, path, captures);
    if (route === undefined) return this.#miss(request, host, path, mounted);
    const { names } = route.pattern;
    if (names.length > 0) this.#bind(request, route, mounted);
    return route.handler(request);
  }

  #bind(request: Request, { pattern }: Route, mounted: number): void {
    const { values, rest } = this.#captures;
    bindParams(request, bindRoute(pattern.names, values, rest >= 0, mounted > 0 ? request.params : undefined));
    if (rest >= 0) request.set(MOUNTED, mounted + rest - 1);
  }

  // Rare, and so not in a hurry: which of the refusals it is.
  #miss(request: Request, host: string, path: string, mounted: number): ReturnType<Handler> {
    const { method } = request;
    const table = this.#table;
    const methods = table.allowed(host, path, this.#captures);
    if (methods.size > 0 && method === "OPTIONS") return empty(204, { Allow: allowList(methods) });
    if (!this.#methods.has(method) && !table.knows(method)) return text("501 Not Implemented\n", 501);
    if (methods.size > 0) return text("405 Method Not Allowed\n", 405, { Allow: allowList(methods) });
    if (this.#slash === "redirect") {
      const elsewhere = this.#otherSlash(request, host, path, mounted);
      if (elsewhere !== undefined) return elsewhere;
    }
    if (table.mistyped(host, path, this.#captures))
      throw new HttpError(400, "A segment of the path is not of its type.");
    return this.fallback(request);
  }

  #otherSlash(request: Request, host: string, path: string, mounted: number): Reply | undefined {
    if (path === "/" || path === "") return undefined;
    const other = path.endsWith("/") ? path.slice(0, -1) : `${path}/`;
    if (this.#table.find(request.method, host, other, this.#captures) === undefined) return undefined;
    const query = queryText(request);
    return redirect(`${request.path.slice(0, mounted)}${other}${query === undefined ? "" : `?${query}`}`);
  }
}

function hostName(host: string): string {
  const name = (parseAuthority(host)?.host ?? "").toLowerCase();
  return name.endsWith(".") ? name.slice(0, -1) : name;
}

function allowList(methods: Iterable<string>): string {
  const all = new Set(methods).add("OPTIONS");
  all.delete("");
  if (all.has("GET")) all.add("HEAD");
  return [...all].sort().join(", ");
}

/**
 * Makes an empty mux.
 *
 * A pattern is `[METHOD ][host]/path`; its segments are texts, `{name}`, `{name:type}` or, last, `{name...}` for all that is
 * left. The most specific route answers, whatever the order of registration: a host before none, a text before a type before a
 * name before a rest, and of two with the same path the one with a method. 404, 400 (a segment is not of its type), 405 with
 * Allow, 501, HEAD by GET and OPTIONS are answered where no route does.
 *
 * @throws LocalError USE_BAD_OPTION.
 *
 * @example
 * const routes = mux().on("GET /hello/{name}", ({ params }) => text(`Hello, ${params.name}`));
 * const server = createServer(routes.handler);
 */
export function mux(options: MuxOptions = {}): TreeMux {
  return new TreeMux(options);
}
