// What is thrown at a prompt when its line was answered already: it is printed, there and by the server, and the server lives.
import assert from "node:assert/strict";
import { test } from "node:test";
import { atTerminal, type Cli, onTerminal, Project } from "./cli-process.ts";

const FILES = {
  "app.mjs": `
    import { EventEmitter } from "node:events";
    import { portico } from "portico";
    const app = portico();
    app.get("/", () => "first");
    app.get("/emits", () => { globalThis.program.emit("said"); return "emitted"; });
    app.get("/fails", () => { setTimeout(() => { throw new Error("of the program") }); return "it will"; });
    globalThis.program = new EventEmitter();
    export default app;
  `,
};

async function started(project: Project, app = "app.mjs"): Promise<Cli> {
  const cli = project.run("run", app, "--port", "0", "--repl");
  await cli.url();
  // The URL is printed before the socket is there.
  while ((await project.run("list", "--json").over()).out === "[]\n");
  return cli;
}

const LINES: readonly (readonly [line: string, says: RegExp])[] = [
  ["Promise.reject(new Error('a promise'))", /Uncaught Error: a promise\n {4}at <anonymous>:1:16\n/],
  ["Promise.reject(5)", /Uncaught 5\n/],
  ["Promise.reject(undefined)", /Uncaught undefined\n/],
  ["void Promise.resolve().then(() => { throw new TypeError('in then') })", /Uncaught TypeError: in then\n/],
  ["(async () => { await null; throw new Error('async') })(), 0", /Uncaught Error: async\n/],
  ["setTimeout(() => { throw new Error('a timer') }), 0", /Uncaught Error: a timer\n/],
  ["setTimeout(() => { throw null }), 0", /Uncaught null\n/],
  ["setTimeout(() => setTimeout(() => { throw new Error('nested') })), 0", /Uncaught Error: nested\n/],
  ["setTimeout(() => void Promise.reject(new Error('both'))), 0", /Uncaught Error: both\n/],
  ["setInterval(function () { clearInterval(this); throw new Error('again') }, 1), 0", /Uncaught Error: again\n/],
  ["setImmediate(() => { throw new Error('immediate') }), 0", /Uncaught Error: immediate\n/],
  ["process.nextTick(() => { throw new Error('tick') })", /Uncaught Error: tick\n/],
  ["queueMicrotask(() => { throw new Error('microtask') })", /Uncaught Error: microtask\n/],
  ["setTimeout(() => queueMicrotask(() => { throw new Error('deep') })), 0", /Uncaught Error: deep\n/],
  [
    "await new Promise((done) => setTimeout(done, 1)); setTimeout(() => { throw new Error('awaited') }), 0",
    /Error: awaited\n/,
  ],
  ["setTimeout(() => new program.constructor().emit('error', new Error('emitted'))), 0", /Uncaught Error: emitted\n/],
  ["const later = () => void setTimeout(() => { throw new Error('a later line') })", /^/],
  ["later()", /Uncaught Error: a later line\n/],
  ["let reject; const kept = new Promise((_, no) => { reject = no }); 0", /^/],
  ["reject(new Error('rejected later'))", /Uncaught Error: rejected later\n/],
  ["fetch('http://127.0.0.1:1/'), 0", /Uncaught \[?TypeError: fetch failed/],
  ["setTimeout(() => { throw Object.defineProperty(new Error(), 'stack', { get() { throw 1 } }) }), 0", /Uncaught /],
  ["setTimeout(() => { throw new Proxy(new Error('trap'), { get() { throw 1 } }) }), 0", /Uncaught /],
];

test("a line at the prompt whose promise rejects or whose timer throws ended the server", async (t) => {
  const project = await Project.make(t, FILES);
  const cli = await started(project);
  const prompt = project.run("attach");
  for (const [line, says] of LINES) {
    prompt.out = "";
    prompt.type(`${line}\n'answered'\n`);
    await prompt.printed(says);
    await prompt.printed(/^'answered'$/m);
    assert.equal(cli.child.exitCode, null, line);
  }
  assert.equal(await cli.get(), "200 first");
  assert.match(cli.err, /^portico: typed at a prompt: a promise$/m);
  assert.match(cli.err, /^portico: typed at a prompt: TypeError: in then$/m);
  assert.equal((await prompt.over(".exit\n")).code, 0);
});

test("what is thrown in functions from the prompt that the server calls ended it", async (t) => {
  const project = await Project.make(t, FILES);
  const cli = await started(project);
  const prompt = project.run("attach");
  const handlers = [
    ["/timer", "setTimeout(() => { throw new Error('in a timer') }); return 'asked'"],
    ["/promise", "void Promise.reject(new Error('in a promise')); return 'asked'"],
    ["/microtask", "queueMicrotask(() => { throw new Error('in a microtask') }); return 'asked'"],
  ] as const;
  for (const [path, body] of handlers) prompt.type(`app.get("${path}", () => { ${body} }), 0\n`);
  prompt.type("program.on('said', () => setTimeout(() => { throw new Error('in a listener') })), 'ready'\n");
  await prompt.printed(/^'ready'$/m);
  for (const [path] of handlers) {
    assert.equal(await cli.get(path.slice(1)), "200 asked");
    await prompt.printed(new RegExp(`^Uncaught Error: in a ${path.slice(1)}$`, "m"));
  }
  assert.equal(await cli.get("emits"), "200 emitted");
  await prompt.printed(/^Uncaught Error: in a listener$/m);
  assert.equal(await cli.get(), "200 first");
});

test("a program that ends itself at uncaught errors is not ended by what is typed", async (t) => {
  const project = await Project.make(t, {
    "app.mjs": `${FILES["app.mjs"]}
      for (const event of ["uncaughtException", "unhandledRejection"]) process.on(event, () => process.exit(3));
    `,
  });
  const cli = await started(project);
  const prompt = project.run("attach");
  prompt.type("Promise.reject(new Error('one')), 0\nsetTimeout(() => { throw new Error('two') }), 0\n");
  await prompt.printed(/^Uncaught Error: one$/m);
  await prompt.printed(/^Uncaught Error: two$/m);
  assert.equal(await cli.get(), "200 first");
  assert.equal(await cli.get("fails"), "200 it will");
  assert.equal(await cli.ended, 3);
});

test("what the program throws itself ends it as it did before a prompt was used", async (t) => {
  const project = await Project.make(t, FILES);
  for (const line of [undefined, "Promise.reject(new Error('typed'))\n"]) {
    const cli = await started(project);
    if (line !== undefined) assert.equal((await project.run("attach").over(line)).code, 0);
    cli.err = "";
    assert.equal(await cli.get("fails"), "200 it will");
    assert.equal(await cli.ended, 1, line);
    assert.match(cli.err, /throw new Error\("of the program"\)[^\n]*\n +\^\n\nError: of the program\n/);
  }
});

test("a failure of what is not waited for any more was told to nobody", onTerminal, async (t) => {
  const project = await Project.make(t, FILES);
  const cli = await started(project);
  const at = atTerminal(project, "attach");
  await at.printed(/portico:\d+> /);
  at.type("let fail; console.log('it has begun'), await new Promise((_, no) => { fail = no })\r");
  await cli.printed(/^it has begun$/m);
  at.type("\u0003");
  await at.printed(/Not waited for; it goes on\r\n[^\n]*portico:\d+> /);
  at.out = "";
  // While a line is being typed: the error stands above it, and the line is whole.
  at.type("setTimeout(() => fail(new Error('abandoned')), 1), 40 +");
  await at.printed(/40 \+/);
  at.type(" 2\r");
  await at.printed(/Uncaught Error: abandoned\r\n/);
  at.type("6 * 7\r");
  await at.printed(/42/);
  await cli.printed(/^portico: typed at a prompt: abandoned$/m, "err");
  at.type(".exit\r");
  assert.equal(await at.ended, 0);
});

test("a prompt that is attached does not hold up the end of the server", async (t) => {
  const project = await Project.make(t, FILES);
  const cli = await started(project);
  const prompt = project.run("attach");
  prompt.type("'here'\n");
  await prompt.printed(/^'here'$/m);
  cli.child.kill("SIGTERM");
  // Were its connection waited for, it would be cut off after two seconds, and the server would say no less.
  assert.equal(await cli.ended, 0);
  prompt.type("1\n");
  assert.equal((await prompt.over()).code, 1);
});
