// The pages of refusals as the ancestors had them, and the statuses that they gave to what the wire refuses. A status that a
// handler means is left as it is.
import { escapeHtml } from "../message/html.ts";
import { type ErrorPage, plainPage } from "../message/refusal.ts";
import { page, reply } from "../message/reply.ts";
import { reason } from "../message/status.ts";
import { inChunks } from "./presets-middleware.ts";

/** Gerbil has one limit for all parts of a head, and one status for it. */
const GERBIL: Readonly<Record<number, number>> = { 414: 400, 431: 400 };

/** House counts the whole request; one that is slow is one that is malformed. */
const HOUSE: Readonly<Record<number, number>> = { 408: 400, 414: 413, 431: 413 };

/** A heading, and below it what the peer may read; in chunks, as everything there. */
export const elnodePage: ErrorPage = (status, message) => {
  const phrase = reason(status);
  const heading = `<h1>${escapeHtml(phrase === "" ? String(status) : phrase)}</h1>\r\n`;
  const more = message === "" || message === phrase ? "" : `<p>${escapeHtml(message)}</p>\r\n`;
  return inChunks(page(`${heading}${more}`, status));
};

/** Nothing but the status; a message that a handler gave is sent as plain text. */
export const gerbilPage: ErrorPage = (status, message, request, error) => {
  const own = error === undefined ? (GERBIL[status] ?? status) : status;
  return message === "" ? reply(own) : plainPage(own, message, request, error);
};

/** Plain text. */
export const housePage: ErrorPage = (status, message, request, error) =>
  plainPage(error === undefined ? (HOUSE[status] ?? status) : status, message, request, error);
