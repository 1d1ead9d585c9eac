// The test runner behind `npm test`: finds the compiled tests, runs each file in a Node of its own, two at a time, and
// ends with the counts in the words of node's test runner. The whole suite runs in the default read mode; then what
// touches sockets runs again with PORTICO_READ=data. Words among the arguments choose files, and `-t` chooses tests:
//   npm test                       everything, both read modes
//   npm test -- wire route         the files whose path contains "wire" or "route"
//   npm test -- wire -t "chunk"    of these, the tests whose name matches
import { existsSync, readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { paint } from "./steps.ts";
import { COUNTED, type Counts, killAll, noCounts, runTestFile, type TestOutcome } from "./test-file.ts";
import { root } from "./tree.ts";

const PARTS = ["src", "test", "examples", "bench", "tools"];

// What reads from sockets, and so behaves by the read mode.
const READERS = ["test/loopback/", "test/contract/", "src/server/", "src/transport/"];

// More than the slowest file needs on a busy machine, less than a person waits. PORTICO_TEST_TIMEOUT is for the test of it.
const TIMEOUT = Number(process.env.PORTICO_TEST_TIMEOUT ?? 120_000);
const CONCURRENCY = Math.min(2, availableParallelism());

interface Suite {
  readonly title: string;
  readonly files: readonly string[];
  readonly read: string | undefined;
}

interface Total {
  readonly counts: Counts;
  readonly failures: string[];
}

const { values, positionals } = parseArgs({
  options: { "name-pattern": { type: "string", short: "t" } },
  allowPositionals: true,
});
const pattern = values["name-pattern"];
const built = process.env.PORTICO_TEST_ROOT ?? join(root, "dist");

for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.once(signal, () => {
    killAll();
    process.exit(status);
  });
}
process.once("exit", killAll);
process.exitCode = await main();

async function main(): Promise<number> {
  const started = performance.now();
  const total: Total = { counts: noCounts(), failures: [] };
  for (const suite of suitesOf(findTests())) {
    console.log(`\n${paint("1", suite.title)}: ${suite.files.length} files\n`);
    await runSuite(suite, total);
  }
  if (total.counts.tests - total.counts.skipped === 0 && total.failures.length === 0) {
    total.failures.push(
      pattern === undefined ? "No test ran." : `No test ran: none has a name that matches ${pattern}.`,
    );
  }
  if (total.failures.length > 0) {
    console.log(`\n${paint("31", "Failed:")}`);
    for (const failure of total.failures) console.log(`  ${paint("31", "✖")} ${failure}`);
  }
  console.log("");
  for (const name of COUNTED) console.log(`ℹ ${name} ${total.counts[name]}`);
  console.log(`ℹ duration_ms ${(performance.now() - started).toFixed(3)}`);
  return total.failures.length === 0 ? 0 : 1;
}

/** The compiled tests that the arguments choose, by their path within dist, sorted. */
function findTests(): string[] {
  const found: string[] = [];
  for (const part of PARTS) {
    if (!existsSync(join(built, part))) continue;
    for (const path of readdirSync(join(built, part), { recursive: true, encoding: "utf8" })) {
      if (path.endsWith(".test.js")) found.push(`${part}/${path.replaceAll("\\", "/")}`);
    }
  }
  if (positionals.length === 0) return found.sort();
  return found.filter((path) => positionals.some((word) => path.includes(word))).sort();
}

function suitesOf(files: readonly string[]): Suite[] {
  const read = process.env.PORTICO_READ;
  const first = { title: read === undefined ? "Default read mode" : `PORTICO_READ=${read}`, files, read };
  if (positionals.length > 0 || pattern !== undefined || read !== undefined) return [first];
  const again = files.filter((path) => READERS.some((folder) => path.startsWith(folder)));
  if (again.length === 0) return [first];
  return [first, { title: "Once more with PORTICO_READ=data", files: again, read: "data" }];
}

async function runSuite({ files, read, title }: Suite, total: Total): Promise<void> {
  // Of the runner that may have started this one, of the user's colours and of no read mode nothing is passed on.
  const env = { ...process.env, PORTICO_READ: read, NODE_TEST_CONTEXT: undefined, FORCE_COLOR: undefined };
  const queue = [...files];
  const work = async (): Promise<void> => {
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      const outcome = await runTestFile(join(built, path), { env, pattern, timeout: TIMEOUT });
      for (const name of COUNTED) total.counts[name] += outcome.counts[name];
      printOutcome(path, outcome);
      if (outcome.failure === undefined) continue;
      total.failures.push(`${path} ${outcome.failure} (${title})`);
      // A file that crashed or hung has no closing lines, or none that tell.
      if (outcome.counts.fail + outcome.counts.cancelled === 0) total.counts.fail++;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
}

function printOutcome(path: string, { counts, failure, output, elapsed }: TestOutcome): void {
  const name = path.replace(/\.test\.js$/, "");
  const skipped = counts.skipped === 0 ? "" : `, ${counts.skipped} skipped`;
  const facts = paint("2", `(${counts.tests} tests${skipped}, ${Math.round(elapsed)} ms)`);
  if (failure === undefined) {
    if (pattern === undefined || counts.tests > counts.skipped) console.log(`${paint("32", "✔")} ${name} ${facts}`);
    return;
  }
  console.log(`${paint("31", "✖")} ${name} ${failure} ${facts}`);
  // All but what passed and the counts: those stand at the end, summed up.
  const telling = output
    .split("\n")
    .filter((line) => !/^\s*✔ |^ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /.test(line));
  console.log(
    telling
      .map((line) => `    ${line}`)
      .join("\n")
      .trimEnd(),
  );
}
