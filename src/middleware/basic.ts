// HTTP authentication by name and password (RFC 7617). They are in the clear in each request: only over TLS.
import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import { LocalError } from "../base/errors.ts";
import type { Middleware } from "../message/handler.ts";
import type { Request } from "../message/request.ts";
import { admit, credentialsOf, digest, equal, quotedRealm, unauthorized, type Verdict } from "./credentials.ts";

/** Who is let in by basic(): one of `users` and `verify` has to be there. */
export interface BasicOptions<P = string> {
  /** What a browser shows when it asks; "restricted". */
  readonly realm?: string;
  /** Passwords by name; the principal is the name. */
  readonly users?: Readonly<Record<string, string>>;
  /**
   * Says who it is: the principal; null, undefined or false for nobody. It should take as long for a name that does not exist as
   * for one that does. What it throws is a failure, not a refusal.
   */
  readonly verify?: (name: string, password: string, request: Request) => Verdict<P> | Promise<Verdict<P>>;
}

/**
 * Lets in who knows a name and its password; all others are 401 alike, whichever of the two was wrong.
 *
 * @throws LocalError USE_BAD_OPTION unless there is one of `users` and `verify`, for a realm that is not ASCII, and a name with a
 *   colon. HttpError 401 HTTP_UNAUTHORIZED, from the handler that it makes.
 *
 * @example
 * const handler = stack(answer, basic({ realm: "staff", users: { ada: "secret" } }));
 */
export function basic<P = string>(options: BasicOptions<P>): Middleware {
  const { realm = "restricted", users, verify } = options;
  if ((users === undefined) === (verify === undefined)) {
    throw new LocalError("USE_BAD_OPTION", "basic() takes users or verify.");
  }
  const challenge = `Basic realm=${quotedRealm(realm)}, charset="UTF-8"`;
  const judge = verify ?? (verifierOf(users ?? {}) as NonNullable<BasicOptions<P>["verify"]>);
  return (next) => (request) => {
    const given = nameAndPassword(request);
    if (given === undefined) throw unauthorized(challenge);
    return admit(judge(given.name, given.password, request), next, request, challenge);
  };
}

function verifierOf(users: Readonly<Record<string, string>>): (name: string, password: string) => string | null {
  const digests = new Map<string, Buffer>();
  for (const [name, password] of Object.entries(users)) {
    if (name.includes(":")) throw new LocalError("USE_BAD_OPTION", `A name has no colon: ${JSON.stringify(name)}.`);
    digests.set(name, digest(password));
  }
  // For a name that nobody has the same is done, and nothing is equal to it.
  const nobody = digest(randomUUID());
  return (name, password) => {
    const known = digests.get(name);
    return equal(digest(password), known ?? nobody) && known !== undefined ? name : null;
  };
}

/** RFC 7617 §2: base64 of UTF-8, a name without a colon, a colon, and a password; no control characters in either. */
function nameAndPassword(request: Request): { readonly name: string; readonly password: string } | undefined {
  const credentials = credentialsOf(request, "basic");
  if (credentials === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(credentials)) return undefined;
  const octets = Buffer.from(credentials, "base64");
  if (!isUtf8(octets)) return undefined;
  const text = octets.toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0 || /[\x00-\x1f\x7f]/.test(text)) return undefined;
  return { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
