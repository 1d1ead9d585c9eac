// Who of other origins may read an answer (the CORS protocol of the Fetch standard). Its preflights are answered here, without the
// handler. It keeps pages from reading; what a page may make a browser send is sameOrigin()'s.
import { LocalError } from "../base/errors.ts";
import { Fields } from "../message/fields.ts";
import type { Handler, Middleware } from "../message/handler.ts";
import { type Reply, reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import { isToken } from "../message/token.ts";
import { checkedOrigin, originOf } from "./origin.ts";
import { addVary, decorated } from "./outcome.ts";

/** Which pages of other origins may read what is answered, and what they may send. */
export interface CorsPolicy {
  /** Who may read: "*" is all, without credentials; a list; or a function that is asked with the origin of each request. */
  readonly origins: "*" | readonly string[] | ((origin: string, request: Request) => boolean);
  /** Whether cookies and HTTP authentication are sent along; false. Not with "*": then any page could read as the user. */
  readonly credentials?: boolean;
  /** Methods beyond GET, HEAD and POST; PUT, PATCH and DELETE. */
  readonly methods?: readonly string[];
  /** Request fields that a page may set, or "any": those that it asks for; Content-Type. */
  readonly headers?: "any" | readonly string[];
  /** Reply fields that a page may read beyond those of every page; none. */
  readonly exposed?: readonly string[];
  /** Seconds that a browser may remember a preflight; it decides where left out. */
  readonly maxAge?: number;
  /** Whether pages of public networks may reach this server in a private one (Private Network Access); false. */
  readonly privateNetwork?: boolean;
}

interface Policy {
  readonly allowed: (origin: string, request: Request) => boolean;
  readonly any: boolean;
  readonly credentials: boolean;
  readonly methods: string;
  readonly headers: "any" | string;
  readonly exposed: string;
  readonly maxAge: string | undefined;
  readonly privateNetwork: boolean;
  /** Says to anybody what all are told. */
  readonly grantAny: (fields: Fields) => void;
}

/**
 * Lets pages of other origins read answers.
 *
 * @param policy what is allowed; "always": every answer may be read by all and Content-Type be set, said in every reply and asked
 *   for or not, as House did; false: nothing is said, and browsers let nobody read.
 * @throws LocalError USE_BAD_OPTION for "*" with credentials, an origin that no browser sends, a name that is no token.
 *
 * @example
 * const handler = stack(answer, cors({ origins: ["https://example.org"], credentials: true }));
 */
export function cors(policy: CorsPolicy | "always" | false): Middleware {
  if (policy === false) return (next) => next;
  if (policy === "always") return always;
  const checked = checkedPolicy(policy);
  return (next) => (request) => {
    // What is the same for all is said to all, also to who names no origin: a cache may show it to who does.
    if (checked.any && request.method !== "OPTIONS") return decorated(next, request, checked.grantAny);
    const origin = originOf(request);
    const granted = checked.any ? "*" : grantedTo(checked, origin, request);
    if (isPreflight(request, origin)) return preflight(checked, request, granted);
    return decorated(next, request, (fields) => {
      grant(checked, fields, granted);
      if (request.method === "OPTIONS") addVary(fields, PREFLIGHT_VARY); // it could have been a preflight
    });
  };
}

function grantedTo(policy: Policy, origin: string | undefined, request: Request): string | undefined {
  return origin !== undefined && origin !== "" && policy.allowed(origin, request) ? origin : undefined;
}

// No Vary: but for a preflight, which no cache keeps (RFC 9110 §9.3.7), nothing depends on who asks.
const always: Middleware = (next: Handler) => (request) => {
  if (isPreflight(request, originOf(request))) {
    const asked = request.headers.get("access-control-request-method") as string;
    return reply(204, {
      "Access-Control-Allow-Origin": "*",
      "Access-Control-Allow-Headers": "Content-Type",
      "Access-Control-Allow-Methods": isToken(asked) ? asked : "GET, HEAD, POST",
    });
  }
  return decorated(next, request, grantAll);
};

function grantAll(fields: Fields): void {
  fields.set("Access-Control-Allow-Origin", "*").set("Access-Control-Allow-Headers", "Content-Type");
}

function isPreflight(request: Request, origin: string | undefined): boolean {
  return request.method === "OPTIONS" && origin !== undefined && request.headers.has("access-control-request-method");
}

const PREFLIGHT_VARY = ["Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"];

/** A preflight that is refused gets the same 204 without a grant: the browser tells its page, and nobody else learns anything. */
function preflight(policy: Policy, request: Request, granted: string | undefined): Reply {
  const fields = new Fields({ Vary: PREFLIGHT_VARY.join(", ") });
  if (granted === undefined) return reply(204, fields);
  allow(policy, fields, granted);
  fields.set("Access-Control-Allow-Methods", policy.methods);
  const headers = policy.headers === "any" ? askedHeaders(request) : policy.headers;
  if (headers !== "") fields.set("Access-Control-Allow-Headers", headers);
  if (policy.maxAge !== undefined) fields.set("Access-Control-Max-Age", policy.maxAge);
  if (policy.privateNetwork && request.headers.get("access-control-request-private-network") === "true") {
    fields.set("Access-Control-Allow-Private-Network", "true");
  }
  return reply(204, fields);
}

function grant(policy: Policy, fields: Fields, granted: string | undefined): void {
  if (!policy.any) addVary(fields, ["Origin"]);
  if (granted === undefined) return;
  allow(policy, fields, granted);
  if (policy.exposed !== "") fields.set("Access-Control-Expose-Headers", policy.exposed);
}

function allow({ credentials }: Policy, fields: Fields, granted: string): void {
  fields.set("Access-Control-Allow-Origin", granted);
  if (credentials) fields.set("Access-Control-Allow-Credentials", "true");
}

/** What the page asks for, as far as it is names. */
function askedHeaders(request: Request): string {
  return request.headers.list("access-control-request-headers").filter(isToken).join(", ");
}

function checkedPolicy(policy: CorsPolicy): Policy {
  const { origins, credentials = false, headers = ["Content-Type"], exposed = [], maxAge } = policy;
  if (origins === "*" && credentials) {
    throw new LocalError("USE_BAD_OPTION", 'credentials need origins that are named, not "*".');
  }
  if (maxAge !== undefined && !(Number.isSafeInteger(maxAge) && maxAge >= 0)) {
    throw new LocalError("USE_BAD_OPTION", `maxAge is a number of seconds, not ${maxAge}.`);
  }
  const checked: Policy = {
    allowed: judge(origins, credentials),
    any: origins === "*",
    credentials,
    methods: tokens("methods", ["GET", "HEAD", "POST", ...(policy.methods ?? ["PUT", "PATCH", "DELETE"])]),
    headers: headers === "any" ? headers : tokens("headers", headers),
    exposed: tokens("exposed", exposed),
    maxAge: maxAge === undefined ? undefined : String(maxAge),
    privateNetwork: policy.privateNetwork ?? false,
    grantAny: (fields) => grant(checked, fields, "*"),
  };
  return checked;
}

function judge(origins: CorsPolicy["origins"], credentials: boolean): Policy["allowed"] {
  if (origins === "*") return () => true;
  // Any page can be given the origin "null", by a frame that is sandboxed.
  if (typeof origins === "function") {
    return (origin, request) => !(credentials && origin === "null") && origins(origin, request) === true;
  }
  if (!Array.isArray(origins)) throw new LocalError("USE_BAD_OPTION", 'origins is "*", a list or a function.');
  const known = new Set<string>(origins.map(checkedOrigin));
  if (known.has("null") && credentials) {
    throw new LocalError("USE_BAD_OPTION", 'credentials are not for the origin "null": any page can have it.');
  }
  return (origin) => known.has(origin);
}

function tokens(option: string, names: readonly string[]): string {
  const wrong = names.find((name) => !isToken(name));
  if (wrong !== undefined) {
    throw new LocalError("USE_BAD_OPTION", `${option} has ${JSON.stringify(wrong)}, which is no name.`);
  }
  return [...new Set(names)].join(", ");
}
