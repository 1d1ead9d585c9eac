// Body readers, one a framing: by length, chunked (RFC 9112 §7.1), until the peer closes. Each takes what there is in the
// buffer and gives a view of it, or null when it needs more. Can stop at any byte.
import { RemoteError } from "../../base/errors.ts";
import { FIELD_VALUE, HEX, TOKEN } from "../../message/token.ts";
import { END, type WireEvent } from "../events.ts";
import type { ReceiveBuffer } from "./buffer.ts";
import { fieldsOf } from "./facts.ts";
import type { Framing } from "./framing.ts";
import {
  CHUNK_EXTENSION_BYTES,
  CHUNK_LINE_BYTES,
  CHUNK_SIZE_DIGITS,
  type Leniency,
  type WireLimits,
} from "./limits.ts";
import { HeadParser } from "./parse.ts";

/** Reads a body out of the buffer. */
export interface BodyReader {
  /** The next event, or null: more bytes are needed. @throws RemoteError. */
  read(buffer: ReceiveBuffer): WireEvent | null;
  /** The peer has ended its side: the event that makes, or null where the body is cut short. */
  readonly atEnd: WireEvent | null;
}

/** The reader for a framing. */
export function bodyReader(framing: Framing, limits: WireLimits, leniency: Leniency): BodyReader {
  if (framing === "chunked") return new ChunkedReader(limits, leniency);
  return framing === "close" ? new CloseReader(limits.streamBytes) : new LengthReader(framing);
}

function take(buffer: ReceiveBuffer, most: number): WireEvent {
  const { start } = buffer;
  buffer.start = Math.min(buffer.end, start + most);
  return { type: "data", bytes: buffer.bytes.subarray(start, buffer.start) };
}

class LengthReader implements BodyReader {
  readonly atEnd: WireEvent | null = null;
  #remaining: number;

  constructor(length: number) {
    this.#remaining = length;
  }

