// The built-in types, as users name them: `t`, and what the compiler knows of each.
import { LocalError } from "../base/errors.ts";
import type { UploadedFile } from "../content/uploads.ts";
import { type Reader, readerOf, ValueReader } from "./readers.ts";
import { ANYTHING, JSON_KIND, list, object } from "./readers-composed.ts";
import { BOOLEANS, DATES, DECIMALS, FILES, INTEGERS, KEYWORDS, TEXT, words } from "./readers-kinds.ts";
import type { Readers } from "./readers-record.ts";
import type { OutputOf, StandardSchema } from "./standard.ts";

/** Reads text. Its length is counted as `.length` does. */
export interface TextReader extends Reader<string> {
  min(length: number): this;
  max(length: number): this;
  /** Matches anywhere in the text, unless it is anchored: `/^[a-z]+$/`. */
  pattern(form: RegExp, message?: string): this;
}

/** Reads what has an order: numbers, dates. Both bounds belong to it. */
export interface OrderedReader<T> extends Reader<T> {
  min(least: T): this;
  max(most: T): this;
}

/** Reads a whole number. */
export interface IntegerReader extends OrderedReader<number> {
  /** Of a text, the number that it begins with, whatever stands behind: "12abc" is 12. */
  leading(): this;
}

/** Reads one of some words. */
export interface KeywordReader<T extends string> extends Reader<T> {
  /** In capitals or not; the value is always spelt as it was listed. */
  anyCase(): KeywordReader<T>;
}

/** Reads every value of a name that is given more than once, or a list of JSON. */
export interface ListReader<T> extends Reader<T[]> {
  min(elements: number): this;
  max(elements: number): this;
  /** Each text holds elements with this between them: `?id=1,2,3`. An empty text holds none. */
  split(separator: string): ListReader<T>;
}

/** Reads a file of a form. It belongs to the request: see uploads(). */
export interface FileReader extends Reader<UploadedFile> {
  min(octets: number): this;
  max(octets: number): this;
}

/** Reads a value of JSON: a parameter whose text is JSON, a member of a body, or the body. */
export interface JsonReader extends Reader<unknown> {
  /** What the value must be. */
  of<S extends StandardSchema>(schema: S): Reader<OutputOf<S>>;
}

/** The values of a record of readers. */
export type Read<R extends Readers> = { readonly [K in keyof R]: OutputOf<R[K]> };

/** The built-in types. */
export interface Types {
  readonly string: TextReader;
  /** A whole number that JavaScript can hold exactly, in decimal. */
  readonly integer: IntegerReader;
  /** A finite number in decimal; an exponent is allowed. */
  readonly number: OrderedReader<number>;
  /** `true` or `false`. */
  readonly boolean: Reader<boolean>;
  /** A date, which begins in UTC, or a date and time with its zone (RFC 3339, ISO 8601). */
  readonly date: OrderedReader<Date>;
  readonly json: JsonReader;
  /** A file of a multipart form. */
  readonly file: FileReader;
  /** Any word but the empty one, in capitals: "Large" is "LARGE". oneOf() is for those that are known. */
  readonly keyword: TextReader;
  /** One of these words. @throws LocalError USE_BAD_OPTION where there is none. */
  oneOf<const W extends readonly [string, ...string[]]>(...words: W): KeywordReader<W[number]>;
  /** Each element by a reader. */
  listOf<S extends StandardSchema>(element: S): ListReader<OutputOf<S>>;
  /** An object of JSON by its members; others are left out. */
  object<R extends Readers>(members: R): Reader<Read<R>>;
  /** A schema of another library as a reader. */
  schema<S extends StandardSchema>(schema: S): Reader<OutputOf<S>>;
  /** The whole body, as JSON, by a schema; any value where it is left out. */
  body(): Reader<unknown>;
  body<S extends StandardSchema>(schema: S): Reader<OutputOf<S>>;
  /** A field of the head; as text where the reader is left out. */
  header(name: string): TextReader;
  header<S extends StandardSchema>(name: string, reader: S): Reader<OutputOf<S>>;
}

function oneOf(...all: readonly string[]): ValueReader {
  if (all.length === 0) throw new LocalError("USE_BAD_OPTION", "oneOf() without a word refuses everything.");
  return new ValueReader(words(all, "as listed"));
}

function header(name: string, schema: unknown = types.string): ValueReader {
  return readerOf(schema).from("header", name);
}

const types = {
  string: new ValueReader(TEXT),
  integer: new ValueReader(INTEGERS),
  number: new ValueReader(DECIMALS),
  boolean: new ValueReader(BOOLEANS),
  date: new ValueReader(DATES),
  json: new ValueReader(JSON_KIND),
  file: new ValueReader(FILES),
  keyword: new ValueReader(KEYWORDS),
  oneOf,
  listOf: (element: unknown) => new ValueReader(list(readerOf(element), undefined)),
  object: (members: Readers) => new ValueReader(object(members)),
  schema: readerOf,
  body: (schema: unknown = new ValueReader(ANYTHING)) => readerOf(schema).from("body"),
  header,
};

/**
 * The built-in types: readers as values, refined by their methods.
 *
 * @example
 * const size = t.integer.min(2).max(64).where((n) => n % 2 === 0, "it is odd").default(8);
 * const sort = t.oneOf("name", "date").optional();
 */
export const t: Types = types as unknown as Types;
