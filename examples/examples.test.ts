// Each example is run as its reader would run it, and has to do what its first line says.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import http from "node:http";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { onWindows } from "../test/fixtures/conditions.ts";

const sources = new URL("../../examples/", import.meta.url);
const built = new URL("./", import.meta.url);

/** An example that runs: what it has printed, and its URL once it has said so. */
class Example {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  output = "";
  /** What never comes is not waited for until the whole file is ended. */
  readonly #patience = AbortSignal.timeout(20_000);

  constructor(name: string) {
    const env = { ...process.env, PORT: "0", NODE_TEST_CONTEXT: undefined };
    this.child = spawn(process.execPath, [fileURLToPath(new URL(`${name}.js`, built))], { env });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
        this.child.emit("printed");
      });
    }
    this.ended = once(this.child, "close").then(([code]) => {
      this.child.emit("printed");
      return code as number | null;
    });
  }

  async printed(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.output);
      if (match !== null) return match;
      assert.equal(this.child.exitCode, null, `It ended without saying ${pattern}: ${this.output}`);
      await once(this.child, "printed", { signal: this.#patience });
    }
  }

  async get(path = "", init?: RequestInit): Promise<{ status: number; body: string }> {
    const [url] = await this.printed(/http:\S+\//);
    const answer = await fetch(url + path, init);
    return { status: answer.status, body: await answer.text() };
  }
}

/** For each example, what shows that it does what it says. */
const EXAMPLES: Record<string, (example: Example) => Promise<void>> = {
  async hello(example) {
    assert.deepEqual(await example.get(), { status: 200, body: "Hello, 127.0.0.1\n" });
    assert.deepEqual(await example.get("x"), { status: 404, body: "404 Not Found\nOnly / is here.\n" });
  },

  async streaming(example) {
    assert.equal((await example.get("?from=0")).body, "Lift-off!\n");
    await example.printed(/somebody saw it all/);
    const leave = new AbortController();
    const [url] = await example.printed(/http:\S+\//);
    const answer = await fetch(`${url}?from=1000`, { signal: leave.signal });
    const { value } = (await answer.body?.getReader().read()) ?? {};
    assert.equal(new TextDecoder().decode(value), "1000\n");
    leave.abort();
    await example.printed(/somebody left early/);
  },

  async upload(example) {
    const body = "something".repeat(100_000);
    const sha256 = createHash("sha256").update(body).digest("hex");
    const sent = await example.get("", { method: "PUT", body });
    assert.deepEqual(JSON.parse(sent.body), { bytes: 900_000, sha256 });
    assert.equal((await example.get()).status, 405);
  },

  async imperative(example) {
    const lines = (await example.get()).body.split("\n");
    assert.deepEqual([lines.length, lines[0], lines[99_999]], [100_001, "1", "100000"]);
  },

  async shutdown(example) {
    const [url] = await example.printed(/http:\S+\//);
    const slow = new Promise<string>((resolve, reject) => {
      http.get(`${url}slow`, (answer) => answer.setEncoding("utf8").once("data", resolve)).once("error", reject);
    });
    // The slow request has been read for certain once a later one on another connection has been answered.
    await example.get();
    await example.get();
    example.child.kill("SIGINT");
    assert.equal(await slow, "Done.\n");
    await example.printed(/idle \d, finished \d, cut 0, after \d+ ms/);
    assert.equal(await example.ended, 0);
  },

  async "live-swap"(example) {
    for (const n of [1, 2, 3]) assert.ok((await example.get()).body.startsWith(`This is version ${n};`));
  },

  async "unix-socket"(example) {
    const [, socketPath] = await example.printed(/--unix-socket (\S+) /);
    const [answer] = await once(http.get({ socketPath, host: "localhost" }), "response");
    const [body] = await once(answer.setEncoding("utf8"), "data");
    assert.equal(body, "Only who may open the socket reads this.\n");
    answer.destroy();
    example.child.kill("SIGTERM");
    assert.equal(await example.ended, 0);
  },

  async hooks(example) {
    await example.get("a");
    await example.printed(/^\+ 127\.0\.0\.1:\d+$/m);
    await example.printed(/^ {2}GET \/a 200, 22 octets in \d+\.\d ms$/m);
  },

  async testing(example) {
    assert.equal(await example.ended, 0, example.output);
    assert.match(example.output, /pass 2\b/);
  },
};

for (const [name, run] of Object.entries(EXAMPLES)) {
  test(`examples/${name} does what its first line says`, {
    skip: onWindows("has no signal that asks a program to end"),
  }, async () => {
    const example = new Example(name);
    try {
      await run(example);
    } finally {
      example.child.kill("SIGKILL");
      await example.ended;
    }
  });
}

test("every example is run, is short, and says first what will be seen", () => {
  const names = readdirSync(sources).filter((name) => /(?<!\.test)\.ts$/.test(name));
  assert.deepEqual(
    names.sort(),
    Object.keys(EXAMPLES)
      .map((name) => `${name}.ts`)
      .sort(),
  );
  for (const name of names) {
    const text = readFileSync(new URL(name, sources), "utf8");
    assert.match(text, /^\/\/ You will see /, name);
    assert.ok(text.trimEnd().split("\n").length <= 40, name);
  }
});
