// Header lines out of any stream: a part of a message that somebody stored, the output of a program, a body that has a head of its
// own. They end at the empty line, at the end, or before a line that is none; what follows stays to be read.
import { Fields } from "../message/fields.ts";
import { tooLarge } from "../message/reading.ts";
import { isFieldValue, isToken, withoutBlanks } from "../message/token.ts";

/** What readHeaders() has read, and what it has not. */
export interface HeaderLines {
  /** In their order, a name as often as it stands, in small letters. */
  readonly headers: Fields;
  /** What stands behind them. Iterate it, or call its return(): either closes the stream. */
  readonly rest: AsyncIterableIterator<Uint8Array>;
  /** What ended them: an empty line, which is read; a line that is no header, which is the first of the rest; or the end. */
  readonly end: "empty line" | "other line" | "end";
}

/** How much is read in search of the end of the header lines. */
export interface HeaderLinesOptions {
  /** Bytes of one line, with its end; 8,192. */
  readonly lineBytes?: number;
  /** Bytes of all of them; 65,536. */
  readonly bytes?: number;
}

/** Where header lines stand: a body, a stream of Node or of the web, a generator; or bytes or text that are here. */
export type HeaderSource = AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string> | Uint8Array | string;

/**
 * Reads header lines (RFC 9112 §5) from a stream: `Name: value`, each ended by CR LF or LF. A line that begins with a blank goes on
 * with the one before it, behind one blank. Bytes beyond ASCII are read as Latin-1.
 *
 * @throws HttpError 413 HTTP_BODY_TOO_LARGE beyond a limit; what the source throws.
 *
 * @example
 * const { headers, rest } = await readHeaders(createReadStream("message.eml"));
 * headers.get("subject");
 */
export async function readHeaders(source: HeaderSource, options: HeaderLinesOptions = {}): Promise<HeaderLines> {
  const lines = new Lines(source, options);
  try {
    const { found, end } = await gather(lines);
    const pairs = found.map(({ name, parts }) => [name, parts.join(" ")] as const);
    return { headers: new Fields(pairs), rest: lines, end };
  } catch (error) {
    await lines.return();
    throw error;
  }
}

/** One header. The parts of a folded value are joined once: at each line that would cost the square of them. */
interface Found {
  readonly name: string;
  readonly parts: string[];
}

async function gather(lines: Lines): Promise<{ readonly found: readonly Found[]; readonly end: HeaderLines["end"] }> {
  const found: Found[] = [];
  for (;;) {
    const line = await lines.line();
    if (line === null) return { found, end: "end" };
    if (line === "") return { found, end: "empty line" };
    const folded = line.startsWith(" ") || line.startsWith("\t") ? found.at(-1) : undefined;
    const colon = folded === undefined ? line.indexOf(":") : -1;
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    const value = withoutBlanks(line, colon + 1, line.length);
    if (!isFieldValue(value) || (folded === undefined && !isToken(name))) {
      lines.unread();
      return { found, end: "other line" };
    }
    const header = folded ?? { name, parts: [] };
    if (value !== "") header.parts.push(value);
    if (folded === undefined) found.push(header);
  }
}

const LF = 0x0a;
const CR = 0x0d;
const NOTHING = new Uint8Array(0);

/** A stream line by line, for as long as it is asked for lines; iterated, the bytes behind the last one. */
class Lines implements AsyncIterableIterator<Uint8Array> {
  readonly #pieces: AsyncIterator<Uint8Array | string> | Iterator<Uint8Array | string>;
  readonly #lineBytes: number;
  #left: number;
  #piece: Uint8Array = NOTHING;
  #at = 0;
  /** The line that was given last, as it came. */
  #line: Uint8Array[] = [];

  constructor(source: HeaderSource, { lineBytes = 8192, bytes = 65_536 }: HeaderLinesOptions) {
    const pieces = typeof source === "string" || source instanceof Uint8Array ? [source] : source;
    this.#pieces = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]();
    this.#lineBytes = lineBytes;
    this.#left = bytes;
  }

  /** The next line, without its end; null where there is none. @throws HttpError 413. */
  async line(): Promise<string | null> {
    this.#line = [];
    for (let length = 0; ; ) {
      if (this.#at === this.#piece.length && !(await this.#more())) return length === 0 ? null : this.#text();
      const end = this.#piece.indexOf(LF, this.#at);
      const stop = end < 0 ? this.#piece.length : end + 1;
      length += stop - this.#at;
      this.#left -= stop - this.#at;
      if (length > this.#lineBytes || this.#left < 0) throw tooLarge("The header lines are too long.");
      this.#line.push(this.#piece.subarray(this.#at, stop));
      this.#at = stop;
      if (end >= 0) return this.#text();
    }
  }

  #text(): string {
    const bytes = Buffer.concat(this.#line);
    let end = bytes.length;
    if (bytes[end - 1] === LF) end--;
    if (bytes[end - 1] === CR) end--;
    return bytes.toString("latin1", 0, end);
  }

  /** The line that was given last is the first of the rest. */
  unread(): void {
    this.#piece = Buffer.concat([...this.#line, this.#piece.subarray(this.#at)]);
    this.#at = 0;
  }

  async #more(): Promise<boolean> {
    for (;;) {
      const { done, value } = await this.#pieces.next();
      if (done === true) return false;
      this.#piece = typeof value === "string" ? Buffer.from(value) : value;
      this.#at = 0;
      if (value.length > 0) return true;
    }
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#at === this.#piece.length && !(await this.#more())) return { done: true, value: undefined };
    const value = this.#piece.subarray(this.#at);
    this.#at = this.#piece.length;
    return { done: false, value };
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.#piece = NOTHING;
    this.#at = 0;
    await this.#pieces.return?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
