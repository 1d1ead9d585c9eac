// The server: where it listens, whom it has accepted, which handler is in force, and how all of that comes to an end.
import { AsyncLocalStorage } from "node:async_hooks";
import { systemClock } from "../base/clock.ts";
import { LocalError } from "../base/errors.ts";
import { handled, heard } from "../base/handled.ts";
import { publish, trace } from "../base/trace.ts";
import type { Transport } from "../base/transport.ts";
import { DateLine } from "../message/date.ts";
import type { Handler } from "../message/handler.ts";
import { isFailure, plainPage, refusal } from "../message/refusal.ts";
import { hostOf, type Request } from "../message/request.ts";
import type { Handshakes, Listen, Listener, ListenOptions } from "../transport/listen.ts";
import { listen } from "../transport/tcp.ts";
import { addressesOf, hostInUrl, type ListenAddress } from "./addresses.ts";
import { Deadlines } from "./deadlines.ts";
import { debugged } from "./debug.ts";
import type { Limits } from "./defaults.ts";
import { tellBug, tellFailure } from "./failures.ts";
import { Gate } from "./gate.ts";
import { type Configuration, checkNames, checkServeOptions, type OptionsOf, settle } from "./options.ts";
import { ProcessSignals } from "./process-signals.ts";
import { protocolFor } from "./protocols.ts";
import { type CloseOptions, type CloseReport, Shutdown } from "./shutdown.ts";
import type { Connection, HooksOf, Site, Stats } from "./site.ts";
import { type Replacements, WrappedTransport } from "./wrapped.ts";

/** What createServer() takes beside the handler. */
export type ServerOptions = OptionsOf<Server>;

/** Functions that are called as things happen. */
export type Hooks = HooksOf<Server>;

/** How a server listens, beside what every transport takes. */
export interface ServeOptions extends Omit<ListenOptions, "handshakes">, Omit<Replacements, "closed"> {
  /** Listens in place of TCP and TLS: memory, or a transport of your own. */
  readonly via?: Listen;
}

/** For current-server.ts alone. */
export const ambient: AsyncLocalStorage<Server> = new AsyncLocalStorage<Server>();

/** An HTTP server. Make one with createServer(). */
export class Server implements AsyncDisposable {
  readonly #site: Site;
  readonly #options: ServerOptions;
  readonly #date: DateLine;
  readonly #connections = new Set<Connection>();
  /** TLS handshakes that are under way: connections that have yet to become one. */
  #handshakes = 0;
  /** Where it listens, and how a URL to there begins. */
  readonly #listeners = new Map<Listener, "http" | "https">();
  /** Aborts when close() begins to drain; null until somebody asks for it. */
  #draining: AbortController | null = null;
  /** Under way; null while it is not closing. */
  #shutdown: Shutdown | null = null;
  /** How often it was closed: what was about to listen meanwhile does not. */
  #closes = 0;
  /** The startup hook: called by the first listen(), awaited by all. */
  #startup: Promise<void> | null = null;
  #held: boolean;
  readonly #signals: ProcessSignals;

