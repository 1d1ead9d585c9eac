// The request target (RFC 9112 §3.2): which of the four forms it has, the authority in it, the one canonical path, the
// query, and the decoding of each. The path is computed once and used by router and files alike, so that no two readers
// of one request can disagree about what it names.
import { RemoteError } from "../base/errors.ts";
import { HEX, IP_LITERAL, REG_NAME } from "./token.ts";

export type TargetForm = "origin" | "absolute" | "authority" | "asterisk";

/** Host and port as a request names them; the port is undefined where none is written. */
export interface Authority {
  readonly host: string;
  readonly port: number | undefined;
}

const SLASH = 0x2f;
const COLON = 0x3a;

/**
 * The form of a target, whose octets have been checked already (message/token.ts, TARGET).
 *
 * @throws RemoteError WIRE_BAD_TARGET where the method does not allow the form: authority-form is CONNECT's alone, the
 * asterisk OPTIONS' alone.
 */
export function targetForm(method: string, target: string): TargetForm {
  if (method === "CONNECT") {
    const authority = parseAuthority(target);
    if (authority === undefined || authority.host === "" || authority.port === undefined) {
      throw new RemoteError("WIRE_BAD_TARGET", "CONNECT takes host:port.");
    }
    return "authority";
  }
  if (target.charCodeAt(0) === SLASH) return "origin";
  if (target === "*") {
    if (method !== "OPTIONS") throw new RemoteError("WIRE_BAD_TARGET", "Only OPTIONS takes *.");
    return "asterisk";
  }
  const authority = parseAuthority(absoluteAuthority(target));
  if (authority === undefined || authority.host === "") throw new RemoteError("WIRE_BAD_TARGET");
  return "absolute";
}

/** The authority part of an absolute-form target of http or https; "@" (no valid authority) where it is no such target. */
function absoluteAuthority(target: string): string {
  const start = schemeLength(target);
  return start === 0 ? "@" : target.slice(start, authorityEnd(target, start));
}

function schemeLength(target: string): number {
  const found = /^https?:\/\//i.exec(target);
  return found === null ? 0 : found[0].length;
}

function authorityEnd(target: string, start: number): number {
  for (let i = start; i < target.length; i++) {
    const code = target.charCodeAt(i);
    if (code === SLASH || code === 0x3f) return i;
  }
  return target.length;
}

// No name of DNS is longer (RFC 1035 §2.3.4), and whoever reads one further on (a router, a URL) need not read in linear time.
const HOST_LENGTH = 255;

/**
 * `uri-host [":" port]` (RFC 9110 §7.2), as Host and an authority-form target have it. Undefined where it is not that, and for a
 * host of more than 255 characters; user information is refused (RFC 9110 §4.2.4). The host may be empty, as it may in Host.
 */
export function parseAuthority(text: string): Authority | undefined {
  const end = text.charCodeAt(0) === 0x5b ? ipLiteralEnd(text) : regNameEnd(text);
  if (end < 0 || end > HOST_LENGTH) return undefined;
  if (end === text.length) return { host: text, port: undefined };
  const host = text.slice(0, end);
  if (end + 1 === text.length) return { host, port: undefined }; // the port may be empty (RFC 3986 §3.2.3)
  const port = readPort(text, end + 1);
  return port === undefined ? undefined : { host, port };
}

/** Where an IP-literal ends; -1 where it is none, or is followed by something other than a port. */
function ipLiteralEnd(text: string): number {
  const close = text.indexOf("]");
  if (close < 3) return -1;
  for (let i = 1; i < close; i++) if (IP_LITERAL[text.charCodeAt(i)] !== 1) return -1;
  return close + 1 === text.length || text.charCodeAt(close + 1) === COLON ? close + 1 : -1;
}

/** Where a reg-name (an IPv4 address is one too) ends; -1 where it is none. */
function regNameEnd(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === COLON) return i;
    if (REG_NAME[code] !== 1 && (code !== 0x25 || hexPair(text, i + 1) < 0)) return -1;
  }
  return text.length;
}

function readPort(text: string, start: number): number | undefined {
  if (text.length - start > 5) return undefined;
  let port = 0;
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    port = port * 10 + digit;
  }
  return port > 65_535 ? undefined : port;
}

/** The authority of an absolute-form or authority-form target; undefined for the other two forms. */
export function targetAuthority(method: string, target: string): Authority | undefined {
  if (method === "CONNECT") return parseAuthority(target);
  if (target.charCodeAt(0) === SLASH || target === "*") return undefined;
  return parseAuthority(absoluteAuthority(target));
}

