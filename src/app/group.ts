// Routes below one prefix, behind middleware of their own: what an app is made of. Adding, replacing and taking away work while
// the server runs.
import { LocalError } from "../base/errors.ts";
import { type Answer, makerFor, replyWhenReady } from "../message/answer.ts";
import { detailsOf } from "../message/details.ts";
import type { Handler, Middleware } from "../message/handler.ts";
import { stack } from "../message/handler.ts";
import { type Reply, redirect } from "../message/reply.ts";
import { Key, queryText, type Request } from "../message/request.ts";
import { decodeComponent } from "../message/target.ts";
import { setInPlace } from "../route/in-place.ts";
import { listOf, type Mux, type TreeMux } from "../route/mux.ts";
import { asRoot } from "../route/params.ts";
import type { PathParams, UniqueNames } from "../route/pattern-types.ts";

/** Answers the requests of a route: its parameters are typed by the pattern. */
export type RouteHandler<P extends string> = (request: Request<PathParams<P>>) => Answer | Promise<Answer>;

/** A pattern below a prefix, or a list of them. */
export type PatternsBelow<Prefix extends string, P extends string> =
  | (P & UniqueNames<P, `${Prefix}${P}`>)
  | readonly (P & UniqueNames<P, `${Prefix}${P}`>)[];

/** What groups of one app share. */
export interface GroupSite {
  readonly mux: TreeMux;
  /** What on() does where there is a route already. */
  readonly taken: "refuse" | "replace";
  /** What each pattern was given, as the user wrote it; null for what is not to be listed. */
  readonly given: Map<string, unknown>;
}

/** Something with a handler: an app, a mux. */
export interface Mountable {
  readonly handler: Handler;
}

interface Entry {
  readonly handler: Handler;
  readonly middleware: readonly Middleware[];
  /** The handler inside all its middleware. The table has a function that asks for it, so that use() need not touch the table:
   * a route that somebody else has taken away or replaced stays so. */
  composed: Handler;
}

/** What is answered in place of an entry's handler, inside of its middleware. A request that is started again may meet another. */
const IN_PLACE = new Key<{ readonly entry: Entry; readonly answer: Handler }>("portico.in-place");

/** A pattern: the method with its blank, the host, the path. */
const PATTERN = /^([^ /]+ )?([^/]*)(\/.*)?$/s;

/** What is no text would be made one, and be a path that nobody asks for. */
function withMethod(method: string, paths: unknown): string[] {
  return listOf(paths).map((path) => {
    if (typeof path === "string") return `${method} ${path}`;
    throw new LocalError("USE_BAD_PATTERN", `A path is a text, not of type ${typeof path}.`);
  });
}

/** `/admin` and `GET /users` → `GET /admin/users`; the path `/` is the prefix itself. */
function prefixed(prefix: string, pattern: string): string {
  if (typeof pattern !== "string")
    throw new LocalError("USE_BAD_PATTERN", `A pattern is a text, not of type ${typeof pattern}.`);
  if (prefix === "") return pattern;
  const [, method = "", host = "", path] = PATTERN.exec(pattern) ?? [];
  if (path === undefined) {
    throw new LocalError("USE_BAD_PATTERN", `It is ${JSON.stringify(pattern)}; the path of a group itself is "/".`);
  }
  return `${method}${host}${prefix}${path === "/" ? "" : path}`;
}

/**
 * Routes with a common prefix.
 *
 * Handlers may return anything that toReply() takes. Of the middleware given with a route the first is the outermost; that of
 * the group stands outside of it.
 */
export class Group<Prefix extends string = ""> {
  readonly #site: GroupSite;
  readonly #prefix: string;
  readonly #above: Group<string> | null;
  readonly #entries = new Map<string, Entry>();
  readonly #groups: Group<string>[] = [];
  #middleware: readonly Middleware[];

  constructor(site: GroupSite, prefix: string, above: Group<string> | null, middleware: readonly Middleware[]) {
    checkPrefix(prefix);
    for (const each of middleware) checkFunction(each, "Middleware");
    this.#site = site;
    this.#prefix = prefix;
    this.#above = above;
    this.#middleware = middleware;
  }

