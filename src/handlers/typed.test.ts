import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpError, LocalError } from "../base/errors.ts";
import { contentParsers, parse } from "../content/parsers.ts";
import type { Handler } from "../message/handler.ts";
import { empty } from "../message/reply.ts";
import { queryText } from "../message/request.ts";
import { mux } from "../route/index.ts";
import { loopback } from "../testing/index.ts";
import { defineType } from "./readers-define.ts";
import { t } from "./readers-types.ts";
import type { StandardSchema } from "./standard.ts";
import { checkNames, schemaOf, typed } from "./typed.ts";

/** Status and body of one answer after the other; the first line of what the error page says is left out. */
async function answers(handler: Handler, ...requests: readonly string[]): Promise<string[]> {
  await using bench = loopback(handler);
  const client = bench.connect();
  const said: string[] = [];
  for (const request of requests) {
    const { status, body } = await client.exchange(request);
    said.push(status === 200 ? body : `${status} ${body.split("\n")[1] ?? ""}`.trim());
  }
  return said;
}

const get = (target: string, ...fields: readonly string[]): string =>
  `GET ${target} HTTP/1.1\r\n${["Host: a", ...fields].join("\r\n")}\r\n\r\n`;
const post = (target: string, type: string, body: string, ...fields: readonly string[]): string =>
  `POST ${target} HTTP/1.1\r\n${["Host: a", `Content-Type: ${type}`, `Content-Length: ${Buffer.byteLength(body)}`, ...fields].join("\r\n")}\r\n\r\n${body}`;
const JSON_TYPE = "application/json";
const FORM = "application/x-www-form-urlencoded";

const all = <V extends object>(values: V): V => values;

test("what the pattern names comes from the path alone, what it does not from the query [HS-06]", async () => {
  const board = typed({ id: t.integer, size: t.integer.default(20) }, all);
  const routes = mux().on("/board/{id}", board);
  assert.deepEqual(
    await answers(
      routes.handler,
      get("/board/7"),
      get("/board/7?size=3"),
      get("/board/7?id=8"),
      get("/board/x?id=8"),
      post("/board/7", JSON_TYPE, '{"id":9,"size":4}'),
    ),
    [
      '{"id":7,"size":20}',
      '{"id":7,"size":3}',
      '{"id":7,"size":20}',
      "400 id: it is not an integer",
      '{"id":7,"size":4}',
    ],
  );
});

test("everything that is wrong is told at once, by the names of who sent it", async () => {
  const readers = {
    a: t.integer,
    b: t.boolean,
    c: t.string.max(2),
    d: t.string,
    e: t.integer.from("query", "page-size"),
  };
  const handler = typed(readers, all);
  assert.deepEqual(await answers(handler, get("/?a=x&b=1&c=abc&page-size=y")), [
    "400 a: it is not an integer; b: it is neither true nor false; c: it has more than 2 characters; d: it is missing; page-size: it is not an integer",
  ]);
});

test("the refusal names each parameter and its reason, as data", async () => {
  const handler = typed({ a: t.integer, b: t.integer }, all);
  let seen: unknown;
  const watched: Handler = (request) => {
    try {
      return handler(request);
    } catch (error) {
      seen = error;
      throw error;
    }
  };
  assert.deepEqual(await answers(watched, get("/?a=x")), ["400 a: it is not an integer; b: it is missing"]);
  assert.ok(seen instanceof HttpError);
  assert.equal(seen.code, "HTTP_BAD_PARAMETER");
  assert.deepEqual(seen.issues, [
    { parameter: "a", reason: "it is not an integer" },
    { parameter: "b", reason: "it is missing" },
  ]);
});

test("a name given twice is refused, unless a list is read [HS-15]", async () => {
  const handler = typed({ a: t.string, b: t.listOf(t.integer).optional() }, all);
  assert.deepEqual(await answers(handler, get("/?a=1&a=2"), get("/?a=1&b=1&b=2"), get("/?a=1&b=1")), [
    "400 a: it is given more than once",
    '{"a":"1","b":[1,2]}',
    '{"a":"1","b":[1]}',
  ]);
});

