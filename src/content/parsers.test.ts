import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { ask, MULTIPART, multipart, type Sent, wire } from "../../test/fixtures/ask.ts";
import { HttpError, LocalError } from "../base/errors.ts";
import { ReceivedBody } from "../message/inbound.ts";
import { text } from "../message/reply.ts";
import { derive, type Request } from "../message/request.ts";
import { type Answer, loopback } from "../testing/index.ts";
import { bodyBytes } from "./octets.ts";
import { Params } from "./params.ts";
import { type ContentParser, type ContentParsers, contentParsers, form, parse } from "./parsers.ts";

/** What a body was parsed to, shown as its kind and its value. */
async function shown(request: Request, registry?: ContentParsers): Promise<unknown> {
  const value = await parse(request, registry);
  if (value === undefined) return ["nothing"];
  if (value instanceof Params)
    return ["params", [...value].map(([name, each]) => [name, typeof each === "string" ? each : "file"])];
  if (value instanceof Uint8Array) return ["octets", Buffer.from(value).toString("hex")];
  return [typeof value, value];
}

async function parsedAs(type: string | undefined, body: string | Uint8Array, sent: Sent = {}): Promise<unknown> {
  const headers = { ...(type !== undefined && { "Content-Type": type }), ...sent.headers };
  const answer = await ask({ ...sent, headers, body }, (request) => shown(request));
  return answer.status === 200 ? JSON.parse(Buffer.from(answer.body, "latin1").toString()) : answer.status;
}

test("a body is parsed by its media type: form, text, JSON, multipart, octets; repeated names stay [CH-20] [EL-39]", async () => {
  const cases: [type: string | undefined, body: string | Uint8Array, expected: unknown][] = [
    [
      "application/x-www-form-urlencoded",
      "a=1&a=2&b=+",
      [
        "params",
        [
          ["a", "1"],
          ["a", "2"],
          ["b", " "],
        ],
      ],
    ],
    ["text/plain", "Grüße", ["string", "Grüße"]],
    ["text/x-anything", "x", ["string", "x"]],
    ["application/json", '{"a":[1]}', ["object", { a: [1] }]],
    ["application/vnd.api+json", "[1]", ["object", [1]]],
    ["application/json", "null", ["object", null]],
    [
      MULTIPART,
      multipart([
        { name: "a", content: "1" },
        { name: "f", filename: "f", content: "2" },
      ]),
      [
        "params",
        [
          ["a", "1"],
          ["f", "file"],
        ],
      ],
    ],
    ["application/octet-stream", Buffer.from([0, 255]), ["octets", "00ff"]],
    [undefined, Buffer.from([1, 2]), ["octets", "0102"]],
  ];
  for (const framing of ["length", "chunked"] as const) {
    for (const [type, body, expected] of cases)
      assert.deepEqual(await parsedAs(type, body, { framing }), expected, type);
  }
});

test("parameters of the type are no matter in the look-up, nor its case [CH-19]", async () => {
  for (const type of ["TEXT/Plain", "text/plain; charset=utf-8", 'text/plain ;x="y;z"; Charset="UTF-8"']) {
    assert.deepEqual(await parsedAs(type, "é"), ["string", "é"], type);
  }
  assert.deepEqual(await parsedAs("application/json; charset=utf-8", "1"), ["number", 1]);
});

test("text is decoded in its charset, and one that is not known is 415", async () => {
  assert.deepEqual(await parsedAs("text/plain; charset=ISO-8859-1", Buffer.from([0xe9])), ["string", "é"]);
  assert.deepEqual(await parsedAs("text/plain; charset=us-ascii", "e"), ["string", "e"]);
  assert.equal(await parsedAs("text/plain; charset=us-ascii", "é"), 400);
  assert.equal(await parsedAs("text/plain; charset=utf-7", "e"), 415);
  assert.equal(await parsedAs("text/plain", Buffer.from([0xff])), 400);
});

