// The families of tables that the ancestors have, behind the one Mux interface: exact paths, paths and what is below them, both
// frozen, and what the user looks up alone. Keys are paths without method or variables; the host counts for nothing but in custom().
import { HttpError, LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { bindParams } from "../message/request.ts";
import { hostName, requestHost } from "./host.ts";
import { canonicalOf, checkHandler, listOf, type Mux } from "./mux.ts";
import { mountedPath, mountOf, paramsIn } from "./params.ts";
import { canonicalLiteral, splitPattern } from "./pattern.ts";
import { plainInfo, type RouteInfo } from "./route-info.ts";
import { comparable, unescaped } from "./spelling.ts";

/** Paths and their handlers. */
export type RouteTable = Iterable<readonly [path: string, handler: Handler]> | Readonly<Record<string, Handler>>;

/** What a table of paths does with the rest. */
export interface FamilyOptions {
  /** Answers what no route matches; 404. */
  readonly fallback?: Handler;
}

const nothing: Handler = () => {
  throw new HttpError(404);
};

/** A handler, and the canonical path that it was registered under. */
interface Entry {
  readonly path: string;
  readonly handler: Handler;
}

function checkedPath(path: unknown): string {
  if (typeof path !== "string" || (path !== "" && !path.startsWith("/"))) {
    throw new LocalError("USE_BAD_PATTERN", `A key is a path that begins with a slash, or empty, not ${String(path)}.`);
  }
  return path === "" ? "" : canonicalLiteral(path, path);
}

function keyOf(path: unknown): string {
  return comparable(checkedPath(path));
}

function entriesOf(table: RouteTable): Iterable<readonly [string, Handler]> {
  return Symbol.iterator in table ? (table as Iterable<readonly [string, Handler]>) : Object.entries(table);
}

/** How many slashes a path has, and so how deep it is. */
function depthOf(path: string): number {
  return path.split("/").length - 1;
}

class PathMux implements Mux {
  /** By the paths as they are compared. */
  readonly #routes = new Map<string, Entry>();
  readonly #match: "exact" | "prefix";
  readonly #fallback: Handler;
  #frozen = false;
  /** Of the deepest key that there ever was: what is deeper is cut off before it is looked up. */
  #depth = 0;
  readonly handler: Handler;

  constructor(match: "exact" | "prefix", table: RouteTable, options: FamilyOptions, frozen: "live" | "frozen") {
    const { fallback = nothing } = options;
    checkHandler(fallback);
    this.#match = match;
    this.#fallback = fallback;
    for (const [path, handler] of entriesOf(table)) this.on(path, handler);
    this.#frozen = frozen === "frozen";
    this.handler = match === "exact" ? (request) => this.#exact(mountedPath(request))(request) : this.#below;
  }

  get patterns(): readonly string[] {
    return Array.from(this.#routes.values(), ({ path }) => path);
  }

  get routes(): readonly RouteInfo[] {
    return this.patterns.map((path) => plainInfo(path));
  }

  on(path: string | readonly string[], handler: Handler): this {
    this.#thaw();
    const paths = listOf(path).map(checkedPath);
    const keys = paths.map(comparable);
    for (const [index, key] of keys.entries()) {
      if (!this.#routes.has(key) && keys.indexOf(key) === index) continue;
      throw new LocalError("USE_PATTERN_CONFLICT", `${JSON.stringify(paths[index])} is taken.`);
    }
    return this.replace(paths, handler);
  }

  replace(path: string | readonly string[], handler: Handler): this {
    this.#thaw();
    checkHandler(handler);
    for (const each of listOf(path).map(checkedPath)) {
      this.#routes.set(comparable(each), { path: each, handler });
      this.#depth = Math.max(this.#depth, depthOf(each));
    }
    return this;
  }

  off(path: string | readonly string[]): boolean {
    this.#thaw();
    return listOf(path).filter((each) => this.#routes.delete(keyOf(each))).length > 0;
  }

  find(_method: string, _host: string, path: string): Handler | undefined {
    const canonical = canonicalOf(path);
    if (this.#match === "exact") return this.#routes.get(comparable(canonical))?.handler;
    const found = this.#above(canonical);
    return found === undefined ? undefined : this.#routes.get(found.key)?.handler;
  }

  #exact(path: string): Handler {
    return this.#routes.get(comparable(path))?.handler ?? this.#fallback;
  }

  /** What is behind a key reads the path from there. */
  readonly #below: Handler = (request) => {
    const found = this.#above(mountedPath(request));
    if (found === undefined) return this.#fallback(request);
    const outer = request.params;
    if (found.length > 0) bindParams(request, paramsIn(outer, mountOf(outer) + found.length));
    return (this.#routes.get(found.key) as Entry).handler(request);
  };

  // The path itself, then what is left of it before its last slash, and so on to the empty text: "/" is only itself. The key and
  // the path have the same slashes, and are cut at them side by side; the length is that of the path as it was sent.
  #above(path: string): { readonly key: string; readonly length: number } | undefined {
    let rest = this.#cut(path);
    for (let key = comparable(rest); ; key = key.slice(0, key.lastIndexOf("/"))) {
      if (this.#routes.has(key)) return { key, length: rest.length };
      if (key === "") return undefined;
      rest = rest.slice(0, rest.lastIndexOf("/"));
    }
  }

  // A path may have thousands of slashes; each step would read all that is left of it.
  #cut(path: string): string {
    let at = -1;
    for (let slashes = 0; slashes <= this.#depth; slashes++) {
      at = path.indexOf("/", at + 1);
      if (at < 0) return path;
    }
    return path.slice(0, at);
  }

  #thaw(): void {
    if (this.#frozen) throw new LocalError("USE_FROZEN");
  }
}

/**
 * A table of exact paths: `/a` is neither `/a/` nor `/a/b`. A key that is taken is a conflict; replace() takes it.
 *
 * @throws LocalError USE_BAD_PATTERN, USE_BAD_OPTION.
 *
 * @example
 * const routes = exact({ "/": home, "/about": about }, { fallback: lost });
 */
export function exact(table: RouteTable = {}, options: FamilyOptions = {}): Mux {
  return new PathMux("exact", table, options, "live");
}

/**
 * A table of paths that answer for all below them too: the longest wins. The empty path is for everything, `/` only for itself,
 * as in Gerbil. What is mounted at a key reads the path from there.
 *
 * @throws LocalError USE_BAD_PATTERN, USE_BAD_OPTION.
 *
 * @example
 * const routes = prefix({ "/api": api.handler, "": files("public") });
 */
export function prefix(table: RouteTable = {}, options: FamilyOptions = {}): Mux {
  return new PathMux("prefix", table, options, "live");
}

/**
 * A table that stays as it is made: on(), replace() and off() throw LocalError USE_FROZEN.
 *
 * @param options `match`: as exact() or as prefix(); "exact".
 * @throws LocalError USE_BAD_PATTERN, USE_BAD_OPTION.
 */
export function frozen(table: RouteTable, options: FamilyOptions & { readonly match?: "exact" | "prefix" } = {}): Mux {
  const { match = "exact" } = options;
  if (match !== "exact" && match !== "prefix") throw new LocalError("USE_BAD_OPTION", `match is ${String(match)}.`);
  return new PathMux(match, table, options, "frozen");
}

/**
 * Looks a handler up; false, null or undefined where there is none. The host is in small letters, without a port; the path is the
 * part of it that the table reads, still encoded, and in one spelling: what a client may send with and without an escape (`@`) has
 * none. The path that `Register` gets is too.
 */
export type Lookup = (host: string, path: string, method: string) => Handler | false | null | undefined;

/** Takes a handler, or undefined for one that is taken away: then it says by true that there was one. */
export type Register = (host: string, path: string, handler: Handler | undefined, method: string) => unknown;

/** A table of the user's own as an object: `get` looks up; `put`, where it is there, takes what is registered. */
export interface CustomTable {
  get(...place: Parameters<Lookup>): ReturnType<Lookup>;
  put?(...registered: Parameters<Register>): unknown;
}

/**
 * A table of the user's own: `table` looks up, `register` takes what is registered, as `[METHOD ][host]/path` taken apart; without
 * it, registering does nothing, as in Gerbil. Both may be methods of one object. What a look-up gives may be anything: what is no
 * handler is 500.
 *
 * @param register where left out, `put` of the object.
 * @throws LocalError USE_BAD_OPTION for what cannot look up.
 *
 * @example
 * const routes = custom((host, path) => path.startsWith("/tea") && tea);
 * const same = custom({ get: (host, path) => path.startsWith("/tea") && tea });
 */
export function custom(
  table: Lookup | CustomTable,
  register: Register = (...registered) => typeof table !== "function" && table.put?.(...registered),
  { fallback = nothing }: FamilyOptions = {},
): Mux {
  if (typeof table !== "function" && typeof table?.get !== "function") {
    throw new LocalError(
      "USE_BAD_OPTION",
      "custom() takes a function that looks up, or an object with a method get().",
    );
  }
  checkHandler(fallback);
  const tell = (patterns: string | readonly string[], handler: Handler | undefined): unknown[] =>
    listOf(patterns)
      .map(partsOf)
      .map(({ host, path, method }) => register(host, path, handler, method));
  const found = (...place: Parameters<Lookup>): Handler | undefined => {
    const handler = typeof table === "function" ? table(...place) : table.get(...place);
    return handler === false || handler === null ? undefined : handler;
  };
  const made: Mux = {
    on: (pattern, handler) => made.replace(pattern, handler),
    replace(pattern, handler) {
      checkHandler(handler);
      tell(pattern, handler);
      return made;
    },
    off: (pattern) => tell(pattern, undefined).includes(true),
    find: (method, host, path) => found(hostName(host), unescaped(canonicalOf(path)), method),
    handler(request) {
      const handler = found(requestHost(request), unescaped(mountedPath(request)), request.method) ?? fallback;
      checkHandler(handler);
      return handler(request);
    },
    patterns: [],
    routes: [],
  };
  return made;
}

function partsOf(pattern: string): { method: string; host: string; path: string } {
  const parts = pattern === "" ? { method: "", host: "", path: "" } : splitPattern(pattern);
  if (parts === undefined) throw new LocalError("USE_BAD_PATTERN", `It is ${JSON.stringify(pattern)}.`);
  return { ...parts, path: parts.path === "" ? "" : unescaped(canonicalLiteral(pattern, parts.path)) };
}
