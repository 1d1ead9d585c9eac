// The table of commands: a new one is a file and a row.
import type { Command } from "./command.ts";
import { attach } from "./commands/attach.ts";
import { list } from "./commands/list.ts";
import { run } from "./commands/run.ts";
import { serve } from "./commands/serve.ts";
import { start } from "./commands/start.ts";
import { stop } from "./commands/stop.ts";

export const COMMANDS: readonly Command[] = [serve, run, start, list, stop, attach];
