import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Io } from "../command.ts";
import { run } from "../program.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "portico-serve-"));
  await writeFile(join(folder, "hello.txt"), "Hello\n");
  await writeFile(join(folder, "app.ts"), "");
  await mkdir(join(folder, "bare"));
});
after(() => rm(folder, { recursive: true }));

/** A command that runs: what it has printed, and the wish to end. */
class Running {
  out = "";
  err = "";
  readonly code: Promise<number>;
  #ask: () => void = () => {};
  #changed: () => void = () => {};

  constructor(argv: readonly string[], env: Io["env"] = {}, terminal: "terminal" | "file" = "file") {
    const io: Io = {
      stdout: {
        write: (text) => {
          this.out += text;
          this.#changed();
        },
        isTTY: terminal === "terminal",
      },
      stderr: { write: (text) => (this.err += text) },
      env: { XDG_RUNTIME_DIR: folder, ...env },
      signals: {
        watch: (asked) => {
          this.#ask = asked;
          return () => {};
        },
      },
    };
    this.code = run(argv, "1.2.3", io);
  }

  signal(): void {
    this.#ask();
  }

  /** Resolves with the match as soon as it stands in what was printed. */
  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.out);
      if (match !== null) return match;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  async url(): Promise<string> {
    return (await this.printed(/http:\S+\//))[0];
  }
}

test("a directory is served until it is asked to end", async () => {
  const command = new Running(["serve", folder, "--port", "0"]);
  const url = await command.url();
  assert.match(command.out, /^Serving .* on http:\/\/127\.0\.0\.1:\d+\/\n$/);
  assert.equal(await (await fetch(`${url}hello.txt`)).text(), "Hello\n");
  command.signal();
  assert.equal(await command.code, 0);
  await assert.rejects(fetch(url));
  assert.equal(command.err, "");
});

test("what is well known is served, and no other name with a dot", async () => {
  await mkdir(join(folder, ".well-known"));
  await writeFile(join(folder, ".well-known", "security.txt"), "Contact: a\n");
  await writeFile(join(folder, ".env"), "secret");
  const command = new Running(["serve", folder, "--port", "0"]);
  const url = await command.url();
  assert.equal(await (await fetch(`${url}.well-known/security.txt`)).text(), "Contact: a\n");
  assert.equal((await fetch(`${url}.env`)).status, 404);
  assert.match(await (await fetch(url)).text(), /href="\.\/\.well-known\/"/);
  command.signal();
  assert.equal(await command.code, 0);
});

test("each request is a line, unless told to be quiet", async () => {
  const loud = new Running(["serve", folder, "--port", "0"]);
  const quiet = new Running(["serve", folder, "--port", "0", "--quiet"]);
  for (const command of [loud, quiet]) {
    const url = await command.url();
    await (await fetch(`${url}hello.txt?a=%1b`)).text();
    await (await fetch(`${url}none`, { method: "HEAD" })).text();
  }
  await loud.printed(/^HEAD \/none 404 0 B \d+\.\d ms$/m);
  await loud.printed(/^GET \/hello\.txt\?a=%1b 200 6 B \d+\.\d ms$/m);
  assert.equal(quiet.out.split("\n").length, 2);
  for (const command of [loud, quiet]) command.signal();
  assert.deepEqual(await Promise.all([loud.code, quiet.code]), [0, 0]);
});

test("a directory without an index is a list, unless told otherwise", async () => {
  for (const [flags, status] of [
    [[], 200],
    [["--listing"], 200],
    [["--no-listing"], 404],
  ] as const) {
    const command = new Running(["serve", folder, "--port", "0", ...flags]);
    const answer = await fetch(`${await command.url()}bare/`);
    await answer.text();
    assert.equal(answer.status, status, flags.join());
    command.signal();
    await command.code;
  }
});

test("PORT and HOST are used where no flag is given, and empty ones are not there", async () => {
  const busy = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => busy.once("listening", resolve));
  const { port } = busy.address() as net.AddressInfo;
  const taken = new Running(["serve", folder], { PORT: String(port), HOST: "" });
  assert.equal(await taken.code, 1);
  assert.equal(taken.err, `portico: 127.0.0.1:${port} is taken by another program; choose another with --port\n`);
  busy.close();

  const flag = new Running(["serve", folder, "--port", "0", "--host", "127.0.0.1"], { PORT: "x", HOST: "192.0.2.1" });
  assert.match(await flag.url(), /^http:\/\/127\.0\.0\.1:/);
  flag.signal();
  await flag.code;

  const wrong = new Running(["serve", folder], { PORT: "x" });
  assert.equal(await wrong.code, 2);
  assert.match(wrong.err, /^portico: PORT is a number from 0 to 65535, not "x"/);

  const host = new Running(["serve", folder], { PORT: "0", HOST: "192.0.2.1" });
  assert.equal(await host.code, 1);
  assert.match(host.err, /^portico: cannot listen on 192\.0\.2\.1:0: EADDRNOTAVAIL\n$/);
});

test("what is no directory is a line and 1", async () => {
  const cases: Record<string, string> = {
    [join(folder, "none")]: "there is no such directory",
    [join(folder, "hello.txt")]: "it is not a directory",
    [join(folder, "app.ts")]: `it is not a directory; portico run ${join(folder, "app.ts")} serves modules`,
  };
  for (const [path, says] of Object.entries(cases)) {
    const command = new Running(["serve", path, "--port", "0"]);
    assert.equal(await command.code, 1);
    assert.deepEqual([command.out, command.err], ["", `portico: ${path}: ${says}\n`]);
  }
});

test("colour is for terminals, and not where NO_COLOR says no", async () => {
  for (const [env, terminal, coloured] of [
    [{}, "terminal", true],
    [{ NO_COLOR: "1" }, "terminal", false],
    [{ NO_COLOR: "" }, "terminal", true],
    [{ TERM: "dumb" }, "terminal", false],
    [{}, "file", false],
  ] as const) {
    const command = new Running(["serve", folder, "--port", "0"], env, terminal);
    await command.printed(/\n/);
    assert.equal(command.out.includes("\u001b["), coloured, JSON.stringify({ env, terminal }));
    command.signal();
    await command.code;
  }
});

test("the first wish to end finishes what is in hand, the second cuts it off", async (t) => {
  await writeFile(join(folder, "big.bin"), Buffer.alloc(16_000_000));
  const command = new Running(["serve", folder, "--port", "0"]);
  const { port } = new URL(await command.url());
  // Asks for much and reads none of it: the reply can neither be finished nor is it idle.
  const client = net.connect(Number(port), "127.0.0.1").pause();
  const closed = new Promise((resolve) => client.once("error", resolve).once("close", resolve));
  client.write("GET /hello.txt HTTP/1.1\r\nHost: a\r\n\r\nGET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n");
  await command.printed(/^GET \/hello\.txt 200 /m);
  t.mock.timers.enable({ apis: ["setTimeout"] }); // the deadline of the first never comes: the second wish ends it, or nothing does
  command.signal();
  await command.printed(/^Finishing 1 in hand; ask again to cut off$/m);
  command.signal();
  assert.equal(await command.code, 0);
  t.mock.timers.reset();
  client.resume();
  await closed;
});
