import assert from "node:assert/strict";
import { test } from "node:test";
import type { Io } from "./command.ts";
import { run } from "./program.ts";

async function typed(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const io: Io = {
    stdout: { write: (text) => (out += text), isTTY: true },
    stderr: { write: (text) => (err += text) },
    env: {},
    signals: { watch: () => () => {} },
  };
  const code = await run(argv, "1.2.3", io);
  return { code, out, err };
}

test("help is plain text on stdout, for the whole and for a command", async () => {
  for (const argv of [["--help"], ["-h"]]) {
    const { code, out, err } = await typed(...argv);
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /^Usage: portico /);
    assert.match(out, /serve/);
    assert.ok(!out.includes("\u001b"));
  }
  const { code, out, err } = await typed("serve", "--help");
  assert.deepEqual([code, err], [0, ""]);
  for (const flag of ["--host", "--port", "--listing", "--no-listing", "--quiet", "[dir]"]) {
    assert.ok(out.includes(flag), flag);
  }
});

test("the version is a line", async () => {
  assert.deepEqual(await typed("--version"), { code: 0, out: "1.2.3\n", err: "" });
});

test("what was not understood is 2, and one line on stderr", async () => {
  const cases: [string, ...string[]][] = [
    ["unknown command 'sreve'", "sreve"],
    ["unknown option '--prot'", "serve", "--prot", "1"],
    ["too many arguments", "serve", "a", "b"],
    ["argument missing", "serve", "--port"],
    ['--port is a number from 0 to 65535, not "http"', "serve", "--port", "http"],
    ['--port is a number from 0 to 65535, not "65536"', "serve", "--port", "65536"],
    ['--port is a number from 0 to 65535, not "-1"', "serve", "--port=-1"],
    ['--port is a number from 0 to 65535, not ""', "serve", "--port="],
  ];
  for (const [says, ...argv] of cases) {
    const { code, out, err } = await typed(...argv);
    assert.deepEqual([code, out], [2, ""], argv.join(" "));
    assert.ok(err.startsWith("portico: ") && err.includes(says), err);
    assert.equal(err.indexOf("\n"), err.length - 1, err);
  }
});

test("help of a command can be asked for as a command, too", async () => {
  assert.deepEqual(await typed("help", "serve"), await typed("serve", "--help"));
  assert.deepEqual(await typed("help"), await typed("--help"));
  const { code, out, err } = await typed("help", "sreve");
  assert.deepEqual(
    [code, out, err],
    [2, "", "portico: unknown command 'sreve' (Did you mean serve?) (see portico --help)\n"],
  );
});

test("what was not understood of a command names the help of that command", async () => {
  for (const argv of [
    ["serve", "--prot", "1"],
    ["serve", "--port", "http"],
    ["serve", "a", "b"],
  ]) {
    assert.match((await typed(...argv)).err, / \(see portico serve --help\)\n$/, argv.join(" "));
  }
  assert.match((await typed("sreve")).err, / \(see portico --help\)\n$/);
});

test("nothing at all is asked for help, and 2", async () => {
  const { code, out, err } = await typed();
  assert.deepEqual([code, out], [2, ""]);
  assert.match(err, /^Usage: portico /);
});
