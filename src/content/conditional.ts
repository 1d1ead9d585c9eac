// Preconditions (RFC 9110 §13): whether a request is for the state of a representation that there is, in the order of
// §13.2.2. By hand: the libraries split a tag at a comma that is part of it, and read a date without a zone as a time of this place.
import { parseDate } from "../message/date.ts";
import type { Fields } from "../message/fields.ts";
import { entityTags, isWeaklyEqual } from "./entity-tag.ts";

/** What tells two states of a representation apart (RFC 9110 §8.8). */
export interface Validators {
  /** An entity tag with its quotes: `"abc"`, or `W/"abc"` where it is weak. */
  readonly etag?: string | undefined;
  /** An HTTP-date, as formatDate() makes it. */
  readonly lastModified?: string | undefined;
}

/**
 * What the preconditions of a request come to (RFC 9110 §13.2.2).
 *
 * @param state of the representation that there is; null where there is none.
 * @returns 304 (GET and HEAD) where the client has it already, 412 where a condition fails; null: do what is asked.
 *
 * @example
 * if (precondition(request, { etag: '"7"' }) === 412) throw new HttpError(412);
 */
export function precondition(
  request: { readonly method: string; readonly headers: Fields },
  state: Validators | null,
): 304 | 412 | null {
  const { headers, method } = request;
  if (headers.has("if-match")) {
    if (!ifMatch(headers, state)) return 412;
  } else if (headers.has("if-unmodified-since")) {
    const since = dateIn(headers, "if-unmodified-since");
    if (since !== undefined && state?.lastModified !== undefined && isLater(state.lastModified, since)) return 412;
  }
  const reads = method === "GET" || method === "HEAD";
  if (headers.has("if-none-match")) return ifNoneMatch(headers, state) ? null : reads ? 304 : 412;
  if (!reads || state?.lastModified === undefined || !headers.has("if-modified-since")) return null;
  const since = dateIn(headers, "if-modified-since");
  return since === undefined || isLater(state.lastModified, since) ? null : 304;
}

/** RFC 9110 §13.1.1: compared strongly, so that a weak tag never matches. */
function ifMatch(headers: Fields, state: Validators | null): boolean {
  const tags = entityTags(headers.all("if-match"));
  if (tags === "*") return state !== null;
  const etag = state?.etag;
  return etag !== undefined && !etag.startsWith("W/") && tags.includes(etag);
}

/** RFC 9110 §13.1.2: compared weakly. */
function ifNoneMatch(headers: Fields, state: Validators | null): boolean {
  if (state === null) return true;
  const tags = entityTags(headers.all("if-none-match"));
  if (tags === "*") return false;
  const { etag } = state;
  return etag === undefined || !tags.some((tag) => isWeaklyEqual(tag, etag));
}

/** One date, or none: several are not one, and what is no date is to be ignored. */
function dateIn(headers: Fields, name: string): number | undefined {
  const values = headers.all(name);
  return values.length === 1 ? parseDate(values[0] as string) : undefined;
}

function isLater(lastModified: string, than: number): boolean {
  return (parseDate(lastModified) as number) > than;
}

/** The clock of a file system may be this much behind: a file of the last second may change without a new date. */
const SAME_SECOND = 1000;

/**
 * Whether a Range may be answered with a part: true without If-Range, else where it names the state there is, strongly
 * (RFC 9110 §13.1.5). A date counts where it is that of the state, and older than a second.
 *
 * @param now milliseconds since 1970.
 */
export function mayBePart(headers: Fields, state: Validators, now: number = Date.now()): boolean {
  if (!headers.has("if-range")) return true;
  const values = headers.all("if-range");
  const [value = ""] = values;
  if (values.length !== 1) return false;
  if (value.startsWith('"')) return value === state.etag;
  const date = parseDate(value);
  if (date === undefined || state.lastModified === undefined) return false;
  return date === parseDate(state.lastModified) && now - date > SAME_SECOND;
}
