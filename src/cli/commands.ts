// The table of commands: a new one is a file and a row.
import type { Command } from "./command.ts";
import { serve } from "./commands/serve.ts";

export const COMMANDS: readonly Command[] = [serve];
