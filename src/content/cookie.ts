// Cookie and Set-Cookie (RFC 6265 and its revision). The library splits and writes; what is ours is that a value can never add
// an attribute or a line, that the rules by which browsers drop a cookie are told to who sets it, and defaults that are safe.
import { parseCookie, parseSetCookie, type SetCookie, stringifySetCookie } from "cookie";
import { LocalError } from "../base/errors.ts";
import type { Body } from "../message/body.ts";
import type { Fields, ReadonlyFields } from "../message/fields.ts";
import { type Reply, withFields } from "../message/reply.ts";
import { Key, type Request } from "../message/request.ts";
import { isToken } from "../message/token.ts";

/** Browsers keep at most 180 for a site, and send some 4 KiB of each pair at most. */
const COOKIES = 180;
const COOKIE_BYTES = 32_768;

/** Of those fields: a derived request has the keys of the first one, and may have others. */
interface Kept {
  readonly headers: Fields;
  readonly cookies: ReadonlyMap<string, string>;
}

const COOKIES_OF = new Key<Kept>("cookies");

/**
 * The cookies of a request, by name; parsed when they are first asked for. Values are percent-decoded, and stay as they are
 * where that cannot be done. A name is whatever a browser kept as one, which is more than setCookie() writes: `cart[0]`, `a b`
 * (RFC 6265bis §5.6). What is no pair, or has no name, is skipped; of two with one name the first counts, which is the one for the
 * longer path. At most 180, in at most 32 KiB.
 *
 * @example
 * const theme = cookies(request).get("theme") ?? "light";
 */
export function cookies(request: Request): ReadonlyMap<string, string> {
  const { headers } = request;
  let kept = request.get(COOKIES_OF);
  if (kept?.headers !== headers) {
    kept = { headers, cookies: readCookies(headers.all("cookie").join(";")) };
    request.set(COOKIES_OF, kept);
  }
  return kept.cookies;
}

/** Cookies by name; in JSON an object. */
class Cookies extends Map<string, string> {
  toJSON(): Record<string, string> {
    return Object.fromEntries(this);
  }
}

function readCookies(text: string): ReadonlyMap<string, string> {
  const found = new Cookies();
  if (text === "") return found;
  for (const [name, value] of Object.entries(parseCookie(bounded(text)))) {
    if (value !== undefined && name !== "") found.set(name, value);
    if (found.size === COOKIES) break;
  }
  return found;
}

/** Whole pairs, as many as there is room for. */
function bounded(text: string): string {
  return text.length <= COOKIE_BYTES ? text : text.slice(0, Math.max(0, text.lastIndexOf(";", COOKIE_BYTES)));
}

/** Where a cookie is sent, for how long, and who can read it (RFC 6265bis §5.6). */
export interface CookieOptions {
  /** Hosts below this domain get it as well; left out, the host that set it alone. */
  readonly domain?: string;
  /** "/". */
  readonly path?: string;
  readonly expires?: Date;
  /** Seconds; 0 or less deletes it. Without this and `expires` it lasts as long as the browser runs. */
  readonly maxAge?: number;
  /** Whether scripts cannot read it; true. */
  readonly httpOnly?: boolean;
  /**
   * Whether it is sent over TLS alone. Where left out: true for what needs it (a name that begins with `__Host-` or `__Secure-`,
   * `sameSite: "none"`, `partitioned`), else false.
   */
  readonly secure?: boolean;
  /** Which requests from other sites have it: "lax", those that a link makes; "strict" none; "none" all, over TLS. */
  readonly sameSite?: "strict" | "lax" | "none";
  /** Kept apart for each site that it is embedded in; over TLS. */
  readonly partitioned?: boolean;
  readonly priority?: "low" | "medium" | "high";
  /** How the value is written: "percent", anything can be, or "raw", as it stands. */
  readonly encoding?: "percent" | "raw";
}

// RFC 6265 §4.1.1, cookie-octet
const COOKIE_OCTETS = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/;
/** Browsers drop a cookie whose name and value are longer, and an attribute whose value is, in silence (RFC 6265bis §5.6). */
const PAIR_BYTES = 4096;
const ATTRIBUTE_BYTES = 1024;

/**
 * A value of Set-Cookie. HttpOnly, SameSite=Lax and Path=/ unless the options say otherwise.
 *
 * @throws LocalError USE_BAD_FIELD for a name that is no token, a value, domain or path that cannot be written, or a cookie of
 *   more than 4,096 octets; USE_BAD_OPTION for options that browsers refuse together: `secure: false` where TLS is needed, a
 *   domain or another path with `__Host-`, a domain or path of more than 1,024 octets, a date or a number that is none.
 *
 * @example
 * setCookie("__Host-id", "31d4"); // __Host-id=31d4; Path=/; HttpOnly; Secure; SameSite=Lax
 */
