// The place of one request among those that are handled at once: it waits for one, holds it, and gives it back. The gate
// counts; here stands when.
import { type Deadlines, NEVER, type Watched } from "./deadlines.ts";
import type { Gate } from "./gate.ts";

export class Place implements Watched {
  deadline: number = NEVER;
  readonly #gate: Gate;
  readonly #deadlines: Deadlines;
  /** Milliseconds that a handler keeps its place after its exchange is over; 0 is until it settles. */
  readonly #grace: number;
  readonly #proceed: () => void;
  #state: "none" | "waits" | "held" = "none";

  constructor(gate: Gate, deadlines: Deadlines, grace: number, handle: () => void) {
    this.#gate = gate;
    this.#deadlines = deadlines;
    this.#grace = grace;
    this.#proceed = () => {
      this.#state = "held";
      handle();
    };
  }

  /** Has the request handled, now or when there is room. @returns "full" where it never will be. */
  enter(): "entered" | "full" {
    const entry = this.#gate.enter(this.#proceed);
    if (entry === "full") return "full";
    if (entry === "in") this.#proceed();
    else this.#state = "waits";
    return "entered";
  }

  /** The request waits no longer: nobody wants its reply. */
  giveUp(): void {
    if (this.#state !== "waits") return;
    this.#state = "none";
    this.#gate.giveUp(this.#proceed);
  }

  /**
   * The exchange is over. A client that resets does not make room for the next one while its handler still works; but a
   * handler that never settles would keep its place for ever, and a few of them everybody out.
   */
  leave(handler: "idle" | "runs"): void {
    if (this.#state !== "held") return;
    if (handler === "idle") return this.#giveBack();
    if (this.#grace === 0) return;
    this.#deadlines.add(this);
    this.deadline = this.#deadlines.in(this.#grace);
  }

  expire(): void {
    this.#giveBack();
  }

  rest(): void {}

  #giveBack(): void {
    this.#state = "none";
    this.#deadlines.delete(this);
    this.#gate.leave();
  }
}