test("a list that a browser sends empty is left out, as a single value is, wherever it stands", async () => {
  const ids = t.listOf(t.integer);
  const readers = {
    a: ids.default([7]),
    b: ids.split(",").default([8]),
    c: ids.optional(),
    d: ids.min(1).default([9]),
  };
  const left = '{"a":[7],"b":[8],"d":[9]}';
  const body = "a=&b=&c=&d=";
  const form = post("/", FORM, body);
  const json = post("/", JSON_TYPE, '{"a":[],"b":[],"c":[],"d":[1]}');
  assert.deepEqual(
    await answers(
      typed(readers, all),
      get("/"),
      get(`/?${body}`),
      get(`/?a&a=&b&c&c&d`),
      form,
      json,
      get("/?a=1&b=1,2&d=3"),
    ),
    [left, left, left, left, '{"a":[],"b":[],"c":[],"d":[1]}', '{"a":[1],"b":[1,2],"d":[3]}'],
  );
  // Of what may be empty text, that is a value; and what must be there is not left out by being empty.
  const texts = { e: t.listOf(t.string).default(["x"]) };
  assert.deepEqual(await answers(typed(texts, all), get("/"), get("/?e="), get("/?e=&e=1")), [
    '{"e":["x"]}',
    '{"e":[""]}',
    '{"e":["","1"]}',
  ]);
  assert.deepEqual(await answers(typed({ a: ids }, all), get("/?a=")), ["400 a.0: it is not an integer"]);
  const head = { h: ids.from("header", "x-ids").default([7]), c: ids.from("cookie", "ids").default([8]) };
  const empty = "GET / HTTP/1.1\r\nHost: a\r\nX-Ids: , ,\r\nCookie: ids=\r\n\r\n";
  assert.deepEqual(await answers(typed(head, all), empty), ['{"h":[7],"c":[8]}']);
});

test("values are decoded, and what was sent stays to be read [HS-12] [HS-13]", async () => {
  const handler = typed({ a: t.string, n: t.string }, ({ a, n }, request) => [a, n, queryText(request)]);
  assert.deepEqual(await answers(handler, get("/?a=x%20y+z&n=12")), ['["x y z","12","a=x%20y+z&n=12"]']);
});

test("percent garbage stays as it stands; a strict handler refuses it, and what is not UTF-8", async () => {
  const requests = [get("/?a=%zz"), get("/?a=%"), get("/?a=%ff"), get("/?%C0%80=1&a=1")];
  const kept = await answers(typed({ a: t.string }, all), ...requests);
  assert.deepEqual(kept, ['{"a":"%zz"}', '{"a":"%"}', '{"a":"\xef\xbf\xbd"}', '{"a":"1"}']);
  const strict = typed({ a: t.string }, all, { malformed: "refuse" });
  for (const each of await answers(strict, ...requests)) assert.match(each, /^400 The parameter /);
});

test("a form or the members of a JSON object are parameters, after those of the query [HS-43]", async () => {
  const readers = { title: t.string, size: t.integer.default(1) };
  const handler = typed(readers, all);
  const first = typed(readers, all, { first: "body" });
  const both = post("/?title=query", JSON_TYPE, '{"title":"body","size":2}');
  assert.deepEqual(
    await answers(
      handler,
      post("/", FORM, "title=a+b&size=2"),
      post("/", JSON_TYPE, '{"title":"a","size":2}'),
      post("/", "application/merge-patch+json; charset=utf-8", '{"title":"a"}'),
      both,
      post("/", JSON_TYPE, '{"title":"a","size":"2"}'),
      post("/", JSON_TYPE, '{"title":["a"]}'),
      post("/", FORM, "title=a&title=b"),
      post("/", FORM, "title=%zz"),
    ),
    [
      '{"title":"a b","size":2}',
      '{"title":"a","size":2}',
      '{"title":"a","size":1}',
      '{"title":"query","size":2}',
      "400 size: it is not an integer",
      "400 title: it is not text",
      "400 title: it is given more than once",
      '{"title":"%zz","size":1}',
    ],
  );
  assert.deepEqual(await answers(first, both), ['{"title":"body","size":2}']);
});

