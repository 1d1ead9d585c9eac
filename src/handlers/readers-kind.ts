// What all values of a type have in common, as types: what readers are made of, and what kinds of readers are.
import type { Wrong } from "./readers-flaw.ts";
import type { JsonSchema } from "./standard.ts";

/** The values that were read before, by their names. */
export type Seen = Readonly<Record<string, unknown>>;

/** How a reader takes a name that is given more than once; undefined: it does not. */
export type Many = "always" | "several" | undefined;

/** How a value came: as text, or as a value of JSON, whose types count. */
export type Form = "text" | "json";

export type Converted<T> = T | Wrong | Promise<T | Wrong>;
export type Convert = (raw: unknown, form: Form, seen: Seen) => Converted<unknown>;

/** What all values of a type have in common. */
export interface Kind {
  readonly convert: Convert;
  readonly schema: () => JsonSchema;
  /** What min() and max() compare, in which words they refuse, and what JSON Schema calls them. */
  readonly bounds?: Bounds;
  /** Takes every value of a name that is given more than once: as a list always, or only where there are several. */
  readonly many?: Many;
  /** Takes files of a form, not only texts. */
  readonly files?: true;
  /** Empty text is a value. */
  readonly takesEmpty?: true;
  /** Looks at the values read before. */
  readonly looks?: boolean;
  /** What it makes of a parameter that is left out; of ours, nothing. */
  readonly absent?: (seen: Seen, form: Form) => Converted<unknown>;
  /** Methods that only readers of this kind have: each makes another kind. */
  readonly variants?: Readonly<Record<string, (argument: unknown) => Kind>>;
}

export interface Bounds {
  readonly measure: (value: never) => number;
  readonly below: (limit: unknown) => string;
  readonly above: (limit: unknown) => string;
  readonly keywords?: readonly [min: string, max: string];
  /** The kind that counts before it converts: a million elements are refused before the first is looked up. */
  readonly capped?: (most: number) => Kind;
}
