// Captured segments as request.params: each decoded by itself, in an object without a prototype. Objects of one route have one
// shape: their names are set in the same order each time. Where a table is mounted is carried by this object too: whoever has
// the params of a request has the place in its path that belongs to them, and neither can outlive the other.
import { LocalError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { bindParams, type Request } from "../message/request.ts";
import { decodeComponent } from "../message/target.ts";

// Object.create(null) makes a slow object each time; an instance of this class is fast and inherits nothing either.
class Params {
  [name: string]: string;
  readonly #mounted: number;

  constructor(mounted: number) {
    this.#mounted = mounted;
  }

  /** Where the part of the path begins that a table behind these params reads. */
  static mounted(params: object): number {
    return #mounted in params ? params.#mounted : 0;
  }
}
Object.setPrototypeOf(Params.prototype, null);
Reflect.deleteProperty(Params.prototype, "constructor");

/** Where in the path a table behind these params begins to read: 0, or the place of a slash, or the end. */
export function mountOf(params: Readonly<Record<string, string>>): number {
  return Params.mounted(params);
}

/**
 * Params of a route that is no end: what is around it has them too.
 *
 * @param outer those of the routes around this one; names are kept where they are not named again.
 * @param mounted where in the path a table behind this route begins to read.
 */
export function paramsIn(outer: Readonly<Record<string, string>>, mounted: number): Record<string, string> {
  const params = new Params(mounted);
  for (const name in outer) params[name] = outer[name] as string;
  return params;
}

/**
 * The part of the path that a table reads, and any handler that may be mounted: all of it, or what is below the route of a mux
 * that ends in `{name...}`, or below the key of a prefix(). It begins with a slash, and is canonical and encoded as
 * request.path is, of which it is the end; "/" where the request names the mount itself.
 *
 * @throws LocalError USE_BAD_OPTION where the request was derived inside the mount, with a target that is not below it.
 *
 * @example
 * mux().on("/x/{rest...}", (request) => text(mountedPath(request))); // /x/a/b → /a/b
 */
export function mountedPath(request: Request): string {
  const mounted = mountOf(request.params);
  if (mounted === 0) return request.path;
  const path = request.path.slice(mounted) || "/";
  // The request was derived inside the mount, with a target that is not below it.
  if (!path.startsWith("/"))
    throw new LocalError("USE_BAD_OPTION", "A target that is set inside a mount stays below it.");
  return path;
}

/**
 * What is mounted, as the handler of a route that has no rest: it answers that path as its root.
 *
 * @example
 * mux().on("/blog", asRoot(blog.handler)).on("/blog/{rest...}", blog.handler);
 */
export function asRoot(handler: Handler): Handler {
  return (request) => {
    bindParams(request, paramsIn(request.params, request.path.length));
    return handler(request);
  };
}

/** The params of a route of a tree. @param values the raw segments; the last is the rest where there is one. */
export function bindRoute(
  names: readonly string[],
  values: readonly string[],
  rest: "rest" | "none",
  outer: Readonly<Record<string, string>>,
  mounted: number,
): Record<string, string> {
  const params = new Params(mounted);
  for (const name in outer) params[name] = outer[name] as string;
  const last = rest === "rest" ? names.length - 1 : names.length;
  for (let i = 0; i < last; i++) params[names[i] as string] = decodeComponent(values[i] as string);
  if (rest === "rest" && names[last] !== "") params[names[last] as string] = decodeRest(values[last] as string);
  return params;
}

/**
 * A rest is decoded but for `%2F`, `%5C`, `%00` and `%25`: its slashes are those that stood in the path, no dot segment comes
 * into being, and decoding a segment of it once more gives what was sent.
 */
export function decodeRest(text: string): string {
  if (!text.includes("%")) return text;
  return text
    .split(/(%(?:2F|5C|00|25))/)
    .map((part, index) => (index % 2 === 1 ? part : decodeComponent(part)))
    .join("");
}
