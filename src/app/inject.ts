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
}

const NAMES = ["url", "method", "headers", "body", "signal", "peer"];
const LOCAL: Peer = { address: "127.0.0.1", port: 0, secure: false };

/** Sends one request over a connection of its own. @throws as App.inject() says. */
export async function inject(server: Server, request: Injected): Promise<Reply<Inbound & Body>> {
  const { body = null, signal, url } = request;
  const { peer = { ...LOCAL, secure: /^https:/i.test(String(url)) } } = request;
  const wrong = Object.keys(request).find((name) => !NAMES.includes(name));
  if (wrong !== undefined) throw new LocalError("USE_BAD_OPTION", `There is no ${wrong} in a request.`);
  if (!isBody(body)) throw new LocalError("USE_BAD_BODY", "JSON is sent as text: JSON.stringify() makes it.");
  const [near, far] = memoryPair({ peer });
  return converse(near, { head: headOf(request), body, signal }, { begun: () => void server.accept(far) });
}

function headOf({ url, method = "GET", headers }: Injected): RequestHead {
  const { host, target } = placeOf(url);
  const fields = headers instanceof Fields ? headers : new Fields(headers ?? []);
  const withHost = fields.has("host") ? fields : new Fields([["Host", host], ...fields]);
  return { method, target, version: "1.1", headers: withHost };
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
