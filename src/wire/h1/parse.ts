// Bytes to head (RFC 9112 §2 to §5): start line and field lines, one pass over 256-entry tables. The scan can stop at any
// byte and goes on where it stopped, and an error depends on the bytes up to it alone: so what is reported does not depend
// on how the input was cut, and each byte is looked at once.
//
// Knows the grammar of lines. What the fields mean for the message is framing.ts's to say.
import { RemoteError } from "../../base/errors.ts";
import type { Version } from "../../message/head.ts";
import { FIELD_VALUE, TARGET, TOKEN } from "../../message/token.ts";
import type { ReceiveBuffer } from "./buffer.ts";
import { type HeadBlock, NO_FIELDS, readFacts } from "./facts.ts";
import { type Leniency, REUSE_MISSES, REUSED_BLOCK_BYTES, type WireLimits } from "./limits.ts";

const HTAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const COLON = 0x3a;
const ZERO = 0x30;

/** What the section begins with. Trailers have no start line. */
export type Section = "request" | "response" | "trailers";

// Where the scan stands: what the next octet belongs to.
const EMPTY_LINES = 0;
const METHOD = 1;
const TARGET_PART = 2;
const VERSION = 3;
const STATUS = 4;
const REASON = 5;
const START_END = 6;
const LINE = 7;
const NAME = 8;
const LEAD = 9;
const VALUE = 10;
const LINE_END = 11;
const LAST_END = 12;

const FIRST: Readonly<Record<Section, number>> = { request: EMPTY_LINES, response: VERSION, trailers: LINE };
const HTTP_1 = Buffer.from("HTTP/1.", "latin1");

