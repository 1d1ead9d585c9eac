import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalError } from "../base/errors.ts";
import {
  CONNECTION,
  CONTENT_LENGTH,
  type FieldBlock,
  Fields,
  fieldsOver,
  kindsOf,
  lowerCased,
  share,
  titleCased,
  wireText,
} from "./fields.ts";

/** Fields over a block, as the parser makes them. */
function received(lines: readonly (readonly [string, string])[]): Fields {
  let text = "";
  const marks: number[] = [];
  for (const [name, value] of lines) {
    marks.push(
      text.length,
      text.length + name.length,
      text.length + name.length + 2,
      text.length + name.length + 2 + value.length,
    );
    text += `${name}: ${value}\r\n`;
  }
  const block: FieldBlock = { text: `${text}\r\n`, marks };
  return fieldsOver(block);
}

const LINES: readonly (readonly [string, string])[] = [
  ["Host", "a"],
  ["X-Tea", "green"],
  ["set-COOKIE", "a=1"],
  ["x-tea", "black, white"],
  ["Set-Cookie", "b=2"],
];

const KINDS_OF_FIELDS: [string, () => Fields][] = [
  ["received", () => received(LINES)],
  ["made", () => new Fields(LINES)],
  ["shared", () => share(received(LINES))],
];

for (const [kind, make] of KINDS_OF_FIELDS) {
  test(`${kind} fields are found in any case, first, all, or as a list [EL-12]`, () => {
    const fields = make();
    for (const name of ["Host", "host", "HOST", "hOsT"]) assert.equal(fields.get(name), "a");
    assert.deepEqual([fields.get("x-tea"), fields.all("X-TEA")], ["green", ["green", "black, white"]]);
    assert.deepEqual(fields.list("x-tea"), ["green", "black", "white"]);
    assert.deepEqual([fields.get("hos"), fields.has("hostt"), fields.all("nothing")], [undefined, false, []]);
    assert.equal(fields.size, 5);
    assert.deepEqual([...fields], LINES);
  });

  test(`a write to ${kind} fields changes what was meant, in its place`, () => {
    const fields = make();
    fields.set("X-TEA", "none");
    assert.deepEqual(
      [...fields].map((line) => line.join("=")),
      ["Host=a", "X-TEA=none", "set-COOKIE=a=1", "Set-Cookie=b=2"],
    );
    fields.delete("SET-cookie").add("New", "1");
    assert.deepEqual([...fields].flat(), ["Host", "a", "X-TEA", "none", "New", "1"]);
    assert.equal(fields.size, 3);
    assert.equal(wireText(fields), "Host: a\r\nX-TEA: none\r\nNew: 1\r\n");
  });
}

test("names that only resemble a name in another case are other names", () => {
  // These differ by 0x20 as letters of two cases do, and are no letters.
  const fields = new Fields({ "X^": "caret", "X~": "tilde", "X`": "tick" });
  assert.deepEqual(
    [fields.get("X^"), fields.get("X~"), fields.get("X`"), fields.get("X@")],
    ["caret", "tilde", "tick", undefined],
  );
});

test("a write to one of two that share their lines is not seen by the other", () => {
  for (const make of [() => received(LINES), () => new Fields(LINES)]) {
    const original = make();
    const copy = share(original);
    copy.set("Host", "copy");
    original.add("Only", "original");
    assert.deepEqual([original.get("host"), copy.get("host")], ["a", "copy"]);
    assert.deepEqual([original.has("only"), copy.has("only")], [true, false]);
    const second = share(copy);
    copy.delete("host");
    assert.deepEqual([copy.has("host"), second.get("host")], [false, "copy"]);
  }
});

test("the text for the wire follows every write", () => {
  const fields = new Fields({ A: "1" });
  assert.equal(wireText(fields), "A: 1\r\n");
  assert.equal(wireText(fields.set("a", "2")), "a: 2\r\n");
  assert.equal(wireText(fields.add("B", "\xe4")), "a: 2\r\nB: \xe4\r\n");
  assert.equal(wireText(fields.delete("A")), "B: \xe4\r\n");
  assert.equal(wireText(new Fields()), "");
});

