// The answer that a program writes: header lines, an empty line, and the rest is the body (RFC 3875 §6). Read from pieces as they
// come, and bounded: whatever is no such head is refused before anything of it reaches the client.
import { Fields } from "../message/fields.ts";
import { type Reply, reply } from "../message/reply.ts";

/** What was written is no answer. The message is for the owner of the program. */
export class Malformed extends Error {}

type Piece = Uint8Array | string;
export type Pieces = AsyncIterator<Piece>;

/** A head that was read, and the body behind it. */
export interface Document {
  /** Of a line `HTTP/1.1 200 OK`, or of the field Status; undefined where neither is there. */
  readonly status: number | undefined;
  readonly reason: string | undefined;
  /** Without Status, and without what is the engine's to say. */
  readonly fields: Fields;
  readonly body: AsyncIterable<Piece>;
}

const HEAD_BYTES = 65_536;
/** Bytes of a body that wait until it is known whether the length that came with it is true. */
const HELD_BYTES = 65_536;
const FIELDS = 200;

/** Fields between a server and its client (RFC 9110 §7.6.1): a program has no connection of its own. */
const OF_THE_CONNECTION = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"];

/**
 * Reads the head.
 *
 * @param statusLine whether it may begin with a status line; in CGI that would be a script for another interface.
 * @throws Malformed; what the pieces throw.
 */
export async function readDocument(pieces: Pieces, statusLine: "allowed" | "refused"): Promise<Document> {
  const { head, rest } = await readHead(pieces);
  const lines = head.split(/\r?\n/);
  const first = /^HTTP\/\d(?:\.\d)? (\d{3})(?: (.*))?$/.exec(lines[0] ?? "");
  if (first !== null && statusLine === "refused") throw new Malformed("It wrote a status line.");
  if (first !== null) lines.shift();
  const fields = fieldsOf(lines);
  const [, digits, reason] = first ?? statusField(fields);
  for (const name of OF_THE_CONNECTION) fields.delete(name);
  fields.delete("status");
  const status = digits === undefined ? undefined : Number(digits);
  if (status !== undefined && status < 200) throw new Malformed(`Its status is ${digits}.`);
  const body = iterable(joined(rest.length > 0 ? [rest] : [], pieces));
  // A status line is sent as it was given, without a phrase too; of a field Status it may be left out.
  return { status, reason: first === null ? reason || undefined : (reason ?? ""), fields, body };
}

/** A document as a reply. @param status where it has none. */
export function documentReply({ status, reason, fields, body }: Document, otherwise: number): Reply {
  return reply(status ?? otherwise, fields, body, reason === undefined ? undefined : { reason });
}

async function readHead(pieces: Pieces): Promise<{ readonly head: string; readonly rest: Buffer }> {
  // Joined once, and what was looked at is not looked at again: a program may write its head byte by byte.
  const before: string[] = [];
  let length = 0;
  let last = "";
  for (;;) {
    const step = await pieces.next();
    if (step.done === true) {
      const text = before.join("") + last;
      throw new Malformed(`It ended before its head did: ${JSON.stringify(text.slice(0, 200))}`);
    }
    const piece = typeof step.value === "string" ? Buffer.from(step.value) : step.value;
    // A byte a character; an empty line may have begun with the last three.
    const kept = last.length - Math.min(3, last.length);
    if (kept > 0) before.push(last.slice(0, kept));
    length += kept;
    last = last.slice(kept) + Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString("latin1");
    const end = /\r?\n\r?\n/.exec(last);
    if (end === null && length + last.length <= HEAD_BYTES) continue;
    if (end === null || length + end.index > HEAD_BYTES) {
      throw new Malformed(`Its head is longer than ${HEAD_BYTES} octets.`);
    }
    const head = before.join("") + last.slice(0, end.index);
    return { head, rest: Buffer.from(last.slice(end.index + end[0].length), "latin1") };
  }
}

