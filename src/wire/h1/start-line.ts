// The first line of a message: request line (RFC 9112 §3) or status line (§4). Stops at any octet and goes on where it
// stopped; each octet is looked at once, and an error depends on the octets up to it alone.
import { RemoteError } from "../../base/errors.ts";
import type { Version } from "../../message/head.ts";
import { FIELD_VALUE, TARGET, TOKEN } from "../../message/token.ts";
import type { ReceiveBuffer } from "./buffer.ts";
import type { WireLimits } from "./limits.ts";

const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const ZERO = 0x30;
const HTTP_1 = Buffer.from("HTTP/1.", "latin1");

type Part = "empty-lines" | "method" | "target" | "version" | "status" | "reason" | "line-end" | "done";

export class StartLineParser {
  /** Octets read so far, from the start of the buffer, which stays where the message begins until its head is whole. */
  at = 0;
  method = "GET";
  target = "";
  version: Version = "1.1";
  status = 0;
  reason = "";
  readonly #kind: "request" | "response";
  readonly #limits: WireLimits;
  #part: Part;
  #lineStart = 0;
  #methodEnd = 0;
  #targetEnd = 0;

  constructor(kind: "request" | "response", limits: WireLimits) {
    this.#kind = kind;
    this.#limits = limits;
    this.#part = this.#first;
  }

