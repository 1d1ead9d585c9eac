// `portico run` and the ways in which programs save: each of them several times in a row, and while a load is under way.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { FILE_SAVINGS, FOLDER_SAVINGS } from "../fixtures/saving.ts";
import { type Cli, Project } from "./cli-process.ts";

const FILES = {
  "package.json": '{ "type": "module" }',
  "app.js": 'import { words } from "./lib/text/words.js";\nexport default () => words;\n',
  "lib/text/words.js": "",
};
const FILE = "lib/text/words.js";
const TIMES = ["first", "second", "third"];

function source(words: string): string {
  return `export const words = ${JSON.stringify(words)};\n`;
}

async function serving(t: TestContext, words = "at first"): Promise<{ readonly project: Project; readonly cli: Cli }> {
  const project = await Project.make(t, { ...FILES, [FILE]: source(words) });
  const cli = project.run("run", "app.js", "--port", "0", "--quiet");
  assert.equal(await cli.get(), `200 ${words}`);
  return { project, cli };
}

/** Resolves when it serves the words. It prints a line for each load, and nothing else. */
async function serves(cli: Cli, words: string): Promise<void> {
  const patience = AbortSignal.timeout(30_000);
  for (;;) {
    const printed = once(cli.child, "printed", { signal: patience });
    printed.catch(() => {});
    if ((await cli.get()) === `200 ${words}`) return;
    await printed.catch((cause: unknown) => {
      throw new Error(`It does not serve ${words}: ${cli.out}${cli.err}`, { cause });
    });
  }
}

test("portico run went deaf to a file after a save or two, whichever way it was saved", async (t) => {
  const { project, cli } = await serving(t);
  for (const { name, save } of [...FILE_SAVINGS, ...FOLDER_SAVINGS]) {
    for (const time of TIMES) {
      await save(project.path(FILE), source(`${name}, the ${time} time`));
      await serves(cli, `${name}, the ${time} time`);
    }
  }
});

test("a file that was gone for as long as it takes to notice is loaded when it is back, again and again", async (t) => {
  const { project, cli } = await serving(t);
  for (const time of TIMES) {
    cli.err = "";
    await rm(project.path(FILE));
    await cli.printed(/Cannot find module.*\n.*keeps serving/s, "err");
    await writeFile(project.path(FILE), source(time));
    await serves(cli, time);
    cli.err = "";
    await rename(project.path("lib"), project.path(`lib-${time}`));
    await cli.printed(/Cannot find module.*\n.*keeps serving/s, "err");
    await mkdir(project.path("lib/text"), { recursive: true });
    await writeFile(project.path(FILE), source(`${time}, with its directory`));
    await serves(cli, `${time}, with its directory`);
  }
});

function has(program: string): string | false {
  return spawnSync(program, ["--version"]).status === 0 ? false : `there is no ${program}`;
}

const VIM: readonly (readonly [name: string, settings: string])[] = [
  ["as it comes", ""],
  ["that renames the file to its backup", "writebackup backupcopy=no"],
  ["that keeps the backup", "backup backupcopy=no"],
  ["that copies the file to its backup", "writebackup backupcopy=yes"],
  ["without a backup", "nowritebackup nobackup"],
];

test("portico run went deaf to a file after vim had saved it", { skip: has("vim") }, async (t) => {
  const { project, cli } = await serving(t);
  for (const [name, settings] of VIM) {
    for (const time of TIMES) {
      const words = `a vim ${name}, the ${time} time`;
      // It makes no backups in the temporary directory of its own accord, and a test is there.
      const commands = [`set backupskip= ${settings}`, `call setline(1, ${vimText(source(words).trimEnd())})`, "wq"];
      const argv = ["-u", "NONE", "-i", "NONE", "-N", "-n", "-es", ...commands.flatMap((each) => ["-c", each]), FILE];
      const { status, stderr } = spawnSync("vim", argv, { cwd: project.folder, encoding: "utf8" });
      assert.equal(status, 0, stderr);
      await serves(cli, words);
    }
  }
});

