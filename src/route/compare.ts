// How two patterns lie to each other, after Go's pattern.go: which of them is tried first where both match. A departure: there
// method and path count alike, and "GET /{page...}" beside "/api/{rest...}" is a conflict; here the host decides before the
// path and the path before the method, so that a mounted table needs no method of its own.
import { decodeComponent } from "../message/target.ts";
import type { Pattern, PatternSegment } from "./pattern.ts";
import { compareTypes, exampleOf, SEGMENT_TYPES, type SegmentTypes } from "./segment-type.ts";
import { patternText } from "./spelling.ts";

/** "overlap": some requests match both, and neither pattern matches all that the other does. */
export type Relation = "equal" | "moreSpecific" | "lessSpecific" | "overlap" | "disjoint";

/** How the requests that `a` matches lie to those that `b` matches. "overlap" has no order: a conflict. */
export function compare(a: Pattern, b: Pattern, types: SegmentTypes = SEGMENT_TYPES): Relation {
  const method = compareMethods(a.method, b.method);
  if (method === "disjoint") return "disjoint";
  const host = compareHosts(a.host, b.host);
  if (host === "disjoint") return "disjoint";
  const path = comparePaths(a.segments, b.segments, types);
  if (path === "disjoint") return "disjoint";
  if (host !== "equal") return host;
  return path === "equal" ? method : path;
}

function compareMethods(a: string, b: string): Relation {
  if (a === b) return "equal";
  if (a === "") return "lessSpecific";
  if (b === "") return "moreSpecific";
  if (a === "HEAD" && b === "GET") return "moreSpecific"; // GET answers HEAD where nothing else does
  return a === "GET" && b === "HEAD" ? "lessSpecific" : "disjoint";
}

function compareHosts(a: string, b: string): Relation {
  if (a === b) return "equal";
  if (isWithin(a, b)) return "moreSpecific";
  return isWithin(b, a) ? "lessSpecific" : "disjoint";
}

/** Whether each host that `inner` means is one that `outer` means. */
function isWithin(inner: string, outer: string): boolean {
  if (outer === "") return true;
  return outer.startsWith("*.") && inner.endsWith(outer.slice(1)) && inner.length > outer.length - 1;
}

/** As compare(), of the paths alone. */
export function comparePaths(
  a: readonly PatternSegment[],
  b: readonly PatternSegment[],
  types: SegmentTypes = SEGMENT_TYPES,
): Relation {
  let relation: Relation = "equal";
  for (let i = 0; ; i++) {
    const left = a[i];
    const right = b[i];
    if (left === undefined || right === undefined) return left === right ? relation : "disjoint";
    if (left.kind === "rest") return combine(relation, right.kind === "rest" ? "equal" : "lessSpecific");
    if (right.kind === "rest") return combine(relation, "moreSpecific");
    relation = combine(relation, compareSegments(left, right, types));
    if (relation === "disjoint") return relation;
  }
}

type Single = Exclude<PatternSegment, { kind: "rest" }>;

function compareSegments(a: Single, b: Single, types: SegmentTypes): Relation {
  if (a.kind === "literal") {
    if (b.kind === "literal") return a.text === b.text ? "equal" : "disjoint";
    return takes(b.type, a.text, types) ? "moreSpecific" : "disjoint";
  }
  if (b.kind === "literal") return takes(a.type, b.text, types) ? "lessSpecific" : "disjoint";
  return compareTypes(a.type, b.type);
}

// A variable takes any segment of its type but the empty one behind a slash at the end.
function takes(type: string, literal: string, types: SegmentTypes): boolean {
  return literal !== "" && (types.get(type)?.(decodeComponent(literal)) ?? false);
}

function combine(a: Relation, b: Relation): Relation {
  if (a === "equal") return b;
  if (b === "equal" || a === b) return a;
  return a === "disjoint" || b === "disjoint" ? "disjoint" : "overlap";
}

/** A path that both patterns match; they must not be disjoint. Where a type is the user's, its name stands in for a text. */
export function commonPath(a: readonly PatternSegment[], b: readonly PatternSegment[]): string {
  const texts: string[] = [];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const choices = [a[i], b[i]].filter(
      (segment): segment is Single => segment !== undefined && segment.kind !== "rest",
    );
    const literal = choices.find(({ kind }) => kind === "literal");
    if (literal?.kind === "literal") texts.push(patternText(literal.text));
    else texts.push(choices.length === 0 ? "" : exampleOf(narrowest(choices)));
  }
  return `/${texts.join("/")}`;
}

function narrowest(segments: readonly Single[]): string {
  let type = "string";
  for (const segment of segments) {
    if (segment.kind === "variable" && compareTypes(segment.type, type) !== "lessSpecific") type = segment.type;
  }
  return type;
}
