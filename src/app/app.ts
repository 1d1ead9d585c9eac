// The short case: a mux, middleware and a server in one object. Nothing here that could not be written with the three of them;
// what stands in between is toReply(), so that a handler may return what it likes. From the outside in: middleware of the options,
// the app's conventions, what use() adds, and then the routes or whatever was put in their place.
import { LocalError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import { problemPage } from "../content/problem.ts";
import { makerFor, replyWhenReady } from "../message/answer.ts";
import type { Body } from "../message/body.ts";
import { type Handler, type Middleware, stack } from "../message/handler.ts";
import type { Inbound } from "../message/inbound.ts";
import type { Reply } from "../message/reply.ts";
import { Key, type Request } from "../message/request.ts";
import { mux, type TreeMux } from "../route/mux.ts";
import type { ListenAddress } from "../server/addresses.ts";
import { tellFailure } from "../server/failures.ts";
import type { Configuration } from "../server/options.ts";
import { type ServeOptions, Server } from "../server/server.ts";
import type { CloseOptions, CloseReport } from "../server/shutdown.ts";
import type { Connection } from "../server/site.ts";
import type { Listener } from "../transport/listen.ts";
import { type AppOptions, serverOptionsOf } from "./app-options.ts";
import { type OwnConventions, ownConventions } from "./conventions.ts";
import type { WebRequest, WebResponse } from "./fetch.ts";
import { checkFunction, Group, type GroupSite, type Mountable } from "./group.ts";
import type { Injected } from "./inject.ts";
import { type RouteInfo, routesOf } from "./routes.ts";

/** Routes, middleware and a server. Make one with portico(). */
export class App extends Group<""> implements AsyncDisposable, Mountable {
  /** The server that listens for the app. */
  readonly server: Server;
  readonly #site: GroupSite;
  readonly #options: AppOptions;
  /** Middleware of the options. */
  readonly #optional: readonly Middleware[];
  readonly #own: OwnConventions;
  /** True of a request that stands under the options already: what was put in may call a handler that the app had before. */
  readonly #under = new Key<true>("portico.app");
  /** The routes, or what was put in their place. */
  #base: Handler;
  /** What use() has put around it. */
  #used: readonly Middleware[] = [];
  /**
   * Answers web Requests: `export default app` is a program for whatever calls `fetch`. Bound to the app. What Bun and Deno hand over
   * as the second argument says who a request is from.
   */
  readonly fetch: (request: WebRequest, ...rest: readonly unknown[]) => Promise<WebResponse>;

  constructor(options: AppOptions = {}) {
    const { caseSensitive, slash, methods, fallback, types, taken = "refuse", middleware: named = [] } = options;
    if (taken !== "refuse" && taken !== "replace") {
      throw new LocalError("USE_BAD_OPTION", `taken is refuse or replace, not ${String(taken)}.`);
    }
    const lost = fallback && ((request: Request) => replyWhenReady(fallback(request), makerFor(request)));
    const chosen = { caseSensitive, slash, methods, fallback: lost, types };
    const table = mux(Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined)));
    const site: GroupSite = { mux: table, taken, given: new Map() };
    super(site, "", null, []);
    const middleware = Object.values(named).filter((each) => each !== false);
    for (const each of middleware) checkFunction(each, "Middleware");
    this.#site = site;
    this.#options = options;
    this.#optional = middleware;
    this.#own = ownConventions(options);
    this.#base = table.handler;
    this.server = new Server(this.#composed(), serverOptionsOf(options));
    this.fetch = (request, info) => handled(this.#fetch(request, info));
  }

  #composed(): Handler {
    const inside = stack(this.#base, ...this.#used);
    const { within, middleware } = this.#own;
    const whole = stack(inside, ...this.#optional, ...middleware);
    if (whole === inside && within === null) return inside;
    return (request) => {
      if (request.get(this.#under) === true) return inside(request);
      within?.(request);
      return whole(request);
    };
  }

  /**
   * The handler in force: middleware, and the routes inside. Assigning puts another in the place of the routes and of what use()
   * has put around them, all at once; requests in hand finish on the old one. The options of the app hold for it, too: it may
   * return whatever a route may. What it wraps of the app's own handlers is not put under them twice.
   */
  get handler(): Handler {
    return this.server.handler;
  }

  set handler(handler: Handler) {
    checkFunction(handler, "A handler");
    this.#used = [];
    const optional = this.#own.within !== null || this.#optional.length > 0;
    this.#base = (request) => {
      if (optional) request.set(this.#under, true);
      return replyWhenReady(handler(request), makerFor(request));
    };
    this.server.handler = this.#composed();
  }

  /** The table of routes, for what the app has no short form for: find(), swap(), fallback. */
  get mux(): TreeMux {
    return this.#site.mux;
  }

  /** What the app was made with. */
  get appOptions(): AppOptions {
    return this.#options;
  }

  /** Every route, with the types of its parameters. What is mounted is listed below its prefix. */
  get routes(): readonly RouteInfo[] {
    return routesOf(this.#site);
  }

  /**
   * Puts middleware around everything, misses too, inside of that of the options. The first is the outermost. Works on a running
   * server.
   */
  override use(...middleware: readonly Middleware[]): this {
    for (const each of middleware) checkFunction(each, "Middleware");
    this.#used = [...this.#used, ...middleware];
    this.server.handler = this.#composed();
    return this;
  }

  /**
   * Sends a request to the app without a socket: it passes through the whole engine, as one from the network would. The app
   * need not listen.
   *
   * @param request a path, or what a Send takes; the URL may be a path.
   * @returns the reply; its body is read like that of a request, and without a limit.
   * @throws TransportError where the connection ended without an answer; RemoteError; the reason of the signal.
   *
   * @example
   * const { status, body } = await app.inject("/hello/world");
   * await body.text();
   */
  inject(request: string | Injected): Promise<Reply<Inbound & Body>> {
    // Who only listens does not load it.
    const load = import("./inject.ts");
    return handled(
      load.then(({ inject }) => inject(this.server, typeof request === "string" ? { url: request } : request)),
    );
  }

  /** Listens; as Server.listen(). */
  listen(address?: ListenAddress | readonly ListenAddress[], options?: ServeOptions): Promise<readonly Listener[]> {
    return this.server.listen(address, options);
  }

  /** Where it listens, as Server.url. */
  get url(): string | undefined {
    return this.server.url;
  }

  /** As Server.listeners. */
  get listeners(): readonly Listener[] {
    return this.server.listeners;
  }

  /** As Server.connections. */
  get connections(): Iterable<Connection> {
    return this.server.connections;
  }

  /** As Server.stats. */
  get stats(): Server["stats"] {
    return this.server.stats;
  }

  /** As Server.configure(). Requests by fetch() and inject() are bound by it too. */
  configure(change: Configuration): void {
    this.server.configure(change);
  }

  /** As Server.close(). */
  close(options?: CloseOptions): Promise<CloseReport> {
    return this.server.close(options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]();
  }

  /** As Server.ref(). */
  ref(): this {
    this.server.ref();
    return this;
  }

  /** As Server.unref(). */
  unref(): this {
    this.server.unref();
    return this;
  }

  async #fetch(request: WebRequest, info: unknown): Promise<WebResponse> {
    const { answerFetch } = await import("./fetch.ts");
    const { errorPage = problemPage, hooks } = this.#options;
    const report = (error: unknown, failed: Parameters<NonNullable<NonNullable<typeof hooks>["error"]>>[1]): void => {
      try {
        const told: unknown = (hooks?.error ?? tellFailure)(error, failed);
        if (told instanceof Promise) told.catch(() => {});
      } catch {
        // A hook that fails changes nothing.
      }
    };
    const { handler, server } = this;
    return answerFetch({ handler, errorPage, limits: server.limits, server, report }, request, info);
  }
}

/**
 * Makes an app.
 *
 * @throws LocalError USE_BAD_OPTION.
 *
 * @example
 * const app = portico();
 * app.get("/hello/{name}", ({ params }) => `Hello, ${params.name}`);
 * await app.listen(4040);
 */
export function portico(options: AppOptions = {}): App {
  if (typeof options !== "object" || options === null) {
    throw new LocalError(
      "USE_BAD_OPTION",
      "portico() takes an object of options; routes are added with get() and on().",
    );
  }
  return new App(options);
}
