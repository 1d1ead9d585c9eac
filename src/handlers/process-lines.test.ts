// Lines, whatever pieces they come in.
import assert from "node:assert/strict";
import { test } from "node:test";
import { asEvents, LINE_LENGTH, Lines } from "./process-lines.ts";

function linesOf(pieces: readonly Uint8Array[]): string[] {
  const lines = new Lines();
  return [...pieces.flatMap((piece) => lines.push(piece)), ...lines.end()];
}

const INPUTS: readonly (readonly [input: string, lines: readonly string[]])[] = [
  ["", []],
  ["one", ["one"]],
  ["one\ntwo\n", ["one", "two"]],
  ["one\r\ntwo\rthree\n\nfour", ["one", "two", "three", "", "four"]],
  ["\r\n\r\n\r", ["", "", ""]],
  ["ä\n\u{1f375} tea\r", ["ä", "\u{1f375} tea"]],
];

for (const [input, lines] of INPUTS) {
  test(`${JSON.stringify(input)} is ${lines.length} lines, whole, octet by octet and cut anywhere`, () => {
    const bytes = Buffer.from(input);
    assert.deepEqual(linesOf([bytes]), lines);
    assert.deepEqual(linesOf([...bytes].map((octet) => Uint8Array.of(octet))), lines);
    for (let at = 0; at <= bytes.length; at++) {
      assert.deepEqual(linesOf([bytes.subarray(0, at), bytes.subarray(at)]), lines);
    }
  });
}

test("a line that does not end is cut, and what is not UTF-8 is replaced", () => {
  const lines = new Lines();
  const long = lines.push(Buffer.alloc(2 * LINE_LENGTH + 5, "x"));
  assert.deepEqual(
    [...long, ...lines.end()].map(({ length }) => length),
    [LINE_LENGTH, LINE_LENGTH, 5],
  );
  assert.deepEqual(linesOf([Uint8Array.of(0x61, 0xff, 0x0a)]), ["a\ufffd"]);
});

test("a line is one event, an empty one too", () => {
  assert.equal(asEvents("stdout", ["a", ""]), "event: stdout\ndata: a\n\nevent: stdout\ndata: \n\n");
  assert.equal(asEvents("stdout", []), "");
});
