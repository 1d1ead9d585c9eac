// Requests that wait for something to happen: a handler parks its request, and whatever makes it happen says so. Nothing is asked
// again and again: a parked request costs a place in a set and a listener, no timer, and is looked at when it is notified.
import { setMaxListeners } from "node:events";
import { type Clock, systemClock, type Timer } from "../base/clock.ts";
import { asError, HttpError, LocalError } from "../base/errors.ts";
import { handled } from "../base/handled.ts";
import { checkSignal } from "../base/signal.ts";
import { publish } from "../base/trace.ts";
import { type Answer, makerFor, replyWhenReady } from "../message/answer.ts";
import type { Handler, Middleware } from "../message/handler.ts";
import type { Reply } from "../message/reply.ts";
import { Key, leaveOnFin, type Request } from "../message/request.ts";

/** What answers a request that was parked: as a handler, or whatever becomes a reply. */
export type Deferred = (request: Request) => Answer | Promise<Answer>;

/** How many requests a parking lot holds, and how long. */
export interface ParkingOptions {
  /** Requests that may be parked; 10,000. Beyond, the answer is 503. */
  readonly limit?: number;
  /** Milliseconds that a request is parked at most, 0 for no limit; 50,000: proxies give up after 60 seconds. */
  readonly deadline?: number;
  /** Answers a request whose time is up; 204. */
  readonly late?: Deferred;
  /** A parked client has left; the reason is that of `request.signal`, NET_CLOSED or NET_RESET. */
  readonly onAbandoned?: (request: Request, reason: Error) => void;
  /** Time, for tests. */
  readonly clock?: Clock;
}

/** How one request is parked. */
export interface ParkOptions {
  /** Instead of the lot's. */
  readonly deadline?: number;
  /** Instead of the lot's. */
  readonly late?: Deferred;
  /** Where it aborts, the answer is 503: `server.draining`, or whatever else makes waiting pointless. */
  readonly signal?: AbortSignal;
}

/** Where requests are parked. */
export interface ParkingLot {
  /** Requests that are parked. */
  readonly parked: number;
  /**
   * Parks a request until the next notify(), and then answers it.
   *
   * @param answer left out, the handler inside deferrable() runs again, from its beginning. It may park the request again.
   * @throws (its promise rejects with) HttpError 503 HTTP_BUSY beyond the limit; the reason of `request.signal` where the client
   *   leaves; LocalError USE_STATE where there is no answer and no deferrable() around.
   */
  park(request: Request, answer?: Deferred, options?: ParkOptions): Promise<Reply>;
  /**
   * Resolves with the next notify(), so that an async handler goes on where it stands.
   *
   * @throws as park(); HttpError 503 when it is late, unless `late` throws something else.
   */
  turn(request: Request, options?: ParkOptions): Promise<void>;
  /** Answers at once where the guard is false; else with the next notify(), without asking the guard again. */
  deferOrDo(request: Request, guard: () => unknown, answer: Deferred, options?: ParkOptions): Reply | Promise<Reply>;
  /** Answers once the guard gives something that is not falsy, now or at a notify(), with that. */
  deferUntil<T>(
    request: Request,
    guard: () => T,
    answer: (value: NonFalsy<T>, request: Request) => Answer | Promise<Answer>,
    options?: ParkOptions,
  ): Reply | Promise<Reply>;
  /** As deferUntil(), the other way round: answers once the guard is falsy, with what it gave. */
  deferWhile<T>(
    request: Request,
    guard: () => T,
    answer: (value: T, request: Request) => Answer | Promise<Answer>,
    options?: ParkOptions,
  ): Reply | Promise<Reply>;
  /**
   * Something has happened: each parked request is looked at once, in the order in which they were parked. Called from within
   * such a look, it is done behind that.
   *
   * @returns how many are answered, or failed, by that.
   */
  notify(): number;
  /** What is inside may call park() with the request alone: it is then run again. */
  readonly deferrable: Middleware;
}

/** What a guard can give that makes it end the waiting. */
export type NonFalsy<T> = Exclude<T, undefined | null | false | 0 | "" | 0n>;

/** Deadlines are kept to that many milliseconds, so that a thousand of them are looked at together. */
const RESOLUTION = 100;

/** What a look finds to be done: nothing yet, or this. */
type Look = () => (() => unknown) | null;

interface Place {
  readonly request: Request;
  readonly look: Look;
  readonly late: () => unknown;
  /** What an answer becomes: a Reply, or for turn() nothing. */
  readonly convert: (answer: unknown) => unknown;
  readonly due: number;
  /** Nobody listens for its signals any more. */
  release: () => void;
  resolve: (answer: unknown) => void;
  reject: (error: unknown) => void;
}

