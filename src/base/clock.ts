// Time as a value that is handed in, so that tests turn it by hand. Knows nothing of HTTP.

/** A timer that was armed. Both calls are harmless afterwards. */
export interface Timer {
  cancel(): void;
}

/** Milliseconds and timers. No timer of a Clock keeps the process alive. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970, for the Date field and for people. */
  wall(): number;
  /** Milliseconds that only ever grow, for deadlines. */
  now(): number;
  /** Calls once, after so many milliseconds. */
  after(milliseconds: number, call: () => void): Timer;
  /** Calls again and again, every so many milliseconds. */
  every(milliseconds: number, call: () => void): Timer;
}

/** The longest that a timer of Node can be set: beyond it, it would fire at once. */
const LONGEST = 2_147_483_647;

/** The clock of the machine. */
export const systemClock: Clock = {
  wall: () => Date.now(),
  now: () => performance.now(),
  after(milliseconds, call) {
    const timer = setTimeout(call, Math.min(milliseconds, LONGEST));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  every(milliseconds, call) {
    const timer = setInterval(call, Math.min(milliseconds, LONGEST));
    timer.unref();
    return { cancel: () => clearInterval(timer) };
  },
};

interface Armed {
  due: number;
  readonly period: number | null;
  readonly call: () => void;
}

/**
 * A clock that moves when it is told to: what tests use instead of sleeping.
 *
 * @example
 * const clock = new FakeClock();
 * clock.after(1000, () => console.log("a second has gone"));
 * clock.tick(1000); // prints at once
 */
export class FakeClock implements Clock {
  readonly #armed = new Set<Armed>();
  #now = 0;
  #wall: number;

  /** @param wall what wall() starts from: milliseconds since 1970. */
  constructor(wall: number = Date.UTC(2009, 7, 1)) {
    this.#wall = wall;
  }

  /** How many timers are armed: what a leak test counts. */
  get armed(): number {
    return this.#armed.size;
  }

  wall(): number {
    return this.#wall;
  }

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, call: () => void): Timer {
    return this.#arm({ due: this.#now + milliseconds, period: null, call });
  }

  every(milliseconds: number, call: () => void): Timer {
    return this.#arm({ due: this.#now + milliseconds, period: milliseconds, call });
  }

  /** Moves on by so many milliseconds, and calls what falls due on the way, in order. */
  tick(milliseconds: number): void {
    const target = this.#now + milliseconds;
    for (;;) {
      const next = this.#earliest(target);
      if (next === undefined) break;
      this.#advance(next.due);
      if (next.period === null) this.#armed.delete(next);
      else next.due += next.period;
      next.call();
    }
    this.#advance(target);
  }

  #advance(to: number): void {
    this.#wall += to - this.#now;
    this.#now = to;
  }

  #earliest(target: number): Armed | undefined {
    let found: Armed | undefined;
    for (const armed of this.#armed) {
      if (armed.due <= target && (found === undefined || armed.due < found.due)) found = armed;
    }
    return found;
  }

  #arm(armed: Armed): Timer {
    this.#armed.add(armed);
    return { cancel: () => void this.#armed.delete(armed) };
  }
}
