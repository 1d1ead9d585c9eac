// Parameters everywhere: in the path, in the query, in forms of both kinds, in JSON, in a type of one's own; whole, and octet by
// octet. Scenario 4.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bodyBytes,
  type ContentParser,
  contentParsers,
  type ParametersOptions,
  parameters,
  parse,
  problemPage,
  type UploadedFile,
  urlParameters,
  withParameters,
} from "../../src/content/index.ts";
import type { Handler } from "../../src/message/handler.ts";
import { json, text } from "../../src/message/reply.ts";
import { mux } from "../../src/route/index.ts";
import { createServer } from "../../src/server/index.ts";
import { type Answer, loopback } from "../../src/testing/index.ts";
import type { Listener } from "../../src/transport/index.ts";
import { MULTIPART, multipart, type Sent, wire } from "../fixtures/ask.ts";
import "./strays.ts";

const FORM = { "Content-Type": "application/x-www-form-urlencoded" };
const JSON_BODY = { "Content-Type": "application/json" };

/** Sends a request whole and octet by octet; both answers must be the same. */
async function both(handler: Handler, sent: Sent): Promise<Answer> {
  await using bench = loopback(handler, { errorPage: problemPage });
  const octets = wire(sent);
  const whole = await bench
    .connect()
    .send(octets)
    .answer(sent.method ?? "POST");
  const client = bench.connect();
  for (const octet of octets) {
    client.send(Uint8Array.of(octet));
    if (octet === 0x0a) await bench.settled();
  }
  const cut = await client.answer(sent.method ?? "POST");
  assert.deepEqual([cut.status, cut.body], [whole.status, whole.body]);
  return whole;
}

/** The body of both, as JSON. */
async function shown(handler: Handler, sent: Sent): Promise<unknown> {
  const answer = await both(handler, sent);
  assert.equal(answer.status, 200, answer.body);
  return JSON.parse(Buffer.from(answer.body, "latin1").toString());
}

const tea: ContentParser = async (request, { limit }) => ({
  a: String(await bodyBytes(request, limit)).slice("tea:".length),
});
const TEA: ParametersOptions = { parsers: contentParsers().set("text/x-tea", tea) };

/** All that is asked in the merge example, twice. */
const merge: Handler = async (request) => {
  const params = await parameters(request, TEA);
  const again = await parameters(request, TEA);
  return json([params.value("a"), params.value("x"), params.names(), again === params, request.body.state]);
};

const MERGED: [what: string, sent: Sent, names: string[]][] = [
  ["urlencoded", { headers: FORM, body: "a=c" }, ["a", "x"]],
  [
    "multipart with a file",
    {
      headers: { "Content-Type": MULTIPART },
      body: multipart([
        { name: "a", content: "c" },
        { name: "file", filename: "f.txt", content: "content" },
      ]),
    },
    ["a", "x", "file"],
  ],
  ["JSON", { headers: JSON_BODY, body: '{"a":"c"}' }, ["a", "x"]],
  ["a type of one's own", { headers: { "Content-Type": "text/x-tea" }, body: "tea:c" }, ["a", "x"]],
];

for (const [what, sent, names] of MERGED) {
  test(`a=b and x=y in the URL, a=c in the body, ${what}: a is b and c, x is y, and nothing is read twice [EL-17] [EL-39]`, async () => {
    for (const framing of ["length", "chunked"] as const) {
      assert.deepEqual(await shown(merge, { target: "/?a=b&x=y", framing, ...sent }), [
        ["b", "c"],
        "y",
        names,
        true,
        "done",
      ]);
    }
  });
}

test("of a GET the parameters are those of the URL, whatever is in its body [EL-17]", async () => {
  const sent: Sent = { method: "GET", target: "/?a=b&x=y", headers: FORM, body: "a=c" };
  const [a, x] = (await shown(merge, sent)) as unknown[];
  assert.deepEqual([a, x], ["b", "y"]);
});

test("text, octets and what has no names arrive parsed beside the parameters of the URL [EL-39] [HS-43]", async () => {
  const handler: Handler = async (request) => {
    const params = await parameters(request);
    const value = await parse(request);
    return json([[...params], value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value]);
  };
  const cases: [type: string, body: string, value: unknown][] = [
    ["text/plain", "Grüße", "Grüße"],
    ["application/octet-stream", "\u0000\u0001", "0001"],
    ["application/json", "[1,[2]]", [1, [2]]],
    ["application/json", "7", 7],
  ];
  for (const [type, body, value] of cases) {
    assert.deepEqual(await shown(handler, { target: "/?a=b", headers: { "Content-Type": type }, body }), [
      [["a", "b"]],
      value,
    ]);
  }
});

