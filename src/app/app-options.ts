// The options of an app: what each part of it is told.
import { problemPage } from "../content/problem.ts";
import type { Answer } from "../message/answer.ts";
import type { Middleware } from "../message/handler.ts";
import type { Request } from "../message/request.ts";
import type { MuxOptions } from "../route/mux.ts";
import type { ServerOptions } from "../server/server.ts";

/**
 * What an app is told when it is made: the options of its server and of its mux, and its own. Those of the mux are of its own table
 * of routes; all others hold for whatever it serves, however that was put in. What an app does not say, and the one says that it is
 * mounted in, holds for both.
 */
export interface AppOptions extends ServerOptions, Omit<MuxOptions, "fallback"> {
  /** Answers what no route matches, with whatever a route may answer; 404. */
  readonly fallback?: (request: Request) => Answer | Promise<Answer>;
  /** The media type of text that a handler returns; "text/plain; charset=utf-8". */
  readonly textType?: string;
  /** The status of a redirect that names none; 307. */
  readonly redirectStatus?: number;
  /** What becomes of a call of a Responder that comes out of turn, as a second start(): "throw"; or "report", and it does nothing. */
  readonly outOfTurn?: "throw" | "report";
  /**
   * What becomes of a percent sequence of the target or of a form that is none, or not UTF-8: "keep", as it stands (octets that
   * are not UTF-8 become U+FFFD); or "refuse", by 400.
   */
  readonly malformed?: "keep" | "refuse";
  /** What parse() and parameters() do with content of a type that they have no parser for: "refuse" (415), or read it as "text". */
  readonly otherContent?: "refuse" | "text";
  /** What on(), get() … do where there is a route already: "refuse" throws; "replace", the last definition holds. "refuse". */
  readonly taken?: "refuse" | "replace";
  /** Middleware around everything, as use() puts it there; by name, so that one of a preset's can be left out with `false`. */
  readonly middleware?: readonly Middleware[] | Readonly<Record<string, Middleware | false>>;
}

/** Those that the server of an app knows nothing of. */
const NOT_OF_THE_SERVER: Readonly<Record<keyof Omit<AppOptions, keyof ServerOptions>, true>> = {
  caseSensitive: true,
  slash: true,
  methods: true,
  fallback: true,
  types: true,
  textType: true,
  redirectStatus: true,
  outOfTurn: true,
  malformed: true,
  otherContent: true,
  taken: true,
  middleware: true,
};

/** What the server of an app is told: with what an app has in place of the server's own. */
export function serverOptionsOf(options: AppOptions): ServerOptions {
  const server = Object.entries(options).filter(([name]) => !Object.hasOwn(NOT_OF_THE_SERVER, name));
  return { errorPage: problemPage, ...Object.fromEntries(server) };
}
