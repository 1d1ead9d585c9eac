import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError, LocalError } from "../base/errors.ts";
import { assertHttp, defineType } from "./readers-define.ts";
import { t } from "./readers-types.ts";

interface Game {
  readonly id: number;
  readonly open: boolean;
}

const GAMES = new Map<number, Game>([
  [1, { id: 1, open: true }],
  [2, { id: 2, open: false }],
]);

function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof HttpError);
    return `${error.status} ${error.message}`;
  }
  return "";
}

test("a type of one's own looks up a table: the known is the object of it, the unknown is refused [HS-16]", () => {
  const game = defineType({ name: "game", of: t.integer, parse: (id) => GAMES.get(id) });
  const read: Game | Promise<Game> = game.read("1");
  assert.equal(read, GAMES.get(1));
  assert.equal(
    refusal(() => game.read("3", "g")),
    "400 g: it is not a valid game",
  );
  assert.equal(
    refusal(() => game.read("x", "g")),
    "400 g: it is not an integer",
  );
  assert.equal(
    refusal(() => game.read(undefined, "g")),
    "400 g: it is missing",
  );
});

test("its check holds of the result, and may say why it does not [HS-16]", () => {
  const of = t.integer;
  const parse = (id: number): Game | undefined => GAMES.get(id);
  const open = defineType({ name: "game", of, parse, check: (game) => game.open || "it is over" });
  assert.equal(
    refusal(() => open.read("2", "g")),
    "400 g: it is over",
  );
  const silent = defineType({ name: "open game", of, parse, check: (game) => game.open });
  assert.equal(
    refusal(() => silent.read("2", "g")),
    "400 g: it is not a valid open game",
  );
});

test("parse and check may wait, and see the values read before", async () => {
  const game = defineType({
    parse: async (text, seen: { readonly prefix: string }) => (text.startsWith(seen.prefix) ? text : undefined),
    check: async (text) => text.length > 2,
  });
  assert.equal(await game.read("abc", "g", { prefix: "a" }), "abc");
  await assert.rejects(Promise.resolve(game.read("bcd", "g", { prefix: "a" })), /g: it is not a valid value/);
  await assert.rejects(Promise.resolve(game.read("ab", "g", { prefix: "a" })), /g: it is not a valid value/);
});

test("a promise of a library's own is one, and no value and no yes", async () => {
  const own = <T>(value: T): Promise<T> => {
    // biome-ignore lint/suspicious/noThenProperty: that is what is tested
    return { then: (use: (value: T) => unknown) => void use(value) } as unknown as Promise<T>;
  };
  const game = defineType({ of: t.integer, parse: (id) => own(GAMES.get(id)), check: ({ open }) => own(open) });
  assert.equal(await game.read("1"), GAMES.get(1));
  await assert.rejects(Promise.resolve(game.read("2", "g")), /g: it is not a valid value/);
  await assert.rejects(Promise.resolve(t.string.where(() => own(false), "it is not").read("a", "g")), /g: it is not/);
});

test("elements that fail at once and later are one failure", async () => {
  const broken = defineType({
    parse: (text): string | Promise<string> => {
      if (text === "later") return Promise.reject(new Error("later"));
      throw new Error("at once");
    },
  });
  await assert.rejects(async () => t.listOf(broken).read(["later", "now"]), /at once/);
  await assert.rejects(async () => t.listOf(broken).read(["later", "later"]), /later/);
  // A rejection that nobody handles would end the process before this.
  await new Promise((resolve) => setImmediate(resolve));
});

test("what parse throws goes on as it is: a failure is no wrong value, and a refusal of its own stays one", () => {
  const broken = new Error("the database is gone");
  const failing = defineType({
    parse: () => {
      throw broken;
    },
  });
  assert.throws(() => failing.read("1"), broken);
  const absent = defineType({
    parse: (text: string): string => {
      throw new HttpError(404, `There is no ${text.length}.`);
    },
  });
  assert.equal(
    refusal(() => absent.read("x")),
    "404 There is no 1.",
  );
});

test("a defined type has the methods of every reader, and describes itself", () => {
  const even = defineType({ name: "even number", of: t.integer.min(0), parse: (n) => (n % 2 === 0 ? n : undefined) });
  assert.equal(even.optional().read(undefined), undefined);
  assert.equal(even.default(4).read(undefined), 4);
  assert.equal(
    refusal(() => even.where((n) => n > 2, "it is small").read("2", "n")),
    "400 n: it is small",
  );
  assert.deepEqual(even.describe(), { type: "integer", minimum: 0, title: "even number" });
  assert.deepEqual(defineType({ parse: (x) => x, schema: { type: "string", format: "uri" } }).describe(), {
    type: "string",
    format: "uri",
  });
  const pair = defineType({ of: t.listOf(t.integer), parse: ([a, b]) => (a === b ? a : undefined) });
  assert.equal(pair.read(["1", "1"]), 1);
});

test("what is no type is refused when it is made", () => {
  const bad = (make: () => unknown): void => {
    assert.throws(make, (error) => error instanceof LocalError && error.code === "USE_BAD_OPTION");
  };
  bad(() => defineType({} as never));
  bad(() => defineType({ parse: (x: string) => x, check: "x" as never }));
  bad(() => defineType({ parse: (x: string) => x, of: 1 as never }));
});

test("assertHttp() refuses with the status and the words that it is given, 400 else [HS-19]", () => {
  assertHttp(true);
  assert.equal(
    refusal(() => assertHttp(false)),
    "400 ",
  );
  assert.equal(
    refusal(() => assertHttp(0, 409, "The board is full.")),
    "409 The board is full.",
  );
  const text: string | undefined = ["a"][0];
  assertHttp(text !== undefined);
  const sure: string = text;
  assert.equal(sure, "a");
});
