// The command line as a process of its own, for tests: started, read, written to, and ended.
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

export const MAIN: string = fileURLToPath(new URL("../../lib/cli/main.js", import.meta.url));

/** A folder with a project in it, and a runtime directory that no other test sees. */
export class Project {
  readonly folder: string;
  readonly #started: Cli[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Removed, with all that it has started, when the test is over. */
  static async make(t: TestContext, files: Readonly<Record<string, string>>): Promise<Project> {
    const project = new Project(await mkdtemp(join(tmpdir(), "portico-cli-")));
    t.after(() => project.#remove());
    await mkdir(project.runtime, { mode: 0o700 });
    for (const [name, text] of Object.entries(files)) await project.write(name, text);
    return project;
  }

  get runtime(): string {
    return join(this.folder, "rt");
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async write(name: string, text: string): Promise<void> {
    await mkdir(dirname(this.path(name)), { recursive: true });
    await writeFile(this.path(name), text);
  }

  /** Starts `portico` here. */
  run(...argv: string[]): Cli {
    return this.start([process.execPath, MAIN, ...argv]);
  }

  start([program = "", ...argv]: readonly string[], env: Readonly<Record<string, string | undefined>> = {}): Cli {
    const cli = new Cli(
      spawn(program, argv, {
        cwd: this.folder,
        env: {
          ...process.env,
          PORT: undefined,
          HOST: undefined,
          NODE_TEST_CONTEXT: undefined,
          XDG_RUNTIME_DIR: this.runtime,
          ...env,
        },
        stdio: ["pipe", "pipe", "pipe"],
      }),
    );
    this.#started.push(cli);
    return cli;
  }

  async #remove(): Promise<void> {
    for (const cli of this.#started) cli.child.kill("SIGKILL");
    await Promise.all(this.#started.map((cli) => cli.ended));
    await rm(this.folder, { recursive: true });
  }
}

export class Cli {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  out = "";
  err = "";
  /** What never comes is not waited for until the whole file is ended. */
  readonly #patience = AbortSignal.timeout(30_000);

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdin?.on("error", () => {});
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.out += text;
      child.emit("printed");
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.err += text;
      child.emit("printed");
    });
    this.ended = once(child, "close").then(([code]) => {
      child.emit("printed");
      return code as number | null;
    });
  }

  /** The match, as soon as it stands in what was printed. */
  async printed(pattern: RegExp, where: "out" | "err" = "out"): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this[where]);
      if (match !== null) return match;
      assert.equal(this.child.exitCode, null, `It ended without saying ${pattern}: ${this.out}${this.err}`);
      await once(this.child, "printed", { signal: this.#patience }).catch((cause: unknown) => {
        throw new Error(`It did not say ${pattern}: ${this.out}${this.err}`, { cause });
      });
    }
  }

  async url(): Promise<string> {
    return (await this.printed(/http:\S+\//))[0];
  }

  async port(): Promise<number> {
    return Number(new URL(await this.url()).port);
  }

  async get(path = "", init?: RequestInit): Promise<string> {
    const answer = await fetch((await this.url()) + path, init);
    return `${answer.status} ${await answer.text()}`;
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  /** No more input; then its end. */
  async over(text = ""): Promise<{ code: number | null; out: string; err: string }> {
    this.child.stdin?.end(text);
    return { code: await this.ended, out: this.out, err: this.err };
  }
}

/** For tests of a person at a terminal. */
export const onTerminal: { readonly skip: string | false } = {
  skip: spawnSync("script", ["--version"]).status === 0 ? false : "there is no `script` to make a terminal",
};

/** Starts `portico` on a terminal of its own. */
export function atTerminal(project: Project, ...argv: string[]): Cli {
  // exec: a shell that stayed between would take Ctrl-C to be for itself as well, as dash does, and end with 130.
  const command = ["exec", process.execPath, MAIN, ...argv].join(" ");
  return project.start(["script", "-qec", command, "/dev/null"], { TERM: "xterm" });
}

/** Answers the last questions of `portico start`, sees that the module answers, and ends it by Ctrl-C. */
export async function serveAnswered(cli: Cli): Promise<void> {
  cli.type("0\r");
  await cli.printed(/Host \[localhost\]: /);
  cli.type("\r");
  const [, url = ""] = await cli.printed(/Running app\.mjs#plain on \S*(http:\/\/127\.0\.0\.1:\d+\/)/);
  assert.equal(await (await fetch(url)).text(), "plain");
  cli.type("\u0003");
  assert.equal(await cli.ended, 0);
}