test("an iterable and a record make the same fields, with lists for lines that repeat", () => {
  const record = new Fields({ A: "1", "Set-Cookie": ["a=1", "b=2"], None: [] });
  assert.deepEqual([...record].flat(), ["A", "1", "Set-Cookie", "a=1", "Set-Cookie", "b=2"]);
  assert.deepEqual([...new Fields(record)], [...record]);
});

test("a name that is no token, and a value that could split a message, are refused everywhere", () => {
  const bad = (error: unknown): boolean => error instanceof LocalError && error.code === "USE_BAD_FIELD";
  for (const value of ["a\r\nSet-Cookie: b=c", "a\n", "\r", "\0", "\x7f", "\x1b", "\u0100", "\u20ac", "\ud83d\ude00"]) {
    assert.throws(() => new Fields({ A: value }), bad, JSON.stringify(value));
    assert.throws(() => new Fields([["A", value]]), bad);
    assert.throws(() => new Fields({ A: ["x", value] }), bad);
    assert.throws(() => new Fields({ A: "x" }).set("A", value), bad);
    assert.throws(() => new Fields().add("A", value), bad);
  }
  for (const name of ["", "a b", "a:", "a\r\n", "\xe4", "a\0", "(a)"]) {
    assert.throws(() => new Fields({ [name]: "x" }), bad, JSON.stringify(name));
    assert.throws(() => new Fields().set(name, "x"), bad);
  }
  for (const value of [1, null, undefined, {}, true]) assert.throws(() => new Fields({ A: value as never }), bad);
  assert.throws(() => new Fields([[1 as never, "x"]]), bad);
  assert.equal(new Fields({ A: "tab\there \xff" }).get("a"), "tab\there \xff");
});

test("a write that is refused changes nothing", () => {
  const fields = new Fields({ A: "1" });
  assert.throws(() => fields.set("A", "\n"));
  assert.throws(() => fields.add("B", "\n"));
  assert.deepEqual([...fields], [["A", "1"]]);
});

test("the framing fields among them are known after every write", () => {
  const fields = new Fields({ "content-LENGTH": "5" });
  assert.equal(kindsOf(fields), CONTENT_LENGTH);
  assert.equal(kindsOf(fields.set("Connection", "close")), CONTENT_LENGTH | CONNECTION);
  assert.equal(kindsOf(fields.delete("Content-Length")), CONNECTION);
  assert.equal(kindsOf(received([["CONNECTION", "x"]])), CONNECTION);
});

test("more names than are remembered are still checked", () => {
  for (let i = 0; i < 2000; i++) assert.equal(new Fields({ [`N-${i}`]: "x" }).get(`n-${i}`), "x");
  assert.throws(() => new Fields({ "N 1": "x" }));
});

test("title and lower case are views of their own: order and duplicates stay, the original is as it was [GB-24]", () => {
  const fields = received([
    ["x-foo-bar", "1"],
    ["HOST", "a"],
    ["X-FOO-bar", "2"],
    ["dnt", "1"],
    ["a--b9c", "x"],
  ]);
  assert.deepEqual(
    [...titleCased(fields)].map(([name]) => name),
    ["X-Foo-Bar", "Host", "X-Foo-Bar", "Dnt", "A--B9c"],
  );
  assert.deepEqual(
    [...lowerCased(fields)].map(([name]) => name),
    ["x-foo-bar", "host", "x-foo-bar", "dnt", "a--b9c"],
  );
  assert.deepEqual(
    [...fields].map(([name]) => name),
    ["x-foo-bar", "HOST", "X-FOO-bar", "dnt", "a--b9c"],
  );
});

test("setting, reading and deleting one field leaves the others in order [CH-59]", () => {
  const fields = new Fields({ A: "1", B: "2", C: "3" });
  fields.set("b", "new");
  assert.equal(fields.get("B"), "new");
  assert.deepEqual([...fields.delete("B")].flat(), ["A", "1", "C", "3"]);
});