class Lot implements ParkingLot {
  readonly deferrable: Middleware;
  readonly #limit: number;
  readonly #deadline: number;
  readonly #late: Deferred;
  readonly #onAbandoned: ((request: Request, reason: Error) => void) | undefined;
  readonly #clock: Clock;
  readonly #handler: Key<Handler> = new Key<Handler>("portico.deferrable");
  readonly #places = new Set<Place>();
  /** Places that were taken while others are looked at, by the promise that their taker got. */
  readonly #fresh = new Map<unknown, Place>();
  #timer: Timer | null = null;
  #armedFor = NEVER;
  #looking: "no" | "looks" | "again" = "no";

  constructor({ limit = 10_000, deadline = 50_000, late, onAbandoned, clock = systemClock }: ParkingOptions) {
    if (!(limit >= 1)) throw new LocalError("USE_BAD_OPTION", `limit is a number from 1 on, not ${limit}.`);
    this.#limit = limit;
    this.#deadline = checkedDeadline(deadline);
    this.#late = late ?? (() => undefined);
    this.#onAbandoned = onAbandoned;
    this.#clock = clock;
    this.deferrable = (next) => {
      const handler: Handler = (request) => {
        request.set(this.#handler, handler);
        return next(request);
      };
      return handler;
    };
  }

  get parked(): number {
    return this.#places.size;
  }

  park(request: Request, answer?: Deferred, options?: ParkOptions): Promise<Reply> {
    const again = answer ?? request.get(this.#handler);
    if (again === undefined) {
      throw new LocalError("USE_STATE", "park() without an answer is for handlers inside deferrable().");
    }
    return this.#park(request, () => () => again(request), options);
  }

  turn(request: Request, options: ParkOptions = {}): Promise<void> {
    const late: Deferred = () => {
      throw new HttpError(503);
    };
    return this.#take(request, () => NOTHING, NOTHING, { late, ...options }) as Promise<void>;
  }

  deferOrDo(request: Request, guard: () => unknown, answer: Deferred, options?: ParkOptions): Reply | Promise<Reply> {
    const act = (): unknown => answer(request);
    return asked(guard) ? this.#park(request, () => act, options) : answered(request, act());
  }

  deferUntil<T>(
    request: Request,
    guard: () => T,
    answer: (value: NonFalsy<T>, request: Request) => Answer | Promise<Answer>,
    options?: ParkOptions,
  ): Reply | Promise<Reply> {
    return this.#defer(request, options, () => {
      const value = asked(guard);
      return value ? () => answer(value as NonFalsy<T>, request) : null;
    });
  }

