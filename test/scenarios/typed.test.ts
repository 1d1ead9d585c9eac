// Typed handlers from end to end: routes whose segments have types, readers that make values of what is left, and what a client
// is told when something is wrong.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalError } from "../../src/base/errors.ts";
import { problemPage } from "../../src/content/problem.ts";
import { assertHttp, checkNames, defineType, schemaOf, t, typed } from "../../src/handlers/index.ts";
import type { Handler } from "../../src/message/handler.ts";
import { json } from "../../src/message/reply.ts";
import { queryText } from "../../src/message/request.ts";
import { mux } from "../../src/route/index.ts";
import { loopback } from "../../src/testing/index.ts";

interface Game {
  readonly id: number;
  readonly players: string[];
}

/** A house of games, as house's own example has it. */
function house(): Handler {
  const games = new Map<number, Game>([
    [1, { id: 1, players: ["ann", "bob"] }],
    [2, { id: 2, players: [] }],
  ]);
  const game = defineType({ name: "game", of: t.integer, parse: (id) => games.get(id) });
  const player = defineType({
    name: "player of the game",
    parse: (name, { game }: { readonly game: Game }) => (game.players.includes(name) ? name : undefined),
  }).after("game");
  const even = t.integer
    .min(2)
    .max(64)
    .where((count) => count % 2 === 0, "it is odd");
  const types = {
    text: t.string,
    whole: t.integer,
    part: t.number,
    flag: t.boolean,
    day: t.date,
    word: t.oneOf("ASC", "DESC").anyCase(),
    any: t.json,
    numbers: t.json.of(t.listOf(t.integer)),
    words: t.json.of(t.listOf(t.oneOf("A", "B").anyCase())),
    all: t.listOf(t.integer),
  };
  return mux()
    .on(
      "GET /types",
      typed(types, (values) => values),
    )
    .on(
      "GET /game/{game:integer}",
      typed({ game }, ({ game }) => game),
    )
    .on(
      "GET /game/{game:integer}/player/{player}",
      typed({ player, game }, ({ player, game }) => `${player} in ${game.id}`),
    )
    .on(
      "POST /game/{game:integer}/players",
      typed({ game, name: t.string.min(1).max(20) }, ({ game, name }) => {
        assertHttp(!game.players.includes(name), 409, `${name} plays already.`);
        assertHttp(game.players.length < 3);
        game.players.push(name);
        return game;
      }),
    )
    .on(
      "GET /split/{count:integer}",
      typed({ count: even }, ({ count }) => count / 2),
    )
    .on(
      "GET /hello-you/{name}",
      typed({ name: t.string, loud: t.boolean.default(false) }, ({ name, loud }) => (loud ? name.toUpperCase() : name)),
    )
    .on(
      "/any",
      typed({}, (_values, request) => request.method),
    ).handler;
}

const get = (target: string, ...fields: readonly string[]): string =>
  `GET ${target} HTTP/1.1\r\n${["Host: a", ...fields].join("\r\n")}\r\n\r\n`;
