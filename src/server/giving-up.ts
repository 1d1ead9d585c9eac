// Handlers that have not settled although their exchange is over. Whoever counts them waits a while for each: a client that resets
// does not make room for the next one while its handler still works; but a handler that never settles would be counted for ever, and
// a few of them would keep everybody out.
import { type Deadlines, NEVER, type Watched } from "./deadlines.ts";

export class GivingUp implements Watched {
  deadline: number = NEVER;
  readonly #deadlines: Deadlines;
  readonly #grace: number;
  readonly #counting = new Set<() => void>();

  /** @param grace milliseconds after the exchange is over; 0: nobody is given up. */
  constructor(deadlines: Deadlines, grace: number) {
    this.#deadlines = deadlines;
    this.#grace = grace;
  }

  /** Calls when the handler is given up. @returns what to call when it has settled. */
  add(run: () => void): () => void {
    this.#counting.add(run);
    return () => {
      this.#counting.delete(run);
      if (this.#counting.size === 0) this.#deadlines.delete(this);
    };
  }

  /** The exchange is over. */
  over(): void {
    if (this.#counting.size === 0 || this.#grace === 0) return;
    this.deadline = this.#deadlines.in(this.#grace);
    this.#deadlines.add(this);
  }

  /** The handler has had its time. */
  expire(): void {
    this.#deadlines.delete(this);
    for (const run of [...this.#counting]) run();
    this.#counting.clear();
  }

  rest(): void {}
}
