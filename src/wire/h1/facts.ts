// What the field lines of a head say of the message and the connection, gathered once for each distinct block: Host, the two
// lengths, Connection, Expect, Upgrade. Says nothing of whether they may stand together: that is framing.ts.
import { type FieldBlock, Fields, fieldsOver } from "../../message/fields.ts";
import { hasMember } from "../../message/token.ts";

export interface Facts {
  /** How many Host lines there are, and the first one's value. */
  readonly hosts: number;
  readonly host: string;
  /** The values of all Content-Length lines, joined by commas; null where there are none. */
  readonly length: string | null;
  /** The same of Transfer-Encoding. */
  readonly codings: string | null;
  readonly close: boolean;
  readonly keepAlive: boolean;
  /** Upgrade is there, and Connection names it (RFC 9110 §7.8). */
  readonly upgrade: boolean;
  readonly expect: string | null;
}

/** The field lines of a head, with what they say of the message. Shared between requests, so never written to. */
export interface HeadBlock extends FieldBlock {
  readonly facts: Facts;
}

export const NO_FACTS: Facts = {
  hosts: 0,
  host: "",
  length: null,
  codings: null,
  close: false,
  keepAlive: false,
  upgrade: false,
  expect: null,
};

export const NO_FIELDS: HeadBlock = { text: "", marks: [], facts: NO_FACTS };

/** The fields of a block. */
export function fieldsOf(block: HeadBlock): Fields {
  return block.marks.length === 0 ? new Fields() : fieldsOver(block);
}

function isNamed(text: string, start: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if ((text.charCodeAt(start + i) | 0x20) !== name.charCodeAt(i)) return false;
  }
  return true;
}

function join(before: string | null, value: string): string {
  return before === null ? value : `${before},${value}`;
}

/** Reads the facts of field lines: `marks` are four offsets a line into the text. */
export function readFacts(text: string, marks: readonly number[]): Facts {
  let hosts = 0;
  let host = "";
  let length: string | null = null;
  let codings: string | null = null;
  let connection: string | null = null;
  let upgrade = false;
  let expect: string | null = null;
  for (let i = 0; i < marks.length; i += 4) {
    const start = marks[i] as number;
    // The length of the name tells most of them apart from those that matter. `| 0x20` folds more than letters, but no
    // other octet of a token falls on a letter or a hyphen of these names.
    switch ((marks[i + 1] as number) - start) {
      case 4:
        if (isNamed(text, start, "host") && hosts++ === 0) host = text.slice(marks[i + 2], marks[i + 3]);
        break;
      case 6:
        if (isNamed(text, start, "expect")) expect = join(expect, text.slice(marks[i + 2], marks[i + 3]));
        break;
      case 7:
        if (isNamed(text, start, "upgrade")) upgrade = true;
        break;
      case 10:
        if (isNamed(text, start, "connection")) connection = join(connection, text.slice(marks[i + 2], marks[i + 3]));
        break;
      case 14:
        if (isNamed(text, start, "content-length")) length = join(length, text.slice(marks[i + 2], marks[i + 3]));
        break;
      case 17:
        if (isNamed(text, start, "transfer-encoding")) codings = join(codings, text.slice(marks[i + 2], marks[i + 3]));
        break;
    }
  }
  return {
    hosts,
    host,
    length,
    codings,
    close: connection !== null && hasMember(connection, "close"),
    keepAlive: connection !== null && hasMember(connection, "keep-alive"),
    upgrade: upgrade && connection !== null && hasMember(connection, "upgrade"),
    expect,
  };
}
