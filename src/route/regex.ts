// Ordered tables of regular expressions, as elnode has them: the first that matches answers, and its groups are the parameters:
// the named ones by name, all of them by number. Against the path (regex), or against host and path (hosts). An expression says what
// it means, `café`, or spells it as a request does, `caf%C3%A9`: each is held against both.
import { HttpError, LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { bindParams } from "../message/request.ts";
import { decodeComponent } from "../message/target.ts";
import { hostName, requestHost } from "./host.ts";
import { canonicalOf, checkHandler, listOf, type Mux } from "./mux.ts";
import { mountedPath, mountOf, paramsIn } from "./params.ts";
import { plainInfo, type RouteInfo } from "./route-info.ts";
import { comparable, unescaped } from "./spelling.ts";

/** A row of a table: an expression, held against the path or the host from its start, and the handler of what it matches. */
export type RegexRoute = readonly [pattern: string | RegExp, handler: Handler];

/** What a table of expressions does with the rest. */
export interface RegexOptions {
  /** Answers what no row matches; 404. */
  readonly notFound?: Handler;
}

type Expression = string | RegExp;

/** A table whose rows have an order: on() puts a row behind all others. */
export interface OrderedMux extends Mux {
  on(pattern: Expression | readonly Expression[], handler: Handler): this;
  replace(pattern: Expression | readonly Expression[], handler: Handler): this;
  off(pattern: Expression | readonly Expression[]): boolean;
  /** Puts a row before all others; of two rows that match, the first answers. */
  prepend(pattern: Expression | readonly Expression[], handler: Handler): this;
}

interface Row {
  readonly source: string;
  readonly test: RegExp;
  readonly handler: Handler;
}

class RegexMux implements OrderedMux {
  #rows: readonly Row[] = [];
  readonly #subject: (host: string, path: string) => string;
  readonly #anchor: string;
  readonly handler: Handler;

  constructor(by: "path" | "host", rows: Iterable<RegexRoute>, { notFound = nothing }: RegexOptions) {
    checkHandler(notFound);
    // Elnode's slashes: a pattern begins behind the first one, and behind two where a host stands before the path.
    this.#anchor = by === "path" ? "^/" : "^";
    this.#subject = by === "path" ? (_, path) => path : (host, path) => `${host}/${path}`;
    for (const [pattern, handler] of rows) this.on(pattern, handler);
    this.handler = (request) => {
      const found = this.#find(by === "host" ? requestHost(request) : "", mountedPath(request));
      if (found === null) return notFound(request);
      bindParams(request, groupsOf(found.match, request.params));
      return found.row.handler(request);
    };
  }

  #find(host: string, path: string): { readonly row: Row; readonly match: RegExpExecArray } | null {
    const decoded = this.#subject(host, comparable(path));
    const escaped = path.includes("%") ? this.#subject(host, unescaped(path)) : null;
    for (const row of this.#rows) {
      const match = row.test.exec(decoded) ?? (escaped === null ? null : row.test.exec(escaped));
      if (match !== null) return { row, match };
    }
    return null;
  }

  get patterns(): readonly string[] {
    return this.#rows.map(({ source }) => source);
  }

  get routes(): readonly RouteInfo[] {
    return this.#rows.map(({ source, test }) => plainInfo(source, namesIn(test)));
  }

  on(pattern: Expression | readonly Expression[], handler: Handler): this {
    this.#rows = [...this.#rows, ...this.#made(pattern, handler)];
    return this;
  }

  prepend(pattern: Expression | readonly Expression[], handler: Handler): this {
    this.#rows = [...this.#made(pattern, handler), ...this.#rows];
    return this;
  }

  replace(pattern: Expression | readonly Expression[], handler: Handler): this {
    const rows = this.#made(pattern, handler);
    const known = this.#rows.map((old) => rows.find(({ source }) => source === old.source) ?? old);
    this.#rows = [...known, ...rows.filter((row) => !known.includes(row))];
    return this;
  }

  off(pattern: Expression | readonly Expression[]): boolean {
    const gone = new Set(listOf(pattern).map(sourceOf));
    const kept = this.#rows.filter(({ source }) => !gone.has(source));
    const found = kept.length < this.#rows.length;
    this.#rows = kept;
    return found;
  }

  find(_method: string, host: string, path: string): Handler | undefined {
    return this.#find(hostName(host), canonicalOf(path))?.row.handler;
  }

  #made(patterns: Expression | readonly Expression[], handler: Handler): readonly Row[] {
    checkHandler(handler);
    return listOf(patterns).map((pattern) => this.#row(pattern, handler));
  }

  #row(pattern: Expression, handler: Handler): Row {
    const source = sourceOf(pattern);
    const flags = typeof pattern === "string" ? "" : pattern.flags.replace(/[gy]/g, "");
    try {
      return { source, test: new RegExp(`${this.#anchor}(?:${source})`, flags), handler };
    } catch (error) {
      throw new LocalError("USE_BAD_PATTERN", `${source} is no regular expression.`, { cause: error });
    }
  }
}

const nothing: Handler = () => {
  throw new HttpError(404);
};

function sourceOf(pattern: Expression): string {
  if (typeof pattern === "string") return pattern;
  if (pattern instanceof RegExp) return pattern.source;
  throw new LocalError("USE_BAD_PATTERN", `An expression is a text or a RegExp, not ${typeof pattern}.`);
}

/** The named groups: those that an expression has which matches nothing but the empty text too. */
function namesIn({ source, flags }: RegExp): readonly string[] {
  return Object.keys(new RegExp(`${source}|`, flags).exec("")?.groups ?? {});
}

function groupsOf(match: RegExpExecArray, outer: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const params = paramsIn(outer, mountOf(outer));
  for (let i = 0; i < match.length; i++) if (match[i] !== undefined) params[i] = decodeComponent(match[i] as string);
  const { groups } = match;
  for (const name in groups) if (groups[name] !== undefined) params[name] = decodeComponent(groups[name]);
  return params;
}

/**
 * A table of regular expressions for the path. Each is anchored behind the first slash, and only there: end it in `$`.
 *
 * @example
 * regex([["$", home], ["notes/(?<name>[^/]+)/$", note]], { notFound: lost });
 */
export function regex(rows: Iterable<RegexRoute> = [], options: RegexOptions = {}): OrderedMux {
  return new RegexMux("path", rows, options);
}

/**
 * A table of regular expressions for host and path: `localhost//pastebin/`, the host without its port and in small letters,
 * two slashes between it and the rest. A request without Host has an empty one.
 *
 * @example
 * const sites = hosts([["", files("public")]]);
 * sites.prepend("localhost//pastebin/", pastebin);
 */
export function hosts(rows: Iterable<RegexRoute> = [], options: RegexOptions = {}): OrderedMux {
  return new RegexMux("host", rows, options);
}