function vimText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

test("portico run went deaf to a file after git had checked it out", { skip: has("git") }, async (t) => {
  const { project, cli } = await serving(t, "of the first branch");
  const git = (...argv: string[]): void => {
    const settings = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
    const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
    const { status, stderr } = spawnSync("git", [...settings, ...argv], { cwd: project.folder, encoding: "utf8", env });
    assert.equal(status, 0, stderr);
  };
  const commit = (message: string): void => {
    git("add", "app.js", "package.json", "lib");
    git("commit", "-q", "-m", message);
  };
  git("init", "-q", "-b", "first");
  commit("first");
  git("checkout", "-q", "-b", "second");
  await writeFile(project.path(FILE), source("of the second branch"));
  commit("second");
  await serves(cli, "of the second branch");
  // On this branch there is no such directory.
  git("checkout", "-q", "-b", "none");
  await writeFile(project.path("app.js"), 'export default () => "of no file";\n');
  await rm(project.path("lib"), { recursive: true });
  commit("none");
  await serves(cli, "of no file");
  for (const _time of TIMES) {
    git("checkout", "-q", "first");
    await serves(cli, "of the first branch");
    git("checkout", "-q", "second");
    await serves(cli, "of the second branch");
    await writeFile(project.path(FILE), source("not committed"));
    await serves(cli, "not committed");
    git("stash", "-q");
    await serves(cli, "of the second branch");
    git("reset", "-q", "--hard", "first");
    await serves(cli, "of the first branch");
    git("reset", "-q", "--hard", "ORIG_HEAD");
    await serves(cli, "of the second branch");
    git("checkout", "-q", "none");
    await serves(cli, "of no file");
  }
});

// It fails when somebody has opened the gate, and not before: the fix is there by then.
const GATED = `
  import { existsSync } from "node:fs";
  import { words } from "./lib/text/words.js";
  console.log("it has read: " + words);
  if (words.startsWith("broken")) {
    while (!existsSync("gate")) await new Promise((go) => setTimeout(go, 5));
    throw new Error(words);
  }
  export default () => words;
`;

test("a fix that was saved while a load was about to fail was never loaded", async (t) => {
  const { project, cli } = await serving(t);
  await project.write("app.js", GATED);
  for (const time of TIMES) {
    await project.write(FILE, source(`broken for the ${time} time`));
    await cli.printed(new RegExp(`^it has read: broken for the ${time} time$`, "m"));
    await project.write(FILE, source(`mended for the ${time} time`));
    await project.write("gate", "");
    await serves(cli, `mended for the ${time} time`);
    await rm(project.path("gate"));
  }
});

test("a byte order mark in a file of the program was refused", async (t) => {
  const mark = "\uFEFF";
  const project = await Project.make(t, {
    "package.json": `${mark}{ "type": "module", "imports": { "#data": "./data.json" } }`,
    "app.ts": `${mark}import data from "#data" with { type: "json" };
      import old from "./old.cjs";
      import { words } from "./words.js";
      export default (): string => [data.word, old.word, words].join(" ");`,
    "data.json": `${mark}{ "word": "a" }`,
    "old.cjs": `${mark}exports.word = require("./old.json").word;`,
    "old.json": `${mark}{ "word": "b" }`,
    "words.js": `${mark}export const words = "c";`,
    answers: `${mark}app.ts\n0\n\n`,
  });
  const cli = project.run("run", "app.ts", "--port", "0");
  assert.equal(await cli.get(), "200 a b c");
  await project.write("data.json", `${mark}{ "word": "A" }`);
  await cli.printed(/version 2$/m);
  assert.equal(await cli.get(), "200 A b c");
  await project.write("words.js", `${mark}export const words = ;`);
  await cli.printed(/^portico: words\.js:1:22: SyntaxError/m, "err");
  const asked = project.run("start");
  await project.write("words.js", `${mark}export const words = "C";`);
  asked.child.stdin?.end(await readFile(project.path("answers")));
  assert.equal(await asked.get(), "200 A b C");
});
