// Runs one compiled test file in a Node of its own and reads the counts that node's test runner prints at the end.
// One process per file, started by us and not by `node --test`: only so can a file that hangs in a loop be ended on
// every Node from 20 to 26, together with the processes that its tests have started.
import { type ChildProcess, spawn } from "node:child_process";

/** What node's test runner counts, in its order. */
export const COUNTED = ["tests", "suites", "pass", "fail", "cancelled", "skipped", "todo"] as const;

/** The counts of one file, or the sum of many. */
export type Counts = Record<(typeof COUNTED)[number], number>;

/** How a test file is to be run. */
export interface TestRun {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Passed on as `--test-name-pattern`. */
  readonly pattern: string | undefined;
  /** Milliseconds after which the file is killed. */
  readonly timeout: number;
}

/** How it went. */
export interface TestOutcome {
  readonly counts: Counts;
  /** Why the file failed; `undefined` if it passed. */
  readonly failure: string | undefined;
  /** What the file printed: the spec reporter, and the output of the tests. */
  readonly output: string;
  readonly elapsed: number;
}

const running = new Set<ChildProcess>();

/** Ends every test file that still runs, and what it has started. */
export function killAll(): void {
  for (const child of running) kill(child);
}

/** @param file the path of the compiled file. Never rejects. */
export function runTestFile(file: string, { env, pattern, timeout }: TestRun): Promise<TestOutcome> {
  const args = ["--enable-source-maps", "--test-reporter=spec"];
  if (pattern !== undefined) args.push(`--test-name-pattern=${pattern}`);
  const started = performance.now();
  // Detached, so that it leads a process group, which is what can be killed as a whole.
  const child = spawn(process.execPath, [...args, file], { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let output = "";
  let late = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const timer = setTimeout(() => {
    late = true;
    kill(child);
  }, timeout);
  return new Promise((resolve) => {
    let ended: string | undefined;
    const finish = (): void => {
      clearTimeout(timer);
      running.delete(child);
      const counts = countsOf(output);
      const failure = late
        ? `did not end within ${timeout / 1000} s and was killed`
        : (ended ?? emptiness(counts, pattern));
      resolve({ counts: counts ?? noCounts(), failure, output, elapsed: performance.now() - started });
    };
    child.on("error", (error) => {
      ended = `could not be started: ${error.message}`;
      finish();
    });
    child.on("exit", (status, signal) => {
      ended = status === 0 ? undefined : `ended with ${signal ?? status}`;
      // What the tests left behind would keep the pipes open, and "close" away; so would what has left the group.
      kill(child);
      setTimeout(finish, 1000).unref();
    });
    child.on("close", finish);
  });
}

/** Counts of nothing. */
export function noCounts(): Counts {
  return { tests: 0, suites: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0 };
}

/** Reads the closing lines of the spec reporter, the last there are: a test may print such lines itself. */
export function countsOf(output: string): Counts | undefined {
  const blocks = [...output.matchAll(new RegExp(COUNTED.map((name) => `^ℹ ${name} (\\d+)\\n`).join(""), "gm"))];
  const last = blocks.at(-1);
  if (last === undefined) return undefined;
  const counts = noCounts();
  for (const [index, name] of COUNTED.entries()) counts[name] = Number(last[index + 1]);
  return counts;
}

function emptiness(counts: Counts | undefined, pattern: string | undefined): string | undefined {
  if (pattern !== undefined || (counts !== undefined && counts.tests > 0)) return undefined;
  return "declares no test";
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // ESRCH: the group has ended by itself, which is the usual case.
  }
}
