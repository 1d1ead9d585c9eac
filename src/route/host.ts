// The host of a request as routes compare it: in small letters, without a port and without the dot of a complete name.
import { authority, type Request } from "../message/request.ts";
import { parseAuthority } from "../message/target.ts";

/** Empty where the peer named none, as one of HTTP/1.0 may. */
export function requestHost(request: Request): string {
  return plain(authority(request).host);
}

/** Of an authority as it is written in Host; empty where it is none. */
export function hostName(text: string): string {
  return plain(parseAuthority(text)?.host ?? "");
}

function plain(host: string): string {
  const name = host.toLowerCase();
  return name.endsWith(".") ? name.slice(0, -1) : name;
}
