// Limits and timeouts of a server: what each means, its default, and why.
import { LocalError } from "../base/errors.ts";
import { WIRE_LIMITS, type WireLimits } from "../wire/h1/limits.ts";

/** How much a peer may send, or have. Octets, and four counts. */
export interface Limits extends WireLimits {
  /** What bytes(), text() and json() collect: 1 MiB. Beyond it 413, before any 100 Continue. Streams are not bound by it. */
  readonly bodyBytes: number;
  /** So many octets of a body earn it a second more than `timeouts.request`: 240. Infinity: however many, they earn none. */
  readonly bodyRate: number;
  /** Of a body that nobody read, so much is skipped to keep the connection: 256 KiB, cheaper than a new one. */
  readonly discardBytes: number;
  /** Connections at once, from accept on, those in a TLS handshake too: no limit. Beyond it a new one is closed as it comes. */
  readonly connections: number;
  /** Requests that are handled at once: no limit. Beyond it they wait. Each counts until its handler settles, see `drain`. */
  readonly requests: number;
  /** Requests that wait for that: 1,024. Beyond it 503. */
  readonly waiting: number;
}

/** How long a peer may take. Milliseconds; 0 means for ever. */
export interface Timeouts {
  /** From the first octet of a head to its last: 30 s. Then 408. */
  readonly head: number;
  /** Between two pieces of a body: 60 s. Then 408. */
  readonly body: number;
  /**
   * From the first octet of a head to the last of its body: 5 min, and a second more for each `limits.bodyRate` octets of the
   * body that have come, so that a large upload is not cut and one that trickles is. Then 408. What time the reader holds the
   * body back does not count; a request that has deadlines() of its own for its body has only those.
   */
  readonly request: number;
  /** Between two requests: 75 s, longer than the minute that load balancers keep theirs. Then a silent close. */
  readonly idle: number;
  /**
   * While the peer takes nothing of what is written: 120 s. Then the connection is cut. It must be more than the slowest reader needs
   * for 2 MB, because the system takes bytes in steps and shows no finer progress: 120 s allow for 17 KB/s. Below 30 s: a warning.
   */
  readonly write: number;
  /**
   * For a reply to begin after the client's FIN, for a handler to settle when its exchange is over, for the client to close after we
   * have, and for close() by default: 10 s.
   */
  readonly drain: number;
}

/** The limits of a server that is told none. */
export const LIMITS: Limits = {
  ...WIRE_LIMITS,
  bodyBytes: 1_048_576,
  bodyRate: 240,
  discardBytes: 262_144,
  connections: Number.POSITIVE_INFINITY,
  requests: Number.POSITIVE_INFINITY,
  waiting: 1024,
};

/** The timeouts of a server that is told none; milliseconds. */
export const TIMEOUTS: Timeouts = {
  head: 30_000,
  body: 60_000,
  request: 300_000,
  idle: 75_000,
  write: 120_000,
  drain: 10_000,
};

/** Milliseconds to write that cut readers of 70 KB/s, and so are hardly meant. */
const SHORT_WRITE = 30_000;

/** Warns of a time to write that cuts clients although they read. @returns whether it is one. */
export function warnOfShortWrite(name: string, milliseconds: number): boolean {
  if (milliseconds === 0 || milliseconds >= SHORT_WRITE) return false;
  const rate = Math.ceil(2_000_000 / milliseconds);
  process.emitWarning(
    `${name} is ${milliseconds} ms: a client that reads less than ${rate} KB/s is cut although it reads, because the system takes ` +
      `bytes in steps of up to 2 MB. Use ${SHORT_WRITE} ms or more.`,
    "PorticoWarning",
  );
  return true;
}

/** Milliseconds that the head of a reply waits for the first piece of its body: beyond what a disk or a neighbour takes to say no. */
export const HEAD_WAIT = 100;

/** Octets of pipelined requests that are read ahead while one is handled. */
export const AHEAD_BYTES = 65_536;

/** Octets of replies that are gathered before they are written in the middle of a turn. */
export const OUTBOX_BYTES = 65_536;

/** Bodies up to this size are copied behind their head, into one buffer; larger ones are written beside it. */
export const COPIED_BYTES = 8192;

/** Limits with changes. @throws LocalError USE_BAD_OPTION for a name that is none, or a value that is no positive number. */
export function changedLimits(limits: Limits, change: Partial<Limits>): Limits {
  return changed(
    "limits",
    limits,
    change,
    (value) => value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && value > 0),
  );
}

/** Timeouts with changes; 0 means for ever. @throws LocalError USE_BAD_OPTION. */
export function changedTimeouts(timeouts: Timeouts, change: Partial<Timeouts>): Timeouts {
  return changed("timeouts", timeouts, change, (value) => Number.isFinite(value) && value >= 0);
}

function changed<T extends object>(group: string, values: T, change: Partial<T>, valid: (value: number) => boolean): T {
  for (const [name, value] of Object.entries(change)) {
    if (!Object.hasOwn(values, name)) throw new LocalError("USE_BAD_OPTION", `There is no ${group}.${name}.`);
    if (
      typeof value !== "number" ||
      !(valid(value) || (name === "discardBytes" && value === 0) || (name === "waiting" && value === 0))
    ) {
      throw new LocalError("USE_BAD_OPTION", `${group}.${name} cannot be ${String(value)}.`);
    }
  }
  return { ...values, ...change };
}
