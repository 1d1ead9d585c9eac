// One deadline a connection, and one sweep for all of them: setting one is an assignment, no timer is made per request.
import type { Clock, Timer } from "../base/clock.ts";

/** What has a deadline. */
export interface Watched {
  /** When its time is up, on the scale of Deadlines.in(); NEVER: never. */
  deadline: number;
  /** Its time is up. */
  expire(): void;
  /** A sweep has passed by, and its time is not up. */
  rest(): void;
}

/** No deadline. */
export const NEVER = 0;

const COARSEST = 1000;
const FINEST = 10;
/** A gap between two sweeps that no load explains. */
const ASLEEP = 2000;
const RELAX_SWEEPS = 64;

/** Calls whatever is overdue: never early, and late by two intervals at most. */
export class Deadlines {
  readonly #clock: Clock;
  // Time is whole milliseconds since this began: a fraction, an infinity and a number of 32 bits and more each cost a connection
  // 16 octets.
  readonly #epoch: number;
  readonly #watched = new Set<Watched>();
  #timer: Timer | null = null;
  #interval = COARSEST;
  // The time of the last sweep: reading the clock for each request would cost more than all the rest of this.
  #now = 0;
  /** The shortest time asked for, and the sweeps, since the interval was last looked at. */
  #shortest = Number.POSITIVE_INFINITY;
  #sweeps = 0;
  #woke: "no" | "now" = "no";

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#epoch = clock.now();
  }

  /** The time of the last sweep, on the scale of in(). */
  get now(): number {
    return this.#now;
  }

  /** The value for Watched.deadline that is so many milliseconds ahead; 0 means never. */
  in(milliseconds: number): number {
    if (milliseconds === 0) return NEVER;
    if (milliseconds < this.#shortest) this.#shortest = milliseconds;
    if (milliseconds < this.#interval * 4) this.#refine(milliseconds);
    return this.#now + Math.ceil(milliseconds) + this.#interval;
  }

  add(watched: Watched): void {
    this.#watched.add(watched);
    if (this.#timer === null) this.#start();
  }

  delete(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size === 0) this.#stop();
  }

  #start(): void {
    this.#now = Math.ceil(this.#clock.now() - this.#epoch);
    this.#timer = this.#clock.every(this.#interval, () => this.#sweep());
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #refine(milliseconds: number): void {
    const interval = Math.max(FINEST, Math.floor(milliseconds / 4));
    if (interval < this.#interval) this.#restart(interval);
  }

  /** Sweeps as seldom as the deadlines that are asked for allow: one short one does not make all the others dear for ever. */
  #relax(): void {
    if (++this.#sweeps < RELAX_SWEEPS) return;
    const interval = Math.min(COARSEST, Math.max(FINEST, Math.floor(this.#shortest / 4)));
    this.#sweeps = 0;
    this.#shortest = Number.POSITIVE_INFINITY;
    if (interval > this.#interval) this.#restart(interval);
  }

  #restart(interval: number): void {
    this.#interval = interval;
    if (this.#timer === null) return;
    this.#stop();
    this.#start();
  }

  #sweep(): void {
    const now = this.#clock.now() - this.#epoch;
    const gap = Math.ceil(now) - this.#now;
    this.#now = Math.ceil(now);
    // The process was asleep, or stuck: what the peers sent meanwhile has not been looked at, so the time is not theirs. Not
    // twice in a row: a process that is always late would otherwise never cut anyone off.
    this.#woke = gap > Math.max(ASLEEP, this.#interval * 4) && this.#woke === "no" ? "now" : "no";
    for (const watched of this.#watched) {
      if (watched.deadline === NEVER) watched.rest();
      else if (this.#woke === "now") watched.deadline += gap - this.#interval;
      else if (watched.deadline < now) watched.expire();
      else watched.rest();
    }
    this.#relax();
  }
}
