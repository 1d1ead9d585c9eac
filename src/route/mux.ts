// The mux: a table of routes as a handler. Routes come, go and are replaced while it runs, and the next request sees it; what is
// being answered stays with the handler that it was given to. Mounting never rewrites a path: under "/x/{rest...}" a mux reads
// the path from where the rest begins (mountedPath() in params.ts), and request.path stays what it was.
import { HttpError, LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { empty, redirect } from "../message/reply.ts";
import { bindParams, queryText, type Request } from "../message/request.ts";
import { canonicalPath } from "../message/target.ts";
import { hostName, requestHost } from "./host.ts";
import { inPlaceOf } from "./in-place.ts";
import type { Route } from "./leaf.ts";
import { bindRoute, mountedPath, mountOf } from "./params.ts";
import type { PathParams, Patterns } from "./pattern-types.ts";
import { infoOf, type RouteInfo } from "./route-info.ts";
import { SEGMENT_TYPES, type SegmentTest, TYPE_NAME } from "./segment-type.ts";
import { Table } from "./table.ts";
import type { Captures } from "./tree.ts";

/** A table of routes, of any family. Each can be mounted in another: its handler is a handler. */
export interface Mux {
  /**
   * Adds a route, or one under each pattern of a list: all of them or, where it throws, none.
   *
   * @throws LocalError USE_BAD_PATTERN, USE_PATTERN_CONFLICT, USE_FROZEN, USE_BAD_OPTION.
   */
  on(pattern: string | readonly string[], handler: Handler): this;
  /** Puts a handler where one may be already. @throws as on(), but for the same pattern. */
  replace(pattern: string | readonly string[], handler: Handler): this;
  /** Takes routes away; one that is not there is no error. @returns whether there was one. */
  off(pattern: string | readonly string[]): boolean;
  /** The handler that was registered; undefined where no route matches. */
  find(method: string, host: string, path: string): Handler | undefined;
  readonly handler: Handler;
  readonly patterns: readonly string[];
  /** The routes as data, at this moment. */
  readonly routes: readonly RouteInfo[];
}

/** How a mux compares paths, and what it answers where no route matches. */
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
  /** Types of segments beside string, integer, number and boolean, which stay what they are. */
  readonly types?: Readonly<Record<string, SegmentTest>>;
}

const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

const nothing: Handler = () => {
  throw new HttpError(404);
};

/** The canonical form of a path that is looked up by hand; of what is none the empty text, which names no path. */
export function canonicalOf(path: string): string {
  return path.startsWith("/") ? canonicalPath("GET", path) : "";
}

/** Refuses what is no function, when it is registered rather than when it is asked for. @throws LocalError USE_BAD_OPTION. */
export function checkHandler(handler: unknown): asserts handler is Handler {
  if (typeof handler !== "function")
    throw new LocalError("USE_BAD_OPTION", `A handler is a function, not ${typeof handler}.`);
}

/** What was given as one or as a list, as a list. */
export function listOf<T>(one: T | readonly T[]): readonly T[] {
  return Array.isArray(one) ? one : [one as T];
}

function checkType(name: string, test: unknown): void {
  if (!TYPE_NAME.test(name) || SEGMENT_TYPES.has(name) || name === "rest") {
    throw new LocalError("USE_BAD_OPTION", `${JSON.stringify(name)} cannot be the name of a type of yours.`);
  }
  if (typeof test !== "function") throw new LocalError("USE_BAD_OPTION", `The type ${name} is no function.`);
}

