// Bytes to head (RFC 9112 §2 to §5): start line and field lines, one pass over 256-entry tables. The scan can stop at any
// byte and goes on where it stopped, and an error depends on the bytes up to it alone: so what is reported does not depend
// on how the input was cut, and each byte is looked at once.
//
// Knows the grammar of lines. What the fields mean for the message is framing.ts's to say.
import { RemoteError } from "../../base/errors.ts";
import type { Version } from "../../message/head.ts";
import { FIELD_VALUE, TOKEN } from "../../message/token.ts";
import type { ReceiveBuffer } from "./buffer.ts";
import { type HeadBlock, NO_FIELDS, readFacts } from "./facts.ts";
import { type Leniency, REUSE_MISSES, REUSED_HEAD_BYTES, WIRE_LIMITS, type WireLimits } from "./limits.ts";
import { latin1, StartLineParser } from "./start-line.ts";

const HTAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const COLON = 0x3a;

/** What the section begins with. Trailers have no start line. */
export type Section = "request" | "response" | "trailers";

// Where the scan stands: what the next octet belongs to.
const START = 0;
const LINE = 1;
const NAME = 2;
const LEAD = 3;
const VALUE = 4;
const LINE_END = 5;
const LAST_END = 6;

// Offsets are gathered here and copied once a head is whole: four a line, relative to the first line.
const scratch: number[] = [];

/** A head that was read, by its bytes. */
interface KnownHead {
  readonly bytes: Uint8Array;
  readonly fieldsStart: number;
  readonly method: string;
  readonly target: string;
  readonly version: Version;
  readonly block: HeadBlock;
}

const NO_START_LINE = new StartLineParser("request", WIRE_LIMITS);

export class HeadParser {
  readonly #limits: WireLimits;
  readonly #leniency: Leniency;
  readonly #section: Section;
  // Positions are relative to the start of the buffer, which stays at the start of the section until it is whole.
  #phase: number;
  #at = 0;
  #lineStart = 0;
  #nameEnd = 0;
  #valueStart = 0;
  #marked = 0;
  #saved: number[] | null = null;
  #fieldsStart = 0;
  /** The start line; trailers have none. */
  readonly start: StartLineParser;
  /** The fields, once parse() has said true. */
  block: HeadBlock = NO_FIELDS;
  /** An earlier head of this connection: what one client sends is mostly the same bytes, again and again. */
  #last: KnownHead | null = null;
  #misses = 0;

  constructor(section: Section, limits: WireLimits, leniency: Leniency) {
    this.#section = section;
    this.#limits = limits;
    this.#leniency = leniency;
    this.start = section === "trailers" ? NO_START_LINE : new StartLineParser(section, limits);
    this.#phase = section === "trailers" ? LINE : START;
  }

  /** Whether a section has begun and is not whole. */
  get begun(): boolean {
    return this.#at > 0 || this.start.at > 0;
  }

