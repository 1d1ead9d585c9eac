// From which addresses a handler is to be reached: chicken's restriction of a listener to a host, for one route or for all.
import { BlockList, isIP } from "node:net";
import { HttpError, LocalError } from "../base/errors.ts";
import type { Middleware } from "../message/handler.ts";
import { clientFields, clientOf } from "./client.ts";
import { addVary, decorated } from "./outcome.ts";

/**
 * Refuses requests from any other address. Behind a proxy that trustProxies() names, the address is that of the proxy's client.
 *
 * @param addresses "192.0.2.7", "2001:db8::1", networks "10.0.0.0/8", "fd00::/8", and "unix": who comes by a unix socket.
 * @throws LocalError USE_BAD_OPTION where one is none of these. HttpError 403 HTTP_FORBIDDEN_PEER, from the handler that it makes.
 *
 * @example
 * mux.on("/admin/{rest...}", stack(admin, allowPeers(["127.0.0.1", "::1"])));
 */
export function allowPeers(addresses: readonly string[]): Middleware {
  const includes = addressTest(addresses);
  return (next) => (request) => {
    const vary = clientFields(request);
    if (!includes(clientOf(request).address)) {
      const fields = vary.length === 0 ? undefined : { Vary: vary.join(", ") };
      throw new HttpError(403, undefined, { code: "HTTP_FORBIDDEN_PEER", ...(fields && { fields }) });
    }
    return vary.length === 0 ? next(request) : decorated(next, request, (fields) => addVary(fields, vary));
  };
}

function addressTest(addresses: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const entry of addresses) if (entry !== "unix") add(list, entry);
  const unix = addresses.includes("unix");
  return (address) => {
    if (address === "") return unix;
    // A link-local address has the name of its interface behind it.
    const [plain = ""] = address.split("%");
    const version = isIP(plain);
    return version !== 0 && list.check(plain, version === 4 ? "ipv4" : "ipv6");
  };
}

function add(list: BlockList, entry: string): void {
  const [, address = "", bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
  const version = isIP(address);
  const most = version === 4 ? 32 : 128;
  if (version === 0 || Number(bits ?? most) > most) {
    throw new LocalError("USE_BAD_OPTION", `${JSON.stringify(entry)} is no address and no network.`);
  }
  list.addSubnet(address, Number(bits ?? most), version === 4 ? "ipv4" : "ipv6");
}
