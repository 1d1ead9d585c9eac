// What the field lines of a head say of the message and the connection, gathered once for each distinct block: Host, the two
// lengths, Connection, Expect, Upgrade. Says nothing of whether they may stand together: that is framing.ts.
import { type FieldBlock, Fields, fieldsOver } from "../../message/fields.ts";
import { parseAuthority } from "../../message/target.ts";
import { detached, hasMember } from "../../message/token.ts";

export interface Facts {
  /** How many Host lines there are, the first one's value, and whether that is one. */
  readonly hosts: number;
  readonly host: string;
  readonly hostValid: boolean;
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
  hostValid: false,
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

// The fields that matter, by the length of their names: that alone tells most others apart.
const NAMES: readonly (string | null)[] = Array.from({ length: 18 }, (_, length) => {
  const names = ["host", "expect", "upgrade", "connection", "content-length", "transfer-encoding"];
  return names.find((name) => name.length === length) ?? null;
});

/** The name of a field that matters, or null. */
function nameThatMatters(text: string, start: number, end: number): string | null {
  const length = end - start;
  const name = length < NAMES.length ? (NAMES[length] as string | null) : null;
  if (name === null) return null;
  // `| 0x20` folds more than letters, but no other octet of a token falls on a letter or a hyphen of these names.
  for (let i = 0; i < name.length; i++) {
    if ((text.charCodeAt(start + i) | 0x20) !== name.charCodeAt(i)) return null;
  }
  return name;
}

// Clients of one server name the same host, again and again: the last valid one is not read anew.
let lastHost = "";

function isHost(host: string): boolean {
  if (host === lastHost) return true;
  if (parseAuthority(host) === undefined) return false;
  lastHost = detached(host);
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
    const name = nameThatMatters(text, marks[i] as number, marks[i + 1] as number);
    if (name === null) continue;
    const value = text.slice(marks[i + 2], marks[i + 3]);
    switch (name) {
      case "host":
        if (hosts++ === 0) host = value;
        break;
      case "connection":
        connection = join(connection, value);
        break;
      case "content-length":
        length = join(length, value);
        break;
      case "transfer-encoding":
        codings = join(codings, value);
        break;
      case "expect":
        expect = join(expect, value);
        break;
      default:
        upgrade = true;
    }
  }
  // What browsers say, before it is taken apart three times.
  const plain = connection === null || connection === "keep-alive";
  const says = (member: string): boolean => !plain && hasMember(connection as string, member);
  return {
    hosts,
    host,
    hostValid: hosts > 0 && isHost(host),
    length,
    codings,
    close: says("close"),
    keepAlive: connection === "keep-alive" || says("keep-alive"),
    upgrade: upgrade && says("upgrade"),
    expect,
  };
}
