// Ordered tables of regular expressions, as elnode has them: the first that matches answers, and its groups are the parameters:
// the named ones by name, all of them by number. Against the path (regex), or against host and path (hosts). An expression says what
// it means, `café`, or spells it as a request does, `caf%C3%A9`: each is held against both. A path that only a row for its form with
// a slash matches is redirected to that form, as elnode does with every path.
import { HttpError, LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { bindParams, type Request } from "../message/request.ts";
import { decodeComponent } from "../message/target.ts";
import { hostName, requestHost } from "./host.ts";
import { canonicalOf, checkHandler, listOf, type Mux } from "./mux.ts";
import { mountedPath, mountOf, paramsIn } from "./params.ts";
import { isBare, toSlash } from "./rewrite.ts";
import { plainInfo, type RouteInfo } from "./route-info.ts";
import { comparable, unescaped } from "./spelling.ts";

/** A row of a table: an expression, held against the path or the host from its start, and the handler of what it matches. */
export type RegexRoute = readonly [pattern: string | RegExp, handler: Handler];

/** What a table of expressions does with the rest. */
export interface RegexOptions {
  /** Answers what no row matches; 404. */
  readonly notFound?: Handler;
  /**
   * A path that no row matches, and that has neither a slash at its end nor a dot in its last segment: "redirect", where a row
   * matches it with a slash it is answered by 302 to there (307 but for GET and HEAD), with its query; "strict", it is not found.
   * "redirect".
   */
  readonly slash?: "redirect" | "strict";
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
  readonly #by: "path" | "host";
  readonly #slash: "redirect" | "strict";
  readonly #notFound: Handler;
  readonly handler: Handler;

  constructor(by: "path" | "host", rows: Iterable<RegexRoute>, options: RegexOptions) {
    const { notFound = nothing, slash = "redirect" } = options;
    checkHandler(notFound);
    if (slash !== "redirect" && slash !== "strict")
      throw new LocalError("USE_BAD_OPTION", `slash is ${String(slash)}.`);
    this.#by = by;
    this.#slash = slash;
    this.#notFound = notFound;
    for (const [pattern, handler] of rows) this.on(pattern, handler);
    this.handler = (request) => this.#answer(request);
  }

  #answer(request: Request): ReturnType<Handler> {
    const host = this.#by === "host" ? requestHost(request) : "";
    const path = mountedPath(request);
    const found = this.#find(host, path);
    if (found !== null) {
      bindParams(request, groupsOf(found.match, request.params));
      return found.row.handler(request);
    }
    if (this.#slash === "redirect" && isBare(path) && this.#find(host, `${path}/`) !== null) {
      return toSlash(request, request.method === "GET" || request.method === "HEAD" ? 302 : 307);
    }
    return this.#notFound(request);
  }

  #find(host: string, path: string): { readonly row: Row; readonly match: RegExpExecArray } | null {
    const subjects = this.#subjects(host, comparable(path));
    if (path.includes("%")) subjects.push(...this.#subjects(host, unescaped(path)));
    for (const row of this.#rows) {
      for (const subject of subjects) {
        const match = row.test.exec(subject);
        if (match !== null) return { row, match };
      }
    }
    return null;
  }

  /** Host and path in both spellings: with one slash between them, as elnode's manual has it, and with two, as its code. */
  #subjects(host: string, path: string): string[] {
    return this.#by === "path" ? [path] : [`${host}${path}`, `${host}/${path}`];
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
      // A pattern begins behind the first slash, or with the host.
      const anchor = this.#by === "path" ? "^/" : "^";
      return { source, test: new RegExp(`${anchor}(?:${source})`, flags), handler };
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
 * A table of regular expressions for the path. Each is anchored behind the first slash, and only there: end it in `$`. Paths get
 * their last slash by redirect: see RegexOptions.
 *
 * @throws LocalError USE_BAD_PATTERN, USE_BAD_OPTION.
 *
 * @example
 * regex([["$", home], ["notes/(?<name>[^/]+)/$", note]], { notFound: lost });
 */
export function regex(rows: Iterable<RegexRoute> = [], options: RegexOptions = {}): OrderedMux {
  return new RegexMux("path", rows, options);
}

/**
 * A table of regular expressions for host and path: `localhost/pastebin/.*`, the host without its port and in small letters. One
 * slash stands between it and the rest, or two: an expression may be written either way. A request without Host has an empty one.
 *
 * @throws LocalError USE_BAD_PATTERN, USE_BAD_OPTION.
 *
 * @example
 * const sites = hosts([["", files("public")]]);
 * sites.prepend("^localhost/pastebin.*", pastebin);
 */
export function hosts(rows: Iterable<RegexRoute> = [], options: RegexOptions = {}): OrderedMux {
  return new RegexMux("host", rows, options);
}