test("JSON that is no object has no parameters, and invalid JSON is refused; the server lives on [HS-43]", async () => {
  const handler = typed({ title: t.string }, all);
  assert.deepEqual(
    await answers(
      handler,
      post("/", JSON_TYPE, "[1]"),
      post("/", JSON_TYPE, "null"),
      post("/", JSON_TYPE, '"title"'),
      post("/", JSON_TYPE, '{"title":'),
      post("/", JSON_TYPE, ""),
      post("/", JSON_TYPE, '{"__proto__":{"title":"a"}}'),
      post("/", JSON_TYPE, "[".repeat(100_000)),
      post("/", JSON_TYPE, '{"title":"a"}'),
    ),
    [
      "400 title: it is missing",
      "400 title: it is missing",
      "400 title: it is missing",
      "400 The body is not valid JSON.",
      "400 title: it is missing",
      "400 title: it is missing",
      "400 The JSON is nested more than 100 deep.",
      '{"title":"a"}',
    ],
  );
});

test("t.body() is any JSON, and a schema makes it one thing [HS-43]", async () => {
  const raw = typed({ value: t.body() }, ({ value }) => [value]);
  assert.deepEqual(
    await answers(raw, post("/", JSON_TYPE, "[1,{}]"), post("/", JSON_TYPE, "null"), post("/", JSON_TYPE, "")),
    ["[[1,{}]]", "[null]", "400 body: it is missing"],
  );
  const one = typed({ id: t.integer, board: t.body(t.object({ name: t.string, tags: t.listOf(t.string) })) }, all);
  assert.deepEqual(
    await answers(
      one,
      post("/?id=1", JSON_TYPE, '{"name":"a","tags":["b"],"more":1}'),
      post("/?id=x", JSON_TYPE, '{"name":1,"tags":["b",2]}'),
      post("/?id=1", JSON_TYPE, "1"),
      // The body is spoken for: no member of it is a parameter.
      post("/", JSON_TYPE, '{"id":1,"name":"a","tags":[]}'),
    ),
    [
      '{"id":1,"board":{"name":"a","tags":["b"]}}',
      "400 id: it is not an integer; name: it is not text; tags.1: it is not text",
      "400 body: it is not an object",
      "400 id: it is missing",
    ],
  );
});

test("a body of another type is 415 with Accept where it is asked for, and is left alone where it is not", async () => {
  const json = typed({ board: t.body() }, all);
  const form = typed({ a: t.string.from("form") }, all);
  const member = typed({ a: t.string.from("json") }, all);
  await using bench = loopback(json);
  const refused = await bench.connect().exchange(post("/", "text/plain", "{}"));
  assert.deepEqual([refused.status, refused.headers.get("accept")], [415, "application/json"]);
  assert.deepEqual(await answers(json, post("/", JSON_TYPE, "x", "Content-Encoding: unknown")), [
    "415 This content coding is not known here.",
  ]);
  const UNREAD = "415 The body is not of a type that is read here.";
  assert.deepEqual(
    await answers(form, post("/", JSON_TYPE, '{"a":"b"}'), post("/", FORM, "a=b"), post("/", FORM, "")),
    [UNREAD, '{"a":"b"}', "400 a: it is missing"],
  );
  assert.deepEqual(await answers(member, post("/", FORM, "a=b"), post("/?a=c", JSON_TYPE, '{"a":"b"}')), [
    UNREAD,
    '{"a":"b"}',
  ]);
  const left = typed({ a: t.string.optional() }, (_values, request) => request.body.text());
  assert.deepEqual(await answers(left, post("/", "text/plain", "as it is")), ["as it is"]);
});

test("a body is read only for what is nowhere else, and never of a GET", async () => {
  const handler = typed({ a: t.string.default("none") }, ({ a }, request) => [a, request.body.state]);
  const member = '{"a":"body"}';
  assert.deepEqual(
    await answers(
      handler,
      post("/?a=query", JSON_TYPE, member),
      post("/", JSON_TYPE, member),
      get("/", `Content-Type: ${JSON_TYPE}`, "Content-Length: 0"),
      `GET / HTTP/1.1\r\nHost: a\r\nContent-Type: ${JSON_TYPE}\r\nContent-Length: ${member.length}\r\n\r\n${member}`,
    ),
    ['["query","unread"]', '["body","done"]', '["none","done"]', '["none","unread"]'],
  );
});

