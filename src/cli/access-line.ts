// What is printed of a request: a line when it has been answered, and where and why when it could not be.
import { HttpError, RemoteError, TransportError } from "../base/errors.ts";
import type { Request } from "../message/request.ts";
import type { ReplyInfo } from "../server/site.ts";
import { type Find, readable, thrownReport } from "./live/failure.ts";
import type { Paint } from "./paint.ts";

const COLOURS: Readonly<Record<string, string>> = { "2": "32", "3": "36", "4": "33", "5": "31" };

/** `GET /index.html 200 1532 B 0.8 ms`. A reply that never began has no status: `-`. */
export function accessLine({ method, target }: Request, { status, bytes, elapsed }: ReplyInfo, paint: Paint): string {
  const code = status === 0 ? "-" : paint(COLOURS[String(status)[0] as string] ?? "0", String(status));
  return `${method} ${printable(target)} ${code} ${bytes} B ${elapsed.toFixed(1)} ms\n`;
}

/** What a server says that has too much to do: there may be thousands, and none is a fault of the program. */
const OVERLOAD: ReadonlySet<string> = new Set(["HTTP_OVERLOADED", "HTTP_BUSY", "HTTP_TIMEOUT"]);

/**
 * `portico: GET /index.html: EIO: i/o error, read`, with the place in the program where that can be found. Null where nothing is
 * wrong with the server: the request was refused, or the client has left.
 */
export function failureLine(
  error: unknown,
  request: Request | undefined,
  find: Find = () => undefined,
  paint: Paint = (_code, text) => text,
): string | null {
  const known = readable(error);
  if (known instanceof RemoteError || known instanceof TransportError) return null;
  if (known instanceof HttpError && !isFault(known)) return null;
  const what = request === undefined ? "" : `${request.method} ${printable(request.target)}: `;
  return `portico: ${what}${thrownReport(known, find, paint)}`;
}

/** 501 is said of methods that nobody knows: any client can ask for one. */
function isFault({ status, code }: HttpError): boolean {
  return status >= 500 && status !== 501 && !OVERLOAD.has(code);
}

/** What a peer sent, without what a terminal would obey. */
function printable(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
