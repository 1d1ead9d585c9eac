// `portico stop 8000`: ends a server that the command line has started.

import type { CloseReport } from "../../server/shutdown.ts";
import { type Command, Misuse } from "../command.ts";
import { ask, type Running, running, theOne } from "../control/asking.ts";
import { portFrom } from "../listening.ts";

export const stop: Command = {
  name: "stop",
  summary: "end a server: it finishes what is in hand",
  argument: { name: "[port]", summary: "that of the server" },
  options: [
    { flags: "--all", summary: "end all of them" },
    { flags: "--now", summary: "cut off what is in hand" },
    { flags: "--deadline <seconds>", summary: "cut off what is in hand after so long; 10" },
  ],
  run: async ({ argument, values }, io) => {
    const all = values["all"] === true;
    if (all === (argument !== undefined)) throw new Misuse("say the port of one, or --all");
    const deadline = deadlineOf(values["deadline"]);
    const targets = argument === undefined ? await running(io.env) : [await theOne(portFrom(argument, "port"), io.env)];
    const mode = values["now"] === true ? "abort" : "drain";
    const lines = await Promise.all(targets.map((target) => end(target, { mode, deadline })));
    io.stdout.write(lines.length === 0 ? "No server is running\n" : lines.join(""));
    return 0;
  },
};

function deadlineOf(typed: string | boolean | undefined): number {
  const seconds = typed === undefined ? 10 : Number(typed);
  if (seconds > 0 && seconds <= 86_400) return Math.ceil(seconds * 1000);
  throw new Misuse(`--deadline is a number of seconds, not "${String(typed)}"`);
}

async function end(target: Running, how: { readonly mode: string; readonly deadline: number }): Promise<string> {
  const { finished, cut } = await ask<CloseReport>(target, "POST /stop", how, how.deadline + 5000);
  const report = [finished > 0 ? `${finished} finished` : "", cut > 0 ? `${cut} cut off` : ""].filter(
    (each) => each !== "",
  );
  return `Stopped ${target.port}${report.length > 0 ? `: ${report.join(", ")}` : ""}\n`;
}
