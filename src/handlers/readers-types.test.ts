import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { HttpError, LocalError } from "../base/errors.ts";
import { SEGMENT_TYPES } from "../route/index.ts";
import type { Reader } from "./readers.ts";
import { t } from "./readers-types.ts";

/** What a reader makes of a text: the value, or why not. */
async function made(reader: Reader<unknown>, raw: unknown): Promise<unknown> {
  try {
    return await reader.read(raw, "p");
  } catch (error) {
    assert.ok(error instanceof HttpError, String(error));
    assert.equal(error.status, 400);
    assert.equal(error.code, "HTTP_BAD_PARAMETER");
    return error.message;
  }
}

/** What a reader makes of a value of JSON. */
async function ofJson(reader: Reader<unknown>, value: unknown): Promise<unknown> {
  const members = (await made(t.object({ p: reader }), { p: value })) as { readonly p: unknown } | string;
  return typeof members === "string" ? members.replaceAll("p.p", "p") : members.p;
}

const INTEGER = "p: it is not an integer";
const LARGE = "p: it is too large";
const NUMBER = "p: it is not a number";
const BOOLEAN = "p: it is neither true nor false";
const DATE = "p: it is not a date, or a date and time with its zone";
const JSON_REASON = "p: it is not JSON, or nested too deep";

