// The kinds that are made of others: JSON, lists, objects. What is wrong inside of them says where.
import { HttpError, LocalError } from "../base/errors.ts";
import { parseJsonText } from "../message/bounded-json.ts";
import {
  type Form,
  isRequired,
  type Kind,
  readerOf,
  reading,
  readsAround,
  rulesOf,
  type ValueReader,
} from "./readers.ts";
import { type Flaw, isFull, Wrong } from "./readers-flaw.ts";
import { counted } from "./readers-kinds.ts";
import { type Raws, type Readers, readRecord, type Step, stepsOf } from "./readers-record.ts";
import type { JsonSchema } from "./standard.ts";

// ── JSON ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

const NOT_JSON = new Wrong("it is not JSON, or nested too deep");

/** What a text holds; a value of JSON is there already. */
function jsonValue(raw: unknown, form: Form): unknown {
  if (form === "json" || typeof raw !== "string") return raw;
  try {
    return parseJsonText(raw);
  } catch (error) {
    if (error instanceof HttpError) return NOT_JSON;
    throw error;
  }
}

const JSON_TEXT = { type: "string", contentMediaType: "application/json" };

/** JSON: in a text, or parsed already. `of()` says what it must be. */
export const JSON_KIND: Kind = {
  convert: jsonValue,
  schema: () => JSON_TEXT,
  variants: {
    of(schema) {
      const inner = readerOf(schema);
      const convert = reading(inner);
      return {
        convert(raw, form, seen) {
          const value = jsonValue(raw, form);
          return value instanceof Wrong ? value : convert(value, "json", seen);
        },
        schema: () => ({ ...JSON_TEXT, contentSchema: inner.describe() }),
        looks: readsAround(rulesOf(inner)),
      };
    },
  },
};

/** Any value of JSON that is parsed already. */
export const ANYTHING: Kind = { convert: (raw) => raw, schema: () => ({}), takesEmpty: true };

// ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

const NOT_LIST = new Wrong("it is not a list");

/** Each element by a reader. */
export function list(
  element: ValueReader,
  separator: string | undefined,
  most: number = Number.POSITIVE_INFINITY,
): Kind {
  const convert = reading(element);
  const { files, takesEmpty } = rulesOf(element).kind;
  const above = (limit: unknown) => `it has more than ${counted(limit, "element")}`;
  return {
    many: "always",
    ...(files === true ? { files } : {}),
    ...(takesEmpty === true && separator === undefined ? { takesEmpty } : {}),
    convert(raw, form, seen) {
      const all = listed(raw, form, separator);
      if (all === undefined) return NOT_LIST;
      if (all.length > most) return new Wrong(above(most));
      return together(all, (each) => convert(each ?? null, form, seen));
    },
    schema: () => ({ type: "array", items: element.describe() }),
    looks: readsAround(rulesOf(element)),
    bounds: {
      measure: (value: readonly unknown[]) => value.length,
      below: (limit) => `it has less than ${counted(limit, "element")}`,
      above,
      keywords: ["minItems", "maxItems"],
      capped: (limit) => list(element, separator, Math.min(most, limit)),
    },
    variants: { split: (by) => list(element, String(by), most) },
  };
}

/** The raw elements; undefined where it is no list. A text alone is one of one element. */
function listed(raw: unknown, form: Form, separator: string | undefined): readonly unknown[] | undefined {
  const all = form === "text" && typeof raw === "string" ? [raw] : raw;
  if (!Array.isArray(all)) return undefined;
  if (separator === undefined || form === "json") return all;
  return all.flatMap((text) => (text === "" ? [] : String(text).split(separator)));
}

function together(all: readonly unknown[], convert: (each: unknown) => unknown): unknown {
  const values: unknown[] = [];
  try {
    for (const each of all) values.push(convert(each));
  } catch (error) {
    // The first failure is the one that is told: those that are still under way must not end the process.
    void Promise.allSettled(values);
    throw error;
  }
  return values.some((value) => value instanceof Promise) ? Promise.all(values).then(allOrWrong) : allOrWrong(values);
}

function allOrWrong(values: readonly unknown[]): unknown {
  const flaws: Flaw[] = [];
  for (const [index, value] of values.entries()) {
    if (value instanceof Wrong && !isFull(flaws)) flaws.push(...value.under(index));
  }
  return flaws.length === 0 ? values : new Wrong(flaws);
}

// ── objects ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const NOT_OBJECT = new Wrong("it is not an object");

/** The members of an object of JSON: its own, never those of its prototype. */
class Members implements Raws {
  readonly form = "json";
  readonly #object: Readonly<Record<string, unknown>>;

  constructor(object: Readonly<Record<string, unknown>>) {
    this.#object = object;
  }

  find({ name }: Step): unknown {
    return Object.hasOwn(this.#object, name) ? this.#object[name] : undefined;
  }
}

/** The members of an object by readers. */
export function object(members: Readers): Kind {
  const steps = stepsOf(members);
  for (const { key, source } of steps) {
    if (source === undefined || source === "json") continue;
    throw new LocalError("USE_BAD_OPTION", `${key} is a member of an object, and not of the ${source}.`);
  }
  return {
    convert(raw) {
      if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return NOT_OBJECT;
      return readRecord(steps, new Members(raw as Readonly<Record<string, unknown>>));
    },
    schema: () => objectSchema(members),
  };
}

function objectSchema(members: Readers): JsonSchema {
  const readers = Object.entries(members).map(([key, schema]): [name: string, ValueReader] => {
    const reader = readerOf(schema);
    return [rulesOf(reader).name ?? key, reader];
  });
  const properties = Object.fromEntries(readers.map(([name, reader]) => [name, reader.describe()]));
  const required = readers.filter(([, reader]) => isRequired(reader)).map(([name]) => name);
  return { type: "object", properties, ...(required.length === 0 ? {} : { required }) };
}
