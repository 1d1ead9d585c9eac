// Schemas that are not ours: what they are given of a parameter, and what they say of it. A text is one text; a schema that wants a
// list gets the list, whether the name was sent once, several times or not at all. Which it wants its JSON Schema says, where its
// library makes one; else it is asked.

import { type Flaw, MISSING, MOST_FLAWS, REPEATED, Wrong } from "./readers-flaw.ts";
import type { Form, Kind, Many } from "./readers-kind.ts";
import {
  type JsonSchema,
  jsonSchemaOf,
  type StandardIssue,
  type StandardResult,
  type StandardSchema,
} from "./standard.ts";

/** "either": a text, or a list of them. "unknown": it may be any of these. */
type Wanted = "text" | "list" | "either" | "unknown";

/** The kind of a schema that is not ours. It decides itself what a missing value is. */
export function foreign(schema: StandardSchema): Kind {
  const asked = new Asked(schema);
  return {
    convert: (raw, form) => (form === "json" ? asked.validate(raw) : asked.read(raw)),
    absent: (_, form) => asked.absent(form),
    schema: () => jsonSchemaOf(schema),
    takesEmpty: true,
    files: true,
    get many() {
      return asked.many;
    },
  };
}

class Asked {
  readonly #schema: StandardSchema;
  #wanted: Wanted | null = null;

  constructor(schema: StandardSchema) {
    this.#schema = schema;
  }

  get many(): Many {
    const wanted = this.#wants();
    return wanted === "list" ? "always" : wanted === "text" ? undefined : "several";
  }

  /** What the schema says of a value as it is. */
  validate(value: unknown): unknown {
    const result = this.#schema["~standard"].validate(value);
    return result instanceof Promise ? result.then(outcome) : outcome(result);
  }

  /** Of a text, or of all texts of a name: files are such as well. */
  read(raw: unknown): unknown {
    if (this.#wants() === "list") return this.validate(Array.isArray(raw) ? raw : [raw]);
    return Array.isArray(raw) ? this.#several(raw) : this.#one(raw);
  }

  /** Of nothing: to a list that is the empty one, where it came as texts; a list of JSON would be there. */
  absent(form: Form): unknown {
    return after(this.validate(undefined), (value) => {
      if (!(value instanceof Wrong)) return value;
      if (form === "json" || this.#wants() === "text") return MISSING;
      const isSure = this.#wants() === "list";
      return after(this.#tried([]), (list) => (isSure || Array.isArray(list) ? orMissing(list) : MISSING));
    });
  }

  #one(raw: unknown): unknown {
    const value = this.validate(raw);
    if (this.#wants() === "text") return value;
    return after(value, (single) => {
      if (!(single instanceof Wrong)) return single;
      return after(this.#tried([raw]), (list) => (list instanceof Wrong && !isOfElement(list) ? single : list));
    });
  }

  #several(raws: readonly unknown[]): unknown {
    return after(this.#tried(raws), (list) => {
      if (list instanceof Wrong) return isOfElement(list) ? list : REPEATED;
      if (this.#wants() !== "unknown" || Array.isArray(list)) return list;
      // What makes a text of anything makes one of a list, and would take two values for one.
      return after(this.#tried(String(raws)), (joined) => (joined instanceof Wrong ? list : REPEATED));
    });
  }

  /** A guess. What a function of the schema throws at it is a refusal: it may never have been made for a list. */
  #tried(value: unknown): unknown {
    if (this.#wants() !== "unknown") return this.validate(value);
    try {
      const result = this.validate(value);
      return result instanceof Promise ? result.catch(() => INVALID) : result;
    } catch {
      return INVALID;
    }
  }

  #wants(): Wanted {
    this.#wanted ??= wantedOf(jsonSchemaOf(this.#schema));
    return this.#wanted;
  }
}

/** What a schema wants, by the types that its JSON Schema names. */
function wantedOf(schema: JsonSchema): Wanted {
  const types = typesIn(schema);
  if (types === null) return "unknown";
  if (!types.has("array")) return "text";
  // No text is null or an object.
  return [...types].every((type) => type === "array" || type === "null" || type === "object") ? "list" : "either";
}

/** Null where it does not name them all: it may then be of any. */
function typesIn({ type, anyOf, oneOf }: JsonSchema): ReadonlySet<unknown> | null {
  if (type !== undefined) return new Set(Array.isArray(type) ? type : [type]);
  const choices = anyOf ?? oneOf;
  if (!Array.isArray(choices)) return null;
  const types = new Set<unknown>();
  for (const choice of choices as readonly JsonSchema[]) {
    const some = typesIn(choice);
    if (some === null) return null;
    for (const each of some) types.add(each);
  }
  return types;
}

// A schema that refuses, and does not say why.
const INVALID = new Wrong("it is not valid");

function outcome(result: StandardResult<unknown>): unknown {
  if (result.issues === undefined) return result.value;
  return result.issues.length === 0 ? INVALID : new Wrong(result.issues.slice(0, MOST_FLAWS).map(flawOf));
}

function flawOf({ message, path = [] }: StandardIssue): Flaw {
  // Array.from(), since the path of ArkType is of a class whose map() makes another thing of it.
  const keys = Array.from(path, (segment) => (typeof segment === "object" ? segment.key : segment));
  return { path: keys.map((key) => (typeof key === "number" ? key : String(key))), reason: String(message) };
}

/** Whether it is an element that is wrong, and not that it is a list. */
function isOfElement({ flaws }: Wrong): boolean {
  return flaws.some(({ path }) => typeof path[0] === "number");
}

function orMissing(value: unknown): unknown {
  return value instanceof Wrong ? MISSING : value;
}

/** Goes on with what a schema says, at once where it does. */
function after(value: unknown, next: (value: unknown) => unknown): unknown {
  return value instanceof Promise ? value.then(next) : next(value);
}