// biome-ignore format: a table, a row a text
const TEXTS: readonly (readonly [name: string, reader: Reader<unknown>, raw: unknown, expected: unknown])[] = [
  ["string", t.string, "a b", "a b"],
  ["string", t.string, "", ""],
  ["string", t.string, undefined, "p: it is missing"],
  ["integer", t.integer, "12", 12],
  ["integer", t.integer, "-7", -7],
  ["integer", t.integer, "007", 7],
  ["integer", t.integer, "9007199254740991", Number.MAX_SAFE_INTEGER],
  ["integer", t.integer, "9007199254740992", LARGE],
  ["integer", t.integer, "1".repeat(8000), LARGE],
  ["integer", t.integer, "12abc", INTEGER],
  ["integer", t.integer, "0x10", INTEGER],
  ["integer", t.integer, "1e3", INTEGER],
  ["integer", t.integer, " 1", INTEGER],
  ["integer", t.integer, "1\n", INTEGER],
  ["integer", t.integer, "+1", INTEGER],
  ["integer", t.integer, "1.0", INTEGER],
  ["integer", t.integer, "１", INTEGER],
  ["integer", t.integer, "NaN", INTEGER],
  ["integer", t.integer, "Infinity", INTEGER],
  ["integer", t.integer, "", INTEGER],
  ["number", t.number, "1.5", 1.5],
  ["number", t.number, "-2e-3", -0.002],
  ["number", t.number, "1e400", LARGE],
  ["number", t.number, "NaN", NUMBER],
  ["number", t.number, "Infinity", NUMBER],
  ["number", t.number, ".5", NUMBER],
  ["number", t.number, "5.", NUMBER],
  ["number", t.number, "0x10", NUMBER],
  ["number", t.number, "1_000", NUMBER],
  ["boolean", t.boolean, "true", true],
  ["boolean", t.boolean, "false", false],
  ["boolean", t.boolean, "TRUE", BOOLEAN],
  ["boolean", t.boolean, "1", BOOLEAN],
  ["boolean", t.boolean, "", BOOLEAN],
  ["oneOf", t.oneOf("asc", "desc"), "asc", "asc"],
  ["oneOf", t.oneOf("asc", "desc"), "ASC", "p: it is not one of asc, desc"],
  ["oneOf", t.oneOf("asc", "desc"), "__proto__", "p: it is not one of asc, desc"],
  ["oneOf", t.oneOf("ASC", "DESC").anyCase(), "asc", "ASC"],
  ["oneOf", t.oneOf("ASC", "DESC").anyCase(), "up", "p: it is not one of ASC, DESC"],
  ["integer", t.integer.leading(), "12abc", 12],
  ["integer", t.integer.leading(), " -7.5", -7],
  ["integer", t.integer.leading(), "+3", 3],
  ["integer", t.integer.leading(), "abc12", INTEGER],
  ["integer", t.integer.leading(), "", INTEGER],
  ["integer", t.integer.leading(), "99999999999999999999x", LARGE],
  ["integer", t.integer.min(2).leading().max(64), "65 bytes", "p: it is more than 64"],
  ["keyword", t.keyword, "large", "LARGE"],
  ["keyword", t.keyword, "Very-Large", "VERY-LARGE"],
  ["keyword", t.keyword, "straße", "STRASSE"],
  ["keyword", t.keyword, "", "p: it is not a keyword"],
  ["keyword", t.keyword.optional(), "", undefined],
  ["keyword", t.keyword.pattern(/^[A-Z]+$/), "a1", "p: it is not of the form that is asked for"],
  ["keyword", t.keyword.max(3), "abcd", "p: it has more than 3 characters"],
  ["keyword", t.json.of(t.listOf(t.keyword)), '["a","B"]', ["A", "B"]],
  ["keyword", t.json.of(t.listOf(t.keyword)), '["a",1,""]', "p.1: it is not a keyword; p.2: it is not a keyword"],
  ["keyword", t.listOf(t.keyword), ["a", "b"], ["A", "B"]],
  ["json", t.json, '{"a":[1]}', { a: [1] }],
  ["json", t.json, "null", null],
  ["json", t.json, "{", JSON_REASON],
  ["json", t.json, "", JSON_REASON],
  ["json", t.json, "[".repeat(5000) + "]".repeat(5000), JSON_REASON],
  ["json", t.json.of(t.listOf(t.integer)), "[1,2]", [1, 2]],
  ["json", t.json.of(t.listOf(t.integer)), '[1,"2",3.5]', "p.1: it is not an integer; p.2: it is not an integer"],
  ["json", t.json.of(t.listOf(t.oneOf("a", "b"))), '["a","c"]', "p.1: it is not one of a, b"],
  ["json", t.json.of(t.integer), '"1"', INTEGER],
  ["listOf", t.listOf(t.integer), ["1", "2"], [1, 2]],
  ["listOf", t.listOf(t.integer), "1", [1]],
  ["listOf", t.listOf(t.integer), ["1", "x"], "p.1: it is not an integer"],
  ["listOf", t.listOf(t.integer).split(","), "1,2,3", [1, 2, 3]],
  ["listOf", t.listOf(t.integer).split(","), ["1,2", "3"], [1, 2, 3]],
  ["listOf", t.listOf(t.integer).split(","), "1,,3", "p.1: it is not an integer"],
  ["listOf", t.listOf(t.integer).split(","), "", []],
  ["listOf", t.listOf(t.string).min(1).max(2), ["a", "b", "c"], "p: it has more than 2 elements"],
  ["listOf", t.listOf(t.string).split(",").min(1), "", "p: it has less than 1 element"],
  ["object", t.object({ a: t.integer }), "{}", "p: it is not an object"],
];

test("each type reads the texts that are wholly of it, and says why not of the others [HS-15]", async () => {
  for (const [name, reader, raw, expected] of TEXTS) {
    assert.deepEqual(await made(reader, raw), expected, `${name} of ${JSON.stringify(raw)?.slice(0, 80)}`);
  }
});

