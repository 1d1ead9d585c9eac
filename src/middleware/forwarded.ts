// What proxies write about the hops that a request took: X-Forwarded-*, which nobody specified, and Forwarded (RFC 7239).
import type { Fields } from "../message/fields.ts";
import { isToken } from "../message/token.ts";

/** What one proxy says of who sent it the request. */
export interface Hop {
  /** As it stands there, without port and brackets; empty where it is not said. */
  readonly address: string;
  readonly proto: string | undefined;
  readonly host: string | undefined;
}

/** Hops that are looked at: no request took more. */
const MOST = 32;
/** Characters of one element of Forwarded: names and addresses are short. */
const LONGEST = 1024;

/** The hops, the nearest first. */
export function hopsOf(headers: Fields, kind: "x-forwarded" | "forwarded"): Hop[] {
  return kind === "forwarded" ? standardHops(headers) : customaryHops(headers);
}

/**
 * Proxies append to X-Forwarded-For, and append to the others or replace them. As long as a list as that of the addresses belongs
 * to it; of any other only the last member is surely of our own proxy.
 */
function customaryHops(headers: Fields): Hop[] {
  const addresses = membersOf(headers, "x-forwarded-for");
  const protos = membersOf(headers, "x-forwarded-proto");
  const hosts = membersOf(headers, "x-forwarded-host");
  const nth = (list: readonly string[], index: number): string | undefined =>
    list.length === addresses.length ? list[index] : list[0];
  // A proxy that names no client says how it was asked all the same.
  const known = addresses.length > 0 ? addresses : [protos, hosts].some(({ length }) => length > 0) ? [""] : [];
  return known.slice(0, MOST).map((address, index) => ({
    address: withoutPort(address),
    proto: nth(protos, index)?.toLowerCase(),
    host: nth(hosts, index),
  }));
}

/** `Forwarded: for=192.0.2.7;proto=https, for="[2001:db8::1]:4711";host=a` */
function standardHops(headers: Fields): Hop[] {
  return membersOf(headers, "forwarded")
    .slice(0, MOST)
    .map((element) => {
      const pairs = pairsOf(element.length > LONGEST ? "" : element);
      return {
        address: withoutPort(pairs.get("for") ?? ""),
        proto: pairs.get("proto")?.toLowerCase(),
        host: pairs.get("host"),
      };
    });
}

/**
 * The members of a list, the last first. A comma ends one even between quotation marks: a proxy appends to whatever a client wrote,
 * and a quotation that the client left open must not swallow what the proxy says. Nothing that proxies say has a comma in it.
 */
function membersOf(headers: Fields, name: string): string[] {
  const members = headers.all(name).join(",").split(",");
  return members
    .map((member) => member.trim())
    .filter((member) => member !== "")
    .reverse();
}

const PAIR = /[ \t;]*([^\s;="]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))[ \t]*(?:;[ \t;]*|$)/gy;

/** An element that is malformed says nothing; a parameter that stands twice neither (RFC 7239 §4). */
function pairsOf(element: string): Map<string, string> {
  const pairs = new Map<string, string>();
  PAIR.lastIndex = 0;
  for (let end = 0; end < element.length; end = PAIR.lastIndex) {
    const [, name = "", quoted, plain] = PAIR.exec(element) ?? [];
    if (!isToken(name)) return new Map();
    const key = name.toLowerCase();
    pairs.set(key, pairs.has(key) ? "" : (quoted?.replace(/\\(.)/g, "$1") ?? plain ?? ""));
  }
  return pairs;
}

/** No address is longer, with its brackets, zone and port. Whoever looks an address up need not take a longer text in linear time. */
const ADDRESS_LENGTH = 128;

/** `192.0.2.7:80`, `[2001:db8::1]:80`, `2001:db8::1` → the address. */
function withoutPort(text: string): string {
  if (text.length > ADDRESS_LENGTH) return "";
  const found = /^(?:\[([^\]]*)\]|([^:]*))(?::\w*)?$/.exec(text);
  return found?.[1] ?? found?.[2] ?? text;
}
