// Entity tags (RFC 9110 §8.8.3) as conditions list them. A tag is what stands between two quotation marks, commas and backslashes too:
// readers of lists and of quoted strings, who take the one for an end and the other for an escape, know other tags than were sent.

const QUOTE = 0x22;

/**
 * The tags of If-Match or If-None-Match, as they were written. What is none is there as well, up to its comma: it is no tag's equal.
 *
 * @param lines the values of all its lines.
 * @returns "*" where that is all there is.
 */
export function entityTags(lines: readonly string[]): readonly string[] | "*" {
  const tags: string[] = [];
  for (const line of lines) for (let at = 0; at < line.length; at = readMember(line, at, tags));
  return tags.length === 1 && tags[0] === "*" ? "*" : tags;
}

/** Weak comparison (RFC 9110 §8.8.3.2): whether they are alike but for "W/". */
export function isWeaklyEqual(one: string, other: string): boolean {
  return one === other || opaque(one) === opaque(other);
}

function opaque(tag: string): string {
  return tag.startsWith("W/") ? tag.slice(2) : tag;
}

/** Reads one member and the comma behind it. @returns where the next one begins. */
function readMember(line: string, from: number, tags: string[]): number {
  let start = from;
  while (isBlank(line.charCodeAt(start))) start++;
  const open = line.startsWith("W/", start) ? start + 2 : start;
  const close = line.charCodeAt(open) === QUOTE ? line.indexOf('"', open + 1) : -1;
  const comma = line.indexOf(",", close < 0 ? open : close);
  const next = comma < 0 ? line.length : comma;
  let end = next;
  while (end > start && isBlank(line.charCodeAt(end - 1))) end--;
  if (end > start) tags.push(line.slice(start, end));
  return next + 1;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
