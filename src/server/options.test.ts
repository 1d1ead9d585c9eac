import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../base/clock.ts";
import { DateLine } from "../message/date.ts";
import { empty } from "../message/reply.ts";
import { changedLimits, changedTimeouts, LIMITS, TIMEOUTS } from "./defaults.ts";
import { type Configuration, settle } from "./options.ts";
import { createServer } from "./server.ts";

const date = new DateLine(new FakeClock());

test("a limit is a positive integer or none; two may be zero [GB-42]", () => {
  for (const name of Object.keys(LIMITS)) {
    const zero = name === "discardBytes" || name === "waiting";
    for (const value of [-1, 0.5, Number.NaN, "1", null, undefined, {}, 2 ** 53, ...(zero ? [] : [0])]) {
      assert.throws(() => changedLimits(LIMITS, { [name]: value }), { code: "USE_BAD_OPTION" }, `${name} ${value}`);
    }
    for (const value of [1, 2 ** 53 - 1, Number.POSITIVE_INFINITY, ...(zero ? [0] : [])]) {
      assert.deepEqual(changedLimits(LIMITS, { [name]: value }), { ...LIMITS, [name]: value });
    }
  }
  assert.throws(() => changedLimits(LIMITS, { bodyByte: 1 } as never), /limits\.bodyByte/);
});

test("a timeout is zero or more, and finite [GB-42]", () => {
  for (const name of Object.keys(TIMEOUTS)) {
    for (const value of [-1, Number.NaN, "1", null, undefined, Number.POSITIVE_INFINITY]) {
      assert.throws(() => changedTimeouts(TIMEOUTS, { [name]: value }), { code: "USE_BAD_OPTION" }, `${name} ${value}`);
    }
    for (const value of [0, 0.5, 1_000]) {
      assert.deepEqual(changedTimeouts(TIMEOUTS, { [name]: value }), { ...TIMEOUTS, [name]: value });
    }
  }
  assert.throws(() => changedTimeouts(TIMEOUTS, { header: 1 } as never), /timeouts\.header/);
});

test("what is not named stays as it was, and the settings before are not changed", () => {
  const before = settle(
    null,
    { limits: { fields: 5 }, fields: { Server: "a" }, trace: "echo", keepAlive: false },
    date,
  );
  const after = settle(before, { timeouts: { idle: 1 } }, date);
  assert.deepEqual([after.limits.fields, after.trace, after.keepAlive, after.timeouts.idle], [5, "echo", false, 1]);
  assert.equal(after.wire.defaults, before.wire.defaults);
  assert.equal(before.timeouts.idle, TIMEOUTS.idle);
  assert.equal(settle(before, { date: false }, date).wire.date, undefined);
  assert.equal(settle(settle(before, { date: false }, date), {}, date).wire.date, undefined);
  assert.equal(settle(before, { fields: [] }, date).wire.defaults?.length, 0);
});

test("a time to write below 30 seconds is warned of, when a server is made with it or changed to it, and no other", async () => {
  const told: string[] = [];
  const hear = (warning: Error): number => told.push(`${warning.name}: ${warning.message}`);
  process.on("warning", hear);
  try {
    for (const write of [0, 30_000, 120_000]) createServer(() => empty(), { timeouts: { write } });
    createServer(() => empty(), { timeouts: { write: 29_999 } });
    const server = createServer(() => empty());
    server.configure({ timeouts: { write: 5_000 } });
    server.configure({ timeouts: { idle: 5_000 } });
    assert.throws(() => server.configure({ timeouts: { write: 1_000 }, trace: "on" as never }));
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off("warning", hear);
  }
  assert.equal(told.length, 2);
  assert.match(
    told[0] as string,
    /^PorticoWarning: timeouts\.write is 29999 ms: .* less than 67 KB\/s .* Use 30000 ms or more\.$/,
  );
  assert.match(told[1] as string, /^PorticoWarning: timeouts\.write is 5000 ms: .* less than 400 KB\/s /);
});

test("values that are none of the words are refused, with the words [GB-42]", () => {
  const wrong: Configuration[] = [{ trace: "on" as never }, { halfClose: "answer" as never }];
  for (const change of wrong) assert.throws(() => settle(null, change, date), /is one of .*, not (on|answer)/);
});
