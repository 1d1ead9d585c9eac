import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../base/errors.ts";
import { readDisposition, safeFilename } from "./disposition.ts";

/** As the octets of a head are read: one character each. */
const octets = (text: string): string => Buffer.from(text).toString("latin1");

test("name and filename are read as clients write them", () => {
  const cases: [value: string, name: string, filename: string | undefined][] = [
    ['form-data; name="a"', "a", undefined],
    ["form-data; name=a", "a", undefined],
    ['FORM-DATA ; NAME="a" ; FileName="b.txt" ;', "a", "b.txt"],
    ['form-data; name=""', "", undefined],
    ['form-data; name="a"; filename=""', "a", ""],
    ['form-data; name="a;b=c"; filename="x;y"', "a;b=c", "x;y"],
    ['form-data; name="a\\"b"; filename="c\\\\d"', 'a"b', "d"],
    ['form-data; name="a%22b%0D%0Ac"', 'a"b\r\nc', undefined],
    ['form-data; name="ä"; filename="日本.txt"', "ä", "日本.txt"],
    ["form-data; name=a; filename*=UTF-8''na%C3%AFve.txt", "a", "naïve.txt"],
    ["form-data; name=a; filename=plain.txt; filename*=UTF-8''other.txt", "a", "plain.txt"],
    ["form-data; name=a; filename*=latin1''x", "a", undefined],
    ['form-data; name="a"; filename="C:\\dir\\file.txt"', "a", "file.txt"],
  ];
  for (const [value, name, filename] of cases) {
    assert.deepEqual(readDisposition(octets(value)), { name, filename }, value);
  }
});

test("what is malformed is refused", () => {
  const values = [
    undefined,
    "",
    "form-data",
    "form-datax; name=a",
    "attachment; name=a",
    "form-data; filename=a",
    "form-data; name",
    'form-data; name="a',
    'form-data; name="a" b',
    "form-data; name=a; name=b",
    "form-data; name=a; filename=b; filename=c",
    "form-data; name=a; filename*=UTF-8''%ff",
    `form-data; name="${"\\".repeat(9999)}`,
    `form-data; name="${'\\"'.repeat(9999)}`,
    `form-data; ${" ".repeat(9999)}x`,
  ];
  for (const value of values) {
    assert.throws(
      () => readDisposition(value),
      (error) => error instanceof HttpError && error.status === 400 && error.code === "HTTP_BAD_MULTIPART",
      value?.slice(0, 40),
    );
  }
  assert.throws(() => readDisposition('form-data; name="\xff"'), /UTF-8/);
});

test("a file's name is its last segment, and nothing that is not seen is in it", () => {
  const cases: Record<string, string> = {
    "a.txt": "a.txt",
    "/etc/passwd": "passwd",
    "../../x": "x",
    "..\\..\\x.ini": "x.ini",
    "a/..": "",
    "a/": "",
    ".": "",
    "...": "",
    ".profile": ".profile",
    "a\0b\r\n\tc\x7f": "abc",
    "photo\u202Egpj.exe": "photogpj.exe",
    "  spaced name  ": "spaced name",
    "": "",
    "naïve 日本.txt": "naïve 日本.txt",
  };
  for (const [given, safe] of Object.entries(cases)) assert.equal(safeFilename(given), safe, JSON.stringify(given));
});

test("a long name is cut before its extension, and between characters", () => {
  const cut = safeFilename(`${"日".repeat(500)}.jpeg`);
  assert.match(cut, /^日+\.jpeg$/);
  assert.ok(Buffer.byteLength(cut) <= 200);
  assert.equal(safeFilename("x".repeat(500)).length, 200);
  assert.ok(Buffer.byteLength(safeFilename(`a.${"é".repeat(500)}`)) <= 200);
});
