// `portico run app.ts`: a module of the user's, served, and swapped in place whenever a file of it changes.
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { type Command, Complaint, type Io } from "../command.ts";
import type { Controls, VersionLine } from "../control/control.ts";
import { evaluator } from "../control/evaluate.ts";
import { UncaughtErrors } from "../control/uncaught.ts";
import { ADDRESS_OPTIONS, addressOf, listenOn, placeOf, printing, untilAsked } from "../listening.ts";
import { failureReport, thrownReport } from "../live/failure.ts";
import { watchListeners } from "../live/listeners.ts";
import { Live, type LiveHooks, LoadFailure, named, type Version } from "../live/live.ts";
import { type Watch, watchFiles } from "../live/watch.ts";
import { paintFor } from "../paint.ts";

export const run: Command = {
  name: "run",
  summary: "serve a module, and swap it in place when it changes",
  argument: { name: "<module>", summary: "what exports an app or a handler: app.ts, or app.ts#name" },
  options: [
    ...ADDRESS_OPTIONS,
    { flags: "--watch", summary: "load files anew when they change; so unless told otherwise" },
    { flags: "--no-watch", summary: "do not" },
    { flags: "--repl", summary: "let `portico attach` evaluate code in it" },
    { flags: "--quiet", summary: "no line for each request" },
  ],
  notes: "Ctrl-C finishes what is in hand and ends; a second one ends at once.",
  run: async ({ argument = "", values }, io) => {
    const [path, name] = entryOf(argument);
    const address = placeOf(values, io.env);
    const file = await mustBeFile(path);
    const others = watchListeners((where) => void io.stderr.write(listensItself(where)));
    let watch: Watch | undefined;
    try {
      const live = await firstLoad(file, name, io, printing(io, values));
      const reload = (): Promise<string> => reloaded(live, io);
      if (values["watch"] !== false) watch = watching(live, reload);
      await listenOn(live.server, address);
      const { host, port } = addressOf(live.server);
      others.exceptFor(host, port);
      io.stdout.write(`Running ${argument} on ${paintFor(io.stdout, io.env)("1;36", live.server.url as string)}\n`);
      return await untilAsked(live.server, io, {
        subject: argument,
        routes: () => live.current.subject.routes().map(({ pattern }) => ({ pattern })),
        live: liveControls(live, io, reload),
        ...(values["repl"] === true && { prompt: promptFor(live, io) }),
      });
    } finally {
      others.close();
      watch?.close();
    }
  },
};

/** `app.ts#name`: the file, and what it exports. */
export function entryOf(argument: string): readonly [path: string, name: string] {
  const [, path = argument, name = "default"] = /^(.*)#([^#/\\]+)$/.exec(argument) ?? [];
  return [path, name];
}

function listensItself(where: string): string {
  return `portico: the module listens itself on ${where}; behind if (import.meta.main) it would not here\n`;
}

async function mustBeFile(path: string): Promise<string> {
  const file = resolve(path);
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile() === true) return file;
  throw new Complaint(`${path}: ${found === undefined ? "there is no such file" : "it is not a file"}`);
}

async function firstLoad(file: string, name: string, io: Io, hooks: LiveHooks): Promise<Live> {
  try {
    return await Live.load(file, name, hooks);
  } catch (error) {
    if (!(error instanceof LoadFailure)) throw error;
    throw error.cause instanceof Complaint ? error.cause : new Complaint((await report(error, io)).trimEnd());
  }
}

function report(error: LoadFailure, io: Io): Promise<string> {
  return failureReport(error.cause, error.files, paintFor(io.stderr, io.env));
}

function watching(live: Live, reload: () => Promise<string>): Watch {
  const watch = watchFiles(live.files, () => {
    void reload().finally(() => watch.keep(live.files));
  });
  live.grown = () => watch.keep(live.files);
  return watch;
}

/** Loads anew, and tells of it here; the same in a line for who has asked. */
async function reloaded(live: Live, io: Io): Promise<string> {
  const started = performance.now();
  const tell = (said: string): string => {
    io.stdout.write(`${said}\n`);
    return said;
  };
  try {
    const version = await live.reload();
    if (version === "unchanged") return "Nothing has changed";
    if (version === "restored") return tell(`All is as in version ${live.current.number} again`);
    return tell(
      `Reloaded ${named(version.loaded)} in ${Math.round(performance.now() - started)} ms: version ${version.number}`,
    );
  } catch (error) {
    if (!(error instanceof LoadFailure)) throw error;
    const why = await report(error, io);
    io.stderr.write(`portico: ${why}Version ${live.current.number} keeps serving\n`);
    return `${why}Version ${live.current.number} keeps serving`;
  }
}

function liveControls(live: Live, io: Io, reload: () => Promise<string>): NonNullable<Controls["live"]> {
  const line = (version: Version): VersionLine => ({
    number: version.number,
    at: version.at.toISOString(),
    loaded: version.loaded,
    current: version === live.current,
  });
  return {
    versions: () => live.versions.map(line),
    rollback: (number) => {
      const version = live.rollback(number);
      io.stdout.write(`Rolled back to version ${version.number}\n`);
      return line(version);
    },
    reload,
  };
}

/** Evaluates, and says here as well what was thrown where nobody waits for it: at the prompt there may be nobody any more. */
function promptFor(live: Live, io: Io): NonNullable<Controls["prompt"]> {
  const uncaught = new UncaughtErrors();
  const paint = paintFor(io.stderr, io.env);
  uncaught.watch(({ error }) => {
    io.stderr.write(`portico: typed at a prompt: ${thrownReport(error, (stack) => live.find(stack), paint)}`);
  });
  return { evaluate: evaluator(namesFor(live), uncaught), uncaught };
}

/** What can be typed at `portico attach`. */
function namesFor(live: Live): Record<string, () => unknown> {
  return {
    server: () => live.server,
    app: () => live.current.subject.exported,
    routes: () => live.current.subject.routes(),
    connections: () => [...live.server.connections],
    rollback: () => (number?: number) => `version ${live.rollback(number).number}`,
  };
}
