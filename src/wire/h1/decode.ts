// Body readers, one a framing: by length, chunked (RFC 9112 §7.1), until the peer closes. Each takes what there is in the
// buffer and gives a view of it, or null when it needs more. Can stop at any byte.
import { RemoteError } from "../../base/errors.ts";
import { FIELD_VALUE, HEX, TOKEN } from "../../message/token.ts";
import { END, type WireEvent } from "../events.ts";
import type { ReceiveBuffer } from "./buffer.ts";
import { fieldsOf } from "./facts.ts";
import type { Framing } from "./framing.ts";
import { CHUNK_EXTENSION_BYTES, CHUNK_LINE_BYTES, CHUNK_SIZE_DIGITS, type Leniency, type WireLimits } from "./limits.ts";
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

const HTAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const QUOTE = 0x22;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

type ChunkState =
  | "size"
  | "size-end"
  | "extension"
  | "name"
  | "name-end"
  | "value"
  | "token"
  | "quoted"
  | "escaped"
  | "value-end"
  | "line-end"
  | "data"
  | "data-cr"
  | "data-lf"
  | "trailers"
  | "done";

class ChunkedReader implements BodyReader {
  readonly atEnd: WireEvent | null = null;
  readonly #limits: WireLimits;
  readonly #leniency: Leniency;
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
  }

  read(buffer: ReceiveBuffer): WireEvent | null {
    for (;;) {
      if (this.#state === "trailers") return this.#readTrailers(buffer);
      if (buffer.start === buffer.end) return null;
      if (this.#state === "data") return this.#readData(buffer);
      const octet = buffer.bytes[buffer.start++] as number;
      this.#state = this.#step(octet);
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

  // chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
  #step(octet: number): ChunkState {
    switch (this.#state) {
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
        return this.#extensionStep(octet);
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
    return this.#lineStep(octet);
  }

  /** Behind a size, a name or a value: the end of the line, or another extension. */
  #lineStep(octet: number): ChunkState {
    if (octet === CR) return "line-end";
    this.#countExtension();
    if (octet === SEMICOLON) return "extension";
    if (octet === SP || octet === HTAB) return "size-end";
    throw new RemoteError("WIRE_BAD_CHUNK");
  }

  // chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS ( token / quoted-string ) ] )
  #extensionStep(octet: number): ChunkState {
    if (this.#state === "token" || this.#state === "name" || this.#state === "value-end" || this.#state === "name-end") {
      if (octet === CR && this.#state !== "name-end" && !(this.#state === "value-end" && this.#spaced)) return "line-end";
    }
    this.#countExtension();
    const blank = octet === SP || octet === HTAB;
    switch (this.#state) {
      case "size-end": // BWS, and then there has to be an extension
        if (blank) return "size-end";
        if (octet === SEMICOLON) return "extension";
        break;
      case "extension":
        if (blank) return "extension";
        if (TOKEN[octet] === 1) return "name";
        break;
      case "name":
      case "name-end":
        if (TOKEN[octet] === 1 && this.#state === "name") return "name";
        if (blank) return "name-end";
        if (octet === EQUALS) return "value";
        if (octet === SEMICOLON) return "extension";
        break;
      case "value":
        if (blank) return "value";
        this.#spaced = false;
        if (octet === QUOTE) return "quoted";
        if (TOKEN[octet] === 1) return "token";
        break;
      case "token":
      case "value-end":
        if (TOKEN[octet] === 1 && this.#state === "token") return "token";
        if (blank) {
          this.#spaced = true;
          return "value-end";
        }
        if (octet === SEMICOLON) return "extension";
        break;
      case "quoted":
        if (octet === QUOTE) return "value-end";
        if (octet === BACKSLASH) return "escaped";
        if (FIELD_VALUE[octet] === 1) return "quoted";
        break;
      case "escaped":
        if (FIELD_VALUE[octet] === 1) return "quoted";
        break;
    }
    throw new RemoteError("WIRE_BAD_CHUNK", "A chunk extension is malformed.");
  }

  /** Whether blanks follow the value: then the line may not end, for BWS stands only before a semicolon. */
  #spaced = false;

  #countExtension(): void {
    if (++this.#line > CHUNK_LINE_BYTES || ++this.#extensions > CHUNK_EXTENSION_BYTES) {
      throw new RemoteError("WIRE_BAD_CHUNK", "Chunk extensions are too long.");
    }
  }

  #startData(): ChunkState {
    this.#digits = 0;
    this.#line = 0;
    this.#total += this.#size;
    if (this.#total > this.#limits.streamBytes) throw new RemoteError("WIRE_BODY_TOO_LARGE");
    return this.#size === 0 ? "trailers" : "data";
  }
}
