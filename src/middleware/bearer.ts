// HTTP authentication by a token (RFC 6750). The token is in the clear in each request: only over TLS.
import { LocalError } from "../base/errors.ts";
import type { Middleware } from "../message/handler.ts";
import type { Request } from "../message/request.ts";
import { admit, credentialsOf, digest, quotedRealm, unauthorized, type Verdict } from "./credentials.ts";

/** Who is let in by bearer(): one of `tokens` and `verify` has to be there. */
export interface BearerOptions<P = string> {
  /** Left out where there is none. */
  readonly realm?: string;
  /** Principals by token. */
  readonly tokens?: Readonly<Record<string, P>>;
  /** Says whose token it is: the principal; null, undefined or false for nobody's. What it throws is a failure, not a refusal. */
  readonly verify?: (token: string, request: Request) => Verdict<P> | Promise<Verdict<P>>;
}

/**
 * Lets in who has a token; all others are 401.
 *
 * @throws LocalError USE_BAD_OPTION unless there is one of `tokens` and `verify`, for a token that cannot be sent, and a realm that
 *   is not ASCII. HttpError 401 HTTP_UNAUTHORIZED, from the handler that it makes.
 *
 * @example
 * const handler = stack(answer, bearer({ verify: (token) => sessions.get(token) }));
 */
export function bearer<P = string>(options: BearerOptions<P>): Middleware {
  const { realm, tokens, verify } = options;
  if ((tokens === undefined) === (verify === undefined)) {
    throw new LocalError("USE_BAD_OPTION", "bearer() takes tokens or verify.");
  }
  const challenge = realm === undefined ? "Bearer" : `Bearer realm=${quotedRealm(realm)}`;
  // RFC 6750 §3.1: who sent none is not told that it was wrong.
  const invalid = `${challenge}${realm === undefined ? " " : ", "}error="invalid_token"`;
  const judge = verify ?? verifierOf(tokens ?? {});
  return (next) => (request) => {
    const token = credentialsOf(request, "bearer");
    if (token === undefined) throw unauthorized(request.headers.has("authorization") ? invalid : challenge);
    return admit(judge(token, request), next, request, invalid);
  };
}

/** Found by a digest that nobody outside can compute: how long the search takes says nothing of any token. */
function verifierOf<P>(tokens: Readonly<Record<string, P>>): (token: string) => P | undefined {
  const principals = new Map<string, P>();
  for (const [token, principal] of Object.entries(tokens)) {
    if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token)) {
      throw new LocalError(
        "USE_BAD_OPTION",
        "A token is letters, digits and -._~+/ with = at its end (RFC 6750 §2.1).",
      );
    }
    principals.set(digest(token).toString("latin1"), principal);
  }
  return (token) => principals.get(digest(token).toString("latin1"));
}
