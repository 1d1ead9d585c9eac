// The short case: a mux, middleware and a server in one object. Nothing here that could not be written with the three of them;
// what stands in between is toReply(), so that a handler may return what it likes.
import { LocalError } from "../base/errors.ts";
import type { Address } from "../base/transport.ts";
import { problemPage } from "../content/problem.ts";
import { type Answer, replyWhenReady, toReply } from "../message/answer.ts";
import type { Body } from "../message/body.ts";
import { Fields } from "../message/fields.ts";
import { type Handler, type Middleware, stack } from "../message/handler.ts";
import type { Inbound } from "../message/inbound.ts";
import { type Reply, reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { type MuxOptions, mux, type TreeMux } from "../route/mux.ts";
import { LIMITS } from "../server/defaults.ts";
import { tellFailure } from "../server/failures.ts";
import type { Configuration } from "../server/options.ts";
import { type ServeOptions, Server, type ServerOptions } from "../server/server.ts";
import type { CloseOptions, CloseReport } from "../server/shutdown.ts";
import type { Connection } from "../server/site.ts";
import type { Listener } from "../transport/listen.ts";
import type { WebRequest, WebResponse } from "./fetch.ts";
import { checkFunction, Group, type GroupSite, type Mountable } from "./group.ts";
import type { Injected } from "./inject.ts";
import { type RouteInfo, routesOf } from "./routes.ts";

/** What an app is told when it is made: the options of its server and of its mux, and its own. */
export interface AppOptions extends ServerOptions, Omit<MuxOptions, "fallback"> {
  /** Answers what no route matches, with whatever a route may answer; 404. */
  readonly fallback?: (request: Request) => Answer | Promise<Answer>;
  /** The media type of text that a handler returns; "text/plain; charset=utf-8". */
  readonly textType?: string;
  /** The status of redirect(); 307. */
  readonly redirectStatus?: number;
  /** Middleware around everything, as use() puts it there; by name, so that one of a preset's can be left out with `false`. */
  readonly middleware?: readonly Middleware[] | Readonly<Record<string, Middleware | false>>;
}

/** Routes, middleware and a server. Make one with portico(). */
export class App extends Group<""> implements AsyncDisposable, Mountable {
  /** The server that listens for the app. */
  readonly server: Server;
  readonly #site: GroupSite;
  readonly #options: AppOptions;
  #around: readonly Middleware[];
  #bodyBytes: number;
  /**
   * Answers web Requests: `export default app` is a program for whatever calls `fetch`. Bound to the app. What Bun and Deno hand over
   * as the second argument says who a request is from.
   */
  readonly fetch: (request: WebRequest, ...rest: readonly unknown[]) => Promise<WebResponse>;

  constructor(options: AppOptions = {}) {
    const {
      caseSensitive,
      slash,
      methods,
      fallback,
      types,
      textType,
      redirectStatus = 307,
      middleware: named = [],
      ...server
    } = options;
    const made = replyWith(textType);
    const lost = fallback && ((request: Request) => replyWhenReady(fallback(request), made));
    const chosen = { caseSensitive, slash, methods, fallback: lost, types };
    const table = mux(Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined)));
    const site: GroupSite = { mux: table, toReply: made, redirectStatus, given: new Map() };
    super(site, "", null, []);
    const middleware = Object.values(named).filter((each) => each !== false);
    for (const each of middleware) checkFunction(each, "Middleware");
    this.#site = site;
    this.#options = options;
    this.#around = middleware;
    this.#bodyBytes = options.limits?.bodyBytes ?? LIMITS.bodyBytes;
    this.server = new Server(stack(table.handler, ...middleware), { errorPage: problemPage, ...server });
    this.fetch = (request, info) => this.#fetch(request, info);
  }

  /**
   * The handler in force: middleware, and the routes inside. Assigning puts another in its place, all at once; requests in
   * hand finish on the old one.
   */
  get handler(): Handler {
    return this.server.handler;
  }

  set handler(handler: Handler) {
    this.server.handler = handler;
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

  /** Puts middleware around everything, misses too. The first is the outermost. Works on a running server. */
  override use(...middleware: readonly Middleware[]): this {
    for (const each of middleware) checkFunction(each, "Middleware");
    this.#around = [...this.#around, ...middleware];
    this.server.handler = stack(this.mux.handler, ...this.#around);
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
  async inject(request: string | Injected): Promise<Reply<Inbound & Body>> {
    const { inject } = await import("./inject.ts"); // who only listens does not load it
    return inject(this.server, typeof request === "string" ? { url: request } : request);
  }

  /** Listens; as Server.listen(). */
  listen(address?: Address | number | readonly Address[], options?: ServeOptions): Promise<readonly Listener[]> {
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

  /** As Server.configure(); what a request by fetch() may have in its body, too. */
  configure(change: Configuration): void {
    this.server.configure(change);
    this.#bodyBytes = change.limits?.bodyBytes ?? this.#bodyBytes;
  }

  /** As Server.close(). */
  close(options?: CloseOptions): Promise<CloseReport> {
    return this.server.close(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
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
    const bodyBytes = this.#bodyBytes;
    return answerFetch({ handler, errorPage, bodyBytes, server, report }, request, info);
  }
}

/** toReply(), with another type for text. */
function replyWith(textType: string | undefined): (answer: unknown) => Reply {
  if (textType === undefined) return toReply;
  const fields = new Fields({ "Content-Type": textType });
  return (answer) => (typeof answer === "string" ? reply(200, fields, answer) : toReply(answer));
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
