// Types of one's own, and the assertion that ends a request: what house calls a type with a priority, restrictions, and
// assert-http.

import { HttpError } from "../base/errors.ts";
import { promised } from "../message/answer.ts";
import {
  checkFunction,
  type Form,
  type Kind,
  looksAround,
  type Reader,
  readerOf,
  reading,
  readsAround,
  rulesOf,
  type Seen,
  ValueReader,
} from "./readers.ts";
import { Wrong } from "./readers-flaw.ts";
import { t } from "./readers-types.ts";
import type { JsonSchema, StandardSchema } from "./standard.ts";

/** A type of one's own. */
export interface TypeRules<T, Base = string, S = Seen> {
  /** What it is called in a refusal; "value". */
  readonly name?: string;
  /** What a value is before it is parsed: another reader or schema; `t.string`. */
  readonly of?: StandardSchema<unknown, Base>;
  /**
   * Makes the value: converts it, or looks it up. Undefined means that it is none, and is refused; what it throws, an
   * HttpError too, is not caught. It sees the values read before.
   */
  readonly parse: (value: Base, seen: S) => T | undefined | Promise<T | undefined>;
  /** What must hold of the value; a text says why it does not. */
  readonly check?: (value: T, seen: S) => boolean | string | Promise<boolean | string>;
  /** As JSON Schema; that of `of` where left out. */
  readonly schema?: JsonSchema;
}

/**
 * Makes a reader for a type of one's own.
 *
 * @throws LocalError USE_BAD_OPTION where `parse` or `check` is no function, or `of` no reader.
 *
 * @example
 * const game = defineType({ name: "game", of: t.integer, parse: (id) => games.get(id) });
 */
export function defineType<T, Base = string, S = Seen>(rules: TypeRules<T, Base, S>): Reader<T> {
  const { name = "value", of = t.string, parse, check, schema } = rules as unknown as TypeRules<unknown, unknown>;
  checkFunction(parse);
  if (check !== undefined) checkFunction(check);
  const base = readerOf(of);
  const convert = reading(base);
  const wrong = new Wrong(`it is not a valid ${name}`);
  const { kind } = rulesOf(base);
  const made: Kind = {
    convert(raw: unknown, form: Form, seen: Seen) {
      return andThen(convert(raw, form, seen), (value) =>
        andThen(parse(value, seen), (parsed) => {
          if (parsed === undefined) return wrong;
          return check === undefined ? parsed : andThen(check(parsed, seen), (held) => verdict(parsed, held, wrong));
        }),
      );
    },
    schema: () => schema ?? { ...base.describe(), ...(rules.name === undefined ? {} : { title: name }) },
    looks: looksAround(parse) || (check !== undefined && looksAround(check)) || readsAround(rulesOf(base)),
    ...(kind.many === undefined ? {} : { many: kind.many }),
    ...(kind.files === true ? { files: true } : {}),
    ...(kind.takesEmpty === true ? { takesEmpty: true } : {}),
  };
  return new ValueReader(made) as unknown as Reader<T>;
}

function verdict(value: unknown, held: unknown, wrong: Wrong): unknown {
  if (held === true) return value;
  return typeof held === "string" ? new Wrong(held) : wrong;
}

/** Goes on with a value, at once where it is there; what is wrong stays that. */
function andThen(value: unknown, next: (value: unknown) => unknown): unknown {
  if (value instanceof Wrong) return value;
  const later = promised(value);
  return later === undefined ? next(value) : later.then((it) => andThen(it, next));
}

/**
 * Ends the request where a condition does not hold.
 *
 * @param status 400 to 599; 400.
 * @param message what the peer may read.
 * @throws HttpError of that status.
 *
 * @example
 * assertHttp(board.players < 2, 409, "The board is full.");
 */
export function assertHttp(condition: unknown, status = 400, message?: string): asserts condition {
  if (!condition) throw new HttpError(status, message);
}
