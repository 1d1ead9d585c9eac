// A request as a handler sees it. The interface is closed: what is added is a function of the request or a Key, so that it
// stays small for ever. Everything that costs (path, query, body, signal, the map of keys) is made when it is first asked for.
import { LocalError } from "../base/errors.ts";
import type { Peer } from "../base/transport.ts";
import type { Conventions } from "./conventions.ts";
import { Fields, type FieldsInit, share } from "./fields.ts";
import type { RequestHead, Version } from "./head.ts";
import { membersOf } from "./json-text.ts";
import { type Inbound, isPresent } from "./reading.ts";
import type { Reply } from "./reply.ts";
import { type Authority, canonicalPath, parseAuthority, rawQuery, targetAuthority } from "./target.ts";
import { isToken } from "./token.ts";

/** A typed name for what middleware leaves with a request: only who holds the key can read it. */
export class Key<T> {
  readonly name: string;
  declare private readonly holds: T;

  constructor(name: string) {
    this.name = name;
  }
}

/** A received request. */
export interface Request<P extends object = Readonly<Record<string, string>>> extends RequestHead {
  /** Canonical and still encoded: dot segments and repeated slashes are resolved, `%2F`, `%5C` and `%00` stay. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The captured segments of the route, each decoded by itself. */
  readonly params: P;
  readonly body: Inbound;
  readonly peer: Peer;
  /**
   * Aborts when the client disconnects or its time is up; the reason is a TransportError or a RemoteError. NET_HALF_CLOSED: by a FIN,
   * and a reply is still sent.
   */
  readonly signal: AbortSignal;
  /** What was set under the key. */
  get<T>(key: Key<T>): T | undefined;
  set<T>(key: Key<T>, value: T): void;
}

/** What a request asks of the exchange that it belongs to. */
export interface RequestHost {
  readonly peer: Peer;
  readonly body: Inbound;
  readonly signal: AbortSignal;
  /** The server, as an opaque value: serverOf() (server/server.ts) gives it its type. */
  readonly server: unknown;
  inform(status: 102 | 103, fields: FieldsInit | undefined): boolean;
  deadlines(limits: { readonly body?: number; readonly write?: number }): void;
  leaveOnFin(): void;
  afterwards(run: () => unknown): void;
  /**
   * For who counts handlers: calls where one is given up, because it has not settled a while after its exchange was over.
   *
   * @returns what to call when it has settled.
   */
  whenGivenUp(run: () => void): () => void;
  /** Something failed that can no longer change the reply: it is told to whoever listens for errors. */
  report(error: unknown): void;
  /** What an error is answered with, by the page that the server has for errors. */
  refusal(error: unknown, request: Request): Reply;
}

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze(Object.create(null) as Record<string, string>);

/** The exchange behind a request. For server/ alone. */
export let hostOf: (request: Request) => RequestHost;
/** Sets the captured segments. For route/ alone. */
export let bindParams: (request: Request, params: Readonly<Record<string, string>>) => void;
/** What the app that serves the request has said for all that it serves; null where it has said nothing. */
export let conventionsOf: (request: Request) => Conventions | null;
/** Says it. For app/, and for who starts a request again where others held. */
export let bindConventions: (request: Request, conventions: Conventions | null) => void;

/** A query; in JSON an object, in which a name that stands twice has a list. */
class Query extends URLSearchParams {
  toJSON(): Record<string, string | string[]> {
    return membersOf(this);
  }
}

/** The Request that the server makes around a head. */
export class ReceivedRequest implements Request {
  readonly #head: RequestHead;
  readonly #host: RequestHost;
  #path: string | null;
  #query: URLSearchParams | null;
  #params: Readonly<Record<string, string>>;
  #values: Map<Key<unknown>, unknown> | null;
  #conventions: Conventions | null;

