import assert from "node:assert/strict";
import { test } from "node:test";
import { HEX, hasMember, isFieldValue, isTarget, isToken, splitList, TOKEN } from "./token.ts";

test("a token is one or more tchar, as RFC 9110 §5.6.2 lists them", () => {
  const tchar = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const found = Array.from(TOKEN, (member, octet) => (member === 1 ? String.fromCharCode(octet) : "")).join("");
  assert.equal([...found].sort().join(""), [...tchar].sort().join(""));
  assert.deepEqual([isToken("GET"), isToken(""), isToken("a b"), isToken("\u0141")], [true, false, false, false]);
});

test("a value and a target have nothing above an octet", () => {
  assert.deepEqual(
    [isFieldValue(""), isFieldValue("\xff"), isFieldValue("\u0100"), isFieldValue("\u010a")],
    [true, true, false, false],
  );
  assert.deepEqual([isTarget("/a"), isTarget(""), isTarget("/\u012f"), isTarget("/ ")], [true, false, false, false]);
});

test("hexadecimal digits have their values, and nothing else has one", () => {
  for (let octet = 0; octet < 256; octet++) {
    const expected = "0123456789abcdef".indexOf(String.fromCharCode(octet).toLowerCase());
    assert.equal(HEX[octet], octet > 0x7f || expected < 0 ? 255 : expected, `${octet}`);
  }
});

test("a list is split at commas outside of quotes, and its empty members are dropped", () => {
  const cases: [string, string[]][] = [
    ["", []],
    ["a", ["a"]],
    ["a,b", ["a", "b"]],
    [" a ,\tb\t, c ", ["a", "b", "c"]],
    [",,a,,,b,", ["a", "b"]],
    ['"a,b", c', ['"a,b"', "c"]],
    ['x="a\\",b", c', ['x="a\\",b"', "c"]],
    ['"unbalanced, a', ['"unbalanced, a']],
    ['"\\', ['"\\']],
    ["a;q=0.5, b;q=1", ["a;q=0.5", "b;q=1"]],
  ];
  for (const [value, expected] of cases) assert.deepEqual(splitList(value), expected, value);
});

test("blanks around a member are SP and HTAB, and no other: U+00A0 belongs to it", () => {
  assert.deepEqual(splitList("\xa0chunked,close\xa0, \x85a"), ["\xa0chunked", "close\xa0", "\x85a"]);
  assert.equal(hasMember("close\xa0, x", "close"), false);
});

test("a member is found in any case, alone or among others, and not within another", () => {
  for (const list of ["upgrade", "Upgrade", "keep-alive, UPGRADE", "x,upgrade,y"])
    assert.equal(hasMember(list, "upgrade"), true, list);
  for (const list of ["", "upgraded", "x-upgrade", '"upgrade"', "up, grade", "upgrade;x"])
    assert.equal(hasMember(list, "upgrade"), false, list);
});
