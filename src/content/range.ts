// Range (RFC 9110 §14): which octets are asked for. The grammar is the library's; what is ours is that a suffix may be longer
// than there are octets, that a list may have empty members, that ranges which overlap become one, and that there are not too many:
// what is asked for is never more than there is. And the parts of multipart/byteranges, with what stands between them.
import { randomBytes } from "node:crypto";
import parseRange from "range-parser";
import type { Fields } from "../message/fields.ts";
import { splitList } from "../message/token.ts";

/** Octets `[start, end)`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** More ranges than this are no honest wish: the whole is sent, which takes less. */
export const MOST_RANGES = 32;

/**
 * The ranges of a request, in the order in which they were asked for; those that overlap or touch are one.
 *
 * @param size of the representation, in octets.
 * @returns null where the whole is to be sent: no Range, not in bytes, malformed, too many, or all of it asked for; an empty
 *   list where none can be had: 416.
 *
 * @example
 * byteRanges(request.headers, 100); // [{ start: 90, end: 100 }] for `Range: bytes=-10`
 */
export function byteRanges(headers: Fields, size: number): readonly ByteRange[] | null {
  if (!headers.has("range")) return null;
  const values = headers.all("range");
  const [value = ""] = values;
  // Of nothing no part can be had, and none has to be refused: Range may always be ignored (RFC 9110 §14.2).
  if (values.length !== 1 || size === 0 || !/^bytes=/i.test(value)) return null;
  // RFC 9110 §5.6.1.2: empty members are to be ignored, as far as they are no attack.
  const members = splitList(value.slice(value.indexOf("=") + 1));
  if (members.length > MOST_RANGES) return null;
  const found = parseRange(size, withShortSuffixes(`bytes=${members.join(",")}`, size), { combine: true });
  if (found === -2) return null;
  if (found === -1) return [];
  const ranges = found.map(({ start, end }) => ({ start, end: end + 1 }));
  const whole = ranges.length === 1 && ranges[0]?.start === 0 && ranges[0].end === size;
  return whole && members.length > 1 ? null : ranges;
}

// RFC 9110 §14.1.2: of a suffix that is longer than the whole, the whole is meant. The library takes it for one that there is not.
function withShortSuffixes(value: string, size: number): string {
  return value.replace(/([=,][ \t]*-)(\d+)/g, (all, before: string, digits: string) =>
    Number(digits) > size ? `${before}${size}` : all,
  );
}

/** `bytes 0-9/100`. */
export function contentRange({ start, end }: ByteRange, size: number): string {
  return `bytes ${start}-${end - 1}/${size}`;
}

/** Several ranges as one body: what stands before each, what stands behind them, and how long all of it is. */
export interface Multipart {
  /** The value of Content-Type. */
  readonly type: string;
  readonly parts: readonly { readonly head: string; readonly range: ByteRange }[];
  readonly tail: string;
  /** Octets. */
  readonly length: number;
}

/** @param type of the representation, for each part. */
export function multipart(ranges: readonly ByteRange[], size: number, type: string): Multipart {
  const boundary = randomBytes(18).toString("hex");
  const parts = ranges.map((range, i) => ({
    head: `${i === 0 ? "" : "\r\n"}--${boundary}\r\nContent-Type: ${type}\r\nContent-Range: ${contentRange(range, size)}\r\n\r\n`,
    range,
  }));
  const tail = `\r\n--${boundary}--\r\n`;
  const length = parts.reduce((sum, { head, range }) => sum + head.length + range.end - range.start, tail.length);
  return { type: `multipart/byteranges; boundary=${boundary}`, parts, tail, length };
}