/** Where the path begins and ends in a target of any form; the query follows. */
function pathSpan(method: string, target: string): [start: number, end: number] {
  if (method === "CONNECT" || target === "*") return [0, 0];
  const start = target.charCodeAt(0) === SLASH ? 0 : authorityEnd(target, schemeLength(target));
  const query = target.indexOf("?", start);
  return [start, query < 0 ? target.length : query];
}

// A path that needs nothing done: no empty or dot-led segment, no percent sign, no backslash. Most are such.
const PLAIN_PATH = /^(?:\/[^/.%\\][^/%\\]*)*\/?$/;

/**
 * The canonical path: still encoded, beginning with a slash. Dot segments are resolved and never rise above the root,
 * repeated slashes become one, percent-encoded unreserved characters are decoded and other escapes are put in capitals
 * (RFC 3986 §6.2.2), a raw backslash is written %5C. %2F, %5C and %00 stay as they are: they are no separators.
 * Empty for CONNECT and for `*`.
 */
export function canonicalPath(method: string, target: string): string {
  const [start, end] = pathSpan(method, target);
  if (end === 0) return "";
  const path = start === 0 && end === target.length ? target : target.slice(start, end);
  return PLAIN_PATH.test(path) && path !== "" ? path : normalise(path);
}

const BARE_PERCENT = /%(?![0-9a-fA-F]{2})/g;
const ESCAPE = /%[0-9a-fA-F]{2}/g;
const UNRESERVED = /[A-Za-z0-9\-._~]/;

function normalise(path: string): string {
  const encoded = path
    .replaceAll("\\", "%5C")
    .replace(BARE_PERCENT, "%25")
    .replace(ESCAPE, (encodedOctet) => {
      const character = String.fromCharCode(hexPair(encodedOctet, 1));
      return UNRESERVED.test(character) ? character : encodedOctet.toUpperCase();
    });
  const kept: string[] = [];
  const segments = encoded.split("/");
  for (const segment of segments) {
    if (segment === "" || segment === ".") continue;
    if (segment === "..") kept.pop();
    else kept.push(segment);
  }
  const last = segments.at(-1);
  const folder = kept.length > 0 && (last === "" || last === "." || last === "..");
  return `/${kept.join("/")}${folder ? "/" : ""}`;
}

/** The query of a target: the text after the first question mark; undefined where there is none. */
export function rawQuery(method: string, target: string): string | undefined {
  const [, end] = pathSpan(method, target);
  return target.charCodeAt(end) === 0x3f && method !== "CONNECT" ? target.slice(end + 1) : undefined;
}

function hexPair(text: string, at: number): number {
  if (at + 1 >= text.length) return -1;
  const high = HEX[text.charCodeAt(at)] ?? 255;
  const low = HEX[text.charCodeAt(at + 1)] ?? 255;
  return high > 15 || low > 15 ? -1 : high * 16 + low;
}

const laxUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes percent escapes as UTF-8. A malformed escape is kept as it stands, octets that are not UTF-8 become U+FFFD: what
 * a peer sends never makes this throw. A plus sign stays one; in forms and queries, `plusIsSpace` says otherwise.
 */
export function decodeComponent(text: string, plusIsSpace: "plus" | "space" = "plus"): string {
  return decodeStrictly(text, plusIsSpace) ?? decodeBytes(plusIsSpace === "space" ? text.replaceAll("+", " ") : text);
}

/** The same for who is strict: undefined where an escape is malformed, or what it says is not UTF-8. */
export function decodeStrictly(text: string, plusIsSpace: "plus" | "space" = "plus"): string | undefined {
  const spaced = plusIsSpace === "space" && text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return undefined;
  }
}

function decodeBytes(text: string): string {
  const source = Buffer.from(text, "utf8");
  const octets = new Uint8Array(source.length);
  let length = 0;
  for (let i = 0; i < source.length; i++) {
    const escaped = escapeAt(source, i);
    octets[length++] = escaped ?? (source[i] as number);
    if (escaped !== null) i += 2;
  }
  return laxUtf8.decode(octets.subarray(0, length));
}

/** The byte that an escape stands for; null where there is none. */
function escapeAt(source: Uint8Array, at: number): number | null {
  if (source[at] !== 0x25) return null;
  const high = HEX[source[at + 1] ?? 0] ?? 255;
  const low = HEX[source[at + 2] ?? 0] ?? 255;
  return high < 16 && low < 16 ? high * 16 + low : null;
}
