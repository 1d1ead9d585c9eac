// What both floors share: answers made beforehand, and as little looking at what arrives as tells when one is due. A floor
// parses nothing of HTTP: where heads come one at a time it looks at the last four bytes of what arrived, where they are
// pipelined it counts every CRLFCRLF, a posted document is the end of one read, and of an upload it knows the length alone.
import { type Behaviour, HELLO, JSON_TYPE, POSTED, TEXT, userOf } from "./content.ts";

const CR = 13;
const LF = 10;

/** What is due to one connection, as Latin-1, after these octets of it; "" for nothing yet. */
export type Answerer = (bytes: Uint8Array, end: number) => string;

/** What answers the connections of a behaviour: one for each. */
export function answererFor(behaviour: Behaviour): () => Answerer {
  const answers = answersFor(behaviour);
  switch (behaviour) {
    case "echo":
      return () => echo;
    case "upload":
      return () => uploaded();
    default:
      return () => {
        const heads = headCounter(behaviour === "pipelined" ? "every" : "last");
        return (bytes, end) => {
          const count = heads(bytes, end);
          return count > 0 ? answers(count) : "";
        };
      };
  }
}

/** The least that can be done for a document: it is parsed and written again. */
const echo: Answerer = (bytes, end) => {
  const text = Buffer.prototype.utf8Slice.call(bytes, end - POSTED.length, end);
  return answer(JSON_TYPE, JSON.stringify(JSON.parse(text)));
};

function uploaded(): Answerer {
  let left = 0;
  let length = 0;
  return (bytes, end) => {
    if (left > 0) {
      left -= end;
    } else {
      const text = Buffer.prototype.latin1Slice.call(bytes, 0, Math.min(end, 2048));
      length = Number(/^content-length: *(\d+)/im.exec(text)?.[1]);
      left = length - (end - (text.indexOf("\r\n\r\n") + 4));
    }
    return left === 0 ? answer(TEXT, String(length)) : "";
  };
}

let date = "";

function answer(type: string, body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\nDate: ${date}\r\n\r\n${body}`;
}

/** The answers to `count` requests; the date is written anew once a second, as every HTTP server has to. */
function answersFor(behaviour: Behaviour): (count: number) => string {
  const [type, body] = behaviour === "users" ? [JSON_TYPE, JSON.stringify(userOf("12345"))] : [TEXT, HELLO];
  let made: string[] = [];
  const renew = (): void => {
    made = [];
    date = new Date().toUTCString();
  };
  renew();
  setInterval(renew, 1000).unref();
  return (count) => (made[count] ??= answer(type, body).repeat(count));
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
