// The control socket of a server that the command line has started: HTTP by our own engine, over a socket that only this user
// can reach. It tells what the server does, stops it, and where that was asked for evaluates.
import { chmod } from "node:fs/promises";
import { HttpError } from "../../base/errors.ts";
import type { Handler } from "../../message/handler.ts";
import { Pipe } from "../../message/pipe.ts";
import { json, type Reply, reply } from "../../message/reply.ts";
import type { Request } from "../../message/request.ts";
import { mux } from "../../route/mux.ts";
import { createServer, type Server, serverOf } from "../../server/server.ts";
import type { CloseReport } from "../../server/shutdown.ts";
import { Complaint, type Io } from "../command.ts";
import { type Evaluated, uncaughtLine } from "./evaluate.ts";
import { announce, type Found, ownFolder, socketFor, withdraw } from "./folder.ts";
import type { UncaughtErrors } from "./uncaught.ts";

export interface Controls {
  readonly server: Server;
  /** What is served, as it was typed. */
  readonly subject: string;
  readonly stop: (options: { mode: "drain" | "abort"; deadline?: number }) => Promise<CloseReport>;
  /** The routes in force; where there are none to speak of, left out. */
  readonly routes?: () => readonly RouteLine[];
  readonly live?: {
    readonly versions: () => readonly VersionLine[];
    readonly rollback: (number: number | undefined) => VersionLine;
    readonly reload: () => Promise<string>;
  };
  /** What a prompt needs, where it was asked for. */
  readonly prompt?: {
    readonly evaluate: (code: string, colour: boolean, signal: AbortSignal) => Promise<Evaluated>;
    readonly uncaught: UncaughtErrors;
  };
}

export interface RouteLine {
  readonly pattern: string;
}

export interface VersionLine {
  readonly number: number;
  readonly at: string;
  readonly loaded: readonly string[];
  readonly current: boolean;
}

/** What GET /server says. */
export interface ServerLine {
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  readonly subject: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly connections: number;
  readonly requests: number;
  readonly version: number | null;
  readonly repl: boolean;
}

export interface ControlOptions {
  readonly env: Io["env"];
  /** That of the server; the socket is named by it. */
  readonly port: number;
  /** Is told why there is no socket; the server serves all the same. */
  readonly warn: (text: string) => void;
}

/** Requests on a control socket are small, and so is who may make them. */
const LIMITS = { bodyBytes: 1_048_576, connections: 64, requests: 16 };

export async function openControl(controls: Controls, options: ControlOptions): Promise<{ close(): Promise<void> }> {
  // Who closes its side has gone: what it has asked for need not be waited for.
  const server = createServer(controlHandler(controls, options.port), { limits: LIMITS, halfClose: "close" });
  let found: Found;
  try {
    found = socketFor(await ownFolder(options.env), options.port);
    await server.listen({ path: found.socket });
    // The folder keeps others out meanwhile.
    if (process.platform !== "win32") await chmod(found.socket, 0o600);
    await announce(found);
  } catch (error) {
    await server.close();
    options.warn(`no control socket: ${(error as Error).message}`);
    return { close: async () => {} };
  }
  return {
    close: async () => {
      await server.close({ deadline: 2000 });
      await withdraw(found);
    },
  };
}

/** What the socket answers. */
export function controlHandler(controls: Controls, port: number): Handler {
  const { server, subject, live, prompt } = controls;
  const since = Date.now();
  const url = server.url ?? "";
  const table = mux();
  table.on("GET /server", () => {
    const { open, requests } = server.stats;
    const version = live?.versions().find(({ current }) => current)?.number ?? null;
    const repl = prompt !== undefined;
    const line: ServerLine = {
      pid: process.pid,
      port,
      url,
      subject,
      since,
      connections: open,
      requests,
      version,
      repl,
    };
    return json(line);
  });
  table.on("GET /routes", () => json(controls.routes?.() ?? []));
  table.on("GET /connections", () => json([...server.connections].map(connectionLine)));
  table.on("GET /versions", () => json(live?.versions() ?? []));
  table.on("POST /stop", async (request) => {
    const { mode, deadline } = await request.body.json<{ mode?: unknown; deadline?: unknown }>();
    if (mode !== "drain" && mode !== "abort") throw new HttpError(400, "mode is drain or abort.");
    if (deadline !== undefined && !(typeof deadline === "number" && deadline >= 0)) {
      throw new HttpError(400, "deadline is a number of milliseconds.");
    }
    return json(await controls.stop({ mode, ...(deadline === undefined ? {} : { deadline }) }));
  });
  table.on("POST /rollback", async (request) => {
    if (live === undefined) throw new HttpError(409, "It does not run a module: there is nothing to roll back.");
    const { to } = await request.body.json<{ to?: unknown }>();
    if (to !== undefined && typeof to !== "number") throw new HttpError(400, "to is the number of a version.");
    try {
      return json(live.rollback(to));
    } catch (error) {
      if (error instanceof Complaint) throw new HttpError(409, error.message, { cause: error });
      throw error;
    }
  });
  table.on("POST /reload", async () => {
    if (live === undefined) throw new HttpError(409, "It does not run a module: there is nothing to load.");
    return json({ text: await live.reload() });
  });
  table.on("POST /evaluate", async (request) => {
    if (prompt === undefined) throw new HttpError(403, "It was not started with --repl.");
    const { code, colour } = await request.body.json<{ code?: unknown; colour?: unknown }>();
    if (typeof code !== "string") throw new HttpError(400, "code is a text.");
    return json(await prompt.evaluate(code, colour === true, request.signal));
  });
  table.on("GET /uncaught", (request) => {
    if (prompt === undefined) throw new HttpError(403, "It was not started with --repl.");
    return uncaughtReply(request, prompt.uncaught);
  });
  return table.handler;
}

/** A line of JSON for each, until who reads them goes, or the server does. */
function uncaughtReply(request: Request, uncaught: UncaughtErrors): Reply {
  const colour = request.query.get("colour") === "true";
  const pipe = new Pipe();
  const unwatch = uncaught.watch((each) => {
    // Who does not read misses some: that server must not remember them for ever.
    if (!pipe.full) pipe.write(`${JSON.stringify(uncaughtLine(each, colour))}\n`);
  });
  const end = (): void => {
    unwatch();
    pipe.end();
  };
  for (const signal of [pipe.cancelled, serverOf(request).draining]) signal.addEventListener("abort", end);
  return reply(200, { "Content-Type": "application/jsonl" }, pipe);
}

function connectionLine({ peer, phase, since, received, sent, request }: ConnectionLike): object {
  const target = request === undefined ? null : `${request.method} ${request.target}`;
  return { peer: `${peer.address}:${peer.port}`, phase, since, received, sent, request: target };
}

interface ConnectionLike {
  readonly peer: { readonly address: string; readonly port: number };
  readonly phase: string;
  readonly since: number;
  readonly received: number;
  readonly sent: number;
  readonly request: Request | undefined;
}