test("a parser of one's own gets type, parameters and length, which a chunked body has not; value and octets are both there [CH-19] [CH-21]", async () => {
  const tea: ContentParser = async (request, { type, parameters, length, limit }) => {
    const octets = await bodyBytes(request, limit);
    return { type, strength: parameters.get("strength"), length: length ?? "unknown", text: String(octets) };
  };
  const parsers = contentParsers().set("Text/X-Tea", tea);
  assert.equal(parsers.get("text/x-tea"), tea);
  assert.equal(parsers.get("text/x-coffee"), undefined);
  const answer = (framing: "length" | "chunked"): Promise<Answer> =>
    ask({ headers: { "Content-Type": "text/x-tea; Strength=3" }, body: "green", framing }, async (request) => {
      const value = await parse(request, parsers);
      return [value, value === (await parse(request)), String(await bodyBytes(request))];
    });
  const seen = { type: "text/x-tea", strength: "3", text: "green" };
  assert.deepEqual(JSON.parse((await answer("length")).body), [{ ...seen, length: 5 }, true, "green"]);
  assert.deepEqual(JSON.parse((await answer("chunked")).body), [{ ...seen, length: "unknown" }, true, "green"]);
});

test("of several parsers the most particular is asked, and the last can be for all others [CH-20]", async () => {
  const named =
    (name: string): ContentParser =>
    () =>
      name;
  const parsers = contentParsers()
    .set("application/a+json", named("own"))
    .set("+xml", named("suffix"))
    .set("image/*", named("family"))
    .set("*/*", named("all"));
  const cases: [string, string][] = [
    ["application/a+json", "own"],
    ["image/svg+xml", "suffix"],
    ["image/png", "family"],
    ["application/pdf", "all"],
  ];
  for (const [type, name] of cases) assert.equal(parsers.find(type)?.({} as Request, {} as never), name, type);
  assert.equal(parsers.delete("*/*"), true);
  assert.equal(parsers.find("application/pdf"), undefined);
  const reads = contentParsers().set("*/*", async (request) => String(await bodyBytes(request)));
  const answer = await ask({ headers: { "Content-Type": "x/y" }, body: "plain" }, (request) => shown(request, reads));
  assert.equal(answer.body, '["string","plain"]');
});

test("what is no media type cannot be set", () => {
  for (const type of ["", "text", "text/", "/x", "*", "*/x", "text/plain; charset=utf-8", "a b/c", "text/**"]) {
    assert.throws(
      () => contentParsers().set(type, () => 0),
      (error) => error instanceof LocalError && error.code === "USE_BAD_OPTION",
      type,
    );
  }
});

test("a type without a parser is 415 and says which have one, before the client is told to go on [EL-39]", async () => {
  await using bench = loopback(async (request) => text(String(await parse(request))));
  for (const type of ["image/png", "nonsense", "a/b/c", "__proto__/x", "text"]) {
    const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n`;
    const answer = await bench.connect().exchange(head);
    assert.deepEqual([answer.status, answer.informational.length], [415, 0], type);
    assert.match(answer.headers.get("accept") ?? "", /application\/json, .*text\/\*/);
  }
});

test("a length beyond the limit is 413 before the client is told to go on, whatever the type", async () => {
  await using bench = loopback(async (request) => text(String(await parse(request, undefined, { limit: 8 }))));
  for (const type of [
    "text/plain",
    "application/json",
    "application/x-www-form-urlencoded",
    MULTIPART,
    "application/octet-stream",
  ]) {
    const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n`;
    const answer = await bench.connect().exchange(head);
    assert.deepEqual([answer.status, answer.informational.length], [413, 0], type);
  }
});

test("a content coding is undone before the parser, and bounded", async () => {
  const headers = { "Content-Encoding": "gzip" };
  assert.deepEqual(await parsedAs("application/json", gzipSync('{"a":1}'), { headers }), ["object", { a: 1 }]);
  assert.deepEqual(await parsedAs(MULTIPART, gzipSync(multipart([{ name: "a", content: "1" }])), { headers }), [
    "params",
    [["a", "1"]],
  ]);
  assert.equal(await parsedAs("application/json", gzipSync(`"${" ".repeat(2_000_000)}"`), { headers }), 413);
  assert.equal(await parsedAs("text/plain", gzipSync("x").subarray(0, 12), { headers }), 400);
  assert.equal(await parsedAs("text/plain", "x", { headers: { "Content-Encoding": "zip" } }), 415);
});

test("an empty body was what its type said of it: it is nothing, and none of that is asked for or refused", async () => {
  const types = [undefined, "text/plain", "application/x-www-form-urlencoded", "application/octet-stream"];
  types.push("application/json", MULTIPART, "multipart/form-data", "image/png", "x", "text/plain; charset=utf-7");
  for (const framing of ["length", "chunked"] as const) {
    for (const type of types) {
      for (const headers of [{}, { "Content-Encoding": "gzip" }, { "Content-Encoding": "zip" }]) {
        assert.deepEqual(await parsedAs(type, "", { framing, headers }), ["nothing"], `${type} ${framing}`);
      }
    }
  }
  for (const type of types) {
    const headers = type === undefined ? {} : { "Content-Type": type };
    assert.equal((await ask({ method: "DELETE", headers }, (request) => shown(request))).body, '["nothing"]', type);
  }
});

