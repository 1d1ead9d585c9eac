import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, MULTIPART, multipart } from "../../test/fixtures/ask.ts";
import { LocalError } from "../base/errors.ts";
import { json, text } from "../message/reply.ts";
import { derive, type Request } from "../message/request.ts";
import { loopback } from "../testing/index.ts";
import { type ParametersOptions, type Place, parameters, urlParameters, withParameters } from "./parameters.ts";
import { contentParsers, parse } from "./parsers.ts";

const FORM = { "Content-Type": "application/x-www-form-urlencoded" };
const JSON_BODY = { "Content-Type": "application/json" };

const pairs = async (request: Request, options?: ParametersOptions): Promise<unknown> => [
  ...(await parameters(request, options)),
];

test("each value knows where it came from", async () => {
  const answer = await ask({ target: "/x?q=1", headers: FORM, body: "f=2" }, async (request) => {
    const params = await parameters(derive(request, { params: { id: "7" } }));
    return [params.entries().map(({ name, source }) => `${name} ${source}`), [...params.from("query", "path")]];
  });
  assert.deepEqual(JSON.parse(answer.body), [
    ["id path", "q query", "f form"],
    [
      ["id", "7"],
      ["q", "1"],
    ],
  ]);
});

test("the order of places is an option, and what is left out is not read [HS-43]", async () => {
  const cases: [Place[], unknown][] = [
    [
      ["path", "query", "body"],
      ["q", "b"],
    ],
    [
      ["body", "query"],
      ["b", "q"],
    ],
    [["query"], ["q"]],
    [[], []],
  ];
  for (const [order, expected] of cases) {
    const answer = await ask({ target: "/?a=q", headers: JSON_BODY, body: '{"a":"b"}' }, async (request) => {
      const params = await parameters(request, { order });
      return [params.all("a"), request.body.state];
    });
    assert.deepEqual(JSON.parse(answer.body), [expected, order.includes("body") ? "done" : "unread"], order.join());
  }
});

test("the list is made once for one question, and anew for another", async () => {
  const answer = await ask({ target: "/?a=1", headers: FORM, body: "a=2" }, async (request) => {
    const first = await parameters(request);
    const again = await parameters(request);
    const bound = await parameters(derive(request, { params: { id: "1" } }));
    const other = await parameters(request, { order: ["body"] });
    return [first === again, first === bound, bound.size, other.size];
  });
  assert.equal(answer.body, "[true,false,3,1]");
});

test("members of a JSON object are values as they are; a list or a text adds none, and is not lost", async () => {
  const sent = async (body: string): Promise<unknown> => {
    const answer = await ask({ target: "/?q=1", headers: JSON_BODY, body }, async (request) => [
      await pairs(request),
      await parse(request),
    ]);
    return JSON.parse(answer.body);
  };
  assert.deepEqual(await sent('{"n":1.5,"l":[1,2],"o":{"x":null},"b":true}'), [
    [
      ["q", "1"],
      ["n", 1.5],
      ["l", [1, 2]],
      ["o", { x: null }],
      ["b", true],
    ],
    { n: 1.5, l: [1, 2], o: { x: null }, b: true },
  ]);
  for (const body of ["[1,2]", '"text"', "7", "null"])
    assert.deepEqual(await sent(body), [[["q", "1"]], JSON.parse(body)]);
  assert.deepEqual(await sent('{"__proto__":{"x":1},"a":1}'), [
    [
      ["q", "1"],
      ["a", 1],
    ],
    { a: 1 },
  ]);
});

test("text and octets have no names", async () => {
  for (const type of ["text/plain", "application/octet-stream"]) {
    const answer = await ask({ target: "/?a=1", headers: { "Content-Type": type }, body: "b=2" }, (request) =>
      pairs(request),
    );
    assert.equal(answer.body, '[["a","1"]]');
  }
});