  /**
   * Reads on. True: the section is whole, and its octets are taken from the buffer.
   *
   * @throws RemoteError with the status that refuses it.
   */
  parse(buffer: ReceiveBuffer): boolean {
    if (buffer.length <= this.#at) return false;
    if (this.#phase === START) {
      const { start } = this;
      if (start.at === 0 && this.#sameHead(buffer)) return true;
      if (!start.parse(buffer)) return false;
      this.#at = start.at;
      this.#fieldsStart = start.at;
      this.#phase = LINE;
    }
    if (!this.#sameFields(buffer)) {
      if (this.#saved !== null) this.#restore();
      if (!this.#fieldLines(buffer)) return this.#suspend();
      this.#finish(buffer);
    }
    buffer.start += this.#at;
    this.#phase = this.#section === "trailers" ? LINE : START;
    this.#at = 0;
    this.#marked = 0;
    this.start.reset();
    return true;
  }

  /** Field lines up to and with the empty one. False: more bytes are needed. */
  // One loop over all states, because it is the hottest of the project: split into a function a state, it costs a third more
  // on browser-size heads that differ.
  // biome-ignore lint/complexity/noExcessiveCognitiveComplexity: see above
  #fieldLines(buffer: ReceiveBuffer): boolean {
    const { bytes, start, end } = buffer;
    const limits = this.#limits;
    let phase = this.#phase;
    let i = start + this.#at;
    let marked = this.#marked;
    let lineStart = this.#lineStart;
    while (i < end) {
      if (phase === LINE) {
        const octet = bytes[i] as number;
        if (octet === CR) {
          i++;
          phase = LAST_END;
          continue;
        }
        if (octet === SP || octet === HTAB) {
          if (marked === 0 || !this.#leniency.obsFold) throw new RemoteError("WIRE_FOLDED_FIELD");
          marked -= 4;
          bytes[i - 1] = SP; // RFC 9112 §5.2: each fold is replaced by spaces before the value is interpreted
          bytes[i - 2] = SP;
          phase = scratch[marked + 2] === scratch[marked + 3] ? LEAD : VALUE;
          continue;
        }
        if (octet === LF) throw new RemoteError("WIRE_BAD_LINE_END");
        if (marked >= limits.fields * 4) throw new RemoteError("WIRE_TOO_MANY_FIELDS");
        lineStart = i - start;
        phase = NAME;
      }
      if (phase === NAME) {
        i = nameEndFrom(bytes, i, end);
        if (i - start - lineStart > limits.fieldBytes || i - start > limits.headBytes)
          throw new RemoteError("WIRE_HEAD_TOO_LARGE");
        if (i === end) break;
        // RFC 9112 §5.1: no whitespace between name and colon.
        if (bytes[i] !== COLON || i - start === lineStart) throw this.#badField();
        this.#nameEnd = i - start;
        i++;
        phase = LEAD;
      }
      if (phase === LEAD) {
        while (i < end && (bytes[i] === SP || bytes[i] === HTAB)) i++;
        if (i === end) {
          if (i - start - lineStart > limits.fieldBytes || i - start > limits.headBytes)
            throw new RemoteError("WIRE_HEAD_TOO_LARGE");
          break;
        }
        this.#valueStart = i - start;
        phase = VALUE;
      }
      if (phase === VALUE) {
        i = valueEndFrom(bytes, i, end);
        if (i - start - lineStart > limits.fieldBytes || i - start > limits.headBytes)
          throw new RemoteError("WIRE_HEAD_TOO_LARGE");
        if (i === end) break;
        if (bytes[i] !== CR) throw bytes[i] === LF ? new RemoteError("WIRE_BAD_LINE_END") : this.#badField();
        i++;
        phase = LINE_END;
        if (i === end) break;
      }
      if (phase === LINE_END) {
        if (bytes[i] !== LF) throw new RemoteError("WIRE_BAD_LINE_END");
        let valueEnd = i - 1;
        const valueStart = start + this.#valueStart;
        while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--;
        scratch[marked] = lineStart - this.#fieldsStart;
        scratch[marked + 1] = this.#nameEnd - this.#fieldsStart;
        scratch[marked + 2] = this.#valueStart - this.#fieldsStart;
        scratch[marked + 3] = valueEnd - start - this.#fieldsStart;
        marked += 4;
        i++;
        phase = LINE;
        continue;
      }
      if (phase === LAST_END) {
        if (bytes[i] !== LF) throw new RemoteError("WIRE_BAD_LINE_END");
        this.#at = i + 1 - start;
        this.#marked = marked;
        return true;
      }
    }
    this.#at = i - start;
    this.#phase = phase;
    this.#marked = marked;
    this.#lineStart = lineStart;
    return false;
  }

  #suspend(): false {
    this.#saved = scratch.slice(0, this.#marked);
    return false;
  }

  #restore(): void {
    const saved = this.#saved as number[];
    for (let i = 0; i < saved.length; i++) scratch[i] = saved[i] as number;
    this.#saved = null;
  }

  #finish(buffer: ReceiveBuffer): void {
    const { bytes, start } = buffer;
    const from = start + this.#fieldsStart;
    const to = start + this.#at;
    if (this.#marked === 0) {
      this.block = NO_FIELDS;
      return;
    }
    const text = latin1(bytes, from, to);
    const marks = scratch.slice(0, this.#marked);
    this.block = { text, marks, facts: readFacts(text, marks) };
    if (this.#section === "request" && this.#misses < REUSE_MISSES && to - start <= REUSED_HEAD_BYTES) {
      this.#misses++;
      const { method, target, version } = this.start;
      const known = Uint8Array.prototype.slice.call(bytes, start, to);
      this.#last = { bytes: known, fieldsStart: this.#fieldsStart, method, target, version, block: this.block };
    } else {
      this.#last = null;
    }
  }

  // Equal byte for byte: whatever reading it would have found or refused, it found the last time.
  #sameHead(buffer: ReceiveBuffer): boolean {
    const last = this.#last;
    if (last === null || buffer.length < last.bytes.length) return false;
    if (!sameBytes(buffer.bytes, buffer.start, last.bytes, 0)) return false;
    const { start } = this;
    start.method = last.method;
    start.target = last.target;
    start.version = last.version;
    this.block = last.block;
    this.#misses = 0;
    buffer.start += last.bytes.length;
    return true;
  }

  // The fields are, when the request line is not: comparing is a fifth of scanning.
  #sameFields(buffer: ReceiveBuffer): boolean {
    const last = this.#last;
    if (last === null || this.#phase !== LINE || this.#at !== this.#fieldsStart) return false;
    const { bytes, start, end } = buffer;
    const from = start + this.#at;
    const length = last.bytes.length - last.fieldsStart;
    if (end - from < length || this.#at + length > this.#limits.headBytes) return false;
    if (!sameBytes(bytes, from, last.bytes, last.fieldsStart)) return false;
    this.#misses = 0;
    this.block = last.block;
    this.#at += length;
    return true;
  }

  #badField(): RemoteError {
    return new RemoteError(this.#section === "trailers" ? "WIRE_BAD_TRAILER" : "WIRE_BAD_FIELD");
  }
}

// Names are shorter: four octets a step.
function nameEndFrom(bytes: Uint8Array, from: number, end: number): number {
  let i = from;
  for (const last = end - 3; i < last; i += 4) {
    if ((TOKEN[bytes[i]!]! & TOKEN[bytes[i + 1]!]! & TOKEN[bytes[i + 2]!]! & TOKEN[bytes[i + 3]!]!) !== 1) break;
  }
  while (i < end && TOKEN[bytes[i]!] === 1) i++;
  return i;
}

// Eight octets a step: 0.46 instead of 0.76 ns an octet, and values are most of a head.
function valueEndFrom(bytes: Uint8Array, from: number, end: number): number {
  const T = FIELD_VALUE;
  const b = bytes;
  let i = from;
  for (const last = end - 7; i < last; i += 8) {
    const low = T[b[i]!]! & T[b[i + 1]!]! & T[b[i + 2]!]! & T[b[i + 3]!]!;
    if ((low & T[b[i + 4]!]! & T[b[i + 5]!]! & T[b[i + 6]!]! & T[b[i + 7]!]!) !== 1) break;
  }
  while (i < end && T[b[i]!] === 1) i++;
  return i;
}

// Below this many octets a loop is faster than the call into native code.
const LOOP_BYTES = 96;

const { compare } = Buffer.prototype;

/** Whether what begins at `at` equals `other` from `from` to its end. */
function sameBytes(bytes: Uint8Array, at: number, other: Uint8Array, from: number): boolean {
  const length = other.length - from;
  if (length > LOOP_BYTES) return compare.call(bytes, other, from, other.length, at, at + length) === 0;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== other[from + i]) return false;
  return true;
}
