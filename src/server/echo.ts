// TRACE (RFC 9110 §9.3.8): the head of the request comes back as message/http, without what might be secret. Off unless the
// server was told otherwise.
import { type Reply, reply } from "../message/reply.ts";
import type { Request } from "../message/request.ts";

const SECRET = new Set(["authorization", "proxy-authorization", "cookie", "set-cookie"]);

/** The answer to TRACE. */
export function echoTrace(request: Request): Reply {
  let head = `${request.method} ${request.target} HTTP/${request.version}\r\n`;
  for (const [name, value] of request.headers) {
    if (!SECRET.has(name.toLowerCase())) head += `${name}: ${value}\r\n`;
  }
  return reply(200, { "Content-Type": "message/http" }, Buffer.from(`${head}\r\n`, "latin1"));
}
