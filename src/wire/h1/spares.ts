// What an idle connection does without, and borrows as soon as something comes: a parser of heads, and a buffer of what was received.
// One of each is enough for all connections, as long as what comes in one piece is parsed at once.
import { ReceiveBuffer } from "./buffer.ts";
import type { Leniency, WireLimits } from "./limits.ts";
import { HeadParser } from "./parse.ts";

// A head mostly comes in one piece, and then its parser is needed during one call only: one that waits for the rest of a head
// keeps it. 0.3 KB an idle connection.
let spareParser: HeadParser | null = null;

/** A parser of request heads, until returnParser(). */
export function borrowParser(limits: WireLimits, leniency: Leniency): HeadParser {
  const parser = spareParser;
  if (parser === null || parser.limits !== limits || parser.leniency !== leniency) {
    return new HeadParser("request", limits, leniency);
  }
  spareParser = null;
  return parser;
}

/** Its head is read, and what was read of it is no longer needed. */
export function returnParser(parser: HeadParser): void {
  spareParser = parser;
}

/** The buffer of whoever waits for nothing: it stays empty. 64 octets an idle connection. */
export const NO_BYTES: ReceiveBuffer = new ReceiveBuffer();
let spareBuffer: ReceiveBuffer | null = null;

/** An empty buffer, until returnBuffer(). */
export function borrowBuffer(): ReceiveBuffer {
  const buffer = spareBuffer ?? new ReceiveBuffer();
  spareBuffer = null;
  return buffer;
}

/** @param buffer empty, and without storage: kept. */
export function returnBuffer(buffer: ReceiveBuffer): void {
  spareBuffer = buffer;
}
