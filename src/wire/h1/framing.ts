// How long a body is, and whether the connection lives on: the one owner of Content-Length, Transfer-Encoding and Connection
// (RFC 9112 §6.3, §9.3), in the order and with the numbers of the RFC. Every way to smuggle a request past a peer that reads
// these differently ends here.
import { RemoteError } from "../../base/errors.ts";
import type { Version } from "../../message/head.ts";
import { mayHaveBody } from "../../message/status.ts";
import { splitList, withoutBlanks } from "../../message/token.ts";
import type { Facts } from "./facts.ts";

/** Octets, or how the end shows. */
export type Framing = number | "chunked" | "close";

/** Refuses a request whose Host breaks RFC 9112 §3.2: exactly one in 1.1, at most one in 1.0, and a valid one. */
export function checkHost(facts: Facts, version: Version, required: boolean): void {
  if (facts.hosts > 1) throw new RemoteError("WIRE_BAD_HOST", "There are several.");
  if (facts.hosts === 0) {
    if (version === "1.1" && required) throw new RemoteError("WIRE_BAD_HOST", "There is none.");
    return;
  }
  if (!facts.hostValid) throw new RemoteError("WIRE_BAD_HOST", JSON.stringify(facts.host));
}

/** Refuses an expectation other than 100-continue; true where that one is meant. 1.0 has none (RFC 9110 §10.1.1). */
export function expectsContinue(facts: Facts, version: Version): boolean {
  if (facts.expect === null || version === "1.0") return false;
  const expectations = splitList(facts.expect);
  if (expectations.some((each) => each.toLowerCase() !== "100-continue")) {
    throw new RemoteError("WIRE_EXPECTATION", JSON.stringify(facts.expect));
  }
  return expectations.length > 0;
}

/** Whether the connection may carry another message after this one (RFC 9112 §9.3). */
export function persists(facts: Facts, version: Version): boolean {
  if (facts.close) return false;
  return version === "1.1" || facts.keepAlive;
}

/** The framing of a request's body (RFC 9112 §6.3). @throws RemoteError. */
export function requestFraming(facts: Facts, version: Version): Framing {
  if (facts.codings !== null) {
    checkCodings(facts, version);
    return "chunked"; // rule 4
  }
  return facts.length === null ? 0 : readLength(facts.length); // rules 5, 6 and 7
}

/** The framing of a response's body. @param method of the request that it answers. @throws RemoteError. */
export function responseFraming(method: string, status: number, facts: Facts, version: Version): Framing {
  if (method === "HEAD" || !mayHaveBody(status)) return 0; // rule 1
  if (method === "CONNECT" && status < 300) return 0; // rule 2
  if (facts.codings !== null) {
    checkCodings(facts, version);
    return "chunked";
  }
  return facts.length === null ? "close" : readLength(facts.length); // rules 5, 6 and 8
}

// RFC 9112 §6.1: chunked is the final coding and stands once; rule 3: no Content-Length beside it; 1.0 has no codings.
// A coding that we do not know, or know and do not decode, is 501: nobody gets to see undecoded bytes.
function checkCodings(facts: Facts, version: Version): void {
  if (version === "1.0") throw new RemoteError("WIRE_BAD_CODING", "HTTP/1.0 has none.");
  if (facts.length !== null) throw new RemoteError("WIRE_AMBIGUOUS_LENGTH");
  const codings = splitList(facts.codings as string).map((coding) => coding.toLowerCase());
  const last = codings.pop();
  if (codings.includes("chunked") || (last !== "chunked" && isPlainCoding(codings, last))) {
    throw new RemoteError("WIRE_BAD_CODING", JSON.stringify(facts.codings));
  }
  if (last !== "chunked" || codings.length > 0)
    throw new RemoteError("WIRE_UNKNOWN_CODING", JSON.stringify(facts.codings));
}

const KNOWN_CODINGS = ["gzip", "x-gzip", "deflate", "compress", "x-compress"];

/** Codings that are known but do not end in chunked leave the length of a request unknown: 400 (rule 4, last part). */
function isPlainCoding(before: readonly string[], last: string | undefined): boolean {
  return (
    last === undefined || [...before, last].every((coding) => KNOWN_CODINGS.includes(coding) || coding === "identity")
  );
}

// RFC 9110 §8.6: 1*DIGIT. Rule 5 lets a recipient take several equal values as one, or refuse; nobody honest sends them. More
// than 15 digits are refused too, so that what is counted stays exact.
function readLength(text: string): number {
  if (isDigits(text)) return Number(text);
  const values = text.split(",").map((value) => withoutBlanks(value));
  const [first = ""] = values;
  if (!values.every(isDigits)) throw new RemoteError("WIRE_BAD_LENGTH", JSON.stringify(text));
  if (values.some((value) => value !== first)) throw new RemoteError("WIRE_AMBIGUOUS_LENGTH", JSON.stringify(text));
  throw new RemoteError("WIRE_AMBIGUOUS_LENGTH", "Content-Length is repeated.");
}

function isDigits(text: string): boolean {
  if (text.length === 0 || text.length > 15) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return false;
  }
  return true;
}
