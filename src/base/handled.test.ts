import assert from "node:assert/strict";
import { test } from "node:test";
import { handled, handledIfLater, handledSteps, heard } from "./handled.ts";

const strays: unknown[] = [];
process.on("unhandledRejection", (error) => strays.push(error));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a promise that is marked may be let go of, and fails for whoever awaits it", async () => {
  const error = new Error("x");
  const promise = handled(Promise.reject(error));
  assert.equal(handledIfLater(promise), promise);
  assert.equal(handledIfLater(5), 5);
  void handledIfLater(Promise.reject(error));
  await turn();
  await assert.rejects(promise, error);
  assert.deepEqual(strays, []);
});

test("the steps of a generator may be let go of, taken by hand or by a loop", async () => {
  async function* broken(): AsyncGenerator<number, undefined, undefined> {
    yield 1;
    throw new Error("x");
  }
  const byHand = handledSteps(broken());
  assert.deepEqual(await byHand.next(), { done: false, value: 1 });
  void byHand.next();
  void byHand.throw(new Error("y"));
  const seen: number[] = [];
  await assert.rejects(async () => {
    for await (const each of handledSteps(broken())) seen.push(each);
  }, /x/);
  const left = handledSteps(broken());
  for await (const each of left) {
    seen.push(each);
    break;
  }
  assert.deepEqual(await left.next(), { done: true, value: undefined });
  await turn();
  assert.deepEqual([seen, strays], [[1, 1], []]);
});

test("a failure that nobody takes is told, once; one that somebody takes is theirs", async () => {
  const told: unknown[] = [];
  const failing = (): Promise<number> => heard(Promise.reject(new Error("x")), (error) => void told.push(error));
  await assert.rejects(failing(), /x/);
  await assert.rejects(Promise.all([failing()]), /x/);
  await assert.rejects(Promise.race([failing()]), /x/);
  await assert.rejects((async () => failing())(), /x/);
  await failing().catch(() => {});
  await failing().then(
    () => assert.fail("it fails"),
    () => {},
  );
  await turn();
  assert.deepEqual(told, []);
  void failing();
  void failing().finally;
  await turn();
  assert.equal(told.length, 2);
  assert.equal(await heard(Promise.resolve(5), () => assert.fail("it does not fail")), 5);
  assert.deepEqual(strays, []);
});
