import assert from "node:assert/strict";
import { test } from "node:test";
import { runSteps } from "./steps.ts";

test("a step that fails or throws is named, and the next one runs all the same", async () => {
  const lines: string[] = [];
  const steps = [
    { name: "one", run: () => ["first line\nsecond line"] },
    { name: "two", run: () => Promise.reject(new Error("thrown")) },
    { name: "three", run: () => [] },
  ];
  const failed = await runSteps(steps, (line) => lines.push(line));
  assert.deepEqual(failed, ["one", "two"]);
  const plain = lines.map((line) => line.replace(/ \(.*\)$/, ""));
  assert.deepEqual(plain, ["✖ one", "    first line", "    second line", "✖ two", "    thrown", "✔ three"]);
});