  constructor(handler: Handler, options: ServerOptions = {}) {
    if (typeof handler !== "function") throw new LocalError("USE_BAD_OPTION", "The handler is no function.");
    checkNames(options, "server");
    const clock = options.clock ?? systemClock;
    this.#options = options;
    this.#held = options.ref ?? true;
    this.#date = new DateLine(clock);
    const { debug = false } = options;
    const hooks = debug === false ? (options.hooks ?? {}) : debugged(options.hooks ?? {}, debug, clock);
    const page = options.errorPage ?? plainPage;
    const site: Site = {
      handler,
      settings: settle(null, options, this.#date),
      hooks,
      clock,
      started: clock.wall(),
      server: this,
      stats: { requests: 0, connections: 0, refused: 0, failures: 0 },
      deadlines: new Deadlines(clock),
      gate: new Gate(() => site.settings.limits),
      call:
        options.ambient === true
          ? (request) => ambient.run(this, site.handler, request)
          : (request) => site.handler(request),
      refuse: (error, request) => refusal(page, error, request, (failure) => this.#report(failure, request)),
      get timed() {
        return hooks.reply !== undefined || trace.reply.hasSubscribers;
      },
      requested: (request, connection) => {
        if (hooks.request !== undefined) this.#guard(() => hooks.request?.(request));
        if (trace.request.hasSubscribers) publish("request", { request, connection });
      },
      replied: (request, info) => {
        if (hooks.reply !== undefined) this.#guard(() => hooks.reply?.(request, info));
        if (trace.reply.hasSubscribers) publish("reply", { request, ...info });
      },
      report: (error, request, reply) => this.#report(error, request, reply),
      closed: (connection, error) => this.#closed(connection, error),
    };
    this.#site = site;
    this.#signals = new ProcessSignals(options.signals ?? [], (mode) => {
      this.close({ mode }).catch((error: unknown) => this.#report(error, undefined));
    });
  }

  /** The handler in force. Assigning swaps it at once: requests in flight finish on the old one. */
  get handler(): Handler {
    return this.#site.handler;
  }

  set handler(handler: Handler) {
    if (typeof handler !== "function") throw new LocalError("USE_BAD_OPTION", "The handler is no function.");
    this.#site.handler = handler;
  }

  /** The open connections, as they are now. */
  get connections(): Iterable<Connection> {
    return this.#connections;
  }

  /** Where it listens. */
  get listeners(): readonly Listener[] {
    return [...this.#listeners.keys()];
  }

  /**
   * The first TCP address as a URL that ends in a slash; an address for all interfaces as localhost. Undefined while it listens
   * nowhere, or on a path alone.
   */
  get url(): string | undefined {
    for (const [{ address }, scheme] of this.#listeners) {
      if ("port" in address) return `${scheme}://${hostInUrl(address.host)}:${address.port}/`;
    }
    return undefined;
  }

  /**
   * Aborts when close() begins: the cue for a reply without an end to end. After close() has settled there is a new one.
   *
   * @example
   * for await (const line of lines(serverOf(request).draining)) yield line;
   */
  get draining(): AbortSignal {
    this.#draining ??= new AbortController();
    if (this.#shutdown?.draining === true) this.#draining.abort();
    return this.#draining.signal;
  }

  /** Numbers since the start; connections that are open, in a TLS handshake too; and requests that wait. Live. */
  get stats(): Readonly<Stats> & { readonly open: number; readonly waiting: number } {
    const open = this.#connections.size + this.#handshakes;
    return { ...this.#site.stats, open, waiting: this.#site.gate.waiting };
  }

  /**
   * Listens. May be called again, for more addresses.
   *
   * @param address a port on 127.0.0.1, a text as `127.0.0.1:8080`, an address, or a list of these; port 0 (and nothing at all)
   *   is any free port.
   * @returns the listeners, in the order of the addresses; `listener.address` has the port.
   * @throws TransportError NET_ADDRESS_IN_USE, NET_LISTEN; LocalError USE_BAD_OPTION, USE_UNSUPPORTED. Where one of several
   *   addresses fails, or the startup hook, none is left listening. Where nobody awaits the promise, the `error` hook is told (or
   *   standard error), the process goes on, and its exit code will be 1.
   */
  listen(
    address: ListenAddress | readonly ListenAddress[] = 0,
    options: ServeOptions = {},
  ): Promise<readonly Listener[]> {
    return heard(this.#listen(address, options), (error) => {
      process.exitCode ??= 1; // it does not listen, and who asked for that does not look
      if (this.#site.hooks.error === undefined) tellBug(error, undefined);
      else this.#report(error, undefined);
    });
  }

  async #listen(
    address: ListenAddress | readonly ListenAddress[],
    options: ServeOptions,
  ): Promise<readonly Listener[]> {
    checkServeOptions(options);
    if (this.#shutdown !== null) throw new LocalError("USE_ALREADY_LISTENING");
    const wanted = addressesOf(address);
    const closes = this.#closes;
    const via = options.via ?? (options.tls === undefined ? listen : (await import("../transport/tls.ts")).listenTls);
    // Nothing is accepted before everything listens and the startup hook has run.
    let early: Transport[] | null = [];
    const accept = (transport: Transport): void => {
      if (!this.#hasRoom(early)) transport.destroy();
      else if (early === null) this.#admit(transport, options);
      else early.push(transport);
    };
    const handshakes: Handshakes = {
      begin: () => {
        const hasRoom = this.#hasRoom(early);
        if (hasRoom) this.#handshakes++;
        return hasRoom;
      },
      end: () => void this.#handshakes--,
    };
    const onError = (error: Error): void => this.#acceptFailed(error, options);
    const listeners: Listener[] = [];
    try {
      for (const each of wanted) {
        listeners.push(await via(each, accept, { ...options, onError, handshakes }));
      }
      const scheme = options.tls === undefined ? "http" : "https";
      for (const listener of listeners) this.#listeners.set(listener, scheme);
      this.#startup ??= Promise.resolve(this.#options.hooks?.startup?.(this));
      await this.#startup;
      if (closes !== this.#closes) throw new LocalError("USE_ALREADY_LISTENING");
    } catch (error) {
      for (const transport of early) transport.destroy();
      for (const listener of listeners) {
        this.#listeners.delete(listener);
        await listener.close();
      }
      if (this.#listeners.size === 0) this.#startup = null;
      throw error;
    }
    if (!this.#held) for (const listener of listeners) listener.unref();
    this.#signals.watch();
    // The listener closes itself; here it is forgotten.
    options.signal?.addEventListener("abort", () => this.#forget(listeners), { once: true });
    publish("listening", { server: this, addresses: listeners.map((listener) => listener.address) });
    const waiting = early;
    early = null;
    for (const transport of waiting) this.#admit(transport, options);
    return listeners;
  }

  /** Whether one more connection is let in; those count too that wait until everything listens. */
  #hasRoom(early: readonly Transport[] | null): boolean {
    const open = this.#connections.size + this.#handshakes + (early === null ? 0 : early.length);
    if (open < this.#site.settings.limits.connections) return true;
    this.#site.stats.refused++;
    return false;
  }

  /** What a replacement throws ends its connection, not the listener. */
  #admit(transport: Transport, options: ServeOptions): void {
    try {
      this.accept(transport, options);
    } catch (error) {
      transport.destroy();
      this.#report(error, undefined);
    }
  }

  /** Serves a connection that was accepted elsewhere. Takes the transport over. */
  accept(transport: Transport, replaced: Replacements = {}): Connection {
    const { peer, hardClose } = replaced;
    const used =
      peer === undefined && hardClose === undefined
        ? transport
        : new WrappedTransport(transport, { ...(peer && { peer }), ...(hardClose && { hardClose }) });
    this.#site.stats.connections++;
    const protocol = protocolFor(transport.protocol);
    if (protocol === undefined) throw new LocalError("USE_UNSUPPORTED", `It agreed on ${transport.protocol}.`);
    const connection = protocol(used, this.#site);
    this.#connections.add(connection);
    const { hooks } = this.#site;
    if (hooks.connection !== undefined) this.#guard(() => hooks.connection?.(connection));
    if (trace.connection.hasSubscribers) publish("connection", { connection });
    if (!this.#held) connection.unref();
    if (this.#shutdown?.draining === true) connection.finish();
    return connection;
  }

  /** The limits in force, as connections get them that come now. */
  get limits(): Limits {
    return this.#site.settings.limits;
  }

  /** Changes settings, for the connections after this. @throws LocalError USE_BAD_OPTION; then nothing is changed. */
  configure(change: Configuration): void {
    checkNames(change, "configuration");
    this.#site.settings = settle(this.#site.settings, change, this.#date);
    this.#site.gate.admit();
  }

  /**
   * Ends it. Called again while it closes, a stronger mode takes effect. Afterwards listen() may be called anew.
   *
   * @throws LocalError USE_BAD_OPTION. Where nobody awaits the promise, the `error` hook is told.
   */
  close(options: CloseOptions = {}): Promise<CloseReport> {
    return heard(this.#close(options), (error) => this.#report(error, undefined));
  }

  async #close(options: CloseOptions): Promise<CloseReport> {
    const { mode = "drain", deadline = this.#site.settings.timeouts.drain } = options;
    if (this.#shutdown === null) this.#beginShutdown();
    const shutdown = this.#shutdown as unknown as Shutdown;
    shutdown.raise(mode, deadline);
    if (shutdown.draining) this.#draining?.abort();
    return shutdown.done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return handled(this.#close({}).then(() => {}));
  }

  /** The process stays alive while this listens or has connections, as it does from the start. */
  ref(): this {
    this.#held = true;
    for (const each of [...this.#listeners.keys(), ...this.#connections]) each.ref();
    return this;
  }

  /** The process may end although this listens and has connections. */
  unref(): this {
    this.#held = false;
    for (const each of [...this.#listeners.keys(), ...this.#connections]) each.unref();
    return this;
  }

  #beginShutdown(): void {
    const { listeners } = this;
    this.#closes++;
    this.#startup = null;
    this.#listeners.clear();
    const shutdown = new Shutdown(this.#connections, listeners, this.#site.clock);
    this.#shutdown = shutdown;
    // A connection that nobody reads keeps no process alive, and the deadline would not be reached.
    const waiting = this.#held ? setInterval(() => {}, 2 ** 30) : undefined;
    const over = (): void => {
      clearInterval(waiting);
      this.#shutdown = null;
      this.#draining = null;
      // Not before: until the close is over a second signal cuts it short.
      this.#signals.unwatch();
    };
    shutdown.done.then(over, over);
  }

  #forget(listeners: readonly Listener[]): void {
    for (const listener of listeners) this.#listeners.delete(listener);
  }

  #closed(connection: Connection, error: Error | undefined): void {
    this.#connections.delete(connection);
    const { hooks } = this.#site;
    if (hooks.close !== undefined) this.#guard(() => hooks.close?.(connection, error));
    if (trace.close.hasSubscribers) publish("close", { connection, error });
    this.#shutdown?.closed(connection);
  }

  #acceptFailed(error: Error, options: ServeOptions): void {
    this.#report(error, undefined);
    options.onError?.(error);
  }

  #report(error: unknown, request: Request | undefined, reply?: "cut"): void {
    if (request !== undefined && (reply === "cut" || isFailure(error))) this.#site.stats.failures++;
    const { hooks } = this.#site;
    if (trace.error.hasSubscribers) publish("error", { error, request });
    try {
      const told: unknown =
        hooks.error === undefined ? tellFailure(error, request, reply) : hooks.error(error, request);
      if (told instanceof Promise) told.catch((failure: unknown) => publish("error", { error: failure, request }));
    } catch (failure) {
      publish("error", { error: failure, request });
    }
  }

  /** What a hook throws, now or later, is reported, and changes nothing else. */
  #guard(call: () => unknown): void {
    try {
      const returned = call();
      if (returned instanceof Promise) returned.catch((error: unknown) => this.#report(error, undefined));
    } catch (error) {
      this.#report(error, undefined);
    }
  }
}

/**
 * Makes a server; listen() starts it.
 *
 * @example
 * const server = createServer(() => text("Hello"));
 * const [listener] = await server.listen({ host: "127.0.0.1", port: 4040 });
 */
export function createServer(handler: Handler, options?: ServerOptions): Server {
  return new Server(handler, options);
}

/** The server that received a request. */
export function serverOf(request: Request): Server {
  return hostOf(request).server as Server;
}
