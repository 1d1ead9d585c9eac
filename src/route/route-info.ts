// Routes as data, for who shows them: a page of routes, a description of an interface. Says nothing of the handlers.
import { type Pattern, printPattern } from "./pattern.ts";

/** A variable of a pattern. The type of `{name...}` is "rest". */
export interface RouteParameter {
  readonly name: string;
  readonly type: string;
}

/** One route of a table. */
export interface RouteInfo {
  /** Empty for every method. */
  readonly method: string;
  /** Empty for every host. */
  readonly host: string;
  /** The path of the pattern, in its one form; of a table of regular expressions, the expression. */
  readonly path: string;
  /** As it was registered: off() takes it. */
  readonly pattern: string;
  readonly params: readonly RouteParameter[];
}

export function infoOf(pattern: Pattern): RouteInfo {
  const { text, method, host, segments } = pattern;
  const params = segments.flatMap((segment): RouteParameter[] => {
    if (segment.kind === "literal" || segment.name === "") return [];
    return [{ name: segment.name, type: segment.kind === "rest" ? "rest" : segment.type }];
  });
  return { method, host, path: printPattern({ ...pattern, method: "", host: "" }), pattern: text, params };
}

/** Of a route that is a path or an expression and nothing else. */
export function plainInfo(path: string, names: readonly string[] = []): RouteInfo {
  return { method: "", host: "", path, pattern: path, params: names.map((name) => ({ name, type: "string" })) };
}
