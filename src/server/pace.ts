// How long the whole body of a request may take: a time for all of it, and more the more has come. The time between two pieces
// alone would let a client keep a connection for as long as it has octets to send one by one.
import { LocalError } from "../base/errors.ts";
import { type Deadlines, NEVER } from "./deadlines.ts";
import { warnOfShortWrite } from "./defaults.ts";
import type { Settings } from "./site.ts";

/** What of a body concerns its time. */
export interface Paced {
  /** Octets of the body that have come. */
  readonly fed: number;
  /** A time between two pieces of its own; null: what the connection has. */
  readonly bodyTimeout: number | null;
  /** How long the whole body may take; null until it is waited for. */
  pace: Pace | null;
}

let warned = false;

/** Warns once of a time to write that is short. @throws LocalError USE_BAD_OPTION. */
export function checkDeadlines({ body, write }: { readonly body?: number; readonly write?: number }): void {
  const wrong = [body, write].find((value) => value !== undefined && !(value >= 0));
  if (wrong !== undefined) throw new LocalError("USE_BAD_OPTION", `A deadline cannot be ${wrong}.`);
  if (write === undefined || warned) return;
  warned = warnOfShortWrite("deadlines() for writing", write);
}

export class Pace {
  readonly #deadlines: Deadlines;
  /** On the scale of Deadlines, without what the octets have earned. */
  #due: number;
  /** Since when the time is not the peer's; -1 while it is. */
  #held = -1;

  /** @param due when a body of which nothing comes would have to be complete. */
  constructor(deadlines: Deadlines, due: number) {
    this.#deadlines = deadlines;
    this.#due = due;
  }

  /** From now on the reader holds the body back, or has not asked for it: that time does not count. */
  hold(): void {
    if (this.#held === -1) this.#held = this.#deadlines.now;
  }

  /** It goes on. @returns when the body has to be complete, or to have earned more: so many octets of it have come. */
  due(octets: number, bodyRate: number): number {
    if (this.#held !== -1) this.#due += this.#deadlines.now - this.#held;
    this.#held = -1;
    return this.#due + Math.floor((octets * 1000) / bodyRate);
  }
}

/** The head came in pieces, and was due at `headDue`: the time of the request runs since its first octet. */
export function startedBefore(body: Paced, headDue: number, { timeouts }: Settings, deadlines: Deadlines): void {
  if (headDue !== NEVER) body.pace = new Pace(deadlines, headDue - timeouts.head + timeouts.request);
}

/** When it is too late for the next piece of a body, on the scale of Deadlines. */
export function bodyDue(body: Paced, { limits, timeouts }: Settings, deadlines: Deadlines): number {
  const piece = deadlines.in(body.bodyTimeout ?? timeouts.body);
  if (timeouts.request === 0 || body.bodyTimeout !== null) return piece;
  body.pace ??= new Pace(deadlines, deadlines.in(timeouts.request));
  const whole = body.pace.due(body.fed, limits.bodyRate);
  return piece === NEVER || whole < piece ? whole : piece;
}
