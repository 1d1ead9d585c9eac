// Whether a request may be answered by a takeover of its connection (RFC 9110 §7.8, §9.3.6): it must have asked for one.
import { HttpError } from "../base/errors.ts";
import type { Reply } from "./reply.ts";
import type { Request } from "./request.ts";

/**
 * Why a reply of upgrade() or tunnel() is none for this request; null where it is. What a client does not ask for is no failure of
 * the handler: 426 says which protocol to ask for (RFC 9110 §15.5.22), 405 by which method.
 */
export function switchRefused(request: Request, { status, headers }: Reply): HttpError | null {
  if (status !== 101) {
    return request.method === "CONNECT" ? null : new HttpError(405, undefined, { fields: { Allow: "CONNECT" } });
  }
  const protocol = headers.get("upgrade") ?? "";
  return isProposed(request, protocol) ? null : new HttpError(426, undefined, { fields: { Upgrade: protocol } });
}

/** A server must not switch to what was not named, and HTTP/1.0 names nothing. A version that is left out is any. */
function isProposed({ version, headers }: Request, protocol: string): boolean {
  const asks = headers.list("connection").some((option) => option.toLowerCase() === "upgrade");
  if (version === "1.0" || !asks) return false;
  const wanted = protocol.toLowerCase();
  return headers.list("upgrade").some((each) => {
    const proposed = each.toLowerCase();
    return proposed === wanted || proposed.startsWith(`${wanted}/`);
  });
}
