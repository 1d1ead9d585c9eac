// Readers among the schemas of others, and the schemas of others among readers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type } from "arktype";
import * as v from "valibot";
import * as z from "zod";
import type { ZodStandardSchemaWithJSON } from "zod/v4/core";
import { json } from "../message/reply.ts";
import { loopback } from "../testing/index.ts";
import { t } from "./readers-types.ts";
import { isStandardSchema, jsonSchemaOf, type StandardSchema } from "./standard.ts";
import { typed } from "./typed.ts";

test("a reader is a Standard Schema: its values, its issues and where they are", async () => {
  const schema: StandardSchema<unknown, { readonly id: number }> = t.object({ id: t.integer });
  // As the specification spells it, in the copy that Zod has.
  const spelt: ZodStandardSchemaWithJSON<z.ZodType<string, unknown>> = t.string["~standard"];
  assert.deepEqual(spelt.validate("a"), { value: "a" });
  const { version, vendor, validate } = schema["~standard"];
  assert.deepEqual([version, vendor], [1, "portico"]);
  assert.deepEqual(validate({ id: 1 }), { value: { id: 1 } });
  assert.deepEqual(validate({ id: "1" }), { issues: [{ message: "it is not an integer", path: ["id"] }] });
  assert.deepEqual(t.listOf(t.boolean)["~standard"].validate(["true", "x"]), {
    issues: [{ message: "it is neither true nor false", path: [1] }],
  });
  const waits = t.string.where(async (text) => text === "a", "it is not a");
  assert.deepEqual(await waits["~standard"].validate("b"), { issues: [{ message: "it is not a", path: [] }] });
});

test("a reader is a Standard JSON Schema, of the dialects that it knows", () => {
  const { jsonSchema } = t.integer.min(1)["~standard"];
  for (const target of ["draft-2020-12", "draft-07", "openapi-3.0"]) {
    assert.deepEqual(jsonSchema.input({ target }), { type: "integer", minimum: 1 });
    assert.deepEqual(jsonSchema.output({ target }), { type: "integer", minimum: 1 });
  }
  assert.throws(() => jsonSchema.input({ target: "draft-03" }));
});

test("what is a Standard Schema is told by what it says of itself, function or object", () => {
  assert.deepEqual([t.string, z.string(), v.string(), type("string")].map(isStandardSchema), [true, true, true, true]);
  const almost = [null, 1, {}, { "~standard": {} }, { "~standard": { version: 2, validate: () => 1 } }, () => 1];
  assert.deepEqual(
    almost.map(isStandardSchema),
    almost.map(() => false),
  );
  const silent = { "~standard": { version: 1, vendor: "x", validate: () => ({ value: 1 }) } } as const;
  assert.deepEqual(jsonSchemaOf(silent), {});
  assert.deepEqual(jsonSchemaOf(z.date()), {});
  assert.equal(jsonSchemaOf(z.string().min(2))["minLength"], 2);
});

test("a schema that refuses without a word is told as what it is", () => {
  const mute: StandardSchema<unknown, string> = {
    "~standard": { version: 1, vendor: "x", validate: () => ({ issues: [] }) },
  };
  assert.throws(() => t.schema(mute).read("a", "p"), /p: it is not valid/);
});

// The same three parameters, in the words of each library.
const VENDORS = {
  zod: {
    id: z.string().regex(/^\d+$/).transform(Number),
    size: z.coerce.number().int().min(2).default(8),
    sort: z.enum(["name", "date"]).optional(),
  },
  valibot: {
    id: v.pipe(v.string(), v.regex(/^\d+$/), v.transform(Number)),
    size: v.optional(v.pipe(v.string(), v.transform(Number), v.integer(), v.minValue(2)), "8"),
    sort: v.optional(v.picklist(["name", "date"])),
  },
  arktype: {
    id: type("string.integer.parse"),
    size: type("string.integer.parse").to("number >= 2").default("8"),
    sort: type("'name' | 'date' | undefined"),
  },
};

