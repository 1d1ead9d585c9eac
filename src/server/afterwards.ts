// What is to be called when an exchange is over. What it throws, now or later, is reported, and keeps nothing else from being called.
export class Afterwards {
  readonly #failed: (error: unknown) => void;
  #waiting: (() => unknown)[] = [];

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  add(run: () => unknown): void {
    this.#waiting.push(run);
  }

  /** Calls what waits, each once, in order. */
  run(): void {
    for (const run of this.#waiting.splice(0)) {
      try {
        const running = run();
        if (running instanceof Promise) running.catch(this.#failed);
      } catch (error) {
        this.#failed(error);
      }
    }
  }
}
