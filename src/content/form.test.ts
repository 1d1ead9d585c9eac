import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError } from "../base/errors.ts";
import { seeded } from "../testing/index.ts";
import { type FormOptions, parseForm } from "./form.ts";
import { Params } from "./params.ts";

function refused(text: string, options?: FormOptions): HttpError {
  try {
    parseForm(text, options);
  } catch (error) {
    assert.ok(error instanceof HttpError);
    return error;
  }
  assert.fail(`${text} was not refused`);
}

test("the documented example of six parts is decoded as it says [EL-19]", () => {
  assert.deepEqual(
    [...parseForm("p=10&a+c=20&d=x+y&z=this%20is%09me+and%20this")],
    [
      ["p", "10"],
      ["a c", "20"],
      ["d", "x y"],
      ["z", "this is\tme and this"],
    ],
  );
});

test("pairs are decoded: table of rules [EL-19]", () => {
  const cases: [text: string, pairs: [string, string][]][] = [
    ["", []],
    ["&&", []],
    [
      "a&b=",
      [
        ["a", ""],
        ["b", ""],
      ],
    ],
    ["a=b=c", [["a", "b=c"]]],
    ["=x", [["", "x"]]],
    [
      "a=1&a=2",
      [
        ["a", "1"],
        ["a", "2"],
      ],
    ],
    ["a=%0D%0A%09", [["a", "\r\n\t"]]],
    ["a=%2B+%26%3D", [["a", "+ &="]]],
    ["n%C3%A4me=%E2%82%AC", [["näme", "€"]]],
    ["a=%f0%9f%8d%B5", [["a", "🍵"]]],
    ["a=%00", [["a", "\0"]]],
    ["a;b=c", [["a;b", "c"]]],
    ["%61=%62", [["a", "b"]]],
  ];
  for (const [text, pairs] of cases) assert.deepEqual([...parseForm(text)], pairs, text);
});

test("what was sent is there beside what it means, and a name without an equals sign is told apart", () => {
  assert.deepEqual(
    parseForm("a&b=&c+d=%20")
      .entries()
      .map(({ name, raw, source }) => [name, raw, source]),
    [
      ["a", null, "form"],
      ["b", "", "form"],
      ["c d", "%20", "form"],
    ],
  );
});

test("where a form is strict, what cannot be decoded is refused with the name of the parameter [EL-19]", () => {
  const cases: [text: string, parameter: string, reason: string][] = [
    ["a=%", "a", "has a malformed percent sequence"],
    ["a=%4", "a", "has a malformed percent sequence"],
    ["a=%zz", "a", "has a malformed percent sequence"],
    ["x=1&a=%u0041", "a", "has a malformed percent sequence"],
    ["a=%ff", "a", "is not valid UTF-8"],
    ["a=%C3", "a", "is not valid UTF-8"],
    ["a=%ED%A0%80", "a", "is not valid UTF-8"],
    ["a=%C0%AF", "a", "is not valid UTF-8"],
    ["%zz=1", "%zz", "has a malformed name"],
  ];
  for (const [text, parameter, reason] of cases) {
    const error = refused(text, { malformed: "refuse" });
    assert.deepEqual(
      [error.status, error.code, error.issues],
      [400, "HTTP_BAD_PARAMETER", [{ parameter, reason }]],
      text,
    );
  }
});

test("each wrong parameter is named, and of very many ten", () => {
  assert.deepEqual(
    refused("a=%&b=1&c=%ff", { malformed: "refuse" }).issues?.map(({ parameter }) => parameter),
    ["a", "c"],
  );
  assert.equal(refused("a=%&".repeat(500), { malformed: "refuse" }).issues?.length, 10);
  assert.ok(refused(`${"n".repeat(5000)}=%`, { malformed: "refuse" }).message.length < 300);
});

test("what cannot be decoded stays as it stands, where nobody is strict [EL-19]", () => {
  assert.deepEqual(
    [...parseForm("a=100%&b=%zz+%41&c=%ff&%=x")],
    [
      ["a", "100%"],
      ["b", "%zz A"],
      ["c", "\ufffd"],
      ["%", "x"],
    ],
  );
});

