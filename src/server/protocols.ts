// Which protocol a connection speaks, by the name that ALPN agreed on.
import { h1 } from "./h1.ts";
import type { Protocol } from "./site.ts";

const PROTOCOLS: ReadonlyMap<string, Protocol> = new Map([
  ["http/1.1", h1],
  ["http/1.0", h1],
]);

/** The protocol of that name, HTTP/1.1 where none was agreed on; undefined for one that is not spoken here. */
export function protocolFor(name: string | undefined): Protocol | undefined {
  return name === undefined ? h1 : PROTOCOLS.get(name);
}
