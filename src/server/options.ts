// What a server is told when it is made, checked and put into the form that its connections read.
import type { Clock } from "../base/clock.ts";
import { LocalError } from "../base/errors.ts";
import type { DateLine } from "../message/date.ts";
import { Fields, type FieldsInit } from "../message/fields.ts";
import type { ErrorPage } from "../message/refusal.ts";
import type { DefaultLine } from "../wire/h1/encode.ts";
import { type Leniency, STRICT } from "../wire/h1/limits.ts";
import type { DebugSink } from "./debug.ts";
import {
  changedLimits,
  changedTimeouts,
  LIMITS,
  type Limits,
  TIMEOUTS,
  type Timeouts,
  warnOfShortWrite,
} from "./defaults.ts";
import type { HooksOf, Settings } from "./site.ts";

/** What can be changed while the server runs, for the connections after the change. */
export interface Configuration {
  readonly limits?: Partial<Limits>;
  readonly timeouts?: Partial<Timeouts>;
  /** What is accepted beyond the letter of RFC 9112; all off. */
  readonly leniency?: Partial<Leniency>;
  /** Lines for every reply that does not have them, e.g. `{ Server: "tea" }`. */
  readonly fields?: FieldsInit;
  /** Whether replies carry Date; true, as RFC 9110 §6.6.1 asks of whoever has a clock. */
  readonly date?: boolean;
  /** Whether connections are used again; true. */
  readonly keepAlive?: boolean;
  /** Whether TRACE is answered with what was received; "off": 501. */
  readonly trace?: "off" | "echo";
  /**
   * What the client's FIN does. "abort", the default: `request.signal` aborts with NET_HALF_CLOSED, and the reply is still sent where
   * the handler makes one; where none has begun within `timeouts.drain`, the connection is closed. "ignore": the signal stays quiet.
   * "close": the connection is closed at once.
   */
  readonly halfClose?: "abort" | "ignore" | "close";
}

/** What a server is told when it is made. S is the server, which this file does not know. */
export interface OptionsOf<S> extends Configuration {
  readonly hooks?: HooksOf<S>;
  /** The page of every error that the server answers by itself; plain text where left out. */
  readonly errorPage?: ErrorPage;
  /** Tells of each connection, request, reply and error, a line each: on standard error, or to a function. Off. */
  readonly debug?: boolean | DebugSink;
  /** Whether currentServer() works inside handlers, after awaits too. It costs an async context a request. */
  readonly ambient?: boolean;
  /** Signals that close the server, waiting for what is in hand: `["SIGINT", "SIGTERM"]`. None where left out. */
  readonly signals?: readonly NodeJS.Signals[];
  /** Whether a listening server keeps the process alive; true. */
  readonly ref?: boolean;
  readonly clock?: Clock;
}

/** The same for whoever does not look at the server. */
export type ServerOptions = OptionsOf<unknown>;

/** What no default line may say, because only the reply or the engine can know it. */
const RESERVED = [
  "content-length",
  "transfer-encoding",
  "connection",
  "content-type",
  "set-cookie",
  "location",
  "expires",
  "date",
  "upgrade",
];

function defaultLines(fields: FieldsInit | undefined): DefaultLine[] {
  return Array.from(new Fields(fields), ([name, value]) => {
    if (RESERVED.includes(name.toLowerCase())) {
      throw new LocalError("USE_BAD_OPTION", `fields cannot have ${name}: only a reply knows it.`);
    }
    return { name, line: `${name}: ${value}\r\n` };
  });
}

/** The names of what can be changed while the server runs. */
export const CONFIGURATION: readonly string[] = [
  "limits",
  "timeouts",
  "leniency",
  "fields",
  "date",
  "keepAlive",
  "trace",
  "halfClose",
];
const SERVER = [...CONFIGURATION, "hooks", "debug", "errorPage", "ambient", "signals", "ref", "clock"];

/** Refuses a name that is no option: a slip of the pen would otherwise be a setting that never takes effect. */
export function checkNames(options: object, kind: "server" | "configuration"): void {
  const known = kind === "server" ? SERVER : CONFIGURATION;
  const wrong = Object.keys(options).find((name) => !known.includes(name));
  if (wrong !== undefined) throw new LocalError("USE_BAD_OPTION", `There is no option ${wrong}.`);
}

const SERVE = [
  "backlog",
  "reusePort",
  "exclusive",
  "ipv6Only",
  "mode",
  "noDelay",
  "keepAlive",
  "tls",
  "signal",
  "onError",
];
const SERVE_ALSO = ["via", "peer", "hardClose"];

/** The same for the options of listen(), where what others take there would be ignored: a host, a callback. */
export function checkServeOptions(options: unknown): void {
  if (typeof options === "string") {
    throw new LocalError("USE_BAD_OPTION", `A host stands with its port: { host: ${JSON.stringify(options)}, port }.`);
  }
  if (typeof options === "function") {
    throw new LocalError("USE_BAD_OPTION", "listen() takes no callback: its promise says when it listens.");
  }
  if (typeof options !== "object" || options === null) {
    throw new LocalError("USE_BAD_OPTION", "The options of listen() are an object.");
  }
  const wrong = Object.keys(options).find((name) => !SERVE.includes(name) && !SERVE_ALSO.includes(name));
  if (wrong !== undefined) throw new LocalError("USE_BAD_OPTION", `There is no option ${wrong} of listen().`);
}

function switched<T extends object>(group: string, values: T, change: Partial<T>): T {
  for (const [name, value] of Object.entries(change)) {
    if (!Object.hasOwn(values, name)) throw new LocalError("USE_BAD_OPTION", `There is no ${group}${name}.`);
    if (value !== undefined && typeof value !== "boolean") {
      throw new LocalError("USE_BAD_OPTION", `${group}${name} is true or false, not ${String(value)}.`);
    }
  }
  return { ...values, ...change };
}

/** The settings that a configuration makes of those before it. @throws LocalError USE_BAD_OPTION, USE_BAD_FIELD. */
export function settle(before: Settings | null, change: Configuration, date: DateLine): Settings {
  const limits = changedLimits(before?.limits ?? LIMITS, change.limits ?? {});
  const timeouts = changedTimeouts(before?.timeouts ?? TIMEOUTS, change.timeouts ?? {});
  const leniency: Leniency = switched("leniency.", before?.wire.leniency ?? STRICT, change.leniency ?? {});
  const { date: dated, keepAlive } = switched(
    "",
    { date: before === null || before.wire.date !== undefined, keepAlive: before?.keepAlive ?? true },
    {
      ...(change.date === undefined ? {} : { date: change.date }),
      ...(change.keepAlive === undefined ? {} : { keepAlive: change.keepAlive }),
    },
  );
  const settings: Settings = {
    limits,
    timeouts,
    wire: {
      limits,
      leniency,
      defaults: change.fields === undefined ? (before?.wire.defaults ?? []) : defaultLines(change.fields),
      ...(dated ? { date: () => date.get() } : {}),
    },
    keepAlive,
    trace: among("trace", ["off", "echo"], change.trace ?? before?.trace ?? "off"),
    halfClose: among("halfClose", ["abort", "ignore", "close"], change.halfClose ?? before?.halfClose ?? "abort"),
  };
  if (timeouts.write !== before?.timeouts.write) warnOfShortWrite("timeouts.write", timeouts.write);
  return settings;
}

function among<T extends string>(name: string, values: readonly T[], value: T): T {
  if (!values.includes(value))
    throw new LocalError("USE_BAD_OPTION", `${name} is one of ${values.join(", ")}, not ${value}.`);
  return value;
}
