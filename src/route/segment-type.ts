// The types that a segment of a pattern may have: `{id:integer}`. A type is a test of the decoded text; values stay strings,
// readers (handlers/) turn them into numbers. How two types lie to each other decides which of two routes is tried first.

/** Whether a decoded segment is of the type. Must be pure and must not throw. */
export type SegmentTest = (text: string) => boolean;

/** Types of segments by their names. */
export type SegmentTypes = ReadonlyMap<string, SegmentTest>;

/** How a type may be called. */
export const TYPE_NAME: RegExp = /^[A-Za-z_][A-Za-z0-9_-]*$/;

const INTEGER = /^-?[0-9]{1,16}$/;
const NUMBER = /^-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/** The types that every mux knows. A segment without a type is of type string. */
export const SEGMENT_TYPES: SegmentTypes = new Map<string, SegmentTest>([
  ["string", () => true],
  ["integer", (text) => INTEGER.test(text) && (text.length < 16 || Number.isSafeInteger(Number(text)))],
  ["number", (text) => NUMBER.test(text) && Number.isFinite(Number(text))],
  ["boolean", (text) => text === "true" || text === "false"],
]);

// One text of each, for the example in a conflict.
const EXAMPLES: Readonly<Record<string, string>> = { string: "x", integer: "1", number: "1.5", boolean: "true" };

/** A text of the type; a name in place of one where the type is the user's. */
export function exampleOf(type: string): string {
  return EXAMPLES[type] ?? `(${type})`;
}

/** How two types lie to each other: every text of the more specific one is a text of the other. */
export function compareTypes(a: string, b: string): "equal" | "moreSpecific" | "lessSpecific" | "overlap" | "disjoint" {
  if (a === b) return "equal";
  if (b === "string") return "moreSpecific";
  if (a === "string") return "lessSpecific";
  if (a === "integer" && b === "number") return "moreSpecific";
  if (a === "number" && b === "integer") return "lessSpecific";
  // Nothing is both a boolean and a number; of the user's types nothing is known.
  return a in EXAMPLES && b in EXAMPLES ? "disjoint" : "overlap";
}
