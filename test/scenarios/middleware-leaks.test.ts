// What middleware keeps of a request that is over: nothing. By its causes: no timer is armed, nobody listens to the request's signal,
// no table has grown, and no request can be reached from anywhere. The figures of 20,000 requests are printed by
// bench/micro/middleware.ts.
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { HttpError } from "../../src/base/errors.ts";
import { type Handler, type Middleware, stack } from "../../src/message/handler.ts";
import { text } from "../../src/message/reply.ts";
import * as middleware from "../../src/middleware/index.ts";
import type { Hooks } from "../../src/server/site.ts";
import { FakeClock, type Loopback, loopback } from "../../src/testing/index.ts";
import { turns } from "./strays.ts";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

/** What is exported beside middleware. */
const NO_MIDDLEWARE = ["clientOf", "errorsTo", "principalOf", "requestIdOf", "setPrincipal", "signalOf"];
/** Requests before tables are counted, and between the two counts. */
const [FIRST, MORE] = [64, 512];
/** Requests of one connection. */
const EACH = 32;
/** Clients that leave while they wait. */
const LEAVING = 32;

interface Case {
  readonly make: (clock: FakeClock) => Middleware | Promise<Middleware>;
  readonly hooks?: (clock: FakeClock) => Hooks;
  /** By so many entries its tables may grow; 0. */
  readonly entries?: number;
}

const none: Middleware = (next) => next;
const m = middleware;

const CASES: Readonly<Record<string, Case>> = {
  "no middleware": { make: () => none },
  accessLog: { make: () => none, hooks: (clock) => ({ reply: m.accessLog({ target: () => {}, clock }) }) },
  allowPeers: { make: () => m.allowPeers(["127.0.0.1", "10.0.0.0/8"]) },
  basic: { make: () => m.basic({ users: { ada: "secret" } }) },
  bearer: { make: () => m.bearer({ verify: async (token) => token }) },
  bodyLimit: { make: () => m.bodyLimit(100) },
  // Answers for so many different fields are remembered, and then forgotten.
  compress: { make: () => m.compress({ threshold: 0, encodings: ["gzip"] }), entries: 256 },
  "concurrency, at once": { make: (clock) => m.concurrency(1000, { clock }) },
  "concurrency, with a queue": { make: (clock) => m.concurrency(1, { queue: 1000, timeout: 1e6, clock }) },
  cors: { make: () => m.cors({ origins: (origin) => origin.endsWith("0") }) },
  createLog: {
    make: (clock) => {
      const log = m.createLog("web", () => {}, { clock });
      return (next) => (request) => {
        log.info("%s", request.path);
        return next(request);
      };
    },
  },
  errorPages: { make: () => m.errorPages() },
  hostAllowList: { make: () => m.hostAllowList(["a"]) },
  log: { make: (clock) => m.log({ target: async () => {}, clock }) },
  rateLimit: {
    make: (clock) => {
      let key = 0;
      return m.rateLimit({ limit: 1, window: 1000, keys: 10, key: () => `key ${key++}`, clock });
    },
  },
  requestId: { make: () => m.requestId() },
  sameOrigin: { make: () => m.sameOrigin() },
  securityHeaders: { make: () => m.securityHeaders() },
  timeout: { make: (clock) => m.timeout(1e6, { clock }) },
  "timeout, twice": {
    make: (clock) => (next) => stack(next, m.timeout(1e6, { clock }), m.timeout(2e6, { clock })),
  },
  trustProxies: { make: () => m.trustProxies(["127.0.0.1"], { host: true }) },
};

/** Every Map and Set that something was put into meanwhile, as long as it lives. */
class Tables {
  readonly #seen = new WeakSet<object>();
  readonly #refs: WeakRef<Map<unknown, unknown> | Set<unknown>>[] = [];
  readonly #original = { set: Map.prototype.set, add: Set.prototype.add };

