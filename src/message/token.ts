// The octets of HTTP's grammar as tables (RFC 9110 §5.5, §5.6). One entry an octet, so that a scan is a loop over bytes and
// one look-up each: 2.5 times faster than the same loop over the characters of a string, and far faster than a pattern.

function table(member: (octet: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, octet) => (member(octet) ? 1 : 0));
}

function among(characters: string): (octet: number) => boolean {
  const octets = new Set(Buffer.from(characters, "latin1"));
  return (octet) => octets.has(octet);
}

const isAlphaNumeric = among("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
const isTokenMark = among("!#$%&'*+-.^_`|~");
const isUnreservedMark = among("-._~");
const isSubDelim = among("!$&'()*+,;=");

/** tchar: what methods and field names are made of (RFC 9110 §5.6.2). */
export const TOKEN: Uint8Array = table((octet) => isAlphaNumeric(octet) || isTokenMark(octet));

/** field-vchar, SP and HTAB: visible ASCII and obs-text, no other control (RFC 9110 §5.5). */
export const FIELD_VALUE: Uint8Array = table((octet) => octet === 0x09 || (octet >= 0x20 && octet !== 0x7f));

/**
 * What may stand in a request target. RFC 3986 is narrower; browsers follow the WHATWG URL standard and send
 * `{ } | ^ [ ] \` and the backtick raw in a query, so those pass, and only what no conforming client sends is refused:
 * controls, space, `"`, `#`, `<`, `>` and octets above 0x7E.
 */
export const TARGET: Uint8Array = table((octet) => octet > 0x20 && octet < 0x7f && !among('"#<>')(octet));

/** reg-name without the percent sign: unreserved and sub-delims (RFC 3986 §3.2.2). */
export const REG_NAME: Uint8Array = table(
  (octet) => isAlphaNumeric(octet) || isUnreservedMark(octet) || isSubDelim(octet),
);

/** What may stand between the brackets of an IP-literal: hexadecimal digits, colons, dots (RFC 3986 §3.2.2). */
export const IP_LITERAL: Uint8Array = table(among("0123456789abcdefABCDEF:."));

/** The value of a hexadecimal digit; 255 for anything else. */
export const HEX: Uint8Array = Uint8Array.from({ length: 256 }, (_, octet) => {
  const value = Number.parseInt(String.fromCharCode(octet), 16);
  return Number.isNaN(value) ? 255 : value;
});

// What is no string is none of these: it would become one where it is written, and say what it likes there.

/** Whether text is a token. */
export function isToken(text: string): boolean {
  if (typeof text !== "string") return false;
  for (let i = 0; i < text.length; i++) {
    if (TOKEN[text.charCodeAt(i)] !== 1) return false;
  }
  return text.length > 0;
}

/** Whether text may be a request target. */
export function isTarget(text: string): boolean {
  if (typeof text !== "string") return false;
  for (let i = 0; i < text.length; i++) {
    if (TARGET[text.charCodeAt(i)] !== 1) return false;
  }
  return text.length > 0;
}

/** Whether text may be a field value: no control but HTAB, nothing above U+00FF. */
export function isFieldValue(text: string): boolean {
  if (typeof text !== "string") return false;
  for (let i = 0; i < text.length; i++) {
    if (FIELD_VALUE[text.charCodeAt(i)] !== 1) return false;
  }
  return true;
}

/** The same Latin-1 text, for keeping: a part of a head that is kept would keep all of the head. */
export function detached(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

/** The members of a comma-separated list: trimmed, without the empty ones, quoted strings kept whole (RFC 9110 §5.6.1). */
export function splitList(value: string): string[] {
  const members: string[] = [];
  let start = 0;
  let quoted = false;
  for (let i = 0; i <= value.length; i++) {
    const code = i < value.length ? value.charCodeAt(i) : COMMA;
    if (code === QUOTE) quoted = !quoted;
    else if (quoted && code === BACKSLASH) i++;
    if (i >= value.length || (!quoted && code === COMMA)) {
      const member = withoutBlanks(value, start, Math.min(i, value.length));
      if (member !== "") members.push(member);
      start = i + 1;
    }
  }
  return members;
}

/**
 * Text without the blanks (SP and HTAB) at its ends: a value without its OWS (RFC 9110 §5.6.3).
 *
 * @param start, end which part of the text; all of it.
 */
// Not trim(): that takes U+00A0 off as well, and `chunked` with such a byte is another coding than chunked. Not a pattern either:
// one for the end of a text begins again at each blank, and so takes the square of their number.
export function withoutBlanks(text: string, start = 0, end: number = text.length): string {
  let from = start;
  let to = end;
  while (from < to && isBlank(text.charCodeAt(from))) from++;
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

const COMMA = 0x2c;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Whether a comma-separated list of tokens has a member, in any case: `hasMember("Keep-Alive, Upgrade", "upgrade")`. */
export function hasMember(list: string, member: string): boolean {
  if (list.length === member.length) return list.toLowerCase() === member;
  return splitList(list).some((each) => each.toLowerCase() === member);
}