// Offsets are gathered here and copied once a head is whole: four a line, relative to the first line.
const scratch: number[] = [];

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
  // The start line.
  #methodEnd = 0;
  #targetEnd = 0;
  #fieldsStart = 0;
  /** After parse(): what the start line says. */
  method = "";
  target = "";
  version: Version = "1.1";
  status = 0;
  reason = "";
  block: HeadBlock = NO_FIELDS;
  // The previous block of this connection: the fields of one client's requests are mostly the same bytes.
  #lastBytes: Uint8Array | null = null;
  #last: HeadBlock = NO_FIELDS;
  #misses = 0;

  constructor(section: Section, limits: WireLimits, leniency: Leniency) {
    this.#section = section;
    this.#limits = limits;
    this.#leniency = leniency;
    this.#phase = FIRST[section];
  }

  /** Whether a section has begun and is not whole. */
  get begun(): boolean {
    return this.#phase !== FIRST[this.#section] || this.#at > 0;
  }

  /**
   * Reads on. True: the section is whole, its octets are taken from the buffer, and the properties say what it was.
   *
   * @throws RemoteError with the status that refuses it.
   */
  parse(buffer: ReceiveBuffer): boolean {
    if (buffer.length <= this.#at) return false;
    if (this.#phase <= START_END && !this.#startLine(buffer)) return false;
    if (!this.#reuse(buffer)) {
      if (this.#saved !== null) this.#restore();
      if (!this.#fieldLines(buffer)) return this.#suspend();
      this.#finish(buffer);
    }
    buffer.start += this.#at;
    this.#phase = FIRST[this.#section];
    this.#at = 0;
    this.#marked = 0;
    return true;
  }

  /** An idle connection holds on to nothing: the block kept for comparison goes. */
  rest(): void {
    this.#lastBytes = null;
    this.#last = NO_FIELDS;
    this.block = NO_FIELDS;
    this.target = "";
  }

  #startLine(buffer: ReceiveBuffer): boolean {
    if (this.#phase === EMPTY_LINES && !this.#emptyLines(buffer)) return false;
    if (this.#phase === METHOD && !this.#methodPart(buffer)) return false;
    if (this.#phase === TARGET_PART && !this.#targetPart(buffer)) return false;
    if (this.#phase === VERSION && !this.#versionPart(buffer)) return false;
    if (this.#phase === STATUS && !this.#statusPart(buffer)) return false;
    if (this.#phase === REASON && !this.#reasonPart(buffer)) return false;
    if (!this.#expect(buffer, LF, "WIRE_BAD_LINE_END")) return false;
    this.#fieldsStart = this.#at;
    this.#phase = LINE;
    if (this.#section === "request") this.#readRequestLine(buffer);
    return true;
  }

  // RFC 9112 §2.2: at least one empty line before the request line is to be ignored. They count into the size of the head.
  #emptyLines(buffer: ReceiveBuffer): boolean {
    const { bytes, start, end } = buffer;
    let i = start + this.#at;
    for (; i < end; i++) {
      const octet = bytes[i] as number;
      if ((i - start) % 2 === 0 ? octet === CR : octet === LF) continue;
      if ((i - start) % 2 === 1) throw new RemoteError("WIRE_BAD_LINE_END");
      if (octet === LF) throw new RemoteError("WIRE_BAD_LINE_END");
      break;
    }
    this.#at = i - start;
    this.#headLimit();
    if (i === end) return false;
    this.#lineStart = this.#at;
    this.#phase = METHOD;
    return true;
  }

  #methodPart(buffer: ReceiveBuffer): boolean {
    const { bytes, start, end } = buffer;
    const from = start + this.#lineStart;
    let i = start + this.#at;
    while (i < end && TOKEN[bytes[i] as number] === 1) i++;
    this.#at = i - start;
    // A method has no limit of its own in the RFC; one that is longer than this is none (RFC 9112 §3: 501).
    if (i - from > this.#limits.targetBytes) throw new RemoteError("WIRE_BAD_REQUEST_LINE", "The method is too long.");
    if (i === end) return false;
    if (bytes[i] !== SP || i === from) throw new RemoteError("WIRE_BAD_REQUEST_LINE");
    this.#methodEnd = this.#at++;
    this.#phase = TARGET_PART;
    return true;
  }

  #targetPart(buffer: ReceiveBuffer): boolean {
    const { bytes, start, end } = buffer;
    const from = start + this.#methodEnd + 1;
    let i = start + this.#at;
    while (i < end && TARGET[bytes[i] as number] === 1) i++;
    this.#at = i - start;
    if (i - from > this.#limits.targetBytes) throw new RemoteError("WIRE_TARGET_TOO_LONG");
    if (i === end) return false;
    if (i === from) throw new RemoteError("WIRE_BAD_REQUEST_LINE");
    if (bytes[i] !== SP) throw new RemoteError(bytes[i] === CR ? "WIRE_BAD_REQUEST_LINE" : "WIRE_BAD_TARGET");
    this.#targetEnd = this.#at++;
    this.#phase = VERSION;
    return true;
  }

  // RFC 9112 §2.3: HTTP-version = "HTTP/" DIGIT "." DIGIT, in capitals.
  #versionPart(buffer: ReceiveBuffer): boolean {
    const { bytes, start, end } = buffer;
    const from = this.#section === "request" ? this.#targetEnd + 1 : 0;
    for (; start + this.#at < end; this.#at++) {
      const octet = bytes[start + this.#at] as number;
      const place = this.#at - from;
      if (place === 5) {
        if (octet < ZERO || octet > ZERO + 9) throw new RemoteError("WIRE_BAD_REQUEST_LINE");
      } else if (place < 7) {
        if (octet !== HTTP_1[place]) throw new RemoteError("WIRE_BAD_REQUEST_LINE");
      } else if (place === 7) {
        if (octet < ZERO || octet > ZERO + 9) throw new RemoteError("WIRE_BAD_REQUEST_LINE");
      } else {
        this.#readVersion(bytes[start + from + 5] as number, bytes[start + from + 7] as number, octet);
        this.#at++;
        return true;
      }
    }
    return false;
  }

  #readVersion(major: number, minor: number, next: number): void {
    if (next !== (this.#section === "request" ? CR : SP)) {
      if (next === LF) throw new RemoteError("WIRE_BAD_LINE_END");
      throw new RemoteError(this.#section === "request" ? "WIRE_BAD_REQUEST_LINE" : "WIRE_BAD_STATUS_LINE");
    }
    if (major !== ZERO + 1 || minor > ZERO + 1) throw new RemoteError("WIRE_BAD_VERSION");
    this.version = minor === ZERO ? "1.0" : "1.1";
    this.#phase = this.#section === "request" ? START_END : STATUS;
  }

  // RFC 9112 §4: three digits and a space, which stands there even where no reason follows.
  #statusPart(buffer: ReceiveBuffer): boolean {
    const { bytes, start, end } = buffer;
    for (; start + this.#at < end; this.#at++) {
      const octet = bytes[start + this.#at] as number;
      const place = this.#at - 9;
      if (place < 3) {
        const lowest = place === 0 ? ZERO + 1 : ZERO;
        if (octet < lowest || octet > ZERO + 9) throw new RemoteError("WIRE_BAD_STATUS_LINE");
        this.status = (place === 0 ? 0 : this.status * 10) + octet - ZERO;
      } else {
        if (octet !== SP) throw new RemoteError("WIRE_BAD_STATUS_LINE");
        this.#at++;
        this.#phase = REASON;
        return true;
      }
    }
    return false;
  }

  #reasonPart(buffer: ReceiveBuffer): boolean {
    const { bytes, start, end } = buffer;
    let i = start + this.#at;
    while (i < end && FIELD_VALUE[bytes[i] as number] === 1) i++;
    this.#at = i - start;
    this.#headLimit();
    if (i === end) return false;
    if (bytes[i] !== CR) throw new RemoteError(bytes[i] === LF ? "WIRE_BAD_LINE_END" : "WIRE_BAD_STATUS_LINE");
    this.reason = latin1(bytes, start + 13, i);
    this.#at++;
    this.#phase = START_END;
    return true;
  }

  #readRequestLine(buffer: ReceiveBuffer): void {
    const { bytes, start } = buffer;
    this.method = readMethod(bytes, start + this.#lineStart, start + this.#methodEnd);
    this.target = latin1(bytes, start + this.#methodEnd + 1, start + this.#targetEnd);
  }

  /** Field lines up to and with the empty one. False: more bytes are needed. */
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
          phase = VALUE;
          continue;
        }
        if (octet === LF) throw new RemoteError("WIRE_BAD_LINE_END");
        if (marked >= limits.fields * 4) throw new RemoteError("WIRE_TOO_MANY_FIELDS");
        lineStart = i - start;
        phase = NAME;
      }
      if (phase === NAME) {
        while (i < end && TOKEN[bytes[i] as number] === 1) i++;
        if (i - start - lineStart > limits.fieldBytes || i - start > limits.headBytes) throw new RemoteError("WIRE_HEAD_TOO_LARGE");
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
          if (i - start - lineStart > limits.fieldBytes || i - start > limits.headBytes) throw new RemoteError("WIRE_HEAD_TOO_LARGE");
          break;
        }
        this.#valueStart = i - start;
        phase = VALUE;
      }
      if (phase === VALUE) {
        while (i < end && FIELD_VALUE[bytes[i] as number] === 1) i++;
        if (i - start - lineStart > limits.fieldBytes || i - start > limits.headBytes) throw new RemoteError("WIRE_HEAD_TOO_LARGE");
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
    if (this.#section === "request" && this.#misses < REUSE_MISSES && to - from <= REUSED_BLOCK_BYTES) {
      this.#misses++;
      this.#last = this.block;
      this.#lastBytes = Uint8Array.prototype.slice.call(bytes, from, to);
    } else {
      this.#lastBytes = null;
    }
  }

  // A browser sends the same fields with nearly every request: comparing the bytes is a fifth of scanning them. The blocks
  // are equal byte for byte, so whatever the scan would have found or refused, it found the last time.
  #reuse(buffer: ReceiveBuffer): boolean {
    const last = this.#lastBytes;
    if (last === null || this.#phase !== LINE || this.#marked !== 0 || this.#at !== this.#fieldsStart) return false;
    const { bytes, start, end } = buffer;
    const from = start + this.#at;
    if (end - from < last.length || !sameBytes(bytes, from, last)) return false;
    this.#misses = 0;
    this.block = this.#last;
    this.#at += last.length;
    return true;
  }

  #expect(buffer: ReceiveBuffer, octet: number, code: "WIRE_BAD_LINE_END"): boolean {
    const i = buffer.start + this.#at;
    if (i === buffer.end) return false;
    if (buffer.bytes[i] !== octet) throw new RemoteError(code);
    this.#at++;
    return true;
  }

  #headLimit(): void {
    if (this.#at > this.#limits.headBytes) throw new RemoteError("WIRE_HEAD_TOO_LARGE");
  }

  #badField(): RemoteError {
    return new RemoteError(this.#section === "trailers" ? "WIRE_BAD_TRAILER" : "WIRE_BAD_FIELD");
  }
}

/** Octets as Latin-1 text. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.prototype.latin1Slice.call(bytes, start, end);
}

// Below this many octets a loop is faster than the call into native code.
const LOOP_BYTES = 96;

function sameBytes(bytes: Uint8Array, at: number, other: Uint8Array): boolean {
  const { length } = other;
  if (length > LOOP_BYTES) return Buffer.prototype.compare.call(bytes, other, 0, length, at, at + length) === 0;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== other[i]) return false;
  return true;
}

const G = 0x47;
const P = 0x50;

function readMethod(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  const first = bytes[start];
  if (length === 3 && first === G && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x54) return "GET";
  if (length === 4 && first === P && bytes[start + 1] === 0x4f && bytes[start + 2] === 0x53 && bytes[start + 3] === 0x54) return "POST";
  return latin1(bytes, start, end);
}
