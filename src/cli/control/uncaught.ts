// What code from a prompt throws when nobody waits for it any more: in a promise that is not awaited, a timer, a listener. Such an
// error would end the process, and with it the server; here it is told to whoever listens, as the REPL of Node does, and the
// server lives. Errors of the program itself end the process as they do without this file.
import type { Domain } from "node:domain";

export interface Uncaught {
  /** From 1, one more each time: who hears of it twice can tell. */
  readonly number: number;
  readonly error: unknown;
}

export class UncaughtErrors {
  readonly #told = new Set<(each: Uncaught) => void>();
  #count = 0;
  #domain: Promise<Domain | null> | undefined;

  /**
   * @param told must not throw.
   * @returns what stops it.
   */
  watch(told: (each: Uncaught) => void): () => void {
    this.#told.add(told);
    return () => this.#told.delete(told);
  }

  /**
   * Runs code from a prompt. What it begins belongs to it: timers of its timers, connections, promises. So does what passes
   * through a function of it later, whoever calls that.
   */
  async run<T>(work: () => T): Promise<T> {
    // Not before it is needed: from then on Node follows what each promise and each handle was begun by.
    this.#domain ??= this.#watchProcess();
    const domain = await this.#domain;
    return domain === null ? work() : domain.run(work);
  }

  /** Tells of an error that nobody else will be told of. */
  tell(error: unknown): void {
    const each: Uncaught = { number: ++this.#count, error };
    for (const told of this.#told) told(each);
  }

  async #watchProcess(): Promise<Domain | null> {
    // Node asks here before it asks its listeners, and only then ends the process. Where somebody catches all there is (a domain
    // too) nobody is asked: what was left here would swallow the next error of the program.
    process.on("uncaughtExceptionMonitor", (error) => {
      if (!process.hasUncaughtExceptionCaptureCallback() && wasTyped(error)) {
        process.once("uncaughtException", (each) => this.tell(each));
      }
    });
    try {
      // What belongs to a domain never gets to the listeners of the program, which may well end the process.
      const { create } = await import("node:domain");
      return create().on("error", (error: unknown) => {
        if (typeof error === "object" && error !== null) Reflect.deleteProperty(error, "domainThrown");
        this.tell(error);
      });
    } catch {
      return null; // The program catches all there is itself, and then this as well; or a later Node has no domains.
    }
  }
}

/** A frame in a script without a name: only the inspector makes those. */
const TYPED = /^\s+at (?:[^\n]* \()?<anonymous>:\d+:\d+\)?$/m;

function wasTyped(error: unknown): boolean {
  try {
    return error instanceof Error && TYPED.test(String(error.stack));
  } catch {
    return false; // its stack is a getter that throws
  }
}
