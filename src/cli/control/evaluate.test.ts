import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { evaluator } from "./evaluate.ts";
import { UncaughtErrors } from "./uncaught.ts";

const never = new AbortController().signal;

test("what runs without a break is cut off, and that is said", async () => {
  const evaluate = evaluator({}, new UncaughtErrors(), { sync: 20, async: 30_000 });
  const cut = { text: "It ran for 0.02 s and was cut off.", failed: true, meanwhile: [] };
  assert.deepEqual(await evaluate("while (true) {}", false, never), cut);
  assert.deepEqual(await evaluate("40 + 2", false, never), { text: "42", failed: false, meanwhile: [] });
});

test("what is awaited for too long is not waited for", async () => {
  const evaluate = evaluator({}, new UncaughtErrors(), { sync: 5000, async: 1 });
  const { text, failed } = await evaluate("await new Promise(() => {})", false, never);
  assert.deepEqual([text, failed], ["It still waits after 0.001 s, and goes on.", true]);
});

test("who has asked and gone is not answered, and what comes then is", async () => {
  // Nothing but the signal ends this wait.
  const evaluate = evaluator({}, new UncaughtErrors(), { sync: 5000, async: 2 ** 30 });
  const gone = new AbortController();
  const waiting = evaluate("await new Promise(() => {})", false, gone.signal);
  setImmediate(() => gone.abort());
  assert.equal((await waiting).failed, true);
  assert.equal((await evaluate("await 1", false, never)).text, "1");
});

test("a promise at the end of a line was awaited, and its failure shown without a word that it is one", async () => {
  const evaluate = evaluator({}, new UncaughtErrors());
  // Node 20 shows symbols of its own beside the value, as its REPL does.
  assert.match((await evaluate("Promise.resolve(4)", false, never)).text, /^Promise \{\s+4\b/);
  assert.match((await evaluate("new Promise(() => {})", false, never)).text, /^Promise \{\s+<pending>/);
  assert.equal((await evaluate("await Promise.resolve(4)", false, never)).text, "4");
  assert.match((await evaluate("await Promise.reject(new Error('no'))", false, never)).text, /^Uncaught Error: no\n/);
});

test("a value that cannot be shown ended the evaluation with an error of ours", async () => {
  const evaluate = evaluator({}, new UncaughtErrors());
  for (const thrown of ["null", "new Error('mine')", "Object.create(null)"]) {
    const line = `({ [Symbol.for("nodejs.util.inspect.custom")]() { throw ${thrown} } })`;
    assert.match((await evaluate(line, false, never)).text, /^It cannot be shown: /);
  }
});

test("a collection while something is awaited ended the process", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const evaluate = evaluator({}, new UncaughtErrors());
  for (const line of ["await new Promise(() => {})", "void 0; for (;;) await new Promise(() => {})"]) {
    const gone = new AbortController();
    const waiting = evaluate(line, false, gone.signal);
    for (let n = 0; n < 3; n++) {
      await new Promise(setImmediate);
      collect();
    }
    gone.abort();
    assert.equal((await waiting).failed, true);
    for (let n = 0; n < 3; n++) {
      await new Promise(setImmediate);
      collect();
    }
  }
});
