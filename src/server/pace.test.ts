import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../base/clock.ts";
import { Deadlines, NEVER } from "./deadlines.ts";
import { LIMITS, TIMEOUTS } from "./defaults.ts";
import { bodyDue, type Paced, startedBefore } from "./pace.ts";
import type { Settings } from "./site.ts";

function settings(timeouts: Partial<Settings["timeouts"]>, bodyRate: number = LIMITS.bodyRate): Settings {
  return {
    limits: { ...LIMITS, bodyRate },
    timeouts: { ...TIMEOUTS, ...timeouts },
    wire: {},
    keepAlive: true,
    trace: "off",
    halfClose: "abort",
  };
}

/** Deadlines that sweep, each second. */
function bench(): { readonly clock: FakeClock; readonly deadlines: Deadlines } {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  deadlines.add({ deadline: NEVER, expire() {}, rest() {} });
  return { clock, deadlines };
}

test("what is due first counts: the next piece, or the whole", () => {
  const { clock, deadlines } = bench();
  const exchange: { fed: number; bodyTimeout: null; pace: Paced["pace"] } = { fed: 0, bodyTimeout: null, pace: null };
  const told = settings({ body: 60_000, request: 100_000 }, 1_000);
  assert.equal(bodyDue(exchange, told, deadlines), deadlines.in(60_000));
  clock.tick(50_000);
  assert.equal(bodyDue(exchange, told, deadlines), deadlines.in(50_000));
  exchange.fed = 5_000;
  assert.equal(bodyDue(exchange, told, deadlines), deadlines.in(55_000));
  exchange.fed = 20_000;
  assert.equal(bodyDue(exchange, told, deadlines), deadlines.in(60_000));
});

test("time that is held does not count, however often it is said", () => {
  const { clock, deadlines } = bench();
  const exchange: Paced = { fed: 0, bodyTimeout: null, pace: null };
  const told = settings({ body: 0, request: 100_000 });
  const due = bodyDue(exchange, told, deadlines);
  for (let i = 0; i < 3; i++) {
    exchange.pace?.hold();
    clock.tick(10_000);
  }
  assert.equal(bodyDue(exchange, told, deadlines), due + 30_000);
  clock.tick(10_000);
  assert.equal(bodyDue(exchange, told, deadlines), due + 30_000);
});

test("a head that came in pieces has used up some of it, and one without a deadline nothing", () => {
  const { clock, deadlines } = bench();
  const told = settings({ body: 0, head: 20_000, request: 100_000 });
  const exchange: Paced = { fed: 0, bodyTimeout: null, pace: null };
  const headDue = deadlines.in(20_000);
  const whole = deadlines.in(100_000);
  clock.tick(15_000);
  startedBefore(exchange, headDue, told, deadlines);
  assert.equal(bodyDue(exchange, told, deadlines), whole);
  const other: Paced = { fed: 0, bodyTimeout: null, pace: null };
  startedBefore(other, NEVER, told, deadlines);
  assert.equal(bodyDue(other, told, deadlines), deadlines.in(100_000));
});

test("without a time for the whole, or with one of its own for its pieces, a body has only that", () => {
  const { deadlines } = bench();
  assert.equal(
    bodyDue({ fed: 0, bodyTimeout: null, pace: null }, settings({ request: 0 }), deadlines),
    deadlines.in(60_000),
  );
  assert.equal(bodyDue({ fed: 0, bodyTimeout: 5, pace: null }, settings({ request: 1 }), deadlines), deadlines.in(5));
  assert.equal(bodyDue({ fed: 0, bodyTimeout: 0, pace: null }, settings({ request: 1 }), deadlines), NEVER);
});
