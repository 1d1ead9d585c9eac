import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluator } from "./evaluate.ts";

const never = new AbortController().signal;

test("what runs without a break is cut off, and that is said", async () => {
  const evaluate = evaluator({}, { sync: 20, async: 30_000 });
  const cut = { text: "It ran for 0.02 s and was cut off.", failed: true };
  assert.deepEqual(await evaluate("while (true) {}", false, never), cut);
  assert.deepEqual(await evaluate("40 + 2", false, never), { text: "42", failed: false });
});

test("what is awaited for too long is not waited for", async () => {
  const evaluate = evaluator({}, { sync: 5000, async: 1 });
  const { text, failed } = await evaluate("await new Promise(() => {})", false, never);
  assert.deepEqual([text, failed], ["It still waits after 0.001 s, and goes on.", true]);
});

test("who has asked and gone is not answered, and what comes then is", async () => {
  // Nothing but the signal ends this wait.
  const evaluate = evaluator({}, { sync: 5000, async: 2 ** 30 });
  const gone = new AbortController();
  const waiting = evaluate("await new Promise(() => {})", false, gone.signal);
  setImmediate(() => gone.abort());
  assert.equal((await waiting).failed, true);
  assert.equal((await evaluate("await 1", false, never)).text, "1");
});
