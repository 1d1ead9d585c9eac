// Events to bytes: heads as Latin-1 text, bodies by length, in chunks, or until we close. The framing lines are written here
// and nowhere else (RFC 9112 §6, §7), so a message can never say one thing and do another.
import { LocalError } from "../../base/errors.ts";
import {
  CONNECTION,
  CONTENT_LENGTH,
  DATE,
  type Fields,
  kindsOf,
  type ReadonlyFields,
  TRANSFER_ENCODING,
  UPGRADE,
  wireText,
} from "../../message/fields.ts";
import type { RequestHead, ResponseHead } from "../../message/head.ts";
import { reason } from "../../message/status.ts";
import type { Framing } from "./framing.ts";

export type Out = (bytes: Uint8Array | string) => void;

/** What a body writer is asked. Each may be ended once. */
export interface BodyWriter {
  data(bytes: Uint8Array | string, out: Out): void;
  end(trailers: Fields | null, out: Out): void;
}

/** A field line that responses get unless they have that field. */
export interface DefaultLine {
  readonly name: string;
  readonly line: string;
}

const statusLines = new Map<number, string>();

function statusLine(status: number, phrase: string): string {
  if (phrase !== reason(status)) return `HTTP/1.1 ${status} ${phrase}\r\n`;
  let line = statusLines.get(status);
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${phrase}\r\n`;
    statusLines.set(status, line);
  }
  return line;
}

/** The head of a response (RFC 9112 §4), but for the lines that its framing and the connection need. */
export function responseHead(
  head: ResponseHead,
  framing: string,
  defaults: readonly DefaultLine[],
  date: string,
): string {
  const { headers } = head;
  let text = statusLine(head.status, head.reason) + wireText(headers) + framing;
  for (const each of defaults) if (!headers.has(each.name)) text += each.line;
  return (kindsOf(headers) & DATE) === 0 ? `${text}${date}\r\n` : `${text}\r\n`;
}

/** The lines that say how long a body is and what becomes of the connection. */
export function framingLines(
  headers: ReadonlyFields,
  framing: Framing | "none",
  connection: "close" | "keep-alive" | null,
): string {
  const kinds = kindsOf(headers);
  let text = "";
  if (framing === "chunked") text = "Transfer-Encoding: chunked\r\n";
  else if (typeof framing === "number" && (kinds & CONTENT_LENGTH) === 0) text = lengthLine(framing);
  // RFC 9110 §7.8: who sends Upgrade names it in Connection.
  if ((kinds & UPGRADE) !== 0 && !saysIn(headers, "upgrade")) text += "Connection: Upgrade\r\n";
  return connection === null || saysIn(headers, connection) ? text : `${text}Connection: ${connection}\r\n`;
}

// Most bodies are short: their lines are made once.
const LENGTH_LINES: readonly string[] = Array.from({ length: 2048 }, (_, length) => `Content-Length: ${length}\r\n`);

function lengthLine(length: number): string {
  return length < LENGTH_LINES.length ? (LENGTH_LINES[length] as string) : `Content-Length: ${length}\r\n`;
}

/** Whether the fields ask for the connection to be closed. */
export function saysClose(headers: ReadonlyFields): boolean {
  return saysIn(headers, "close");
}

function saysIn(headers: ReadonlyFields, member: string): boolean {
  return (
    (kindsOf(headers) & CONNECTION) !== 0 && headers.list("connection").some((each) => each.toLowerCase() === member)
  );
}

/** The head of an informational response: no framing, no Date needed (RFC 9110 §15.2, §6.6.1). */
export function informationalHead(head: ResponseHead): string {
  return `${statusLine(head.status, head.reason)}${wireText(head.headers)}\r\n`;
}

/** The head of a request (RFC 9112 §3). */
export function requestHead(head: RequestHead, framing: Framing): string {
  const { headers } = head;
  const kinds = kindsOf(headers);
  let text = `${head.method} ${head.target} HTTP/${head.version}\r\n${wireText(headers)}`;
  // RFC 9110 §8.6: a request without content says nothing, unless the method gives content a meaning.
  if (framing === "chunked") text += "Transfer-Encoding: chunked\r\n";
  else if (typeof framing === "number" && (kinds & CONTENT_LENGTH) === 0) {
    if (framing > 0 || head.method === "POST" || head.method === "PUT" || head.method === "PATCH") {
      text += `Content-Length: ${framing}\r\n`;
    }
  }
  return `${text}\r\n`;
}

/** The writer for a framing. */
export function bodyWriter(framing: Framing | "none"): BodyWriter {
  if (framing === "chunked") return CHUNKED;
  if (framing === "close") return UNTIL_CLOSE;
  if (framing === "none" || framing === 0) return NOTHING;
  return new LengthWriter(framing);
}

class LengthWriter implements BodyWriter {
  #remaining: number;

  constructor(length: number) {
    this.#remaining = length;
  }

  data(bytes: Uint8Array | string, out: Out): void {
    this.#remaining -= bytes.length;
    if (this.#remaining < 0) throw new LocalError("USE_BODY_LENGTH", `It is longer by ${-this.#remaining} or more.`);
    out(bytes);
  }

  end(): void {
    if (this.#remaining !== 0) throw new LocalError("USE_BODY_LENGTH", `It is shorter by ${this.#remaining}.`);
  }
}

const NOTHING: BodyWriter = {
  data(bytes) {
    if (bytes.length > 0) throw new LocalError("USE_BODY_NOT_ALLOWED");
  },
  end() {},
};

const UNTIL_CLOSE: BodyWriter = {
  data: (bytes, out) => out(bytes),
  end() {},
};

// RFC 9112 §7.1. An empty chunk would end the body, so it is none.
const CHUNKED: BodyWriter = {
  data(bytes, out) {
    if (bytes.length === 0) return;
    out(`${bytes.length.toString(16)}\r\n`);
    out(bytes);
    out("\r\n");
  },
  end(trailers, out) {
    // RFC 9110 §6.5.1: nothing in a trailer says where the message ends.
    if (trailers !== null && (kindsOf(trailers) & (TRANSFER_ENCODING | CONTENT_LENGTH)) !== 0) {
      throw new LocalError("USE_FRAMING_FIELD", "It stands in the trailers.");
    }
    out(trailers === null ? "0\r\n\r\n" : `0\r\n${wireText(trailers)}\r\n`);
  },
};
