// The page of an error in the form that the client prefers: problem+json (RFC 9457) for programs, a small page of HTML for
// people in a browser, a few lines of text for anyone else. It tells what HttpError lets a peer read, and nothing more.
import type { HttpError, ParameterIssue } from "../base/errors.ts";
import { html, raw } from "../message/html.ts";
import { type ErrorPage, plainPage } from "../message/refusal.ts";
import { page, type Reply, reply, withFields } from "../message/reply.ts";
import { reason } from "../message/status.ts";
import { preferred } from "./negotiate.ts";

/** What an error is, as RFC 9457 writes it. */
export interface Problem {
  /** "about:blank": the status says all that there is to say of its kind. */
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  /** What is special about this one. */
  readonly detail?: string;
  /** Which parameters were wrong, and why. */
  readonly issues?: readonly ParameterIssue[];
}

// What says nothing of its taste (curl, `*/*`) gets text.
const TYPES = ["text/plain", "application/problem+json", "application/json", "text/html"] as const;

/**
 * An ErrorPage for createServer(): application/problem+json where Accept prefers JSON, HTML where it prefers that, else text.
 *
 * @example
 * createServer(handler, { errorPage: problemPage });
 */
export const problemPage: ErrorPage = (status, message, request, error) => {
  const type = request === undefined ? undefined : preferred(request, TYPES);
  const made =
    pageOfType(type, status, message, error) ?? plainPage(status, plainMessage(message, error), request, error);
  return withFields(made, (fields) => fields.add("Vary", "Accept"));
};

function pageOfType(
  type: (typeof TYPES)[number] | undefined,
  status: number,
  message: string,
  error: HttpError | undefined,
): Reply | undefined {
  if (type === "text/html") return asHtml(problemOf(status, message, error));
  if (type === undefined || type === "text/plain") return undefined;
  const body = JSON.stringify(problemOf(status, message, error));
  return reply(status, { "Content-Type": "application/problem+json" }, body);
}

function problemOf(status: number, message: string, error: HttpError | undefined): Problem {
  const title = reason(status) || `Status ${status}`;
  return {
    type: "about:blank",
    title,
    status,
    ...(message !== "" && message !== title && { detail: message }),
    ...(hasIssues(error) && { issues: error.issues.map(({ parameter, reason: why }) => ({ parameter, reason: why })) }),
  };
}

type WithIssues = HttpError & { readonly issues: readonly ParameterIssue[] };

function hasIssues(error: HttpError | undefined): error is WithIssues {
  return error?.issues !== undefined && error.issues.length > 0;
}

/** The message, and below it the issues where it does not say the same itself. */
function plainMessage(message: string, error: HttpError | undefined): string {
  if (!hasIssues(error)) return message;
  const untold = error.issues.filter(({ parameter, reason: why }) => {
    return !(message.includes(parameter) && message.includes(why));
  });
  return [message, ...untold.map(({ parameter, reason: why }) => `${parameter}: ${why}`)]
    .filter((line) => line !== "")
    .join("\n");
}

const STYLE =
  raw(`:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}
h1{font-size:1.5rem}h1 span{opacity:.6;font-weight:400}dt{font-weight:600;overflow-wrap:anywhere}dd{margin:0 0 .5rem}`);

/** Nothing is loaded and no script runs, whatever is quoted on the page. */
const FIELDS = { "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'" };

function asHtml({ status, title, detail, issues }: Problem): Reply {
  const list = issues?.map(({ parameter, reason: why }) => html`<dt>${parameter}</dt><dd>${why}</dd>`);
  const body = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${status} ${title}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1><span>${status}</span> ${title}</h1>
${detail !== undefined && html`<p>${detail}</p>`}
${list !== undefined && html`<dl>${list}</dl>`}
</main>
</body>
</html>
`;
  return page(body.toString(), status, FIELDS);
}
