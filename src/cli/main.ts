#!/usr/bin/env node
// The command `portico`: this process as the world of program.ts.
import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Signals } from "./command.ts";
import { run } from "./program.ts";

const signals: Signals = {
  watch(asked) {
    process.on("SIGINT", asked).on("SIGTERM", asked);
    return () => process.off("SIGINT", asked).off("SIGTERM", asked);
  },
};

// Who reads our output may stop reading (`portico serve | head`): that is no reason to stop serving, nor to complain.
process.stdout.on("error", () => {});

const own = fileURLToPath(new URL("../../../package.json", import.meta.url));
const [command, argument] = process.argv.slice(2);

/**
 * The Portico of the project, where that is another than this one, installed elsewhere: replies that one makes are none for the
 * other, and it may be of another version.
 */
function ofProject(): string | undefined {
  const from = command === "run" && argument !== undefined ? resolve(argument) : join(process.cwd(), "project");
  try {
    const found = createRequire(from).resolve("portico/package.json");
    if (realpathSync(found) === realpathSync(own)) return undefined;
    return join(dirname(found), JSON.parse(readFileSync(found, "utf8")).bin.portico);
  } catch {
    return undefined; // there is none
  }
}

const project = ofProject();
if (project === undefined) await here();
else await import(pathToFileURL(project).href);

async function here(): Promise<void> {
  const { version } = JSON.parse(readFileSync(own, "utf8"));
  const { stdout, stderr, env } = process;
  const io = {
    // Only who asks something touches it: to touch it opens it.
    get stdin() {
      return process.stdin;
    },
    stdout,
    stderr,
    env,
    signals,
  };
  process.exitCode = await run(process.argv.slice(2), version, io);
  // What a module has left open (a server of its own, a timer) is no reason to stay, unless it looks after signals itself.
  if (process.listenerCount("SIGINT") + process.listenerCount("SIGTERM") === 0) await leave();
}

/** Ends the process when what was printed is on its way. */
async function leave(): Promise<void> {
  for (const output of [process.stdout, process.stderr]) {
    await new Promise<void>((resolve) => output.write("", () => resolve()));
  }
  process.exit();
}
