// Routes below one prefix, behind middleware of their own: what an app is made of. Adding, replacing and taking away work while
// the server runs.
import { LocalError } from "../base/errors.ts";
import { type Answer, replyWhenReady } from "../message/answer.ts";
import { detailsOf } from "../message/details.ts";
import type { Handler, Middleware } from "../message/handler.ts";
import { stack } from "../message/handler.ts";
import { type Reply, redirect } from "../message/reply.ts";
import { queryText, type Request } from "../message/request.ts";
import { decodeComponent } from "../message/target.ts";
import type { Mux, TreeMux } from "../route/mux.ts";
import { asRoot } from "../route/params.ts";
import type { PathParams, UniqueNames } from "../route/pattern-types.ts";

/** Answers the requests of a route: its parameters are typed by the pattern. */
export type RouteHandler<P extends string> = (request: Request<PathParams<P>>) => Answer | Promise<Answer>;

/** What groups of one app share. */
export interface GroupSite {
  readonly mux: TreeMux;
  readonly toReply: (answer: unknown) => Reply;
  readonly redirectStatus: number;
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

/** A pattern: the method with its blank, the host, the path. */
const PATTERN = /^([^ /]+ )?([^/]*)(\/.*)?$/s;

/** What is no text would be made one, and be a path that nobody asks for. */
function pathOf(method: string, path: unknown): string {
  if (typeof path !== "string")
    throw new LocalError("USE_BAD_PATTERN", `A path is a text, not of type ${typeof path}.`);
  return `${method} ${path}`;
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
   * Adds a route: `GET /hello/{name}`, `/files/{path...}`, `example.org/`.
   *
   * @throws LocalError USE_BAD_PATTERN, USE_PATTERN_CONFLICT, USE_BAD_OPTION.
   */
  on<P extends string>(
    pattern: P & UniqueNames<P, `${Prefix}${P}`>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("on", pattern, handler as (request: Request) => unknown, middleware);
  }

  /** Puts a handler where one may be already: the next request gets it, those in hand keep theirs. @throws as on(). */
  replace<P extends string>(
    pattern: P & UniqueNames<P, `${Prefix}${P}`>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("replace", pattern, handler as (request: Request) => unknown, middleware);
  }

  /** Takes a route away. @returns whether there was one. */
  off(pattern: string): boolean {
    const full = prefixed(this.#prefix, pattern);
    this.#entries.delete(full);
    this.#site.given.delete(full);
    return this.#site.mux.off(full);
  }

  // biome-ignore-start format: a line a method
  /** on() for GET, and with it HEAD. */
  get<P extends string>(
    path: P & UniqueNames<P, `${Prefix}${P}`>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("on", pathOf("GET", path), handler as (request: Request) => unknown, middleware);
  }
  /** on() for POST. */
  post<P extends string>(
    path: P & UniqueNames<P, `${Prefix}${P}`>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("on", pathOf("POST", path), handler as (request: Request) => unknown, middleware);
  }
  /** on() for PUT. */
  put<P extends string>(
    path: P & UniqueNames<P, `${Prefix}${P}`>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("on", pathOf("PUT", path), handler as (request: Request) => unknown, middleware);
  }
  /** on() for PATCH. */
  patch<P extends string>(
    path: P & UniqueNames<P, `${Prefix}${P}`>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("on", pathOf("PATCH", path), handler as (request: Request) => unknown, middleware);
  }
  /** on() for DELETE. */
  delete<P extends string>(
    path: P & UniqueNames<P, `${Prefix}${P}`>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("on", pathOf("DELETE", path), handler as (request: Request) => unknown, middleware);
  }
  /** on() for OPTIONS, which is answered from the routes where nobody does. */
  options<P extends string>(
    path: P & UniqueNames<P, `${Prefix}${P}`>,
    handler: RouteHandler<`${Prefix}${P}`>,
    ...middleware: readonly Middleware[]
  ): this {
    return this.#put("on", pathOf("OPTIONS", path), handler as (request: Request) => unknown, middleware);
  }
  /** on() for every method. */
  all<P extends string>(
    path: P & UniqueNames<P, `${Prefix}${P}`>,
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
   * @param status 307 where the app was not told another.
   * @throws LocalError as on(); USE_BAD_FIELD, USE_BAD_STATUS.
   *
   * @example
   * app.redirect("/users/{id}", "/people/{id}", 308);
   */
  redirect(pattern: string, location: string, status: number = this.#site.redirectStatus): this {
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
    pattern: string,
    given: (request: Request) => unknown,
    middleware: readonly Middleware[],
    listed: unknown = given,
  ): this {
    checkFunction(given, "A handler");
    for (const each of middleware) checkFunction(each, "Middleware");
    const full = prefixed(this.#prefix, pattern);
    detailsOf(given)?.checkNames(namesIn(full));
    const handler = this.#answering(given);
    const entry: Entry = { handler, middleware, composed: handler };
    entry.composed = this.#composed(entry);
    const mux: Mux = this.#site.mux; // the compiler has seen the pattern in parts; here it is a string
    mux[how](full, (request) => entry.composed(request));
    this.#entries.set(full, entry);
    this.#site.given.set(full, listed);
    return this;
  }

  #answering(given: (request: Request) => unknown): Handler {
    const { toReply } = this.#site;
    return (request) => replyWhenReady(given(request), toReply);
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
