// What the owner of a program is told where it could not be started: what is missing, and not what the system names.
import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { asNobody, onWindows } from "../../test/fixtures/conditions.ts";
import { HttpError } from "../base/errors.ts";
import { loopback } from "../testing/index.ts";
import { cgi } from "./cgi.ts";
import { type SpawnOptions, spawn } from "./process.ts";

const POSIX = { skip: onWindows("names other things") };

async function folder(t: TestContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), "portico-start-"));
  await chmod(made, 0o755);
  t.after(() => rm(made, { recursive: true }));
  return made;
}

/** The cause of the refusal: the peer has seen nothing of it. */
async function causeOf(program: string, options: SpawnOptions): Promise<NodeJS.ErrnoException> {
  const errors: unknown[] = [];
  const hooks = { error: (error: unknown) => void errors.push(error) };
  for (const handler of [cgi(program, options as object), (request: never) => spawn(request, program, [], options)]) {
    await using bench = loopback(handler as ReturnType<typeof cgi>, { hooks });
    const client = bench.connect();
    assert.equal((await client.exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).status, 500);
    assert.doesNotMatch(client.received, /tmp|directory|ENO/);
  }
  const [first, second] = errors as HttpError[];
  assert.ok(first instanceof HttpError && second instanceof HttpError);
  assert.deepEqual([first.code, (first.cause as Error).message], [second.code, (second.cause as Error).message]);
  return first.cause as NodeJS.ErrnoException;
}

test("a working directory that is missing is named, and not the program", POSIX, async (t) => {
  const missing = join(await folder(t), "none");
  for (const cwd of [missing, pathToFileURL(missing)]) {
    const { message, code, cause } = await causeOf("echo", { cwd });
    assert.equal(message, `The working directory ${JSON.stringify(missing)} does not exist.`);
    assert.deepEqual([code, (cause as NodeJS.ErrnoException).code], ["ENOENT", "ENOENT"]);
  }
});

test("a working directory that is a file is named", POSIX, async (t) => {
  const file = join(await folder(t), "file");
  await writeFile(file, "");
  assert.match((await causeOf("echo", { cwd: file })).message, /^The working directory ".*file" is no directory\.$/);
  assert.match((await causeOf("echo", { cwd: join(file, "below") })).message, /file\/below" is no directory\.$/);
});

test("a working directory that may not be entered is named", POSIX, async (t) => {
  const shut = join(await folder(t), "shut");
  await mkdir(shut, { mode: 0o000 });
  const { message } = await asNobody(() => causeOf("echo", { cwd: shut }));
  assert.match(message, /^The working directory ".*shut" cannot be entered: EACCES\.$/);
});

test("a program that is missing is named as the system names it", POSIX, async (t) => {
  const here = await folder(t);
  for (const program of ["such-a-program", "/opt/none/such-program", "./such-program"]) {
    const { message, syscall } = await causeOf(program, { cwd: here });
    assert.deepEqual([message, syscall], [`spawn ${program} ENOENT`, `spawn ${program}`]);
  }
});

test("a script whose interpreter is missing is not said to be missing itself", POSIX, async (t) => {
  const here = await folder(t);
  await writeFile(join(here, "script"), "#!/opt/none/such-shell\n", { mode: 0o755 });
  const relative = await causeOf("./script", { cwd: here });
  assert.match(relative.message, /^\.\/script is there, and what its first line says that runs it is not\.$/);
  assert.match((await causeOf(join(here, "script"), {})).message, /script is there/);
});
