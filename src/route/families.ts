// The families of tables that the ancestors have, behind the one Mux interface: exact paths, paths and what is below them, both
// frozen, and what the user looks up alone. Keys are paths without method or variables; the host counts for nothing but in custom().
import { HttpError, LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { authority, type Request } from "../message/request.ts";
import { canonicalPath } from "../message/target.ts";
import { checkHandler, MOUNTED, type Mux, pathFrom } from "./mux.ts";

/** Paths and their handlers. */
export type RouteTable = Iterable<readonly [path: string, handler: Handler]> | Readonly<Record<string, Handler>>;

export interface FamilyOptions {
  /** Answers what no route matches; 404. */
  readonly fallback?: Handler;
}

/** Answers what a table finds, or by the fallback. The part of the path that it reads begins where it is mounted. */
export function answering(
  find: (method: string, host: string, path: string) => Handler | undefined,
  fallback: Handler | undefined,
  needsHost: "host" | "any" = "any",
): Handler {
  return (request: Request) => {
    const mounted = request.get(MOUNTED) ?? 0;
    const path = pathFrom(request, mounted);
    const found = find(request.method, needsHost === "host" ? authority(request).host : "", path) ?? fallback;
    if (found === undefined) throw new HttpError(404);
    checkHandler(found); // what a user's function looks up may be anything: 500 rather than a crash
    return found(request);
  };
}

function keyOf(path: unknown): string {
  if (typeof path !== "string" || (path !== "" && !path.startsWith("/"))) {
    throw new LocalError("USE_BAD_PATTERN", `A key is a path that begins with a slash, or empty, not ${String(path)}.`);
  }
  return path === "" ? "" : canonicalPath("GET", path);
}

class PathMux implements Mux {
  readonly #routes = new Map<string, Handler>();
  readonly #look: (routes: ReadonlyMap<string, Handler>, path: string) => Handler | undefined;
  #frozen = false;
  readonly handler: Handler;

  constructor(look: "exact" | "prefix", table: RouteTable, { fallback }: FamilyOptions, frozen: "live" | "frozen") {
    this.#look = look === "exact" ? (routes, path) => routes.get(path) : lookAbove;
    const entries = Symbol.iterator in table ? (table as Iterable<readonly [string, Handler]>) : Object.entries(table);
    for (const [path, handler] of entries) this.on(path, handler);
    this.#frozen = frozen === "frozen";
    this.handler = answering((_, __, path) => this.#look(this.#routes, path), fallback);
  }

  get patterns(): readonly string[] {
    return [...this.#routes.keys()];
  }

  on(path: string, handler: Handler): this {
    const key = keyOf(path);
    if (this.#routes.has(key)) throw new LocalError("USE_PATTERN_CONFLICT", `${JSON.stringify(path)} is taken.`);
    return this.replace(path, handler);
  }

  replace(path: string, handler: Handler): this {
    this.#thaw();
    checkHandler(handler);
    this.#routes.set(keyOf(path), handler);
    return this;
  }

  off(path: string): boolean {
    this.#thaw();
    return this.#routes.delete(keyOf(path));
  }

  find(_method: string, _host: string, path: string): Handler | undefined {
    return this.#look(this.#routes, keyOf(path));
  }

  #thaw(): void {
    if (this.#frozen) throw new LocalError("USE_FROZEN");
  }
}

// The path itself, then what is left of it before its last slash, and so on to the empty text: "/" is only itself.
function lookAbove(routes: ReadonlyMap<string, Handler>, path: string): Handler | undefined {
  for (let rest = path; ; rest = rest.slice(0, rest.lastIndexOf("/"))) {
    const found = routes.get(rest);
    if (found !== undefined || rest === "") return found;
  }
}

/** A table of exact paths: `/a` is neither `/a/` nor `/a/b`. @throws LocalError USE_BAD_PATTERN, USE_BAD_OPTION. */
export function exact(table: RouteTable = {}, options: FamilyOptions = {}): Mux {
  return new PathMux("exact", table, options, "live");
}

/**
 * A table of paths that answer for all below them too: the longest wins. The empty path is for everything, `/` only for itself,
 * as in Gerbil.
 */
export function prefix(table: RouteTable = {}, options: FamilyOptions = {}): Mux {
  return new PathMux("prefix", table, options, "live");
}

/** A table that stays as it is made: on(), replace() and off() throw LocalError USE_FROZEN. */
export function frozen(table: RouteTable, options: FamilyOptions & { readonly match?: "exact" | "prefix" } = {}): Mux {
  return new PathMux(options.match ?? "exact", table, options, "frozen");
}

/**
 * A table of the user's own: `get` looks up, `set` takes what is registered; without it, registering does nothing, as in Gerbil.
 *
 * @example
 * const routes = custom((host, path) => (path.startsWith("/tea") ? tea : undefined));
 */
export function custom(
  get: (host: string, path: string, method: string) => Handler | undefined,
  set: (pattern: string, handler: Handler | undefined) => void = () => {},
  { fallback }: FamilyOptions = {},
): Mux {
  const made: Mux = {
    on: (pattern, handler) => made.replace(pattern, handler),
    replace(pattern, handler) {
      checkHandler(handler);
      set(pattern, handler);
      return made;
    },
    off(pattern) {
      set(pattern, undefined);
      return false;
    },
    find: (method, host, path) => get(host, path, method),
    handler: answering((method, host, path) => get(host, path, method), fallback, "host"),
    patterns: [],
  };
  return made;
}