test("a file is a parameter like any other, with its name, its type and its octets [EL-39]", async () => {
  const handler: Handler = async (request) => {
    const params = await parameters(request);
    const file = params.require("file") as UploadedFile;
    return json([file.filename, file.type, await file.text(), params.entries().map(({ source }) => source)]);
  };
  const body = multipart([
    { name: "note", content: "n" },
    { name: "file", filename: "ä.txt", type: "text/plain", content: "Grüße" },
  ]);
  const sent: Sent = { target: "/?q=1", headers: { "Content-Type": MULTIPART }, body };
  assert.deepEqual(await shown(handler, sent), ["ä.txt", "text/plain", "Grüße", ["query", "form", "form"]]);
});

test("queries and forms are decoded by the same rules: table [EL-19] [HS-13]", async () => {
  const handler: Handler = async (request) => json([...(await parameters(request))]);
  const cases: [text: string, pairs: [string, string][]][] = [
    [
      "p=10&a+c=20&d=x+y&z=this%20is%09me+and%20this",
      [
        ["p", "10"],
        ["a c", "20"],
        ["d", "x y"],
        ["z", "this is\tme and this"],
      ],
    ],
    [
      "a&b=",
      [
        ["a", ""],
        ["b", ""],
      ],
    ],
    ["", []],
    ["&", []],
    ["a=b=c", [["a", "b=c"]]],
    ["a=%0A%09", [["a", "\n\t"]]],
    [
      "a=x%20y&n=007&f=1.50",
      [
        ["a", "x y"],
        ["n", "007"],
        ["f", "1.50"],
      ],
    ],
    [
      "__proto__=x&constructor=y",
      [
        ["__proto__", "x"],
        ["constructor", "y"],
      ],
    ],
  ];
  for (const [form, pairs] of cases) {
    assert.deepEqual(await shown(handler, { method: "GET", target: `/?${form}` }), pairs, form);
    assert.deepEqual(await shown(handler, { headers: FORM, body: form }), pairs, form);
  }
});

test("what was sent is there beside what it means [EL-19]", async () => {
  const handler: Handler = (request) =>
    json(
      urlParameters(request)
        .entries()
        .map(({ name, value, raw }) => [name, value, raw]),
    );
  assert.deepEqual(await shown(handler, { method: "GET", target: "/?a&b=&c=x%20y" }), [
    ["a", "", null],
    ["b", "", ""],
    ["c", "x y", "x%20y"],
  ]);
});

test("a malformed percent sequence stands as it was sent; strict, it is 400 with the parameter's name, and the server lives on [EL-19]", async () => {
  const lax: Handler = async (request) => json([...(await parameters(request))]);
  await using kept = loopback(lax);
  for (const [bad, read] of [
    ["%", "%"],
    ["100%zz%41", "100%zzA"],
    ["%ff", "\xef\xbf\xbd"],
  ] as const) {
    for (const sent of [
      { method: "GET", target: `/?a=${bad}` },
      { headers: FORM, body: `a=${bad}` },
    ]) {
      const answer = await kept.connect().send(wire(sent)).answer();
      assert.deepEqual([answer.status, JSON.parse(answer.body)], [200, [["a", read]]]);
    }
  }
  const strict = { malformed: "refuse", parsers: contentParsers({ malformed: "refuse" }) } as const;
  const handler: Handler = async (request) => json([...(await parameters(request, strict))]);
  await using bench = loopback(handler, { errorPage: problemPage });
  const client = bench.connect();
  const headers = { Accept: "application/json" };
  for (const [bad, reason] of [
    ["%", "has a malformed percent sequence"],
    ["%ff", "is not valid UTF-8"],
  ] as const) {
    for (const sent of [
      { method: "GET", target: `/?x=1&a=${bad}`, headers },
      { headers: { ...FORM, ...headers }, body: `x=1&a=${bad}` },
    ]) {
      const answer = await client.send(wire(sent)).answer(sent.method ?? "POST");
      assert.equal(answer.status, 400);
      assert.deepEqual(JSON.parse(answer.body).issues, [{ parameter: "a", reason }]);
    }
  }
  assert.equal((await client.send(wire({ method: "GET", target: "/?a=1" })).answer()).body, '[["a","1"]]');
});

