// A child process of the bench that speaks in JSON lines: the servers and the clients. It lives until its input is closed, and
// is killed when it does not leave then. Whoever starts one stops it in a `finally`.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { type Core, placed } from "./machine.ts";

/** How long a child may take to leave after its input was closed: a profile is written in that time. */
const LEAVE_MS = 5000;

export interface ChildOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** How long one line may take to come. */
  readonly patience?: number;
}

export class Child {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #patience: number;
  readonly #waiting: string[] = [];
  #wake: (() => void) | undefined;
  #errors = "";
  #gone = false;

  constructor(core: Core, command: readonly string[], { environment = {}, patience = 60_000 }: ChildOptions = {}) {
    const [file, ...args] = placed(core, command);
    const { PORTICO_READ: _ignored, NODE_OPTIONS: _dropped, NODE_TEST_CONTEXT: _inherited, ...inherited } = process.env;
    const env = { ...inherited, NODE_ENV: "production", ...environment };
    this.#process = spawn(file, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    this.#patience = patience;
    this.#process.stdin?.on("error", () => {}); // it left before its input was closed: close tells
    this.#process.stderr?.on("data", (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString()).slice(-4000);
    });
    this.#lines = createInterface({ input: this.#process.stdout! });
    this.#lines.on("line", (line) => {
      this.#waiting.push(line);
      this.#wake?.();
    });
    this.#process.on("error", (error) => this.#leave(error.message));
    this.#process.on("close", () => this.#leave(""));
  }

  #leave(why: string): void {
    this.#errors += why;
    this.#gone = true;
    this.#wake?.();
  }

  /** The next line of it, parsed; rejects with what it wrote on stderr when it leaves instead. */
  async next(): Promise<Readonly<Record<string, unknown>>> {
    const limit = Date.now() + this.#patience;
    while (this.#waiting.length === 0) {
      if (this.#gone) throw new Error(`It ended: ${firstError(this.#errors)}`);
      if (Date.now() >= limit) throw new Error(`It said nothing for ${this.#patience} ms`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, limit - Date.now()).unref();
      });
    }
    return JSON.parse(this.#waiting.shift()!) as Readonly<Record<string, unknown>>;
  }

  /** The number its next line holds under that name. */
  async nextNumber(name: string): Promise<number> {
    const value = (await this.next())[name];
    if (typeof value !== "number") throw new Error(`It gave no ${name}`);
    return value;
  }

  tell(line: string): void {
    this.#process.stdin?.write(`${line}\n`);
  }

  /** Closes its input and waits until it is gone; kills it if it stays. */
  async stop(): Promise<void> {
    if (this.#gone) return;
    const closed = once(this.#process, "close");
    this.#process.stdin?.end();
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), LEAVE_MS);
    await closed;
    clearTimeout(timer);
    this.#lines.close();
  }
}

/** The line of a stack trace that says what happened. */
function firstError(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.find((line) => /Error\b.*:/.test(line)) ?? lines.find((line) => line !== "") ?? "without a word";
}
