// JSON from a peer: bounded in depth before it is parsed, and without the keys by which a careless merge would change the
// prototype of everything. Knows nothing of where the text came from.
import { HttpError } from "../base/errors.ts";

/** Deeper than what anybody writes, and far from where a function that calls itself for each level would fail. */
export const JSON_DEPTH = 100;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Parses JSON. Members named `__proto__` are dropped, and so is `constructor` where its value has a member `prototype`: to copy
 * the result member by member then changes no prototype. All other names stay.
 *
 * @param depth how many lists and objects may lie in each other.
 * @throws HttpError 400 HTTP_BAD_JSON where it is not JSON, or is nested deeper.
 */
export function parseJsonText(text: string, depth: number = JSON_DEPTH): unknown {
  if (isDeeper(text, depth)) {
    throw new HttpError(400, `The JSON is nested more than ${depth} deep.`, { code: "HTTP_BAD_JSON" });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new HttpError(400, "The body is not valid JSON.", { code: "HTTP_BAD_JSON", cause });
  }
  if (SUSPICIOUS.test(text)) removeTraps(value);
  return value;
}

/** Whether brackets lie deeper in each other; what is not JSON at all is left to the parser. */
function isDeeper(text: string, limit: number): boolean {
  return hasMore(text, limit) && isNestedDeeper(text, limit);
}

// Most texts have no more brackets than may lie in each other. To see that takes a tenth of the time of the scan below, which
// itself takes nearly as long as the parser.
function hasMore(text: string, limit: number): boolean {
  let count = 0;
  for (let at = text.indexOf("["); at >= 0; at = text.indexOf("[", at + 1)) if (++count > limit) return true;
  for (let at = text.indexOf("{"); at >= 0; at = text.indexOf("{", at + 1)) if (++count > limit) return true;
  return false;
}

/** Counts brackets outside of strings. */
function isNestedDeeper(text: string, limit: number): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = stringEnd(text, i);
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > limit) return true;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return false;
}

/** Where the string that begins at `start` has its closing quote. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at;
  }
  return text.length;
}

// An escape could write either name in other letters. Few texts have any of the three, and only those are walked through.
const SUSPICIOUS = /__proto__|"constructor"|\\u00/;

function removeTraps(root: unknown): void {
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== "object" || value === null) continue;
    if (!Array.isArray(value)) removeKeys(value as Record<string, unknown>);
    for (const member of Object.values(value)) open.push(member);
  }
}

function removeKeys(object: Record<string, unknown>): void {
  if (Object.hasOwn(object, "__proto__")) Reflect.deleteProperty(object, "__proto__");
  if (!Object.hasOwn(object, "constructor")) return;
  const { constructor: made } = object as { constructor: unknown };
  if (typeof made === "object" && made !== null && Object.hasOwn(made, "prototype")) {
    Reflect.deleteProperty(object, "constructor");
  }
}
