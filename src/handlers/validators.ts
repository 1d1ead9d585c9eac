// What tells two states of a file apart, ETag and Last-Modified, and whether a client has the present one already
// (RFC 9110 §8.8, §13.1). The tag is weak: it comes from size and time, not from the octets.
import type { Stats } from "node:fs";
import { formatDate, parseDate } from "../message/date.ts";
import type { Fields } from "../message/fields.ts";

export interface Validators {
  readonly etag: string;
  readonly lastModified: string;
}

/** @param now milliseconds since 1970: a file from the future is said to be of now (RFC 9110 §8.8.2.1). */
export function validatorsOf(stats: Pick<Stats, "size" | "mtimeMs">, now: number = Date.now()): Validators {
  return {
    etag: `W/"${stats.size.toString(16)}-${stats.mtimeMs.toString(16)}"`,
    lastModified: formatDate(Math.min(stats.mtimeMs, now)),
  };
}

/** Whether a GET or HEAD with these fields is answered with 304. */
export function isCurrent(request: Fields, { etag, lastModified }: Validators): boolean {
  if (request.has("if-none-match")) {
    // RFC 9110 §13.1.2: compared weakly, and then If-Modified-Since is not looked at.
    const tags = request.list("if-none-match").map(opaque);
    return tags.includes(opaque(etag)) || (tags.length === 1 && tags[0] === "*");
  }
  const dates = request.all("if-modified-since");
  const since = dates.length === 1 ? parseDate(dates[0] as string) : undefined;
  return since !== undefined && (parseDate(lastModified) as number) <= since;
}

function opaque(tag: string): string {
  return tag.startsWith("W/") ? tag.slice(2) : tag;
}