/** The class of what mux() makes: a tree of segments, in which the order of the routes means nothing. */
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
    for (const [name, test] of Object.entries(types)) checkType(name, test);
    const known = new Map([...SEGMENT_TYPES, ...Object.entries(types)]);
    this.#table = new Table({ caseSensitive, slash: slash === "ignore" ? "ignore" : "strict", types: known });
    this.#slash = slash;
    this.#methods = new Set(methods);
    this.fallback = fallback;
    this.handler = (request) => this.#answer(request);
  }

  get patterns(): readonly string[] {
    return this.#table.patterns.map(({ text }) => text);
  }

  get routes(): readonly RouteInfo[] {
    return this.#table.patterns.map(infoOf);
  }

  /** Nodes of the tree that the last look-up passed; 0 for a path without a variable. */
  get steps(): number {
    return this.#table.steps;
  }

  // biome-ignore format: as replace()
  on<P extends string>(pattern: Patterns<P>, handler: (request: Request<PathParams<P>>) => ReturnType<Handler>): this {
    const table = this.#table;
    return this.#each(pattern, handler, (text, own) => {
      table.add(text, own);
      return () => table.remove(text);
    });
  }

  // biome-ignore format: as on()
  replace<P extends string>(pattern: Patterns<P>, handler: (request: Request<PathParams<P>>) => ReturnType<Handler>): this {
    const table = this.#table;
    return this.#each(pattern, handler, (text, own) => {
      const before = table.replace(text, own);
      return () => (before === undefined ? table.remove(text) : table.replace(before.pattern.text, before.handler));
    });
  }

  /** What was changed is changed back where a later pattern of the list cannot be. */
  #each(patterns: unknown, handler: unknown, change: (text: string, handler: Handler) => () => unknown): this {
    checkHandler(handler);
    const undo: (() => unknown)[] = [];
    try {
      for (const text of listOf(patterns)) undo.unshift(change(text as string, handler));
    } catch (error) {
      for (const back of undo) back();
      throw error;
    }
    return this;
  }

  off(pattern: string | readonly string[]): boolean {
    return listOf(pattern).filter((text) => this.#table.remove(text)).length > 0;
  }

  find(method: string, host: string, path: string): Handler | undefined {
    return this.#table.find(method, hostName(host), canonicalOf(path), this.#captures)?.handler;
  }

  /** Exchanges all routes, and the options that they were made under, with another mux: in one step, and swap() again undoes it. */
  swap(other: TreeMux): this {
    [this.#table, other.#table] = [other.#table, this.#table];
    [this.#slash, other.#slash] = [other.#slash, this.#slash];
    [this.#methods, other.#methods] = [other.#methods, this.#methods];
    return this;
  }

  #answer(request: Request): ReturnType<Handler> {
    const table = this.#table;
    const captures = this.#captures;
    const path = mountedPath(request);
    const host = table.hasHosts ? requestHost(request) : "";
    const route = table.find(request.method, host, path, captures);
    if (route === undefined) return this.#miss(request, host, path);
    if (route.pattern.names.length > 0) this.#bind(request, route);
    return route.handler(request);
  }

  #bind(request: Request, { pattern, rest }: Route): void {
    const captures = this.#captures;
    const outer = request.params;
    const mounted = mountOf(outer);
    const inner = rest === "rest" ? mounted + captures.rest - 1 : mounted;
    bindParams(request, bindRoute(pattern.names, captures.values, rest, outer, inner));
  }

  // Rare, and so not in a hurry: which of the refusals it is.
  #miss(request: Request, host: string, path: string): ReturnType<Handler> {
    const { method } = request;
    const table = this.#table;
    const methods = table.allowed(host, path);
    if (methods.size > 0 && method === "OPTIONS") return this.#options(request, host, path, methods);
    if (!this.#methods.has(method) && !table.knows(method)) throw new HttpError(501);
    if (methods.size > 0) throw new HttpError(405, undefined, { fields: { Allow: allowList(methods) } });
    if (this.#slash === "redirect") {
      const elsewhere = this.#otherSlash(request, host, path);
      if (elsewhere !== undefined) return elsewhere;
    }
    const wrong = table.mistyped(host, path);
    if (wrong.size > 0) throw badSegments(wrong);
    return this.fallback(request);
  }

  /** In place of the route that the request is about: that of the method which a preflight asks for, else the first one. */
  #options(request: Request, host: string, path: string, methods: ReadonlySet<string>): ReturnType<Handler> {
    const asked = request.headers.get("access-control-request-method") ?? "";
    const route = this.#ofAny([asked, ...methods], host, path);
    const answer = empty(204, { Allow: allowList(methods) });
    return route === undefined ? answer : this.#inPlace(request, route, () => answer);
  }

  #ofAny(methods: readonly string[], host: string, path: string): Route | undefined {
    for (const method of methods) {
      const route = this.#table.find(method, host, path, this.#captures);
      if (route !== undefined) return route;
    }
    return undefined;
  }

  /** Inside of what stands around the handler of the route that the last look-up has found. */
  #inPlace(request: Request, route: Route, answer: Handler): ReturnType<Handler> {
    const inPlace = inPlaceOf(route.handler);
    if (inPlace === undefined) return answer(request);
    if (route.pattern.names.length > 0) this.#bind(request, route);
    return inPlace(request, answer);
  }

  #otherSlash(request: Request, host: string, path: string): ReturnType<Handler> | undefined {
    if (path === "/" || path === "") return undefined;
    const other = path.endsWith("/") ? path.slice(0, -1) : `${path}/`;
    const route = this.#table.find(request.method, host, other, this.#captures);
    if (route === undefined) return undefined;
    const query = queryText(request);
    const outside = request.path.slice(0, mountOf(request.params));
    const moved = redirect(`${outside}${other}${query === undefined ? "" : `?${query}`}`, 307);
    return this.#inPlace(request, route, () => moved);
  }
}

/** 400 that names the parameters, and what each should have been: never what it was. */
function badSegments(wrong: ReadonlyMap<string, ReadonlySet<string>>): HttpError {
  const issues = [...wrong].map(([parameter, types]) => ({
    parameter,
    reason: `it is not of type ${[...types].join(" or ")}`,
  }));
  const message = issues.map(({ parameter, reason }) => `${parameter}: ${reason}`).join("; ");
  return new HttpError(400, message, { code: "HTTP_BAD_PARAMETER", issues });
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
