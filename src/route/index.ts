// The entry point `portico/route`: from a request to the handler that answers it.
export { badRequest, notFound, redirectTo, status } from "./answers.ts";
export { compare, type Relation } from "./compare.ts";
export {
  type CustomTable,
  custom,
  exact,
  type FamilyOptions,
  frozen,
  type Lookup,
  prefix,
  type Register,
  type RouteTable,
} from "./families.ts";
export { type Mux, type MuxOptions, mux, TreeMux } from "./mux.ts";
export { asRoot, mountedPath } from "./params.ts";
export { type Pattern, type PatternOptions, type PatternSegment, parsePattern, printPattern } from "./pattern.ts";
export type { PathParams, Patterns, UniqueNames } from "./pattern-types.ts";
export { hosts, type OrderedMux, type RegexOptions, type RegexRoute, regex } from "./regex.ts";
export { original, restart, restartable, rewrite, withTrailingSlash } from "./rewrite.ts";
export type { RouteInfo, RouteParameter } from "./route-info.ts";
export { SEGMENT_TYPES, type SegmentTest, type SegmentTypes } from "./segment-type.ts";