const post = (target: string, type: string, body: string): string =>
  `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

const JSON_TYPE = "application/json";

const VALID: Readonly<Record<string, string>> = {
  text: "a b",
  whole: "-12",
  part: "1.5e1",
  flag: "true",
  day: "2024-02-29T12:00:00+01:00",
  word: "asc",
  any: '{"a":[null]}',
  numbers: "[1,2]",
  words: '["a","B"]',
  all: "7",
};

/** The target with these parameters in place of the valid ones; null leaves one out. */
function typesTarget(changes: Readonly<Record<string, string | null>>): string {
  const pairs = Object.entries({ ...VALID, ...changes }).filter((pair): pair is [string, string] => pair[1] !== null);
  return `/types?${new URLSearchParams(pairs)}`;
}

test("parameters of all built-in types are read, each from its text [HS-15]", async () => {
  await using bench = loopback(house());
  const { status, body } = await bench.connect().exchange(get(`${typesTarget({})}&all=8`));
  assert.equal(status, 200);
  assert.deepEqual(JSON.parse(body), {
    text: "a b",
    whole: -12,
    part: 15,
    flag: true,
    day: "2024-02-29T11:00:00.000Z",
    word: "ASC",
    any: { a: [null] },
    numbers: [1, 2],
    words: ["A", "B"],
    all: [7, 8],
  });
});

test("a text that is not of its type is 400, with the parameter's name and the reason [HS-14] [HS-15]", async () => {
  await using bench = loopback(house());
  const client = bench.connect();
  const cases: readonly (readonly [name: string, text: string | null, line: string])[] = [
    ["text", null, "text: it is missing"],
    ["whole", "12abc", "whole: it is not an integer"],
    ["whole", "1e400", "whole: it is not an integer"],
    ["part", "1e400", "part: it is too large"],
    ["part", "NaN", "part: it is not a number"],
    ["flag", "yes", "flag: it is neither true nor false"],
    ["day", "2023-02-29", "day: it is not a date, or a date and time with its zone"],
    ["word", "up", "word: it is not one of ASC, DESC"],
    ["any", "{", "any: it is not JSON, or nested too deep"],
    ["numbers", '[1,"2"]', "numbers.1: it is not an integer"],
    ["numbers", "{}", "numbers: it is not a list"],
    ["words", '["a",1]', "words.1: it is not one of A, B"],
    ["all", "x", "all.0: it is not an integer"],
  ];
  for (const [name, text, line] of cases) {
    const { status, body, headers } = await client.exchange(get(typesTarget({ [name]: text })));
    assert.deepEqual(
      [status, body, headers.get("content-type")],
      [400, `400 Bad Request\n${line}\n`, "text/plain; charset=utf-8"],
    );
  }
});

test("a segment has its type in the pattern, and a reader makes the value: both are kept [HS-06]", async () => {
  await using bench = loopback(house());
  const client = bench.connect();
  const said = async (target: string): Promise<string> => {
    const { status, body } = await client.exchange(get(target));
    return status === 200 ? body : `${status} ${body.split("\n")[1]}`;
  };
  assert.equal(await said("/hello-you/James"), "James");
  assert.equal(await said("/hello-you/a%2Fb%20c?loud=true"), "A/B C");
  assert.equal(await said("/split/8"), "4");
  assert.equal(await said("/split/abc"), "400 count: it is not of type integer");
  assert.equal(await said("/split/8.5"), "400 count: it is not of type integer");
  assert.equal(await said("/split/65"), "400 count: it is more than 64");
  assert.equal(await said("/game/1/player/bob"), "bob in 1");
});

test("a restriction holds at its borders [HS-18]", async () => {
  await using bench = loopback(house());
  const client = bench.connect();
  const statuses: number[] = [];
  for (const count of [2, 64, 1, 65, 3]) statuses.push((await client.exchange(get(`/split/${count}`))).status);
  assert.deepEqual(statuses, [200, 200, 400, 400, 400]);
});

test("a type of one's own looks up a table, and a dependent one what was looked up [HS-16] [HS-17]", async () => {
  await using bench = loopback(house());
  const client = bench.connect();
  assert.equal((await client.exchange(get("/game/1"))).body, '{"id":1,"players":["ann","bob"]}');
  const said = async (target: string): Promise<string> => (await client.exchange(get(target))).body;
  assert.equal(await said("/game/3"), "400 Bad Request\ngame: it is not a valid game\n");
  assert.equal(await said("/game/1/player/ann"), "ann in 1");
  assert.equal(await said("/game/2/player/ann"), "400 Bad Request\nplayer: it is not a valid player of the game\n");
  // Of an unknown game nobody can say who plays it.
  assert.equal(await said("/game/3/player/ann"), "400 Bad Request\ngame: it is not a valid game\n");
  assert.throws(() => typed({ a: t.string.after("b"), b: t.string.after("a") }, () => null), LocalError);
});

test("an assertion in the body ends the request before anything is sent [HS-19]", async () => {
  await using bench = loopback(house());
  const client = bench.connect();
  const join = (name: string): Promise<{ status: number; body: string }> =>
    client.exchange(post("/game/1/players", "application/x-www-form-urlencoded", `name=${name}`));
  assert.equal((await join("cat")).body, '{"id":1,"players":["ann","bob","cat"]}');
  assert.deepEqual([(await join("ann")).status, (await join("ann")).body], [409, "409 Conflict\nann plays already.\n"]);
  assert.deepEqual([(await join("dog")).status, (await join("dog")).body], [400, "400 Bad Request\n"]);
});

test("an assertion that fails behind the first octets cuts the connection [HS-19]", async () => {
  let go: () => void = () => {};
  const sent = new Promise<void>((resolve) => {
    go = resolve;
  });
  const handler = typed({ lines: t.integer }, async function* ({ lines }) {
    yield "first\n";
    await sent;
    assertHttp(lines < 2);
  });
  await using bench = loopback(handler);
  const client = bench.connect().send(get("/?lines=2"));
  assert.match(await client.until("first\n"), /^HTTP\/1\.1 200 OK\r\n/);
  go();
  assert.equal(await client.closed, "reset");
  // No last chunk: what came does not look like all of it.
  assert.equal(client.untaken, "\r\n");
});

test("a route of one method refuses another with 405 and Allow, and one without a method answers all [HS-05]", async () => {
  await using bench = loopback(house());
  const client = bench.connect();
  const refused = await client.exchange(post("/game/1", JSON_TYPE, "{}"));
  assert.deepEqual([refused.status, refused.headers.get("allow")], [405, "GET, HEAD, OPTIONS"]);
  for (const method of ["GET", "POST", "DELETE", "PATCH"]) {
    assert.equal((await client.exchange(`${method} /any HTTP/1.1\r\nHost: a\r\n\r\n`)).body, method);
  }
});

test("a literal beats a variable, paths are walked back from a dead end, and slashes count as is said [HS-07]", async () => {
  const named = (name: string): Handler => typed({}, () => name);
  const routes = mux({ caseSensitive: false, slash: "ignore" })
    .on("GET /hello", named("literal"))
    .on(
      "GET /{name}",
      typed({ name: t.string }, ({ name }) => `name ${name}`),
    )
    .on("GET /a/b/c", named("abc"))
    .on(
      "GET /a/{x}/d",
      typed({ x: t.string }, ({ x }) => `x ${x}`),
    );
  await using bench = loopback(routes.handler);
  const client = bench.connect();
  const table: readonly (readonly [target: string, said: string])[] = [
    ["/hello", "literal"],
    ["/HELLO", "literal"],
    ["/James", "name James"],
    ["/hello/", "literal"],
    ["//hello//", "literal"],
    ["/a/b/c", "abc"],
    ["/A/B/d", "x B"],
    ["/a/b", "404 Not Found\n"],
    ["/a/b/c/d", "404 Not Found\n"],
  ];
  for (const [target, said] of table) assert.equal((await client.exchange(get(target))).body, said, target);
});

test("one name twice is refused, by the compiler and when the route is made [HS-08]", () => {
  const board = typed({ id: t.integer }, ({ id }) => id);
  // @ts-expect-error: The name id stands twice in the pattern.
  assert.throws(() => mux().on("GET /board/{id}/{id}", board), /USE_BAD_PATTERN|stands twice/);
  // @ts-expect-error: two properties of one name.
  // biome-ignore lint/suspicious/noDuplicateObjectKeys: that is what is tested
  typed({ id: t.integer, id: t.string }, ({ id }) => id);
  assert.throws(
    () => typed({ a: t.string.from("query", "x"), b: t.integer.from("query", "x") }, () => null),
    LocalError,
  );
  assert.throws(
    () =>
      checkNames(
        typed({ id: t.integer.from("query") }, ({ id }) => id),
        ["id"],
      ),
    LocalError,
  );
});

test("what was sent stays as it was, and what is bound is decoded [HS-12]", async () => {
  const routes = mux().on(
    "GET /say/{word}",
    typed({ word: t.string, to: t.string }, ({ word, to }, request) => {
      return [request.target, request.path, queryText(request), word, to];
    }),
  );
  await using bench = loopback(routes.handler);
  const { body } = await bench.connect().exchange(get("/say/good%20day?to=you%20all"));
  assert.deepEqual(JSON.parse(body), [
    "/say/good%20day?to=you%20all",
    "/say/good%20day",
    "to=you%20all",
    "good day",
    "you all",
  ]);
});

test("a value arrives as JSON, and one that has no JSON is 500 [HS-20]", async () => {
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  const routes = mux()
    .on(
      "GET /value",
      typed({}, () => ({ a: [1, "b", null] })),
    )
    .on(
      "GET /made",
      typed({}, () => json({ a: 1 }, 201)),
    )
    .on(
      "GET /circle",
      typed({}, () => circle),
    );
  await using bench = loopback(routes.handler);
  const client = bench.connect();
  const value = await client.exchange(get("/value"));
  assert.deepEqual([value.headers.get("content-type"), value.body], [JSON_TYPE, '{"a":[1,"b",null]}']);
  assert.equal((await client.exchange(get("/made"))).status, 201);
  const failed = await client.exchange(get("/circle"));
  assert.deepEqual([failed.status, failed.body], [500, "500 Internal Server Error\n"]);
  assert.equal((await client.exchange(get("/value"))).status, 200);
});

test("members of a JSON body are parameters; other JSON is there as it is; what is no JSON is 400, and the server lives [HS-43]", async () => {
  const routes = mux()
    .on(
      "POST /join",
      typed({ name: t.string, age: t.integer }, (values) => values),
    )
    .on(
      "POST /first",
      typed({ name: t.string }, (values) => values, { first: "body" }),
    )
    .on(
      "POST /raw",
      typed({ value: t.body() }, ({ value }) => [value]),
    );
  await using bench = loopback(routes.handler);
  const client = bench.connect();
  const said = async (target: string, body: string): Promise<string> =>
    (await client.exchange(post(target, JSON_TYPE, body))).body;
  assert.equal(await said("/join", '{"name":"ann","age":7}'), '{"name":"ann","age":7}');
  assert.equal(await said("/first?name=query", '{"name":"body"}'), '{"name":"body"}');
  assert.equal(await said("/raw", "[1,null]"), "[[1,null]]");
  for (const garbage of [
    "{",
    '{"name":',
    "\u0000",
    "NaN",
    "{'name':1}",
    '{"name":"ann","age":1e400}',
    '{"name":{},"age":[]}',
  ]) {
    const { status, body } = await client.exchange(post("/join", JSON_TYPE, garbage));
    assert.equal(status, 400, garbage);
    assert.ok(!/\bat |node:|\.ts|\/src\//.test(body), body);
  }
  assert.equal(await said("/join", '{"name":"ann","age":7}'), '{"name":"ann","age":7}');
});

test("400, 404, 413 and 500 are short and say nothing of the inside; the next request is served [HS-42]", async () => {
  const thrown: Readonly<Record<string, unknown>> = {
    error: new Error("secret"),
    text: "secret",
    nothing: undefined,
    null: null,
  };
  const routes = mux()
    .on(
      "GET /number/{n}",
      typed({ n: t.integer }, ({ n }) => n),
    )
    .on(
      "POST /upload",
      typed({ value: t.body() }, () => "read", { limit: 8 }),
    )
    .on(
      "GET /throw/{what}",
      typed({ what: t.oneOf("error", "text", "nothing", "null") }, ({ what }) => {
        throw thrown[what];
      }),
    );
  await using bench = loopback(routes.handler);
  const client = bench.connect();
  const said = async (request: string): Promise<string> => {
    const { headers, body } = await client.exchange(request);
    assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
    return body;
  };
  assert.equal(await said(get("/number/x")), "400 Bad Request\nn: it is not an integer\n");
  assert.equal(await said(get("/nowhere")), "404 Not Found\n");
  for (const what of ["error", "text", "nothing", "null"]) {
    assert.equal(await said(get(`/throw/${what}`)), "500 Internal Server Error\n");
  }
  assert.equal((await client.exchange(get("/number/7"))).body, "7");
  const large = await bench.connect().exchange(post("/upload", JSON_TYPE, `"${"a".repeat(100)}"`));
  assert.deepEqual([large.status, large.headers.get("content-type")], [413, "text/plain; charset=utf-8"]);
  assert.match((await bench.connect().send("garbage\r\n\r\n").answer()).body, /^400 Bad Request\n/);
  assert.equal((await bench.connect().exchange(get("/number/7"))).body, "7");
});

test("who prefers JSON is told of what is wrong as problem+json", async () => {
  await using bench = loopback(house(), { errorPage: problemPage });
  const { status, headers, body } = await bench
    .connect()
    .exchange(get(typesTarget({ whole: "x", flag: null }), "Accept: application/problem+json"));
  assert.deepEqual([status, headers.get("content-type")], [400, "application/problem+json"]);
  const { issues, detail } = JSON.parse(body);
  assert.deepEqual(issues, [
    { parameter: "whole", reason: "it is not an integer" },
    { parameter: "flag", reason: "it is missing" },
  ]);
  assert.equal(detail, "whole: it is not an integer; flag: it is missing");
});

test("hostile names and values are parameters like any other, or are refused", async () => {
  const echo = typed(
    { q: t.string.max(100).optional(), n: t.integer.optional(), tags: t.listOf(t.string).optional() },
    (values) => values,
  );
  const strict = typed({ q: t.string }, (values) => values, { malformed: "refuse" });
  await using bench = loopback(mux().on("/echo", echo).on("/strict", strict).handler);
  const client = bench.connect();
  const cases: readonly (readonly [request: string, status: number, body: RegExp])[] = [
    [get("/echo?__proto__=1&constructor=2&toString=3"), 200, /^\{\}$/],
    [get("/echo?q=__proto__"), 200, /^\{"q":"__proto__"\}$/],
    [post("/echo", JSON_TYPE, '{"__proto__":{"q":"x"},"n":1}'), 200, /^\{"n":1\}$/],
    [post("/echo", JSON_TYPE, '{"constructor":{"prototype":{"q":"x"}}}'), 200, /^\{\}$/],
    [get("/echo?q=%"), 200, /^\{"q":"%"\}$/],
    [get("/echo?q=%c3%28"), 200, /^\{"q":"\xef\xbf\xbd\("\}$/],
    [get("/strict?q=%"), 400, /malformed/],
    [get("/strict?q=%c3%28"), 400, /UTF-8/],
    [get(`/echo?q=${"a".repeat(101)}`), 400, /more than 100 characters/],
    [get("/echo?n=1&n=2"), 400, /given more than once/],
    [get("/echo?n=0x10"), 400, /not an integer/],
    [get("/echo?n=%201"), 400, /not an integer/],
    [get("/echo?n=%D9%A1"), 400, /not an integer/],
    [post("/echo", JSON_TYPE, '{"n":[1]}'), 400, /not an integer/],
    [post("/echo", JSON_TYPE, '{"tags":"a"}'), 400, /not a list/],
    [post("/echo", JSON_TYPE, '{"q":"\\r\\nSet-Cookie: a=b"}'), 200, /^\{"q":"\\r\\nSet-Cookie: a=b"\}$/],
    [post("/echo", JSON_TYPE, `{"q":${"[".repeat(10_000)}`), 400, /nested/],
  ];
  for (const [request, status, body] of cases) {
    const answer = await client.exchange(request);
    assert.equal(answer.status, status, request.slice(0, 60));
    assert.match(answer.body, body);
    assert.equal(answer.headers.get("set-cookie"), undefined);
  }
  assert.equal(({} as { q?: string }).q, undefined);
});

test("a route tells what it reads", () => {
  const handler = typed({ id: t.integer, size: t.integer.min(1).default(20), day: t.date.optional() }, ({ id }) => id);
  assert.deepEqual(
    schemaOf(handler)?.map(({ name, required, schema }) => [name, required, schema["type"]]),
    [
      ["id", true, "integer"],
      ["size", false, "integer"],
      ["day", false, "string"],
    ],
  );
});