  /**
   * Adds a route: `GET /hello/{name}`, `/files/{path...}`, `example.org/`; or one under each pattern of a list: all of them or,
   * where it throws, none.
   *
   * @throws LocalError USE_BAD_PATTERN, USE_PATTERN_CONFLICT, USE_BAD_OPTION.
   */
  on<P extends string>(
    pattern: PatternsBelow<Prefix, P>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("on", pattern, handler as (request: Request) => unknown, middleware);
  }

  /** Puts a handler where one may be already: the next request gets it, those in hand keep theirs. @throws as on(). */
  replace<P extends string>(
    pattern: PatternsBelow<Prefix, P>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("replace", pattern, handler as (request: Request) => unknown, middleware);
  }

  /** Takes a route away, or those of a list. @returns whether there was one. */
  off(pattern: string | readonly string[]): boolean {
    const all = listOf(pattern).map((each) => prefixed(this.#prefix, each));
    for (const full of all) {
      this.#entries.delete(full);
      this.#site.given.delete(full);
    }
    return this.#site.mux.off(all);
  }

  // biome-ignore-start format: a line a method
  /** on() for GET, and with it HEAD. */
  get<P extends string>(
    path: PatternsBelow<Prefix, P>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("on", withMethod("GET", path), handler as (request: Request) => unknown, middleware);
  }
  /** on() for POST. */
  post<P extends string>(
    path: PatternsBelow<Prefix, P>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("on", withMethod("POST", path), handler as (request: Request) => unknown, middleware);
  }
  /** on() for PUT. */
  put<P extends string>(
    path: PatternsBelow<Prefix, P>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("on", withMethod("PUT", path), handler as (request: Request) => unknown, middleware);
  }
  /** on() for PATCH. */
  patch<P extends string>(
    path: PatternsBelow<Prefix, P>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("on", withMethod("PATCH", path), handler as (request: Request) => unknown, middleware);
  }
  /** on() for DELETE. */
  delete<P extends string>(
    path: PatternsBelow<Prefix, P>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("on", withMethod("DELETE", path), handler as (request: Request) => unknown, middleware);
  }
  /** on() for OPTIONS, which is answered from the routes where nobody does. */
  options<P extends string>(
    path: PatternsBelow<Prefix, P>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("on", withMethod("OPTIONS", path), handler as (request: Request) => unknown, middleware);
  }
  /** on() for every method. */
  all<P extends string>(
    path: PatternsBelow<Prefix, P>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("on", path, handler as (request: Request) => unknown, middleware);
  }
  // biome-ignore-end format: a line a method

  /**
   * Puts middleware around every route of the group and of the groups below it, those too that are there already. The first is
   * the outermost.
   */
  use(...middleware: readonly Middleware[]): this {
    for (const each of middleware) checkFunction(each, "Middleware");
    this.#middleware = [...this.#middleware, ...middleware];
    this.#compose();
    return this;
  }

  #compose(): void {
    for (const entry of this.#entries.values()) entry.composed = this.#composed(entry);
    for (const group of this.#groups) group.#compose();
  }

  /**
   * A group below this one.
   *
   * @param prefix of its paths, with variables where wanted: `/teams/{team}`; empty for none.
   *
   * @example
   * const admin = app.group("/admin", guard);
   * admin.get("/users", () => users);
   */
  group<P extends string>(prefix: P, ...middleware: readonly Middleware[]): Group<`${Prefix}${P}`> {
    const group = new Group<`${Prefix}${P}`>(this.#site, `${this.#prefix}${prefix}`, this as Group<string>, middleware);
    this.#groups.push(group as Group<string>);
    return group;
  }

  /**
   * Lets another app, a mux or a handler answer everything below a path: it sees the path as it came, and looks up what stands
   * behind the prefix.
   */
  mount(prefix: string, mounted: Mountable | Handler): this {
    if (typeof mounted !== "function") checkFunction(mounted.handler, "What is mounted has a handler, and that");
    const root = prefix === "/" ? "" : prefix;
    checkPrefix(root);
    const handler: Handler = typeof mounted === "function" ? mounted : (request) => mounted.handler(request);
    if (root !== "") this.#put("on", root, asRoot(handler) as (request: Request) => unknown, [], null);
    this.#put("on", `${root}/{...}`, handler as (request: Request) => unknown, [], mounted);
    return this;
  }

  /**
   * Redirects a path.
   *
   * @param location its `{name}`s are those of the pattern (and of what the app is mounted under), percent-encoded again; the query
   *   goes along unless it has one.
   * @param status where left out, that of the app's option `redirectStatus`, else 307.
   * @throws LocalError as on(); USE_BAD_FIELD, USE_BAD_STATUS.
   *
   * @example
   * app.redirect("/users/{id}", "/people/{id}", 308);
   */
  redirect(pattern: string | readonly string[], location: string, status?: number): this {
    redirect(location.replace(NAME, ""), status); // what cannot be sent is refused now
    const [path = "", fragment] = location.split(/(?=#)/, 2);
    const moved = (request: Request): Reply => {
      const { params } = request;
      const there = path.replace(NAME, (_, name: string, rest?: string) => written(name, params[name], rest));
      const query = there.includes("?") ? undefined : queryText(request);
      return redirect(`${there}${query === undefined ? "" : `?${query}`}${fragment ?? ""}`, status);
    };
    return this.#put("on", pattern, moved, []);
  }

  #put(
    how: "on" | "replace",
    patterns: string | readonly string[],
    given: (request: Request) => unknown,
    middleware: readonly Middleware[],
    listed: unknown = given,
  ): this {
    checkFunction(given, "A handler");
    for (const each of middleware) checkFunction(each, "Middleware");
    const all = listOf(patterns).map((pattern) => prefixed(this.#prefix, pattern));
    for (const full of all) detailsOf(given)?.checkNames(namesIn(full));
    const entry = this.#entry(given, middleware);
    const registered: Handler = (request) => entry.composed(request);
    setInPlace(registered, (request, answer) => {
      request.set(IN_PLACE, { entry, answer });
      return entry.composed(request);
    });
    const mux: Mux = this.#site.mux; // the compiler has seen the pattern in parts; here it is a string
    mux[this.#site.taken === "replace" ? "replace" : how](all, registered);
    for (const full of all) {
      this.#entries.set(full, entry);
      this.#site.given.set(full, listed);
    }
    return this;
  }

  #entry(given: (request: Request) => unknown, middleware: readonly Middleware[]): Entry {
    const handler: Handler = (request) => {
      const instead = request.get(IN_PLACE);
      if (instead?.entry === entry) return instead.answer(request);
      return replyWhenReady(given(request), makerFor(request));
    };
    const entry: Entry = { handler, middleware, composed: handler };
    entry.composed = this.#composed(entry);
    return entry;
  }

  #composed({ handler, middleware }: Omit<Entry, "composed">): Handler {
    return stack(handler, ...this.#around(), ...middleware);
  }

  #around(): readonly Middleware[] {
    return this.#above === null ? this.#middleware : [...this.#above.#around(), ...this.#middleware];
  }
}

/** A name in a location. */
const NAME = /\{([^}.]+)(\.\.\.)?\}/g;

/** A parameter as it stands in a path. In that of `{name...}` slashes are slashes, and `%2F`, `%25` are encoded still. */
function written(name: string, value: string | undefined, rest: string | undefined): string {
  if (value === undefined) throw new LocalError("USE_BAD_PATTERN", `No pattern of the request has {${name}}.`);
  if (rest === undefined) return encodeURIComponent(value);
  return value
    .split("/")
    .map((segment) => encodeURIComponent(decodeComponent(segment)))
    .join("/");
}

/** Of a group, of a mount: `/a/`, put before `/b`, would be another path. */
function checkPrefix(prefix: string): void {
  if (prefix === "" || (prefix.startsWith("/") && !prefix.endsWith("/"))) return;
  throw new LocalError("USE_BAD_PATTERN", `A prefix begins with a slash and ends without, not ${prefix}.`);
}

function namesIn(pattern: string): string[] {
  return Array.from(pattern.matchAll(/\{([^{}:.]+)/g), (match) => match[1] as string);
}

export function checkFunction(value: unknown, what: string): void {
  if (typeof value !== "function") {
    throw new LocalError("USE_BAD_OPTION", `${what} is a function, not ${value === null ? "null" : typeof value}.`);
  }
}
