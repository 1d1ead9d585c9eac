// Media types by file name. The table is the library's; what is ours is the charset, the type of what nobody knows, and
// that a name can have a type of its own. Knows nothing of what is in a file: no octet is looked at.
import { MIMEType } from "node:util";
import mime from "mime";
import { LocalError } from "../base/errors.ts";

/** What is sent for a file whose name says nothing: octets (RFC 9110 §8.3). */
export const UNKNOWN_TYPE = "application/octet-stream";

/** Media types by extension, without its dot: `{ tea: "text/x-tea" }`. They win over those that are known. */
export type ExtraTypes = Readonly<Record<string, string>>;

/** The value of Content-Type for a file, by the last extension of its name. */
export type TypeOf = (name: string) => string;

/**
 * Makes a function from file names to values of Content-Type. Text is said to be UTF-8, unless the type given says otherwise.
 *
 * @param unknown of a name that says nothing; "application/octet-stream".
 * @throws LocalError USE_BAD_OPTION where one of the types is none.
 *
 * @example
 * const typeOf = mediaTypes({ tea: "text/x-tea" });
 * typeOf("index.html"); // text/html; charset=utf-8
 * typeOf("green.TEA"); // text/x-tea; charset=utf-8
 */
export function mediaTypes(extra: ExtraTypes = {}, unknown: string = UNKNOWN_TYPE): TypeOf {
  const other = withCharset(checked(unknown));
  const own = new Map<string, string>();
  for (const [extension, type] of Object.entries(extra)) own.set(extension.toLowerCase(), withCharset(checked(type)));
  return (name) => own.get(extensionOf(name)) ?? known(name) ?? other;
}

function known(name: string): string | undefined {
  // A name without a dot has no type, though the library would take "html" for an extension.
  const type = extensionOf(name) === "" ? null : mime.getType(name);
  return type === null ? undefined : withCharset(type);
}

/** In lower case; empty where there is none. ".profile" has none. */
function extensionOf(name: string): string {
  const base = name.slice(name.lastIndexOf("/") + 1);
  const dot = base.lastIndexOf(".");
  return dot <= 0 ? "" : base.slice(dot + 1).toLowerCase();
}

/** JSON is UTF-8 by definition and XML says it inside; of the rest, text needs to be told (RFC 9110 §8.3.2). */
function withCharset(type: string): string {
  return /^text\//i.test(type) && !/;\s*charset=/i.test(type) ? `${type}; charset=utf-8` : type;
}

function checked(type: string): string {
  try {
    return String(new MIMEType(type));
  } catch (cause) {
    throw new LocalError("USE_BAD_OPTION", `${JSON.stringify(type)} is no media type.`, { cause });
  }
}
