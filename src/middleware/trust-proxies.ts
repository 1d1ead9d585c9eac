// Who a request is really from, where proxies stand in between. Each proxy says whom it speaks for; what is said is believed from
// the near end on, as long as who says it is one of ours, so that nothing that a client writes itself is ever believed.
import { isIP } from "node:net";
import { LocalError } from "../base/errors.ts";
import type { Peer } from "../base/transport.ts";
import { Fields } from "../message/fields.ts";
import type { Middleware } from "../message/handler.ts";
import { derive, type Request, type RequestChanges } from "../message/request.ts";
import { parseAuthority } from "../message/target.ts";
import { setClient, setSaying } from "./client.ts";
import { type Hop, hopsOf } from "./forwarded.ts";

/** Which fields of trusted proxies are believed. */
export interface TrustProxiesOptions {
  /**
   * Which fields the proxies write: "x-forwarded" (X-Forwarded-For, -Proto, -Host), or "forwarded" (RFC 7239); "x-forwarded". One
   * kind alone: a proxy that writes one passes on what a client wrote into the other.
   */
  readonly fields?: "x-forwarded" | "forwarded";
  /** Whether the host that they name takes the place of Host; false. True only where they write it: most pass on a client's. */
  readonly host?: boolean;
}

type Trust = (address: string, distance: number) => boolean;

/** All that any proxy may write: what is not believed is taken away, so that nobody behind here believes it. */
const SAID = ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip"];

/**
 * Makes middleware that gives handlers the client as their peer: its address, and whether it came by TLS; the port is 0. What others
 * than trusted proxies say is taken away. The addresses are looked up by proxy-addr, which is loaded by this call.
 *
 * @param proxies addresses and networks, "192.0.2.1", "10.0.0.0/8"; "loopback", "linklocal", "uniquelocal"; and "unix": who comes by
 *   a unix socket.
 * @throws LocalError USE_BAD_OPTION, as a rejection, where one is none of these.
 *
 * @example
 * const handler = stack(answer, await trustProxies(["loopback", "10.0.0.0/8"]));
 */
export async function trustProxies(proxies: readonly string[], options: TrustProxiesOptions = {}): Promise<Middleware> {
  const { fields = "x-forwarded", host = false } = options;
  if (fields !== "x-forwarded" && fields !== "forwarded") {
    throw new LocalError("USE_BAD_OPTION", `fields is "x-forwarded" or "forwarded", not ${String(fields)}.`);
  }
  const trust = await compile(proxies);
  const saying = fields === "forwarded" ? "Forwarded" : "X-Forwarded-For";
  return (next) => (request) => {
    const { headers, peer } = request;
    setSaying(request, saying);
    if (!SAID.some((name) => headers.has(name))) return next(request);
    const hops = trust(peer.address, 0) ? hopsOf(headers, fields) : [];
    return next(forwarded(request, clientAmong(hops, peer, trust), host));
  };
}

async function compile(proxies: readonly string[]): Promise<Trust> {
  const unix = proxies.includes("unix");
  const addresses = proxies.filter((each) => each !== "unix");
  const { default: library } = await import("proxy-addr");
  let known: Trust;
  try {
    known = addresses.length === 0 ? () => false : library.compile(addresses);
  } catch (cause) {
    throw new LocalError("USE_BAD_OPTION", `A proxy is an address or a network: ${proxies.join(", ")}.`, { cause });
  }
  return (address, distance) => (address === "" ? unix : known(address, distance));
}

interface Client {
  readonly peer: Peer;
  readonly host: string | undefined;
}

/** The first from the near end that is no proxy of ours, or the last that is there. @param hops the nearest first. */
function clientAmong(hops: readonly Hop[], peer: Peer, trust: Trust): Client {
  let client: Client = { peer, host: undefined };
  for (const [index, { address, proto, host }] of hops.entries()) {
    const secure = proto === undefined ? client.peer.secure : proto === "https" || proto === "wss";
    // A proxy that does not say whom it speaks for (RFC 7239 §6.2, "unknown") ends what is known of who that is; how it was asked,
    // it says all the same.
    if (isIP(address) === 0) {
      const { peer: last } = client;
      return { peer: secure === last.secure ? last : { ...last, secure }, host: host ?? client.host };
    }
    client = { peer: { address, port: 0, secure }, host };
    if (!trust(address, index + 1)) break;
  }
  return client;
}

function forwarded(request: Request, { peer, host }: Client, hostCounts: boolean): Request {
  const fields = new Fields(request.headers);
  for (const name of SAID) fields.delete(name);
  if (hostCounts && host !== undefined && (parseAuthority(host)?.host ?? "") !== "") fields.set("Host", host);
  const changes: RequestChanges = peer === request.peer ? { headers: fields } : { headers: fields, peer };
  if (peer !== request.peer) setClient(request, peer);
  return derive(request, changes);
}
