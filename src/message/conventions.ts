// What an app says once for everything that it serves. The request carries it, so that it holds however a handler came to be
// asked: as a route, behind middleware, in a table of another kind, below a mount.
import type { Reply } from "./reply.ts";

/** How an app answers and reads, where that is not as everywhere else. */
export interface Conventions {
  /** Makes a reply of what a handler returns: toReply(), with the app's type of text and status of redirects. */
  readonly toReply: (answer: unknown) => Reply;
  readonly said: Said;
}

/** As the app said it; what it did not say is as everywhere else. */
export interface Said {
  /** The media type of text; "text/plain; charset=utf-8". */
  readonly textType?: string;
  /** Of a redirect that names none; 307. */
  readonly redirectStatus?: number;
  /** What becomes of a call of a Responder that comes out of turn; "throw". */
  readonly outOfTurn?: "throw" | "report";
  /** What becomes of content of a type that nobody parses; "refuse". */
  readonly otherContent?: "refuse" | "text";
  /** What becomes of a percent sequence that cannot be decoded; "keep". */
  readonly malformed?: "keep" | "refuse";
}
