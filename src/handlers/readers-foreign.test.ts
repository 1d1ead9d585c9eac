// A schema of another library that wants a list: it gets the list, from wherever the values come and however many they are.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type } from "arktype";
import * as v from "valibot";
import * as z from "zod";
import { wire } from "../../test/fixtures/ask.ts";
import { HttpError } from "../base/errors.ts";
import { loopback } from "../testing/index.ts";
import { defineType } from "./readers-define.ts";
import { t } from "./readers-types.ts";
import type { StandardSchema } from "./standard.ts";
import { schemaOf, typed } from "./typed.ts";

/** A schema by hand, whose library makes no JSON Schema and names no paths. */
function own<T>(validate: (value: unknown) => T | undefined): StandardSchema<unknown, T> {
  const result = (value: T | undefined) => (value === undefined ? { issues: [{ message: "no" }] } : { value });
  return { "~standard": { version: 1, vendor: "own", validate: (value) => result(validate(value)) } };
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === "string");
const slow: StandardSchema<unknown, string[]> = {
  "~standard": {
    version: 1,
    vendor: "slow",
    validate: async (value) => (isTexts(value) ? { value } : { issues: [{ message: "no" }] }),
  },
};

/** Each wants a list of texts, in its own words. */
const LISTS: Readonly<Record<string, StandardSchema<unknown, unknown>>> = {
  "z.array()": z.array(z.string()),
  "z.array().readonly()": z.array(z.string()).readonly(),
  "z.lazy()": z.lazy(() => z.array(z.string())),
  "z.preprocess()": z.preprocess((value) => value, z.array(z.string())),
  "z.array() with a check that waits": z.array(z.string()).refine(async () => true),
  "z.array() of what has no JSON Schema": z.array(z.custom<string>((value) => typeof value === "string")),
  "z.array() or a text": z.array(z.string()).or(z.string().transform((text) => [text])),
  "a text or z.array()": z
    .string()
    .transform((text) => [text])
    .or(z.array(z.string())),
  "v.array()": v.array(v.string()),
  "v.arrayAsync()": v.arrayAsync(v.string()),
  "v.pipe()": v.pipe(v.array(v.string()), v.maxLength(10)),
  "v.union()": v.union([
    v.pipe(
      v.string(),
      v.transform((text) => [text]),
    ),
    v.array(v.string()),
  ]),
  "type()": type("string[]"),
  "type() or a text": type("string[]").or(type("string").pipe((text) => [text])),
  "one by hand": own((value) => (isTexts(value) ? value : undefined)),
  "one by hand that waits": slow,
};

async function answers(schema: StandardSchema<unknown, unknown>, ...requests: readonly Parameters<typeof wire>[0][]) {
  const handler = typed({ tags: schema }, ({ tags }) => JSON.stringify(tags) ?? "undefined");
  await using bench = loopback(handler);
  const all: string[] = [];
  for (const request of requests) {
    const { status, body } = await bench
      .connect()
      .send(wire(request))
      .answer(request.method ?? "POST");
    all.push(status === 200 ? body : `${status} ${body.split("\n")[1]}`);
  }
  return all;
}

const get = (target: string) => ({ method: "GET", target });
const FORM = { "Content-Type": "application/x-www-form-urlencoded" };
const MULTIPART = { "Content-Type": "multipart/form-data; boundary=b" };
const JSON_TYPE = { "Content-Type": "application/json" };
const field = (value: string): string => `--b\r\nContent-Disposition: form-data; name="tags"\r\n\r\n${value}\r\n`;