test("whatever is sent means what it means to the platform; where the form is strict, it does or is refused", () => {
  const chance = seeded(3);
  const pieces = [
    "a",
    "=",
    "&",
    "+",
    "%",
    "%4",
    "%41",
    "%zz",
    "%00",
    "%c3%a9",
    "%C3",
    "%ff",
    ";",
    "%26",
    "%3D",
    "%25",
    " ",
  ];
  const outcomes = { refused: 0, read: 0 };
  for (let round = 0; round < 5000; round++) {
    const text = Array.from({ length: chance(12) }, () => pieces[chance(pieces.length)]).join("");
    // A question mark in front: the platform takes one off. All is ASCII, as queries and forms are.
    const platform = [...new URLSearchParams(`?${text}`)];
    assert.deepEqual([...parseForm(text)], platform, JSON.stringify(text));
    try {
      assert.deepEqual([...parseForm(text, { malformed: "refuse" })], platform, JSON.stringify(text));
      outcomes.read++;
    } catch (error) {
      assert.ok(error instanceof HttpError && error.status === 400, JSON.stringify(text));
      outcomes.refused++;
    }
  }
  assert.ok(outcomes.read > 500 && outcomes.refused > 500);
});

test("there may be so many pairs and no more", () => {
  assert.equal(parseForm("a&".repeat(1000)).size, 1000);
  const error = refused("a&".repeat(1001));
  assert.deepEqual([error.status, error.code], [413, "HTTP_BODY_TOO_LARGE"]);
  assert.equal(refused("a&b&c", { pairs: 2 }).status, 413);
});

test("values are asked for by name: first, all, one or list, with a fallback [EL-18]", () => {
  const params = parseForm("a=b&x=y&a=c");
  assert.deepEqual([params.get("a"), params.get("x"), params.get("z")], ["b", "y", undefined]);
  assert.deepEqual([params.get("z", "none"), params.get("z", null), params.get("a", "none")], ["none", null, "b"]);
  assert.deepEqual([params.all("a"), params.all("z")], [["b", "c"], []]);
  assert.deepEqual(
    [params.value("a"), params.value("x"), params.value("z"), params.value("z", "none")],
    [["b", "c"], "y", undefined, "none"],
  );
  assert.deepEqual([params.has("a"), params.has("z"), params.size, params.names()], [true, false, 3, ["a", "x"]]);
  assert.deepEqual(
    [...params.only("a", "z")],
    [
      ["a", "b"],
      ["a", "c"],
    ],
  );
});

test("what is missing and has to be there is a refusal that names it [EL-18] [HS-14]", () => {
  assert.equal(parseForm("a=b").require("a"), "b");
  assert.throws(
    () => parseForm("a=b").require("z"),
    (error) => error instanceof HttpError && error.status === 400 && error.message === 'The parameter "z" is missing.',
  );
});

test("text() gives numbers and booleans as text, and refuses what is none", () => {
  const params = new Params<unknown>(
    Object.entries({ s: "x", n: 1.5, b: false, o: {}, l: ["x"], z: null }).map(([name, value]) => ({
      name,
      value,
      raw: undefined,
      source: "json" as const,
    })),
  );
  assert.deepEqual(
    ["s", "n", "b", "none"].map((name) => params.text(name)),
    ["x", "1.5", "false", undefined],
  );
  assert.equal(params.text("none", "f"), "f");
  for (const name of ["o", "l", "z"]) assert.throws(() => params.text(name), /is not text/);
});

test("names of an object's members are names like any other", () => {
  const params = parseForm("__proto__=x&constructor=y&hasOwnProperty=z");
  assert.deepEqual(params.names(), ["__proto__", "constructor", "hasOwnProperty"]);
  assert.deepEqual([params.get("__proto__"), params.get("toString"), params.has("valueOf")], ["x", undefined, false]);
  assert.equal(Object.getPrototypeOf(Object.fromEntries(params)), Object.prototype);
});
