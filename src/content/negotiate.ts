// What a peer would rather have: Accept, Accept-Encoding, Accept-Language (RFC 9110 §12.5). The matching is the library's; what
// is ours is that several lines are one list, that the order of the server decides between equals of a coding, what a header
// that is not there means, and that a member whose weight is none says nothing: the library would take `gzip;q=-1` for a reason to
// refuse what is not compressed.
import { createRequire } from "node:module";
import type NegotiatorLibrary from "negotiator";
import type { Fields } from "../message/fields.ts";
import { detached, splitList } from "../message/token.ts";
import { readParameter } from "./media-type.ts";

/** Whoever has header fields: a request. */
interface Asking {
  readonly headers: Fields;
}

let library: typeof NegotiatorLibrary | null = null;

/** Loaded when it is first needed, and at once: a page of an error cannot wait, and what nobody asks for costs nothing. */
function negotiator(asking: { readonly headers: Record<string, string> }): NegotiatorLibrary {
  library ??= createRequire(import.meta.url)("negotiator") as typeof NegotiatorLibrary;
  return new library(asking);
}

/** Answers that are remembered for one list of codings: browsers send few different fields, others could send any. */
const REMEMBERED = 256;
const REMEMBERED_LENGTH = 256;

/**
 * The media type that suits the request best (RFC 9110 §12.5.1).
 *
 * @param types what there is, best first: the first is taken where the request says nothing, or likes several as much.
 * @returns undefined where it accepts none of them: 406, or the first one all the same.
 *
 * @example
 * preferred(request, ["text/html", "application/json"]); // "application/json" for `Accept: application/json`
 */
export function preferred<T extends string>(request: Asking, types: readonly T[]): T | undefined {
  const accept = readable(lines(request, "accept"));
  if (accept === undefined) return types[0];
  return negotiator({ headers: { accept } }).mediaType(types) as T | undefined;
}

/**
 * The language that suits the request best (RFC 9110 §12.5.4): "en" is found by "en-GB" and the other way round.
 *
 * @param offered language tags, best first.
 * @returns undefined where it accepts none of them; the first is then often better than 406.
 *
 * @example
 * language(request, ["en", "de"]); // "de" for `Accept-Language: de-AT, en;q=0.5`
 */
export function language<T extends string>(request: Asking, offered: readonly T[]): T | undefined {
  const accept = readable(lines(request, "accept-language"));
  if (accept === undefined) return offered[0];
  return negotiator({ headers: { "accept-language": accept } }).language(offered) as T | undefined;
}

const answers = new WeakMap<readonly string[], Map<string, string | undefined>>();

/**
 * The content coding that suits the request best (RFC 9110 §12.5.3).
 *
 * @param offered what there is beside "identity", best first; of those that the request likes as much, the first is taken. A
 *   list that is kept (not made anew for each request) makes this fast.
 * @returns "identity" where nothing is to be encoded, and where the request says nothing; undefined where it refuses that too
 *   (`identity;q=0`): 406.
 *
 * @example
 * encodingFor(request, ["br", "gzip"]); // "br" for `Accept-Encoding: gzip, br`
 */
export function encodingFor<T extends string>(request: Asking, offered: readonly T[]): T | "identity" | undefined {
  const accept = lines(request, "accept-encoding");
  if (accept === undefined) return "identity";
  let known = answers.get(offered);
  if (known === undefined) {
    known = new Map();
    answers.set(offered, known);
  }
  if (known.has(accept)) return known.get(accept) as T | "identity" | undefined;
  const found = negotiated(accept, offered);
  if (accept.length <= REMEMBERED_LENGTH) {
    if (known.size >= REMEMBERED) known.clear();
    known.set(detached(accept), found);
  }
  return found as T | "identity" | undefined;
}

// The types of the library lag behind: its encodings() takes an order for codings that are liked as much.
type Encodings = (available: readonly string[], options: { readonly preferred: readonly string[] }) => string[];

function negotiated(sent: string, offered: readonly string[]): string | undefined {
  const accept = readable(sent);
  if (accept === undefined) return "identity";
  // RFC 9110 §8.4.1.3: "x-gzip" means "gzip".
  const headers = { "accept-encoding": accept.replace(/(^|[\s,])x-gzip(?=[\s,;]|$)/gi, "$1gzip") };
  const asked = negotiator({ headers }) as unknown as { readonly encodings: Encodings };
  return asked.encodings([...offered, "identity"], { preferred: offered })[0];
}

/** Characters and members that are looked at: no client means more. The library takes some microseconds for each member. */
const LONGEST = 4096;
const MOST = 100;

/** `0.25` (RFC 9110 §12.4.2), and what clients write for it: `.25`, `0.`, more than three digits. */
const WEIGHT = /^(?:0?\.\d+|0\.?|1(?:\.0*)?)$/;

/**
 * The members whose weight can be read. Undefined where there are members and none of them can: that is as if the header were not
 * there. A header without members stays one.
 */
function readable(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const whole = text.length <= LONGEST ? text : text.slice(0, Math.max(0, text.lastIndexOf(",", LONGEST)));
  const members = splitList(whole).slice(0, MOST);
  const kept = members.filter(isReadable);
  return kept.length === 0 && (members.length > 0 || text.length > LONGEST) ? undefined : kept.join(", ");
}

function isReadable(member: string): boolean {
  const first = member.indexOf(";");
  if (first === 0) return false;
  for (let at = first < 0 ? member.length : first; at < member.length; ) {
    const { name, value, end } = readParameter(member, at + 1);
    if (name.trimEnd() === "q") return value !== undefined && WEIGHT.test(value.trim());
    at = end;
  }
  return true;
}

/** All lines of a field as one list; undefined where there is none. An empty field is not the same as none. */
function lines({ headers }: Asking, name: string): string | undefined {
  const first = headers.get(name);
  if (first === undefined) return undefined;
  const all = headers.all(name);
  return all.length === 1 ? first : all.join(", ");
}