test("a coded body that becomes nothing is content", async () => {
  const headers = { "Content-Encoding": "gzip" };
  assert.deepEqual(await parsedAs("text/plain", gzipSync(""), { headers }), ["string", ""]);
  assert.equal(await parsedAs("application/json", gzipSync(""), { headers }), 400);
});

test("a charset said how JSON is read, and other readers of JSON knew of none: it is UTF-8", async () => {
  for (const charset of ["iso-8859-1", "utf-16", "x"]) {
    assert.deepEqual(await parsedAs(`application/json; charset=${charset}`, '"é"'), ["string", "é"]);
    assert.equal(await parsedAs(`application/json; charset=${charset}`, Buffer.from([0x22, 0xe9, 0x22])), 400);
  }
});

test("the content of GET and HEAD is not read", async () => {
  const answer = await ask({ method: "GET", headers: { "Content-Type": "application/json" }, body: "{" }, (request) =>
    shown(request),
  );
  assert.equal(answer.body, '["nothing"]');
});

test("a body that is malformed is 400, with what may be told of it", async () => {
  const cases: [string, string | Uint8Array, string][] = [
    ["application/json", "{", "HTTP_BAD_JSON"],
    ["application/json", "[".repeat(1000), "HTTP_BAD_JSON"],
    ["application/json", Buffer.from([0x22, 0xff, 0x22]), "HTTP_BAD_TEXT"],
    ["application/x-www-form-urlencoded", "a=%", "HTTP_BAD_PARAMETER"],
    ["application/x-www-form-urlencoded", "a=%ff", "HTTP_BAD_PARAMETER"],
    ["application/x-www-form-urlencoded", Buffer.from([0x61, 0x3d, 0xff]), "HTTP_BAD_TEXT"],
    [MULTIPART, "--x", "HTTP_BAD_MULTIPART"],
  ];
  const strict = contentParsers({ malformed: "refuse" });
  for (const [type, body, code] of cases) {
    let thrown: unknown;
    const answer = await ask({ headers: { "Content-Type": type }, body }, async (request) => {
      thrown = await parse(request, strict).catch((error: unknown) => error);
      throw thrown;
    });
    assert.ok(thrown instanceof HttpError);
    assert.deepEqual([answer.status, thrown.code], [400, code], `${type} ${String(body).slice(0, 9)}`);
  }
});

test("options of the registry hold: depth, pairs, what is malformed, limits of multipart", async () => {
  const parsers = contentParsers({ depth: 1, pairs: 1, malformed: "refuse", multipart: { files: 0 } });
  const sent = async (type: string, body: string | Uint8Array): Promise<unknown> => {
    const answer = await ask({ headers: { "Content-Type": type }, body }, (request) => shown(request, parsers));
    return answer.status === 200 ? JSON.parse(answer.body) : answer.status;
  };
  assert.equal(await sent("application/json", "[[]]"), 400);
  assert.equal(await sent("application/x-www-form-urlencoded", "a&b"), 413);
  assert.equal(await sent("application/x-www-form-urlencoded", "a=100%"), 400);
  assert.equal(await sent(MULTIPART, multipart([{ name: "f", filename: "f", content: "" }])), 413);
});

