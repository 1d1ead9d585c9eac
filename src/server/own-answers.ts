// What a server answers without a handler: OPTIONS * (RFC 9110 §9.3.7), and TRACE (§9.3.8), whose head comes back as
// message/http without what might be secret, where the server was told to; else nobody knows the method.
import { HttpError } from "../base/errors.ts";
import { empty, type Reply, reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";
import type { Settings, Site } from "./site.ts";

const SECRET = new Set(["authorization", "proxy-authorization", "cookie", "set-cookie"]);

/** The server's own answer, or null: the handler is asked. */
export function ownAnswer(request: Request, settings: Settings, site: Site): Reply | null {
  const { method, target } = request;
  if (target === "*") return empty(200);
  if (method !== "TRACE") return null;
  return settings.trace === "echo" ? echoTrace(request) : site.refuse(new HttpError(501), request);
}

function echoTrace(request: Request): Reply {
  let head = `${request.method} ${request.target} HTTP/${request.version}\r\n`;
  for (const [name, value] of request.headers) {
    if (!SECRET.has(name.toLowerCase())) head += `${name}: ${value}\r\n`;
  }
  return reply(200, { "Content-Type": "message/http" }, Buffer.from(`${head}\r\n`, "latin1"));
}
