import assert from "node:assert/strict";
import { test } from "node:test";
import { Gate } from "./gate.ts";

test("as many as the limit are in at once, then they wait in order, then it is full", () => {
  const gate = new Gate(() => ({ requests: 2, waiting: 2 }));
  const proceeded: string[] = [];
  const enter = (name: string): string => gate.enter(() => proceeded.push(name));
  assert.deepEqual([..."abcde"].map(enter), ["in", "in", "wait", "wait", "full"]);
  assert.deepEqual([gate.inside, gate.waiting], [2, 2]);
  gate.leave();
  assert.deepEqual(proceeded, ["c"]);
  assert.deepEqual([gate.inside, gate.waiting], [2, 1]);
  gate.leave();
  gate.leave();
  gate.leave();
  assert.deepEqual(proceeded, ["c", "d"]);
  assert.deepEqual([gate.inside, gate.waiting], [0, 0]);
});

test("who gives up is not let in, and its place in the queue is free", () => {
  const gate = new Gate(() => ({ requests: 1, waiting: 1 }));
  const proceeded: string[] = [];
  const first = (): unknown => proceeded.push("first");
  gate.enter(() => {});
  assert.equal(gate.enter(first), "wait");
  gate.giveUp(first);
  gate.giveUp(first);
  assert.equal(
    gate.enter(() => proceeded.push("second")),
    "wait",
  );
  gate.leave();
  assert.deepEqual(proceeded, ["second"]);
});

test("one that leaves as soon as it is let in lets in the next, each once", () => {
  const gate = new Gate(() => ({ requests: 1, waiting: 100 }));
  const proceeded: number[] = [];
  gate.enter(() => {});
  for (let i = 0; i < 100; i++) {
    gate.enter(() => {
      proceeded.push(i);
      gate.leave();
    });
  }
  gate.leave();
  assert.deepEqual(
    proceeded,
    Array.from({ length: 100 }, (_, i) => i),
  );
  assert.deepEqual([gate.inside, gate.waiting], [0, 0]);
});

test("a limit that was raised lets in all that fit when the next one leaves", () => {
  let requests = 1;
  const gate = new Gate(() => ({ requests, waiting: 10 }));
  let proceeded = 0;
  gate.enter(() => {});
  for (let i = 0; i < 5; i++) gate.enter(() => proceeded++);
  requests = 3;
  gate.leave();
  assert.deepEqual([proceeded, gate.inside, gate.waiting], [3, 3, 2]);
});
