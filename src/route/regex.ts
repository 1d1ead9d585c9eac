// Ordered tables of regular expressions, as elnode has them: the first that matches answers, and its groups are the parameters:
// the named ones by name, all of them by number. Against the path (regex), or against host and path (hosts).
import { HttpError, LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { authority, bindParams } from "../message/request.ts";
import { canonicalPath, decodeComponent } from "../message/target.ts";
import { checkHandler, MOUNTED, type Mux, pathFrom } from "./mux.ts";

export type RegexRoute = readonly [pattern: string | RegExp, handler: Handler];

export interface RegexOptions {
  /** Answers what no row matches; 404. */
  readonly notFound?: Handler;
}

/** A table whose rows have an order. */
export interface OrderedMux extends Mux {
  /** Puts a row before all others; of two rows that match, the first answers. */
  prepend(pattern: string | RegExp, handler: Handler): this;
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

  constructor(by: "path" | "host", rows: Iterable<RegexRoute>, { notFound }: RegexOptions) {
    // Elnode's slashes: a pattern begins behind the first one, and behind two where a host stands before the path.
    this.#anchor = by === "path" ? "^/" : "^";
    this.#subject = by === "path" ? (_, path) => path : (host, path) => `${host}/${path}`;
    for (const [pattern, handler] of rows) this.on(pattern, handler);
    this.handler = (request) => {
      const path = pathFrom(request, request.get(MOUNTED) ?? 0);
      const subject = this.#subject(by === "host" ? authority(request).host.toLowerCase() : "", path);
      for (const { test, handler } of this.#rows) {
        const match = test.exec(subject);
        if (match === null) continue;
        bindParams(request, groupsOf(match));
        return handler(request);
      }
      if (notFound === undefined) throw new HttpError(404);
      return notFound(request);
    };
  }

  get patterns(): readonly string[] {
    return this.#rows.map(({ source }) => source);
  }

  on(pattern: string | RegExp, handler: Handler): this {
    this.#rows = [...this.#rows, this.#row(pattern, handler)];
    return this;
  }

  prepend(pattern: string | RegExp, handler: Handler): this {
    this.#rows = [this.#row(pattern, handler), ...this.#rows];
    return this;
  }

  replace(pattern: string | RegExp, handler: Handler): this {
    const row = this.#row(pattern, handler);
    const known = this.#rows.some(({ source }) => source === row.source);
    this.#rows = known ? this.#rows.map((old) => (old.source === row.source ? row : old)) : [...this.#rows, row];
    return this;
  }

  off(pattern: string | RegExp): boolean {
    const source = typeof pattern === "string" ? pattern : pattern.source;
    const kept = this.#rows.filter((row) => row.source !== source);
    const found = kept.length < this.#rows.length;
    this.#rows = kept;
    return found;
  }

  find(_method: string, host: string, path: string): Handler | undefined {
    const subject = this.#subject(host.toLowerCase(), canonicalPath("GET", path));
    return this.#rows.find(({ test }) => test.test(subject))?.handler;
  }

  #row(pattern: string | RegExp, handler: Handler): Row {
    checkHandler(handler);
    const source = typeof pattern === "string" ? pattern : pattern.source;
    const flags = typeof pattern === "string" ? "" : pattern.flags.replace(/[gy]/g, "");
    try {
      return { source, test: new RegExp(`${this.#anchor}(?:${source})`, flags), handler };
    } catch (error) {
      throw new LocalError("USE_BAD_PATTERN", `${source} is no regular expression.`, { cause: error });
    }
  }
}

function groupsOf(match: RegExpExecArray): Readonly<Record<string, string>> {
  const params: Record<string, string> = Object.create(null);
  const numbered = match.map((value, index) => [String(index), value] as const);
  const groups: (readonly [string, string | undefined])[] = [...numbered, ...Object.entries(match.groups ?? {})];
  for (const [name, value] of groups) if (value !== undefined) params[name] = decodeComponent(value);
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
