// A request to a server in the same process, without a socket: a connection in memory, with the wire on both sides, so that what
// comes back is what a peer on the network would get.

import { LocalError } from "../base/errors.ts";
import type { Peer } from "../base/transport.ts";
import { type Body, isBody } from "../message/body.ts";
import { Fields } from "../message/fields.ts";
import type { Outgoing } from "../message/handler.ts";
import type { RequestHead } from "../message/head.ts";
import type { Inbound } from "../message/inbound.ts";
import type { Reply } from "../message/reply.ts";
import type { Server } from "../server/server.ts";
import { memoryPair } from "../transport/memory.ts";
import { converse } from "./converse.ts";

/** What is sent without a socket. The URL may be a path, and then the host is localhost. */
export interface Injected extends Outgoing {
  /** Who it is from; 127.0.0.1 where left out, and over TLS where the URL says https. */
  readonly peer?: Peer;
  /**
   * Parameters: of POST, PUT and PATCH without a body they are sent as an urlencoded form, else in the query, behind what stands
   * there. A list gives its name several times.
   */
  readonly params?: Readonly<Record<string, ParamValue | readonly ParamValue[]>>;
  /** Cookies by name, sent along. A Map keeps what the reply sets, for the next request, and drops what it deletes. */
  readonly cookies?: Readonly<Record<string, string>> | Map<string, string>;
}

type ParamValue = string | number | boolean;

const NAMES = ["url", "method", "headers", "body", "signal", "peer", "params", "cookies"];
const LOCAL: Peer = { address: "127.0.0.1", port: 0, secure: false };
const WITH_FORM = ["POST", "PUT", "PATCH"];

/** Sends one request over a connection of its own. @throws as App.inject() says. */
export async function inject(server: Server, request: Injected): Promise<Reply<Inbound & Body>> {
  const wrong = Object.keys(request).find((name) => !NAMES.includes(name));
  if (wrong !== undefined) throw new LocalError("USE_BAD_OPTION", `There is no ${wrong} in a request.`);
  const { cookies, signal, url } = request;
  const { peer = { ...LOCAL, secure: /^https:/i.test(String(url)) } } = request;
  const { head, body } = messageOf(request);
  if (!isBody(body)) throw new LocalError("USE_BAD_BODY", "JSON is sent as text: JSON.stringify() makes it.");
  // Who has no cookies does not load what reads them.
  const jar = cookies === undefined ? null : await import("../content/cookie.ts");
  const line = jar?.sentCookies(cookies instanceof Map ? cookies : Object.entries(cookies ?? {})) ?? "";
  if (line !== "") head.headers.add("Cookie", line);
  const [near, far] = memoryPair({ peer });
  const answer = await converse(near, { head, body, signal }, { begun: () => void server.accept(far) });
  if (cookies instanceof Map) jar?.keepCookies(answer.headers, cookies);
  return answer;
}

function messageOf(request: Injected): { readonly head: RequestHead; readonly body: Body } {
  const { url, method = "GET", params = {}, body = null } = request;
  const { host, target } = placeOf(url);
  const given = new Fields(request.headers);
  const headers = given.has("host") ? given : new Fields([["Host", host], ...given]);
  const form = encoded(params);
  if (form !== "" && body === null && WITH_FORM.includes(method)) {
    if (!headers.has("content-type")) headers.set("Content-Type", "application/x-www-form-urlencoded");
    return { head: { method, target, version: "1.1", headers }, body: form };
  }
  const asked = form === "" ? target : `${target}${target.includes("?") ? "&" : "?"}${form}`;
  return { head: { method, target: asked, version: "1.1", headers }, body };
}

function encoded(params: NonNullable<Injected["params"]>): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const each of Array.isArray(value) ? value : [value]) pairs.append(name, String(each));
  }
  return pairs.toString();
}

/** What a path is sent as: itself, as it would be on a network. A URL would resolve its dots, and take `//a` for a host. */
function placeOf(url: string | URL): { readonly host: string; readonly target: string } {
  if (url === "*" || (typeof url === "string" && url.startsWith("/"))) {
    const [path = ""] = url.split("#", 1);
    const encoded = (part: string): string => encodeURIComponent(part.replace(/\p{Surrogate}/gu, "\ufffd"));
    return { host: "localhost", target: path.replace(/[^\x21-\x7e]+/g, encoded) };
  }
  const { host, pathname, search } = new URL(url, "http://localhost");
  return { host, target: `${pathname}${search}` };
}