test("the default parser reads text, where it is to: of every type without one [CH-20]", async () => {
  const registry = contentParsers({ otherContent: "text" });
  const bytes = Buffer.from([0x61, 0xff, 0x00]);
  const cases: readonly (readonly [type: string | undefined, body: string | Uint8Array, value: unknown])[] = [
    [
      "application/x-www-form-urlencoded",
      "a=1&b=2&a=3",
      [
        "params",
        [
          ["a", "1"],
          ["b", "2"],
          ["a", "3"],
        ],
      ],
    ],
    ["text/plain", "the text", "the text"],
    ["text/html; charset=iso-8859-1", Buffer.from([0xe9]), "\u00e9"],
    ["application/x-tea", "green", "green"],
    ["image/svg+xml", "<svg/>", "<svg/>"],
    ["application/octet-stream", "octets", "octets"],
    [undefined, "no type", "no type"],
    ["application/x-tea", "t\u00e9", "t\u00e9"],
    ["application/x-tea", bytes, "a\u00ff\u0000"],
    ["application/x-tea; charset=iso-8859-1", Buffer.from([0xe9]), "\u00e9"],
    ["application/json", "[1]", [1]],
  ];
  for (const [type, body, value] of cases) {
    const headers = type === undefined ? {} : { "Content-Type": type };
    const answer = await ask({ headers, body }, async (request) => show(await parse(request, registry)));
    assert.equal(answer.status, 200, String(type));
    assert.deepEqual(JSON.parse(Buffer.from(answer.body, "latin1").toString()), { value }, String(type));
  }
  const unknown = { "Content-Type": "a/b; charset=none" };
  assert.equal(
    (await ask({ headers: unknown, body: "x" }, async (request) => show(await parse(request, registry)))).status,
    415,
  );
  assert.equal(await parsedAs("a/b", "x"), 415);
});

function show(value: unknown): object {
  return { value: value instanceof Params ? ["params", [...value]] : value };
}

test("what failed once fails again in the same way, and nothing is read twice", async () => {
  await ask({ headers: { "Content-Type": "application/json" }, body: "{" }, async (request) => {
    const first = await parse(request).catch((error: unknown) => error);
    assert.equal(await parse(request).catch((error: unknown) => error), first);
    return "";
  });
});

test("what is kept belongs to a body: another one, behind middleware, is parsed for itself", async () => {
  const answer = await ask({ headers: { "Content-Type": "text/plain" }, body: "outer" }, async (request) => {
    const outer = await parse(request);
    const inner = derive(request, { body: replaced("inner") });
    const found = [outer, await parse(inner), String(await bodyBytes(inner))];
    const coded = derive(request, { headers: { "Content-Encoding": "gzip" }, body: replaced(gzipSync("decoded")) });
    found.push(String(await bodyBytes(coded)), String(await bodyBytes(coded)));
    return found;
  });
  assert.deepEqual(JSON.parse(answer.body), ["outer", "inner", "inner", "decoded", "decoded"]);
});

function replaced(octets: string | Uint8Array): ReceivedBody {
  const body = new ReceivedBody(undefined, { bodyBytes: 100, wanted() {}, room() {}, unwanted() {} });
  body.feed(Buffer.from(octets));
  body.end(null);
  return body;
}

test("two requests without content have nothing in common", async () => {
  await using bench = loopback(async (request) => text(JSON.stringify(await shown(request))));
  const client = bench.connect();
  const sent = (type: string): Buffer => wire({ headers: { "Content-Type": type }, body: "" });
  assert.equal((await client.send(sent("text/plain")).answer("POST")).body, '["nothing"]');
  const some = wire({ headers: { "Content-Type": "text/plain" }, body: "a" });
  assert.equal((await client.send(some).answer("POST")).body, '["string","a"]');
  assert.equal((await client.send(sent("application/octet-stream")).answer("POST")).body, '["nothing"]');
});

test("form() reads forms of both types, and nothing else", async () => {
  const read = async (type: string, body: string | Uint8Array): Promise<Answer> =>
    ask({ headers: { "Content-Type": type }, body }, async (request) => {
      const sent = await form(request);
      return [sent.require("a"), sent.get("none", "fallback")];
    });
  assert.equal((await read("application/x-www-form-urlencoded", "a=1")).body, '["1","fallback"]');
  assert.equal((await read(MULTIPART, multipart([{ name: "a", content: "1" }]))).body, '["1","fallback"]');
  for (const type of ["application/json", "text/plain", "x"]) {
    const answer = await read(type, '{"a":1}');
    assert.deepEqual(
      [answer.status, answer.headers.get("accept")],
      [415, "application/x-www-form-urlencoded, multipart/form-data"],
    );
  }
  assert.equal((await read("application/x-www-form-urlencoded", "b=1")).status, 400);
  // A form in which nothing is filled in is sent as nothing, and nothing has no type.
  for (const type of ["application/x-www-form-urlencoded", MULTIPART, "application/json", "x"]) {
    for (const framing of ["length", "chunked"] as const) {
      const sent: Sent = { headers: { "Content-Type": type }, body: "", framing };
      assert.equal((await ask(sent, async (request) => (await form(request)).size)).body, "0", type);
    }
  }
});
