import assert from "node:assert/strict";
import { test } from "node:test";
import { entityTags, isWeaklyEqual } from "./entity-tag.ts";

test("a tag is what stands between quotation marks: commas, backslashes and blanks are part of it", () => {
  const cases: [string[], readonly string[] | "*"][] = [
    [[], []],
    [[""], []],
    [["*"], "*"],
    [[" * "], "*"],
    [['"a"'], ['"a"']],
    [['"a", W/"b",\t"c" ,"d"'], ['"a"', 'W/"b"', '"c"', '"d"']],
    [['"a,b"'], ['"a,b"']],
    [['"a,b","c,,d", ",", ""'], ['"a,b"', '"c,,d"', '","', '""']],
    [['"a\\"'], ['"a\\"']],
    [['"a\\", "b"'], ['"a\\"', '"b"']],
    [['"\\\\", W/"\\"'], ['"\\\\"', 'W/"\\"']],
    [['"a b"'], ['"a b"']],
    [['"\xe4"'], ['"\xe4"']],
    [[',, "a",, "b",'], ['"a"', '"b"']],
    [
      ['"a"', '"b", "c"'],
      ['"a"', '"b"', '"c"'],
    ],
    // No tag goes on in another line.
    [
      ['"a', 'b"'],
      ['"a', 'b"'],
    ],
    // What is no tag.
    [["a"], ["a"]],
    [['a, "b"'], ["a", '"b"']],
    [['"a"b, "c"'], ['"a"b', '"c"']],
    [['"a, b'], ['"a', "b"]],
    [['w/"a"'], ['w/"a"']],
    [['W/ "a"'], ['W/ "a"']],
    [['"b", *'], ['"b"', "*"]],
    [
      ["*", '"a"'],
      ["*", '"a"'],
    ],
  ];
  for (const [lines, tags] of cases) assert.deepEqual(entityTags(lines), tags, JSON.stringify(lines));
});

test("tags are weakly equal where they are alike but for W/", () => {
  assert.equal(isWeaklyEqual('"a"', '"a"'), true);
  assert.equal(isWeaklyEqual('W/"a"', '"a"'), true);
  assert.equal(isWeaklyEqual('"a"', 'W/"a"'), true);
  assert.equal(isWeaklyEqual('W/"a"', 'W/"a"'), true);
  assert.equal(isWeaklyEqual('"a"', '"A"'), false);
  assert.equal(isWeaklyEqual('w/"a"', '"a"'), false);
});