  constructor() {
    const note = (table: Map<unknown, unknown> | Set<unknown>): void => {
      if (this.#seen.has(table)) return;
      this.#seen.add(table);
      this.#refs.push(new WeakRef(table));
    };
    const { set, add } = this.#original;
    Map.prototype.set = function (key, value) {
      note(this);
      return set.call(this, key, value);
    };
    Set.prototype.add = function (value) {
      note(this);
      return add.call(this, value);
    };
  }

  get entries(): number {
    return this.#refs.reduce((sum, ref) => sum + (ref.deref()?.size ?? 0), 0);
  }

  [Symbol.dispose](): void {
    Map.prototype.set = this.#original.set;
    Set.prototype.add = this.#original.add;
  }
}

const ACCEPTED = ["gzip", "br, gzip;q=0.5", "identity", "*"];

function requestOf(i: number): string {
  const body = i % 3 === 0 ? "" : "x".repeat(i % 90);
  const lines = [
    `${body === "" ? "GET" : "POST"} /${["now", "later", "refused"][i % 3]}?${i} HTTP/1.1`,
    "Host: a",
    "Sec-Fetch-Site: same-origin",
    `Origin: https://page${i}`,
    `Accept-Encoding: ${ACCEPTED[i % 4]};q=0.${i % 1000}`,
    `Authorization: ${i % 2 === 0 ? `Basic ${btoa("ada:secret")}` : `Bearer token-${i}`}`,
    `X-Forwarded-For: 192.0.2.${i % 250}`,
    `X-Request-Id: request-${i}`,
    ...(body === "" ? [] : [`Content-Length: ${body.length}`]),
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** What was seen of the requests: they themselves can go, with their signals. */
interface Seen {
  readonly objects: WeakRef<object>[];
  /** Held until they have been looked at. */
  signals: AbortSignal[];
}

function answering(seen: Seen): Handler {
  return async (request) => {
    const signal = m.signalOf(request);
    seen.objects.push(new WeakRef(request), new WeakRef(request.signal), new WeakRef(signal));
    seen.signals.push(request.signal);
    // As fetch() and timers of Node do, and whoever forgets to take a listener away.
    if (signal !== request.signal) signal.addEventListener("abort", () => {});
    if (request.path === "/waiting") {
      return await new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      });
    }
    if (request.path === "/refused") throw new HttpError(403, "No.");
    if (request.path === "/later") await new Promise((resolve) => setImmediate(resolve));
    return text((await request.body.text()).padEnd(500, "."));
  };
}

async function ask(bench: Loopback, from: number, count: number): Promise<void> {
  for (let done = 0; done < count; done += EACH) {
    const client = bench.connect({ peer: { address: "127.0.0.1", port: 1, secure: false } });
    for (let i = from + done; i < from + done + EACH; i++) await client.exchange(requestOf(i));
    client.end();
    await client.closed;
  }
}

async function leave(bench: Loopback): Promise<void> {
  const peer = { address: "127.0.0.1", port: 1, secure: false };
  const clients = Array.from({ length: LEAVING }, () => bench.connect({ peer }));
  for (const client of clients) {
    client.send(`GET /waiting HTTP/1.1\r\nHost: a\r\nAuthorization: Basic ${btoa("ada:secret")}\r\n\r\n`);
  }
  await bench.settled();
  for (const client of clients) client.reset();
  await bench.settled();
}

/** Collected as soon as nothing holds it: what was looked at in a turn lives until the turn is over. */
async function collected(refs: readonly WeakRef<object>[]): Promise<number> {
  let alive = refs.length;
  for (let tries = 0; alive > 0 && tries < 20; tries++) {
    await turns(3);
    gc();
    alive = refs.filter((ref) => ref.deref() !== undefined).length;
  }
  return alive;
}

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

for (const [name, { make, hooks, entries = 0 }] of Object.entries(CASES)) {
  test(`of requests that are over nothing is kept: ${name}`, async () => {
    const clock = new FakeClock();
    const seen: Seen = { objects: [], signals: [] };
    const before = timers();
    const handler = stack(answering(seen), await make(clock));
    const bench = loopback(handler, { hooks: { error: () => {}, ...hooks?.(clock) } });
    await bench.settled();
    const armed = [clock.armed, bench.clock.armed];
    using tables = new Tables();
    await ask(bench, 0, FIRST);
    await leave(bench);
    gc();
    const first = tables.entries;
    await ask(bench, FIRST, MORE);
    await leave(bench);
    assert.ok(seen.objects.length > 0, "no request came through");
    bench.clock.tick(2000); // the server looks after its connections, and then has none
    assert.deepEqual([clock.armed, bench.clock.armed, timers()], [...armed, before], "timers are armed");
    const listening = seen.signals.filter((signal) => getEventListeners(signal, "abort").length > 0);
    assert.equal(listening.length, 0, "somebody listens to the signal of a request that is over");
    seen.signals = [];
    assert.equal(await collected(seen.objects), 0, "requests or their signals are alive");
    assert.ok(tables.entries - first <= entries, `tables grew by ${tables.entries - first} entries`);
    await bench[Symbol.asyncDispose]();
  });
}

test("no middleware is missing in the table", () => {
  const tested = new Set(Object.keys(CASES).map((name) => name.replace(/,.*/, "")));
  for (const name of Object.keys(middleware)) assert.equal(NO_MIDDLEWARE.includes(name), !tested.has(name), name);
});

test("a middleware that keeps something is found out", async () => {
  const kept: unknown[] = [];
  const keeping: Middleware = (next) => (request) => {
    kept.push(request);
    return next(request);
  };
  const seen: Seen = { objects: [], signals: [] };
  await using bench = loopback(stack(answering(seen), keeping), { hooks: { error: () => {} } });
  using tables = new Tables();
  await ask(bench, 0, EACH);
  seen.signals = [];
  assert.equal(await collected(seen.objects), 3 * EACH);
  const grown = new Map(Array.from({ length: 7 }, (_, i) => [i, i]));
  for (let i = 0; i < 7; i++) grown.set(i, i);
  assert.ok(tables.entries >= 7);
  assert.equal(kept.length, EACH);
});
