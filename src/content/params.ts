// Named values as they came: in order, a name as often as it stands, each with where it came from and how it was written. The
// one shape of query, form, path and JSON members, so that whoever reads them need not know which it was. Built on a Map: a
// name such as `__proto__` is a name like any other.
import { HttpError } from "../base/errors.ts";
import { membersOf } from "../message/json-text.ts";

/** Where a value came from; "body" is what a parser of one's own made. */
export type Source = "path" | "query" | "form" | "json" | "body";

/** One value. */
export interface Param<V = string> {
  readonly name: string;
  readonly value: V;
  /** As it was sent, not decoded: null for a name without an equals sign; undefined where it was no text (JSON, files). */
  readonly raw: string | null | undefined;
  readonly source: Source;
}

/**
 * Named values, in the order in which they came. To iterate gives pairs of name and value.
 *
 * @example
 * const params = parseForm("a=b&a=c&x=y");
 * params.get("a"); // "b"
 * params.all("a"); // ["b", "c"]
 * [...params]; // [["a", "b"], ["a", "c"], ["x", "y"]]
 */
export class Params<V = string> implements Iterable<[name: string, value: V]> {
  readonly #entries: readonly Param<V>[];
  #index: Map<string, Param<V>[]> | null = null;

  /** @param entries taken, not copied. */
  constructor(entries: readonly Param<V>[] = []) {
    this.#entries = entries;
  }

  /** How many values there are: a name that stands twice counts twice. */
  get size(): number {
    return this.#entries.length;
  }

  has(name: string): boolean {
    return this.#named().has(name);
  }

  /** The first value of that name; the fallback, or undefined, where there is none. */
  get(name: string): V | undefined;
  get<F>(name: string, fallback: F): V | F;
  get<F>(name: string, fallback?: F): V | F | undefined {
    const found = this.#named().get(name);
    return found === undefined ? fallback : (found[0] as Param<V>).value;
  }

  /** All values of that name, in order; an empty list where there is none. */
  all(name: string): V[] {
    return this.#named().get(name)?.map(bare) ?? [];
  }

  /** The value of that name, or the list of them where there are several; the fallback, or undefined, where there is none. */
  value(name: string): V | V[] | undefined;
  value<F>(name: string, fallback: F): V | V[] | F;
  value<F>(name: string, fallback?: F): V | V[] | F | undefined {
    const found = this.#named().get(name);
    if (found === undefined) return fallback;
    return found.length === 1 ? (found[0] as Param<V>).value : found.map(bare);
  }

  /** The first value of that name. @throws HttpError 400 HTTP_BAD_PARAMETER where there is none. */
  require(name: string): V {
    const found = this.#named().get(name);
    if (found === undefined) throw badParameter(name, "is missing");
    return (found[0] as Param<V>).value;
  }

  /**
   * The first value of that name as text: a number or a boolean of JSON as it is written there.
   *
   * @throws HttpError 400 HTTP_BAD_PARAMETER where it is something else: a list, an object, null, a file.
   */
  text(name: string): string | undefined;
  text(name: string, fallback: string): string;
  text(name: string, fallback?: string): string | undefined {
    const found = this.#named().get(name);
    if (found === undefined) return fallback;
    const { value } = found[0] as Param<V>;
    if (typeof value === "string") return value;
    if (typeof value === "number" || typeof value === "boolean") return String(value);
    throw badParameter(name, "is not text");
  }

  /** The names, each once, in the order of their first values. */
  names(): string[] {
    return [...this.#named().keys()];
  }

  /** The values with all that is known of each. */
  entries(): readonly Param<V>[] {
    return this.#entries;
  }

  /** Those of the given names alone. */
  only(...names: readonly string[]): Params<V> {
    return new Params(this.#entries.filter(({ name }) => names.includes(name)));
  }

  /** Those of the given sources alone. */
  from(...sources: readonly Source[]): Params<V> {
    return new Params(this.#entries.filter(({ source }) => sources.includes(source)));
  }

  /** As an object: each name with its value, or the list of them where there are several. */
  toJSON(): Record<string, V | V[]> {
    return membersOf(this);
  }

  *[Symbol.iterator](): IterableIterator<[name: string, value: V]> {
    for (const { name, value } of this.#entries) yield [name, value];
  }

  #named(): Map<string, Param<V>[]> {
    if (this.#index === null) {
      const index = new Map<string, Param<V>[]>();
      for (const entry of this.#entries) {
        const found = index.get(entry.name);
        if (found === undefined) index.set(entry.name, [entry]);
        else found.push(entry);
      }
      this.#index = index;
    }
    return this.#index;
  }
}

function bare<V>({ value }: Param<V>): V {
  return value;
}

// A name is the peer's, and comes back to it: not all of a long one.
const NAME_LENGTH = 100;

/** A name as a peer may read it back. */
export function shown(name: string): string {
  return name.length > NAME_LENGTH ? `${name.slice(0, NAME_LENGTH)}…` : name;
}

/** The refusal of one parameter: `reason` goes on where the name ends. */
export function badParameter(name: string, reason: string): HttpError {
  const parameter = shown(name);
  return new HttpError(400, `The parameter ${JSON.stringify(parameter)} ${reason}.`, {
    code: "HTTP_BAD_PARAMETER",
    issues: [{ parameter, reason }],
  });
}
