// Where to listen, as people write it, made into addresses: a port, `host:port`, an address, or several of these.
import { LocalError } from "../base/errors.ts";
import type { Address } from "../base/transport.ts";

/**
 * Where to listen: a port of 127.0.0.1; `host:port`, as `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` (this machine alone) or
 * `*:8080` (every address of IPv4); or an address.
 */
export type ListenAddress = Address | number | string;

/** A host as people say it, as an address: "localhost" is 127.0.0.1, "*" is 0.0.0.0, an empty one localhost. */
export function addressOf(host: string): string {
  if (host === "" || host === "localhost") return "127.0.0.1";
  return host === "*" ? "0.0.0.0" : host;
}

/** @throws LocalError USE_BAD_OPTION for what is none of these; whether a host is there is seen when it is listened on. */
export function addressesOf(where: ListenAddress | readonly ListenAddress[]): readonly Address[] {
  return Array.isArray(where) ? where.map(one) : [one(where as ListenAddress)];
}

/** A host as it stands in a URL that somebody on this machine can open. */
export function hostInUrl(host: string): string {
  if (host === "0.0.0.0" || host === "::" || host === "") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}

function one(where: ListenAddress): Address {
  if (typeof where === "number") return { host: "127.0.0.1", port: where };
  if (typeof where === "string") return fromText(where);
  if (typeof where === "object" && where !== null && !Array.isArray(where)) return where;
  throw bad(where);
}

function fromText(text: string): Address {
  const colon = text.lastIndexOf(":");
  const host = text.slice(0, Math.max(colon, 0));
  const port = text.slice(colon + 1);
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) > 65_535) throw bad(text);
  if (colon < 0) return { host: "127.0.0.1", port: Number(port) };
  const bracketed = host.startsWith("[") && host.endsWith("]");
  const name = bracketed ? host.slice(1, -1) : host;
  // Without brackets nobody could tell where an address of IPv6 ends; and no host could mean this machine, or everywhere.
  if (name === "" || name.includes(":") !== bracketed || /[\s/[\]]/.test(name)) throw bad(text);
  return { host: addressOf(name), port: Number(port) };
}

function bad(where: unknown): LocalError {
  const shown = typeof where === "string" ? JSON.stringify(where) : String(where);
  return new LocalError(
    "USE_BAD_OPTION",
    `An address is a port, a text as "127.0.0.1:8080" or "*:8080", or an object as { host, port } or { path }, not ${shown}.`,
  );
}
