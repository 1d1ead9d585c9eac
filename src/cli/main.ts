#!/usr/bin/env node
// The command `portico`: this process as the world of program.ts.
import { readFileSync } from "node:fs";
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

const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));
const { stdout, stderr, env } = process;
process.exitCode = await run(process.argv.slice(2), version, { stdout, stderr, env, signals });