// biome-ignore format: a table, a row a value
const VALUES: readonly (readonly [name: string, reader: Reader<unknown>, value: unknown, expected: unknown])[] = [
  ["string", t.string, 1, "p: it is not text"],
  ["string", t.string, null, "p: it is not text"],
  ["string", t.string, ["a"], "p: it is not text"],
  ["integer", t.integer, 12, 12],
  ["integer", t.integer, 1e15, 1e15],
  ["integer", t.integer, "12", INTEGER],
  ["integer", t.integer, 1.5, INTEGER],
  ["integer", t.integer, 1e300, LARGE],
  ["integer", t.integer, Number.POSITIVE_INFINITY, LARGE],
  ["integer", t.integer, Number.NaN, INTEGER],
  ["integer", t.integer, [1], INTEGER],
  ["integer", t.integer, true, INTEGER],
  ["integer", t.integer.leading(), 12, 12],
  ["integer", t.integer.leading(), "12", INTEGER],
  ["integer", t.integer.leading(), 1.5, INTEGER],
  ["integer", t.integer.leading(), [1], INTEGER],
  ["keyword", t.keyword, "a", "A"],
  ["keyword", t.keyword, 1, "p: it is not a keyword"],
  ["keyword", t.keyword, null, "p: it is not a keyword"],
  ["number", t.number, "1.5", NUMBER],
  ["number", t.number, Number.POSITIVE_INFINITY, LARGE],
  ["boolean", t.boolean, "true", BOOLEAN],
  ["boolean", t.boolean, 1, BOOLEAN],
  ["boolean", t.boolean, false, false],
  ["date", t.date, 0, DATE],
  ["oneOf", t.oneOf("a"), ["a"], "p: it is not one of a"],
  ["listOf", t.listOf(t.integer), [1, 2], [1, 2]],
  ["listOf", t.listOf(t.integer), ["1"], "p.0: it is not an integer"],
  ["listOf", t.listOf(t.integer), 1, "p: it is not a list"],
  ["listOf", t.listOf(t.integer), [null], "p.0: it is not an integer"],
  ["listOf", t.listOf(t.string).split(","), ["a,b"], ["a,b"]],
  ["json", t.json, "{", "{"],
  ["object", t.object({ a: t.integer, b: t.string.optional() }), { a: 1, c: 2 }, { a: 1, b: undefined }],
  ["object", t.object({ a: t.integer }), [1], "p: it is not an object"],
  ["object", t.object({ a: t.integer }), null, "p: it is not an object"],
  ["object", t.object({ a: t.integer, b: t.integer }), { b: "1" }, "p.a: it is missing; p.b: it is not an integer"],
  ["object", t.object({ a: t.object({ b: t.listOf(t.boolean) }) }), { a: { b: [1] } }, "p.a.b.0: it is neither true nor false"],
  ["object", t.object({ constructor: t.string, toString: t.string }), {}, "p.constructor: it is missing; p.toString: it is missing"],
  ["file", t.file, { filename: "x", path: "/etc/passwd" }, "p: it is not a file"],
];

test("of JSON the types count: a text is no number, and what an object inherits is no member [HS-15]", async () => {
  for (const [name, reader, value, expected] of VALUES) {
    assert.deepEqual(await ofJson(reader, value), expected, `${name} of ${JSON.stringify(value)}`);
  }
});

test("what a segment of a pattern takes for a number or a boolean, a reader does too, and makes the same of it", () => {
  const texts = fc.stringMatching(/^[-+]?[0-9]{0,18}(\.[0-9]{0,3})?([eE][-+]?[0-9]{0,3})?$|^(true|false|TRUE)$/);
  const pairs = [
    ["integer", t.integer],
    ["number", t.number],
    ["boolean", t.boolean],
  ] as const;
  fc.assert(
    fc.property(texts, (text) => {
      for (const [name, reader] of pairs) {
        if (SEGMENT_TYPES.get(name)?.(text) === true)
          assert.equal(reader.read(text), name === "boolean" ? text === "true" : Number(text) + 0);
      }
    }),
    { seed: 7, numRuns: 2000 },
  );
});

test("minus nought is nought", () => {
  assert.ok(Object.is(t.integer.read("-0"), 0));
  assert.ok(Object.is(t.number.read("-0.0"), 0));
});

