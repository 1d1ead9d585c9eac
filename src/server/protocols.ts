// Which protocol a connection speaks, by the name that ALPN agreed on.
import { h1 } from "./h1.ts";
import type { Protocol } from "./site.ts";

const PROTOCOLS: Readonly<Record<string, Protocol>> = { "http/1.1": h1, "http/1.0": h1 };

/** The protocol of that name; HTTP/1.1 where none was agreed on. */
export function protocolFor(name: string | undefined): Protocol {
  return (name === undefined ? undefined : PROTOCOLS[name]) ?? h1;
}
