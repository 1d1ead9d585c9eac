import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { onWindows } from "../../test/fixtures/conditions.ts";

const main = fileURLToPath(new URL("./main.js", import.meta.url));

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "portico-main-"));
  await writeFile(join(folder, "hello.txt"), "Hello\n");
});
after(() => rm(folder, { recursive: true }));

interface Process {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly err: () => string;
  readonly ended: Promise<number | null>;
}

function start(...argv: string[]): Process {
  const env = { ...process.env, PORT: undefined, HOST: undefined, XDG_RUNTIME_DIR: folder };
  const child = spawn(process.execPath, [main, ...argv], { env, stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (err += text));
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, out: () => out, err: () => err, ended };
}

async function urlOf({ child, out }: Process): Promise<string> {
  for (;;) {
    const found = /http:\S+\//.exec(out());
    if (found !== null) return found[0];
    await once(child.stdout as NodeJS.ReadableStream, "data");
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`${signal} ends it with 0`, { skip: onWindows("has no signals to catch") }, async () => {
    const served = start("serve", folder, "--port", "0");
    const url = await urlOf(served);
    assert.equal(await (await fetch(`${url}hello.txt`)).text(), "Hello\n");
    served.child.kill(signal);
    assert.equal(await served.ended, 0);
    assert.equal(served.err(), "");
  });
}

test("a taken port is one line on stderr and 1", async () => {
  const busy = net.createServer().listen(0, "127.0.0.1");
  await once(busy, "listening");
  const { port } = busy.address() as net.AddressInfo;
  const served = start("serve", folder, "--port", String(port));
  assert.equal(await served.ended, 1);
  assert.deepEqual(
    [served.out(), served.err()],
    ["", `portico: 127.0.0.1:${port} is taken by another program; choose another with --port\n`],
  );
  busy.close();
});

test("wrong usage is 2, help and version are 0", async () => {
  const [wrong, help, version] = [start("serve", "--nonsense"), start("--help"), start("--version")];
  assert.deepEqual(await Promise.all([wrong.ended, help.ended, version.ended]), [2, 0, 0]);
  assert.match(wrong.err(), /^portico: unknown option '--nonsense'/);
  assert.match(help.out(), /^Usage: portico /);
  assert.match(version.out(), /^\d+\.\d+\.\d+\n$/);
});

test("who stops reading what it prints does not stop it from serving", {
  skip: onWindows("has no signals to catch"),
}, async () => {
  const served = start("serve", folder, "--port", "0");
  const url = await urlOf(served);
  served.child.stdout?.destroy();
  for (let n = 0; n < 5; n++) assert.equal(await (await fetch(`${url}hello.txt`)).text(), "Hello\n");
  served.child.kill("SIGTERM");
  assert.equal(await served.ended, 0);
});

test("a project that brings its own Portico is run by that", async () => {
  const project = join(folder, "node_modules", "portico");
  await mkdir(project, { recursive: true });
  await writeFile(
    join(project, "package.json"),
    JSON.stringify({ name: "portico", type: "module", bin: { portico: "own.js" } }),
  );
  await writeFile(join(project, "own.js"), 'console.log("the project\'s own", process.argv.slice(2).join(" "));\n');
  const { out, ended } = start("run", join(folder, "app.js"), "--port", "0");
  assert.equal(await ended, 0);
  assert.equal(out(), `the project's own run ${join(folder, "app.js")} --port 0\n`);
});
