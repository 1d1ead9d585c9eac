import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../base/errors.ts";
import { parseJsonText } from "./bounded-json.ts";

function isRefused(text: string, message: RegExp, depth?: number): void {
  assert.throws(
    () => parseJsonText(text, depth),
    (error) =>
      error instanceof HttpError &&
      error.status === 400 &&
      error.code === "HTTP_BAD_JSON" &&
      message.test(error.message),
    text.slice(0, 50),
  );
}

test("JSON is parsed", () => {
  for (const value of [null, 1, "x", [], {}, { a: [1, { b: '\\"[{' }] }, { constructor: 1, prototype: {} }]) {
    assert.deepEqual(parseJsonText(JSON.stringify(value)), value);
  }
});

test("what is no JSON is refused, and the parser's own words are not told", () => {
  for (const text of ["", " ", "{", "[1,]", "{'a':1}", "NaN", '"', '"\\', "[}", "1 2", "\u0000", '"a\nb"']) {
    isRefused(text, /^The body is not valid JSON\.$/);
  }
});

test("it may be nested so deep and no deeper", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  assert.ok(Array.isArray(parseJsonText(nested(100))));
  isRefused(nested(101), /nested/);
  isRefused("[".repeat(1_000_000), /nested/);
  isRefused('{"a":'.repeat(500_000), /nested/);
  isRefused(nested(3), /more than 2 deep/, 2);
  assert.ok(parseJsonText(`[${"[],".repeat(1000)}{}]`, 2), "what lies beside each other is not deep");
});

test("brackets in strings are no depth, whatever is escaped before the quote", () => {
  const text = JSON.stringify({ a: "[[[[", b: '\\"[[[[', c: "\\", d: "\\\\" });
  assert.deepEqual(parseJsonText(text, 1), JSON.parse(text));
  isRefused('["\\\\",[[', /nested/, 2);
});

test("a text that is full of escaped quotes is read to its end", () => {
  const text = JSON.stringify({ a: '\\"'.repeat(200_000) });
  assert.deepEqual(parseJsonText(text), JSON.parse(text));
});

test("no copy of what was parsed changes a prototype", () => {
  const texts = [
    '{"__proto__":{"polluted":1},"a":1}',
    '{"\\u005f_proto__":{"polluted":1},"a":1}',
    '{"a":1,"constructor":{"prototype":{"polluted":1}}}',
    '{"a":1,"c\\u006fnstructor":{"prototype":{"polluted":1}}}',
  ];
  for (const text of texts) {
    const value = parseJsonText(text) as object;
    assert.deepEqual(Object.keys(value), ["a"], text);
    const copy = Object.assign({}, value);
    assert.equal(Object.getPrototypeOf(copy), Object.prototype);
    merge({}, value);
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined, text);
  }
  const deep = parseJsonText('[{"x":[{"__proto__":{"y":1},"k":"__proto__"}]}]');
  assert.deepEqual(deep, [{ x: [{ k: "__proto__" }] }]);
});

/** What careless programs do. */
function merge(target: Record<string, unknown>, source: object): void {
  for (const [key, value] of Object.entries(source)) {
    if (typeof value === "object" && value !== null) merge((target[key] ??= {}) as Record<string, unknown>, value);
    else target[key] = value;
  }
}

test("a member that only sounds so stays", () => {
  assert.deepEqual(parseJsonText('{"constructor":"Ford","proto":1,"prototype":{}}'), {
    constructor: "Ford",
    proto: 1,
    prototype: {},
  });
});