test("one parameter: missing, with a default, of several values, and one that has to be there [EL-18] [HS-14]", async () => {
  const handler: Handler = async (request) => {
    const params = await parameters(request);
    if (request.path === "/strict") return text(String(params.require("z")));
    return json([
      params.get("z") ?? "undefined",
      params.get("z", "fallback"),
      params.value("a"),
      params.all("a"),
      params.get("a"),
      params.value("x", "fallback"),
    ]);
  };
  assert.deepEqual(await shown(handler, { target: "/?a=1&x=9", headers: FORM, body: "a=2" }), [
    "undefined",
    "fallback",
    ["1", "2"],
    ["1", "2"],
    "1",
    "9",
  ]);
  const answer = await both(handler, { target: "/strict?a=1", headers: { Accept: "application/json" }, body: "" });
  assert.equal(answer.status, 400);
  assert.deepEqual(JSON.parse(answer.body), {
    type: "about:blank",
    title: "Bad Request",
    status: 400,
    detail: 'The parameter "z" is missing.',
    issues: [{ parameter: "z", reason: "is missing" }],
  });
});

test("a filter by name leaves those of that name [EL-17]", async () => {
  const handler: Handler = async (request) => json([...(await parameters(request)).only("a", "y")]);
  assert.deepEqual(await shown(handler, { target: "/?a=1&x=2&y=3", headers: FORM, body: "a=4&x=5" }), [
    ["a", "1"],
    ["y", "3"],
    ["a", "4"],
  ]);
});

test("a handler gets its parameters as a list of pairs in order: of the query, or of the body [CH-31] [CH-20]", async () => {
  const handler = withParameters((_request, params) => json([...params]));
  assert.deepEqual(await shown(handler, { method: "GET", target: "/x?a=1&a=2" }), [
    ["a", "1"],
    ["a", "2"],
  ]);
  assert.deepEqual(await shown(handler, { target: "/x", headers: FORM, body: "b=1&a=2&b=3" }), [
    ["b", "1"],
    ["a", "2"],
    ["b", "3"],
  ]);
});

test("members of JSON keep their types, come first where that is asked for, and what is no JSON is 400 [HS-43]", async () => {
  const handler: Handler = async (request) => {
    const params = await parameters(request, { order: ["body", "query"] });
    return json([params.get("age"), typeof params.get("age"), params.text("age"), params.get("a")]);
  };
  assert.deepEqual(await shown(handler, { target: "/?a=q&age=1", headers: JSON_BODY, body: '{"age":42,"a":"b"}' }), [
    42,
    "number",
    "42",
    "b",
  ]);
  await using bench = loopback(handler);
  const client = bench.connect();
  for (const body of ["{", " ", "{'a':1}", "[".repeat(10_000), '{"a":"\\ud800', "\u00ff"]) {
    const answer = await client.send(wire({ headers: JSON_BODY, body: Buffer.from(body, "latin1") })).answer("POST");
    assert.equal(answer.status, 400, body);
    assert.doesNotMatch(answer.body, /SyntaxError|position| at /);
  }
  assert.equal((await client.send(wire({ headers: JSON_BODY, body: '{"age":1}' })).answer("POST")).status, 200);
});

test("captures of a route are parameters, and come before those of query and body [EL-17]", async () => {
  const routes = mux().on("POST /board/{id}/{name...}", async (request) => json([...(await parameters(request))]));
  const sent: Sent = { target: "/board/a%20b/c/d?id=q", headers: FORM, body: "id=f" };
  assert.deepEqual(await shown(routes.handler, sent), [
    ["id", "a b"],
    ["name", "c/d"],
    ["id", "q"],
    ["id", "f"],
  ]);
});

test("over a socket, with the platform's own client, the merge example is the same [EL-17]", async () => {
  const server = createServer(merge);
  const [{ address }] = (await server.listen(0)) as [Listener];
  const url = `http://127.0.0.1:${(address as { port: number }).port}/?a=b&x=y`;
  const form = new FormData();
  form.append("a", "c");
  form.append("file", new Blob(["content"]), "f.txt");
  try {
    const bodies: [string | FormData | URLSearchParams, Record<string, string>][] = [
      [new URLSearchParams({ a: "c" }), {}],
      [form, {}],
      ['{"a":"c"}', JSON_BODY],
      ["tea:c", { "Content-Type": "text/x-tea" }],
    ];
    for (const [body, headers] of bodies) {
      const answer = await fetch(url, { method: "POST", body, headers });
      const [a, x, , once, state] = (await answer.json()) as unknown[];
      assert.deepEqual([a, x, once, state], [["b", "c"], "y", true, "done"]);
    }
  } finally {
    await server.close({ mode: "abort" });
  }
});