// biome-ignore format: a table, a row a text
const DATES: readonly (readonly [text: string, iso: string | undefined])[] = [
  ["2024-02-29", "2024-02-29T00:00:00.000Z"],
  ["2023-02-29", undefined],
  ["1900-02-29", undefined],
  ["2000-02-29", "2000-02-29T00:00:00.000Z"],
  ["2024-04-31", undefined],
  ["2024-13-01", undefined],
  ["2024-00-10", undefined],
  ["0050-01-01", "0050-01-01T00:00:00.000Z"],
  ["2024-05-06T07:08:09Z", "2024-05-06T07:08:09.000Z"],
  ["2024-05-06t07:08:09z", "2024-05-06T07:08:09.000Z"],
  ["2024-05-06T07:08Z", "2024-05-06T07:08:00.000Z"],
  ["2024-05-06T07:08:09.5Z", "2024-05-06T07:08:09.500Z"],
  ["2024-05-06T07:08:09.123456789+02:00", "2024-05-06T05:08:09.123Z"],
  ["2024-12-31T23:30:00-01:00", "2025-01-01T00:30:00.000Z"],
  ["2024-05-06T07:08:09", undefined],
  ["2024-05-06T24:00:00Z", undefined],
  ["2024-05-06T23:59:60Z", undefined],
  ["2024-05-06T07:08:09+24:00", undefined],
  ["2024-05-06 07:08:09Z", undefined],
  ["2024-5-6", undefined],
  ["20240506", undefined],
  ["1", undefined],
  ["", undefined],
  ["Mon, 06 May 2024 07:08:09 GMT", undefined],
];

test("a date is one of the calendar, and a time has its zone", async () => {
  for (const [text, iso] of DATES) {
    const expected = iso === undefined ? DATE : new Date(iso);
    assert.deepEqual(await made(t.date, text), expected, text);
  }
});

test("both bounds belong to what is allowed [HS-18]", async () => {
  const players = t.integer
    .min(2)
    .max(64)
    .where((count) => count % 2 === 0, "it is odd");
  assert.deepEqual(await Promise.all(["2", "64", "1", "65", "3"].map((text) => made(players, text))), [
    2,
    64,
    "p: it is less than 2",
    "p: it is more than 64",
    "p: it is odd",
  ]);
  const name = t.string.min(2).max(3);
  assert.deepEqual(await Promise.all(["ab", "abc", "a", "abcd"].map((text) => made(name, text))), [
    "ab",
    "abc",
    "p: it has less than 2 characters",
    "p: it has more than 3 characters",
  ]);
  const day = t.date.min(new Date("2024-01-01")).max(new Date("2024-12-31"));
  assert.deepEqual(await made(day, "2024-12-31"), new Date("2024-12-31"));
  assert.equal(await made(day, "2023-12-31"), "p: it is before 2024-01-01T00:00:00.000Z");
  assert.equal(await made(day, "2025-01-01"), "p: it is after 2024-12-31T00:00:00.000Z");
});

test("a pattern answers the same each time, though its expression remembers where it was", async () => {
  const word = t.string.pattern(/^[a-z]+$/g);
  assert.deepEqual([await made(word, "ab"), await made(word, "ab")], ["ab", "ab"]);
  assert.equal(await made(word, "AB"), "p: it is not of the form that is asked for");
  assert.equal(await made(t.string.pattern(/^\d+$/, "it is no number"), "x"), "p: it is no number");
});

test("what is left out is undefined, or the default; empty text is left out where it cannot be a value", async () => {
  assert.equal(await made(t.integer.optional(), undefined), undefined);
  assert.equal(await made(t.integer.optional(), ""), undefined);
  assert.equal(await made(t.string.optional(), ""), "");
  assert.equal(await made(t.integer.default(20), undefined), 20);
  assert.equal(await made(t.integer.default(20), ""), 20);
  assert.equal(await made(t.integer.default(20), "x"), INTEGER);
  assert.equal(await made(t.integer.default(null), undefined), null);
  assert.equal(await made(t.string.default("none"), ""), "");
  const first = t.listOf(t.string).default(() => []);
  assert.deepEqual(await made(first, undefined), []);
  assert.notEqual(first.read(undefined), first.read(undefined));
  // A default is the program's: it need not be what a client may send.
  assert.equal(await made(t.integer.min(1).default(-1), undefined), -1);
});

test("a reader is a value: a method makes another one", async () => {
  const any = t.integer;
  const small = any.max(3);
  const odd = small.where((n) => n % 2 === 1, "it is even");
  assert.deepEqual(
    [await made(any, "4"), await made(small, "4"), await made(small, "2"), await made(odd, "2")],
    [4, "p: it is more than 3", 2, "p: it is even"],
  );
});

