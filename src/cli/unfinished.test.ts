import assert from "node:assert/strict";
import { test } from "node:test";
import { isOpen, isUnfinished } from "./unfinished.ts";

test("a beginning goes on in the next line, and what is whole or wrong does not", () => {
  const unfinished = ["while(true)", "{", "f(", "f(1,", "a +", "if (x) y(); else", "`a", "await f(", "const a = await"];
  for (const text of [...unfinished, "for await (const x of y)", "if (await x)", "x = // why\n"]) {
    assert.equal(isUnfinished(text), true, text);
  }
  const whole = [
    "",
    "1",
    "f()",
    "await f()",
    "const { a } = await f() // so",
    "for await (const x of y) x",
    "let a; let b",
  ];
  const wrong = ["}", "f(1 2)", "'abc", "await x }", "await f() g()", "return 1", "let a; let a"];
  for (const text of [...whole, ...wrong]) assert.equal(isUnfinished(text), false, text);
});

test("where nobody types, only what is open goes on", () => {
  for (const text of ["{", "f(", "`a${"]) assert.equal(isOpen(text), true, text);
  for (const text of ["while(true)", "a +", "1"]) assert.equal(isOpen(text), false, text);
});
