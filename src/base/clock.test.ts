import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock, systemClock } from "./clock.ts";

test("a fake clock stands still until it is turned", () => {
  const clock = new FakeClock(1000);
  assert.deepEqual([clock.now(), clock.wall()], [0, 1000]);
  clock.tick(5);
  assert.deepEqual([clock.now(), clock.wall()], [5, 1005]);
});

test("timers fall due in the order of their time, each at its time", () => {
  const clock = new FakeClock();
  const calls: string[] = [];
  clock.after(30, () => calls.push(`c${clock.now()}`));
  clock.after(10, () => calls.push(`a${clock.now()}`));
  clock.every(20, () => calls.push(`b${clock.now()}`));
  clock.tick(9);
  assert.deepEqual(calls, []);
  clock.tick(31);
  assert.deepEqual(calls, ["a10", "b20", "c30", "b40"]);
  assert.equal(clock.armed, 1);
});

test("a timer may arm another, which falls due in the same turn if it is short enough", () => {
  const clock = new FakeClock();
  const calls: number[] = [];
  clock.after(10, () => {
    clock.after(5, () => calls.push(clock.now()));
    clock.after(50, () => calls.push(clock.now()));
  });
  clock.tick(20);
  assert.deepEqual([calls, clock.armed], [[15], 1]);
});

test("a cancelled timer is never called, and cancelling again does nothing", () => {
  const clock = new FakeClock();
  const once = clock.after(10, () => assert.fail("called"));
  const again = clock.every(10, () => again.cancel());
  once.cancel();
  once.cancel();
  clock.tick(100);
  again.cancel();
  assert.equal(clock.armed, 0);
});

test("the clock of the machine calls, and can be cancelled", async () => {
  const before = systemClock.now();
  systemClock.after(0, () => assert.fail("called")).cancel();
  const keep = setTimeout(() => {}, 5000); // its timers do not keep the process alive
  await new Promise<void>((resolve) => systemClock.after(1, resolve));
  await new Promise<void>((resolve) => {
    const timer = systemClock.every(1, () => {
      timer.cancel();
      resolve();
    });
  });
  clearTimeout(keep);
  assert.ok(systemClock.now() > before);
  assert.ok(Math.abs(systemClock.wall() - Date.now()) < 1000);
});