const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;
const post = (body: string): string =>
  `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

test("a schema of Zod, of Valibot and of ArkType stands for a reader of a parameter [HS-16]", async () => {
  const { zod, valibot } = VENDORS;
  const handlers = [
    typed(zod, ({ id, size, sort }) => [id + 0, size + 0, sort satisfies "name" | "date" | undefined]),
    typed(valibot, ({ id, size, sort }) => [id + 0, size + 0, sort satisfies "name" | "date" | undefined]),
    // What is left out is ArkType's default only inside an object: here the reader around it has it.
    typed(
      {
        id: VENDORS.arktype.id,
        size: t.schema(type("string.integer.parse").to("number >= 2")).default(8),
        sort: VENDORS.arktype.sort,
      },
      ({ id, size, sort }) => [id + 0, size + 0, sort satisfies "name" | "date" | undefined],
    ),
  ];
  for (const handler of handlers) {
    await using bench = loopback(handler);
    const client = bench.connect();
    assert.equal((await client.exchange(get("/?id=7"))).body, "[7,8,null]");
    assert.equal((await client.exchange(get("/?id=7&size=4&sort=date"))).body, '[7,4,"date"]');
    const wrong = await client.exchange(get("/?size=1&sort=up"));
    assert.equal(wrong.status, 400);
    assert.match(wrong.body, /^400 Bad Request\nid: it is missing; size: .+; sort: .+\n$/);
    assert.match((await client.exchange(get("/?id=7&id=8"))).body, /id: it is given more than once/);
  }
});

const BODIES = {
  zod: z.object({ name: z.string().min(1), tags: z.array(z.string()).default([]), at: z.object({ x: z.number() }) }),
  valibot: v.object({
    name: v.pipe(v.string(), v.minLength(1)),
    tags: v.optional(v.array(v.string()), []),
    at: v.object({ x: v.number() }),
  }),
  arktype: type({ name: "string > 0", tags: type("string[]").default(() => []), at: { x: "number" } }),
};

test("a schema of each reads the whole body of JSON, and says where it is wrong", async () => {
  const { zod, valibot, arktype } = BODIES;
  const handlers = [
    typed({ board: t.body(zod) }, ({ board }) => json([board.name satisfies string, board.tags, board.at.x + 0])),
    typed({ board: t.body(valibot) }, ({ board }) => json([board.name satisfies string, board.tags, board.at.x + 0])),
    typed({ board: t.body(arktype) }, ({ board }) => json([board.name satisfies string, board.tags, board.at.x + 0])),
  ];
  for (const handler of handlers) {
    await using bench = loopback(handler);
    const client = bench.connect();
    assert.equal((await client.exchange(post('{"name":"a","at":{"x":1},"__proto__":{"tags":1}}'))).body, '["a",[],1]');
    const wrong = await client.exchange(post('{"name":"","at":{"x":"1"},"tags":["a",2]}'));
    assert.equal(wrong.status, 400);
    for (const place of [/\bname: /, /\bat\.x: /, /\btags\.1: /]) assert.match(wrong.body, place);
    assert.match((await client.exchange(post("[]"))).body, /^400 Bad Request\n/);
    assert.match((await client.exchange(post("{"))).body, /^400 Bad Request\nThe body is not valid JSON\.\n$/);
  }
});

test("a schema of another library may be asynchronous, an element of a list, or a member of an object", async () => {
  const free = z.string().refine(async (name) => name !== "taken", "is taken");
  const readers = {
    name: free,
    tags: t.listOf(z.string().max(2)).default(() => []),
    at: t.json.of(z.object({ x: z.number() })),
  };
  await using bench = loopback(typed(readers, (values) => values));
  const client = bench.connect();
  const at = encodeURIComponent('{"x":1}');
  assert.equal((await client.exchange(get(`/?name=a&tags=b&at=${at}`))).body, '{"name":"a","tags":["b"],"at":{"x":1}}');
  const wrong = await client.exchange(get("/?name=taken&tags=b&tags=long&at=1"));
  assert.match(wrong.body, /name: is taken; tags\.1: .+; at: /);
});