test("an object of one's own parser has names, one of a class has not", async () => {
  class Tea {
    readonly green = true;
  }
  const parsers = contentParsers()
    .set("text/x-tea", () => ({ green: true }))
    .set("text/x-pot", () => new Tea());
  const sent = async (type: string): Promise<unknown> => {
    const answer = await ask({ headers: { "Content-Type": type }, body: "x" }, async (request) =>
      (await parameters(request, { parsers })).entries(),
    );
    return JSON.parse(answer.body);
  };
  assert.deepEqual(await sent("text/x-tea"), [{ name: "green", value: true, source: "body" }]);
  assert.deepEqual(await sent("text/x-pot"), []);
});

test("what cannot be decoded is kept wherever it stands, or 400 where that is asked for", async () => {
  const parsers = contentParsers({ malformed: "refuse" });
  const strict = (request: Request) => pairs(request, { malformed: "refuse", parsers });
  for (const [sent, kept] of [
    [{ method: "GET", target: "/?a=100%" }, '[["a","100%"]]'],
    [{ method: "GET", target: "/?a=%ff" }, '[["a","\xef\xbf\xbd"]]'],
    [{ headers: FORM, body: "a=%zz+%41" }, '[["a","%zz A"]]'],
  ] as const) {
    assert.equal((await ask(sent, (request) => pairs(request))).body, kept);
    assert.equal((await ask(sent, strict)).status, 400);
  }
});

test("a query of as many pairs as a target can have is read", async () => {
  const target = `/?${"a&".repeat(4000)}`;
  const answer = await ask({ method: "GET", target }, (request) => [urlParameters(request).size]);
  assert.equal(answer.body, "[4000]");
});

test("the limit of a route holds", async () => {
  const sized = (limit: number) => (request: Request) => pairs(request, { limit });
  assert.equal((await ask({ headers: FORM, body: "a=12" }, sized(4))).status, 200);
  assert.equal((await ask({ headers: FORM, body: "a=123" }, sized(4))).status, 413);
  assert.equal((await ask({ headers: { "Content-Type": MULTIPART }, body: multipart([]) }, sized(4))).status, 413);
});

test("a body of a type that is not known is 415, unless bodies are not asked for", async () => {
  const headers = { "Content-Type": "image/png" };
  assert.equal((await ask({ headers, body: "x" }, (request) => pairs(request))).status, 415);
  assert.equal((await ask({ headers, body: "x" }, (request) => pairs(request, { order: ["query"] }))).status, 200);
});

test("a place that is none is a bug of the caller", async () => {
  const options = { order: ["cookie"] } as unknown as ParametersOptions;
  assert.throws(
    () => withParameters(() => "", options),
    (error) => error instanceof LocalError && error.code === "USE_BAD_OPTION",
  );
  assert.equal((await ask({ method: "GET" }, (request) => pairs(request, options))).status, 500);
});

test("where no body is read, a handler with parameters makes no promise", async () => {
  const handler = withParameters((_request, params) => json([...params]));
  const kinds: boolean[] = [];
  await using bench = loopback((request) => {
    const answer = handler(request);
    kinds.push(answer instanceof Promise);
    return answer;
  });
  const client = bench.connect();
  assert.equal((await client.exchange("GET /?a=1 HTTP/1.1\r\nHost: a\r\n\r\n")).body, '[["a","1"]]');
  assert.equal(
    (await client.exchange("POST /?a=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")).body,
    '[["a","1"]]',
  );
  const post = "POST /?a=1 HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx";
  assert.equal((await client.exchange(post)).body, '[["a","1"]]');
  assert.deepEqual(kinds, [false, false, true]);
});

test("a handler with parameters may answer anything, at once or later", async () => {
  // biome-ignore lint/suspicious/noThenProperty: what query builders return
  const query = { then: (done: (text: string) => void) => done("said") };
  for (const answer of [() => "said", async () => "said", () => text("said"), () => query]) {
    assert.equal((await ask({ method: "GET" }, withParameters(answer))).body, "said");
  }
});
