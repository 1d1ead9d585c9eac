// Questions to a person, or to a file of answers: the next line of standard input, at a prompt.
import type { Interface } from "node:readline";
import type { Io } from "./command.ts";

export interface Lines {
  /** Whether a person sits there. */
  readonly terminal: boolean;
  /** The next line; null at the end of the input, or where the person has had enough. */
  ask(prompt: string): Promise<string | null>;
  /**
   * Lines until they are whole, each further one at `... `. Ctrl-C drops what was typed of them; where that is nothing, the person
   * has had enough.
   */
  askWhole(prompt: string, isOpen: (text: string) => boolean): Promise<string | null>;
  /** Waits for work that Ctrl-C lets go of: then the signal is aborted, and it is undefined at once. */
  wait<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined>;
  /** Says something at any time: above the line that is being typed, where one is. Ends with a line end. */
  tell(text: string): void;
  close(): void;
}

export type Completer = (line: string) => [readonly string[], string] | Promise<[readonly string[], string]>;

export interface LinesOptions {
  readonly complete: Completer;
  /** "completes": a tab is never typed, however fast it comes. "is text": one that is pasted is part of what is pasted. */
  readonly tab: "completes" | "is text";
}

/** Reads lines; on a terminal with editing, history, and completion. */
export async function linesOf(io: Io, { complete, tab }: LinesOptions): Promise<Lines> {
  const { createInterface } = await import("node:readline");
  const terminal = io.stdin?.isTTY === true && io.stdout.isTTY === true;
  const reader = createInterface({
    input: io.stdin as NodeJS.ReadableStream,
    ...(terminal && { output: io.stdout as unknown as NodeJS.WritableStream }),
    terminal,
    completer: completerOf(complete),
  });
  if (tab === "completes") alwaysComplete(reader);
  return new Reader(reader, io, terminal);
}

/** One at a time: a second one, asked of the same line, would put in the same again. */
function completerOf(complete: Completer) {
  let busy = false;
  return (line: string, done: (error: Error | null, result: [string[], string]) => void): void => {
    if (busy) return done(null, [[], line]);
    busy = true;
    void Promise.resolve()
      .then(() => complete(line))
      .catch((): [readonly string[], string] => [[], line])
      .then(([found, part]) => {
        busy = false;
        done(null, [[...found], part]);
      });
  };
}

/** Node takes a tab that arrives with other keys for a pasted one, and types it: two quick ones as well. */
function alwaysComplete(reader: Interface): void {
  Object.defineProperty(reader, "isCompletionEnabled", { get: () => true, set: () => {} });
}

class Reader implements Lines {
  readonly terminal: boolean;
  readonly #reader: Interface;
  readonly #io: Io;
  readonly #lines: AsyncIterator<string>;
  #interrupted: () => void;
  #asking = false;

  constructor(reader: Interface, io: Io, terminal: boolean) {
    this.#reader = reader;
    this.#io = io;
    this.terminal = terminal;
    this.#lines = reader[Symbol.asyncIterator]();
    this.#interrupted = () => reader.close();
    reader.on("SIGINT", () => this.#interrupted());
  }

  async ask(prompt: string): Promise<string | null> {
    this.#show(prompt);
    this.#asking = true;
    const { value, done } = await this.#lines.next();
    this.#asking = false;
    if (done !== true) return value as string;
    if (this.terminal) this.#io.stdout.write("\n");
    return null;
  }

  askWhole(prompt: string, isOpen: (text: string) => boolean): Promise<string | null> {
    let typed: string[] = [];
    const drop = (): void => {
      if (typed.length === 0 && this.#reader.line === "") return this.#reader.close();
      typed = [];
      this.#clear();
      this.#show(prompt);
    };
    return this.#interruptedBy(drop, async () => {
      for (;;) {
        const line = await this.ask(typed.length === 0 || prompt === "" ? prompt : "... ");
        if (line === null) return typed.length === 0 ? null : typed.join("\n");
        typed.push(line);
        const text = typed.join("\n");
        if (!isOpen(text)) return text;
      }
    });
  }

  wait<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const left = new AbortController();
    return this.#interruptedBy(
      () => left.abort(),
      async () => {
        const over = new Promise<undefined>((resolve) => {
          left.signal.addEventListener("abort", () => resolve(undefined));
        });
        return await Promise.race([work(left.signal), over]);
      },
    );
  }

  tell(text: string): void {
    if (!this.terminal || !this.#asking) return void this.#io.stdout.write(text);
    const { rows } = this.#reader.getCursorPos();
    const up = rows > 0 ? `\u001b[${rows}A` : "";
    this.#io.stdout.write(`${up}\r\u001b[J${text}`);
    this.#reader.prompt(true);
  }

  close(): void {
    this.#reader.close();
  }

  async #interruptedBy<T>(interrupted: () => void, work: () => Promise<T>): Promise<T> {
    const before = this.#interrupted;
    this.#interrupted = interrupted;
    try {
      return await work();
    } finally {
      this.#interrupted = before;
    }
  }

  #show(prompt: string): void {
    if (!this.terminal) return void this.#io.stdout.write(prompt);
    this.#reader.setPrompt(prompt);
    this.#reader.prompt();
  }

  /** Takes away what stands in the line that is being edited. */
  #clear(): void {
    this.#reader.write(null, { ctrl: true, name: "e" });
    this.#reader.write(null, { ctrl: true, name: "u" });
    this.#io.stdout.write("\n");
  }
}
