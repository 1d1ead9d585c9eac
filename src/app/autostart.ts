// The server that is there without being asked for: files of a directory, on port 8000. What keeps it from starting is told in a
// line, and never thrown: the program that it was to be a part of goes on.
import { stat } from "node:fs/promises";
import { HttpError, LocalError, TransportError } from "../base/errors.ts";
import type { Handler } from "../message/handler.ts";
import { html } from "../message/html.ts";
import { authority, type Request } from "../message/request.ts";
import { type Mux, mux } from "../route/mux.ts";
import { hosts, type OrderedMux } from "../route/regex.ts";
import { addressOf } from "../server/addresses.ts";
import type { Server } from "../server/server.ts";
import { type Config, type ConfigSources, isTable, readConfig } from "./config.ts";
import { start } from "./started.ts";

/** Where the settings of the default server come from, and where it says why it is not there. */
export interface AutostartSources extends ConfigSources {
  /** Is told, in one line, why there is no server; standard error. */
  readonly report?: (line: string) => void;
}

/** What answers where no row of the default table matches. */
let behind: Handler = () => {
  throw new HttpError(404);
};

/**
 * The table of the default server: expressions for host and path, asked before its settings and its files. Empty at first; what is
 * put into it, or taken out, holds for the next request, whether the server runs already or starts later.
 *
 * @example
 * defaultRoutes.prepend("^localhost/pastebin.*", answering(() => "paste here"));
 */
export const defaultRoutes: OrderedMux = hosts([], { notFound: (request) => behind(request) });

/** The default server, while it starts and runs. */
let running: Promise<Server | null> | null = null;

/**
 * Starts the default server, once: while it runs, another call gives the same.
 *
 * @returns null where the settings say no, or where it cannot start; then one line has told why. Never throws.
 *
 * @example
 * const server = await autostart({ port: 0, root: "site" });
 */
export function autostart(call: Partial<Config> = {}, sources: AutostartSources = {}): Promise<Server | null> {
  running = (running ?? Promise.resolve(null)).then((server) =>
    server !== null && server.listeners.length > 0 ? server : begin(call, sources),
  );
  return running;
}

async function begin(call: Partial<Config>, sources: AutostartSources): Promise<Server | null> {
  const { report = (line) => void process.stderr.write(`${line}\n`) } = sources;
  let where = "";
  try {
    const config = await readConfig(call, sources);
    const { autostart: wanted, host, port } = config;
    if (!wanted || port === null) return null;
    where = `${addressOf(host)}:${port}`;
    return (await start({ handler: await defaultHandler(config) }, { host, port })).server;
  } catch (error) {
    report(`portico: ${reason(error, where)}; going on without a server`);
    return null;
  }
}

function reason(error: unknown, where: string): string {
  if (error instanceof TransportError && error.code === "NET_ADDRESS_IN_USE") return `${where} is taken`;
  if (error instanceof LocalError) return error.message.replace(/\.$/, "");
  return `cannot listen on ${where}: ${(error as Error).message}`;
}

/** What the settings say: the table, and behind it the files of the root; before both, what was put in while it runs. */
async function defaultHandler({ root, types, table }: Config): Promise<Handler> {
  // Loaded when it is needed: it brings a library along.
  const { files } = await import("../handlers/files.ts");
  const below = files(root, { listing: true, types });
  const ofRoot: Handler = (request) => {
    if (request.path !== "/" || (request.method !== "GET" && request.method !== "HEAD")) return below(request);
    return isDirectory(root).then((there) => (there ? below(request) : welcome(root)));
  };
  if (isTable(table)) behind = (request) => (knows(table, request) ? table : { handler: ofRoot }).handler(request);
  else {
    const routes = mux({ fallback: ofRoot });
    for (const [pattern, target] of Object.entries(table)) {
      routes.on(pattern, typeof target === "string" ? files(target, { listing: true, types }) : target);
    }
    behind = routes.handler;
  }
  return defaultRoutes.handler;
}

function knows(table: Mux, request: Request): boolean {
  return table.find(request.method, authority(request).host, request.path) !== undefined;
}

async function isDirectory(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined);
  return stats?.isDirectory() ?? false;
}

function welcome(root: string): ReturnType<ReturnType<typeof html>["reply"]> {
  return html`<!doctype html>
<meta charset="utf-8">
<title>Portico</title>
<h1>It serves</h1>
<p>Files in the directory <code>${root}</code> appear here; there is none yet.</p>
`.reply();
}