  deferWhile<T>(
    request: Request,
    guard: () => T,
    answer: (value: T, request: Request) => Answer | Promise<Answer>,
    options?: ParkOptions,
  ): Reply | Promise<Reply> {
    return this.#defer(request, options, () => {
      const value = asked(guard);
      return value ? null : () => answer(value, request);
    });
  }

  notify(): number {
    if (this.#looking !== "no") {
      this.#looking = "again";
      return 0;
    }
    this.#looking = "looks";
    let done = 0;
    // A copy: who parks again meanwhile waits for the next time.
    for (const place of [...this.#places]) {
      if (this.#places.has(place) && this.#look(place)) done++;
    }
    // Not at once: two that notify each other would let nobody else have a turn.
    if ((this.#looking as string) === "again") setImmediate(() => this.notify());
    this.#looking = "no";
    this.#fresh.clear();
    return done;
  }

  #defer(request: Request, options: ParkOptions | undefined, look: Look): Reply | Promise<Reply> {
    const act = look();
    return act === null ? this.#park(request, look, options) : answered(request, act());
  }

  #park(request: Request, look: Look, options?: ParkOptions): Promise<Reply> {
    return this.#take(request, look, makerFor(request), options) as Promise<Reply>;
  }

  #take(request: Request, look: Look, convert: Place["convert"], options: ParkOptions = {}): Promise<unknown> {
    const deadline = checkedDeadline(options.deadline ?? this.#deadline);
    checkSignal(options.signal);
    if (this.#places.size >= this.#limit) {
      const fields = { "Retry-After": "1" };
      return handled(Promise.reject(new HttpError(503, undefined, { code: "HTTP_BUSY", fields })));
    }
    leaveOnFin(request);
    const late = options.late ?? this.#late;
    const place: Place = {
      request,
      look,
      late: () => late(request),
      convert,
      due: deadline === 0 ? NEVER : this.#clock.now() + deadline,
      release: NOTHING,
      resolve: NOTHING,
      reject: NOTHING,
    };
    const promise = new Promise<unknown>((resolve, reject) => {
      place.resolve = resolve;
      place.reject = reject;
    });
    this.#places.add(place);
    if (this.#looking !== "no") this.#fresh.set(promise, place);
    this.#listen(place, options.signal);
    if (this.#places.has(place)) this.#arm(place.due);
    return handled(promise);
  }

  #listen(place: Place, stop: AbortSignal | undefined): void {
    const { signal } = place.request;
    const leave = (): void => this.#abandon(place, signal.reason);
    const stopped = (): void => {
      this.#remove(place);
      place.reject(new HttpError(503, undefined, { cause: stop?.reason, fields: { "Retry-After": "1" } }));
    };
    place.release = () => {
      signal.removeEventListener("abort", leave);
      stop?.removeEventListener("abort", stopped);
    };
    if (signal.aborted) return leave();
    if (stop?.aborted === true) return stopped();
    signal.addEventListener("abort", leave);
    if (stop === undefined) return;
    setMaxListeners(0, stop); // one for each that is parked, and that is no leak
    stop.addEventListener("abort", stopped);
  }

  #abandon(place: Place, reason: unknown): void {
    this.#remove(place);
    // The exchange is over and takes no reports any more.
    const failed = (error: unknown): void => publish("error", { error, request: place.request });
    try {
      const told: unknown = this.#onAbandoned?.(place.request, asError(reason));
      if (told instanceof Promise) told.catch(failed);
    } catch (error) {
      failed(error);
    }
    place.reject(reason);
  }

  #remove(place: Place): void {
    this.#places.delete(place);
    place.release();
  }

  /** @returns whether it is answered. */
  #look(place: Place): boolean {
    let act: (() => unknown) | null;
    try {
      act = place.look();
    } catch (error) {
      act = () => {
        throw error;
      };
    }
    if (act === null || !this.#places.has(place)) return false;
    this.#remove(place);
    return this.#act(place, act);
  }

  #act(place: Place, act: () => unknown): boolean {
    try {
      const answer = act();
      const again = this.#fresh.get(answer);
      if (again !== undefined && again.convert === place.convert && this.#places.has(again)) {
        // Parked again: the new place answers the first promise. A chain of them would grow with each time.
        again.resolve = place.resolve;
        again.reject = place.reject;
        return false;
      }
      place.resolve(replyWhenReady(answer, place.convert));
    } catch (error) {
      place.reject(error);
    }
    return true;
  }

  /** One timer for all of them, whatever their number. */
  #arm(due: number): void {
    if (due >= this.#armedFor) return;
    this.#timer?.cancel();
    this.#armedFor = due;
    this.#timer = this.#clock.after(due - this.#clock.now(), () => this.#expire());
  }

  #expire(): void {
    const now = this.#clock.now();
    this.#armedFor = NEVER;
    let next = NEVER;
    for (const place of [...this.#places]) {
      if (place.due > now) next = Math.min(next, place.due);
      else if (this.#places.has(place)) {
        this.#remove(place);
        this.#act(place, place.late);
      }
    }
    if (next !== NEVER) this.#arm(Math.max(next, now + RESOLUTION));
  }
}

const NEVER = Number.POSITIVE_INFINITY;
const NOTHING = (): void => {};

function checkedDeadline(value: number): number {
  if (value >= 0) return value;
  throw new LocalError("USE_BAD_OPTION", `A deadline is a number of milliseconds from 0 on, not ${value}.`);
}

/** A promise would be truthy, whatever becomes of it. */
function asked<T>(guard: () => T): T {
  const value = guard();
  if (!(value instanceof Promise)) return value;
  value.catch(() => {}); // it is refused, whatever becomes of it
  throw new LocalError("USE_BAD_OPTION", "A guard answers at once: it is no async function.");
}

function answered(request: Request, answer: unknown): Reply | Promise<Reply> {
  return replyWhenReady(answer, makerFor(request));
}

/**
 * A place to park requests in, which wait there for something to happen.
 *
 * A client that leaves, by a reset or by a FIN, is dropped at once, and nothing runs for it any more.
 *
 * @throws LocalError USE_BAD_OPTION.
 *
 * @example
 * const lines: string[] = [];
 * const lot = parkingLot();
 * const poll = (request: Request) => lot.deferUntil(request, () => lines.at(-1), (line) => line);
 * const publish = (line: string) => { lines.push(line); lot.notify(); };
 */
export function parkingLot(options: ParkingOptions = {}): ParkingLot {
  return new Lot(options);
}
