// The bench runs: one row of it, in its shortest form, against node:http. Nothing is measured here, and where wrk is not
// installed (it is not in CI) the test says so and is skipped.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT, wrkVersion } from "./machine.ts";

const RUN = `${ROOT}dist/bench/run.js`;
const skip: string | false = wrkVersion() === undefined ? "wrk is not installed" : false;

interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(args: readonly string[], folder: string = tmpdir()): Finished {
  const env = { ...process.env, TMPDIR: folder };
  return spawnSync(process.execPath, [RUN, ...args], { encoding: "utf8", timeout: 60_000, env });
}

test("a smoke run prints a table with the ratio to node:http, and leaves nothing behind", { skip }, (context) => {
  const folder = mkdtempSync(join(tmpdir(), "portico-smoke-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const { status, stdout, stderr } = bench(["hello", "--smoke", "--seconds", "1", "--peers", "node-http"], folder);
  assert.equal(status, 0, stderr);
  const row = stdout.split("\n").find((line) => line.startsWith("| hello |"));
  assert.match(row ?? stdout, /^\| hello \| [\d,]+ req\/s \| \d+\.\d\d \|/);
  assert.match(stdout, /^- Node: \d+\.\d+\.\d+$/m);
  assert.match(stderr, /round 1 of 1, portico/);
  assert.deepEqual(readdirSync(folder), []);
});

test("a row that does not exist is refused, and --list names those that do", () => {
  const refused = bench(["no-such-row", "--smoke"]);
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /No such row: no-such-row/);
  assert.match(bench(["--list"]).stdout, /^browser-heads-varying$/m);
});
