// How many programs run at a time, and who waits for a place. A place is given back when its program has ended and its output has
// been read. Knows nothing of what becomes of the output.
import { type Clock, systemClock } from "../base/clock.ts";
import { HttpError, LocalError } from "../base/errors.ts";
import { checkSignal } from "../base/signal.ts";
import { Key, leaveOnFin, type Request } from "../message/request.ts";
import { type Order, Run, type RunOptions } from "./process-run.ts";

/** How many programs run at a time, and how many requests wait for them. */
export interface PoolOptions {
  /** Programs that run at a time; 16. */
  readonly limit?: number;
  /** Requests that wait for one of them to end; 64. Beyond, the answer is 503. */
  readonly queue?: number;
  /** Seconds that Retry-After of such an answer says; 1. */
  readonly retryAfter?: number;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/** One program at a time for an exchange, whatever its requests are derived from. */
const RUNNING: Key<"waits" | "runs" | "no"> = new Key("portico.running");

interface Waiting {
  readonly proceed: () => void;
}

function checkCount(name: string, value: number, least: number): void {
  if (typeof value === "number" && value >= least) return;
  throw new LocalError("USE_BAD_OPTION", `${name} is a number from ${least} on, not ${String(value)}.`);
}

/** What is wrong with an option must not show behind the start of a program. @throws LocalError USE_BAD_OPTION. */
export function checkOptions({ time = 0, grace = 0, outputBytes = 0, signal, onStderr, onExit }: RunOptions): void {
  checkCount("time", time, 0);
  checkCount("grace", grace, 0);
  checkCount("outputBytes", outputBytes, 0);
  checkSignal(signal);
  for (const [name, listener] of Object.entries({ onStderr, onExit })) {
    if (listener === undefined || typeof listener === "function") continue;
    throw new LocalError("USE_BAD_OPTION", `${name} is a function, not ${typeof listener}.`);
  }
}

export class Places {
  readonly #limit: number;
  readonly #queue: number;
  readonly #retryAfter: number;
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  #running = 0;

  /** @throws LocalError USE_BAD_OPTION. */
  constructor({ limit = 16, queue = 64, retryAfter = 1, clock = systemClock }: PoolOptions = {}) {
    checkCount("limit", limit, 1);
    checkCount("queue", queue, 0);
    checkCount("retryAfter", retryAfter, 0);
    this.#limit = limit;
    this.#queue = queue;
    this.#retryAfter = retryAfter;
    this.#clock = clock;
  }

  /** Programs that run. */
  get running(): number {
    return this.#running;
  }

  /** Requests that wait for a place. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Starts a program when there is a place.
   *
   * @throws LocalError USE_STATE where one runs for this request already; USE_BAD_OPTION; USE_BODY_USED. HttpError 503 HTTP_BUSY where
   *   too many wait; HTTP_PROCESS_FAILED where it cannot be started. What opening its input throws. The reason of the signal where
   *   the client disconnects first.
   */
  async start(order: Omit<Order, "clock">): Promise<Run> {
    const { request, options } = order;
    checkOptions(options);
    if ((request.get(RUNNING) ?? "no") !== "no") {
      throw new LocalError("USE_STATE", "A program runs for this request already: one at a time.");
    }
    request.set(RUNNING, "waits");
    try {
      await this.#enter(request);
    } catch (error) {
      request.set(RUNNING, "no");
      throw error;
    }
    request.set(RUNNING, "runs");
    const run = this.#run(order);
    await run.started;
    return run;
  }

  #run(order: Omit<Order, "clock">): Run {
    const { signal } = order.request;
    // It may have left between its turn and this one.
    if (signal.aborted) {
      this.#leave(order.request);
      throw signal.reason;
    }
    try {
      return new Run({ ...order, clock: this.#clock }, () => this.#leave(order.request));
    } catch (error) {
      // Nothing was started: the place is given back here, and not by the run.
      this.#leave(order.request);
      throw error;
    }
  }

  #enter(request: Request): Promise<void> | undefined {
    if (this.#running < this.#limit) {
      this.#running++;
      return undefined;
    }
    if (this.#waiting.size >= this.#queue) {
      throw new HttpError(503, undefined, { code: "HTTP_BUSY", fields: { "Retry-After": String(this.#retryAfter) } });
    }
    const { signal } = request;
    leaveOnFin(request);
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        proceed: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      const leave = (): void => {
        this.#waiting.delete(waiting);
        reject(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.add(waiting);
    });
  }

  /** The place goes to the one that has waited longest. */
  #leave(request: Request): void {
    request.set(RUNNING, "no");
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#running--;
      return;
    }
    this.#waiting.delete(next);
    next.proceed();
  }
}