test("a body is bounded, and refused before it is read where its length is known", async () => {
  const handler = typed({ value: t.body() }, all, { limit: 10 });
  await using bench = loopback(handler);
  const refused = await bench.connect().exchange(post("/", JSON_TYPE, `"${"a".repeat(20)}"`));
  assert.equal(refused.status, 413);
  const unknown = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
  const chunked = await bench.connect().exchange(`${unknown}14\r\n${'"'.repeat(20)}\r\n0\r\n\r\n`);
  assert.equal(chunked.status, 413);
});

test("multipart fields and files are read; a file passes for no text", async () => {
  const handler = typed({ title: t.string, photo: t.file.max(5) }, async ({ title, photo }) => [
    title,
    photo.filename,
    await photo.text(),
  ]);
  const form = (...parts: readonly string[]): string =>
    post("/", "multipart/form-data; boundary=x", `${parts.map((part) => `--x\r\n${part}\r\n`).join("")}--x--\r\n`);
  const title = 'Content-Disposition: form-data; name="title"\r\n\r\nhello';
  const file = (name: string, text: string): string =>
    `Content-Disposition: form-data; name="${name}"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n${text}`;
  assert.deepEqual(
    await answers(
      handler,
      form(title, file("photo", "12345")),
      form(file("title", "x"), file("photo", "123456")),
      form(title, title.replace('"title"', '"photo"')),
      post("/", JSON_TYPE, '{"title":"a","photo":{"filename":"x","path":"/etc/passwd"}}'),
    ),
    [
      '["hello","a.txt","12345"]',
      "400 title: it is a file; photo: it has more than 5 octets",
      "400 photo: it is not a file",
      "400 photo: it is not a file",
    ],
  );
});

test("a body that was read already is read by the next typed handler as well", async () => {
  const inner = typed({ value: t.body(t.object({ a: t.integer })) }, ({ value }) => value.a);
  const outer = typed({ a: t.integer }, async ({ a }, request) => [a, (await inner(request)).body]);
  assert.deepEqual(await answers(outer, post("/", JSON_TYPE, '{"a":1}')), ['[1,"1"]']);
  const behind: Handler = async (request) => {
    await parse(request);
    return outer(request);
  };
  assert.deepEqual(await answers(behind, post("/", JSON_TYPE, '{"a":1}')), ['[1,"1"]']);
});

