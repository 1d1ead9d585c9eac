// The place of one request among those that are handled at once: it waits for one, holds it, and gives it back. The gate
// counts; here stands when.
import type { RequestHost } from "../message/request.ts";
import type { Gate } from "./gate.ts";

export class Place {
  readonly #gate: Gate;
  readonly #proceed: () => void;
  #state: "none" | "waits" | "held" = "none";
  /** The handler has settled; null while the exchange is not over before it. */
  #settled: (() => void) | null = null;

  constructor(gate: Gate, handle: () => void) {
    this.#gate = gate;
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

  /** The exchange is over, and the place free: at once, or when the handler that still runs has settled or is given up. */
  leave(handler: "idle" | "runs", exchange: Pick<RequestHost, "whenGivenUp">): void {
    if (this.#state !== "held") return;
    if (handler === "idle") this.#giveBack();
    else this.#settled ??= exchange.whenGivenUp(() => this.#giveBack());
  }

  #giveBack(): void {
    this.#state = "none";
    this.#settled?.();
    this.#gate.leave();
  }
}
