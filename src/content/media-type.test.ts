import assert from "node:assert/strict";
import { test } from "node:test";
import { MIMEType } from "node:util";
import { seeded } from "../testing/index.ts";
import { readMediaType } from "./media-type.ts";

const read = (text: string): unknown => {
  const type = readMediaType(text);
  return type && [type.essence, Object.fromEntries(type.params)];
};

test("a media type and its parameters are read as clients write them", () => {
  const cases: [string, string, Record<string, string>][] = [
    ["text/plain", "text/plain", {}],
    [" Text/PLAIN\t", "text/plain", {}],
    ["text/plain;charset=UTF-8", "text/plain", { charset: "UTF-8" }],
    ["text/plain ; Charset=utf-8 ; format = flowed; a=b ", "text/plain", { charset: "utf-8", a: "b" }],
    ['multipart/form-data; boundary="a b;c"', "multipart/form-data", { boundary: "a b;c" }],
    ['a/b; c="d\\"e\\\\f" ignored; g=h', "a/b", { c: 'd"e\\f', g: "h" }],
    ["a/b; c=d=e", "a/b", { c: "d=e" }],
    ["a/b; c= d", "a/b", { c: " d" }],
    ["a/b; charset; =x; c=; ;; d=e", "a/b", { d: "e" }],
    ['a/b; c="', "a/b", { c: "" }],
    ['a/b; c="d;e', "a/b", { c: "d;e" }],
    ['a/b; c="d\\', "a/b", { c: "d\\" }],
    ["a/b; c=d; C=d", "a/b", { c: "d" }],
  ];
  for (const [text, essence, params] of cases) assert.deepEqual(read(text), [essence, params], text);
});

test("what is no media type is none, and neither is one that gives a parameter two values", () => {
  for (const text of ["", "text", "text/", "/plain", "text/pl ain", "text /plain", "a/b/c", "te(xt/plain", "*"]) {
    assert.equal(read(text), undefined, text);
  }
  for (const text of ["a/b; boundary=c; boundary=d", 'a/b; boundary=c; Boundary="d"']) {
    assert.equal(read(text), undefined, text);
  }
});

test("it is what the platform reads, whatever is written, but for two values of one parameter", () => {
  const pieces = [
    "text",
    "/",
    "plain",
    ";",
    " ",
    "\t",
    "=",
    '"',
    "\\",
    "a",
    "b",
    "charset",
    "utf-8",
    "é",
    "(",
    "; a=b",
  ];
  const chance = seeded(11);
  for (let i = 0; i < 20_000; i++) {
    const rest = Array.from({ length: chance(12) }, () => pieces[chance(pieces.length)] as string).join("");
    // A header's value has no blanks at its ends, where the versions of Node differ.
    const text = (chance(3) === 0 ? rest : `text/plain${rest}`).trim();
    let platform: [string, [string, string][]] | undefined;
    try {
      const { essence, params } = new MIMEType(text);
      platform = [essence, [...params]];
    } catch {
      platform = undefined;
    }
    const type = readMediaType(text);
    if (type === undefined && platform !== undefined) {
      assert.match(text, /(\w+) *=.*\b\1=/s, text); // twice
      continue;
    }
    assert.deepEqual(type && [type.essence, [...type.params]], platform, JSON.stringify(text));
  }
});
