// How often a client may ask. One number a client (the generic cell rate algorithm: when its requests would all be paid for), so that
// no timer and no list of times is needed; and so many clients at most, those gone longest forgotten first.
import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import { type Clock, systemClock } from "../base/clock.ts";
import { HttpError, LocalError } from "../base/errors.ts";
import type { Fields } from "../message/fields.ts";
import type { Middleware } from "../message/handler.ts";
import type { Request } from "../message/request.ts";
import { clientFields, clientOf } from "./client.ts";
import { addVary, decorated } from "./outcome.ts";

/** How many requests a client may make, and what counts as one client. */
export interface RateLimitOptions {
  /** Requests that a client may make in a window, all at once if it likes; then one each `window / limit`. */
  readonly limit: number;
  /** Milliseconds. */
  readonly window: number;
  /**
   * Who a request counts for; undefined: it is not counted. The address of the client, of IPv6 the first 64 bits, since one
   * client has all of those.
   */
  readonly key?: (request: Request) => string | undefined;
  /** Clients that are remembered; 10,000. */
  readonly keys?: number;
  /** The name of the policy in the fields RateLimit and RateLimit-Policy; "default". false: those are not sent. */
  readonly name?: string | false;
  readonly clock?: Clock;
}

/**
 * Lets each client make so many requests in a window; those beyond are 429 with Retry-After. Replies say what is left
 * (draft-ietf-httpapi-ratelimit-headers). Where there are more clients than are remembered, the one that asked least recently
 * begins anew. One such middleware around several handlers limits them together.
 *
 * @throws LocalError USE_BAD_OPTION. HttpError 429 HTTP_RATE_LIMITED, from the handler that it makes.
 *
 * @example
 * const handler = stack(answer, rateLimit({ limit: 100, window: 60_000 }));
 */
export function rateLimit(options: RateLimitOptions): Middleware {
  const { limit, window, key = networkOf, keys = 10_000, name = "default", clock = systemClock } = options;
  for (const [option, value] of Object.entries({ limit, keys })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new LocalError("USE_BAD_OPTION", `${option} is a whole number from 1 on, not ${value}.`);
    }
  }
  if (!(window > 0 && window < Number.POSITIVE_INFINITY)) {
    throw new LocalError("USE_BAD_OPTION", `window is a number of milliseconds, not ${window}.`);
  }
  if (name !== false && !/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/.test(name)) {
    throw new LocalError("USE_BAD_OPTION", `name is ASCII without quotation marks, not ${JSON.stringify(name)}.`);
  }
  const meter = new Meter(limit, window, keys);
  const policy = `"${name}";q=${limit};w=${Math.max(1, Math.ceil(window / 1000))}`;
  const tell = (fields: Fields, { remaining, wait }: Reading, vary: readonly string[]): void => {
    fields.set("RateLimit-Policy", policy).set("RateLimit", `"${name}";r=${remaining};t=${seconds(wait)}`);
    addVary(fields, vary);
  };
  const named = name === false ? undefined : { policy, name };
  return (next) => (request) => {
    const whose = key(request);
    if (whose === undefined) return next(request);
    const reading = meter.take(shortened(whose), clock.now());
    if (reading.allowed) {
      if (named === undefined) return next(request);
      return decorated(next, request, (fields) => tell(fields, reading, clientFields(request)));
    }
    throw refusal(reading, named); // no cache keeps it (RFC 6585 §4)
  };
}

function refusal({ wait }: Reading, named: { policy: string; name: string } | undefined): HttpError {
  const after = seconds(wait);
  const fields = {
    "Retry-After": String(after),
    ...(named && { "RateLimit-Policy": named.policy, RateLimit: `"${named.name}";r=0;t=${after}` }),
  };
  return new HttpError(429, undefined, { code: "HTTP_RATE_LIMITED", fields });
}

/** What sums of fractions are off by, and more; milliseconds. */
const ROUNDING = 1e-6;

/** Rounded up: who comes then is let in. */
function seconds(milliseconds: number): number {
  return Math.max(1, Math.ceil((milliseconds - ROUNDING) / 1000));
}

interface Reading {
  readonly allowed: boolean;
  /** Requests that may still be made at once. */
  readonly remaining: number;
  /** Milliseconds until there is one more. */
  readonly wait: number;
}

class Meter {
  readonly #window: number;
  readonly #each: number;
  readonly #most: number;
  /** When the requests of a key are paid for; the key that asked last is the last. */
  readonly #paid = new Map<string, number>();

  constructor(limit: number, window: number, most: number) {
    this.#window = window;
    this.#each = window / limit;
    this.#most = most;
  }

  take(key: string, now: number): Reading {
    const before = Math.max(this.#paid.get(key) ?? now, now);
    const after = before + this.#each;
    // What the sum of fractions is off by must not cost the last request of a window.
    const room = now + this.#window - after + ROUNDING;
    const allowed = room >= 0;
    this.#paid.delete(key);
    if (this.#paid.size >= this.#most) this.#forget();
    this.#paid.set(key, allowed ? after : before);
    const remaining = allowed ? Math.floor(room / this.#each) : 0;
    const until = allowed ? before + this.#each * (remaining + 2) - this.#window - now : -room;
    return { allowed, remaining, wait: until };
  }

  #forget(): void {
    for (const key of this.#paid.keys()) {
      this.#paid.delete(key);
      return;
    }
  }
}

const KEY_LENGTH = 128;

/**
 * A key may be made of what a client sent, and is kept: a long one as its digest, another as a copy, because a part of a head that
 * is kept would keep all of the head.
 */
function shortened(key: string): string {
  return key.length <= KEY_LENGTH ? Buffer.from(key).toString() : createHash("sha256").update(key).digest("base64");
}

/** The network that a client has to itself: an IPv4 address, or the first half of an IPv6 address. */
function networkOf(request: Request): string {
  const { address } = clientOf(request);
  if (!isIPv6(address)) return address;
  const [plain = ""] = address.split("%");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain);
  if (mapped !== null) return mapped[1] as string;
  const [head = "", tail] = plain.split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = last.reduce((count, group) => count + (group.includes(".") ? 2 : 1), first.length);
  const zeros = tail === undefined ? [] : new Array<string>(8 - groups).fill("0");
  const all = [...first, ...zeros, ...last].map((group) =>
    group.includes(".") ? group : Number.parseInt(group, 16).toString(16),
  );
  // IPv4 in the other way of writing it.
  if (all.slice(0, 6).join(":") === "0:0:0:0:0:ffff") return all.join(":");
  return `${all.slice(0, 4).join(":")}::/64`;
}
