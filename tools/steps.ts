// Runs named steps one after another and says how each went. A step that fails does not stop the rest: one run shows all
// that is wrong. Colour only on a terminal, and not where NO_COLOR is set.

/** One thing to check. What it returns or throws is what is wrong; nothing returned means that all is well. */
export interface Step {
  readonly name: string;
  run(): readonly string[] | Promise<readonly string[]>;
}

/** Runs the steps and returns the names of those that failed. */
export async function runSteps(steps: readonly Step[], print: (line: string) => void): Promise<string[]> {
  const failed: string[] = [];
  for (const step of steps) {
    const started = performance.now();
    const wrong = await outcome(step);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    print(`${wrong.length === 0 ? paint("32", "✔") : paint("31", "✖")} ${step.name} ${paint("2", `(${seconds} s)`)}`);
    for (const line of wrong.flatMap((text) => text.trimEnd().split("\n"))) print(`    ${line}`);
    if (wrong.length > 0) failed.push(step.name);
  }
  return failed;
}

async function outcome(step: Step): Promise<readonly string[]> {
  try {
    return await step.run();
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

/** Wraps a text in one ANSI colour, where colours are wanted. */
export function paint(code: string, text: string): string {
  return process.stdout.isTTY === true && !process.env.NO_COLOR ? `\u001b[${code}m${text}\u001b[0m` : text;
}
