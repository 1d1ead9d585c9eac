// Content-Disposition of a part of a form (RFC 7578 §4.2): its name, and the name of its file as something that may be shown
// and used for a file, whatever the peer wrote.
import { HttpError } from "../base/errors.ts";
import { decodeText } from "../message/reading.ts";

/** What a part says of itself. */
export interface Disposition {
  readonly name: string;
  /** Undefined for a field; empty for a file without a name, as browsers send it where none was chosen. */
  readonly filename: string | undefined;
}

// token "=" (quoted-string | token); a backslash escapes a quote or itself alone: old browsers send whole paths of Windows.
const PARAMETER = /;[ \t]*([^\s=;"]+)[ \t]*=[ \t]*(?:"((?:\\["\\]|\\(?!["\\])|[^"\\])*)"|([^\s;"]*))[ \t]*/gy;

/**
 * Reads the value of the field, whose octets stand as one character each.
 *
 * @throws HttpError 400 HTTP_BAD_MULTIPART where it is missing, is no `form-data`, has no name, or is not UTF-8.
 */
export function readDisposition(value: string | undefined): Disposition {
  const type = /^[ \t]*form-data[ \t]*(?=;|$)/i.exec(value ?? "");
  if (value === undefined || type === null) throw badMultipart("A part has no Content-Disposition: form-data.");
  const parameters = new Map<string, string>();
  let end = type[0].length;
  PARAMETER.lastIndex = end;
  for (let match = PARAMETER.exec(value); match !== null; match = PARAMETER.exec(value)) {
    end = PARAMETER.lastIndex;
    const key = (match[1] as string).toLowerCase();
    if (parameters.has(key)) throw badMultipart(`A part has two parameters "${key === "name" ? "name" : "filename"}".`);
    parameters.set(key, match[2]?.replace(/\\(["\\])/g, "$1") ?? (match[3] as string));
  }
  if (end !== value.length && !/^;?[ \t]*$/.test(value.slice(end)))
    throw badMultipart("A Content-Disposition is malformed.");
  const name = parameters.get("name");
  if (name === undefined) throw badMultipart("A part has no name.");
  const filename = parameters.get("filename") ?? extended(parameters.get("filename*"));
  return {
    name: unescaped(utf8(name)),
    filename: filename === undefined ? undefined : safeFilename(unescaped(utf8(filename))),
  };
}

export function badMultipart(message: string, cause?: unknown): HttpError {
  return new HttpError(400, message, { code: "HTTP_BAD_MULTIPART", cause });
}

function utf8(octets: string): string {
  try {
    return decodeText(Buffer.from(octets, "latin1"));
  } catch (cause) {
    throw badMultipart("The name of a part is not valid UTF-8.", cause);
  }
}

/** `UTF-8''na%C3%AFve.txt` (RFC 8187), as the octets that it stands for; forms should not have it, and some do. */
function extended(value: string | undefined): string | undefined {
  const match = /^utf-8'[^']*'(.*)$/i.exec(value ?? "");
  if (match === null) return undefined;
  try {
    return Buffer.from(decodeURIComponent(match[1] as string), "utf8").toString("latin1");
  } catch (cause) {
    throw badMultipart("The name of a file is malformed.", cause);
  }
}

/** Browsers write the three characters that would end a quoted string so (WHATWG HTML, multipart form data). */
function unescaped(name: string): string {
  return name.replaceAll("%22", '"').replaceAll("%0D", "\r").replaceAll("%0A", "\n");
}

const FILENAME_BYTES = 200;
// Controls, and the marks that turn the direction of text around: "gpj.exe" would be shown with its ends exchanged.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * The last segment of what a peer calls its file, without controls, of at most 200 octets in UTF-8. Empty where nothing is left
 * of it. It says what the file was called, and is no name to save it under: another may be called the same.
 */
export function safeFilename(name: string): string {
  const base = name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1);
  const seen = base.replace(UNSEEN, "").trim();
  return /^\.*$/.test(seen) ? "" : shortened(seen);
}

/** Cut in the middle, so that the extension stays. */
function shortened(name: string): string {
  if (Buffer.byteLength(name) <= FILENAME_BYTES) return name;
  const dot = name.lastIndexOf(".");
  const extension = dot > 0 && Buffer.byteLength(name.slice(dot)) <= 20 ? name.slice(dot) : "";
  let left = FILENAME_BYTES - Buffer.byteLength(extension);
  let start = "";
  for (const character of name) {
    left -= Buffer.byteLength(character);
    if (left < 0) break;
    start += character;
  }
  return start + extension;
}
