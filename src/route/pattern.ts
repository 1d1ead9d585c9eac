// A pattern of a route: `[METHOD ][host]/path`. Parsed once, into what the tree (tree.ts) is made of; literals are put in the form
// in which paths are compared (spelling.ts), so that "/café@home" and "/caf%C3%A9%40home" are one pattern. Knows no handler.
import { LocalError } from "../base/errors.ts";
import { canonicalPath } from "../message/target.ts";
import { SEGMENT_TYPES, type SegmentTypes } from "./segment-type.ts";
import { comparable, patternText } from "./spelling.ts";

/** One segment. The text of a literal is decoded, but for what would be misread; an empty one is what follows a slash at the end. */
export type PatternSegment =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "variable"; readonly name: string; readonly type: string }
  /** The name is empty where nobody wants to know it. */
  | { readonly kind: "rest"; readonly name: string };

/** A pattern of a route, taken apart. */
export interface Pattern {
  /** As it was written. */
  readonly text: string;
  /** Empty for every method. */
  readonly method: string;
  /** In small letters, without a port; `*.` at its start stands for one label or more; empty for every host. */
  readonly host: string;
  readonly segments: readonly PatternSegment[];
  /** The canonical path where every segment is a literal. */
  readonly literal: string | undefined;
  /** The names, in the order of the path. */
  readonly names: readonly string[];
}

/** How a pattern is read. */
export interface PatternOptions {
  /** Whether capitals in literals count; true. */
  readonly caseSensitive?: boolean;
  /** The types that segments may have. */
  readonly types?: SegmentTypes;
}

const PATTERN = /^(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+) +)?([^/\s]*)(\/.*)$/su;
const STANDARD = new Set("GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT".split(" "));
const HOST = /^(?:\*\.)?(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/;
const VARIABLE = /^\{(?=.)([A-Za-z_][A-Za-z0-9_]*|(?=\.))(\.\.\.|:([A-Za-z_][A-Za-z0-9_-]*))?\}$/;

/** What stands in a pattern, before anything of it is checked but the order: undefined where it is none. */
export function splitPattern(text: unknown): { method: string; host: string; path: string } | undefined {
  const found = typeof text === "string" ? PATTERN.exec(text) : null;
  if (found === null) return undefined;
  const [, method = "", host = "", path = ""] = found;
  return { method, host: host.toLowerCase(), path };
}

function bad(text: string, detail: string): never {
  throw new LocalError("USE_BAD_PATTERN", `In ${JSON.stringify(text)}: ${detail}`);
}

/**
 * Parses a pattern.
 *
 * @throws LocalError USE_BAD_PATTERN, which says what is wrong with it.
 *
 * @example
 * parsePattern("GET *.example.org/board/{id:integer}/{path...}");
 */
export function parsePattern(text: string, options: PatternOptions = {}): Pattern {
  if (typeof text !== "string") throw new LocalError("USE_BAD_PATTERN", `It is of type ${typeof text}.`);
  const found = splitPattern(text);
  if (found === undefined) return bad(text, "a path begins with a slash.");
  const { method, host, path } = found;
  const capitals = method.toUpperCase();
  // A method in small letters is another one, and nobody means it.
  if (method !== capitals && STANDARD.has(capitals)) bad(text, `methods are in capitals: ${capitals}.`);
  if (host !== "" && !HOST.test(host)) bad(text, `${JSON.stringify(host)} is no host (without a port).`);
  const canonical = canonicalLiteral(text, path);
  const segments = canonical
    .slice(1)
    .split("/")
    .map((segment) => parseSegment(text, segment, options));
  check(text, segments);
  const literal = segments.every(({ kind }) => kind === "literal") ? canonical : undefined;
  const names = segments.flatMap((segment) => (segment.kind === "literal" ? [] : [segment.name]));
  return { text, method, host, segments, literal, names };
}

/** What a target cannot carry as it is gets encoded; then the path takes the form that a request's has. */
export function canonicalLiteral(text: string, path: string): string {
  if (/[?#]/.test(path)) bad(text, "a query or a fragment is no part of a path.");
  return canonicalPath(
    "GET",
    path.replace(/[^\x21-\x7e]+/gu, (part) => encodeURIComponent(part.replace(/\p{Surrogate}/gu, "\ufffd"))),
  );
}

function parseSegment(text: string, segment: string, { caseSensitive = true, types }: PatternOptions): PatternSegment {
  const found = VARIABLE.exec(segment);
  if (found === null) {
    // What other routers take for a variable would here be a text that nobody asks for, and no error would say so.
    const named = /^:([A-Za-z_]\w*)$/.exec(segment);
    if (named !== null) bad(text, `a variable is written {${named[1]}}, not ${segment}.`);
    if (segment === "*" || segment === "**") bad(text, `what is left of a path is written {name...}, not ${segment}.`);
    if (/[{}]/.test(segment)) bad(text, `${segment} is neither {name}, {name:type} nor {name...}, as a whole segment.`);
    const own = comparable(segment);
    return { kind: "literal", text: caseSensitive ? own : own.toLowerCase() };
  }
  const [, name = "", suffix, type = "string"] = found;
  if (name === "__proto__") bad(text, "no parameter is called __proto__.");
  if (suffix === "...") return { kind: "rest", name };
  if (!(types ?? SEGMENT_TYPES).has(type)) bad(text, `there is no type ${type}; the option \`types\` adds yours.`);
  return { kind: "variable", name, type };
}

function check(text: string, segments: readonly PatternSegment[]): void {
  const names = new Set<string>();
  for (const [index, segment] of segments.entries()) {
    if (segment.kind === "literal") continue;
    if (segment.name !== "" && names.has(segment.name)) bad(text, `the name ${segment.name} stands twice.`);
    names.add(segment.name);
    if (segment.kind === "rest" && index < segments.length - 1) bad(text, `{${segment.name}...} stands last.`);
  }
}

/** A pattern in its one form: what was written differently and means the same prints the same. */
export function printPattern({ method, host, segments }: Pattern): string {
  const path = segments.map((segment) => {
    if (segment.kind === "literal") return patternText(segment.text);
    if (segment.kind === "rest") return `{${segment.name}...}`;
    return segment.type === "string" ? `{${segment.name}}` : `{${segment.name}:${segment.type}}`;
  });
  return `${method === "" ? "" : `${method} `}${host}/${path.join("/")}`;
}