export function setCookie(name: string, value: string, options: CookieOptions = {}): string {
  if (!isToken(name))
    throw new LocalError("USE_BAD_FIELD", `The name of a cookie is a token, not ${JSON.stringify(name)}.`);
  const { path = "/", httpOnly = true, sameSite = "lax", encoding = "percent", domain, priority } = options;
  const { expires, maxAge, partitioned = false } = options;
  const secure = options.secure ?? needsTls(name, options);
  checkRules(name, { ...options, path, secure });
  if (encoding === "raw" && !COOKIE_OCTETS.test(value)) {
    throw new LocalError("USE_BAD_FIELD", `The value of the cookie ${name} cannot be written as it stands.`);
  }
  const cookie: SetCookie = { name, value, path, httpOnly, secure, sameSite, partitioned };
  if (domain !== undefined) cookie.domain = domain;
  if (priority !== undefined) cookie.priority = priority;
  if (expires !== undefined) cookie.expires = expires;
  if (maxAge !== undefined) cookie.maxAge = maxAge;
  const text = written(name, cookie, encoding);
  if (text.indexOf(";") - 1 > PAIR_BYTES) {
    throw new LocalError(
      "USE_BAD_FIELD",
      `The cookie ${name} is larger than the ${PAIR_BYTES} octets that browsers keep.`,
    );
  }
  return text;
}

function written(name: string, cookie: SetCookie, encoding: "percent" | "raw"): string {
  try {
    return stringifySetCookie(cookie, encoding === "raw" ? { encode: (text) => text } : {});
  } catch (cause) {
    throw new LocalError("USE_BAD_FIELD", `The cookie ${name} cannot be written.`, { cause });
  }
}

function needsTls(name: string, { sameSite, partitioned }: CookieOptions): boolean {
  return /^__(?:host|secure)-/i.test(name) || sameSite === "none" || partitioned === true;
}

/** What browsers refuse in silence (RFC 6265bis §4.1.3, §5.7), and what the library would leave out in silence. */
function checkRules(name: string, options: CookieOptions & { readonly path: string; readonly secure: boolean }): void {
  const { path, secure, domain, expires, maxAge } = options;
  const refuse = (why: string): never => {
    throw new LocalError("USE_BAD_OPTION", `The cookie ${name} ${why}.`);
  };
  if (!secure && needsTls(name, options)) refuse("is for TLS alone, and secure cannot be false");
  if (/^__host-/i.test(name) && (domain !== undefined || path !== "/")) refuse('has no domain, and the path "/"');
  if (domain === "") refuse("cannot have an empty domain");
  if (!path.startsWith("/")) refuse("has a path that begins with a slash");
  for (const [attribute, value = ""] of Object.entries({ path, domain })) {
    if (value.length > ATTRIBUTE_BYTES) refuse(`has a ${attribute} of at most ${ATTRIBUTE_BYTES} octets`);
  }
  if (maxAge !== undefined && !Number.isSafeInteger(maxAge)) refuse("has a maxAge that is no whole number of seconds");
  if (expires !== undefined && !(expires instanceof Date && Number.isFinite(expires.getTime()))) {
    refuse("has an expires that is no date");
  }
}

/**
 * The same reply with a cookie to set. @throws as setCookie().
 *
 * @example
 * withCookie(text("Welcome"), "theme", "dark", { maxAge: 86_400 });
 */
export function withCookie<B extends Body>(
  reply: Reply<B>,
  name: string,
  value: string,
  options?: CookieOptions,
): Reply<B> {
  const line = setCookie(name, value, options);
  return withFields(reply, (fields) => fields.add("Set-Cookie", line));
}

/**
 * A value of Set-Cookie that deletes a cookie: it needs the domain and the path that it was set with.
 *
 * @throws as setCookie().
 *
 * @example
 * withFields(text("Goodbye"), (fields) => fields.add("Set-Cookie", clearCookie("theme")));
 */
export function clearCookie(name: string, options: Omit<CookieOptions, "expires" | "maxAge"> = {}): string {
  return setCookie(name, "", { ...options, maxAge: 0, expires: new Date(0) });
}

/** A value of Cookie, as a client sends it, with values percent-encoded. @throws LocalError USE_BAD_FIELD for a name that is no token. */
export function sentCookies(cookies: Iterable<readonly [name: string, value: string]>): string {
  return Array.from(cookies, ([name, value]) => {
    if (isToken(name)) return `${name}=${encodeURIComponent(value)}`;
    throw new LocalError("USE_BAD_FIELD", `The name of a cookie is a token, not ${JSON.stringify(name)}.`);
  }).join("; ");
}

/** Keeps what a reply sets, by name, and drops what it deletes. No client of the web: all is of one host, whatever the path. */
export function keepCookies(headers: ReadonlyFields, kept: Map<string, string>): void {
  for (const line of headers.all("set-cookie")) {
    const { name, value = "", maxAge, expires } = parseSetCookie(line);
    const deleted = maxAge === undefined ? expires !== undefined && expires.getTime() <= Date.now() : maxAge <= 0;
    if (deleted) kept.delete(name);
    else kept.set(name, value);
  }
}