function fieldsOf(lines: readonly string[]): Fields {
  if (lines.length > FIELDS) throw new Malformed(`It wrote more than ${FIELDS} fields.`);
  const fields = new Fields();
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon < 1) throw new Malformed(`It wrote a line that is no field: ${JSON.stringify(line.slice(0, 200))}`);
    try {
      fields.add(line.slice(0, colon), line.slice(colon + 1).trim());
    } catch (cause) {
      throw new Malformed("It wrote a field that cannot be sent.", { cause });
    }
  }
  declaredLength(fields);
  // Its body would have a framing of its own, and be framed once more.
  if (fields.has("transfer-encoding")) throw new Malformed("It wrote Transfer-Encoding.");
  return fields;
}

function statusField(fields: Fields): readonly (string | undefined)[] {
  const status = fields.get("status");
  if (status === undefined) return [];
  const parts = /^(\d{3})(?: (.*))?$/.exec(status);
  if (parts === null) throw new Malformed(`Its Status is ${JSON.stringify(status)}.`);
  return parts;
}

/**
 * The document with a length that is true: many a program counts characters. As much as HELD_BYTES is held until the length that came
 * with it is reached or missed, and is then sent as it was written, framed anew where the length was wrong. Behind that the head has
 * promised it: what is more is dropped, and what is less cuts the reply off.
 *
 * @param told is told, once, that the length was wrong; where it is reached only behind the head, later.
 * @throws what the pieces throw.
 */
export async function measured(document: Document, told: (flaw: Malformed) => void): Promise<Document> {
  const declared = declaredLength(document.fields);
  if (declared === undefined) return document;
  const pieces = document.body[Symbol.asyncIterator]();
  const held: Piece[] = [];
  let bytes = 0;
  while (bytes < declared && bytes < HELD_BYTES) {
    const step = await pieces.next();
    if (step.done === true) {
      told(wrongLength(declared, `${bytes}`));
      document.fields.set("Content-Length", String(bytes));
      return { ...document, body: iterable(joined(held, pieces)) };
    }
    held.push(step.value);
    bytes += Buffer.byteLength(step.value);
  }
  if (bytes <= declared) return { ...document, body: iterable(exactly(declared, joined(held, pieces), told)) };
  told(wrongLength(declared, "more"));
  document.fields.delete("Content-Length");
  return { ...document, body: iterable(joined(held, pieces)) };
}

/** @throws Malformed where Content-Length is no length. */
function declaredLength(fields: Fields): number | undefined {
  const values = fields.all("content-length");
  if (values.length === 0) return undefined;
  const [text = ""] = values;
  if (values.length === 1 && /^\d{1,15}$/.test(text)) return Number(text);
  throw new Malformed(`Its Content-Length is ${JSON.stringify(values.join(", "))}.`);
}

function wrongLength(declared: number, written: string): Malformed {
  return new Malformed(
    `It wrote ${written} bytes where its Content-Length is ${declared}; bytes count, not characters.`,
  );
}

const iterable = (pieces: Pieces): AsyncIterable<Piece> => ({ [Symbol.asyncIterator]: () => pieces });

/** What is here, and then the rest of the pieces. By hand: return() must not wait for a piece. */
function joined(here: Piece[], rest: Pieces): Pieces {
  return {
    next() {
      const value = here.shift();
      return value === undefined ? rest.next() : Promise.resolve({ done: false, value });
    },
    return: () => leave(rest),
  };
}

/** Pieces of so many bytes. @throws Malformed, from its next(), where there are fewer. */
function exactly(length: number, pieces: Pieces, told: (flaw: Malformed) => void): Pieces {
  let left = length;
  let flaw: Malformed | null = null;
  return {
    async next() {
      for (;;) {
        const step = await pieces.next();
        if (step.done === true && left > 0) throw wrongLength(length, `${length - left}`);
        if (step.done === true) return step;
        const bytes = typeof step.value === "string" ? Buffer.from(step.value) : step.value;
        const value = bytes.subarray(0, left);
        left -= value.length;
        if (value.length < bytes.length && flaw === null) told((flaw = wrongLength(length, "more")));
        if (value.length > 0) return { done: false, value };
      }
    },
    return: () => leave(pieces),
  };
}

function leave(pieces: Pieces): Promise<IteratorResult<Piece>> {
  return pieces.return?.() ?? Promise.resolve({ done: true, value: undefined });
}