test("a schema that wants a list could not be met by a name that is given twice: it gets the list", async () => {
  for (const [name, schema] of Object.entries(LISTS)) {
    const got = await answers(
      schema,
      get("/?tags=a&tags=b&tags=c"),
      get("/?tags=a&x=y&tags=a"),
      get("/?tags=a"),
      get("/?tags="),
      get("/?tags=a%2Cb"),
      { headers: FORM, body: "tags=a&tags=b" },
      { headers: FORM, body: "tags=a" },
      { headers: MULTIPART, body: `${field("a")}${field("b")}--b--\r\n` },
      { headers: MULTIPART, body: `${field("a")}--b--\r\n` },
      { headers: JSON_TYPE, body: '{"tags":["a","b"]}' },
      { headers: JSON_TYPE, body: '{"tags":[]}' },
    );
    const lists = [
      ["a", "b", "c"],
      ["a", "a"],
      ["a"],
      [""],
      ["a,b"],
      ["a", "b"],
      ["a"],
      ["a", "b"],
      ["a"],
      ["a", "b"],
      [],
    ];
    assert.deepEqual(
      got,
      lists.map((list) => JSON.stringify(list)),
      name,
    );
  }
});

test("a name that is not sent is a list of none, where the schema takes one; a member that is not there is missing", async () => {
  for (const [name, schema] of Object.entries(LISTS)) {
    const got = await answers(
      schema,
      get("/"),
      get("/?other=a"),
      { headers: FORM, body: "other=a" },
      { headers: FORM, body: "" },
      { headers: JSON_TYPE, body: "{}" },
    );
    assert.deepEqual(got, ["[]", "[]", "[]", "[]", "400 tags: it is missing"], name);
  }
  const some = {
    "z.nonempty()": z.array(z.string()).nonempty(),
    "v.minLength()": v.pipe(v.array(v.string()), v.minLength(1)),
    "type()": type("string[] > 0"),
  };
  for (const [name, schema] of Object.entries(some)) {
    assert.deepEqual(await answers(schema, get("/"), get("/?tags=a")), ["400 tags: it is missing", '["a"]'], name);
  }
  const chosen: Record<string, [StandardSchema<unknown, unknown>, string]> = {
    "z.optional()": [z.array(z.string()).optional(), "undefined"],
    "z.default()": [z.array(z.string()).default(["d"]), '["d"]'],
    "z.catch()": [z.array(z.string()).catch(["c"]), '["c"]'],
    "v.optional()": [v.optional(v.array(v.string())), "undefined"],
    "v.optional() with a default": [v.optional(v.array(v.string()), ["d"]), '["d"]'],
    "t.schema().optional()": [t.schema(z.array(z.string())).optional(), "undefined"],
    "t.schema().default()": [t.schema(v.array(v.string())).default(["d"]), '["d"]'],
  };
  for (const [name, [schema, nothing]] of Object.entries(chosen)) {
    assert.deepEqual(
      await answers(schema, get("/"), get("/?tags=a&tags=b"), get("/?tags=a")),
      [nothing, '["a","b"]', '["a"]'],
      name,
    );
  }
});

test("what is wrong with an element says which, whether it is one or several", async () => {
  const numbers = {
    zod: z.array(z.coerce.number()),
    "zod, of two": z.array(z.enum(["1", "2"])),
    valibot: v.array(v.pipe(v.string(), v.digits())),
    arktype: type("string.numeric.parse[]"),
  };
  for (const [name, schema] of Object.entries(numbers)) {
    const [several, one, good] = await answers(schema, get("/?tags=1&tags=x"), get("/?tags=x"), get("/?tags=1&tags=2"));
    assert.match(several ?? "", /^400 tags\.1: /, name);
    assert.match(one ?? "", /^400 tags\.0: /, name);
    assert.match(good ?? "", /^\["?1"?,"?2"?\]$/, name);
  }
  const [few] = await answers(z.array(z.string()).min(2), get("/?tags=a"));
  assert.match(few ?? "", /^400 tags: .*2/);
});

