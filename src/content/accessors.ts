// A request by the accessors that House gives its handlers: what is asked for, the headers, the tokens of sessions, the parameters
// as they were sent. A view; the request has all of it and more.
import { Fields } from "../message/fields.ts";
import { authority, type Request } from "../message/request.ts";
import { decodeStrictly } from "../message/target.ts";
import { readMediaType } from "./media-type.ts";
import { parameters } from "./parameters.ts";

/** What accessors() gives. */
export interface Accessors {
  /** The path, without the query; encoded, as request.path. */
  readonly resource: string;
  /** Without its port; empty where the client named none. */
  readonly host: string;
  /** In their order, their names in small letters, but for Cookie and Content-Length: what they say is `sessionTokens` and the body. */
  readonly headers: Fields;
  /** The value of each cookie that is a session's, in the order of the header; stale ones too. */
  readonly sessionTokens: readonly string[];
  /**
   * Those of a form or the members of a JSON object, then those of the query; in order, a name as often as it stands. Text is as it
   * was sent, not decoded; null for a name without an equals sign. Members of JSON, and fields of a multipart form, are what they are.
   */
  readonly parameters: readonly (readonly [name: string, value: unknown])[];
}

/** What accessors() looks for. */
export interface AccessorsOptions {
  /** The name of the cookie of sessions; "name", as in House. */
  readonly cookie?: string;
}

/**
 * A request as House's handlers see it. The body is read where it is a form or JSON; another one stays unread.
 *
 * @throws HttpError as parse(), for a body that is read.
 *
 * @example
 * const { resource, sessionTokens } = await accessors(request, { cookie: "id" });
 */
export async function accessors(request: Request, { cookie = "name" }: AccessorsOptions = {}): Promise<Accessors> {
  const sent = await parameters(request, { order: hasNames(request) ? ["body", "query"] : ["query"] });
  return {
    resource: request.path,
    host: authority(request).host,
    headers: new Fields(
      Array.from(request.headers, ([name, value]) => [name.toLowerCase(), value] as const).filter(
        ([name]) => name !== "cookie" && name !== "content-length",
      ),
    ),
    sessionTokens: cookiesNamed(cookie, request),
    parameters: sent.entries().map(({ name, raw, value }) => [name, raw === undefined ? value : raw]),
  };
}

const NAMED = ["application/x-www-form-urlencoded", "multipart/form-data", "application/json"];

function hasNames({ headers }: Request): boolean {
  const type = readMediaType(headers.get("content-type") ?? "")?.essence ?? "";
  return NAMED.includes(type) || type.endsWith("+json");
}

/** All of that name: a client that has two sends both, and only one of them may be of a session that lives. */
function cookiesNamed(wanted: string, { headers }: Request): string[] {
  const tokens: string[] = [];
  for (const pair of headers.all("cookie").flatMap((line) => line.split(";"))) {
    const equals = pair.indexOf("=");
    if (equals < 0 || pair.slice(0, equals).trim() !== wanted) continue;
    const value = pair.slice(equals + 1).trim();
    tokens.push(decodeStrictly(value) ?? value); // as cookies() does
  }
  return tokens;
}
