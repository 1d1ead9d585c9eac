// What both floors share: a fixed answer, and the counting of heads. A floor parses nothing: where heads come one at a time it
// looks at the last four bytes of what arrived, and only the pipelined workload makes it count every CRLFCRLF.
import { type Behaviour, HELLO, JSON_TYPE, TEXT, userOf } from "./content.ts";

const CR = 13;
const LF = 10;

/** The answers to `count` requests, as one Latin-1 string. */
export type Answers = (count: number) => string;

/** The date is written anew once a second, as every HTTP server has to. */
export function answersFor(behaviour: Behaviour): Answers {
  const [type, body] = behaviour === "users" ? [JSON_TYPE, JSON.stringify(userOf("12345"))] : [TEXT, HELLO];
  let made: string[] = [];
  setInterval(() => {
    made = [];
  }, 1000).unref();
  return (count) => {
    const known = made[count];
    if (known !== undefined) return known;
    const date = new Date().toUTCString();
    const one = `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\nDate: ${date}\r\n\r\n${body}`;
    return (made[count] = one.repeat(count));
  };
}

/** How many heads end in what arrived on one connection. */
export type HeadCounter = (bytes: Uint8Array, end: number) => number;

/** A counter for one connection; `every` heads of a pipeline, or the `last` only. */
export function headCounter(which: "every" | "last"): HeadCounter {
  if (which === "last") return endsHead;
  let seen = 0; // octets of CRLFCRLF that the bytes so far end with
  return (bytes, end) => {
    let count = 0;
    for (let at = 0; at < end; at++) {
      const byte = bytes[at];
      if (byte === (seen % 2 === 0 ? CR : LF)) seen++;
      else seen = byte === CR ? 1 : 0;
      if (seen === 4) {
        count++;
        seen = 0;
      }
    }
    return count;
  };
}

function endsHead(bytes: Uint8Array, end: number): number {
  return bytes[end - 1] === LF && bytes[end - 2] === CR && bytes[end - 3] === LF && bytes[end - 4] === CR ? 1 : 0;
}

/** Which counting a behaviour needs. */
export function countingOf(behaviour: Behaviour): "every" | "last" {
  return behaviour === "pipelined" ? "every" : "last";
}
