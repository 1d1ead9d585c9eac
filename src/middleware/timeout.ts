// How long a handler may take to answer. The time ends its waiting, not its work: what it does must watch signalOf(request).

import { type Clock, systemClock } from "../base/clock.ts";
import { HttpError, isAbort, LocalError } from "../base/errors.ts";
import { discardBody } from "../message/discard.ts";
import type { Middleware } from "../message/handler.ts";
import { Reply } from "../message/reply.ts";
import { afterwards, hostOf, Key, type Request } from "../message/request.ts";

/** How timeout() answers where the time is up. */
export interface TimeoutOptions {
  /** 503, or 504 where the handler asks another server; 503. */
  readonly status?: 503 | 504;
  readonly clock?: Clock;
}

const LIMIT: Key<TimeLimit> = new Key<TimeLimit>("portico.time-limit");

/**
 * The time of one request. Its signal is made when it is first asked for, and follows that of the request, or of the time around it,
 * until the reply is over. By hand: what Node 20 makes a signal of several for stays in memory.
 */
class TimeLimit {
  readonly #request: Request;
  readonly #around: TimeLimit | undefined;
  #controller: AbortController | null = null;
  #ended: Error | null = null;

  constructor(request: Request) {
    this.#request = request;
    this.#around = request.get(LIMIT);
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#ended !== null) this.#controller.abort(this.#ended);
      else this.#follow(this.#around?.signal ?? this.#request.signal, this.#controller);
    }
    return this.#controller.signal;
  }

  #follow(leading: AbortSignal, controller: AbortController): void {
    if (leading.aborted) return controller.abort(leading.reason);
    const follow = (): void => controller.abort(leading.reason);
    leading.addEventListener("abort", follow, { once: true });
    afterwards(this.#request, () => leading.removeEventListener("abort", follow));
  }

  end(reason: Error): void {
    this.#ended = reason;
    this.#controller?.abort(reason);
  }
}

/**
 * The signal that aborts when the time of timeout() is up, or the peer has left: what a handler hands to fetch(), to timers and to
 * whatever else it waits for. Without timeout() it is `request.signal`.
 *
 * @example
 * const answer = await fetch(url, { signal: signalOf(request) });
 */
export function signalOf(request: Request): AbortSignal {
  return request.get(LIMIT)?.signal ?? request.signal;
}

/**
 * Answers 503 where a handler has not answered in time. Its signal (signalOf) aborts; a reply that it gives later is dropped, and
 * an error that it throws later is told to the server's error hook. The body of a reply may take as long as it likes: timeouts of
 * the server hold for that.
 *
 * @param milliseconds more than 0.
 * @throws LocalError USE_BAD_OPTION for another time or status. HttpError HTTP_TIMEOUT, from the handler that it makes.
 *
 * @example
 * const handler = stack(answer, timeout(5000));
 */
export function timeout(milliseconds: number, options: TimeoutOptions = {}): Middleware {
  const { status = 503, clock = systemClock } = options;
  if (!(milliseconds > 0)) throw new LocalError("USE_BAD_OPTION", `A timeout is more than 0, not ${milliseconds}.`);
  if (status !== 503 && status !== 504) throw new LocalError("USE_BAD_OPTION", `status is 503 or 504, not ${status}.`);
  return (next) => (request) => {
    const limit = new TimeLimit(request);
    request.set(LIMIT, limit);
    const answer = next(request);
    if (answer instanceof Reply) return answer;
    return new Promise((resolve, reject) => {
      let late: HttpError | null = null;
      const timer = clock.after(milliseconds, () => {
        late = new HttpError(status, undefined, { code: "HTTP_TIMEOUT" });
        limit.end(late);
        reject(late);
      });
      Promise.resolve(answer).then(
        (reply) => {
          timer.cancel();
          if (late === null) resolve(reply);
          else if (Reply.is(reply)) discardBody(reply.body);
        },
        (error: unknown) => {
          timer.cancel();
          if (late === null) reject(error as Error);
          else if (error !== late && !isAbort(error)) hostOf(request).report(error);
        },
      );
    });
  };
}
