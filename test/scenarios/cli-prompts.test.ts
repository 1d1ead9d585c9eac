// A person at a terminal: what Ctrl-C and Tab do, and lines that are not whole.
import assert from "node:assert/strict";
import { test } from "node:test";
import { atTerminal, type Cli, onTerminal, Project, serveAnswered } from "./cli-process.ts";

const FILES = {
  "app.mjs":
    'export default () => "first";\nexport const plain = () => "plain";\nexport const plane = () => "plane";\n',
};

async function attached(project: Project): Promise<{ readonly cli: Cli; readonly at: Cli }> {
  const cli = project.run("run", "app.mjs", "--port", "0", "--repl");
  const port = await cli.port();
  // The URL is printed before the socket is there.
  while ((await project.run("list", "--json").over()).out === "[]\n");
  const at = atTerminal(project, "attach", String(port));
  await at.printed(/portico:\d+> /);
  return { cli, at };
}

test("Ctrl-C gives the prompt back while something is awaited, and what is typed then works", onTerminal, async (t) => {
  const project = await Project.make(t, FILES);
  const { cli, at } = await attached(project);
  at.type('console.log("it has begun"), await new Promise(() => {})\r');
  await cli.printed(/^it has begun$/m);
  at.type("\u0003");
  await at.printed(/Not waited for; it goes on\r\n[^\n]*portico:\d+> /);
  at.type("40 + 2\r");
  await at.printed(/42[^\n]*\r\n/);
  at.out = "";
  at.type("throw Object.assign(new RangeError('far'), { far: true })\r");
  // Coloured as it is there, it is the same.
  await at.printed(/far: [^\n]*true[^\n]*\r\n\}/);
  assert.match(at.out, /RangeError: far\r\n[^\n]*at <anonymous>:1:\d+ \{\r\n/);
  assert.doesNotMatch(at.out, /node:|main\.js/);
  at.type(".exit\r");
  assert.equal(await at.ended, 0);
  assert.equal(await cli.get(), "200 first");
});

test("a beginning goes on in the next line, and Ctrl-C drops it", onTerminal, async (t) => {
  const project = await Project.make(t, FILES);
  const { at } = await attached(project);
  at.type("for (const n of [6])\r");
  await at.printed(/\.\.\. /);
  at.type("n * 7\r");
  await at.printed(/42[^\n]*\r\n/);
  at.out = "";
  at.type("while (true)\r");
  await at.printed(/\.\.\. /);
  at.type("half of it");
  await at.printed(/half of it/);
  at.type("\u0003");
  await at.printed(/portico:\d+> /);
  at.type("50 + 3\r");
  await at.printed(/53[^\n]*\r\n[^\n]*portico:\d+> /);
  // With nothing typed it is a wish to leave.
  at.type("\u0003");
  assert.equal(await at.ended, 0);
});

test("what is thrown is shown without the frames of Portico", async (t) => {
  const project = await Project.make(t, {
    "app.mjs": 'import { portico } from "portico";\nexport default portico();\n',
  });
  const cli = project.run("run", "app.mjs", "--port", "0", "--repl");
  await cli.port();
  while ((await project.run("list", "--json").over()).out === "[]\n");
  const { out } = await project.run("attach").over("(function typed() { app.get('{', () => 1); })()\n");
  assert.match(out, /^Uncaught LocalError: A route's pattern is not /);
  assert.match(out, /^ {4}at typed /m);
  assert.match(out, / \{\n {2}code: 'USE_BAD_PATTERN',$/m);
  assert.doesNotMatch(out, /\/(?:dist|src)\/|node:/);
});

test("an answer that cannot be is asked for again, with the reason", onTerminal, async (t) => {
  const project = await Project.make(t, FILES);
  const cli = atTerminal(project, "start");
  await cli.printed(/Module or directory \[\.\]: /);
  cli.type("ap.mjs#plain\r");
  await cli.printed(/ap\.mjs: there is no such file\r\n[^\n]*Module or directory \[\.\]: /);
  cli.type("app.mjs#plain\r");
  await cli.printed(/Port \[8000\]: /);
  cli.type("http\r");
  await cli.printed(/the port is a number from 0 to 65535, not "http"\r\n[^\n]*Port \[8000\]: /);
  await serveAnswered(cli);
});

test("answers of a file that cannot be end it, without a word of options that nobody typed", async (t) => {
  const project = await Project.make(t, FILES);
  const taken = await project.run("run", "app.mjs", "--port", "0").port();
  for (const [answers, code, says] of [
    ["ap.mjs\n0\n\n", 1, "portico: ap.mjs: there is no such file\n"],
    ["app.mjs\nhttp\n\n", 2, 'portico: the port is a number from 0 to 65535, not "http" (see portico start --help)\n'],
    [`app.mjs\n${taken}\n\n`, 1, `portico: 127.0.0.1:${taken} is taken by another program; choose another\n`],
  ] as const) {
    const ended = await project.run("start").over(answers);
    assert.deepEqual([ended.code, ended.err], [code, says], answers);
  }
});

test("two tabs that come at once complete, and are not typed", onTerminal, async (t) => {
  const project = await Project.make(t, FILES);
  const cli = atTerminal(project, "start", "--port", "0", "--host", "localhost");
  await cli.printed(/Module or directory \[\.\]: /);
  cli.type("app.mjs#p\t\t");
  await cli.printed(/app\.mjs#pla/);
  cli.type("in\r");
  const [, url = ""] = await cli.printed(/Running app\.mjs#plain on \S*(http:\/\/127\.0\.0\.1:\d+\/)/);
  // It is printed before signals are listened to.
  assert.equal(await (await fetch(url)).text(), "plain");
  assert.ok(!cli.out.includes("\t"));
  cli.type("\u0003");
  assert.equal(await cli.ended, 0);
});
