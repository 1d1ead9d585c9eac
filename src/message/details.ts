// What a handler says of itself, for who registers it or lists it: which parameters it reads. Whoever makes handlers may say it;
// whoever wraps one says nothing, so that what is told is never of another handler.
import type { Handler } from "./handler.ts";

/** A parameter that a handler reads. */
export interface ReadParameter {
  readonly name: string;
  /** Undefined: the path where the pattern names it, else the query or the body. */
  readonly source: string | undefined;
  readonly required: boolean;
  /** Of its value: JSON Schema (2020-12). */
  readonly schema: Readonly<Record<string, unknown>>;
}

export interface HandlerDetails {
  /** In the order in which they are declared. */
  parameters(): readonly ReadParameter[];
  /** Refuses a pattern that the handler does not go with, by the names in it. @throws LocalError USE_BAD_PATTERN. */
  checkNames(names: readonly string[]): void;
}

const known = new WeakMap<object, HandlerDetails>();

/** Says what a handler reads. */
export function describeHandler(handler: Handler, details: HandlerDetails): void {
  known.set(handler, details);
}

/** What a handler says of itself; undefined for one that says nothing. */
export function detailsOf(handler: object): HandlerDetails | undefined {
  return known.get(handler);
}
