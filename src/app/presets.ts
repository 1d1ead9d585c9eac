// Options as the ancestors had them: where they contradict each other and neither is wrong, the choice is an option, and a preset
// is the choices of one of them. What was a mistake in an ancestor is none in its preset.
import type { Middleware } from "../message/handler.ts";
import { escapeHtml } from "../message/html.ts";
import { plainPage } from "../message/refusal.ts";
import { cors } from "../middleware/cors.ts";
import type { Limits, Timeouts } from "../server/defaults.ts";
import { type Leniency, STRICT } from "../wire/h1/limits.ts";
import type { AppOptions } from "./app-options.ts";
import { chunked, fieldTokens, noted, onlyHttp11, requestBytes, wrongMethodIsMissing } from "./presets-middleware.ts";
import { elnodePage, gerbilPage, housePage } from "./presets-pages.ts";

/** Options for portico(). Those that are groups are always there, so that one can be extended: `{ ...preset.limits, fields: 10 }`. */
export interface Preset extends AppOptions {
  readonly limits: Partial<Limits>;
  readonly timeouts: Partial<Timeouts>;
  readonly leniency: Partial<Leniency>;
  readonly fields: Readonly<Record<string, string>>;
  readonly middleware: Readonly<Record<string, Middleware | false>>;
}

/** The names of the presets. */
export type PresetName = "modern" | "elnode" | "chicken" | "gerbil" | "house";

function preset(options: AppOptions & Partial<Preset>): Preset {
  const whole: Preset = { limits: {}, timeouts: {}, leniency: {}, fields: {}, middleware: {}, ...options };
  for (const each of Object.values(whole)) if (typeof each === "object") Object.freeze(each);
  return Object.freeze(whole);
}

/** None of them sent Host, or asked for it. */
const ANCIENT: Leniency = { ...STRICT, requireHost: false };

/**
 * Sets of options for portico(), one for each of the systems that Portico descends from, and `modern`, which is no option at all.
 * Frozen; what is written behind one takes its place.
 *
 * @example
 * const app = portico({ ...presets.house, limits: { ...presets.house.limits, fields: 50 } });
 */
export const presets: Readonly<Record<PresetName, Preset>> = Object.freeze({
  modern: preset({}),
  // Every reply in chunks, and a connection for each.
  elnode: preset({
    leniency: ANCIENT,
    keepAlive: false,
    slash: "redirect",
    redirectStatus: 302,
    outOfTurn: "report",
    errorPage: elnodePage,
    middleware: {
      chunked,
      note: noted("text/html; charset=utf-8", (location) => `<h1>redirecting you to ${escapeHtml(location)}</h1>\r\n`),
    },
  }),
  // GET and POST by itself, any other method once a route has it; HEAD is GET.
  chicken: preset({
    leniency: ANCIENT,
    limits: { fieldBytes: 8192 },
    methods: ["GET", "HEAD", "POST"],
    otherContent: "text",
    fields: { Server: "chicken" },
    errorPage: plainPage,
  }),
  gerbil: preset({
    leniency: ANCIENT,
    // A line is a name, a colon, a blank and a value.
    limits: { fields: 256, targetBytes: 1024, fieldBytes: 1024 + 2 + 1024, bodyBytes: 1_048_576 },
    timeouts: { head: 60_000, body: 60_000, idle: 60_000, write: 120_000 },
    methods: ["GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "OPTIONS"],
    trace: "echo",
    errorPage: gerbilPage,
    middleware: { tokens: fieldTokens(1024) },
  }),
  house: preset({
    leniency: ANCIENT,
    // No part is bound by anything but the whole.
    limits: {
      targetBytes: 50_000,
      fieldBytes: 50_000,
      headBytes: 50_000,
      bodyBytes: 50_000,
      streamBytes: 50_000,
      bodyRate: Number.POSITIVE_INFINITY,
    },
    timeouts: { head: 30_000, body: 30_000, idle: 30_000, request: 30_000 },
    keepAlive: false,
    caseSensitive: false,
    slash: "ignore",
    taken: "replace",
    textType: "text/html; charset=utf-8",
    fields: { "Cache-Control": "no-cache, no-store, must-revalidate" },
    errorPage: housePage,
    middleware: {
      cors: cors("always"),
      requestBytes: requestBytes(50_000),
      note: noted("text/plain; charset=utf-8", (location) => `Moved to ${location}\n`),
      wrongMethodIsMissing,
      onlyHttp11,
    },
  }),
});

/** Where a preset listens, and how many connections the system lets wait. */
export interface PresetListen {
  readonly host: string;
  readonly backlog: number;
}

const LOOPBACK = "127.0.0.1";
const EVERYWHERE = "0.0.0.0";

/** What Node asks for where nobody says a number. */
const USUAL_BACKLOG = 511;

/**
 * How each of the systems listens; the port is yours.
 *
 * @example
 * const { host, backlog } = presetListen.gerbil;
 * await app.listen({ host, port: 8080 }, { backlog });
 */
export const presetListen: Readonly<Record<PresetName, PresetListen>> = Object.freeze({
  modern: Object.freeze({ host: LOOPBACK, backlog: USUAL_BACKLOG }),
  elnode: Object.freeze({ host: LOOPBACK, backlog: USUAL_BACKLOG }),
  chicken: Object.freeze({ host: EVERYWHERE, backlog: 40 }),
  gerbil: Object.freeze({ host: LOOPBACK, backlog: 10 }),
  house: Object.freeze({ host: EVERYWHERE, backlog: USUAL_BACKLOG }),
});
