// How paths are compared: segment by segment, decoded. A client may write `@` or `%40` (RFC 3986 does not call the two equal, and
// browsers, curl and encodeURIComponent() each have a rule of their own), and means the same file by both. Only for comparing:
// request.path stays as it is.
import { isUtf8 } from "node:buffer";

// Escapes of visible ASCII, but for those that decoded would be read as something else: the percent sign, and both slashes.
const MARKS = /%(?:2[1-46-9A-E]|[346][0-9A-F]|5[0-9ABD-F]|7[0-9A-E])/g;
const BEYOND_ASCII = /(?:%[89A-F][0-9A-F])+/g;

/** A canonical path in which what can be written with and without an escape has none: `/a%40b%20c` → `/a@b%20c`. */
export function unescaped(path: string): string {
  if (!path.includes("%")) return path;
  return path.replace(MARKS, (found) => String.fromCharCode(Number.parseInt(found.slice(1), 16)));
}

/**
 * A canonical path, decoded, as paths are compared. Two have the same if and only if their segments are the same when they are
 * decoded. `%2F`, `%5C`, `%25`, control characters and what is not UTF-8 stay escapes: a slash in it is one that stood in the path,
 * none ends a line, and to decode a segment of it once more gives what was sent.
 */
export function comparable(path: string): string {
  if (!path.includes("%")) return path;
  return unescaped(path).replaceAll("%20", " ").replace(BEYOND_ASCII, decoded);
}

function decoded(escapes: string): string {
  const bytes = Buffer.from(escapes.replaceAll("%", ""), "hex");
  if (!isUtf8(bytes)) return escapes;
  const text = bytes.toString("utf8");
  return /[\u2028\u2029]/.test(text) ? escapes : text; // they end a line as well
}

/** A segment as comparable() has it, in the form that a pattern has: what would be read as a part of the pattern is escaped. */
export function patternText(segment: string): string {
  const text = segment.replace(/[^\x21-\x7e]+|[?#{}]/gu, encodeURIComponent);
  return text.replace(/^:|^\*{1,2}$/, (mark) => mark.replaceAll("*", "%2A").replace(":", "%3A"));
}