test("a check may wait, and then so does the reader; without one there is no promise", async () => {
  const free = t.string.where(async (name) => name !== "taken", "it is taken");
  assert.ok(free.read("x") instanceof Promise);
  assert.equal(await made(free, "taken"), "p: it is taken");
  assert.equal(await made(t.listOf(free), ["a", "taken"]), "p.1: it is taken");
  assert.equal(
    await made(
      free.where((name) => name.length > 1, "it is short"),
      "x",
    ),
    "p: it is short",
  );
  assert.equal(t.string.where((text) => text !== "", "it is empty").read("x"), "x");
});

test("what is cheap is checked first: a length before an expression, a number of elements before the elements", async () => {
  const asked: string[] = [];
  const text = t.string.where((value) => asked.push(value) > 0, "no").max(3);
  assert.equal(await made(text, "abcd"), "p: it has more than 3 characters");
  const list = t.listOf(t.string.where(async (value) => asked.push(value) > 0, "no"));
  assert.equal(await made(list.max(2), ["a", "b", "c"]), "p: it has more than 2 elements");
  assert.equal(await made(list.max(2).split(","), "a,b,c"), "p: it has more than 2 elements");
  assert.deepEqual(asked, []);
  assert.deepEqual(await made(list.max(2), ["a", "b"]), ["a", "b"]);
});

test("a member of an object may have another name in JSON", async () => {
  const board = t.object({ id: t.integer.from("json", "board_id") });
  assert.deepEqual(await made(board, { board_id: 1, id: 2 }), { id: 1 });
  assert.equal(await made(board, { id: 2 }), "p.board_id: it is missing");
  assert.deepEqual(board.describe(), {
    type: "object",
    properties: { board_id: { type: "integer" } },
    required: ["board_id"],
  });
});

test("what is wrong in a thousand places is told in a few, on one line each", async () => {
  const reason = (await made(t.listOf(t.integer), Array(1000).fill("x"))) as string;
  assert.equal(reason.split("; ").length, 32);
  const told = (await made(
    t.string.where(() => false, `it is\r\nSet-Cookie: a=b ${"x".repeat(5000)}`),
    "x",
  )) as string;
  assert.ok(!/[\r\n]/.test(told) && told.length < 250, told);
});

test("what cannot be a reader is refused when it is made", () => {
  const bad = (make: () => unknown): void => {
    assert.throws(make, (error) => error instanceof LocalError && error.code === "USE_BAD_OPTION");
  };
  bad(() => (t.oneOf as () => unknown)());
  bad(() => t.integer.min(Number.NaN));
  bad(() => t.date.min(new Date("never")));
  bad(() => t.header("x name"));
  bad(() => t.header("x\r\ny", t.string));
  bad(() => t.listOf({} as never));
  bad(() => t.object({ a: 1 } as never));
  bad(() => t.object({ ["__proto__"]: t.string }));
  bad(() => t.object({ a: t.string.from("query") }));
  bad(() => t.string.where("x" as never, "no"));
  bad(() => (t.boolean as unknown as { min(n: number): unknown }).min(1));
  bad(() => (t.string as unknown as { split(s: string): unknown }).split(","));
});

test("a reader tells what it reads, as JSON Schema", () => {
  const board = t.object({
    id: t.integer.min(1),
    name: t.string.min(1).max(80).pattern(/^\w+$/),
    tags: t
      .listOf(t.oneOf("new", "old"))
      .max(5)
      .default(() => []),
    since: t.date.optional(),
    open: t.boolean.default(true),
    rest: t.json.of(t.number).optional(),
  });
  assert.deepEqual(board.describe(), {
    type: "object",
    properties: {
      id: { type: "integer", minimum: 1 },
      name: { type: "string", minLength: 1, maxLength: 80, pattern: "^\\w+$" },
      tags: { type: "array", items: { enum: ["new", "old"] }, maxItems: 5 },
      since: { type: "string", anyOf: [{ format: "date-time" }, { format: "date" }] },
      open: { type: "boolean", default: true },
      rest: { type: "string", contentMediaType: "application/json", contentSchema: { type: "number" } },
    },
    required: ["id", "name"],
  });
});
