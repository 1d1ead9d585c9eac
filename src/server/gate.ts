// How many requests are handled at once: those beyond the limit wait in order, those beyond the queue are refused with 503.
import { HttpError } from "../base/errors.ts";

/** Counts requests in and out. */
export class Gate {
  readonly #limits: () => { readonly requests: number; readonly waiting: number };
  readonly #queue = new Set<() => void>();
  #inside = 0;
  #loop: "out" | "in" = "out";

  /** @param limits asked each time, so that a running server can be changed. */
  constructor(limits: () => { readonly requests: number; readonly waiting: number }) {
    this.#limits = limits;
  }

  /** Requests that are being handled. */
  get inside(): number {
    return this.#inside;
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /**
   * Lets a request in: "in" at once, "wait" until `proceed` is called, "full" never. One that was let in leaves() later; one
   * that waits may give up().
   */
  enter(proceed: () => void): "in" | "wait" | "full" {
    const { requests, waiting } = this.#limits();
    if (this.#inside < requests) {
      this.#inside++;
      return "in";
    }
    if (this.#queue.size >= waiting) return "full";
    this.#queue.add(proceed);
    return "wait";
  }

  /** A request that was let in is over. */
  leave(): void {
    this.#inside--;
    this.admit();
  }

  /** Lets in who waits, as far as there is room: also when the limits have changed. */
  admit(): void {
    // Who is let in may be over before proceed() returns, and leave: that must not go deeper with each.
    if (this.#loop === "in") return;
    this.#loop = "in";
    try {
      for (const proceed of this.#queue) {
        if (this.#inside >= this.#limits().requests) break;
        this.#queue.delete(proceed);
        this.#inside++;
        proceed();
      }
    } finally {
      this.#loop = "out";
    }
  }

  /** A request that waits does so no longer. */
  giveUp(proceed: () => void): void {
    this.#queue.delete(proceed);
  }
}

/** How long it takes until there is room nobody knows; a second is the least that can be said. */
export function overloaded(): HttpError {
  return new HttpError(503, undefined, { code: "HTTP_OVERLOADED", fields: { "Retry-After": "1" } });
}
