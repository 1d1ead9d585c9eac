import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSignal } from "./signal.ts";

test("a signal is an AbortSignal, or is left out", () => {
  for (const signal of [undefined, new AbortController().signal, AbortSignal.abort()]) checkSignal(signal);
  for (const wrong of [null, {}, "abort", { aborted: true }, new AbortController(), new EventTarget()]) {
    assert.throws(() => checkSignal(wrong), { code: "USE_BAD_OPTION" });
  }
});
