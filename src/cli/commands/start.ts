// `portico start`: asks what to serve, and where, and does it. `portico` alone does the same on a terminal.
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { readTextFile } from "../../base/text-file.ts";
import { type Command, Complaint, type Io, type Values } from "../command.ts";
import { type Lines, linesOf } from "../lines.ts";
import { ANSWERED, portFrom } from "../listening.ts";
import { declarations } from "../live/declarations.ts";
import { toScript } from "../live/source.ts";
import { entryOf, run } from "./run.ts";
import { serve } from "./serve.ts";

/** What is proposed where it is there. */
const ENTRIES = ["app.ts", "app.js", "server.ts", "server.js", "index.ts", "index.js", "public"];

export const start: Command = {
  name: "start",
  summary: "ask what to serve, and where",
  argument: { name: "[what]", summary: "a module or a directory; asked for where left out" },
  options: [
    { flags: "--host <address>", summary: "listen here; asked for where left out" },
    { flags: "--port <number>", summary: "listen on this port; asked for where left out" },
    { flags: "--repl", summary: "let `portico attach` evaluate code in it" },
    { flags: "--quiet", summary: "no line for each request" },
  ],
  notes: "Answers can come from a file as well, a line each: what, port, host.",
  run: async ({ argument, values }, io) => {
    if (io.stdin === undefined) throw new Complaint("there is nothing to read answers from");
    const lines = await linesOf(io, { complete, tab: "completes" });
    let what: string;
    let answers: Values;
    try {
      const ask = asking(lines, io);
      what = argument ?? (await ask("Module or directory", await proposal(), mustBeThere));
      const port = values["port"] ?? (await ask("Port", io.env["PORT"] || "8000", mustBePort));
      const host = values["host"] ?? (await ask("Host", io.env["HOST"] || "localhost"));
      answers = { ...values, port, host, ...(values["port"] === undefined && { [ANSWERED]: true }) };
    } finally {
      lines.close();
    }
    const directory = (await stat(what).catch(() => undefined))?.isDirectory() === true;
    return (directory ? serve : run).run({ argument: what, values: answers }, io);
  },
};

type Ask = (question: string, instead: string, check?: (answer: string) => unknown) => Promise<string>;

/** Asks until the answer is right; who cannot be asked again, a file, is complained of. */
function asking(lines: Lines, io: Io): Ask {
  return async (question, instead, check) => {
    for (;;) {
      const said = await lines.ask(`${question} [${instead}]: `);
      if (said === null) throw new Complaint("there was no answer");
      const answer = said.trim() || instead;
      try {
        await check?.(answer);
        return answer;
      } catch (error) {
        if (!(error instanceof Complaint && lines.terminal)) throw error;
        io.stdout.write(`${error.message}\n`);
      }
    }
  };
}

function mustBePort(answer: string): void {
  portFrom(answer, "the port");
}

async function mustBeThere(answer: string): Promise<void> {
  const [path] = entryOf(answer);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new Complaint(`${path}: there is no such file`);
}

async function proposal(): Promise<string> {
  for (const entry of ENTRIES) {
    if ((await stat(entry).catch(() => undefined)) !== undefined) return entry;
  }
  return ".";
}

/** Paths, and behind a # what the module exports. */
async function complete(line: string): Promise<[readonly string[], string]> {
  const [, path, part] = /^(.*)#(.*)$/.exec(line) ?? [];
  if (path !== undefined && part !== undefined) {
    const { exports } = declarations((await toScript(path, await readTextFile(path))).text);
    return [[...exports.keys()].filter((name) => name.startsWith(part)).map((name) => `${path}#${name}`), line];
  }
  const folder = line.endsWith("/") ? line : dirname(line);
  const begun = line.endsWith("/") ? "" : basename(line);
  const entries = await readdir(folder, { withFileTypes: true });
  const found = entries.filter(
    ({ name }) => name.startsWith(begun) && !name.startsWith(".") && name !== "node_modules",
  );
  const head = line.includes("/") ? folder : "";
  return [found.map((entry) => join(head, entry.name) + (entry.isDirectory() ? "/" : "")), line];
}