  get #first(): Part {
    return this.#kind === "request" ? "empty-lines" : "version";
  }

  /** Whether a request has begun and its method is read: the answer to a refused one depends on it. */
  get named(): boolean {
    return this.#kind === "request" && this.#part !== "empty-lines" && this.#part !== "method";
  }

  /** Whether nothing but empty lines has come (RFC 9112 §2.2). */
  get blank(): boolean {
    return this.#part === "empty-lines";
  }

  /** Ready for the next message. */
  reset(): void {
    this.at = 0;
    this.#part = this.#first;
  }

  /** Reads on. True: the line is whole. @throws RemoteError. */
  parse(buffer: ReceiveBuffer): boolean {
    if (this.#part === "done") return true;
    if (this.#part === "empty-lines" && !this.#emptyLines(buffer)) return false;
    if (this.#part === "method" && !this.#methodPart(buffer)) return false;
    if (this.#part === "target" && !this.#targetPart(buffer)) return false;
    if (this.#part === "version" && !this.#versionPart(buffer)) return false;
    if (this.#part === "status" && !this.#statusPart(buffer)) return false;
    if (this.#part === "reason" && !this.#reasonPart(buffer)) return false;
    if (!this.#lineEnd(buffer)) return false;
    this.#part = "done";
    if (this.#kind === "request") this.#readRequestLine(buffer);
    return true;
  }

  // RFC 9112 §2.2: at least one empty line before the request line is to be ignored. They count into the size of the head.
  #emptyLines(buffer: ReceiveBuffer): boolean {
    const { bytes, start, end } = buffer;
    let i = start + this.at;
    for (; i < end; i++) {
      const octet = bytes[i] as number;
      if ((i - start) % 2 === 0 ? octet === CR : octet === LF) continue;
      if ((i - start) % 2 === 1) throw new RemoteError("WIRE_BAD_LINE_END");
      if (octet === LF) throw new RemoteError("WIRE_BAD_LINE_END");
      break;
    }
    this.at = i - start;
    this.#headLimit();
    if (i === end) return false;
    this.#lineStart = this.at;
    this.#part = "method";
    return true;
  }

  #methodPart(buffer: ReceiveBuffer): boolean {
    const { bytes, start, end } = buffer;
    const from = start + this.#lineStart;
    let i = start + this.at;
    while (i < end && TOKEN[bytes[i] as number] === 1) i++;
    this.at = i - start;
    // A method has no limit of its own; one that is longer than a target may be is none that is known (RFC 9112 §3: 501).
    if (i - from > this.#limits.targetBytes) throw new RemoteError("WIRE_METHOD_TOO_LONG");
    if (i === end) return false;
    if (bytes[i] !== SP || i === from) throw new RemoteError("WIRE_BAD_REQUEST_LINE");
    this.#methodEnd = this.at++;
    // A client often asks for the same again: comparing is a tenth of making a string.
    this.method = textOf(bytes, from, i, this.method);
    this.#part = "target";
    return true;
  }

  #targetPart(buffer: ReceiveBuffer): boolean {
    const { bytes, start, end } = buffer;
    const from = start + this.#methodEnd + 1;
    let i = start + this.at;
    while (i < end && TARGET[bytes[i] as number] === 1) i++;
    this.at = i - start;
    if (i - from > this.#limits.targetBytes) throw new RemoteError("WIRE_TARGET_TOO_LONG");
    if (i === end) return false;
    if (i === from) throw new RemoteError("WIRE_BAD_REQUEST_LINE");
    if (bytes[i] !== SP) throw new RemoteError(bytes[i] === CR ? "WIRE_BAD_REQUEST_LINE" : "WIRE_BAD_TARGET");
    this.#targetEnd = this.at++;
    this.#part = "version";
    return true;
  }

  // RFC 9112 §2.3: HTTP-version = "HTTP/" DIGIT "." DIGIT, in capitals.
  #versionPart(buffer: ReceiveBuffer): boolean {
    const { bytes, start, end } = buffer;
    const from = this.#kind === "request" ? this.#targetEnd + 1 : 0;
    for (; start + this.at < end; this.at++) {
      const octet = bytes[start + this.at] as number;
      const place = this.at - from;
      if (place === 5) {
        if (octet < ZERO || octet > ZERO + 9) throw this.#malformed();
      } else if (place < 7) {
        if (octet !== HTTP_1[place]) throw this.#malformed();
      } else if (place === 7) {
        if (octet < ZERO || octet > ZERO + 9) throw this.#malformed();
      } else {
        this.#readVersion(bytes[start + from + 5] as number, bytes[start + from + 7] as number, octet);
        this.at++;
        return true;
      }
    }
    return false;
  }

  #readVersion(major: number, minor: number, next: number): void {
    if (next !== (this.#kind === "request" ? CR : SP)) {
      if (next === LF) throw new RemoteError("WIRE_BAD_LINE_END");
      throw this.#malformed();
    }
    if (major !== ZERO + 1 || minor > ZERO + 1) throw new RemoteError("WIRE_BAD_VERSION");
    this.version = minor === ZERO ? "1.0" : "1.1";
    this.#part = this.#kind === "request" ? "line-end" : "status";
  }

  // RFC 9112 §4: three digits and a space, which stands there even where no reason follows.
  #statusPart(buffer: ReceiveBuffer): boolean {
    const { bytes, start, end } = buffer;
    for (; start + this.at < end; this.at++) {
      const octet = bytes[start + this.at] as number;
      const place = this.at - 9;
      if (place < 3) {
        const lowest = place === 0 ? ZERO + 1 : ZERO;
        if (octet < lowest || octet > ZERO + 9) throw new RemoteError("WIRE_BAD_STATUS_LINE");
        this.status = (place === 0 ? 0 : this.status * 10) + octet - ZERO;
      } else {
        if (octet !== SP) throw new RemoteError("WIRE_BAD_STATUS_LINE");
        this.at++;
        this.#part = "reason";
        return true;
      }
    }
    return false;
  }

  #reasonPart(buffer: ReceiveBuffer): boolean {
    const { bytes, start, end } = buffer;
    let i = start + this.at;
    while (i < end && FIELD_VALUE[bytes[i] as number] === 1) i++;
    this.at = i - start;
    this.#headLimit();
    if (i === end) return false;
    if (bytes[i] !== CR) throw new RemoteError(bytes[i] === LF ? "WIRE_BAD_LINE_END" : "WIRE_BAD_STATUS_LINE");
    this.reason = latin1(bytes, start + 13, i);
    this.at++;
    this.#part = "line-end";
    return true;
  }

  #readRequestLine(buffer: ReceiveBuffer): void {
    const { bytes, start } = buffer;
    this.target = textOf(bytes, start + this.#methodEnd + 1, start + this.#targetEnd, this.target);
  }

  #lineEnd(buffer: ReceiveBuffer): boolean {
    const i = buffer.start + this.at;
    if (i === buffer.end) return false;
    if (buffer.bytes[i] !== LF) throw new RemoteError("WIRE_BAD_LINE_END");
    this.at++;
    return true;
  }

  #malformed(): RemoteError {
    return new RemoteError(this.#kind === "request" ? "WIRE_BAD_REQUEST_LINE" : "WIRE_BAD_STATUS_LINE");
  }

  #headLimit(): void {
    if (this.at > this.#limits.headBytes) throw new RemoteError("WIRE_HEAD_TOO_LARGE");
  }
}

// Taken once: the global Buffer is a getter, which shows in a profile.
const { latin1Slice } = Buffer.prototype;

/** Octets as Latin-1 text. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  return latin1Slice.call(bytes, start, end);
}

/** The same, where it may well be `likely`. */
function textOf(bytes: Uint8Array, start: number, end: number, likely: string): string {
  const { length } = likely;
  if (end - start !== length) return latin1(bytes, start, end);
  for (let i = 0; i < length; i++) if (bytes[start + i] !== likely.charCodeAt(i)) return latin1(bytes, start, end);
  return likely;
}