  read(buffer: ReceiveBuffer): WireEvent | null {
    if (this.#remaining === 0) return END;
    const available = buffer.end - buffer.start;
    if (available === 0) return null;
    const event = take(buffer, this.#remaining);
    this.#remaining -= Math.min(available, this.#remaining);
    return event;
  }
}

class CloseReader implements BodyReader {
  readonly atEnd: WireEvent = END;
  #allowed: number;

  constructor(allowed: number) {
    this.#allowed = allowed;
  }

  read(buffer: ReceiveBuffer): WireEvent | null {
    if (buffer.length === 0) return null;
    this.#allowed -= buffer.length;
    if (this.#allowed < 0) throw new RemoteError("WIRE_BODY_TOO_LARGE");
    return take(buffer, buffer.length);
  }
}

const LF = 0x0a;
const CR = 0x0d;

// chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
// chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS ( token / quoted-string ) ] )
type ExtensionState =
  | "size-end"
  | "lead"
  | "name"
  | "name-end"
  | "equals"
  | "token"
  | "quoted"
  | "escaped"
  | "quoted-end"
  | "value-end";
type ChunkState = "size" | ExtensionState | "line-end" | "data" | "data-cr" | "data-lf" | "trailers" | "done";
type Octet = "blank" | "semicolon" | "equals" | "quote" | "backslash" | "token" | "text" | "cr" | "bad";

const QUOTED = { blank: "quoted", semicolon: "quoted", equals: "quoted", token: "quoted", text: "quoted" } as const;

// What follows what in the line of a chunk, behind the size. Blanks stand only before and behind a semicolon or an equals
// sign, so a line never ends behind them; what is not in a row is refused.
// biome-ignore format: a table, a row a state
const EXTENSION: Readonly<Record<ExtensionState, Readonly<Partial<Record<Octet, ChunkState>>>>> = {
  "size-end":   { blank: "size-end", semicolon: "lead" },
  lead:         { blank: "lead", token: "name" },
  name:         { blank: "name-end", semicolon: "lead", equals: "equals", token: "name", cr: "line-end" },
  "name-end":   { blank: "name-end", semicolon: "lead", equals: "equals" },
  equals:       { blank: "equals", quote: "quoted", token: "token" },
  token:        { blank: "value-end", semicolon: "lead", token: "token", cr: "line-end" },
  quoted:       { ...QUOTED, quote: "quoted-end", backslash: "escaped" },
  escaped:      { ...QUOTED, quote: "quoted", backslash: "quoted" },
  "quoted-end": { blank: "value-end", semicolon: "lead", cr: "line-end" },
  "value-end":  { blank: "value-end", semicolon: "lead" },
};

const MARKS: Readonly<Record<string, Octet>> = {
  "\t": "blank",
  " ": "blank",
  ";": "semicolon",
  "=": "equals",
  '"': "quote",
  "\\": "backslash",
  "\r": "cr",
};

function kindOf(octet: number): Octet {
  const mark = MARKS[String.fromCharCode(octet)];
  if (mark !== undefined) return mark;
  if (TOKEN[octet] === 1) return "token";
  return FIELD_VALUE[octet] === 1 ? "text" : "bad";
}

class ChunkedReader implements BodyReader {
  readonly atEnd: WireEvent | null = null;
  readonly #limits: WireLimits;
  readonly #leniency: Leniency;
  /** Octets of one chunk line, with its CR. */
  readonly #longest: number;
  #state: ChunkState = "size";
  #size = 0;
  #digits = 0;
  #line = 0;
  #extensions = 0;
  #total = 0;
  #trailers: HeadParser | null = null;

  constructor(limits: WireLimits, leniency: Leniency) {
    this.#limits = limits;
    this.#leniency = leniency;
    this.#longest = Math.min(CHUNK_LINE_BYTES, limits.fieldBytes) + 1;
  }

  read(buffer: ReceiveBuffer): WireEvent | null {
    for (;;) {
      if (this.#state === "trailers") return this.#readTrailers(buffer);
      if (buffer.start === buffer.end) return null;
      if (this.#state === "data") return this.#readData(buffer);
      this.#state = this.#step(this.#state, buffer.bytes[buffer.start++] as number);
    }
  }

  #readData(buffer: ReceiveBuffer): WireEvent {
    const available = Math.min(this.#size, buffer.length);
    this.#size -= available;
    if (this.#size === 0) this.#state = "data-cr";
    return take(buffer, available);
  }

  #readTrailers(buffer: ReceiveBuffer): WireEvent | null {
    if (this.#trailers === null) this.#trailers = new HeadParser("trailers", this.#limits, this.#leniency);
    if (!this.#trailers.parse(buffer)) return null;
    this.#state = "done";
    const { block } = this.#trailers;
    return block.marks.length === 0 ? END : { type: "end", trailers: fieldsOf(block) };
  }

  #step(state: ChunkState, octet: number): ChunkState {
    switch (state) {
      case "size":
        return this.#sizeStep(octet);
      case "line-end":
        if (octet !== LF) throw new RemoteError("WIRE_BAD_CHUNK", "A line ends in a bare CR.");
        return this.#startData();
      case "data-cr":
        if (octet !== CR) throw new RemoteError("WIRE_BAD_CHUNK", "The data is longer than its size.");
        return "data-lf";
      case "data-lf":
        if (octet !== LF) throw new RemoteError("WIRE_BAD_CHUNK", "The data does not end in CR LF.");
        return "size";
      default:
        return this.#extensionStep(state as ExtensionState, octet);
    }
  }

  #sizeStep(octet: number): ChunkState {
    const digit = HEX[octet] as number;
    if (digit < 16) {
      if (++this.#digits > CHUNK_SIZE_DIGITS) throw new RemoteError("WIRE_BAD_CHUNK", "The size has too many digits.");
      this.#size = this.#size * 16 + digit;
      return "size";
    }
    if (this.#digits === 0) throw new RemoteError("WIRE_BAD_CHUNK", "A size is missing.");
    return octet === CR ? "line-end" : this.#extensionStep("size-end", octet);
  }

  #extensionStep(state: ExtensionState, octet: number): ChunkState {
    if (++this.#line + this.#digits > this.#longest || ++this.#extensions > CHUNK_EXTENSION_BYTES) {
      throw new RemoteError("WIRE_BAD_CHUNK", "Chunk extensions are too long.");
    }
    const next = EXTENSION[state][kindOf(octet)];
    if (next === undefined) throw new RemoteError("WIRE_BAD_CHUNK", "A chunk extension is malformed.");
    return next;
  }

  #startData(): ChunkState {
    const size = this.#size;
    this.#digits = 0;
    this.#line = 0;
    this.#total += size;
    if (this.#total > this.#limits.streamBytes) throw new RemoteError("WIRE_BODY_TOO_LARGE");
    return size === 0 ? "trailers" : "data";
  }
}
