// The settings of the default server: read from a call, the environment and a file, in this order of strength, and checked.
// Nothing else in Portico reads them: a server that is made by hand is what its options say.
import { resolve } from "node:path";
import { LocalError } from "../base/errors.ts";
import { readTextFile } from "../base/text-file.ts";
import type { Handler } from "../message/handler.ts";
import type { Mux } from "../route/mux.ts";

/** The settings of the default server. */
export interface Config {
  /** The directory whose files are served; "public". */
  readonly root: string;
  /** Media types by extension, beside those that are known; `creole` and `el` are plain text. */
  readonly types: Readonly<Record<string, string>>;
  /** 8000; null for no server. 0 is any free one. */
  readonly port: number | null;
  /** An address; "localhost" is this machine alone, "*" every address of IPv4. */
  readonly host: string;
  /** Whether `portico/auto` starts a server; true. */
  readonly autostart: boolean;
  /**
   * Patterns of hosts and paths, each with a directory, or (in a call) a handler: `{ "docs.example/{path...}": "docs" }`; or, in a
   * call, a table of any family, which takes new entries while the server runs. What none of them matches is answered from the
   * root.
   */
  readonly table: Readonly<Record<string, string | Handler>> | Mux;
}

/** The settings that hold where nothing else says so. */
export const CONFIG: Config = {
  root: "public",
  types: { creole: "text/plain", el: "text/plain" },
  port: 8000,
  host: "localhost",
  autostart: true,
  table: {},
};

/** Where settings are read from beside the call. */
export interface ConfigSources {
  /** process.env. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A JSON file; "portico.config.json". Where it is not there it says nothing. */
  readonly file?: string;
}

type Values = { readonly [K in keyof Config]?: unknown };

/**
 * The settings that hold: those of the call, else of the environment (`PORTICO_ROOT`, `PORTICO_TYPES`, `PORTICO_PORT`,
 * `PORTICO_HOST`, `PORTICO_AUTOSTART`, `PORTICO_TABLE`; `PORT` and `HOST` where those are not set), else of the file, else CONFIG.
 *
 * @throws LocalError USE_BAD_OPTION that names the source and the setting: `portico.config.json: port: …`.
 *
 * @example
 * const { root, port } = await readConfig({ root: "site" });
 */
export async function readConfig(call: Partial<Config> = {}, sources: ConfigSources = {}): Promise<Config> {
  const { env = process.env, file = "portico.config.json" } = sources;
  const merged = { ...CONFIG };
  for (const [source, values] of [
    [file, await fromFile(file)],
    ["environment", fromEnvironment(env)],
    ["call", call],
  ] as const) {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined) continue;
      check(name, value, source);
      (merged as Record<string, unknown>)[name] = value;
    }
  }
  return merged;
}

async function fromFile(file: string): Promise<Values> {
  let text: string;
  try {
    text = await readTextFile(resolve(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw bad(file, `it cannot be read: ${(error as Error).message}`);
  }
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (error) {
    throw bad(file, `it is not JSON: ${(error as Error).message}`);
  }
  if (!isRecord(values)) throw bad(file, "it is an object of settings");
  return values;
}

function fromEnvironment(env: NonNullable<ConfigSources["env"]>): Values {
  const given = (name: string): string | undefined => env[name] || undefined;
  const json = (name: string): unknown => {
    const text = given(name);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text);
    } catch (error) {
      throw bad(name, `it is not JSON: ${(error as Error).message}`);
    }
  };
  const port = given("PORTICO_PORT") ?? given("PORT");
  const autostart = given("PORTICO_AUTOSTART");
  return {
    root: given("PORTICO_ROOT"),
    types: json("PORTICO_TYPES"),
    // What is no number is refused as the text that it is.
    port: port === "none" ? null : port !== undefined && /^\d+$/.test(port) ? Number(port) : port,
    host: given("PORTICO_HOST") ?? given("HOST"),
    autostart: autostart === undefined ? undefined : (SWITCH.get(autostart) ?? autostart),
    table: json("PORTICO_TABLE"),
  };
}

const SWITCH: ReadonlyMap<string, boolean> = new Map([
  ["1", true],
  ["true", true],
  ["0", false],
  ["false", false],
]);

/** By setting: what it is, in words, and whether a value is one. */
const RULES: { readonly [K in keyof Config]: readonly [says: string, holds: (value: unknown) => boolean] } = {
  root: ["the path of a directory", (value) => typeof value === "string" && value !== ""],
  types: ["media types by extension", (value) => isRecord(value) && Object.values(value).every(isText)],
  port: ["a number from 0 to 65535, or null", (value) => value === null || isPort(value)],
  host: ["an address", isText],
  autostart: ["true or false", (value) => typeof value === "boolean"],
  table: [
    "directories by pattern",
    (value) => isRecord(value) && (isTable(value) || Object.values(value).every(isTarget)),
  ],
};

function check(name: string, value: unknown, source: string): void {
  if (!Object.hasOwn(RULES, name)) {
    throw bad(source, `there is no setting ${name}; there are ${Object.keys(RULES).join(", ")}`);
  }
  const [says, holds] = RULES[name as keyof Config];
  if (!holds(value)) throw bad(source, `${name}: it is ${says}, not ${JSON.stringify(value)}`);
}

function bad(source: string, what: string): LocalError {
  return new LocalError("USE_BAD_OPTION", `${source}: ${what}.`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535;
}

/** Whether it is a table that looks up by itself: no pattern is called like these. */
export function isTable(value: object): value is Mux {
  return (
    "find" in value && typeof value.find === "function" && "handler" in value && typeof value.handler === "function"
  );
}

function isTarget(value: unknown): boolean {
  return typeof value === "string" || typeof value === "function";
}
