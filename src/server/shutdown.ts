// How a server ends: it stops accepting, lets the connections finish or cuts them off, and counts what became of them. Asked
// again while it goes on, a stronger mode takes effect.
import type { Clock, Timer } from "../base/clock.ts";
import { LocalError, TransportError } from "../base/errors.ts";
import type { Listener } from "../transport/listen.ts";
import type { Connection } from "./site.ts";

/** What became of the connections. */
export interface CloseReport {
  /** Connections that were idle, and closed at once. */
  readonly idle: number;
  /** Connections that finished what was in hand. */
  readonly finished: number;
  /** Connections that were cut off. */
  readonly cut: number;
  /** Milliseconds. */
  readonly elapsed: number;
}

/** How a server is closed. */
export interface CloseOptions {
  /**
   * `drain` (where left out): stops accepting, closes idle connections, finishes the exchanges in hand. `abort`: cuts
   * everything off. `listener-only`: stops accepting, and no more.
   */
  readonly mode?: "drain" | "abort" | "listener-only";
  /** Milliseconds after which what still drains is cut off; `timeouts.drain` where left out, 0 for never. */
  readonly deadline?: number;
}

const STRENGTH = new Map([
  ["listener-only", 0],
  ["drain", 1],
  ["abort", 2],
]);

export class Shutdown {
  /** Settles when it is over; rejects with what a listener failed with. */
  readonly done: Promise<CloseReport>;
  readonly #connections: ReadonlySet<Connection>;
  readonly #clock: Clock;
  readonly #started: number;
  readonly #idle = new Set<Connection>();
  readonly #counts = { idle: 0, finished: 0, cut: 0 };
  #strength = 0;
  #listeners: "closing" | "closed" | Error = "closing";
  #timer: Timer | null = null;
  #settle!: { readonly resolve: (report: CloseReport) => void; readonly reject: (error: Error) => void };

  constructor(connections: ReadonlySet<Connection>, listeners: readonly Listener[], clock: Clock) {
    this.#connections = connections;
    this.#clock = clock;
    this.#started = clock.now();
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    Promise.all(listeners.map((listener) => listener.close())).then(
      () => this.#stopped("closed"),
      (error: Error) => this.#stopped(error),
    );
  }

  /** Whether connections are to finish, those too that come late. */
  get draining(): boolean {
    return this.#strength > 0;
  }

  /** Goes on in this mode, where it is stronger than the one before. @throws LocalError USE_BAD_OPTION. */
  raise(mode: string, deadline: number): void {
    const strength = STRENGTH.get(mode);
    if (strength === undefined) throw new LocalError("USE_BAD_OPTION", `There is no mode ${mode}.`);
    if (!(deadline >= 0)) throw new LocalError("USE_BAD_OPTION", `A deadline cannot be ${deadline}.`);
    if (strength <= this.#strength) return;
    this.#strength = strength;
    if (strength === 2) this.#cut();
    else this.#drain(deadline);
    this.#check();
  }

  /** A connection has closed. */
  closed(connection: Connection): void {
    if (this.#strength === 2) this.#counts.cut++;
    else if (this.#idle.has(connection)) this.#counts.idle++;
    else this.#counts.finished++;
    this.#check();
  }

  #drain(deadline: number): void {
    if (deadline > 0) this.#timer = this.#clock.after(deadline, () => this.raise("abort", 0));
    for (const connection of [...this.#connections]) {
      const { phase } = connection;
      connection.finish();
      // One that is in the middle of a head goes on: it was not idle.
      if (phase === "idle" && connection.phase !== "draining") this.#idle.add(connection);
    }
  }

  #cut(): void {
    for (const connection of [...this.#connections]) connection.destroy(new TransportError("NET_SHUTDOWN"));
  }

  #stopped(listeners: "closed" | Error): void {
    this.#listeners = listeners;
    this.#check();
  }

  #check(): void {
    if (this.#listeners === "closing" || (this.#strength > 0 && this.#connections.size > 0)) return;
    this.#timer?.cancel();
    if (this.#listeners instanceof Error) this.#settle.reject(this.#listeners);
    else this.#settle.resolve({ ...this.#counts, elapsed: this.#clock.now() - this.#started });
  }
}
