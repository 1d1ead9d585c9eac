// Runs a program to its end and keeps what it printed: what the steps of check.ts are made of.
import { spawn } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import { root } from "./tree.ts";

/** What a program left behind. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  /** Standard output and standard error, as they came. */
  readonly output: string;
}

/** No shell and no standard input; `npm` runs under this Node. A program that runs longer than five minutes is killed. */
export function run(program: string, args: readonly string[], cwd: string = root): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 300_000,
      shell: false,
      env: {
        ...process.env,
        PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH ?? ""}`,
        NO_COLOR: "1",
        FORCE_COLOR: undefined,
      },
    });
    let stdout = "";
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, stdout, output }));
  });
}

/** The same, for a step: what was printed is what is wrong if the program failed. */
export async function complaints(program: string, args: readonly string[], cwd?: string): Promise<string[]> {
  const { status, output } = await run(program, args, cwd);
  if (status === 0) return [];
  return [output.trim() === "" ? `${program} ended with ${status}` : output];
}

/** Runs a program of node_modules under this Node: `tool("typescript/bin/tsc", …)`. */
export function tool(path: string, args: readonly string[], cwd?: string): Promise<string[]> {
  return complaints(process.execPath, [join(root, "node_modules", path), ...args], cwd);
}
