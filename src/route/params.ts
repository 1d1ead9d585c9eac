// Captured segments as request.params: each decoded by itself, in an object without a prototype.
import { decodeComponent } from "../message/target.ts";

// Object.create(null) makes a slow object each time; an instance of this class is fast and inherits nothing either.
class Params {
  [name: string]: string;
}
Object.setPrototypeOf(Params.prototype, null);
Reflect.deleteProperty(Params.prototype, "constructor");

/** @param outer what a route around this one captured; its names are kept where they are not named again. */
export function bindRoute(
  names: readonly string[],
  values: readonly string[],
  hasRest: boolean,
  outer: Readonly<Params> | undefined,
): Readonly<Params> {
  const params = new Params();
  if (outer !== undefined) for (const name in outer) params[name] = outer[name] as string;
  const last = hasRest ? names.length - 1 : names.length;
  for (let i = 0; i < last; i++) params[names[i] as string] = decodeComponent(values[i] as string);
  if (hasRest) params[names[last] as string] = decodeRest(values[last] as string);
  return params;
}

/**
 * A rest is decoded but for `%2F`, `%5C`, `%00` and `%25`: its slashes are those that stood in the path, no dot segment comes
 * into being, and decoding a segment of it once more gives what was sent.
 */
export function decodeRest(text: string): string {
  if (!text.includes("%")) return text;
  return text
    .split(/(%(?:2F|5C|00|25))/)
    .map((part, index) => (index % 2 === 1 ? part : decodeComponent(part)))
    .join("");
}
