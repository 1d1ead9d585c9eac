// How many requests a handler works on at once: those beyond wait in a queue that has an end, or are told to come again.
import { type Clock, systemClock, type Timer } from "../base/clock.ts";
import { HttpError, LocalError } from "../base/errors.ts";
import type { Handler, Middleware } from "../message/handler.ts";
import { Reply } from "../message/reply.ts";
import { hostOf, type Request } from "../message/request.ts";
import { signalOf } from "./timeout.ts";

/** What becomes of requests beyond the limit. */
export interface ConcurrencyOptions {
  /** Requests that may wait; 0: those beyond the limit are refused at once. */
  readonly queue?: number;
  /** Milliseconds that one may wait; without end where left out, but not longer than its client. */
  readonly timeout?: number;
  /** Seconds after which a refused client is asked to come again; 1. */
  readonly retryAfter?: number;
  readonly clock?: Clock;
}

interface Waiting {
  readonly start: () => void;
}

/**
 * Lets a handler work on so many requests at once. A request counts until the handler has answered, whether its client has disconnected
 * or not; one that does not answer is given up `timeouts.drain` after its exchange was over, as for `limits.requests`. The body of the
 * reply does not count. One such middleware around several handlers limits them together.
 *
 * @param limit 1 or more.
 * @throws LocalError USE_BAD_OPTION. HttpError 503 HTTP_OVERLOADED with Retry-After, from the handler that it makes.
 *
 * @example
 * const handler = stack(answer, concurrency(10, { queue: 100, timeout: 2000 }));
 */
export function concurrency(limit: number, options: ConcurrencyOptions = {}): Middleware {
  const { queue = 0, timeout, retryAfter = 1, clock = systemClock } = options;
  for (const [name, value, least] of [
    ["The limit", limit, 1],
    ["queue", queue, 0],
    ["retryAfter", retryAfter, 0],
  ] as const) {
    if (!Number.isInteger(value) || value < least) {
      throw new LocalError("USE_BAD_OPTION", `${name} is a whole number from ${least} on, not ${value}.`);
    }
  }
  if (timeout !== undefined && !(timeout > 0)) {
    throw new LocalError("USE_BAD_OPTION", `timeout is more than 0, not ${timeout}.`);
  }
  const places = new Places(limit, queue, timeout, retryAfter, clock);
  return (next) => (request) => places.handle(next, request);
}

class Places {
  readonly #limit: number;
  readonly #most: number;
  readonly #timeout: number | undefined;
  readonly #retryAfter: number;
  readonly #clock: Clock;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();
  #taken = 0;
  #starting: "no" | "yes" = "no";

  constructor(limit: number, most: number, timeout: number | undefined, retryAfter: number, clock: Clock) {
    this.#limit = limit;
    this.#most = most;
    this.#timeout = timeout;
    this.#retryAfter = retryAfter;
    this.#clock = clock;
  }

  handle(next: Handler, request: Request): Reply | Promise<Reply> {
    // Not past those that wait, even where there is a place already.
    if (this.#taken < this.#limit && this.#waiting.size === 0) return this.#run(next, request);
    if (this.#waiting.size >= this.#most) throw this.#refusal();
    return this.#wait(next, request);
  }

  #run(next: Handler, request: Request): Reply | Promise<Reply> {
    this.#taken++;
    let answer: Reply | Promise<Reply>;
    try {
      answer = next(request);
    } catch (error) {
      this.#leave();
      throw error;
    }
    if (!(answer instanceof Reply)) return Promise.resolve(answer).finally(this.#leaving(request));
    this.#leave();
    return answer;
  }

  /** Gives a place back once: when the handler has settled, or is given up, since it does not although its exchange is over. */
  #leaving(request: Request): () => void {
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      settled();
      this.#leave();
    };
    const settled = hostOf(request).whenGivenUp(leave);
    return leave;
  }

  #wait(next: Handler, request: Request): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const signal = signalOf(request); // also where timeout() stands outside, and has answered in its stead
      let timer: Timer | null = null;
      const left = (): void => leave(signal.reason as Error);
      const out = (): void => {
        this.#waiting.delete(waiting);
        timer?.cancel();
        signal.removeEventListener("abort", left);
      };
      const leave = (error: Error): void => {
        out();
        reject(error);
      };
      const waiting: Waiting = {
        start: () => {
          out();
          try {
            resolve(this.#run(next, request));
          } catch (error) {
            reject(error as Error);
          }
        },
      };
      this.#waiting.add(waiting);
      signal.addEventListener("abort", left);
      if (signal.aborted) left();
      else if (this.#timeout !== undefined) timer = this.#clock.after(this.#timeout, () => leave(this.#refusal()));
    });
  }

  #leave(): void {
    this.#taken--;
    // A loop, and not one inside the other: of many that wait each may answer at once.
    if (this.#starting === "yes") return;
    this.#starting = "yes";
    for (const { start } of this.#waiting) {
      if (this.#taken >= this.#limit) break;
      start();
    }
    this.#starting = "no";
  }

  #refusal(): HttpError {
    const fields = { "Retry-After": String(this.#retryAfter) };
    return new HttpError(503, undefined, { code: "HTTP_OVERLOADED", fields });
  }
}