  static {
    hostOf = (request) => (request as ReceivedRequest).#host;
    bindParams = (request, params) => {
      (request as ReceivedRequest).#params = params;
    };
    // A handler may be tried with an object that looks like a request.
    conventionsOf = (request) => (#conventions in request ? request.#conventions : null);
    bindConventions = (request, conventions) => {
      (request as ReceivedRequest).#conventions = conventions;
    };
  }

  constructor(head: RequestHead, host: RequestHost) {
    this.#head = head;
    this.#host = host;
    this.#path = null;
    this.#query = null;
    this.#params = NO_PARAMS;
    this.#values = null;
    this.#conventions = null;
  }

  get method(): string {
    return this.#head.method;
  }

  get target(): string {
    return this.#head.target;
  }

  get version(): Version {
    return this.#head.version;
  }

  get headers(): Fields {
    return this.#head.headers;
  }

  get path(): string {
    if (this.#path === null) this.#path = canonicalPath(this.#head.method, this.#head.target);
    return this.#path;
  }

  get query(): URLSearchParams {
    if (this.#query === null) this.#query = new Query(rawQuery(this.method, this.target) ?? "");
    return this.#query;
  }

  get params(): Readonly<Record<string, string>> {
    return this.#params;
  }

  get body(): Inbound {
    return this.#host.body;
  }

  get peer(): Peer {
    return this.#host.peer;
  }

  get signal(): AbortSignal {
    return this.#host.signal;
  }

  get<T>(key: Key<T>): T | undefined {
    return this.#values?.get(key as Key<unknown>) as T | undefined;
  }

  set<T>(key: Key<T>, value: T): void {
    if (this.#values === null) this.#values = new Map();
    this.#values.set(key as Key<unknown>, value);
  }

  /** See derive(). */
  derived(changes: RequestChanges): ReceivedRequest {
    const { method = this.method, target = this.target, headers, params = this.#params } = changes;
    if (!isToken(method)) throw new LocalError("USE_BAD_OPTION", `${JSON.stringify(method)} is no method.`);
    // A line end or a blank in a target could become one in a field that is made of it.
    if (!/^[\x21-\x7e]+$/.test(target)) {
      throw new LocalError("USE_BAD_OPTION", `A target is ASCII without blanks, not ${JSON.stringify(target)}.`);
    }
    const fields =
      headers === undefined ? this.headers : headers instanceof Fields ? share(headers) : new Fields(headers);
    const head = { method, target, version: this.version, headers: fields };
    const derived = new ReceivedRequest(head, hostWith(this.#host, changes));
    derived.#params = params;
    if (this.#values === null) this.#values = new Map();
    derived.#values = this.#values;
    derived.#conventions = this.#conventions;
    return derived;
  }
}

/** What a derived request has of its own; what is left out it shares with the request that it is derived from. */
export interface RequestChanges {
  /** Of the form that its method allows (RFC 9112 §3.2); ASCII without blanks. */
  readonly target?: string;
  readonly method?: string;
  readonly headers?: FieldsInit | Fields;
  readonly params?: Readonly<Record<string, string>>;
  /** E.g. the body, decoded. */
  readonly body?: Inbound;
  /** Who it is from, as a trusted proxy says. */
  readonly peer?: Peer;
}

/**
 * Another request that differs: a request itself is never changed. It belongs to the same exchange: what is set under a key
 * of one is seen by both, and so is what is read of a body that they share.
 *
 * @throws LocalError USE_BAD_OPTION for a method or a target that could not have been received; USE_BAD_FIELD.
 *
 * @example
 * const inner = derive(request, { target: "/new/path" });
 */
export function derive(request: Request, changes: RequestChanges): Request {
  return (request as ReceivedRequest).derived(changes);
}

/** The same host, but for what a derived request was given. */
function hostWith(host: RequestHost, { body, peer }: RequestChanges): RequestHost {
  if (body === undefined && peer === undefined) return host;
  return {
    peer: peer ?? host.peer,
    get body() {
      return body ?? host.body;
    },
    get signal() {
      return host.signal;
    },
    server: host.server,
    inform: (status, fields) => host.inform(status, fields),
    deadlines: (limits) => host.deadlines(limits),
    leaveOnFin: () => host.leaveOnFin(),
    afterwards: (run) => host.afterwards(run),
    whenGivenUp: (run) => host.whenGivenUp(run),
    report: (error) => host.report(error),
    refusal: (error, request) => host.refusal(error, request),
  };
}

/** Whether a value is a request that Portico received; an object of the same shape is none. */
export function isRequest(value: unknown): value is Request {
  return value instanceof ReceivedRequest;
}

/**
 * Sends an informational answer ahead of the reply (RFC 9110 §15.2): 103 Early Hints, or 102.
 *
 * @returns false to a peer of HTTP/1.0, which must not be sent any, and once the reply has begun.
 *
 * @example
 * inform(request, 103, { Link: "</page.css>; rel=preload; as=style" });
 */
export function inform(request: Request, status: 102 | 103, fields?: FieldsInit): boolean {
  return hostOf(request).inform(status, fields);
}

/**
 * Sets how long the peer of this exchange may make no progress, in milliseconds: `body` while its body is read, `write`
 * while it takes nothing of the reply. 0 means no limit.
 *
 * @throws LocalError USE_BAD_OPTION.
 */
export function deadlines(request: Request, limits: { readonly body?: number; readonly write?: number }): void {
  hostOf(request).deadlines(limits);
}

/**
 * From now on the client's FIN ends the exchange, whatever `halfClose` says: the connection is closed and `signal` aborts. Where it
 * has come already, that happens at once. For replies that may never end by themselves: child processes, parked requests, whose
 * client could otherwise disconnect and keep them going. Replies of type text/event-stream end so by themselves.
 */
export function leaveOnFin(request: Request): void {
  hostOf(request).leaveOnFin();
}

/**
 * Has a function called once, when the reply has left as a whole or never will: for what a request holds, like temporary files.
 * At once where that is so already. What it throws, now or later, is reported.
 *
 * @example
 * afterwards(request, () => rm(folder, { recursive: true }));
 */
export function afterwards(request: Request, run: () => unknown): void {
  hostOf(request).afterwards(run);
}

/**
 * The authority that the request is for: that of an absolute-form target, else Host (RFC 9112 §3.2.2). The host is as the
 * peer wrote it, empty where an HTTP/1.0 peer named none; it never alters the path.
 */
export function authority(request: Request): Authority {
  return (
    targetAuthority(request.method, request.target) ??
    parseAuthority(request.headers.get("host") ?? "") ?? { host: "", port: undefined }
  );
}

/** Whether the content of a request means anything: that of GET and HEAD does not (RFC 9110 §9.3.1), TRACE and CONNECT have none. */
export function readsContent({ method }: Request): boolean {
  return method !== "GET" && method !== "HEAD" && method !== "TRACE" && method !== "CONNECT";
}

/**
 * Whether a request has content that means anything. Its framing says so (RFC 9112 §6.3), never its Content-Type.
 *
 * @returns a promise only of a chunked body: it may be empty, and is asked for its first byte.
 */
export function hasContent(request: Request): boolean | Promise<boolean> {
  return readsContent(request) && isPresent(request.headers, request.body);
}

/** The query as it was sent, not decoded, without its question mark; undefined where there is none. */
export function queryText(request: Request): string | undefined {
  return rawQuery(request.method, request.target);
}
