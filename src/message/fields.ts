// Header and trailer fields: an ordered list of lines with their case and duplicates kept (RFC 9110 §5). Received Fields are
// views over the text of the head and cost nothing until they are asked; Fields that were made are lists. The first write to
// either copies, so that no write is ever seen by another request or reply. Those of a reply are sealed: a reply that is sent
// again and again would otherwise gather what was meant for one client.
import { LocalError } from "../base/errors.ts";
import { membersOf } from "./json-text.ts";
import { detached, isFieldValue, isToken, splitList } from "./token.ts";

/** What Fields are made of: pairs of name and value, or a record, in which a list of values makes a line each. */
export type FieldsInit =
  | Iterable<readonly [name: string, value: string]>
  | Readonly<Record<string, string | readonly string[]>>;

/** Fields that can be read and not written to: those of a reply. Fields are such, too. */
export interface ReadonlyFields extends Iterable<[name: string, value: string]> {
  /** How many lines there are: a name that stands twice counts twice. */
  readonly size: number;
  has(name: string): boolean;
  /** The value of the first line of that name, in any case. */
  get(name: string): string | undefined;
  /** The values of all lines of that name, in order. */
  all(name: string): string[];
  /** The members of a comma-separated field over all its lines, trimmed, empty ones dropped (RFC 9110 §5.6.1). */
  list(name: string): string[];
}

/** The field lines of one received head: the Latin-1 text, and four offsets a line (name start and end, value start and end). */
export interface FieldBlock {
  readonly text: string;
  readonly marks: readonly number[];
}

/** Which fields the encoder must know of before it frames a message, as bits. */
export const CONTENT_LENGTH = 1;
export const TRANSFER_ENCODING = 2;
export const CONNECTION = 4;
export const DATE = 8;
export const UPGRADE = 16;

const KINDS: Readonly<Record<string, number>> = {
  "content-length": CONTENT_LENGTH,
  "transfer-encoding": TRANSFER_ENCODING,
  connection: CONNECTION,
  date: DATE,
  upgrade: UPGRADE,
};

/** Lines as names and values in turn, with what the encoder asks of them; never written to once it is shared. */
interface Lines {
  list: string[];
  kinds: number;
  /** The lines as they go on the wire; empty until asked for. */
  wire: string;
}

// Names are checked once: programs use few. The bound is for those that make names up, and for peers, whose fields are copied.
const CHECKED_NAMES = 512;
const checked = new Map<string, number>();

function checkName(name: string): number {
  const known = checked.get(name);
  if (known !== undefined) return known;
  if (typeof name !== "string") throw new LocalError("USE_BAD_FIELD", `A name is a string, not ${typeof name}.`);
  if (!isToken(name)) throw new LocalError("USE_BAD_FIELD", `The name ${JSON.stringify(name)} is not a token.`);
  const kind = KINDS[name.toLowerCase()] ?? 0;
  if (checked.size >= CHECKED_NAMES) checked.clear();
  checked.set(detached(name), kind);
  return kind;
}

function checkValue(name: string, value: string): void {
  if (typeof value !== "string") throw new LocalError("USE_BAD_FIELD", `The value of ${name} is not a string.`);
  if (!isFieldValue(value)) throw new LocalError("USE_BAD_FIELD", `The value of ${name} is ${JSON.stringify(value)}.`);
}

function append(lines: Lines, name: string, value: string): void {
  const kind = checkName(name);
  checkValue(name, value);
  lines.kinds |= kind;
  lines.list.push(name, value);
}

function build(init: FieldsInit): Lines {
  if (typeof init !== "object" || init === null) {
    throw new LocalError("USE_BAD_FIELD", "Fields are made of a record, or of pairs of name and value.");
  }
  if (Symbol.iterator in init) return ofPairs(init as Iterable<unknown>);
  const record = init as Readonly<Record<string, string | readonly string[]>>;
  const names = Object.keys(record);
  const first = record[names[0] as string];
  if (names.length === 1 && typeof first === "string") return single(names[0] as string, first);
  const lines: Lines = { list: [], kinds: 0, wire: "" };
  for (const name of names) {
    const value = record[name] as string | readonly string[];
    if (Array.isArray(value)) for (const each of value) append(lines, name, each);
    else append(lines, name, value as string);
  }
  return lines;
}

function ofPairs(pairs: Iterable<unknown>): Lines {
  const lines: Lines = { list: [], kinds: 0, wire: "" };
  for (const pair of pairs) {
    // The characters of a string would pass for a name and a value.
    if (!Array.isArray(pair)) throw new LocalError("USE_BAD_FIELD", "A pair is [name, value].");
    append(lines, pair[0] as string, pair[1] as string);
  }
  return lines;
}