test("a schema that wants one value gets no list: a name that is given twice is refused, whatever could be made of it", async () => {
  const single: Record<string, StandardSchema<unknown, unknown>> = {
    "z.string()": z.string(),
    "z.coerce.string()": z.coerce.string(),
    "z.coerce.number()": z.coerce.number(),
    "z.coerce.boolean()": z.coerce.boolean(),
    "z.enum()": z.enum(["1", "2"]),
    "z.string().transform()": z.string().transform((text) => text.split(",")),
    "z.any().transform()": z.any().transform((text: string) => text.trim()),
    "z.unknown(), as text": z.unknown().transform(String),
    "v.string()": v.string(),
    "v.unknown(), as text": v.pipe(v.unknown(), v.transform(String)),
    "v.unknown(), as a number": v.pipe(v.unknown(), v.transform(Number), v.number()),
    "v.unknown(), trimmed": v.pipe(
      v.unknown(),
      v.transform((text) => (text as string).trim()),
    ),
    "type()": type("string"),
    "type(), as a number": type("string.numeric.parse"),
    "one by hand": own((value) => (typeof value === "string" ? value : undefined)),
  };
  for (const [name, schema] of Object.entries(single)) {
    const [twice, once] = await answers(schema, get("/?tags=1&tags=2"), get("/?tags=1"));
    assert.equal(twice, "400 tags: it is given more than once", name);
    assert.match(once ?? "", /^(?:1|"1"|\["1"\]|true)$/, name);
  }
});

test("nothing is not made a value of: a number that is missing is no 0, an object none without members", async () => {
  const needed: Record<string, StandardSchema<unknown, unknown>> = {
    "z.coerce.number()": z.coerce.number(),
    "z.object()": z.object({}),
    "z.record()": z.record(z.string(), z.string()),
    "v.unknown(), as a number": v.pipe(v.unknown(), v.transform(Number), v.number()),
    "v.record()": v.record(v.string(), v.string()),
    "v.object()": v.object({}),
    "type()": type({ "[string]": "string" }),
  };
  for (const [name, schema] of Object.entries(needed)) {
    assert.deepEqual(await answers(schema, get("/")), ["400 tags: it is missing"], name);
  }
});

test("a list of headers, of a path and of cookies is one as well", async () => {
  const list = z.array(z.string());
  const handler = typed(
    { accept: t.header("accept", list), agent: t.header("user-agent", z.string()), id: t.schema(list).from("cookie") },
    (values) => values,
  );
  await using bench = loopback(handler);
  const head = "GET / HTTP/1.1\r\nHost: a\r\nAccept: a, b\r\nAccept: c\r\nUser-Agent: x (y, z)\r\nCookie: id=1\r\n\r\n";
  const { body } = await bench.connect().exchange(head);
  assert.deepEqual(JSON.parse(body), { accept: ["a", "b", "c"], agent: "x (y, z)", id: ["1"] });
});

test("it is so too behind t.schema(), where(), after() and defineType()", async () => {
  const sorted = defineType({ of: z.array(z.string()), parse: (texts) => [...texts].sort().join("") });
  const known = t.schema(v.array(v.string())).where((texts) => texts.length < 3, "there are too many");
  assert.deepEqual(await answers(sorted, get("/?tags=b&tags=a"), get("/?tags=a")), ['"ab"', '"a"']);
  assert.deepEqual(await answers(known, get("/?tags=b&tags=a"), get("/?tags=a&tags=b&tags=c")), [
    '["b","a"]',
    "400 tags: there are too many",
  ]);
  assert.deepEqual(await t.schema(z.array(z.string())).read("a"), ["a"]);
  assert.deepEqual(await t.schema(z.array(z.string())).read(["a", "b"]), ["a", "b"]);
});

test("what a schema throws is a failure; what it throws at a list that it never asked for is none", async () => {
  const failing = own(() => {
    throw new HttpError(418);
  });
  assert.deepEqual(await answers(failing, get("/?tags=a")), ["418 "]);
  const trims = own((value) => (value as string).trim());
  assert.deepEqual(await answers(trims, get("/?tags=a&tags=b")), ["400 tags: it is given more than once"]);
});

test("a list need not be sent, and is described so", () => {
  const handler = typed({ tags: z.array(z.string()), some: z.array(z.string()).min(1), one: z.string() }, () => "");
  assert.deepEqual(
    schemaOf(handler)?.map(({ key, required, schema }) => [key, required, schema["type"]]),
    [
      ["tags", false, "array"],
      ["some", true, "array"],
      ["one", true, "string"],
    ],
  );
});
