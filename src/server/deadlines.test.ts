import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "../base/clock.ts";
import { Deadlines, NEVER, type Watched } from "./deadlines.ts";

class Fake implements Watched {
  deadline: number = NEVER;
  expired = 0;
  rested = 0;

  expire(): void {
    this.expired++;
    this.deadline = NEVER;
  }

  rest(): void {
    this.rested++;
  }
}

test("one timer sweeps all, is armed with the first and gone with the last", () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const all = Array.from({ length: 1_000 }, () => new Fake());
  assert.equal(clock.armed, 0);
  for (const each of all) {
    deadlines.add(each);
    each.deadline = deadlines.in(5_000);
  }
  assert.equal(clock.armed, 1);
  for (const each of all) deadlines.delete(each);
  assert.equal(clock.armed, 0);
});

test("what is due is called never early, and late by two intervals at most", () => {
  for (const milliseconds of [100, 1_000, 4_500, 30_250, 75_000]) {
    for (const offset of [0, 1, 499, 999]) {
      const clock = new FakeClock();
      const deadlines = new Deadlines(clock);
      const watched = new Fake();
      deadlines.add(watched);
      clock.tick(offset);
      watched.deadline = deadlines.in(milliseconds);
      const set = clock.now();
      while (watched.expired === 0) clock.tick(1);
      const took = clock.now() - set;
      const interval = Math.min(1_000, Math.max(10, milliseconds / 4));
      assert.equal(took >= milliseconds, true, `${milliseconds} came after ${took}`);
      assert.equal(took <= milliseconds + 2 * interval + 1, true, `${milliseconds} came after ${took}`);
      assert.equal(watched.expired, 1);
    }
  }
});

test("0 means never, and nothing that is not due is called", () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const never = new Fake();
  deadlines.add(never);
  never.deadline = deadlines.in(0);
  clock.tick(10_000_000);
  assert.equal(never.expired, 0);
  assert.equal(never.rested > 0, true);
});

test("a deadline that is set anew counts from then", () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const watched = new Fake();
  deadlines.add(watched);
  for (let i = 0; i < 20; i++) {
    watched.deadline = deadlines.in(10_000);
    clock.tick(9_000);
  }
  assert.equal(watched.expired, 0);
});

test("a short one makes the sweep finer, and those that were set before still come", () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const [long, short] = [new Fake(), new Fake()];
  deadlines.add(long);
  long.deadline = deadlines.in(10_000);
  clock.tick(5_500);
  deadlines.add(short);
  short.deadline = deadlines.in(100);
  clock.tick(160);
  assert.deepEqual([short.expired, long.expired], [1, 0]);
  clock.tick(6_000);
  assert.equal(long.expired, 1);
});

test("while the process was asleep, nobody's time passed", () => {
  let now = 0;
  let sweep = (): void => {};
  const deadlines = new Deadlines({
    wall: () => now,
    now: () => now,
    after: () => ({ cancel() {} }),
    every: (_milliseconds, call) => {
      sweep = call;
      return { cancel() {} };
    },
  });
  const watched = new Fake();
  deadlines.add(watched);
  watched.deadline = deadlines.in(30_000);
  now = 60_000; // one sweep a minute later, instead of sixty
  sweep();
  assert.equal(watched.expired, 0);
  for (let i = 0; i < 40; i++) {
    now += 1_000;
    sweep();
  }
  assert.equal(watched.expired, 1);
});

test("who is deleted in the middle of a sweep is not called any more", () => {
  const clock = new FakeClock();
  const deadlines = new Deadlines(clock);
  const other = new Fake();
  class Deleting extends Fake {
    override expire(): void {
      super.expire();
      deadlines.delete(other);
    }
  }
  const first = new Deleting();
  for (const each of [first, other]) {
    deadlines.add(each);
    each.deadline = deadlines.in(1_000);
  }
  clock.tick(5_000);
  assert.deepEqual([first.expired, other.expired], [1, 0]);
});
