import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalError } from "../base/errors.ts";
import { toReply } from "./answer.ts";
import { Fields } from "./fields.ts";
import { html } from "./html.ts";
import { NO_BODY, ReceivedBody } from "./inbound.ts";
import { jsonText, membersOf } from "./json-text.ts";
import { Pipe } from "./pipe.ts";
import { json } from "./reply.ts";

class WithAccessor {
  #name = "a";

  get name(): string {
    return this.#name;
  }
}

class Derived extends WithAccessor {}

class WithoutState {
  method(): void {}
}

class Dto {
  declare name?: string;
}

class Told {
  toJSON(): unknown {
    return { promise: Promise.resolve(1) };
  }
}

/** What JSON writes `{}` for, and what the error says of it. */
const LOST: readonly (readonly [value: unknown, said: RegExp])[] = [
  [Promise.resolve(1), /is a Promise.*await it first/],
  // biome-ignore lint/suspicious/noThenProperty: a promise of a database of its own
  [Object.create({ then: () => {} }, {}), /is a Promise/],
  [new Map([["a", 1]]), /is a Map.*Object\.fromEntries/],
  [new Map(), /is a Map/],
  [new Set([1]), /is a Set.*\[\.\.\.set\]/],
  [new WeakMap(), /is a WeakMap/],
  [new Error("secret"), /is an Error.*message/],
  [new RangeError("secret"), /is an Error/],
  [/a/, /is a RegExp/],
  [new URLSearchParams("a=b"), /is a URLSearchParams/],
  [new globalThis.Headers({ a: "b" }), /is a Headers/],
  [new FormData(), /is a FormData/],
  [new Blob(["a"]), /is a Blob/],
  [new globalThis.Response("a"), /is a Response/],
  [new AbortController().signal, /is an AbortSignal/],
  [new ArrayBuffer(2), /is an ArrayBuffer/],
  [new Uint8Array(2), /is a Uint8Array.*Array\.from/],
  [new Uint8Array(0), /is a Uint8Array/],
  [new Float64Array([1.5]), /is a Float64Array/],
  [new DataView(new ArrayBuffer(1)), /is a DataView/],
  [[1].values(), /is an Array Iterator/],
  [(function* () {})(), /is a Generator/],
  [(async function* () {})(), /is an AsyncGenerator/],
  [new Pipe(), /class Pipe/],
  [NO_BODY, /class NoBody/],
  [new ReceivedBody(5, { bodyBytes: 1, wanted() {}, room() {}, unwanted() {} }), /class ReceivedBody/],
  [new WithAccessor(), /class WithAccessor/],
  [new Derived(), /class Derived/],
  [Object.defineProperty(new WithoutState(), "hidden", { value: 1 }), /class WithoutState/],
];

test("values lost what they held without a word: each is an error that says where it is, and what to do", () => {
  for (const [value, said] of LOST) {
    const places: readonly (readonly [answer: unknown, path: string])[] = [
      [value, "(answer)"],
      [{ a: value }, "(answer).a"],
      [{ b: {}, a: [1, { "c d": value }] }, '(answer).a[1]."c d"'],
      [[[value]], "(answer)[0][0]"],
      [[...Array.from({ length: 40 }, () => ({ a: 1 })), value], "(answer)[40]"],
    ];
    for (const [answer, path] of places) {
      assert.throws(
        () => jsonText(answer),
        (error) => {
          assert.ok(error instanceof LocalError && error.code === "USE_BAD_BODY", String(error));
          assert.match(error.message, said);
          assert.ok(error.message.includes(`${path} is a`), `${error.message} at ${path}`);
          assert.doesNotMatch(error.message, /secret/);
          return true;
        },
      );
    }
  }
  assert.throws(() => jsonText({ told: new Told() }), /\(answer\)\.told\.promise is a Promise/);
});

test("what loses nothing stays as JSON.stringify() writes it", () => {
  const kept: readonly unknown[] = [
    {},
    [],
    [{}, {}],
    { a: {}, b: [{ c: {} }] },
    Object.create(null),
    { "0": 1, "1": 2 },
    [{ "0": {} }],
    JSON.parse('{"__proto__":{},"a":{}}'),
    "{}",
    ["{}", '{"0":1}'],
    { date: new Date(0), none: {} },
    { buffer: Buffer.from("a"), none: {} },
    { url: new URL("http://a/"), none: {} },
    [new String("a"), new Number(1), new Boolean(true), {}],
    [undefined, null, () => {}, Symbol("a"), {}],
    { a: undefined, b: {} },
    new WithoutState(),
    new Dto(),
    [Object.assign(new Dto(), { name: "a" }), {}],
    { toJSON: () => ({}) },
    Object.assign(
      Object.create({
        get hidden() {
          return 1;
        },
      }),
      { a: {} },
    ),
  ];
  for (const value of kept) assert.equal(jsonText(value), JSON.stringify(value));
  assert.throws(() => jsonText(undefined), { code: "USE_BAD_BODY" });
  assert.throws(() => jsonText(1n), TypeError);
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  assert.throws(() => jsonText(circle), TypeError);
});

test("a value as deep as JSON can be written is looked through, and one as wide", () => {
  let deep: unknown = Promise.resolve(1);
  for (let i = 0; i < 2000; i++) deep = [deep];
  assert.throws(() => jsonText(deep), /\(…\)\[0\].* is a Promise/);
  const wide = Array.from({ length: 100_000 }, () => ({}));
  assert.equal(jsonText(wide).length, 300_001);
});

test("fields, markup and a query are what they say, wherever they stand", () => {
  const fields = new Fields({ "Content-Type": "text/plain", "SET-Cookie": ["a=1", "b=2"], __proto__x: "c" });
  assert.equal(
    jsonText({ fields, list: [html`<p>${"<"}</p>`] }),
    '{"fields":{"content-type":"text/plain","set-cookie":["a=1","b=2"],"__proto__x":"c"},"list":["<p>&lt;</p>"]}',
  );
  assert.equal(toReply(fields).body, JSON.stringify(fields));
  assert.equal(json([html`<b>`]).body, '["<b>"]');
  assert.equal(
    JSON.stringify(
      membersOf([
        ["__proto__", 1],
        ["a", 2],
        ["a", 3],
      ]),
    ),
    '{"__proto__":1,"a":[2,3]}',
  );
  assert.equal(Object.getPrototypeOf(membersOf([["__proto__", {}]])), Object.prototype);
});

test("markup was made of what has no text: [object Promise] stood on the page", () => {
  for (const value of [Promise.resolve("a"), new Map(), {}, { a: 1 }, [[Promise.resolve("a")]], new Set(["a"])]) {
    assert.throws(() => html`<p>${value}</p>`, { code: "USE_BAD_BODY" });
  }
  const told = { toString: () => "<told>" };
  assert.equal(
    String(html`${new Date(0).getTime()} ${new URL("http://a/?b&c")} ${told} ${"[object Object]"} ${1n}`),
    "0 http://a/?b&amp;c &lt;told&gt; [object Object] 1",
  );
});