test("a coded body is decoded, and one's own parser brings parameters", async () => {
  const handler = typed({ a: t.string }, all);
  const { gzipSync } = await import("node:zlib");
  const packed = gzipSync('{"a":"b"}');
  await using bench = loopback(handler);
  const client = bench.connect();
  const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${JSON_TYPE}\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`;
  assert.equal((await client.exchange(head + packed.toString("latin1"))).body, '{"a":"b"}');
  const parsers = contentParsers().set("text/x-pair", async (request) => {
    const [name = "", value] = (await request.body.text()).split("->");
    return { [name]: value };
  });
  const own = typed({ a: t.string }, all, { parsers });
  assert.deepEqual(await answers(own, post("/", "text/x-pair", "a->c")), ['{"a":"c"}']);
});

test("fields and cookies are read by name; a field that stands twice is a list or is refused", async () => {
  const handler = typed(
    {
      version: t.header("x-version", t.integer),
      tags: t.listOf(t.string).from("header", "x-tag").optional(),
      who: t.string.from("cookie").optional(),
    },
    all,
  );
  assert.deepEqual(
    await answers(
      handler,
      get("/?version=9", "X-Version: 2", "Cookie: who=a%20b; who=c"),
      get("/", "X-Version: 2", "X-Tag: a, b", "X-Tag: c", "Cookie: whose=a; who"),
      get("/", "X-Version: 2", "X-Version: 3"),
      get("/?version=1&who=x"),
      get("/", "X-Version: 0x2"),
      get("/", "X-Version: 2", "Cookie: who=%zz; __proto__=1", "Cookie: theme=dark"),
    ),
    [
      '{"version":2,"who":"a b"}',
      '{"version":2,"tags":["a","b","c"]}',
      "400 x-version: it is given more than once",
      "400 x-version: it is missing",
      "400 x-version: it is not an integer",
      '{"version":2,"who":"%zz"}',
    ],
  );
  assert.deepEqual(await answers(typed({ name: t.header("x-name") }, all), get("/", "X-Name: a")), ['{"name":"a"}']);
});

test("a reader sees the values before it, and is not asked while one of them is wrong [HS-17]", async () => {
  const seenBy: unknown[] = [];
  const handler = typed(
    {
      from: t.integer,
      to: t.integer.where((to, { from }: { from: number }) => {
        seenBy.push(from);
        return to > from;
      }, "it is not after from"),
    },
    all,
  );
  assert.deepEqual(
    await answers(handler, get("/?from=1&to=2"), get("/?from=2&to=1"), get("/?from=x&to=1"), get("/?from=x")),
    [
      '{"from":1,"to":2}',
      "400 to: it is not after from",
      "400 from: it is not an integer",
      "400 from: it is not an integer; to: it is missing",
    ],
  );
  assert.deepEqual(seenBy, [1, 2]);
});

test("after() puts a reader behind others, whatever the order of the record; a circle is refused [HS-17]", async () => {
  const games: Readonly<Record<string, readonly string[]>> = { chess: ["white", "black"], go: ["b", "w"] };
  const handler = typed(
    {
      player: defineType({
        name: "player of the game",
        parse: (name, { game }: { game: readonly string[] }) => (game.includes(name) ? name : undefined),
      }).after("game"),
      game: defineType({ name: "game", parse: async (name) => (Object.hasOwn(games, name) ? games[name] : undefined) }),
      other: t.integer.default(0),
    },
    ({ player, game }) => [player, game.length],
  );
  assert.deepEqual(
    await answers(
      handler,
      get("/?player=white&game=chess"),
      get("/?player=white&game=go"),
      get("/?player=white&game=constructor&other=x"),
      get("/?game=poker"),
    ),
    [
      '["white",2]',
      "400 player: it is not a valid player of the game",
      "400 game: it is not a valid game; other: it is not an integer",
      "400 game: it is not a valid game; player: it is missing",
    ],
  );
  const misuse = (make: () => unknown, detail: RegExp): void => {
    assert.throws(
      make,
      (error) => error instanceof LocalError && error.code === "USE_BAD_OPTION" && detail.test(error.message),
    );
  };
  misuse(() => typed({ a: t.string.after("b"), b: t.string.after("a") }, all), /a comes after itself/);
  misuse(() => typed({ a: t.string.after("a") }, all), /a comes after itself/);
  misuse(() => typed({ a: t.string.after("c") }, all), /a is after c/);
});

test("a reader that does not look back is asked although another one is wrong", async () => {
  const handler = typed({ a: t.integer, b: t.integer.where((n) => n > 0, "it is not above 0") }, all);
  assert.deepEqual(await answers(handler, get("/?a=x&b=0")), ["400 a: it is not an integer; b: it is not above 0"]);
});

test("no promise is made where no reader makes one", async () => {
  const results: unknown[] = [];
  const watch =
    (handler: Handler): Handler =>
    (request) => {
      const result = handler(request);
      results.push(result instanceof Promise);
      return result;
    };
  const sync = typed({ a: t.integer, b: t.json.optional() }, all);
  const late = typed({ a: t.integer.where(async () => true, "no") }, all);
  await answers(watch(sync), get("/?a=1&b=[]"), post("/?a=1&b=[]", JSON_TYPE, "{}"), post("/?a=1", JSON_TYPE, "{}"));
  await answers(watch(late), get("/?a=1"));
  assert.deepEqual(results, [false, false, true, true]);
});

test("a failure of a reader is no refusal: 500, and nothing of it is told", async () => {
  const failing = defineType({
    parse: (): string => {
      throw new Error("secret of the table");
    },
  });
  const later = t.string.where(async () => Promise.reject(new Error("secret of the table")), "no");
  for (const reader of [failing, later]) {
    await using bench = loopback(typed({ a: reader }, all));
    const client = bench.connect();
    const { status, body } = await client.exchange(get("/?a=1"));
    assert.equal(status, 500);
    assert.ok(!/secret|at /.test(body), body);
    assert.equal((await client.exchange(get("/"))).status, 400);
  }
});

test("what an answer may be, a typed handler may return", async () => {
  // biome-ignore lint/suspicious/noThenProperty: a promise of a database's own
  const own = { then: (use: (value: unknown) => unknown) => void use("own") } as unknown as Promise<string>;
  const handler = typed({ kind: t.oneOf("text", "null", "late", "own", "nothing") }, ({ kind }) => {
    if (kind === "own") return own;
    if (kind === "text") return "plain";
    if (kind === "null") return null;
    if (kind === "late") return Promise.resolve({ late: true });
    return undefined;
  });
  assert.deepEqual(
    await answers(
      handler,
      get("/?kind=text"),
      get("/?kind=null"),
      get("/?kind=late"),
      get("/?kind=own"),
      get("/?kind=nothing"),
    ),
    ["plain", "null", '{"late":true}', "own", "204"],
  );
});

test("what contradicts itself is refused when the handler is made [HS-08]", () => {
  const bad = (readers: object, options?: object): void => {
    assert.throws(
      () => typed(readers as { a: typeof t.string }, all, options as { limit: number }),
      (error) => error instanceof LocalError && error.code === "USE_BAD_OPTION",
    );
  };
  bad({ a: 1 });
  bad({ a: undefined });
  bad(null as never);
  bad({ a: t.body(), b: t.body() });
  bad({ a: t.body(), b: t.string.from("form") });
  bad({ a: t.string.from("json"), b: t.string.from("form") });
  bad({ a: t.header("x-a"), b: t.header("X-A", t.integer) });
  bad({ a: t.string.from("query"), b: t.string.from("query", "a") });
  bad({ ["__proto__"]: t.string });
  bad({ a: t.string }, { limit: -1 });
  bad({ a: t.string }, { first: "path" });
  assert.throws(() => typed({ a: t.string }, 1 as never), LocalError);
  typed({ a: t.string, b: t.string.from("query", "a"), c: t.string.from("cookie", "a") }, all);
});

test("a handler and its pattern must go together, name by name [HS-08]", async () => {
  const bad = (handler: Handler, names: readonly string[], detail: RegExp): void => {
    assert.throws(
      () => checkNames(handler, names),
      (error) => error instanceof LocalError && error.code === "USE_BAD_PATTERN" && detail.test(error.message),
    );
  };
  bad(typed({ id: t.integer.from("path") }, all), ["name"], /no \{id\}/);
  bad(typed({ id: t.integer.from("query") }, all), ["id"], /\{id\} stands in it/);
  bad(typed({ id: t.header("x-id") }, all), ["id"], /\{id\} stands in it/);
  checkNames(typed({ id: t.integer.from("path"), old: t.integer.from("query", "id") }, all), ["id"]);
  checkNames(typed({ id: t.integer }, all), []);
  checkNames(() => empty(), ["id"]);
  // Nobody asked: it is the fault of the program, not of who sent the request.
  await using bench = loopback(typed({ id: t.integer.from("path") }, all));
  assert.equal((await bench.connect().exchange(get("/?id=1"))).status, 500);
});

test("a handler tells what it reads, in the order in which it was declared", () => {
  const handler = typed(
    {
      player: t.string.after("id"),
      id: t.integer.from("path"),
      size: t.integer.min(1).default(20),
      agent: t.header("user-agent").optional(),
      board: t.body(t.object({ name: t.string })),
    },
    all,
  );
  assert.deepEqual(schemaOf(handler), [
    { key: "player", name: "player", source: undefined, required: true, schema: { type: "string" } },
    { key: "id", name: "id", source: "path", required: true, schema: { type: "integer" } },
    {
      key: "size",
      name: "size",
      source: undefined,
      required: false,
      schema: { type: "integer", minimum: 1, default: 20 },
    },
    { key: "agent", name: "user-agent", source: "header", required: false, schema: { type: "string" } },
    {
      key: "board",
      name: "board",
      source: "body",
      required: true,
      schema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
    },
  ]);
  assert.equal(
    schemaOf(() => empty()),
    undefined,
  );
});

test("a schema that fails where nothing is sent can be described, and fails its request alone", async () => {
  const length = (value: unknown): number => (value as string).length;
  const schema = (validate: (value: unknown) => unknown) =>
    ({ "~standard": { version: 1, vendor: "test", validate } }) as unknown as StandardSchema<unknown, number>;
  const failing = [schema((value) => ({ value: length(value) })), schema(async (value) => ({ value: length(value) }))];
  const described = failing.map((a) => schemaOf(typed({ a }, () => ""))?.[0]?.required);
  assert.deepEqual(described, [true, false]);
  await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection would end the test here
});
