import assert from "node:assert/strict";
import { test } from "node:test";
import { cut, jsonLine, oneLine, quotable } from "./printable.ts";

test("no character that ends a line, moves a cursor or turns text around is left", () => {
  const every = Array.from({ length: 0x2100 }, (_, code) => String.fromCharCode(code)).join("");
  for (const made of [oneLine(every), quotable(every), jsonLine(every)]) {
    assert.doesNotMatch(made, /[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/);
  }
  assert.equal(oneLine("a\r\nb\t\x1b[31m\u202e"), "a\\r\\nb\\t\\x1b[31m\\u202e");
});

test("what stands between quotation marks cannot leave them", () => {
  assert.equal(quotable('a" 200 "b\\'), 'a\\" 200 \\"b\\\\');
});

test("JSON stays JSON", () => {
  const value = { a: "\u007f\u0085\u2028\n", b: [1, "é"] };
  assert.deepEqual(JSON.parse(jsonLine(value)), value);
});

test("a long value is cut, a short one is not", () => {
  assert.deepEqual([cut("abc", 3), cut("abcd", 3)], ["abc", "abc..."]);
});