// A list that begins as it ends takes a fifth of the memory of one that grows: replies with a content type and nothing else
// are the most frequent.
function single(name: string, value: string): Lines {
  const kinds = checkName(name);
  checkValue(name, value);
  return { list: [name, value], kinds, wire: `${name}: ${value}\r\n` };
}

/** Whether `text[start, end)` is `name` in any case; both are tokens. */
function isName(text: string, start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false;
  for (let i = 0; i < name.length; i++) {
    const a = text.charCodeAt(start + i);
    const b = name.charCodeAt(i);
    if (a === b) continue;
    const lower = a | 0x20;
    if ((a ^ b) !== 0x20 || lower < 0x61 || lower > 0x7a) return false;
  }
  return true;
}

const NO_LINES: Lines = { list: [], kinds: 0, wire: "" };

/** The lines as they go on the wire, each with its CR LF. For the encoder. */
export let wireText: (fields: ReadonlyFields) => string;
/** Which fields of KINDS there are, as bits. For the encoder. */
export let kindsOf: (fields: ReadonlyFields) => number;
/** Fields over a received block, which is shared and not copied. For the parser. */
export let fieldsOver: (block: FieldBlock) => Fields;
/** Another Fields with the same lines; nothing is copied until one of the two is written to. */
export let share: (fields: ReadonlyFields) => Fields;
/** Has these very Fields refuse every write from now on. */
export let seal: (fields: Fields) => Fields;
/** The same lines, in Fields that refuse every write: these very ones, where they do so already. */
export let sealed: (fields: ReadonlyFields) => Fields;

/**
 * Header or trailer fields.
 *
 * @example
 * const fields = new Fields({ "Content-Type": "text/plain", "Set-Cookie": ["a=1", "b=2"] });
 * fields.get("content-type"); // "text/plain"
 * fields.all("set-cookie"); // ["a=1", "b=2"]
 */
export class Fields implements ReadonlyFields {
  #block: FieldBlock | null;
  #lines: Lines;
  /** Whether its lines are its own, are copied by the first write, or refuse it. */
  #hold: "own" | "shared" | "sealed";

