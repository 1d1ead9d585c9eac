// Handlers that answer a status and nothing else, as a small page: routes of their own, or the fallback of a table.
import type { Handler } from "../message/handler.ts";
import { escapeHtml } from "../message/html.ts";
import { page } from "../message/reply.ts";
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
