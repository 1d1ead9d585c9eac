// Readers: values that say how one parameter is read. Each method returns another reader, so that one can be kept, named and
// refined anywhere. A reader is a kind (readers-kinds.ts), what must hold of its values, and where the parameter is found.
import { LocalError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import { promised } from "../message/answer.ts";
import { isToken } from "../message/token.ts";
import { MISSING, refusalOf, Wrong } from "./readers-flaw.ts";
import { foreign } from "./readers-foreign.ts";
import type { Bounds, Convert, Converted, Form, Kind, Seen } from "./readers-kind.ts";
import {
  type DescribedSchema,
  isStandardSchema,
  type JsonSchema,
  type StandardConverter,
  type StandardResult,
} from "./standard.ts";

export type { Convert, Form, Kind, Many, Seen } from "./readers-kind.ts";

/** Where a parameter is found. "form" and "json" are members of the body, "body" is all of it, as JSON. */
export type Source = "path" | "query" | "form" | "json" | "body" | "header" | "cookie";

/** Reads one parameter. Immutable: each method returns another one. */
export interface Reader<T> extends DescribedSchema<unknown, T> {
  /** A parameter that is left out is undefined. So is an empty one, where empty text cannot be of the type. */
  optional(): Reader<T | undefined>;
  /** What a parameter that is left out is; a function is asked each time. As with optional(). */
  default(value: T | (() => T)): Reader<T>;
  default(value: null): Reader<T | null>;
  /**
   * What must hold besides; may be asynchronous. It sees the values read before, and is not asked while one of them is wrong.
   *
   * @param message why not, for whoever sent the value: "it is odd".
   */
  where<S = Seen>(check: (value: T, seen: S) => boolean | Promise<boolean>, message: string): this;
  /**
   * The one place where the parameter is looked for, and under which name; the name of the value where left out.
   *
   * @throws LocalError USE_BAD_OPTION for a name that no field can have.
   */
  from(source: Source, name?: string): this;
  /** Is read after these, which it can then see. Without it, after those that are declared before. */
  after(...names: readonly string[]): this;
  /**
   * Reads a value. Text is read as the text of a parameter.
   *
   * @param name what the refusal calls it.
   * @throws HttpError 400 HTTP_BAD_PARAMETER, and what the functions of a defineType() throw. The promise, where one is
   *   returned, rejects with the same.
   */
  read(raw: unknown, name?: string, seen?: Seen): T | Promise<T>;
  /** As JSON Schema (2020-12). */
  describe(): JsonSchema;
}

interface Check {
  readonly holds: (value: unknown, seen: Seen) => boolean | Promise<boolean>;
  readonly wrong: Wrong;
  readonly looks: boolean;
  /** Is cheap, and asked before those that may not be: an expression of a megabyte of text. */
  readonly first: boolean;
  readonly schema?: JsonSchema;
}

/** All that a reader is. */
export interface Rules {
  readonly kind: Kind;
  readonly checks: readonly Check[];
  readonly absent: ((seen: Seen, form: Form) => Converted<unknown>) | undefined;
  /** Of the default, for the description. */
  readonly fallback: unknown;
  readonly source: Source | undefined;
  readonly name: string | undefined;
  readonly after: readonly string[];
}

/** The rules of a reader. For handlers/ alone. */
export let rulesOf: (reader: ValueReader) => Rules;

/** The one class behind every reader; what a type has besides Reader are interfaces (readers-kinds.ts) over it. */
export class ValueReader {
  readonly #rules: Rules;
  #standard: DescribedSchema["~standard"] | null = null;

  static {
    rulesOf = (reader) => reader.#rules;
  }

  constructor(kind: Kind, rules: Partial<Rules> = {}) {
    const { checks = [], absent = kind.absent, fallback, source, name, after = [] } = rules;
    this.#rules = { kind, checks, absent, fallback, source, name, after };
  }

  static is(value: unknown): value is ValueReader {
    return typeof value === "object" && value !== null && #rules in value;
  }

  get "~standard"(): DescribedSchema["~standard"] {
    if (this.#standard === null) this.#standard = standardOf(this);
    return this.#standard;
  }

  optional(): ValueReader {
    return this.#with({ absent: () => undefined, fallback: undefined });
  }

  default(value: unknown): ValueReader {
    const absent = typeof value === "function" ? (value as () => unknown) : () => value;
    return this.#with({ absent: () => absent(), fallback: typeof value === "function" ? undefined : value });
  }

  where(check: Check["holds"], message = "it is not allowed"): ValueReader {
    checkFunction(check);
    return this.#checked({ holds: check, wrong: new Wrong(message), looks: looksAround(check), first: false });
  }

  min(limit: number | Date): ValueReader {
    const { bounds, least } = this.#bound(limit);
    const wrong = new Wrong(bounds.below(limit));
    const holds = (value: unknown) => bounds.measure(value as never) >= least;
    return this.#checked({ holds, wrong, looks: false, first: true, ...keyword(bounds, 0, limit) });
  }

  max(limit: number | Date): ValueReader {
    const { bounds, least: most } = this.#bound(limit);
    const wrong = new Wrong(bounds.above(limit));
    const holds = (value: unknown) => bounds.measure(value as never) <= most;
    const capped = bounds.capped === undefined ? this : new ValueReader(bounds.capped(most), this.#rules);
    return capped.#checked({ holds, wrong, looks: false, first: true, ...keyword(bounds, 1, limit) });
  }

  pattern(form: RegExp, message = "it is not of the form that is asked for"): ValueReader {
    // A global or sticky expression remembers where it was: it would answer every second time.
    const test = new RegExp(form.source, form.flags.replace(/[gy]/g, ""));
    const holds = (value: unknown) => test.test(value as string);
    const schema = { pattern: form.source };
    return this.#checked({ holds, wrong: new Wrong(message), looks: false, first: false, schema });
  }

  from(source: Source, name?: string): ValueReader {
    if (source === "header" && name !== undefined && !isToken(name)) {
      throw new LocalError("USE_BAD_OPTION", `No field is called ${JSON.stringify(name)}.`);
    }
    return this.#with({ source, name });
  }

  after(...names: readonly string[]): ValueReader {
    return this.#with({ after: [...this.#rules.after, ...names] });
  }

  read(raw: unknown, name = "value", seen: Seen = {}): unknown {
    const value = reading(this)(raw, "text", seen);
    return value instanceof Promise ? handled(value.then((later) => orThrow(later, name))) : orThrow(value, name);
  }

  describe(): JsonSchema {
    const { kind, checks, fallback } = this.#rules;
    const schema = Object.assign({}, kind.schema(), ...checks.map((check) => check.schema));
    return fallback === undefined ? schema : { ...schema, default: fallback };
  }

  anyCase(): ValueReader {
    return this.#variant("anyCase");
  }

  leading(): ValueReader {
    return this.#variant("leading");
  }

  split(separator: string): ValueReader {
    return this.#variant("split", separator);
  }

  of(schema: unknown): ValueReader {
    return this.#variant("of", schema);
  }

  #variant(method: string, argument?: unknown): ValueReader {
    const make = this.#rules.kind.variants?.[method];
    if (make === undefined) throw new LocalError("USE_BAD_OPTION", `This reader has no ${method}().`);
    return new ValueReader(make(argument), this.#rules);
  }

  #with(change: Partial<Rules>): ValueReader {
    return new ValueReader(this.#rules.kind, { ...this.#rules, ...change });
  }

  #checked(check: Check): ValueReader {
    const checks = [...this.#rules.checks, check];
    return this.#with({ checks: [...checks.filter(({ first }) => first), ...checks.filter(({ first }) => !first)] });
  }

  #bound(limit: number | Date): { bounds: Bounds; least: number } {
    const { bounds } = this.#rules.kind;
    const least = Number(limit);
    if (bounds === undefined) throw new LocalError("USE_BAD_OPTION", "What has no size has no bounds.");
    if (Number.isNaN(least)) throw new LocalError("USE_BAD_OPTION", "A bound is a number, or a valid date.");
    return { bounds, least };
  }
}

function keyword({ keywords }: Bounds, which: 0 | 1, limit: unknown): { schema?: JsonSchema } {
  return keywords === undefined ? {} : { schema: { [keywords[which]]: limit } };
}

/** @throws LocalError USE_BAD_OPTION. */
export function checkFunction(value: unknown): void {
  if (typeof value !== "function") throw new LocalError("USE_BAD_OPTION", `It is ${typeof value}, not a function.`);
}

/** Whether a function takes the values read before: one of a single parameter does not. */
export function looksAround(check: (...values: never[]) => unknown): boolean {
  return check.length !== 1;
}

/** A reader of any schema. @throws LocalError USE_BAD_OPTION for what is none. */
export function readerOf(schema: unknown): ValueReader {
  if (ValueReader.is(schema)) return schema;
  if (!isStandardSchema(schema)) throw new LocalError("USE_BAD_OPTION", "A reader is one of t, or a Standard Schema.");
  return new ValueReader(foreign(schema));
}

/** How a reader reads: the missing, then the kind, then what must hold. Made once, called for each request. */
export function reading(reader: ValueReader): Convert {
  const { kind, checks, absent } = rulesOf(reader);
  const skipsEmpty = absent !== undefined && kind.takesEmpty !== true;
  const convert = checks.length === 0 ? kind.convert : checking(kind.convert, checks);
  return (raw, form, seen) => {
    if (raw === undefined || (skipsEmpty && isEmpty(raw, form))) {
      return absent === undefined ? MISSING : absent(seen, form);
    }
    return convert(raw, form, seen);
  };
}

/** What a browser sends of a field that was not filled in, however often it stands in the form; a header without members too. */
function isEmpty(raw: unknown, form: Form): boolean {
  return raw === "" || (form === "text" && Array.isArray(raw) && raw.every((each) => each === ""));
}

function checking(convert: Convert, checks: readonly Check[]): Convert {
  return (raw, form, seen) => {
    const value = convert(raw, form, seen);
    return value instanceof Promise ? value.then((later) => held(checks, later, seen)) : held(checks, value, seen);
  };
}

function held(checks: readonly Check[], value: unknown, seen: Seen, from = 0): Converted<unknown> {
  if (value instanceof Wrong) return value;
  for (let i = from; i < checks.length; i++) {
    const check = checks[i] as Check;
    const holds: unknown = check.holds(value, seen);
    if (holds === true) continue;
    const later = promised(holds);
    if (later !== undefined) return later.then((yes) => (yes ? held(checks, value, seen, i + 1) : check.wrong));
    if (!holds) return check.wrong;
  }
  return value;
}

/** Whether reading needs the values read before. */
export function readsAround({ kind, checks }: Rules): boolean {
  return kind.looks === true || checks.some(({ looks }) => looks);
}

/** Whether it refuses a value that is left out. A schema that is not ours is asked. */
export function isRequired(reader: ValueReader): boolean {
  const { kind, absent } = rulesOf(reader);
  if (absent === undefined) return true;
  if (absent !== kind.absent) return false;
  try {
    const value = absent({}, "text");
    // One that says it later cannot be waited for, and what it fails with is told where a request fails.
    if (value instanceof Promise) value.catch(() => {});
    return value === MISSING;
  } catch {
    return true;
  }
}

function orThrow(value: unknown, name: string): unknown {
  if (value instanceof Wrong) throw refusalOf(value.under(name));
  return value;
}

// ── to and from Standard Schema ───────────────────────────────────────────────────────────────────────────────────────

const TARGETS = ["draft-2020-12", "draft-07", "openapi-3.0"];

function standardOf(reader: ValueReader): DescribedSchema["~standard"] {
  const convert = reading(reader);
  const validate = (raw: unknown) => {
    const value = convert(raw, "text", {});
    return value instanceof Promise ? value.then(resultOf) : resultOf(value);
  };
  const describe: StandardConverter["input"] = ({ target }) => {
    if (!TARGETS.includes(target)) throw new LocalError("USE_BAD_OPTION", `There is no JSON Schema ${target} here.`);
    return { ...reader.describe() };
  };
  return { version: 1, vendor: "portico", validate, jsonSchema: { input: describe, output: describe } };
}

function resultOf(value: unknown): StandardResult<unknown> {
  if (!(value instanceof Wrong)) return { value };
  return { issues: value.flaws.map(({ path, reason }) => ({ message: reason, path })) };
}
