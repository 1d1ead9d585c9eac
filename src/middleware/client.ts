// Who a request is from: the peer of its connection, or who a trusted proxy says. Logs and limits ask here, because a hook of the
// server is given the request as it was received, before any middleware derived another from it.
import type { Peer } from "../base/transport.ts";
import { Key, type Request } from "../message/request.ts";

const CLIENT: Key<Peer> = new Key<Peer>("portico.client");
const SAYING: Key<string> = new Key<string>("portico.client-said-by");

/** Says who a request is from, for all that is derived from the same one. */
export function setClient(request: Request, client: Peer): void {
  request.set(CLIENT, client);
}

/** Says which field of the request its client is taken from, where there is one. */
export function setSaying(request: Request, name: string): void {
  request.set(SAYING, name);
}

/** The fields that say who a request is from: a reply that depends on the client depends on them. */
export function clientFields(request: Request): readonly string[] {
  const name = request.get(SAYING);
  return name === undefined ? [] : [name];
}

/**
 * Who a request is from: what trustProxies() found out, else the peer of the connection.
 *
 * @example
 * const { address, secure } = clientOf(request);
 */
export function clientOf(request: Request): Peer {
  return request.get(CLIENT) ?? request.peer;
}
