// The value of Content-Type (RFC 9110 §8.3.1), as browsers read it (WHATWG MIME Sniffing §4.4): what is wrong with a parameter costs
// that parameter, not the type. By hand and in one pass: the MIMEType of node:util takes the square of the blanks in it.
import { isFieldValue, isToken, withoutBlanks } from "../message/token.ts";

/** A media type. */
export interface MediaType {
  /** Type and subtype, in lower case: "text/plain". */
  readonly essence: string;
  /** Names in lower case. */
  readonly params: ReadonlyMap<string, string>;
}

const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Reads a media type. A parameter that is malformed is passed over.
 *
 * @returns undefined where it is none, and where it gives one parameter two values, of which one reader would take the first and
 *   another the last (RFC 6838 §4.3).
 */
export function readMediaType(text: string): MediaType | undefined {
  const semicolon = endOf(text, 0);
  const essence = withoutBlanks(text, 0, semicolon).toLowerCase();
  const slash = essence.indexOf("/");
  if (slash < 0 || !isToken(essence.slice(0, slash)) || !isToken(essence.slice(slash + 1))) return undefined;
  const params = new Map<string, string>();
  for (let at = semicolon; at < text.length; ) {
    const parameter = readParameter(text, at + 1);
    at = parameter.end;
    const { name, value } = parameter;
    if (value === undefined || !isToken(name) || !isFieldValue(value)) continue;
    if ((params.get(name) ?? value) !== value) return undefined;
    params.set(name, value);
  }
  return { essence, params };
}

/** One parameter of a list behind semicolons. */
export interface Parameter {
  /** In lower case. */
  readonly name: string;
  /** Undefined where there is none. */
  readonly value: string | undefined;
  /** Where the next semicolon is, or the text ends. */
  readonly end: number;
}

/** Reads one. @param start behind its semicolon. */
export function readParameter(text: string, start: number): Parameter {
  const end = endOf(text, start);
  let at = start;
  while (at < end && text.charCodeAt(at) !== EQUALS) at++;
  // A blank before the equals sign belongs to the name, which is then no token.
  const name = text.slice(firstIn(text, start, at), at).toLowerCase();
  if (at === end) return { name, value: undefined, end };
  if (text.charCodeAt(at + 1) === QUOTE) return readQuoted(text, name, at + 2);
  return { name, value: withoutBlanks(text, at, end).slice(1) || undefined, end };
}

/** A quoted string that is not closed goes on to the end; what follows a closed one counts for nothing. */
function readQuoted(text: string, name: string, start: number): Parameter {
  let value = "";
  let from = start;
  let at = start;
  for (; at < text.length && text.charCodeAt(at) !== QUOTE; at++) {
    if (text.charCodeAt(at) !== BACKSLASH || at + 1 === text.length) continue;
    value += text.slice(from, at);
    from = ++at;
  }
  return { name, value: value + text.slice(from, at), end: endOf(text, at) };
}

/** Where the next semicolon is, or the end. */
function endOf(text: string, start: number): number {
  const at = text.indexOf(";", start);
  return at < 0 ? text.length : at;
}

function firstIn(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && (text.charCodeAt(at) === 0x20 || text.charCodeAt(at) === 0x09)) at++;
  return at;
}
