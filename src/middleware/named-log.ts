// A log with a name, for what a program has to say: elnode's error log, and as many more as there are things to be told apart.
import { format } from "node:util";
import { type Clock, systemClock } from "../base/clock.ts";
import { HttpError, LocalError, RemoteError } from "../base/errors.ts";
import { oneLine } from "../base/printable.ts";
import type { Request } from "../message/request.ts";
import { type LineOptions, type LineTarget, queueTo } from "./line-queue.ts";

/**
 * Each call is one line, whatever is in it; the values are put into the text as console.log() does (%s, %d, %o, %j). An Error is its
 * stack.
 */
export interface Log {
  readonly name: string;
  debug(text: unknown, ...values: readonly unknown[]): void;
  info(text: unknown, ...values: readonly unknown[]): void;
  warn(text: unknown, ...values: readonly unknown[]): void;
  error(text: unknown, ...values: readonly unknown[]): void;
}

export const LEVELS = ["debug", "info", "warn", "error"] as const;

/** Which lines of a log are written. */
export interface LogOptions extends LineOptions {
  /** What is less than this is not written; "debug": all is. */
  readonly level?: (typeof LEVELS)[number];
  readonly clock?: Clock;
}

/**
 * Makes a log. Its lines are `20261121T041835.123Z error name: text`; line ends and other control characters in the text are
 * written as escapes, so that nobody can forge a line. Writing never waits and never throws.
 *
 * @param name stands in each line.
 * @param target a stream, or a function that takes a line; standard error where left out. Logs may share one.
 * @throws LocalError USE_BAD_OPTION for an empty name, or a level that is none.
 *
 * @example
 * const log = createLog("orders");
 * log.error("order %d failed: %s", 42, "no stock");
 */
export function createLog(name: string, target: LineTarget = process.stderr, options: LogOptions = {}): Log {
  const { level = "debug", clock = systemClock, waiting, onError } = options;
  if (name === "") throw new LocalError("USE_BAD_OPTION", "A log has a name.");
  const least = LEVELS.indexOf(level);
  if (least < 0) throw new LocalError("USE_BAD_OPTION", `level is one of ${LEVELS.join(", ")}, not ${String(level)}.`);
  const line = (kind: string, text: string): string => oneLine(`${compactTime(clock.wall())} ${kind} ${name}: ${text}`);
  const owner = {
    dropped: (count: number) => line("warn", `${count} lines were dropped`),
    failed: (error: unknown) => onError?.(error),
  };
  const queue = queueTo(target, owner, waiting);
  const writer = (kind: (typeof LEVELS)[number]): Log["error"] => {
    if (LEVELS.indexOf(kind) < least) return () => {};
    return (text, ...values) => queue.write(line(kind, formatted(text, values)), owner);
  };
  return { name, debug: writer("debug"), info: writer("info"), warn: writer("warn"), error: writer("error") };
}

/**
 * A hook `error` that writes what a server reports into a log, beside what handlers write there: a failure with its stack, a refusal
 * and what a client did wrong as information.
 *
 * @example
 * const log = createLog("web");
 * const server = createServer(handler, { hooks: { error: errorsTo(log) } });
 */
export function errorsTo(log: Log): (error: unknown, request: Request | undefined) => void {
  return (error, request) => {
    const where = request === undefined ? "" : `${request.method} ${request.path}: `;
    const refused = error instanceof RemoteError || (error instanceof HttpError && error.status < 500);
    if (refused) log.info("%s%s", where, `${error.status} ${error.message}`.trimEnd());
    else log.error("%s%o", where, error);
  };
}

/** `20261121T041835.123Z`: ISO 8601 without what can be left out. */
function compactTime(wall: number): string {
  return new Date(wall).toISOString().replace(/[-:]/g, "");
}

/** A value may throw when it is looked at; a log does not. */
function formatted(text: unknown, values: readonly unknown[]): string {
  try {
    return format(text, ...values);
  } catch {
    return "(what there was to say could not be made text)";
  }
}
