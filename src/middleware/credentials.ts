// What the guards share: reading Authorization, comparing secrets so that the time tells nothing, and the answer to who has none
// (RFC 9110 §11).
import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import { HttpError, LocalError } from "../base/errors.ts";
import { promised } from "../message/answer.ts";
import type { Fields } from "../message/fields.ts";
import type { Handler } from "../message/handler.ts";
import type { Reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { addVary, decorated } from "./outcome.ts";
import { setPrincipal } from "./principal.ts";

/** Of this process alone, so that nobody can choose secrets whose digests are alike. */
const SALT = randomBytes(32).toString("hex");

/** A digest of a secret, of one length whatever the secret's. */
export function digest(secret: string): Buffer {
  return hash("sha256", SALT + secret, "buffer"); // 1 us, of which an HMAC takes 6
}

/** Whether two digests are equal, in a time that does not say where they differ. */
export function equal(one: Buffer, other: Buffer): boolean {
  return timingSafeEqual(one, other);
}

/** Characters of credentials that are looked at: none that is longer is anybody's. */
const LONGEST = 4096;

/**
 * The credentials of a scheme, in the form token68; undefined where there are none, or more than one, or of another scheme or form.
 *
 * @param scheme in small letters.
 */
export function credentialsOf(request: Request, scheme: string): string | undefined {
  const lines = request.headers.all("authorization");
  const [line = ""] = lines;
  if (lines.length !== 1 || line.length > LONGEST) return undefined;
  const blank = line.indexOf(" ");
  if (blank < 0 || line.slice(0, blank).toLowerCase() !== scheme) return undefined;
  const credentials = line.slice(blank).replace(/^ +/, "");
  return /^[A-Za-z0-9._~+/-]+=*$/.test(credentials) ? credentials : undefined;
}

/** A realm between quotation marks. @throws LocalError USE_BAD_OPTION for what is not visible ASCII and blanks. */
export function quotedRealm(realm: string): string {
  if (!/^[\x20-\x7e]*$/.test(realm)) {
    throw new LocalError("USE_BAD_OPTION", `A realm is ASCII, not ${JSON.stringify(realm)}.`);
  }
  return `"${realm.replace(/["\\]/g, "\\$&")}"`;
}

const VARY = ["Authorization"];
const addOurs = (fields: Fields): void => addVary(fields, VARY);

/** 401. @param challenge what WWW-Authenticate says. */
export function unauthorized(challenge: string): HttpError {
  const fields = { "WWW-Authenticate": challenge, Vary: VARY.join() };
  return new HttpError(401, undefined, { code: "HTTP_UNAUTHORIZED", fields });
}

/** What a verification gives: the principal; null, undefined or false for nobody. */
export type Verdict<P> = P | null | undefined | false;

/** Lets a request in where the verdict is a principal, now or when it comes. */
export function admit<P>(
  verdict: Verdict<P> | Promise<Verdict<P>>,
  next: Handler,
  request: Request,
  challenge: string,
): Reply | Promise<Reply> {
  // Not by its class: libraries have promises of their own, and one that passed for a principal would let everybody in.
  const later = promised(verdict) as Promise<Verdict<P>> | undefined;
  if (later === undefined) return admitNow(verdict as Verdict<P>, next, request, challenge);
  return later.then((settled) => admitNow(settled, next, request, challenge));
}

function admitNow<P>(verdict: Verdict<P>, next: Handler, request: Request, challenge: string): Reply | Promise<Reply> {
  if (verdict === null || verdict === undefined || verdict === false) throw unauthorized(challenge);
  setPrincipal(request, verdict);
  // Shared caches keep no reply to credentials anyway; that of a browser must not show it to who has none.
  return decorated(next, request, addOurs);
}
