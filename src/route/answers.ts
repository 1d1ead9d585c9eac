// Handlers that answer one thing whatever the request: a status as a small page, or another place. They are routes of their
// own, or the fallback of a table.
import type { Handler } from "../message/handler.ts";
import { escapeHtml } from "../message/html.ts";
import { page, type Reply, redirect, text } from "../message/reply.ts";
import { conventionsOf } from "../message/request.ts";
import { reason } from "../message/status.ts";

/**
 * A handler that answers a status with a heading.
 *
 * @param message what the heading says, escaped; the reason phrase where left out.
 * @throws LocalError USE_BAD_STATUS when it is made.
 *
 * @example
 * const routes = mux({ fallback: status(404, "There is no such page.") });
 */
export function status(code: number, message: string = reason(code)): Handler {
  const answer = page(`<!doctype html>\n<title>${code}</title>\n<h1>${escapeHtml(message)}</h1>\n`, code);
  return () => answer;
}

/** 404, with a page. */
export function notFound(message?: string): Handler {
  return status(404, message);
}

/** 400, with a page. */
export function badRequest(message?: string): Handler {
  return status(400, message);
}

/**
 * A handler that sends every request elsewhere, with a note of it in plain text.
 *
 * @param location a URI reference; what a field cannot carry is refused.
 * @param status 307, for now and with the same method; 308, for good and with the same method; 301, 302 and 303 lead most
 *   clients there by GET. Where left out, that of the app's option `redirectStatus`, else 307.
 * @throws LocalError USE_BAD_STATUS, USE_BAD_FIELD when it is made.
 *
 * @example
 * mux().on("/old", redirectTo("/new", 301));
 */
export function redirectTo(location: string, status?: 301 | 302 | 303 | 307 | 308): Handler {
  const made = (code: number): Reply => {
    const { headers } = redirect(location, code);
    return text(`${code} ${reason(code)}: ${location}\n`, code, headers);
  };
  const usual = made(status ?? 307);
  if (status !== undefined) return () => usual;
  return (request) => {
    const wanted = conventionsOf(request)?.said.redirectStatus ?? 307;
    return wanted === 307 ? usual : made(wanted);
  };
}
