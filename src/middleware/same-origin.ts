// Keeps pages of other sites from making a browser send, in its user's name, what changes something. Browsers say where a request
// comes from (Sec-Fetch-Site, Origin), so that no token in forms is needed; what is no browser says neither, and is let through.
import { HttpError, LocalError } from "../base/errors.ts";
import type { Fields } from "../message/fields.ts";
import type { Middleware } from "../message/handler.ts";
import { authority, type Request } from "../message/request.ts";
import { hasMember } from "../message/token.ts";
import { checkedOrigin, originOf } from "./origin.ts";
import { addVary, decorated } from "./outcome.ts";

/** Whose pages may send what changes something. */
export interface SameOriginOptions {
  /** Origins whose pages may, besides the server's own: "https://accounts.example". */
  readonly allow?: readonly string[];
}

// Host is part of what is asked for, and Upgrade ends at the next hop: no cache keeps replies apart by them.
const VARY = ["Origin", "Sec-Fetch-Site"];
const addOurs = (fields: Fields): void => addVary(fields, VARY);

/** RFC 9110 §9.2.1: they change nothing. */
const SAFE = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/**
 * Refuses requests that a page of another origin made a browser send: those of unsafe methods, and those to begin a WebSocket,
 * which no rule of browsers keeps apart. Handlers of safe methods must change nothing.
 *
 * @throws LocalError USE_BAD_OPTION for an origin that no browser sends, and "null". HttpError 403 HTTP_CROSS_SITE, from the handler
 *   that it makes.
 *
 * @example
 * const handler = stack(answer, sameOrigin({ allow: ["https://accounts.example"] }));
 */
export function sameOrigin(options: SameOriginOptions = {}): Middleware {
  const allowed = new Set((options.allow ?? []).map(checkedOrigin));
  if (allowed.has("null")) throw new LocalError("USE_BAD_OPTION", 'Any page can have the origin "null".');
  return (next) => (request) => {
    if (!mayChange(request)) return next(request);
    if (isCrossOrigin(request, allowed)) {
      throw new HttpError(403, undefined, { code: "HTTP_CROSS_SITE", fields: { Vary: VARY.join(", ") } });
    }
    return decorated(next, request, addOurs);
  };
}

function mayChange(request: Request): boolean {
  if (!SAFE.has(request.method)) return true;
  const upgrade = request.headers.get("upgrade");
  return upgrade !== undefined && hasMember(upgrade, "websocket");
}

function isCrossOrigin(request: Request, allowed: ReadonlySet<string>): boolean {
  const sites = request.headers.all("sec-fetch-site");
  const [site] = sites;
  // "none": typed by the user, or from a bookmark. The field is one that no page can set.
  if (sites.length === 1 && (site === "same-origin" || site === "none")) return false;
  const origin = originOf(request);
  if (origin === undefined) return site !== undefined;
  if (allowed.has(origin)) return false;
  return site !== undefined || !isOwn(origin, request);
}

const PORTS: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

/** By host and port: behind a proxy that ends TLS, the scheme cannot be known; where TLS ends here, it is. */
function isOwn(origin: string, request: Request): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, hostname, port } = new URL(origin);
  const usual = PORTS[protocol];
  if (usual === undefined || (request.peer.secure && protocol !== "https:")) return false;
  const own = authority(request);
  return hostname === own.host.toLowerCase() && Number(port || usual) === (own.port ?? usual);
}
