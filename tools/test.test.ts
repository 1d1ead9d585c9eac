import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { countsOf } from "./test-file.ts";

const RUNNER = fileURLToPath(new URL("./test.js", import.meta.url));
const PASSES = 'require("node:test").test("goes well", () => {});';
const FAILS = 'require("node:test").test("goes wrong", () => { throw new Error("as it must"); });';
const LOOPS = 'require("node:test").test("loops", () => { for (;;); });';
const READS =
  'require("node:test").test("reads", () => { if (process.env.PORTICO_READ !== "data") throw new Error("by default"); });';

function folderOf(context: TestContext, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "portico-test-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, source] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), source);
  }
  return folder;
}

function start(folder: string, args: readonly string[] = [], timeout = 60_000) {
  const env = {
    ...process.env,
    PORTICO_TEST_ROOT: folder,
    PORTICO_TEST_TIMEOUT: String(timeout),
    PORTICO_READ: undefined,
  };
  const child = spawn(process.execPath, [RUNNER, ...args], { env, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = new Promise<{ status: number | null; output: string }>((resolve) => {
    child.on("close", (status) => resolve({ status, output }));
  });
  return { child, ended };
}

test("the counts of all files are summed in the closing lines", async (context) => {
  const folder = folderOf(context, { "src/base/a.test.js": PASSES, "test/b.test.js": PASSES, "src/base/c.js": FAILS });
  const { status, output } = await start(folder).ended;
  assert.equal(status, 0, output);
  assert.match(output, /^ℹ tests 2\nℹ suites 0\nℹ pass 2\nℹ fail 0\n/m);
});

test("a failing test fails the run and is shown in full", async (context) => {
  const folder = folderOf(context, { "src/a.test.js": FAILS, "src/b.test.js": PASSES });
  const { status, output } = await start(folder).ended;
  assert.equal(status, 1, output);
  assert.match(output, /as it must/);
  assert.match(output, /^ℹ pass 1\nℹ fail 1\n/m);
});

test("a file that hangs in a loop is killed, and counts as failed", async (context) => {
  const { status, output } = await start(folderOf(context, { "src/a.test.js": LOOPS }), [], 1000).ended;
  assert.equal(status, 1, output);
  assert.match(output, /did not end within 1 s/);
  assert.match(output, /^ℹ fail 1\n/m);
});

test("a run without a test fails", async (context) => {
  assert.equal((await start(folderOf(context, {})).ended).status, 1);
  const silent = await start(folderOf(context, { "src/a.test.js": "" })).ended;
  assert.equal(silent.status, 1);
  assert.match(silent.output, /src\/a\.test\.js declares no test/);
  const { status, output } = await start(folderOf(context, { "src/a.test.js": PASSES }), ["-t", "nothing"]).ended;
  assert.equal(status, 1, output);
});

test("words choose files and -t chooses tests", async (context) => {
  const folder = folderOf(context, {
    "src/wire/a.test.js": PASSES,
    "src/base/b.test.js": FAILS,
    "src/wire/c.test.js": FAILS,
  });
  const { status, output } = await start(folder, ["wire", "-t", "goes well"]).ended;
  assert.equal(status, 0, output);
  assert.match(output, /^ℹ pass 1\nℹ fail 0\n/m);
});

test("what touches sockets runs a second time with PORTICO_READ=data, the rest does not", async (context) => {
  const folder = folderOf(context, { "src/server/a.test.js": READS, "src/base/b.test.js": PASSES });
  const { status, output } = await start(folder).ended;
  assert.equal(status, 1);
  assert.match(output, /src\/server\/a\.test\.js ended with 1 \(Default read mode\)/);
  assert.match(output, /PORTICO_READ=data: 1 files/);
  assert.match(output, /^ℹ tests 3\nℹ suites 0\nℹ pass 2\nℹ fail 1\n/m);
});

test("an interrupt ends the tests that run", async (context) => {
  const folder = folderOf(context, {});
  const note = join(folder, "pid");
  mkdirSync(join(folder, "src"));
  writeFileSync(
    join(folder, "src/a.test.js"),
    `require("node:fs").writeFileSync(${JSON.stringify(note)}, String(process.pid)); setInterval(() => {}, 1000);`,
  );
  const { child, ended } = start(folder);
  const pid = await untilWritten(note);
  child.kill("SIGINT");
  assert.equal((await ended).status, 130);
  await untilGone(pid);
});

async function untilWritten(path: string): Promise<number> {
  for (;;) {
    try {
      const pid = Number(readFileSync(path, "utf8"));
      if (pid > 0) return pid;
    } catch {
      // Not there yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A killed process answers until it has been reaped. */
async function untilGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
      if (readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ")) return;
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("of several blocks of closing lines the last counts", () => {
  const block = (tests: number) =>
    `ℹ tests ${tests}\nℹ suites 0\nℹ pass ${tests}\nℹ fail 0\nℹ cancelled 0\nℹ skipped 0\nℹ todo 0\n`;
  assert.equal(countsOf(`${block(9)}text\n${block(3)}ℹ duration_ms 1\n`)?.tests, 3);
  assert.equal(countsOf("no such lines"), undefined);
});
