// `portico attach`: a prompt at a server that runs. What begins with a point is asked of the server; the rest is JavaScript, and
// evaluated in it where it was started with --repl.
import { relative } from "node:path";
import { type Command, Complaint } from "../command.ts";
import { ask, follow, type Running, theOne } from "../control/asking.ts";
import type { RouteLine, VersionLine } from "../control/control.ts";
import type { Evaluated, UncaughtLine } from "../control/evaluate.ts";
import { type Lines, linesOf } from "../lines.ts";
import { portFrom } from "../listening.ts";
import { paintFor } from "../paint.ts";
import { isOpen, isUnfinished } from "../unfinished.ts";
import { age, table } from "./list.ts";

export const attach: Command = {
  name: "attach",
  summary: "a prompt at a server that runs: routes, connections, JavaScript",
  argument: { name: "[port]", summary: "that of the server; where left out, the only one that runs" },
  options: [],
  notes: "JavaScript is evaluated by servers that were started with `portico run --repl`.\nType .help at the prompt.",
  run: async ({ argument }, io) => {
    const target = await theOne(argument === undefined ? undefined : portFrom(argument, "port"), io.env);
    if (io.stdin === undefined) throw new Complaint("there is nothing to read from");
    const prompt = io.stdin.isTTY === true ? `portico:${target.port}> ` : "";
    if (prompt !== "") io.stdout.write(welcome(target));
    const lines = await linesOf(io, {
      complete: (line) => [Object.keys(ASKED).filter((name) => name.startsWith(line)), line],
      tab: "is text",
    });
    const goesOn = lines.terminal ? isUnfinished : isOpen;
    const colour = paintFor(io.stdout, io.env)("1", "") !== "";
    const uncaught = new UncaughtShown(lines);
    const unfollow =
      target.line?.repl === true ? follow(target, `/uncaught?colour=${colour}`, uncaught.show) : () => {};
    try {
      for (;;) {
        const typed = (await lines.askWhole(prompt, (text) => !text.startsWith(".") && goesOn(text)))?.trim();
        if (typed === undefined || typed === ".exit") return 0;
        if (typed === "") continue;
        const said = await lines.wait((signal) => answer(target, typed, { colour, signal }));
        io.stdout.write(said?.text ?? "Not waited for; it goes on\n");
        for (const line of said?.meanwhile ?? []) uncaught.show(line);
      }
    } finally {
      unfollow();
      lines.close();
    }
  },
};

function welcome({ line, port }: Running): string {
  const note = line?.repl === true ? "JavaScript is evaluated in it: server, app" : "It was not started with --repl";
  return `${line?.subject ?? port} on ${line?.url ?? ""}. ${note}. Type .help for help, .exit to leave.\n`;
}

/** Those that come with an answer and those that come on their own, each once. */
class UncaughtShown {
  readonly #lines: Lines;
  #last = 0;

  constructor(lines: Lines) {
    this.#lines = lines;
  }

  readonly show = ({ number, text }: UncaughtLine): void => {
    if (number <= this.#last) return;
    this.#last = number;
    this.#lines.tell(`${text}\n`);
  };
}

/** What is to be printed. */
interface Shown {
  readonly text: string;
  readonly meanwhile?: readonly UncaughtLine[];
}

interface Wish {
  readonly colour: boolean;
  readonly signal: AbortSignal;
}

async function answer(target: Running, typed: string, { colour, signal }: Wish): Promise<Shown> {
  try {
    const [word = "", rest] = typed.split(/\s+/, 2);
    if (typed.startsWith(".")) return { text: await (ASKED[word] ?? unknown)(target, rest) };
    const said = await ask<Evaluated>(target, "POST /evaluate", { code: typed, colour }, 60_000, signal);
    const { text, failed, meanwhile } = said;
    return { text: failed || text !== "undefined" ? `${text}\n` : "", meanwhile };
  } catch (error) {
    if (!(error instanceof Complaint)) throw new Complaint(`${target.port}: it has gone`, { cause: error });
    return { text: `${error.message}\n` };
  }
}

type Asked = (target: Running, rest: string | undefined) => Promise<string> | string;

const unknown: Asked = () => "There is no such command; .help lists them\n";

const ASKED: Readonly<Record<string, Asked>> = {
  ".routes": async (target) => {
    const routes = await ask<RouteLine[]>(target, "GET /routes");
    return routes.length === 0 ? "No routes\n" : routes.map(({ pattern }) => `${pattern}\n`).join("");
  },
  ".connections": async (target) => {
    const all = await ask<{ peer: string; phase: string; since: number; request: string | null }[]>(
      target,
      "GET /connections",
    );
    const rows = all.map(({ peer, phase, since, request }) => [peer, phase, age(Date.now() - since), request ?? "-"]);
    return rows.length === 0 ? "No connections\n" : table(rows);
  },
  ".versions": async (target) => {
    const all = await ask<VersionLine[]>(target, "GET /versions");
    if (all.length === 0) return "No versions\n";
    return table(
      all.map(({ number, at, loaded, current }) => [
        current ? ">" : "",
        String(number),
        at,
        loaded.map((file) => relative(".", file)).join(" "),
      ]),
    );
  },
  ".rollback": async (target, rest) => {
    if (rest !== undefined && !/^\d+$/.test(rest)) return "A version is a number\n";
    const to = rest === undefined ? {} : { to: Number(rest) };
    return `Version ${(await ask<VersionLine>(target, "POST /rollback", to)).number}\n`;
  },
  ".reload": async (target) => `${(await ask<{ text: string }>(target, "POST /reload", {}, 60_000)).text}\n`,
  ".help": () =>
    table([
      [".routes", "the routes in force"],
      [".connections", "who is connected, and what they ask"],
      [".versions", "the versions of the module that can be gone back to"],
      [".rollback [number]", "go back to one, or to that before"],
      [".reload", "load what has changed, now"],
      [".exit", "leave; the server goes on"],
      ["anything else", "JavaScript, evaluated in the server: server, app, routes, connections, rollback()"],
    ]),
};