  static {
    wireText = (fields) => (fields as Fields).#wire();
    kindsOf = (fields) => (fields as Fields).#read().kinds;
    fieldsOver = (block) => {
      const fields = new Fields();
      fields.#block = block;
      return fields;
    };
    share = (fields) => {
      const original = fields as Fields;
      const other = new Fields();
      other.#block = original.#block;
      other.#lines = original.#lines;
      if (original.#hold === "own") original.#hold = "shared";
      return other;
    };
    seal = (fields) => {
      fields.#hold = "sealed";
      return fields;
    };
    sealed = (fields) => ((fields as Fields).#hold === "sealed" ? (fields as Fields) : seal(share(fields)));
  }

  /** @throws LocalError USE_BAD_FIELD for a name that is no token, or a value with CR, LF, NUL or a character above U+00FF. */
  constructor(init?: FieldsInit) {
    this.#block = null;
    this.#lines = init === undefined ? NO_LINES : build(init);
    this.#hold = init === undefined ? "shared" : "own";
  }

  /** How many lines there are: a name that stands twice counts twice. */
  get size(): number {
    return this.#block === null ? this.#lines.list.length / 2 : this.#block.marks.length / 4;
  }

  has(name: string): boolean {
    return this.#find(name, 0) >= 0;
  }

  /** The value of the first line of that name, in any case. */
  get(name: string): string | undefined {
    const at = this.#find(name, 0);
    return at < 0 ? undefined : this.#value(at);
  }

  /** The values of all lines of that name, in order: Set-Cookie has to be read so. */
  all(name: string): string[] {
    const values: string[] = [];
    for (let at = this.#find(name, 0); at >= 0; at = this.#find(name, at + 1)) values.push(this.#value(at));
    return values;
  }

  /** The members of a comma-separated field over all its lines, trimmed, empty ones dropped (RFC 9110 §5.6.1). */
  list(name: string): string[] {
    return this.all(name).flatMap(splitList);
  }

  /**
   * Replaces the first line of that name in its place and drops the others, or appends.
   *
   * @throws as the constructor; USE_READ_ONLY where these are the fields of a reply.
   */
  set(name: string, value: string): this {
    this.#checkWritable("set", name);
    checkName(name);
    checkValue(name, value);
    const first = this.#find(name, 0);
    if (first < 0) return this.add(name, value);
    const lines = this.#write();
    lines.list[first * 2] = name;
    lines.list[first * 2 + 1] = value;
    this.#drop(name, first + 1);
    return this;
  }

  /** Appends a line. @throws as set(). */
  add(name: string, value: string): this {
    this.#checkWritable("add", name);
    checkName(name);
    checkValue(name, value);
    append(this.#write(), name, value);
    return this;
  }

  /** Drops all lines of that name. @throws USE_READ_ONLY. */
  delete(name: string): this {
    this.#checkWritable("delete", name);
    if (this.has(name)) {
      const lines = this.#write();
      this.#drop(name, 0);
      lines.kinds &= ~(KINDS[name.toLowerCase()] ?? 0);
    }
    return this;
  }

  /** As an object: names in small letters, and a list where there are several lines of one. */
  toJSON(): Record<string, string | string[]> {
    return membersOf(Array.from(this, ([name, value]) => [name.toLowerCase(), value]));
  }

  *[Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    const { list } = this.#read();
    for (let i = 0; i < list.length; i += 2) yield [list[i] as string, list[i + 1] as string];
  }

  #find(name: string, from: number): number {
    if (this.#block !== null) {
      const { text, marks } = this.#block;
      for (let i = from * 4; i < marks.length; i += 4) {
        if (isName(text, marks[i] as number, marks[i + 1] as number, name)) return i / 4;
      }
      return -1;
    }
    const { list } = this.#lines;
    for (let i = from * 2; i < list.length; i += 2) {
      const each = list[i] as string;
      if (isName(each, 0, each.length, name)) return i / 2;
    }
    return -1;
  }

  #value(at: number): string {
    if (this.#block === null) return this.#lines.list[at * 2 + 1] as string;
    const { text, marks } = this.#block;
    return text.slice(marks[at * 4 + 2], marks[at * 4 + 3]);
  }

  // In one pass: to take one after the other out would move all that follow each time.
  #drop(name: string, from: number): void {
    const { list } = this.#lines;
    let kept = from * 2;
    for (let i = kept; i < list.length; i += 2) {
      const each = list[i] as string;
      if (isName(each, 0, each.length, name)) continue;
      list[kept] = each;
      list[kept + 1] = list[i + 1] as string;
      kept += 2;
    }
    list.length = kept;
  }

  /** The lines for reading: a view becomes a list. */
  #read(): Lines {
    if (this.#block !== null) {
      const { text, marks } = this.#block;
      const lines: Lines = { list: [], kinds: 0, wire: "" };
      for (let i = 0; i < marks.length; i += 4) {
        const name = text.slice(marks[i], marks[i + 1]);
        lines.kinds |= KINDS[name.toLowerCase()] ?? 0;
        lines.list.push(name, text.slice(marks[i + 2], marks[i + 3]));
      }
      this.#lines = lines;
      if (this.#hold !== "sealed") this.#hold = "own";
      this.#block = null;
    }
    return this.#lines;
  }

  #checkWritable(method: string, name: unknown): void {
    if (this.#hold !== "sealed") return;
    const write = `${method}(${typeof name === "string" ? JSON.stringify(name) : "…"})`;
    throw new LocalError("USE_READ_ONLY", `What was to be done is headers.${write}.`);
  }

  /** The lines for writing: shared ones are copied first. */
  #write(): Lines {
    const lines = this.#read();
    if (this.#hold === "own") {
      lines.wire = "";
      return lines;
    }
    this.#hold = "own";
    this.#lines = { list: lines.list.slice(), kinds: lines.kinds, wire: "" };
    return this.#lines;
  }

  #wire(): string {
    const lines = this.#read();
    if (lines.wire === "") {
      const { list } = lines;
      let text = "";
      for (let i = 0; i < list.length; i += 2) text += `${list[i]}: ${list[i + 1]}\r\n`;
      lines.wire = text;
    }
    return lines.wire;
  }
}

/** A copy whose names are written Like-This, as Gerbil's httpd shows them; the lines stay in order. */
export function titleCased(fields: ReadonlyFields): Fields {
  return renamed(fields, (name) => name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase()));
}

/** A copy whose names are in lower case, as Chicken's http egg shows them; the lines stay in order. */
export function lowerCased(fields: ReadonlyFields): Fields {
  return renamed(fields, (name) => name.toLowerCase());
}

function renamed(fields: ReadonlyFields, rename: (name: string) => string): Fields {
  return new Fields(Array.from(fields, ([name, value]) => [rename(name), value] as const));
}
