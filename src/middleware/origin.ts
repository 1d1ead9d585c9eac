// Origins as browsers write them (RFC 6454 §6.2): scheme, host, and a port that is not the scheme's own; or "null".
import { LocalError } from "../base/errors.ts";
import type { Request } from "../message/request.ts";

/** Characters: a scheme, a name of DNS, a port. What reads an origin further on, a URL, need not take a longer one in linear time. */
const LONGEST = 512;
const SERIALISED = /^[a-z][a-z0-9+.-]*:\/\/[^\s,/?#@"<>\\*]+$/;

/** The origin that a request says it was sent from; undefined where it says none, "" where what it says is none. */
export function originOf(request: Request): string | undefined {
  const lines = request.headers.all("origin");
  const [origin] = lines;
  if (origin === undefined) return undefined;
  return lines.length === 1 && origin.length <= LONGEST && (origin === "null" || SERIALISED.test(origin)) ? origin : "";
}

/** An origin of a list. @throws LocalError USE_BAD_OPTION where no browser would ever send it. */
export function checkedOrigin(origin: string): string {
  const text = String(origin);
  if (text === "null") return text;
  if (!SERIALISED.test(text) || (/^https?:/.test(text) && !isCanonical(text))) {
    const like = 'An origin is as browsers write it, "https://example.org" or "http://localhost:3000"';
    throw new LocalError("USE_BAD_OPTION", `${like}, not ${JSON.stringify(origin)}.`);
  }
  return text;
}

/** In small letters, and without the port that goes without saying. */
function isCanonical(origin: string): boolean {
  return URL.canParse(origin) && new URL(origin).origin === origin;
}
